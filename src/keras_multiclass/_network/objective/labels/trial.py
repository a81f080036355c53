"""Rows to try a user's loss or metric on, for labels of which a row may have several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from keras_multiclass._network.objective.form_detection import Evaluate, call
from keras_multiclass._network.objective.forms import LabelForms, LabelOutputForm

__all__ = ["LabelTrial"]


@dataclass(frozen=True)
class LabelTrial:
    """An indicator matrix, and a right and a wrong prediction for each row; see `Trial`."""

    targets: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    output_form: LabelOutputForm

    @classmethod
    def make(cls, n_labels: int, output_form: LabelOutputForm) -> LabelTrial:
        """Make the rows for a number of labels and a form of output."""
        # The number of rows differs from the number of labels (and from 1), so that broadcasting
        # cannot confuse the two axes.
        shape = (7 if n_labels != 7 else 9, n_labels)
        targets = np.random.default_rng(0).integers(2, size=shape, dtype="uint8")
        certain = np.linspace(0.65, 0.9, targets.size).reshape(shape)
        right = np.where(targets, certain, 1 - certain)
        return cls(targets, right, 1 - right, output_form)

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """One value for each row, or for each label of each row."""
        n = len(self.targets)
        return ((n,), (n, 1), self.targets.shape)

    def candidates(self, *, scores: bool) -> Sequence[LabelForms]:
        """Return the only form of labels."""
        n_labels = self.targets.shape[1]
        return [LabelForms("scores" if scores else "probabilities", self.output_form, n_labels)]

    def labels_of(self, forms: LabelForms) -> str:
        """Describe the labels."""
        return "0/1 labels (n, n_labels)"

    def variants(self) -> Sequence[tuple[LabelTrial, LabelTrial]]:
        """Return the trial, and one with the opposite targets."""
        return [(self, replace(self, targets=1 - self.targets))]

    def raw(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the model output that corresponds to probabilities."""
        if self.output_form == "label_probabilities":
            return probabilities
        return np.log(probabilities / (1.0 - probabilities))

    def prefer_logits(self, evaluate: Evaluate, forms: LabelForms) -> LabelForms:
        """Return forms with logits for a function that applies a sigmoid itself.

        It gives the same for a label and its logit as for the opposite label and the negated logit;
        a function of probabilities does not.
        """
        dtype = keras.config.floatx()
        target = forms.targets(self.targets, dtype)
        logits = np.linspace(-2.0, 3.0, self.targets.size).reshape(self.targets.shape)
        try:
            first = call(evaluate, target, ops.cast(logits, dtype))
            second = call(evaluate, 1.0 - target, ops.cast(-logits, dtype))
        except Exception:
            return forms
        if not np.isfinite(first).all() or not np.allclose(first, second, rtol=1e-4, atol=1e-6):
            return forms
        return replace(forms, prediction="logits")
