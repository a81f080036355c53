"""
Sequences: recognizing digits from partial pen strokes
======================================================

Digits written with a pen on a tablet, each recorded as eight points along the stroke. A recurrent
network (GRU) reads the points in order. Zeros at the end are padding and are skipped, so the
network can classify a stroke after its second, third, ... point.
"""

# %%
# Each digit is a sequence of eight points ``(x, y)``; adding 1 avoids all-zero points.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier

DATA = Path(sys.argv[0]).resolve().parent / "data"
table = pd.read_csv(DATA / "pen_digits.csv")
y = table.pop("digit").to_numpy()
X = table.to_numpy(dtype="float32").reshape(len(table), 8, 2) + 1
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)


def truncate(strokes, n_points):
    """Replace all points after the first ``n_points`` by padding."""
    truncated = strokes.copy()
    truncated[:, n_points:] = 0
    return truncated


# %%
# Train on strokes of all lengths, so that the network learns to read partial strokes:

lengths = range(2, 9)
classifier = KerasMulticlassClassifier(
    backbone="gru", backbone__units=48, optimizer__learning_rate=0.01, epochs=12, random_state=0
)
classifier.fit(
    np.concatenate([truncate(X_train, n) for n in lengths]), np.tile(y_train, len(lengths))
)
accuracy = {n: classifier.score(truncate(X_test, n), y_test) for n in lengths}
for n, value in accuracy.items():
    print(f"{n} points: accuracy {value:.2f}")

# %%
# Top: one digit as it is written, with the two most probable classes. Bottom: the accuracy over all
# test rows.

digit = X_test[np.flatnonzero(y_test == 5)[0]]
figure = plt.figure(figsize=(10, 5), layout="constrained")
top, bottom = figure.subfigures(2, 1)
for ax, n in zip(top.subplots(1, len(lengths)), lengths, strict=True):
    probabilities = classifier.predict_proba(truncate(digit[np.newaxis], n))[0]
    best = probabilities.argsort()[::-1][:2]
    ax.plot(*digit.T, color="lightgray")
    ax.plot(*digit[:n].T, color="tab:blue", marker="o", markersize=4)
    ax.set_title("\n".join(f"{classifier.classes_[i]}: {probabilities[i]:.0%}" for i in best))
    ax.set(xticks=[], yticks=[], aspect="equal")
ax = bottom.subplots()
ax.plot(list(accuracy), list(accuracy.values()), marker="o")
ax.set(xlabel="number of points", ylabel="accuracy", ylim=(0, 1.02))
plt.show()
