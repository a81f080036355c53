"""How well a fitted classifier does, class by class; for every scikit-learn classifier."""

from keras_multiclass.evaluation._cross_validation import (
    CrossValidatedReport,
    cross_validated_report,
)
from keras_multiclass.evaluation._report import ClassificationReport, ConfusedPair

__all__ = [
    "ClassificationReport",
    "ConfusedPair",
    "CrossValidatedReport",
    "cross_validated_report",
]
