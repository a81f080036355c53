"""Networks whose augmentation mixes rows (MixUp, CutMix), and with them targets and weights."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_multiclass._network.side_by_side import EnsembleNetwork

__all__ = ["MixingEnsemble", "MixingNetwork"]

_register = keras.saving.register_keras_serializable(package="keras_multiclass")


@_register
class MixingNetwork(keras.Model):
    """A network with an `Augmentation` that mixes rows.

    Row ``i`` of a batch consists of parts ``p[i, j]`` of rows ``j``. Its weight is the sum of
    ``p[i, j] * w[j]``, and its target the mean of ``y[j]`` with the weights ``p[i, j] * w[j]``.
    For losses that are linear in the target, such as cross-entropy, this is the loss of MixUp [1]_
    and CutMix [2]_, the sum of ``p[i, j] * w[j] * loss(y[j], prediction[i])``. Class indices become
    one-hot, also in validation, where nothing is mixed.

    Parameters
    ----------
    inputs, outputs : KerasTensor
        As in ``keras.Model``.
    **kwargs : dict
        As in ``keras.Model``.

    References
    ----------
    .. [1] H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz. "mixup: beyond empirical risk
       minimization", ICLR 2018.
    .. [2] S. Yun, D. Han, S. Oh, S. Chun, J. Choe, Y. Yoo. "CutMix: regularization strategy to
       train strong classifiers with localizable features", ICCV 2019.
    """

    def _mixed(self, y: Any, y_pred: Any, weights: Any) -> tuple[Any, Any]:
        """Return targets of shape ``(batch, n_classes)``, and weights of shape ``(batch,)``."""
        if len(y.shape) == 1:
            y = ops.one_hot(ops.cast(y, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
        elif not keras.backend.is_float_dtype(y.dtype):  # zeros and ones of several labels
            y = ops.cast(y, y_pred.dtype)
        proportions = self.get_layer("augmentation").proportions
        if proportions is None:
            return y, weights
        proportions = ops.cast(proportions, y.dtype)
        if weights is None:
            return ops.matmul(proportions, y), None
        weights = ops.reshape(ops.cast(weights, y.dtype), (-1, 1))
        total = ops.matmul(proportions, weights)
        y = ops.divide_no_nan(ops.matmul(proportions, weights * y), total)
        return y, ops.reshape(total, (-1,))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Compute the loss of the mixed targets.

        Parameters
        ----------
        x, y, y_pred, sample_weight, **kwargs
            As in ``keras.Model.compute_loss``.
        """
        y, sample_weight = self._mixed(y, y_pred, sample_weight)
        return super().compute_loss(x, y, y_pred, sample_weight, **kwargs)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the metrics with the mixed targets of a batch, and return them.

        Parameters
        ----------
        x, y, y_pred, sample_weight
            As in ``keras.Model.compute_metrics``.
        """
        y, sample_weight = self._mixed(y, y_pred, sample_weight)
        self.get_layer("augmentation").forget()
        return super().compute_metrics(x, y, y_pred, sample_weight)

    compute_metrics.logs_like_keras = True  # type: ignore[attr-defined]


@_register
class MixingEnsemble(MixingNetwork, EnsembleNetwork):
    """An ensemble whose members train on the same mixed rows."""
