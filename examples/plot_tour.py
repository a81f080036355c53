"""
Per-class evaluation of a table
===============================

The figures of the tour: which classes are predicted well, which are confused, and how training
progressed. The data set is small and real, with strings, numbers and missing values; see
:doc:`/example-data` for its source and :doc:`/tour` for explanations. Requires pandas and
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
# Report
# ------
# How useful is a tree for soil conservation? The raw table needs no preprocessing.

classifier = KerasMulticlassClassifier(random_state=0).fit(X_train, y_train)
report = ClassificationReport.from_estimator(classifier, X_test, y_test)
print(report)

# %%
# Per-class scores
# ----------------
# Precision, recall and F1 of each class, with means as dashed lines. Useless trees are recognized
# well; average trees are the hardest.

PerClassDisplay.from_estimator(classifier, X_test, y_test)

# %%
# Confusion matrix
# ----------------
# The classes are grades, and most errors are between neighboring grades.

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
# Training history
# ----------------
# With validation rows, early stopping restores the best epoch.

perceptron = KerasMulticlassClassifier(
    backbone="mlp",
    backbone__hidden_units=(64, 32),
    early_stopping=10,
    metrics=["macro_f1"],
    epochs=60,
    random_state=0,
).fit(X_train, y_train)
TrainingHistoryDisplay.from_estimator(perceptron)

plt.show()
