"""Forms of labels and predictions, and conversion to those a loss or metric expects.

For classes that exclude each other, labels are class indices or one-hot; for labels of which a row
may have several, they are an indicator matrix. Predictions are logits, probabilities or labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import keras
from keras import ops

from keras_multiclass._network.layers.heads import average_labels, average_members

__all__ = [
    "ClassOutputForm",
    "Forms",
    "InputForms",
    "LabelForms",
    "LabelOutputForm",
    "OutputForm",
    "PredictionForm",
    "TargetForm",
    "forms_from_config",
    "is_binary_unit",
]

ClassOutputForm = Literal["logits", "probabilities", "binary_logit", "binary_probability"]
"""Output of a model: ``n_classes`` units, or one unit for the second of two classes."""

LabelOutputForm = Literal["label_logits", "label_probabilities"]
"""Output of a model: one unit for each of the labels, which do not exclude each other."""

OutputForm = ClassOutputForm | LabelOutputForm

TargetForm = Literal[
    "index", "float_index", "column", "float_column", "one_hot", "soft", "soft_column"
]
"""Integer or float class indices ``(n,)`` or ``(n, 1)``, or one-hot labels ``(n, n_classes)``; or
soft labels ``(n, n_classes)``, or those of the second class ``(n, 1)``."""

PredictionForm = Literal[
    "scores", "logits", "probabilities", "labels", "positive", "margin", "unit"
]
"""``scores`` are logits or probabilities, whichever the model emits; ``labels`` are ``(n,)``;
``positive`` and ``margin`` are the probability and logit of the second class, ``(n, 1)``, and
``unit`` is the one of them that a single unit emits."""

# Smaller than any probability that matters, yet large enough for float32 gradients.
_SMALLEST = 1e-30


def is_binary_unit(form: OutputForm) -> bool:
    """Whether one unit represents two classes."""
    return form in ("binary_logit", "binary_probability")


class Forms(Protocol):
    """Converts encoded targets and raw model output to the forms a loss or metric expects."""

    @property
    def prediction(self) -> PredictionForm:
        """The form of predictions."""

    def targets(self, y_true: Any, dtype: Any) -> Any:
        """Convert encoded targets."""

    def predictions(self, raw: Any) -> Any:
        """Convert raw model output."""

    def repeat(self, y_true: Any, n: int) -> Any:
        """Repeat each row of encoded targets."""

    def example(self) -> tuple[Any, Any]:
        """Return the encoded target and the raw output of one row."""

    def config(self) -> dict[str, Any]:
        """Return what `forms_from_config` needs."""


@dataclass(frozen=True)
class InputForms:
    """The forms for classes that exclude each other.

    Targets are class indices ``(n,)`` or ``(n, 1)`` or, with ``takes_soft``, soft labels
    ``(n, n_classes)``, of which the first of the largest is the class.
    """

    target: TargetForm
    prediction: PredictionForm
    output_form: OutputForm
    n_classes: int
    takes_soft: bool = False

    def targets(self, y_true: Any, dtype: Any) -> Any:
        """Convert encoded targets to the target form."""
        if self.takes_soft:
            soft = ops.reshape(y_true, (-1, self.n_classes))
            if self.target == "soft":
                return ops.cast(soft, dtype)
            if self.target == "soft_column":
                return ops.cast(soft[:, 1:2], dtype)
            y_true = ops.argmax(soft, axis=-1)
        index = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        if self.target == "one_hot":
            return ops.one_hot(index, self.n_classes, dtype=dtype)
        if self.target in ("column", "float_column"):
            index = ops.expand_dims(index, -1)
        return ops.cast(index, dtype) if self.target.startswith("float") else index

    def predictions(self, raw: Any) -> Any:
        """Convert raw model output of shape ``(n, units)`` to the prediction form.

        Logits of ensemble members, ``(n, n_members, units)``, are averaged first.
        """
        form = self.output_form
        raw = average_members(raw) if len(raw.shape) == 3 else raw
        if self.prediction == "unit":
            return raw
        if form == "probabilities" and self.prediction in ("scores", "probabilities"):
            return raw  # as it is, because Keras' losses take the logits behind a softmax
        if self.prediction == "scores":
            logit_like = form in ("logits", "binary_logit")
            return logits_of(raw, form) if logit_like else probabilities_of(raw, form)
        if self.prediction == "logits":
            return logits_of(raw, form)
        if self.prediction == "labels":
            return ops.argmax(logits_of(raw, form), axis=-1)
        if self.prediction == "margin":
            both = logits_of(raw, form)
            return both[:, 1:2] - both[:, 0:1]
        both = probabilities_of(raw, form)
        return both[:, 1:2] if self.prediction == "positive" else both

    def repeat(self, y_true: Any, n: int) -> Any:
        """Repeat each class index, or each row of soft labels."""
        if self.takes_soft:
            return ops.repeat(ops.reshape(y_true, (-1, self.n_classes)), n, axis=0)
        return ops.repeat(ops.reshape(y_true, (-1,)), n)

    def example(self) -> tuple[Any, Any]:
        """Return the encoded first class and equal probabilities."""
        units = 1 if is_binary_unit(self.output_form) else self.n_classes
        index = ops.zeros((1,), dtype="int32")
        target = ops.one_hot(index, self.n_classes) if self.takes_soft else index
        return target, ops.ones((1, units)) / (units + 1)

    def config(self) -> dict[str, Any]:
        """Return the fields as a dict, for ``get_config``."""
        return asdict(self)


@dataclass(frozen=True)
class LabelForms:
    """The forms for labels of which a row may have several.

    Targets are an indicator matrix ``(n, n_labels)`` of any dtype.
    """

    prediction: Literal["scores", "logits", "probabilities", "labels"]
    output_form: LabelOutputForm
    n_labels: int

    def targets(self, y_true: Any, dtype: Any) -> Any:
        """Convert the indicator to a dtype."""
        return ops.reshape(ops.cast(y_true, dtype), (-1, self.n_labels))

    def predictions(self, raw: Any) -> Any:
        """Convert raw model output of shape ``(n, n_labels)`` to the prediction form.

        Logits of ensemble members, ``(n, n_members, n_labels)``, are averaged first.
        """
        raw = average_labels(raw) if len(raw.shape) == 3 else raw
        form, wanted = self.output_form, self.prediction
        if wanted == "labels":
            threshold = 0.0 if form == "label_logits" else 0.5
            return ops.cast(ops.greater(raw, threshold), raw.dtype)
        if wanted == "scores" or form == f"label_{wanted}":
            return raw
        if wanted == "probabilities":
            return ops.clip(ops.sigmoid(raw), _SMALLEST, 1.0)
        inner = ops.clip(raw, _SMALLEST, 1.0 - keras.config.epsilon())
        return ops.log(inner) - ops.log1p(-inner)

    def repeat(self, y_true: Any, n: int) -> Any:
        """Repeat each row of the indicator."""
        return ops.repeat(ops.reshape(y_true, (-1, self.n_labels)), n, axis=0)

    def example(self) -> tuple[Any, Any]:
        """Return no label and equal probabilities."""
        shape = (1, self.n_labels)
        return ops.zeros(shape, dtype="uint8"), ops.ones(shape) / 2

    def config(self) -> dict[str, Any]:
        """Return the fields as a dict, for ``get_config``."""
        return asdict(self)


def forms_from_config(config: Mapping[str, Any]) -> Forms:
    """Return the forms of a configuration."""
    return LabelForms(**config) if "n_labels" in config else InputForms(**config)


def logits_of(raw: Any, form: OutputForm) -> Any:
    """Convert raw output to logits of shape ``(n, n_classes)`` (Keras ops)."""
    if form == "logits":
        return raw
    if form == "binary_logit":
        return ops.concatenate([ops.zeros_like(raw), raw], axis=-1)
    return ops.log(probabilities_of(raw, form))


def probabilities_of(raw: Any, form: OutputForm) -> Any:
    """Convert raw output to positive probabilities of shape ``(n, n_classes)`` (Keras ops)."""
    if form == "logits":
        probabilities = ops.softmax(raw, axis=-1)
    elif form == "binary_logit":
        probabilities = ops.concatenate([ops.sigmoid(-raw), ops.sigmoid(raw)], axis=-1)
    elif form == "binary_probability":
        probabilities = ops.concatenate([1.0 - raw, raw], axis=-1)
    else:
        probabilities = raw
    # At zero, losses such as p**q or log(p) have infinite gradients, which make weights NaN.
    return ops.clip(probabilities, _SMALLEST, 1.0)
