"""What a classifier predicts: one class for each row, or any number of labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_multiclass._data.labels.incremental import IncrementalIndicator, IncrementalLabels
from keras_multiclass._data.labels.indicator import IndicatorCodec
from keras_multiclass._data.labels.soft import SoftLabelCodec, learn_classes
from keras_multiclass._data.labels.target import IncrementalTarget, TargetCodec, Weighting
from keras_multiclass._network.objective import ClassObjective, LabelObjective, Objective
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._training.thresholds import DEFAULT, given_thresholds

__all__ = ["MULTICLASS", "MULTILABEL", "Task"]


@dataclass(frozen=True)
class Task:
    """The two objects that know the difference: one for the data, one for the network.

    Attributes
    ----------
    learn : callable
        Returns the codec of a target, which encodes it, weighs and splits its rows, and the encoded
        target; takes the declared classes, and the codec of earlier data.
    incremental : callable
        Returns what learns the codec from the batches of a stream.
    objective_of : callable
        Returns the objective for a codec and a weighting: the output layer, loss, metrics and
        predictions that fit.
    thresholds_of : callable
        Returns the thresholds that the parameter `threshold` gives for a number of labels.
    any_objective : Objective
        An objective of some classes, to check parameters before data are read.
    balanced_cure : str
        How to compute what ``class_weight="balanced"`` stands for, for error messages.
    """

    learn: Callable[..., tuple[TargetCodec, np.ndarray]]
    incremental: Callable[[], IncrementalTarget]
    objective_of: Callable[[TargetCodec, Weighting], Objective]
    thresholds_of: Callable[[object, int], np.ndarray | None]
    any_objective: Objective
    balanced_cure: str


def _of_classes(codec: TargetCodec, weighting: Weighting) -> ClassObjective:
    soft = isinstance(codec, SoftLabelCodec)
    return ClassObjective(codec.n_classes, codec.class_names, soft=soft)


def _of_labels(codec: TargetCodec, weighting: Weighting) -> LabelObjective:
    weights = None
    if weighting.labels is not None:
        negative, positive = weighting.labels.tolist()
        weights = tuple(negative), tuple(positive)
    return LabelObjective(codec.n_classes, codec.class_names, label_weights=weights)


def _no_thresholds(threshold: object, n_classes: int) -> None:
    if threshold is not None and threshold != DEFAULT:
        raise ValueError(
            invalid(
                "`threshold`",
                f"{DEFAULT} for 1-d y, whose classes exclude each other",
                describe(threshold),
                "Pass a column of zeros and ones in a data frame, or use scikit-learn's "
                "TunedThresholdClassifierCV.",
            )
        )


MULTICLASS = Task(
    learn_classes,
    IncrementalLabels,
    _of_classes,
    _no_thresholds,
    ClassObjective(3),
    "Compute the weights over all the data with sklearn.utils.class_weight.compute_class_weight "
    "and pass them as a dict.",
)
MULTILABEL = Task(
    IndicatorCodec.learn_or_check,
    IncrementalIndicator,
    _of_labels,
    given_thresholds,
    LabelObjective(3),
    "Pass a dict that gives each label the number of rows without it divided by that of rows with "
    "it, over all the data.",
)
