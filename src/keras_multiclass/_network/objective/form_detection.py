"""Finds out by experiment which form of labels a user's own loss or metric wants.

A function is tried on a few made-up rows: the right form is the one for which right predictions
are told from wrong ones, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from keras_multiclass._network.objective.forms import (
    InputForms,
    OutputForm,
    PredictionForm,
    TargetForm,
    is_binary_unit,
)

__all__ = ["DetectedForms", "detect_forms"]

Evaluate = Callable[[Any, Any], Any]

_TARGETS: tuple[TargetForm, ...] = ("index", "one_hot", "float_index", "column", "float_column")
_SHOWN = {
    "index": "class indices (n,)",
    "float_index": "float class indices (n,)",
    "column": "class indices (n, 1)",
    "float_column": "float class indices (n, 1)",
    "one_hot": "one-hot labels (n, n_classes)",
}


@dataclass(frozen=True)
class DetectedForms:
    """How a function wants to be called, and where its better values lie."""

    forms: InputForms
    per_sample: bool
    direction: Literal["up", "down"]


@dataclass(frozen=True)
class _TrialRows:
    """Made-up rows: true classes, and probabilities that are right or wrong for each of them."""

    classes: np.ndarray
    right: np.ndarray
    wrong: np.ndarray

    @classmethod
    def make(cls, n_classes: int) -> _TrialRows:
        # The number of rows differs from the number of classes (and from 1), so that the two
        # axes cannot be confused by broadcasting.
        n = 7 if n_classes != 7 else 9
        classes = np.linspace(0, n_classes - 1, n).round().astype("int32")
        others = (classes + 1 + np.arange(n) % (n_classes - 1)) % n_classes
        rest = np.linspace(1.0, 2.0, n_classes)[None, :].repeat(n, axis=0)
        rest[np.arange(n), classes] = 0.0
        right = 0.2 * rest / rest.sum(axis=1, keepdims=True)
        right[np.arange(n), classes] = 0.8
        # Wrong rows hold the same numbers, two of them swapped: a function that ignores which
        # class is meant sees no difference.
        wrong = right.copy()
        wrong[np.arange(n), classes] = right[np.arange(n), others]
        wrong[np.arange(n), others] = 0.8
        return cls(classes, right, wrong)

    def mixed(self, k: int) -> np.ndarray:
        """Return predictions of which the first ``k`` rows are right."""
        return np.concatenate([self.right[:k], self.wrong[k:]])


def detect_forms(
    evaluate: Evaluate,
    *,
    n_classes: int,
    output_form: OutputForm,
    scores: bool = False,
    required: Literal["down"] | None = None,
) -> tuple[DetectedForms | None, str]:
    """Look for the forms of labels and predictions that a function understands.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(y_true, y_pred)``, eager; one value for each row or one in all.
    n_classes : int
        Number of classes.
    output_form : OutputForm
        What the model emits.
    scores : bool, default=False
        Whether the function was told ``from_logits``, so that it takes what the model emits.
    required : "down" or None, default=None
        The direction that better values must lie in; either one when None.

    Returns
    -------
    detected : DetectedForms or None
        None when no form fits.
    tried : str
        What was tried and what came of it, for a message.
    """
    trial = _TrialRows.make(n_classes)
    tried = []
    for forms in _candidates(n_classes, output_form, scores):
        try:
            shape, direction = _compare(evaluate, forms, trial)
        except Exception as error:
            outcome = f"{type(error).__name__}"
        else:
            if direction is not None and required in (None, direction):
                per_sample = shape != ()
                if not scores and (required or direction == "down"):
                    forms = _prefer_logits(evaluate, forms, trial)
                return DetectedForms(forms, per_sample, direction), ""
            outcome = f"a result of shape {shape} that does not tell right from wrong"
        tried.append(f"{_SHOWN[forms.target]}: {outcome}")
    return None, "; ".join(tried)


def _candidates(n_classes: int, output_form: OutputForm, scores: bool) -> Iterable[InputForms]:
    """Yield the forms to try; one unit is what functions for one-unit models know best."""
    single: list[tuple[TargetForm, PredictionForm]] = []
    if n_classes == 2:
        one_unit: PredictionForm = "positive"
        if scores and output_form in ("logits", "binary_logit"):
            one_unit = "margin"
        single = [("float_column", one_unit)]
    both: PredictionForm = "scores" if scores else "probabilities"
    pairs = [(target, both) for target in _TARGETS]
    for target, prediction in single + pairs if is_binary_unit(output_form) else pairs + single:
        yield InputForms(target, prediction, output_form, n_classes)


def _raw(probabilities: np.ndarray, form: OutputForm) -> np.ndarray:
    """Return the model output that means these probabilities."""
    if form == "probabilities":
        return probabilities
    if form == "logits":
        return np.log(probabilities)
    second = probabilities[:, 1:2]
    return second if form == "binary_probability" else np.log(second / (1.0 - second))


def _compare(
    evaluate: Evaluate, forms: InputForms, trial: _TrialRows
) -> tuple[tuple[int, ...], Literal["up", "down"] | None]:
    """Return the shape of the result and the direction in which right predictions move it."""
    n = len(trial.classes)
    wrong = _evaluate(evaluate, forms, trial, trial.wrong)
    right = _evaluate(evaluate, forms, trial, trial.right)
    shape = wrong.shape
    if shape in ((n,), (n, 1)):
        return shape, _direction((right - wrong).ravel(), right, wrong, share=1.0)
    if shape != ():
        return shape, None
    # One number for the batch: each further right row has to move it the same way.
    between = [_evaluate(evaluate, forms, trial, trial.mixed(k)) for k in range(1, n)]
    return shape, _direction(np.diff([wrong, *between, right]), right, wrong, share=0.5)


def _direction(
    steps: np.ndarray, right: np.ndarray, wrong: np.ndarray, share: float
) -> Literal["up", "down"] | None:
    scale = max(float(np.abs(right).max()), float(np.abs(wrong).max()))
    if not np.isfinite(scale) or not np.isfinite(steps).all():
        return None
    noise = 1e-5 * scale
    up, down = (steps > noise).mean(), (steps < -noise).mean()
    if up >= share and down == 0:
        return "up"
    return "down" if down >= share and up == 0 else None


def _evaluate(
    evaluate: Evaluate, forms: InputForms, trial: _TrialRows, probabilities: np.ndarray
) -> np.ndarray:
    dtype = keras.config.floatx()
    raw = ops.cast(_raw(probabilities, forms.output_form), dtype)
    return _call(evaluate, forms.targets(trial.classes, dtype), forms.predictions(raw))


def _call(evaluate: Evaluate, target: Any, prediction: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(evaluate(target, prediction)), dtype="float64")


def _prefer_logits(evaluate: Evaluate, forms: InputForms, trial: _TrialRows) -> InputForms:
    """Feed logits to a function that has its own softmax or sigmoid inside.

    A softmax does not change when a constant is added to all classes, and a sigmoid loss is the
    same for a logit of one class as for the negative logit of the other; functions of
    probabilities have neither property.
    """
    dtype = keras.config.floatx()
    target = forms.targets(trial.classes, dtype)
    try:
        if forms.prediction == "positive":
            logits = ops.cast(np.linspace(-2.0, 3.0, len(trial.classes))[:, None], dtype)
            first = _call(evaluate, target, logits)
            second = _call(evaluate, 1.0 - target, -logits)
            logit_form: PredictionForm = "margin"
        else:
            first = _call(evaluate, target, ops.cast(trial.right, dtype))
            second = _call(evaluate, target, ops.cast(trial.right + 1.5, dtype))
            logit_form = "logits"
    except Exception:
        return forms
    if not np.isfinite(first).all() or not np.allclose(first, second, rtol=1e-4, atol=1e-6):
        return forms
    return InputForms(forms.target, logit_form, forms.output_form, forms.n_classes)
