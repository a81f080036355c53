"""
Sequences of different lengths
==============================

Classify sequences of different lengths with a recurrent network (GRU). Sequences have shape
``(n_samples, n_steps, n_channels)``; all-zero steps at the end are padding and are skipped.
The data are generated: noise with two bumps, each up or down, at random positions. The classes are
the four combinations; two of them differ only in the order of the bumps, which requires memory.
"""

import numpy as np
from sklearn.metrics import classification_report

from keras_multiclass import KerasMulticlassClassifier

MAX_STEPS = 24
rng = np.random.default_rng(0)


def generate(n_samples):
    """Generate padded one-channel sequences of 12 to 24 steps, and their labels."""
    X = np.zeros((n_samples, MAX_STEPS, 1))
    labels, lengths = [], rng.integers(12, MAX_STEPS + 1, size=n_samples)
    for row, length in enumerate(lengths):
        signs = rng.choice([-1, 1], size=2)
        positions = rng.integers(0, length // 2 - 1), rng.integers(length // 2, length - 1)
        X[row, :length, 0] = rng.normal(0, 0.5, size=length)
        for sign, position in zip(signs, positions, strict=True):
            X[row, position : position + 2, 0] += 2 * sign
        labels.append("-".join("up" if sign > 0 else "down" for sign in signs))
    return X, np.array(labels), lengths


# %%

X_train, y_train, _ = generate(500)
X_test, y_test, lengths = generate(300)
print(f"training sequences {X_train.shape}, classes {np.unique(y_train)}\n")

# %%
# The network recognizes the order of the bumps:

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
# The length of the padding does not matter:

short = lengths < 18
print(f"accuracy for sequences of 12 to 17 steps {np.mean((predicted == y_test)[short]):.3f}")
print(f"accuracy for sequences of 18 to 24 steps {np.mean((predicted == y_test)[~short]):.3f}")

classifier.set_params(epochs=1)
probabilities = classifier.fit(X_train, y_train).predict_proba(X_test)
longer_train, longer_test = (np.pad(X, ((0, 0), (0, 8), (0, 0))) for X in (X_train, X_test))
change = classifier.fit(longer_train, y_train).predict_proba(longer_test) - probabilities
largest_change = np.abs(change).max()
print(f"largest change in probability with 8 more steps of padding: {largest_change:.6f}")
