"""
Plots for many classes
======================

The table has thirty-five categorical observations of diseased soybean plants, many of them missing,
and nineteen diseases, some with fewer than twenty cases. Nineteen colored curves would be
unreadable; what matters is which diseases are hard to distinguish.
"""

# %%

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import (
    ClassificationReport,
    PerClassDisplay,
    PrecisionRecallCurvesDisplay,
)

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "soybean.csv", dtype="str")
y = X.pop("target")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
classifier = KerasMulticlassClassifier(random_state=0).fit(X_train, y_train)
report = ClassificationReport.from_estimator(classifier, X_test, y_test)
print(report)

# %%
# Most diseases are always recognized:

PerClassDisplay.from_estimator(classifier, X_test, y_test)
plt.show()

# %%
# Only the curves of the worst classes are colored and named; the rest are gray.

PrecisionRecallCurvesDisplay.from_estimator(classifier, X_test, y_test)
plt.show()
