"""
Class weights for rare classes
==============================

Three in four blocks of these scanned pages are text; pictures and vertical lines are rare. A
network that minimizes the mean loss can afford to miss them. ``class_weight="balanced"`` gives
every class the same total weight. The plot compares recall and precision per class: rare classes
gain recall at the cost of precision.
"""

# %%

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "page_blocks.csv")
y = X.pop("block")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
print(y_train.value_counts().to_string())

# %%
# Two networks that differ only in class weights:

classes = np.unique(y)
scores = {}
for class_weight in (None, "balanced"):
    classifier = KerasMulticlassClassifier(
        backbone="mlp", class_weight=class_weight, epochs=15, random_state=0
    ).fit(X_train, y_train)
    precision, recall, _, support = precision_recall_fscore_support(
        y_test, classifier.predict(X_test), labels=classes, zero_division=0
    )
    scores[class_weight] = {"recall": recall, "precision": precision}
    print(f"class_weight={class_weight!s:9} macro recall {recall.mean():.3f}")

# %%
# Lines connect the scores without and with class weights.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True, layout="constrained")
order = np.argsort(support)
for ax, measure in zip(axes, ("recall", "precision"), strict=True):
    before, after = (scores[weight][measure][order] for weight in (None, "balanced"))
    rows = range(len(order))
    ax.hlines(rows, before, after, color="lightgray", linewidth=3, zorder=0)
    ax.scatter(before, rows, label="unweighted", color="tab:gray")
    ax.scatter(after, rows, label="balanced", color="tab:blue")
    ax.set(title=measure, xlim=(0, 1.03))
axes[0].set_yticks(rows, [f"{classes[i]} ({support[i]})" for i in order])
axes[0].legend(loc="lower left", frameon=False)
plt.show()
