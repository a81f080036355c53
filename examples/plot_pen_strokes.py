"""
Sequences: how much of a stroke does it take to read a digit?
=============================================================

Digits written with a pen on a tablet, each as eight points on the way of the pen. A recurrent
network (GRU) reads the points in order. Steps of zeros are padding and are left out, so that the
network can be asked after the second, third, ... point, as if the writer had stopped there.
"""

# %%
# Each digit is a sequence of eight points ``(x, y)``; 1 is added so that no point is all zeros.

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


def stopped_after(strokes, n_points):
    """Return the strokes with all points but the first few as padding."""
    shown = strokes.copy()
    shown[:, n_points:] = 0
    return shown


# %%
# Trained on strokes of every length, so that it knows what a beginning looks like:

lengths = range(2, 9)
classifier = KerasMulticlassClassifier(
    backbone="gru", backbone__units=48, optimizer__learning_rate=0.01, epochs=12, random_state=0
)
classifier.fit(
    np.concatenate([stopped_after(X_train, n) for n in lengths]), np.tile(y_train, len(lengths))
)
accuracy = {n: classifier.score(stopped_after(X_test, n), y_test) for n in lengths}
for n, value in accuracy.items():
    print(f"{n} points: accuracy {value:.2f}")

# %%
# Above, one digit as the pen goes on, with the network's two best guesses; below, the accuracy over
# all digits of the test rows.

digit = X_test[np.flatnonzero(y_test == 5)[0]]
figure = plt.figure(figsize=(10, 5), layout="constrained")
top, bottom = figure.subfigures(2, 1)
for ax, n in zip(top.subplots(1, len(lengths)), lengths, strict=True):
    probabilities = classifier.predict_proba(stopped_after(digit[np.newaxis], n))[0]
    best = probabilities.argsort()[::-1][:2]
    ax.plot(*digit.T, color="lightgray")
    ax.plot(*digit[:n].T, color="tab:blue", marker="o", markersize=4)
    ax.set_title("\n".join(f"{classifier.classes_[i]}: {probabilities[i]:.0%}" for i in best))
    ax.set(xticks=[], yticks=[], aspect="equal")
ax = bottom.subplots()
ax.plot(list(accuracy), list(accuracy.values()), marker="o")
ax.set(xlabel="points seen", ylabel="accuracy", ylim=(0, 1.02))
plt.show()
