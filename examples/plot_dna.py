"""
Token sequences: splice junctions in DNA
========================================

Each sequence has sixty letters of DNA, with the beginning of an intron (EI), its end (IE), or
neither (N) in the middle. A small custom network reads the letters as token ids. To see what it
relies on, each position in turn is replaced by "unknown" and the drop in the probability of the
true class is measured. The network has learned what is known from molecular biology: introns begin
with ``GT`` and end with ``AG``.
"""

# %%
# Letters become token ids starting at 1; 0 is padding. Letters other than A, C, G, T stand for one
# of several bases and share an id.

import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier, register_backbone

DATA = Path(sys.argv[0]).resolve().parent / "data"
table = pd.read_csv(DATA / "splice.csv")
UNKNOWN = 5
token = {"A": 1, "C": 2, "G": 3, "T": 4}
X = np.array([[token.get(letter, UNKNOWN) for letter in text] for text in table["sequence"]])
y = table["junction"].to_numpy()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)

# %%
# The built-in networks ignore absolute positions, which matter here. The custom network detects
# short motifs and keeps their positions. As a sequence backbone, it receives embedded letters.


@register_backbone("motifs", kind="sequence")
def motifs(inputs, *, filters=32, length=7, units=64):
    """Detect motifs and weight them by position."""
    detected = keras.layers.Conv1D(filters, length, padding="same", activation="relu")(inputs)
    features = keras.layers.Dropout(0.5)(keras.layers.Flatten()(detected))
    return keras.layers.Dense(units, activation="relu")(features)


classifier = KerasMulticlassClassifier("motifs", epochs=15, random_state=0).fit(X_train, y_train)
print(f"accuracy {classifier.score(X_test, y_test):.3f}")

# %%
# Mask one position at a time in all test rows.


def true_class_probability(rows, labels):
    """Return the probability of the true class of each row."""
    columns = np.searchsorted(classifier.classes_, labels)
    return classifier.predict_proba(rows)[np.arange(len(rows)), columns]


MIDDLE = X.shape[1] // 2
positions = np.arange(X.shape[1]) - MIDDLE  # the junction is between -1 and 0
kinds = {"EI": "beginning of an intron", "IE": "end of an intron"}
drops = {}
for kind in kinds:
    rows = X_test[y_test == kind]
    labels = np.full(len(rows), kind)
    baseline = true_class_probability(rows, labels)
    drops[kind] = []
    for position in range(X.shape[1]):
        masked = rows.copy()
        masked[:, position] = UNKNOWN
        drops[kind].append(np.mean(baseline - true_class_probability(masked, labels)))

# %%
# Letters are shown where a single one occurs in more than half of the rows.

figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
for ax, (kind, meaning) in zip(axes, kinds.items(), strict=True):
    ax.bar(positions, drops[kind], color=np.where(positions < 0, "tab:blue", "tab:orange"))
    ax.axvline(-0.5, color="gray", linestyle=":")
    for position, ids in zip(positions, X_train[y_train == kind].T, strict=True):
        counts = np.bincount(ids, minlength=6)[1:5]
        if counts.max() > len(ids) / 2:
            letter, height = "ACGT"[counts.argmax()], drops[kind][position + MIDDLE]
            ax.annotate(letter, (position, height + 0.01), ha="center")
    ax.margins(y=0.15)
    ax.set(title=f"{kind}: {meaning}", ylabel="drop in probability")
axes[1].set_xlabel("position relative to the junction")
plt.show()
