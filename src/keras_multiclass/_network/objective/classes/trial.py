"""Rows to try a user's loss or metric on, for classes that exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from keras_multiclass._network.objective.form_detection import Evaluate, call
from keras_multiclass._network.objective.forms import (
    InputForms,
    OutputForm,
    PredictionForm,
    TargetForm,
    is_binary_unit,
)

__all__ = ["ClassTrial"]

_INDICES: tuple[TargetForm, ...] = ("float_index", "column", "float_column")
_MOST_SHIFTS = 64
_DESCRIPTIONS = {
    "index": "class indices (n,)",
    "float_index": "float class indices (n,)",
    "column": "class indices (n, 1)",
    "float_column": "float class indices (n, 1)",
    "one_hot": "one-hot labels (n, n_classes)",
    "soft": "soft labels (n, n_classes)",
    "soft_column": "soft labels of the second class (n, 1)",
}


@dataclass(frozen=True)
class ClassTrial:
    """Class indices, and a right and a wrong prediction for each of them; see `Trial`.

    With ``soft``, targets are soft labels, which also become class indices if ``takes_indices``.
    """

    index: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    output_form: OutputForm
    soft: bool = False
    takes_indices: bool = True

    @classmethod
    def make(
        cls,
        n_classes: int,
        output_form: OutputForm,
        *,
        soft: bool = False,
        takes_indices: bool = True,
    ) -> ClassTrial:
        """Make the rows for a number of classes and a form of output."""
        # The number of rows differs from the number of classes (and from 1), so that broadcasting
        # cannot confuse the two axes.
        n = 7 if n_classes != 7 else 9
        classes = np.linspace(0, n_classes - 1, n).round().astype("int32")
        others = (classes + 1 + np.arange(n) % (n_classes - 1)) % n_classes
        rest = np.linspace(1.0, 2.0, n_classes)[None, :].repeat(n, axis=0)
        rest[np.arange(n), classes] = 0.0
        right = 0.2 * rest / rest.sum(axis=1, keepdims=True)
        right[np.arange(n), classes] = 0.8
        # Wrong rows hold the same numbers with two of them swapped.
        wrong = right.copy()
        wrong[np.arange(n), classes] = right[np.arange(n), others]
        wrong[np.arange(n), others] = 0.8
        return cls(classes, right, wrong, output_form, soft, takes_indices)

    @property
    def targets(self) -> np.ndarray:
        """Class indices, or soft labels."""
        return np.eye(self.right.shape[1], dtype="float32")[self.index] if self.soft else self.index

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """One value for each row."""
        n = len(self.index)
        return ((n,), (n, 1))

    def candidates(self, *, scores: bool) -> Sequence[InputForms]:
        """Return the forms to try; for one-unit models, one-unit forms come first."""
        n_classes = self.right.shape[1]
        single: list[tuple[TargetForm, PredictionForm]] = []
        if n_classes == 2:
            one_unit: PredictionForm = "positive"
            if scores and self.output_form in ("logits", "binary_logit"):
                one_unit = "margin"
            single = [("soft_column" if self.soft else "float_column", one_unit)]
        both: PredictionForm = "scores" if scores else "probabilities"
        targets: list[TargetForm] = ["soft" if self.soft else "one_hot"]
        if self.takes_indices:
            targets = ["index", *targets, *_INDICES]
        pairs = [(target, both) for target in targets]
        ordered = single + pairs if is_binary_unit(self.output_form) else pairs + single
        return [InputForms(*pair, self.output_form, n_classes, self.soft) for pair in ordered]

    def labels_of(self, forms: InputForms) -> str:
        """Describe the labels of a form."""
        return _DESCRIPTIONS[forms.target]

    def variants(self) -> Sequence[tuple[ClassTrial, ClassTrial]]:
        """Return trials with right and wrong targets, each row moved on by some classes."""
        n, n_classes = self.right.shape
        # The trial has a few classes; a function may look at any other one alone.
        pairs = []
        for by in range(min(-(-n_classes // n), _MOST_SHIFTS)):
            right, wrong = (np.roll(p, by, axis=1) for p in (self.right, self.wrong))
            moved = replace(self, index=(self.index + by) % n_classes, right=right, wrong=wrong)
            pairs.append((moved, replace(moved, index=wrong.argmax(axis=1).astype("int32"))))
        return pairs

    def raw(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the model output that corresponds to probabilities."""
        if self.output_form == "probabilities":
            return probabilities
        if self.output_form == "logits":
            return np.log(probabilities)
        second = probabilities[:, 1:2]
        if self.output_form == "binary_probability":
            return second
        return np.log(second / (1.0 - second))

    def prefer_logits(self, evaluate: Evaluate, forms: InputForms) -> InputForms:
        """Return forms with logits for a function that applies a softmax or sigmoid itself.

        A softmax is invariant to adding a constant to all classes, and a sigmoid loss is the same
        for the logit of one class as for the negated logit of the other; functions of probabilities
        have neither property.
        """
        dtype = keras.config.floatx()
        target = forms.targets(self.targets, dtype)
        try:
            if forms.prediction == "positive":
                logits = ops.cast(np.linspace(-2.0, 3.0, len(self.index))[:, None], dtype)
                first = call(evaluate, target, logits)
                second = call(evaluate, 1.0 - target, -logits)
                logit_form: PredictionForm = "margin"
            else:
                first = call(evaluate, target, ops.cast(self.right, dtype))
                second = call(evaluate, target, ops.cast(self.right + 1.5, dtype))
                logit_form = "logits"
        except Exception:
            return forms
        if not np.isfinite(first).all() or not np.allclose(first, second, rtol=1e-4, atol=1e-6):
            return forms
        return replace(forms, prediction=logit_form)
