"""
Augmentation of images
======================

A network that has seen each digit only where it was drawn does not know that it stays the same
digit a little further to the left. ``augmentation="standard"`` shifts, turns, scales and slants
each image of 8 x 8 pixels at random, anew in each epoch. With few images, that makes a difference.
"""

# %%
# Two classifiers, 300 images to train on, and 1,497 to test.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, train_size=300, stratify=digits.target, random_state=0
)
accuracy = {}
for augmentation in (None, "standard"):
    classifier = KerasMulticlassClassifier(
        backbone="cnn",
        backbone__filters=(16, 32, 64),
        epochs=60,
        augmentation=augmentation,
        random_state=0,
    ).fit(X_train, y_train)
    accuracy[augmentation] = classifier.score(X_test, y_test)
print({name: round(value, 3) for name, value in accuracy.items()})

# %%
# The layer is part of the network, which shows what it does. Digits stay recognizable, and none is
# flipped.

layer = classifier.model_.get_layer("augmentation")
originals = X_train[:8].astype("float32")
figure, axes = plt.subplots(4, 8, figsize=(9, 4.8), layout="constrained")
for row, line in enumerate(axes):
    images = originals if row == 0 else np.asarray(layer(originals, training=True))
    for ax, image in zip(line, images, strict=True):
        ax.imshow(image, cmap="gray_r", interpolation="nearest", vmin=0, vmax=16)
        ax.set_xticks([])
        ax.set_yticks([])
    line[0].set_ylabel("original" if row == 0 else f"epoch {row}")
figure.suptitle("Digits as they are, and as the network sees them during training")
plt.show()
