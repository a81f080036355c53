"""The hidden parts of the networks in Keras."""

from __future__ import annotations

import keras
from keras import layers

WORDS, WIDTH, HEADS = 1_000, 64, 4


def small_cnn(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Two convolutions, as in the first tutorials for digits."""
    x = inputs
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return layers.Dense(128, activation="relu")(layers.Flatten()(x))


def large_cnn(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Three convolutions, averaged over the pixels."""
    x = inputs
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return layers.GlobalAveragePooling2D()(x)


def lstm(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """One layer, the state after the last step."""
    return layers.LSTM(WIDTH)(inputs)


def gru(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """One layer, the state after the last step."""
    return layers.GRU(WIDTH)(inputs)


def transformer(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Two encoder layers with normalization after each addition, averaged over the tokens."""
    x = layers.Embedding(WORDS, WIDTH)(inputs)
    for _ in range(2):
        attended = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(x, x)
        x = layers.LayerNormalization()(x + attended)
        hidden = layers.Dense(2 * WIDTH, activation="relu")(x)
        x = layers.LayerNormalization()(x + layers.Dense(WIDTH)(hidden))
    return layers.GlobalAveragePooling1D()(x)
