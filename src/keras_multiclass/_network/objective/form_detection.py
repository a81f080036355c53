"""Detects by trial calls which input forms a user's loss or metric expects.

A function is called on a few synthetic rows: the right forms are those for which it distinguishes
right predictions from wrong ones, row by row. A metric that gives the same for every form and any
labels does not look at them, and takes the first form.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, Self, TypeAlias, TypeVar

import keras
import numpy as np
from keras import ops

from keras_multiclass._network.objective.forms import Forms
from keras_multiclass._network.objective.zero_scales import without_zeros
from keras_multiclass._shared.messages import quote_error

__all__ = ["Attempts", "DetectedForms", "Trial", "call", "detect_forms"]

Evaluate: TypeAlias = Callable[[Any, Any], Any]
F = TypeVar("F", bound=Forms)


@dataclass(frozen=True)
class DetectedForms(Generic[F]):
    """Input forms of a function, and the direction of its better values, if there is one."""

    forms: F
    per_sample: bool
    direction: Literal["up", "down"] | None


@dataclass
class Attempts:
    """What calls with the forms of a trial led to.

    Attributes
    ----------
    forms : dict of str to list of str
        Descriptions of the labels by the outcome.
    errors : list of Exception
        What the calls raised.
    is_constant : bool
        Whether the function returned the same for right and wrong predictions.
    """

    forms: dict[str, list[str]] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    is_constant: bool = False

    def add(self, labels: str, outcome: str, error: Exception | None = None) -> None:
        """Add the outcome for one form of labels."""
        self.forms.setdefault(outcome, []).append(labels)
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
        hint = ""
        if self.is_constant:
            hint = (
                " It returned the same for right and wrong predictions. If it is multiplied by a "
                "number that is 0 until a callback changes it, let that number begin at 1e-9."
            )
        return f"it {did}. Tried: {tried}.{hint}"


class Trial(Protocol[F]):
    """Synthetic rows: encoded targets, and a right and a wrong prediction for each of them.

    Attributes
    ----------
    shapes : sequence of tuple of int
        Shapes that a result for each row may have.
    targets : ndarray of shape (n_rows, ...)
        Encoded targets.
    right, wrong : ndarray of shape (n_rows, n_classes)
        Probabilities. The wrong ones hold the same numbers, so that a function that ignores the
        targets sees no difference.
    """

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """See above."""

    @property
    def targets(self) -> np.ndarray:
        """See above."""

    @property
    def right(self) -> np.ndarray:
        """See above."""

    @property
    def wrong(self) -> np.ndarray:
        """See above."""

    def candidates(self, *, scores: bool) -> Sequence[F]:
        """Return the forms to try, for a function of the model's output or of probabilities."""

    def labels_of(self, forms: F) -> str:
        """Describe the labels of a form."""

    def variants(self) -> Sequence[tuple[Self, Self]]:
        """Return trials with these predictions and right and wrong targets, for every class."""

    def raw(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the model output that corresponds to probabilities."""

    def prefer_logits(self, evaluate: Evaluate, forms: F) -> F:
        """Return forms with logits for a function that applies a softmax or sigmoid itself."""


def detect_forms(
    evaluate: Evaluate,
    trial: Trial[F],
    *,
    scores: bool = False,
    required: Literal["down"] | None = None,
    of: Any = None,
) -> DetectedForms[F] | Attempts:
    """Find the forms of labels and predictions that a function expects.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(y_true, y_pred)``, run eagerly; returns one value per row or a scalar.
    trial : Trial
        Rows to call it on.
    scores : bool, default=False
        Whether ``from_logits`` was set, so that the function takes the model's output directly.
    required : "down" or None, default=None
        Required direction of better values; None allows both, and functions without any that do
        not depend on the labels.
    of : object, default=None
        The loss or metric, whose variables and attributes may be 0 until a callback changes them.

    Returns
    -------
    DetectedForms or Attempts
        The attempts if no forms fit, for an error message.
    """
    detected = _detect_forms(evaluate, trial, scores, required)
    if isinstance(detected, Attempts):
        detected.is_constant = _is_constant(evaluate, trial.candidates(scores=scores), trial)
    elif detected.direction is not None:
        return detected
    if of is None or not getattr(detected, "is_constant", True):
        return detected
    with without_zeros(of) as had_zeros:
        found = _detect_forms(evaluate, trial, scores, required) if had_zeros else detected
    return detected if isinstance(found, Attempts) or found.direction is None else found


def _detect_forms(
    evaluate: Evaluate, trial: Trial[F], scores: bool, required: Literal["down"] | None
) -> DetectedForms[F] | Attempts:
    candidates = trial.candidates(scores=scores)
    if required is None and _ignores_labels(evaluate, candidates, trial):
        return _without_direction(evaluate, candidates[0], trial)
    attempts = Attempts()
    for forms in candidates:
        try:
            shape, direction = _compare(evaluate, forms, trial)
        except Exception as error:
            attempts.add(trial.labels_of(forms), quote_error(error), error)
        else:
            if direction is not None and required in (None, direction):
                per_sample = shape != ()
                if not scores and (required or direction == "down"):
                    forms = trial.prefer_logits(evaluate, forms)
                return DetectedForms(forms, per_sample, direction)
            outcome = f"a result of shape {shape} that does not separate right from wrong"
            attempts.add(trial.labels_of(forms), outcome)
    if required is None and _varies_by_itself(evaluate, candidates, trial):
        return _without_direction(evaluate, candidates[0], trial)
    return attempts


def call(evaluate: Evaluate, target: Any, prediction: Any) -> np.ndarray:
    """Call a function, and return its result as an array."""
    result = evaluate(target, prediction)
    if result is None:
        raise TypeError("it returned None")
    return np.asarray(ops.convert_to_numpy(result), dtype="float64")


def _without_direction(evaluate: Evaluate, forms: F, trial: Trial[F]) -> DetectedForms[F]:
    shape = _evaluate(evaluate, forms, trial, trial.right).shape
    return DetectedForms(forms, shape != (), None)


def _ignores_labels(evaluate: Evaluate, candidates: Sequence[F], trial: Trial[F]) -> bool:
    """Whether a function gives the same for labels of every form, right or wrong."""
    try:
        for right, wrong in trial.variants():
            expected: list[tuple[Any, np.ndarray]] = []
            for forms in candidates:
                for rows in (right, wrong):
                    values = _evaluate(evaluate, forms, rows, right.right)
                    kind = forms.prediction
                    first = next((v for k, v in expected if k == kind), values)
                    expected.append((kind, values))
                    if values.shape not in ((), *trial.shapes) or not _same(values, first):
                        return False
    except Exception:
        return False
    return True


def _is_constant(evaluate: Evaluate, candidates: Sequence[F], trial: Trial[F]) -> bool:
    """Whether a function gives the same for right and wrong predictions, with labels of a form."""
    for forms in candidates:
        with contextlib.suppress(Exception):
            values = [_evaluate(evaluate, forms, trial, p) for p in (trial.right, trial.wrong)]
            if _same(*values):
                return True
    return False


def _varies_by_itself(evaluate: Evaluate, candidates: Sequence[F], trial: Trial[F]) -> bool:
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


def _compare(
    evaluate: Evaluate, forms: F, trial: Trial[F]
) -> tuple[tuple[int, ...], Literal["up", "down"] | None]:
    """Return the shape of the result and the direction in which right predictions change it."""
    n = len(trial.right)
    wrong = _evaluate(evaluate, forms, trial, trial.wrong)
    right = _evaluate(evaluate, forms, trial, trial.right)
    shape = wrong.shape
    if shape in trial.shapes:
        return shape, _direction((right - wrong).ravel(), right, wrong, share=1.0)
    if shape != ():
        return shape, None
    # A scalar: each additional right row must change it in the same direction.
    mixed = (np.concatenate([trial.right[:k], trial.wrong[k:]]) for k in range(1, n))
    between = [_evaluate(evaluate, forms, trial, predictions) for predictions in mixed]
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
    evaluate: Evaluate, forms: F, trial: Trial[F], probabilities: np.ndarray
) -> np.ndarray:
    dtype = keras.config.floatx()
    raw = ops.cast(trial.raw(probabilities), dtype)
    return call(evaluate, forms.targets(trial.targets, dtype), forms.predictions(raw))
