"""TabM: an ensemble of multilayer perceptrons for tables that share most of their weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras

from keras_multiclass._network.backbones.building_blocks import activate
from keras_multiclass._network.backbones.checks import (
    check_choice,
    check_inputs,
    check_keras_object,
    check_positive_int,
    check_rate,
)
from keras_multiclass._network.backbones.numeric_embedding import embed_numbers
from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._network.backbones.table_layout import TableLayout
from keras_multiclass._network.backbones.training_defaults import TrainingDefaults
from keras_multiclass._network.layers.batch_ensemble import BatchEnsembleDense, MemberScaling
from keras_multiclass._network.layers.dropout import RowDropout

_VARIANTS = ("full", "mini")


_DEFAULTS = TrainingDefaults(
    optimizer="scheduled_adam",
    # Twice the paper's rate; its layers are four times as wide. The authors use early stopping; a
    # schedule with a fixed end needs no validation rows.
    optimizer_arguments={"learning_rate": 4e-3, "schedule": "cosine"},
    epochs=60,
    scaling="quantile",
)
# More epochs overfit small tables of several labels per row, as fewer members average out less.
_SMALL_DEFAULTS = replace(_DEFAULTS, epochs=40)


@register_backbone("tabm", kind="table", ensemble=True, defaults=_DEFAULTS)
def tabm(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    n_members: int = 32,
    units: int = 128,
    num_layers: int = 3,
    activation: Any = "relu",
    dropout: float = 0.1,
    variant: str = "full",
    numeric_embedding: str | None = None,
    embedding_units: int = 16,
    n_bins: int = 48,
) -> keras.KerasTensor:
    """Build TabM [1]_: jointly trained multilayer perceptrons that share their kernels.

    The inputs are first multiplied by factors that differ between members and start at random. Each
    layer then computes ``dropout(activation(((x * r) @ kernel) * s + bias))`` with a shared kernel
    and separate ``r``, ``s`` and ``bias`` for each member (section 3.3 of [1]_). The classifier
    gives each member a head and a loss, and averages their probabilities.

    The layers of [1]_ have 512 units. With 128, a sixteenth of the multiplications are needed.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Layout of the inputs and quantiles of the numbers; None if all inputs are numbers.
    n_members : int, default=32
        Number of members.
    units : int, default=128
        Width of each layer.
    num_layers : int, default=3
        Number of layers.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.1
        Dropout rate of each layer's outputs, in [0, 1).
    variant : {"full", "mini"}, default="full"
        ``"mini"`` is TabM-mini: members differ only in their first factors and their heads.
    numeric_embedding : {"periodic", "piecewise"} or None, default=None
        Embedding of the numbers [2]_; None for the numbers themselves.
    embedding_units : int, default=16
        Length of each number's embedding.
    n_bins : int, default=48
        Number of bins of a piecewise embedding, which hold equally many training rows.

    Returns
    -------
    KerasTensor of shape (batch, n_members, units)
        The features of each member.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] Y. Gorishniy, A. Kotelnikov, A. Babenko. "TabM: Advancing tabular deep learning with
       parameter-efficient ensembling", ICLR 2025.
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko. "On embeddings for numerical features in tabular
       deep learning", NeurIPS 2022.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("tabm").builder(keras.Input((10,)), n_members=8, units=64).shape
    (None, 8, 64)
    """
    x = check_inputs(inputs, "table")
    n_members = check_positive_int("n_members", n_members)
    units = check_positive_int("units", units)
    num_layers = check_positive_int("num_layers", num_layers)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    variant = check_choice("variant", variant, _VARIANTS)

    drop = RowDropout(x)
    x = embed_numbers(x, table, numeric_embedding, embedding_units, n_bins)
    # Random signs preserve the scale of each input; embeddings need no such care.
    x = MemberScaling(n_members, "signs" if numeric_embedding is None else "normal")(x)
    for _ in range(num_layers):
        x = BatchEnsembleDense(units, scaled=variant == "full")(x)
        x = drop(activate(x, activation), dropout)
    return x


@register_backbone("tabm_small", kind="table", ensemble=True, defaults=_SMALL_DEFAULTS)
def tabm_small(
    inputs: keras.KerasTensor,
    *,
    table: TableLayout | None = None,
    n_members: int = 8,
    units: int = 128,
    num_layers: int = 3,
    activation: Any = "relu",
    dropout: float = 0.1,
    variant: str = "full",
    numeric_embedding: str | None = None,
    embedding_units: int = 16,
    n_bins: int = 48,
) -> keras.KerasTensor:
    """Build a smaller `tabm`, the default backbone for tables of several labels per row.

    It has fewer members and trains for fewer epochs, which is several times as fast. Both were
    chosen on tables of several labels per row, among them those of ``benchmarks/multilabel``.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        The table.
    table : TableLayout, default=None
        Layout of the inputs and quantiles of the numbers; None if all inputs are numbers.
    n_members : int, default=8
        Number of members.
    units : int, default=128
        Width of each layer.
    num_layers : int, default=3
        Number of layers.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.1
        Dropout rate of each layer's outputs, in [0, 1).
    variant : {"full", "mini"}, default="full"
        Which weights differ between members, as in `tabm`.
    numeric_embedding : {"periodic", "piecewise"} or None, default=None
        Embedding of the numbers, as in `tabm`.
    embedding_units : int, default=16
        Length of each number's embedding.
    n_bins : int, default=48
        Number of bins of a piecewise embedding.

    Returns
    -------
    KerasTensor of shape (batch, n_members, units)
        The features of each member.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is invalid; the message names it.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("tabm_small").builder(keras.Input((10,)), units=64).shape
    (None, 8, 64)
    """
    return tabm(
        inputs,
        table=table,
        n_members=n_members,
        units=units,
        num_layers=num_layers,
        activation=activation,
        dropout=dropout,
        variant=variant,
        numeric_embedding=numeric_embedding,
        embedding_units=embedding_units,
        n_bins=n_bins,
    )
