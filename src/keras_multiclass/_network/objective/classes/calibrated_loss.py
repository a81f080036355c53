"""The cross-entropy that probabilities would have if they were calibrated."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._shared.upstream.keras_objects import set_direction

__all__ = ["CALIBRATED_LOSS", "PRIOR_PRECISION", "CalibratedCrossentropy"]

CALIBRATED_LOSS = "calibrated_crossentropy"
PRIOR_PRECISION = 10.0  # of the normal prior of the logarithm of a temperature, around 0
_TEMPERATURES = np.geomspace(0.25, 8.0, 21)
_PENALTIES = PRIOR_PRECISION / 2 * np.log(_TEMPERATURES) ** 2


@keras.saving.register_keras_serializable(package="keras_multiclass")
class CalibratedCrossentropy(keras.metrics.Metric):
    """The cross-entropy of an epoch after calibration, at one of 21 temperatures from 1/4 to 8.

    Of these, the one is chosen that calibration would come closest to: it minimizes the sum of the
    losses of all rows and the same penalty on temperatures far from 1.

    Networks become over-confident long before their predictions stop getting better, so that the
    cross-entropy rises in epochs that are worth training if the probabilities are calibrated
    afterwards (Berta, Holzmüller, Jordan and Bach, "Rethinking early stopping: refine, then
    calibrate", arXiv 2501.19195, 2025).

    Parameters
    ----------
    name, dtype
        As in ``keras.metrics.Metric``.

    Notes
    -----
    Takes one-hot or soft labels ``(n, n_classes)`` and logits of this shape.
    """

    def __init__(self, name: str = CALIBRATED_LOSS, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        set_direction(self, "down")
        shape = (len(_TEMPERATURES),)
        self.losses = self.add_variable(shape, "zeros", dtype=self.dtype, name="losses")
        self.count, self.squares = (
            self.add_variable((), "zeros", dtype=self.dtype, name=name)
            for name in ("count", "squares")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of labels and logits."""
        logits = ops.cast(y_pred, self.dtype)
        weights = ops.ones_like(logits[:, 0])
        if sample_weight is not None:
            weights = ops.cast(sample_weight, self.dtype)
        scaled = logits[:, None, :] * ops.cast(1 / _TEMPERATURES, self.dtype)[:, None]
        labels = ops.cast(y_true, self.dtype)[:, None, :]
        # The labels of a row sum to one.
        losses = ops.logsumexp(scaled, axis=-1) - ops.sum(labels * scaled, axis=-1)
        self.losses.assign_add(ops.matmul(weights, losses))
        self.count.assign_add(ops.sum(weights))
        self.squares.assign_add(ops.sum(ops.square(weights)))

    def result(self) -> Any:
        """Return the loss at the chosen temperature, 0 before the first row."""
        mean_weight = ops.divide_no_nan(self.squares, self.count)
        penalty = mean_weight * ops.cast(_PENALTIES, self.dtype)
        chosen = ops.argmin(self.losses + penalty)
        return ops.divide_no_nan(ops.take(self.losses, chosen), self.count)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {"name": self.name, "dtype": self.dtype}
