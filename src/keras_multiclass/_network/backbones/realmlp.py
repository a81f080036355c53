"""RealMLP: a multilayer perceptron whose defaults were tuned on many tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from keras_multiclass._network.backbones.checks import (
    check_inputs,
    check_keras_object,
    check_rate,
    check_sizes,
)
from keras_multiclass._network.backbones.numeric_embedding import embed_numbers
from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._network.backbones.table_layout import TableLayout
from keras_multiclass._network.backbones.training_defaults import TrainingDefaults
from keras_multiclass._network.layers.dropout import RowDropout
from keras_multiclass._network.layers.realmlp import FeatureScale, NTKDense, ParametricActivation

# Learning rates relative to that of the kernels.
_SCALE_FACTOR = 6.0
_BIAS_FACTOR = _ACTIVATION_FACTOR = _EMBEDDING_FACTOR = 0.1
_EMBEDDING_UNITS = 4

_DEFAULTS = TrainingDefaults(
    optimizer="scheduled_adam",
    optimizer_arguments={
        "learning_rate": 0.04,
        "beta_2": 0.95,
        "epsilon": 1e-8,
        "schedule": "coslog4",
        "weight_decay": 0.02,
        "weight_decay_schedule": "flat_cosine",
    },
    loss_arguments={"label_smoothing": 0.1},
    epochs=160,
    batch_size=256,
    scaling="robust",
)
_SMALL_DEFAULTS = replace(
    _DEFAULTS,
    optimizer_arguments={
        **_DEFAULTS.optimizer_arguments,
        "learning_rate": 0.05,
        "weight_decay": 0.01,
    },
    loss_arguments={"label_smoothing": 0.02},
    epochs=64,
    batch_size=None,
    least_batch_size=128,
)
# Each member holds out another quarter of the rows; see `mlp_plr`.
_SMALL_ENSEMBLE = replace(
    _SMALL_DEFAULTS,
    n_ensemble=4,
    validation_split=4,
    early_stopping=True,
    calibration="temperature",
)
_SMALL_BEST = replace(_SMALL_ENSEMBLE, epochs=128, n_ensemble=8, validation_split=8)
_HEAD = partial(NTKDense, bias_learning_rate_factor=_BIAS_FACTOR)


@register_backbone(
    "realmlp",
    kind="table",
    defaults=_DEFAULTS,
    head=_HEAD,
    stacked=True,
)
def realmlp(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    hidden_units: int | Sequence[int] = (256, 256, 256),
    activation: Any = "selu",
    dropout: float = 0.15,
    numeric_embedding: str | None = "periodic",
    n_members: int = 1,
) -> keras.KerasTensor:
    r"""Build RealMLP-TD, the multilayer perceptron of Holzmüller et al. [1]_.

    With ``Linear`` in the neural tangent parametrization (section 3 and appendix A of [1]_)::

        features(x) = Block(...Block(scale * [Embedding(numbers of x), rest of x]))
        Block(x)    = dropout(x' + a (activation(x') - x')),  x' = Linear(x)

    ``scale`` and ``a`` are learned for each feature and start at 1. Relative to the kernels, scales
    learn 6 times as fast, and biases, ``a`` and embeddings a tenth as fast. Dropout falls to 0 over
    the second half of training. Weight decay applies to everything except biases, and is 36 times
    as large for scales.

    There are three differences from the authors' implementation (pytabkit 1.7.3). It initializes
    biases from the training rows and scales kernels to them; here biases start at 0 and kernels are
    not scaled. It hardly decays ``a`` and embeddings; here they decay like kernels. Neither made
    results worse on the few tables we tried. Finally, ``epochs="auto"`` is 160 instead of the
    paper's 256, which take 1.6 times as long; on eight of the tables of ``benchmarks/tables`` the
    latter lower the mean error by another quarter of a point.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table. The paper scales numbers by median and interquartile range and clips them
        smoothly.
    table : TableLayout, default=None
        Layout of the inputs, passed by the classifier; None if all are numbers.
    hidden_units : int or sequence of int, default=(256, 256, 256)
        Width of each hidden layer.
    activation : str, callable or None, default="selu"
        Any Keras activation.
    dropout : float, default=0.15
        Dropout rate of each layer's outputs in the first half of training, in [0, 1).
    numeric_embedding : {"periodic", "piecewise"} or None, default="periodic"
        Embedding of each number as four features: itself and three learned periodic ones, or a
        piecewise linear function of it. None for the numbers themselves.
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
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by default: Strong pre-tuned MLPs
       and boosted trees on tabular data", NeurIPS 2024.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("realmlp").builder(keras.Input((10,)), hidden_units=[64, 32]).shape
    (None, 32)
    """
    x = check_inputs(inputs, "table")
    widths = check_sizes("hidden_units", hidden_units)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    drop = RowDropout(x)
    x = embed_numbers(
        x,
        table,
        numeric_embedding,
        _EMBEDDING_UNITS,
        learning_rate_factor=_EMBEDDING_FACTOR,
        n_members=n_members,
    )
    x = FeatureScale(_SCALE_FACTOR)(x)
    for width in widths:
        x = NTKDense(width, _BIAS_FACTOR)(x)
        if activation is not None:
            x = ParametricActivation(activation, _ACTIVATION_FACTOR)(x)
        x = drop(x, dropout, "flat_cosine")
    return x


@register_backbone(
    "realmlp_small",
    kind="table",
    defaults=replace(_SMALL_DEFAULTS, up_to_rows={20_000: _SMALL_ENSEMBLE}, best=_SMALL_BEST),
    head=_HEAD,
    stacked=True,
)
def realmlp_small(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    hidden_units: int | Sequence[int] = (128, 128),
    activation: Any = "selu",
    dropout: float = 0.15,
    numeric_embedding: str | None = "periodic",
    n_members: int = 1,
) -> keras.KerasTensor:
    """Build a smaller `realmlp`, the default for tables of more than 2,000 rows.

    It is narrower and trained for fewer epochs, with less label smoothing and weight decay. Size,
    epochs and rates were chosen on nine of the tables of ``benchmarks/tables``.

    On tables of up to 20,000 rows, the classifier trains four of these networks by default, each on
    another three quarters of the rows, and keeps the epoch whose predictions for the rows held out
    are best after calibration, as for ``mlp_plr``; beyond, and if the number of rows is unknown
    (streams, `partial_fit`), one on all rows. With ``preset="best"``, there are eight networks,
    each of which holds out another eighth of the rows, and 128 epochs.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Layout of the inputs, passed by the classifier; None if all are numbers.
    hidden_units : int or sequence of int, default=(128, 128)
        Width of each hidden layer.
    activation : str, callable or None, default="selu"
        Any Keras activation.
    dropout : float, default=0.15
        Largest dropout rate of each layer's outputs, in [0, 1).
    numeric_embedding : {"periodic", "piecewise"} or None, default="periodic"
        Embedding of the numbers, as in `realmlp`.
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

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("realmlp_small").builder(keras.Input((10,)), hidden_units=[32, 16]).shape
    (None, 16)
    """
    return realmlp(
        inputs,
        table=table,
        hidden_units=hidden_units,
        activation=activation,
        dropout=dropout,
        numeric_embedding=numeric_embedding,
        n_members=n_members,
    )
