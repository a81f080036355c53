"""RealMLP: a multilayer perceptron for tables whose defaults were tuned over many of them."""

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

# Learning rates of groups of parameters, as multiples of that of the kernels.
_OF_SCALES = 6.0
_OF_BIASES = _OF_ACTIVATIONS = _OF_EMBEDDINGS = 0.1
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
_HEAD = partial(NTKDense, bias_learning_rate_factor=_OF_BIASES)


@register_backbone(
    "realmlp",
    kind="table",
    defaults=_DEFAULTS,
    head=_HEAD,
)
def realmlp(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    hidden_units: int | Sequence[int] = (256, 256, 256),
    activation: Any = "selu",
    dropout: float = 0.15,
    numeric_embedding: str | None = "periodic",
) -> keras.KerasTensor:
    r"""Build the multilayer perceptron RealMLP-TD of Holzmüller et al. [1]_.

    With ``Linear`` in the neural tangent parametrisation (section 3 and appendix A of [1]_)::

        features(x) = Block(...Block(scale * [Embedding(numbers of x), rest of x]))
        Block(x)    = dropout(x' + a (activation(x') - x')),  x' = Linear(x)

    ``scale`` and ``a`` are learnt for each feature and begin at 1. Relative to the kernels,
    scales learn 6 times as fast, and biases, ``a`` and embeddings a tenth as fast. Dropout falls
    to 0 over the second half of the training. Weight decay is for all but biases, and 36 times as
    large for scales.

    Three things differ from the authors' implementation (pytabkit 1.7.3). There biases begin at
    values drawn from the training rows, here at 0; nor are kernels scaled to the rows. There
    ``a`` and embeddings hardly decay, here they do as kernels do. On the few tables that we tried,
    neither made it worse. And ``epochs="auto"`` is 160, not the 256 of the paper, which take 1.6
    times as long; on eight of the tables of ``benchmarks/tables`` they lower the mean error by
    another quarter of a point.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table. The paper scales numbers by median and interquartile range, and clips them
        smoothly.
    table : TableLayout, default=None
        Says which inputs are numbers; None for all. The classifier passes it.
    hidden_units : int or sequence of int, default=(256, 256, 256)
        Width of each hidden layer.
    activation : str, callable or None, default="selu"
        Any Keras activation.
    dropout : float, default=0.15
        Share of each layer's outputs that is dropped in the first half of the training, in [0, 1).
    numeric_embedding : {"periodic", "piecewise"} or None, default="periodic"
        How each number becomes four: itself and three learnt periodic features, or a piecewise
        linear function of it.

    Returns
    -------
    KerasTensor of shape (batch, n_features)
        ``n_features`` is the last of ``hidden_units``.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is wrong; the message names it.

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
        x, table, numeric_embedding, _EMBEDDING_UNITS, learning_rate_factor=_OF_EMBEDDINGS
    )
    x = FeatureScale(_OF_SCALES)(x)
    for width in widths:
        x = NTKDense(width, _OF_BIASES)(x)
        if activation is not None:
            x = ParametricActivation(activation, _OF_ACTIVATIONS)(x)
        x = drop(x, dropout, "flat_cosine")
    return x


@register_backbone("realmlp_small", kind="table", defaults=_SMALL_DEFAULTS, head=_HEAD)
def realmlp_small(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    hidden_units: int | Sequence[int] = (128, 128),
    activation: Any = "selu",
    dropout: float = 0.15,
    numeric_embedding: str | None = "periodic",
) -> keras.KerasTensor:
    """Build a smaller `realmlp`, which ``backbone="auto"`` takes for tables.

    It is narrower, is trained for fewer epochs, and smooths labels and decays less, so
    that its probabilities are closer to the truth. Size, epochs and rates were chosen on the nine
    tables of ``benchmarks/tables``.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Which inputs are numbers; the classifier gives it. None: all of them.
    hidden_units : int or sequence of int, default=(128, 128)
        Width of each hidden layer.
    activation : str, callable or None, default="selu"
        Any Keras activation.
    dropout : float, default=0.15
        Largest share of each layer's outputs that is dropped while training, in [0, 1).
    numeric_embedding : {"periodic", "piecewise"} or None, default="periodic"
        How numbers are embedded.

    Returns
    -------
    KerasTensor of shape (batch, n_features)
        ``n_features`` is the last of ``hidden_units``.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is wrong; the message names it.

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
    )
