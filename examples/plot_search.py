"""
Grid search over width and learning rate
========================================

``GridSearchCV`` can search every parameter of the network, here its width and learning rate. All
fits of the same width share traces, so the search takes seconds. The plot shows that the learning
rate matters more than the width.
"""

# %%

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV

from keras_multiclass import KerasMulticlassClassifier

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "vehicle.csv")
y = X.pop("vehicle")
widths = [(8,), (32,), (128,), (128, 128)]
rates = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]
search = GridSearchCV(
    KerasMulticlassClassifier("mlp", epochs=15, random_state=0),
    {"backbone__hidden_units": widths, "optimizer__learning_rate": rates},
    cv=3,
    scoring="accuracy",
).fit(X, y)
print("best:", search.best_params_, f"accuracy {search.best_score_:.3f}")

# %%
# Rows are widths, columns are learning rates.

scores = np.array(search.cv_results_["mean_test_score"]).reshape(len(widths), len(rates))
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
image = ax.imshow(scores, cmap="viridis", aspect="auto")
for (row, column), score in np.ndenumerate(scores):
    shade = "white" if score < (scores.min() + scores.max()) / 2 else "black"
    ax.text(column, row, f"{score:.2f}", ha="center", va="center", color=shade)
ax.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
ax.set_yticks(range(len(widths)), [" + ".join(map(str, width)) for width in widths])
ax.set(xlabel="learning rate", ylabel="hidden units", title="cross-validated accuracy")
figure.colorbar(image)
plt.show()
