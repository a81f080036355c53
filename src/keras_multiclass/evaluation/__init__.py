"""Reports, displays and splits that evaluate any scikit-learn classifier, class by class."""

from keras_multiclass.evaluation._bins import ReliabilityCurve
from keras_multiclass.evaluation._cross_validation import (
    CrossValidatedReport,
    cross_validated_report,
)
from keras_multiclass.evaluation._curves import (
    Curve,
    PrecisionRecallCurvesDisplay,
    RocCurvesDisplay,
)
from keras_multiclass.evaluation._history import TrainingHistoryDisplay
from keras_multiclass.evaluation._multilabel_report import MultilabelReport
from keras_multiclass.evaluation._multilabel_splitter import MultilabelStratifiedKFold
from keras_multiclass.evaluation._per_class import PerClassDisplay
from keras_multiclass.evaluation._reliability import ReliabilityDisplay
from keras_multiclass.evaluation._report import ClassificationReport, ConfusedPair

__all__ = [
    "ClassificationReport",
    "ConfusedPair",
    "CrossValidatedReport",
    "Curve",
    "MultilabelReport",
    "MultilabelStratifiedKFold",
    "PerClassDisplay",
    "PrecisionRecallCurvesDisplay",
    "ReliabilityCurve",
    "ReliabilityDisplay",
    "RocCurvesDisplay",
    "TrainingHistoryDisplay",
    "cross_validated_report",
]
