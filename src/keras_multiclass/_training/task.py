"""What a classifier predicts: one class for each row, or any number of labels."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.incremental import IncrementalIndicator, IncrementalLabels
from keras_multiclass._data.labels.indicator import IndicatorCodec, is_one_column
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
        Returns what learns the codec from the batches of a stream; takes the codec of earlier data.
    objective_of : callable
        Returns the objective for a codec and a weighting: the output layer, loss, metrics and
        predictions that fit.
    thresholds_of : callable
        Returns the thresholds that the parameter `threshold` gives for the labels of a codec.
    any_objective : Objective
        An objective of some classes, to check parameters before data are read.
    balanced_cure : str
        How to compute what ``class_weight="balanced"`` stands for, for error messages.
    of_one_column : Task or None
        The task instead for a target of one column; None for the same.
    """

    learn: Callable[..., tuple[TargetCodec, np.ndarray]]
    incremental: Callable[..., IncrementalTarget]
    objective_of: Callable[[TargetCodec, Weighting], Objective]
    thresholds_of: Callable[[object, TargetCodec], np.ndarray | None]
    any_objective: Objective
    balanced_cure: str
    of_one_column: Task | None = None

    def for_target(self, y: object, fitted: TargetCodec | None = None) -> Task:
        """Return the task for a target: what scikit-learn calls binary has two classes.

        Parameters
        ----------
        y : object
            The target.
        fitted : TargetCodec, default=None
            The classes or labels of an earlier fit, which must be for the same task.
        """
        if self.of_one_column is None or y is None:
            return self
        task = self.of_one_column if is_one_column(y) else self
        had_labels = isinstance(fitted, IndicatorCodec)
        if fitted is None or had_labels == (task is self):
            return task
        allowed = "a single column of labels"
        if had_labels:
            allowed = f"a matrix with one column for each of the {fitted.n_classes} labels"
        cure = "Fit a new classifier for another kind of target."
        raise ValueError(invalid("y", f"{allowed}, as in fit", describe(y), cure))


def _of_classes(codec: TargetCodec, weighting: Weighting) -> ClassObjective:
    soft = isinstance(codec, SoftLabelCodec)
    return ClassObjective(codec.n_classes, codec.class_names, soft=soft)


def _of_two_classes(codec: TargetCodec, weighting: Weighting) -> ClassObjective:
    if codec.n_classes > 2:
        # scikit-learn's estimator checks expect these words.
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass. "
            + invalid(
                "y",
                "a matrix of zeros and ones with one column for each label",
                "a single column of more than two classes",
                "Use KerasMulticlassClassifier, or sklearn.preprocessing.MultiLabelBinarizer for "
                "sets of labels.",
            )
        )
    return _of_classes(codec, weighting)


def _of_labels(codec: TargetCodec, weighting: Weighting) -> LabelObjective:
    weights = None
    if weighting.labels is not None:
        negative, positive = weighting.labels.tolist()
        weights = tuple(negative), tuple(positive)
    return LabelObjective(codec.n_classes, codec.class_names, label_weights=weights)


def _no_thresholds(threshold: object, codec: TargetCodec) -> None:
    is_default = isinstance(threshold, numbers.Real) and threshold == DEFAULT
    if threshold is not None and not is_default:
        raise ValueError(
            invalid(
                "`threshold`",
                f"{DEFAULT} if y is a single column, whose two classes exclude each other",
                describe(threshold),
                "Set it to 0.5 and wrap the classifier in sklearn.model_selection."
                "FixedThresholdClassifier, or in TunedThresholdClassifierCV to choose it.",
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
    of_one_column=replace(
        MULTICLASS, learn=LabelCodec.learn_or_check, objective_of=_of_two_classes
    ),
)
