"""
Ensembles of networks
=====================

Networks with different initial weights make different errors, and their average is better than most
of them. ``n_ensemble=k`` trains k networks together. The log loss improves most, because the
average is less confident where members disagree.
"""

# %%
# Compare 1 to 8 members on several splits of the vehicle data.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedShuffleSplit, cross_validate

from keras_multiclass import KerasMulticlassClassifier

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "vehicle.csv")
y = X.pop("vehicle")
sizes = [1, 2, 4, 8]
results = [
    cross_validate(
        KerasMulticlassClassifier("mlp", n_ensemble=size, epochs=40, random_state=0),
        X,
        y,
        cv=StratifiedShuffleSplit(4, test_size=0.4, random_state=0),
        scoring={"error": "accuracy", "log loss": "neg_log_loss"},
    )
    for size in sizes
]
errors = np.array([1 - result["test_error"] for result in results])
losses = np.array([-result["test_log loss"] for result in results])
for size, error, loss in zip(sizes, errors.mean(axis=1), losses.mean(axis=1), strict=True):
    print(f"{size} members: error {error:.3f}, log loss {loss:.3f}")

# %%
# Thin lines show the splits, the thick line their mean.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, values, name in zip(axes, (errors, losses), ("error", "log loss"), strict=True):
    ax.plot(sizes, values, color="lightgray")
    ax.plot(sizes, values.mean(axis=1), color="tab:blue", linewidth=2.5, marker="o")
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, map(str, sizes))
    ax.set(xlabel="members", title=name)
plt.show()
