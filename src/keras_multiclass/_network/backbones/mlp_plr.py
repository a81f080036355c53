"""MLP-PLR: a multilayer perceptron on embedded numbers, the default backbone for small tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._network.backbones.table_layout import TableLayout
from keras_multiclass._network.backbones.tabular import mlp
from keras_multiclass._network.backbones.training_defaults import TrainingDefaults

_EMBEDDING_UNITS = 4
_DEFAULTS = TrainingDefaults(
    optimizer="scheduled_adam",
    optimizer_arguments={"learning_rate": 4e-3, "schedule": "cosine"},
    epochs=24,
    least_batch_size=32,
    scaling="robust",
)
_ENSEMBLE = replace(
    _DEFAULTS,
    n_ensemble=4,
    validation_split=8,
    early_stopping={"patience": 10},
    calibration="temperature",
)
_BEST = replace(
    _ENSEMBLE,
    optimizer_arguments={"learning_rate": 3e-3, "schedule": "cosine"},
    epochs=40,
    n_ensemble=16,
    validation_split=16,
)


@register_backbone(
    "mlp_plr",
    kind="table",
    stacked=True,
    defaults=replace(_DEFAULTS, up_to_rows={20_000: _ENSEMBLE}, best=_BEST),
)
def mlp_plr(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    hidden_units: int | Sequence[int] = (128, 128),
    activation: Any = "relu",
    dropout: float = 0.1,
    numeric_embedding: str | None = "periodic",
    n_members: int = 1,
) -> keras.KerasTensor:
    """Build a multilayer perceptron on embedded numbers, the default for small tables.

    This is the ``mlp`` with the embeddings of RealMLP [2]_, a variant of the periodic embeddings of
    MLP-PLR [1]_: each number becomes itself and three learned periodic features.

    On tables of up to 20,000 rows, the classifier trains four of these networks by default, each on
    another seven eighths of the rows; beyond, and if the number of rows is unknown (streams,
    `partial_fit`), one on all rows. With ``preset="best"``, there are 16 networks, each of which
    holds out another sixteenth of the rows, and 40 epochs.

    The epoch whose predictions for the rows held out are best after calibration is kept, and the
    temperature is fitted to these predictions ("refine, then calibrate" [3]_). Networks that
    overfit are thus stopped and their confidence is corrected, although each row is trained on by
    most of them. Sizes, epochs and rates were chosen on tables of ``benchmarks/tables``.
    ``backbone="auto"`` is this backbone for tables of up to 2,000 rows.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Layout of the inputs, passed by the classifier; None if all are numbers.
    hidden_units : int or sequence of int, default=(128, 128)
        Width of each hidden layer.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.1
        Dropout rate of each layer's outputs, in [0, 1).
    numeric_embedding : {"periodic", "piecewise"} or None, default="periodic"
        Embedding of the numbers; None for the numbers themselves.
    n_members : int, default=1
        Number of independent members, passed by the classifier.

    Returns
    -------
    KerasTensor of shape (batch, n_features), or (batch, n_members, n_features) for several members
        ``n_features`` is the last value of ``hidden_units``.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko. "On embeddings for numerical features in tabular
       deep learning", NeurIPS 2022.
    .. [2] D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by default: Strong pre-tuned MLPs
       and boosted trees on tabular data", NeurIPS 2024.
    .. [3] E. Berta, D. Holzmüller, M. I. Jordan, F. Bach. "Rethinking early stopping: refine, then
       calibrate", arXiv:2501.19195, 2025.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("mlp_plr").builder(keras.Input((10,)), hidden_units=[64, 32]).shape
    (None, 32)
    """
    return mlp(
        inputs,
        table=table,
        hidden_units=hidden_units,
        activation=activation,
        dropout=dropout,
        numeric_embedding=numeric_embedding,
        embedding_units=_EMBEDDING_UNITS,
        n_members=n_members,
    )
