"""Table backbones: a multilayer perceptron and a residual network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_multiclass._network.backbones.building_blocks import activate, dense, normalize_rows
from keras_multiclass._network.backbones.checks import (
    check_choice,
    check_inputs,
    check_keras_object,
    check_positive_int,
    check_rate,
    check_sizes,
)
from keras_multiclass._network.backbones.numeric_embedding import embed_numbers
from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._network.backbones.table_layout import TableLayout
from keras_multiclass._network.layers.dropout import RowDropout

_NORMALIZATIONS = ("layer", "batch", None)


@register_backbone("mlp", kind="table", stacked=True)
def mlp(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    hidden_units: int | Sequence[int] = (128, 128),
    activation: Any = "relu",
    dropout: float = 0.0,
    normalization: str | None = None,
    kernel_initializer: Any = "glorot_uniform",
    kernel_regularizer: Any = None,
    numeric_embedding: str | None = None,
    embedding_units: int = 16,
    n_members: int = 1,
) -> keras.KerasTensor:
    """Build a multilayer perceptron.

    Each layer computes ``dropout(activation(normalization(x @ kernel + bias)))``.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Layout of the inputs and quantiles of the numbers; None if all inputs are numbers.
    hidden_units : int or sequence of int, default=(128, 128)
        Width of each hidden layer. An empty sequence returns the inputs themselves, which makes the
        classifier a multinomial logistic regression.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.0
        Dropout rate of each layer's outputs, in [0, 1).
    normalization : {"layer", "batch"} or None, default=None
        Normalization before each activation. Batch normalization couples the rows of a batch, so
        that a sample weight of 2 is no longer equivalent to repeating the row.
    kernel_initializer : str or keras.initializers.Initializer, default="glorot_uniform"
        Initializer of the kernels.
    kernel_regularizer : str, keras.regularizers.Regularizer or None, default=None
        Penalty on the kernels, such as ``keras.regularizers.L2(1e-4)``.
    numeric_embedding : {"periodic", "piecewise"} or None, default=None
        Embedding of the numbers [1]_; None for the numbers themselves.
    embedding_units : int, default=16
        Length of each number's embedding.
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

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("mlp").builder(keras.Input((10,)), hidden_units=[32, 16]).shape
    (None, 16)
    """
    x = check_inputs(inputs, "table")
    widths = check_sizes("hidden_units", hidden_units, allow_empty=True)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    normalization = check_choice("normalization", normalization, _NORMALIZATIONS)
    initializer = check_keras_object("kernel_initializer", kernel_initializer, keras.initializers)
    regularizer = check_keras_object("kernel_regularizer", kernel_regularizer, keras.regularizers)
    x = embed_numbers(x, table, numeric_embedding, embedding_units, n_members=n_members)
    drop = RowDropout(inputs)
    for width in widths:
        x = dense(
            x,
            width,
            # Without normalization, the layer applies the activation itself: half the layers.
            activation=activation if normalization is None else None,
            # Batch normalization would subtract any bias.
            use_bias=normalization != "batch",
            kernel_initializer=_fresh(initializer),
            kernel_regularizer=regularizer,
        )
        if normalization is not None:
            x = activate(normalize_rows(x, normalization), activation)
        x = drop(x, dropout)
    return x


@register_backbone("resnet", kind="table", stacked=True)
def resnet(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    units: int = 128,
    num_layers: int = 2,
    hidden_factor: int = 2,
    activation: Any = "relu",
    dropout: float = 0.0,
    residual_dropout: float = 0.0,
    normalization: str | None = "layer",
    numeric_embedding: str | None = None,
    embedding_units: int = 16,
    n_members: int = 1,
) -> keras.KerasTensor:
    r"""Build the residual network of Gorishniy et al. [1]_ for tables.

    With ``Linear`` a dense layer and ``Norm`` the chosen normalization (section 3.2 of [1]_)::

        features(x) = activation(Norm(Block(...Block(Linear(x)))))
        Block(x)    = x + residual_dropout(Linear(dropout(activation(Linear(Norm(x))))))

    The paper uses batch normalization and tunes dropout. The defaults here are layer normalization
    and no dropout, so that rows do not influence one another and weighting a row is equivalent to
    repeating it.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Layout of the inputs and quantiles of the numbers; None if all inputs are numbers.
    units : int, default=128
        Width of the residual stream and number of features.
    num_layers : int, default=2
        Number of residual blocks.
    hidden_factor : int, default=2
        Hidden width of a block as a multiple of ``units``.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.0
        Dropout rate of a block's hidden values, in [0, 1).
    residual_dropout : float, default=0.0
        Dropout rate of a block's outputs, in [0, 1).
    normalization : {"layer", "batch"} or None, default="layer"
        Normalization at the start of each block and at the end.
    numeric_embedding : {"periodic", "piecewise"} or None, default=None
        Embedding of the numbers [2]_; None for the numbers themselves.
    embedding_units : int, default=16
        Length of each number's embedding.
    n_members : int, default=1
        Number of independent members, passed by the classifier.

    Returns
    -------
    KerasTensor of shape (batch, units), or (batch, n_members, units) for several members
        The features.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, V. Khrulkov, A. Babenko. "Revisiting deep learning models
       for tabular data", NeurIPS 2021.
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko. "On embeddings for numerical features in tabular
       deep learning", NeurIPS 2022.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("resnet").builder(keras.Input((10,)), units=32).shape
    (None, 32)
    """
    x = check_inputs(inputs, "table")
    units = check_positive_int("units", units)
    num_layers = check_positive_int("num_layers", num_layers)
    hidden_units = units * check_positive_int("hidden_factor", hidden_factor)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    residual_dropout = check_rate("residual_dropout", residual_dropout)
    normalization = check_choice("normalization", normalization, _NORMALIZATIONS)
    x = embed_numbers(x, table, numeric_embedding, embedding_units, n_members=n_members)

    # Everything that reads the residual stream starts with Norm, and batch normalization would
    # subtract any bias.
    use_bias = normalization != "batch"
    drop = RowDropout(inputs)
    x = dense(x, units, use_bias=use_bias)
    for _ in range(num_layers):
        hidden = dense(normalize_rows(x, normalization), hidden_units, activation=activation)
        change = dense(drop(hidden, dropout), units, use_bias=use_bias)
        x = layers.Add()([x, drop(change, residual_dropout)])
    return activate(normalize_rows(x, normalization), activation)


def _fresh(initializer: Any) -> Any:
    """Copy an initializer: one object used twice would give two layers equal initial values."""
    if isinstance(initializer, keras.initializers.Initializer):
        return type(initializer).from_config(initializer.get_config())
    return initializer
