"""Detects by trial calls which input forms a user's loss or metric expects.

A function is called on a few synthetic rows: the right forms are those for which it distinguishes
right predictions from wrong ones, row by row. A metric that gives the same for every form and any
labels does not look at them, and takes class indices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
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
from keras_multiclass._shared.messages import quote_error

__all__ = ["Attempts", "DetectedForms", "detect_forms"]

Evaluate = Callable[[Any, Any], Any]

_TARGETS: tuple[TargetForm, ...] = ("index", "one_hot", "float_index", "column", "float_column")
_MOST_SHIFTS = 64
_DESCRIPTIONS = {
    "index": "class indices (n,)",
    "float_index": "float class indices (n,)",
    "column": "class indices (n, 1)",
    "float_column": "float class indices (n, 1)",
    "one_hot": "one-hot labels (n, n_classes)",
}


@dataclass(frozen=True)
class DetectedForms:
    """Input forms of a function, and the direction of its better values, if there is one."""

    forms: InputForms
    per_sample: bool
    direction: Literal["up", "down"] | None


@dataclass
class Attempts:
    """What calls with the label forms of a trial led to.

    Attributes
    ----------
    forms : dict of str to list of str
        Label forms by their outcome.
    errors : list of Exception
        What the calls raised.
    """

    forms: dict[str, list[str]] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)

    def add(self, target: TargetForm, outcome: str, error: Exception | None = None) -> None:
        """Add the outcome of one form."""
        self.forms.setdefault(outcome, []).append(_DESCRIPTIONS[target])
        self.errors += [] if error is None else [error]

    @property
    def first_error(self) -> Exception | None:
        """The first error, to be named as the cause."""
        return self.errors[0] if self.errors else None

    def describe(self, otherwise: str) -> str:
        """Return what was tried; ``otherwise`` is what a function did that raised no error."""
        n_forms = sum(map(len, self.forms.values()))
        did = "raised an error" if len(self.errors) == n_forms else otherwise
        tried = "; ".join(f"{', '.join(f)}: {outcome}" for outcome, f in self.forms.items())
        return f"it {did}. Tried: {tried}."


@dataclass(frozen=True)
class _TrialRows:
    """Synthetic rows: true classes, and a right and a wrong prediction for each of them."""

    classes: np.ndarray
    right: np.ndarray
    wrong: np.ndarray

    @classmethod
    def make(cls, n_classes: int) -> _TrialRows:
        # The number of rows differs from the number of classes (and from 1), so that broadcasting
        # cannot confuse the two axes.
        n = 7 if n_classes != 7 else 9
        classes = np.linspace(0, n_classes - 1, n).round().astype("int32")
        others = (classes + 1 + np.arange(n) % (n_classes - 1)) % n_classes
        rest = np.linspace(1.0, 2.0, n_classes)[None, :].repeat(n, axis=0)
        rest[np.arange(n), classes] = 0.0
        right = 0.2 * rest / rest.sum(axis=1, keepdims=True)
        right[np.arange(n), classes] = 0.8
        # Wrong rows hold the same numbers with two of them swapped: a function that ignores the
        # true class sees no difference.
        wrong = right.copy()
        wrong[np.arange(n), classes] = right[np.arange(n), others]
        wrong[np.arange(n), others] = 0.8
        return cls(classes, right, wrong)

    def shifted(self, by: int) -> _TrialRows:
        """Return rows of other classes: each is the next one, ``by`` times."""
        n_classes = self.right.shape[1]
        predictions = (np.roll(p, by, axis=1) for p in (self.right, self.wrong))
        return _TrialRows((self.classes + by) % n_classes, *predictions)

    def mislabeled(self, by: int) -> _TrialRows:
        """Return the rows of ``shifted`` with the labels of their wrong predictions."""
        rows = self.shifted(by)
        return replace(rows, classes=rows.wrong.argmax(axis=1).astype("int32"))

    def mixed(self, k: int) -> np.ndarray:
        """Return predictions whose first ``k`` rows are right and whose other rows are wrong."""
        return np.concatenate([self.right[:k], self.wrong[k:]])


def detect_forms(
    evaluate: Evaluate,
    *,
    n_classes: int,
    output_form: OutputForm,
    scores: bool = False,
    required: Literal["down"] | None = None,
) -> DetectedForms | Attempts:
    """Find the forms of labels and predictions that a function expects.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(y_true, y_pred)``, run eagerly; returns one value per row or a scalar.
    n_classes : int
        Number of classes.
    output_form : OutputForm
        Output form of the model.
    scores : bool, default=False
        Whether ``from_logits`` was set, so that the function takes the model's output directly.
    required : "down" or None, default=None
        Required direction of better values; None allows both, and functions without any that do
        not depend on the labels.

    Returns
    -------
    DetectedForms or Attempts
        The attempts if no forms fit, for an error message.
    """
    trial = _TrialRows.make(n_classes)
    candidates = list(_candidates(n_classes, output_form, scores))
    if required is None and _ignores_labels(evaluate, candidates, trial):
        return _without_direction(evaluate, candidates[0], trial)
    attempts = Attempts()
    for forms in candidates:
        try:
            shape, direction = _compare(evaluate, forms, trial)
        except Exception as error:
            attempts.add(forms.target, quote_error(error), error)
        else:
            if direction is not None and required in (None, direction):
                per_sample = shape != ()
                if not scores and (required or direction == "down"):
                    forms = _prefer_logits(evaluate, forms, trial)
                return DetectedForms(forms, per_sample, direction)
            outcome = f"a result of shape {shape} that does not separate right from wrong"
            attempts.add(forms.target, outcome)
    if required is None and _varies_by_itself(evaluate, candidates, trial):
        return _without_direction(evaluate, candidates[0], trial)
    return attempts


def _without_direction(evaluate: Evaluate, forms: InputForms, trial: _TrialRows) -> DetectedForms:
    shape = _evaluate(evaluate, forms, trial, trial.right).shape
    return DetectedForms(forms, shape != (), None)


def _ignores_labels(evaluate: Evaluate, candidates: list[InputForms], trial: _TrialRows) -> bool:
    """Whether a function gives the same for labels of every form, right or wrong."""
    n, n_classes = trial.right.shape
    # The trial has a few classes; a function may look at any other one alone.
    shifts = range(min(-(-n_classes // n), _MOST_SHIFTS))
    try:
        for shift in shifts:
            right, wrong = trial.shifted(shift), trial.mislabeled(shift)
            expected: dict[PredictionForm, np.ndarray] = {}
            for forms in candidates:
                for rows in (right, wrong):
                    values = _evaluate(evaluate, forms, rows, right.right)
                    first = expected.setdefault(forms.prediction, values)
                    if values.shape not in ((), (n,), (n, 1)) or not _same(values, first):
                        return False
    except Exception:
        return False
    return True


def _varies_by_itself(evaluate: Evaluate, candidates: list[InputForms], trial: _TrialRows) -> bool:
    """Whether a function, such as a timer, gives something else each time for equal arguments."""
    try:
        for forms in candidates:
            first, second = (_evaluate(evaluate, forms, trial, trial.right) for _ in range(2))
            if not np.isfinite(first).all() or np.array_equal(first, second):
                return False
    except Exception:
        return False
    return True


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    if first.shape != second.shape or not np.isfinite(first).all():
        return False
    return np.allclose(first, second, rtol=1e-5, atol=1e-7)


def _candidates(n_classes: int, output_form: OutputForm, scores: bool) -> Iterable[InputForms]:
    """Yield the forms to try; for one-unit models, one-unit forms come first."""
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
    """Return the model output that corresponds to these probabilities."""
    if form == "probabilities":
        return probabilities
    if form == "logits":
        return np.log(probabilities)
    second = probabilities[:, 1:2]
    return second if form == "binary_probability" else np.log(second / (1.0 - second))


def _compare(
    evaluate: Evaluate, forms: InputForms, trial: _TrialRows
) -> tuple[tuple[int, ...], Literal["up", "down"] | None]:
    """Return the shape of the result and the direction in which right predictions change it."""
    n = len(trial.classes)
    wrong = _evaluate(evaluate, forms, trial, trial.wrong)
    right = _evaluate(evaluate, forms, trial, trial.right)
    shape = wrong.shape
    if shape in ((n,), (n, 1)):
        return shape, _direction((right - wrong).ravel(), right, wrong, share=1.0)
    if shape != ():
        return shape, None
    # A scalar: each additional right row must change it in the same direction.
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
    result = evaluate(target, prediction)
    if result is None:
        raise TypeError("it returned None")
    return np.asarray(ops.convert_to_numpy(result), dtype="float64")


def _prefer_logits(evaluate: Evaluate, forms: InputForms, trial: _TrialRows) -> InputForms:
    """Pass logits to a function that applies a softmax or sigmoid itself.

    A softmax is invariant to adding a constant to all classes, and a sigmoid loss is the same for
    the logit of one class as for the negated logit of the other; functions of probabilities have
    neither property.
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
