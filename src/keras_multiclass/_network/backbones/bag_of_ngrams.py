"""The default backbone for texts: weighted sums of embeddings of words and n-grams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import layers

from keras_multiclass._network.backbones.building_blocks import dense, drop
from keras_multiclass._network.backbones.checks import (
    check_inputs,
    check_keras_object,
    check_positive_int,
    check_rate,
    check_sizes,
)
from keras_multiclass._network.backbones.registry import register_backbone
from keras_multiclass._network.backbones.training_defaults import TrainingDefaults
from keras_multiclass._network.layers.term_sums import TermSums

_SCALE = 4.0  # of sums of embeddings, whose weights have the Euclidean norm 1

# Adam takes steps of full length for rare terms, too, and so learns them by heart. With an epsilon
# above the size of their gradients, steps are the shorter, the rarer the term.
_DEFAULTS = TrainingDefaults(
    optimizer="adam",
    optimizer_arguments={"learning_rate": 0.02, "epsilon": 0.01},
    epochs=10,
    batch_size=128,
)
_ENSEMBLE = replace(
    _DEFAULTS,
    epochs=30,
    n_ensemble=8,
    validation_split=8,
    early_stopping={"patience": 10},
    calibration="temperature",
)


@register_backbone(
    "bag_of_ngrams",
    kind="text",
    stacked=True,
    defaults=replace(_DEFAULTS, up_to_rows={20_000: _ENSEMBLE}),
)
def bag_of_ngrams(
    inputs: keras.KerasTensor,
    *,
    n_terms: int = 20_000,
    units: int = 32,
    hidden_units: int | Sequence[int] = (128,),
    activation: Any = "relu",
    dropout: float = 0.5,
    term_dropout: float = 0.1,
    n_members: int = 1,
) -> keras.KerasTensor:
    """Build a network on sums of embeddings of words and n-grams, the default for texts.

    Terms are words, n-grams of words and whatever else `text_vectorizer` counts. The embeddings of
    the terms of a text are multiplied with their TF-IDF weights and added, as in fastText [1]_. The
    features are these sums, from which the output layer predicts as a logistic regression on TF-IDF
    does, and what a multilayer perceptron makes of them, as in deep averaging networks [2]_.

    For up to 20,000 texts, the classifier trains eight of these networks by default, each on
    another seven eighths of the texts, and keeps the epoch whose predictions for those held out are
    best after calibration; beyond, and if their number is unknown (`partial_fit`), one on all
    texts. Sizes and rates were chosen on 60 % of the questions of ``benchmarks/text``.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, length, 2)
        The number and the weight of each term of a text; terms of weight 0 are padding.
    n_terms : int, default=20000
        Size of the vocabulary, passed by the classifier.
    units : int, default=32
        Length of an embedding.
    hidden_units : int or sequence of int, default=(128,)
        Width of each hidden layer of the perceptron. Without any, the sums are the only features.
    activation : str, callable or None, default="relu"
        Any Keras activation.
    dropout : float, default=0.5
        Dropout rate of the sums and of each hidden layer, in [0, 1).
    term_dropout : float, default=0.1
        Fraction of the terms of a text that are dropped, in [0, 1).
    n_members : int, default=1
        Number of independent members, passed by the classifier.

    Returns
    -------
    KerasTensor of shape (batch, n_features), or (batch, n_members, n_features) for several members
        ``n_features`` is the sum of ``units`` and the last value of ``hidden_units``.

    Raises
    ------
    TypeError, ValueError
        If a parameter or the rank of ``inputs`` is invalid; the message names it.

    References
    ----------
    .. [1] A. Joulin, E. Grave, P. Bojanowski, T. Mikolov. "Bag of tricks for efficient text
       classification", EACL 2017.
    .. [2] M. Iyyer, V. Manjunatha, J. Boyd-Graber, H. Daume III. "Deep unordered composition rivals
       syntactic methods for text classification", ACL 2015.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("bag_of_ngrams").builder(keras.Input((50, 2)), units=16).shape
    (None, 144)
    """
    x = check_inputs(inputs, "text")
    n_terms = check_positive_int("n_terms", n_terms)
    units = check_positive_int("units", units)
    n_members = check_positive_int("n_members", n_members)
    widths = check_sizes("hidden_units", hidden_units, allow_empty=True)
    activation = check_keras_object("activation", activation, keras.activations)
    dropout = check_rate("dropout", dropout)
    term_dropout = check_rate("term_dropout", term_dropout)
    x = TermSums(n_terms, units, n_members, term_dropout)(x)
    sums = hidden = drop(layers.Rescaling(_SCALE)(x), dropout)
    for width in widths:
        hidden = drop(dense(hidden, width, activation=activation), dropout)
    return layers.Concatenate()([sums, hidden]) if widths else sums
