"""How a backbone is best trained and what its inputs should look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrainingDefaults:
    """Values for the classifier's parameters that a backbone is best trained with.

    They stand where the user left a parameter at ``"auto"``. What the user sets wins: a routed
    argument such as ``optimizer__learning_rate`` over that argument alone, ``optimizer`` or
    ``loss`` over the whole of it.

    Parameters
    ----------
    optimizer : str, class or None, default=None
        As the classifier's parameter; None for the classifier's own choice, as with the others.
    optimizer_arguments : mapping, default={}
        Arguments of the optimizer, by name without a prefix.
    loss_arguments : mapping, default={}
        Arguments of the cross-entropy, such as ``{"label_smoothing": 0.1}``.
    epochs : int or None, default=None
        How often to go through the training rows.
    batch_size : int or None, default=None
        Rows per step.
    least_batch_size : int, default=64
        The least that ``batch_size="auto"`` gives where `batch_size` is None.
    early_stopping : bool, int, mapping or None, default=None
        As the classifier's parameter.
    validation_split : float or None, default=None
        Fraction of the rows that `early_stopping` holds out.
    scaling : str or None, default=None
        How numbers are scaled: ``"standard"``, ``"robust"`` or ``"quantile"``.
    n_ensemble : int or None, default=None
        How many networks are trained side by side.
    """

    optimizer: Any = None
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    loss_arguments: Mapping[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    batch_size: int | None = None
    least_batch_size: int = 64
    early_stopping: Any = None
    validation_split: float | None = None
    scaling: str | None = None
    n_ensemble: int | None = None
