"""Forms of labels and predictions, and conversion to those a loss or metric expects.

Labels are class indices or one-hot; predictions are logits, probabilities or labels. An
:class:`InputForms` combines the two.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from keras import ops

from keras_multiclass._network.layers.heads import average_members

__all__ = ["InputForms", "OutputForm", "PredictionForm", "TargetForm", "is_binary_unit"]

OutputForm = Literal["logits", "probabilities", "binary_logit", "binary_probability"]
"""Output of a model: ``n_classes`` units, or one unit for the second of two classes."""

TargetForm = Literal["index", "float_index", "column", "float_column", "one_hot"]
"""Integer or float class indices ``(n,)`` or ``(n, 1)``, or one-hot labels ``(n, n_classes)``."""

PredictionForm = Literal["scores", "logits", "probabilities", "labels", "positive", "margin"]
"""``scores`` are logits or probabilities, whichever the model emits; ``labels`` are ``(n,)``;
``positive`` and ``margin`` are the probability and logit of the second class, ``(n, 1)``."""

# Smaller than any probability that matters, yet large enough for float32 gradients.
_SMALLEST = 1e-30


def is_binary_unit(form: OutputForm) -> bool:
    """Whether one unit represents two classes."""
    return form in ("binary_logit", "binary_probability")


@dataclass(frozen=True)
class InputForms:
    """Converts class indices and raw model output to the forms a loss or metric expects."""

    target: TargetForm
    prediction: PredictionForm
    output_form: OutputForm
    n_classes: int

    def targets(self, y_true: Any, dtype: Any) -> Any:
        """Convert class indices of shape ``(n,)`` or ``(n, 1)`` to the target form."""
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

    def config(self) -> dict[str, Any]:
        """Return the fields as a dict, for ``get_config``."""
        return asdict(self)


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
