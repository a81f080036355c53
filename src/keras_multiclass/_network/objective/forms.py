"""Translates class indices and raw model output into what a loss or metric wants to see.

Two things vary: the form of the labels (class indices or one-hot) and the form of the
predictions (logits, probabilities, labels). A :class:`InputForms` names both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from keras import ops

from keras_multiclass._network.layers.heads import average_members

__all__ = ["InputForms", "OutputForm", "PredictionForm", "TargetForm", "is_binary_unit"]

OutputForm = Literal["logits", "probabilities", "binary_logit", "binary_probability"]
"""What a model emits: ``n_classes`` units, or one unit that speaks for the second class."""

TargetForm = Literal["index", "float_index", "column", "float_column", "one_hot"]
"""Labels as ``(n,)`` or ``(n, 1)`` class indices, integer or float, or ``(n, n_classes)``."""

PredictionForm = Literal["scores", "logits", "probabilities", "labels", "positive", "margin"]
"""``scores`` are logits or probabilities, whichever the model emits; ``labels`` is ``(n,)``;
``positive`` and ``margin`` are the second class's probability and logit, ``(n, 1)``."""

# Smaller than any probability that matters, and far enough from zero for float32 gradients.
_SMALLEST = 1e-30


def is_binary_unit(form: OutputForm) -> bool:
    """Whether one unit speaks for two classes."""
    return form in ("binary_logit", "binary_probability")


@dataclass(frozen=True)
class InputForms:
    """From (class indices, raw model output) to (labels, predictions) of the required forms."""

    target: TargetForm
    prediction: PredictionForm
    output_form: OutputForm
    n_classes: int

    def targets(self, y_true: Any, dtype: Any) -> Any:
        """Class indices of shape ``(n,)`` or ``(n, 1)`` in the required form."""
        index = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        if self.target == "one_hot":
            return ops.one_hot(index, self.n_classes, dtype=dtype)
        if self.target in ("column", "float_column"):
            index = ops.expand_dims(index, -1)
        return ops.cast(index, dtype) if self.target.startswith("float") else index

    def predictions(self, raw: Any) -> Any:
        """Raw model output of shape ``(n, units)`` in the required form.

        Logits of members, ``(n, n_members, units)``, are averaged first.
        """
        form = self.output_form
        raw = average_members(raw) if len(raw.shape) == 3 else raw
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

    def config(self) -> dict[str, Any]:
        """Return the fields as a plain dict, for ``get_config``."""
        return asdict(self)


def logits_of(raw: Any, form: OutputForm) -> Any:
    """Turn raw output into ``(n, n_classes)`` logits (Keras ops)."""
    if form == "logits":
        return raw
    if form == "binary_logit":
        return ops.concatenate([ops.zeros_like(raw), raw], axis=-1)
    return ops.log(probabilities_of(raw, form))


def probabilities_of(raw: Any, form: OutputForm) -> Any:
    """Turn raw output into ``(n, n_classes)`` probabilities above zero (Keras ops)."""
    if form == "logits":
        found = ops.softmax(raw, axis=-1)
    elif form == "binary_logit":
        found = ops.concatenate([ops.sigmoid(-raw), ops.sigmoid(raw)], axis=-1)
    elif form == "binary_probability":
        found = ops.concatenate([1.0 - raw, raw], axis=-1)
    else:
        found = raw
    # At exactly zero, losses such as p**q or log(p) have infinite gradients, hence NaN weights.
    return ops.clip(found, _SMALLEST, 1.0)
