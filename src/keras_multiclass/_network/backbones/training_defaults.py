"""Training parameters recommended by a backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrainingDefaults:
    """Training parameters that a backbone recommends.

    They replace parameters that the user leaves at ``"auto"``. A routed argument such as
    ``optimizer__learning_rate`` overrides only that argument; ``optimizer`` or ``loss`` overrides
    the optimizer or loss including its arguments.

    Parameters
    ----------
    optimizer : str, class or None, default=None
        As in the classifier. Here and below, None means the classifier's own default.
    optimizer_arguments : mapping, default={}
        Arguments of the optimizer, without prefix.
    loss_arguments : mapping, default={}
        Arguments of the cross-entropy, such as ``{"label_smoothing": 0.1}``.
    epochs : int or None, default=None
        Number of passes over the training rows.
    batch_size : int or None, default=None
        Number of rows per step.
    least_batch_size : int, default=64
        Lower bound of ``batch_size="auto"``, used if `batch_size` is None.
    early_stopping : bool, int, mapping or None, default=None
        As in the classifier.
    validation_split : float or None, default=None
        Fraction of the rows held out for `early_stopping`.
    scaling : str or None, default=None
        Scaling of the numbers: ``"standard"``, ``"robust"`` or ``"quantile"``.
    n_ensemble : int or None, default=None
        Number of ensemble members.
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
