"""
A table judged class by class
=============================

The figures of the tour. Teaches how to see which classes a classifier knows, which it takes for
each other, and how its training went. The table is real and small, with names, numbers and gaps;
see :doc:`/example-data` for its source, and :doc:`/tour` for the steps in words. Needs pandas and
matplotlib.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import (
    ClassificationReport,
    PerClassDisplay,
    TrainingHistoryDisplay,
)

trees = pd.read_csv(Path(sys.argv[0]).resolve().parent / "data" / "eucalyptus.csv")
y = trees.pop("target")
X_train, X_test, y_train, y_test = train_test_split(
    trees, y, test_size=0.3, stratify=y, random_state=0
)

# %%
# All numbers
# -----------
# How useful is a tree for soil conservation? The table goes in as it is.

classifier = KerasMulticlassClassifier(random_state=0).fit(X_train, y_train)
report = ClassificationReport.from_estimator(classifier, X_test, y_test)
print(report)

# %%
# Which classes are known
# -----------------------
# Precision, recall and F1 of each class, with their means as dashed lines. The useless trees are
# found; the average ones are the hardest.

PerClassDisplay.from_estimator(classifier, X_test, y_test)

# %%
# Which are taken for each other
# ------------------------------
# The classes are grades, and the mistakes are mostly made between neighbours.

# sphinx_gallery_thumbnail_number = 2
grades = ["none", "low", "average", "good", "best"]
ConfusionMatrixDisplay.from_estimator(
    classifier,
    X_test,
    y_test,
    labels=grades,
    normalize="true",
    values_format=".2f",
    cmap="Blues",
)

# %%
# How training went
# -----------------
# With rows that are held out, the epochs can be watched, and the best one is gone back to.

watched = KerasMulticlassClassifier(
    backbone="mlp",
    backbone__hidden_units=(64, 32),
    early_stopping=10,
    metrics=["macro_f1"],
    epochs=60,
    random_state=0,
).fit(X_train, y_train)
TrainingHistoryDisplay.from_estimator(watched)

plt.show()
