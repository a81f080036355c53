"""
Sequences of different lengths
==============================

Classify sequences of different lengths with a recurrent network (GRU). Pass a list with one array
of shape ``(n_steps,)`` or ``(n_steps, n_channels)`` for each; no padding is needed. The data are
generated: noise with two bumps, each up or down, at random positions. The classes are the four
combinations; two of them differ only in the order of the bumps, which requires memory.
"""

import numpy as np
from sklearn.metrics import classification_report

from keras_multiclass import KerasMulticlassClassifier

MAX_STEPS = 24
rng = np.random.default_rng(0)


def generate(n_samples):
    """Generate sequences of one channel and 12 to 24 steps, and their labels."""
    X, labels = [], []
    for length in rng.integers(12, MAX_STEPS + 1, size=n_samples):
        signs = rng.choice([-1, 1], size=2)
        positions = rng.integers(0, length // 2 - 1), rng.integers(length // 2, length - 1)
        x = rng.normal(0, 0.5, size=length)
        for sign, position in zip(signs, positions, strict=True):
            x[position : position + 2] += 2 * sign
        X.append(x)
        labels.append("-".join("up" if sign > 0 else "down" for sign in signs))
    return X, np.array(labels)


# %%

X_train, y_train = generate(500)
X_test, y_test = generate(300)
print(f"{len(X_train)} training sequences, classes {np.unique(y_train)}\n")

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
# Short sequences are as easy as long ones:

lengths = np.array([len(x) for x in X_test])
short = lengths < 18
print(f"accuracy for sequences of 12 to 17 steps {np.mean((predicted == y_test)[short]):.3f}")
print(f"accuracy for sequences of 18 to 24 steps {np.mean((predicted == y_test)[~short]):.3f}")

# %%
# The prediction for a sequence does not depend on others, and sequences may be longer than those in
# ``fit``:

probabilities = classifier.predict_proba(X_test)
longer = rng.normal(0, 0.5, size=100)
together = classifier.predict_proba([*X_test, longer])
largest_change = np.abs(together[:-1] - probabilities).max()
print(f"largest change in probability beside a sequence of 100 steps: {largest_change:.6f}")
