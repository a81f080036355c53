"""
Custom networks
===============

A custom ``backbone`` is either a function that builds hidden layers or a pretrained Keras model. A
function takes the inputs and returns features; its keyword arguments become parameters that can be
searched (``backbone__width``). Each fit trains a copy of a headless ``keras.Model`` that starts
from its weights, so the pretrained model itself is never changed. In both cases, the classifier
takes care of the output layer, the loss and the labels. The data sets are included in scikit-learn.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import cross_val_score, train_test_split

from keras_multiclass import KerasMulticlassClassifier

# %%
# A function
# ----------


def two_towers(inputs, width=16):
    """Concatenate a deep tower and a wide, linear one."""
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

# %%
# A pretrained model
# ------------------
# First, train on many images with coarse labels (0 or 1, 2 or 3, ...) to learn useful features.

print("\n2. A pretrained model: ten digits, one example of each.\n")
X, y = load_digits(return_X_y=True)
X_pool, X_test, y_pool, y_test = train_test_split(
    X / 16, y, test_size=0.4, stratify=y, random_state=0
)
coarse = KerasMulticlassClassifier(
    backbone="mlp",
    backbone__hidden_units=(64, 32),
    optimizer__learning_rate=0.005,
    epochs=15,
    scaling=None,
    random_state=0,
).fit(X_pool, y_pool // 2)

# %%
# ``model_`` is an ordinary Keras model; without its output layer it is a pretrained backbone.

pretrained = keras.Model(coarse.model_.input, coarse.model_.layers[-2].output)
weights_before = pretrained.get_weights()

# %%
# Now train two classifiers on a single example of each digit:

few = np.concatenate([np.flatnonzero(y_pool == digit)[:1] for digit in range(10)])
few_labels_accuracy = {}
for name, backbone in (("from scratch", "mlp"), ("pretrained", pretrained)):
    size = {"backbone__hidden_units": (64, 32)} if backbone == "mlp" else {}
    classifier = KerasMulticlassClassifier(
        backbone=backbone,
        optimizer__learning_rate=0.005,
        epochs=30,
        scaling=None,
        random_state=0,
        **size,
    )
    classifier.fit(X_pool[few], y_pool[few])
    few_labels_accuracy[name] = classifier.score(X_test, y_test)
    print(f"{name:12} test accuracy {few_labels_accuracy[name]:.3f}")
unchanged = all(map(np.array_equal, pretrained.get_weights(), weights_before))
print("weights of the pretrained model unchanged:", unchanged)
