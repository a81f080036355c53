"""
Per-class evaluation: vehicle silhouettes
=========================================

A single score hides the strengths of a classifier. Four kinds of vehicles are classified by 18
measurements of their silhouettes. The accuracy is fair, but the per-class report shows that buses
and vans are nearly always correct while the two cars are confused with each other.
"""

# %%
# Fit on 70 % of the rows; labels are strings.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import ClassificationReport, PerClassDisplay

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "vehicle.csv")
y = X.pop("vehicle")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
classifier = KerasMulticlassClassifier(random_state=0).fit(X_train, y_train)

# %%
# All scores, and the most confused pairs of classes:

report = ClassificationReport.from_estimator(classifier, X_test, y_test)
print(report)

# %%
# The confusion matrix, with scikit-learn:

ConfusionMatrixDisplay.from_estimator(
    classifier, X_test, y_test, normalize="true", values_format=".2f", cmap="Blues"
).ax_.set_title("fraction of each true class")
plt.show()

# %%
# Per-class scores, the best class first:

PerClassDisplay.from_estimator(classifier, X_test, y_test)
plt.show()
