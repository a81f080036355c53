"""
Raw tables: numbers, categories and missing values
==================================================

How useful is a eucalyptus seedlot for a site? The table contains numbers such as height and
rainfall, categories such as locality and species, and 448 missing values. It needs no
preprocessing: categories are encoded, missing values are imputed and flagged, and numbers are
scaled, all inside the network. The plot shows which columns matter.
"""

# %%
# Fit directly on the raw table.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import Patch
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "eucalyptus.csv")
y = X.pop("target")
print(X.dtypes.value_counts().to_string())
print("missing values:", int(X.isna().sum().sum()))

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
classifier = KerasMulticlassClassifier(random_state=0).fit(X_train, y_train)
print(f"accuracy {classifier.score(X_test, y_test):.2f} for classes", *classifier.classes_)

# %%
# Inputs of the backbone: numbers, their missing-value indicators, and one-hot columns for the
# categories.

print(*classifier.network_feature_names_, sep=", ")

# %%
# Permutation importance: the drop in test accuracy when a column is shuffled. The vigor of the
# trees ("Vig") matters most, then their survival ("Surv") and size ("Ht", "DBH").

importance = permutation_importance(classifier, X_test, y_test, n_repeats=10, random_state=0)
order = importance.importances_mean.argsort()
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.barh(
    X.columns[order],
    importance.importances_mean[order],
    xerr=importance.importances_std[order],
    color=["tab:orange" if X[name].isna().any() else "tab:blue" for name in X.columns[order]],
)
ax.set(xlabel="drop in accuracy when shuffled", title="Permutation importance")
kinds = {"complete column": "tab:blue", "column with missing values": "tab:orange"}
ax.legend(
    handles=[Patch(color=color, label=name) for name, color in kinds.items()],
    loc="lower right",
    frameon=False,
)
plt.show()
