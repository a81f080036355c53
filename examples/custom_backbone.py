"""Networks of your own: a function that builds the hidden layers, and a pretrained Keras model.

Teaches the two ways of giving your own hidden layers as ``backbone``. A function gets the inputs
and returns features; its keyword arguments become parameters that can be searched
(``backbone__width``). A headless `keras.Model` is copied with its weights for each fit, so a
pretrained one keeps what it has learned and is never changed itself. The output layer, the loss
and the labels are left to the classifier in both cases. The data come with scikit-learn.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import cross_val_score, train_test_split

from keras_multiclass import KerasMulticlassClassifier


def two_towers(inputs, width=16):
    """Join a deep tower and a wide, linear one."""
    deep = keras.layers.Dense(width, activation="relu")(inputs)
    deep = keras.layers.Dense(width, activation="relu")(deep)
    wide = keras.layers.Dense(4)(inputs)
    return keras.layers.Concatenate()([deep, wide])


print("1. A function: three kinds of wine, 13 measurements.\n")
X, y = load_wine(return_X_y=True)
classifier = KerasMulticlassClassifier(
    backbone=two_towers, optimizer__learning_rate=0.02, epochs=12, random_state=0
)
wine_accuracy = {}
for width in (2, 32):
    classifier.set_params(backbone__width=width)
    wine_accuracy[width] = cross_val_score(classifier, X, y, cv=3).mean()
    print(f"backbone__width={width:<3} cross-validated accuracy {wine_accuracy[width]:.3f}")

print("\n2. A pretrained model: digits 5 to 9 from five examples of each.\n")
X, y = load_digits(return_X_y=True)
X = X / 16
body = keras.Sequential(
    [keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(32, "relu")]
)
untrained = [np.array(weights) for weights in body.get_weights()]
whole = keras.Sequential([body, keras.layers.Dense(5)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
whole.compile(keras.optimizers.Adam(0.01), loss)
whole.fit(X[y < 5], y[y < 5], epochs=8, verbose=0)  # the first five digits only
pretrained = body.get_weights()

X_train, X_test, y_train, y_test = train_test_split(
    X[y >= 5], y[y >= 5], train_size=25, stratify=y[y >= 5], random_state=0
)
few_labels_accuracy = {}
for name, weights in (("pretrained", pretrained), ("from scratch", untrained)):
    body.set_weights(weights)
    classifier = KerasMulticlassClassifier(
        backbone=body, optimizer__learning_rate=0.005, epochs=30, random_state=0
    )
    few_labels_accuracy[name] = classifier.fit(X_train, y_train).score(X_test, y_test)
    print(f"{name:12} test accuracy {few_labels_accuracy[name]:.3f}")
    unchanged = all(map(np.array_equal, body.get_weights(), weights))
print("the model given as backbone has the weights that it had:", unchanged)
