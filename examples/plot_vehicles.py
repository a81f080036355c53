"""
Which classes fail: vehicles by their silhouettes
=================================================

One number hides what a classifier is good at. Here four kinds of vehicles are told apart by 18
measures of their silhouettes. The accuracy looks fair; the report for each class shows that vans
and buses are nearly always right and that the two cars are taken for each other.
"""

# %%
# Fit on 70 % of the rows; the labels are words and stay words.

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
# Every measure for every class, and the pairs that are confused most:

report = ClassificationReport.from_estimator(classifier, X_test, y_test)
print(report)

# %%
# The confusion matrix is scikit-learn's own.

ConfusionMatrixDisplay.from_estimator(
    classifier, X_test, y_test, normalize="true", values_format=".2f", cmap="Blues"
).ax_.set_title("share of each true class")
plt.show()

# %%
# The scores of each class, the best class first:

PerClassDisplay.from_estimator(classifier, X_test, y_test)
plt.show()
