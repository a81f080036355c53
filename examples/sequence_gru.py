"""
Sequences of different lengths
==============================

Padded with zeros, with a recurrent network (GRU). Teaches how sequences go in,
``(n_samples, n_steps, n_channels)``, that steps of zeros are padding and are left out wherever
they stand, and why order needs a network that has a memory. The data are generated here: noise
with two bumps, each upwards or downwards, at random places. The classes are the four orders; two
of them differ in nothing but the order of the bumps.
"""

import numpy as np
from sklearn.metrics import classification_report

from keras_multiclass import KerasMulticlassClassifier

MAX_STEPS = 24
rng = np.random.default_rng(0)


def generate(n_samples):
    """Make padded sequences of 12 to 24 steps with one channel, and their labels."""
    X = np.zeros((n_samples, MAX_STEPS, 1))
    labels, lengths = [], rng.integers(12, MAX_STEPS + 1, size=n_samples)
    for row, length in enumerate(lengths):
        signs = rng.choice([-1, 1], size=2)
        places = rng.integers(0, length // 2 - 1), rng.integers(length // 2, length - 1)
        X[row, :length, 0] = rng.normal(0, 0.5, size=length)
        for sign, place in zip(signs, places, strict=True):
            X[row, place : place + 2, 0] += 2 * sign
        labels.append("-".join("up" if sign > 0 else "down" for sign in signs))
    return X, np.array(labels), lengths


# %%

X_train, y_train, _ = generate(500)
X_test, y_test, lengths = generate(300)
print(f"training sequences {X_train.shape}, classes {np.unique(y_train)}\n")

# %%
# The order of the bumps is known:

classifier = KerasMulticlassClassifier(
    backbone="gru",
    backbone__units=16,
    optimizer__learning_rate=0.02,
    epochs=15,
    random_state=0,
)
predicted = classifier.fit(X_train, y_train).predict(X_test)
accuracy = np.mean(predicted == y_test)
print(classification_report(y_test, predicted, digits=3))

# %%
# Lengths and padding do not matter. The zeros may be at the end or in front:

short = lengths < 18
print(f"accuracy for sequences of 12 to 17 steps {np.mean((predicted == y_test)[short]):.3f}")
print(f"accuracy for sequences of 18 to 24 steps {np.mean((predicted == y_test)[~short]):.3f}")

# `np.roll` moves the zeros from the end to the front.
padded_first = np.stack(
    [np.roll(x, MAX_STEPS - n, axis=0) for x, n in zip(X_test, lengths, strict=True)]
)
change = classifier.predict_proba(padded_first) - classifier.predict_proba(X_test)
largest_change = np.abs(change).max()
print(f"largest change of a probability with the padding in front: {largest_change:.6f}")
