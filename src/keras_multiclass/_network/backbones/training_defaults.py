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
    validation_split : float, int or None, default=None
        Fraction of the rows held out for `early_stopping` and `calibration`, or number of folds.
    scaling : str or None, default=None
        Scaling of the numbers: ``"standard"``, ``"robust"`` or ``"quantile"``.
    n_ensemble : int or None, default=None
        Number of ensemble members.
    calibration : {"temperature"} or None, default=None
        As in the classifier.
    up_to_rows : mapping of int to TrainingDefaults, default={}
        Other recommendations for at most so many training rows.
    best : TrainingDefaults or None, default=None
        Recommendations for ``preset="best"``: training takes longer, predictions are better.

    Notes
    -----
    If `validation_split` is a number of folds, `early_stopping` and `calibration` are recommended
    for ensembles that are trained with the cross-entropy. They are off if the user chooses a single
    network or another loss, or if there are fewer than 60 rows, or four for each class.
    """

    optimizer: Any = None
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    loss_arguments: Mapping[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    batch_size: int | None = None
    least_batch_size: int = 64
    early_stopping: Any = None
    validation_split: float | int | None = None
    scaling: str | None = None
    n_ensemble: int | None = None
    calibration: str | None = None
    up_to_rows: Mapping[int, TrainingDefaults] = field(default_factory=dict)
    best: TrainingDefaults | None = None

    @property
    def has_folds(self) -> bool:
        """Whether each member of an ensemble should hold out another fold of the rows."""
        return isinstance(self.validation_split, int)

    def for_preset(self, preset: str | None) -> TrainingDefaults | None:
        """Return the recommendations for the classifier's ``preset``.

        Parameters
        ----------
        preset : {"best"} or None
            The parameter.

        Returns
        -------
        TrainingDefaults or None
            None if there are none for this preset.
        """
        return self if preset is None else self.best

    def for_rows(self, n_rows: int | None) -> TrainingDefaults:
        """Return the recommendations for a number of training rows.

        Parameters
        ----------
        n_rows : int or None
            The number; None if it is not known, as that of a stream.

        Returns
        -------
        TrainingDefaults
            Those of the smallest key of `up_to_rows` that is not exceeded, else these.
        """
        sizes = [size for size in self.up_to_rows if n_rows is not None and n_rows <= size]
        return self.up_to_rows[min(sizes)] if sizes else self
