"""
Sequences of letters: where in the DNA does a gene get cut?
===========================================================

Sixty letters of DNA, and in their middle the beginning of an intron (EI), its end (IE), or neither
(N). A small network of our own reads the letters as token ids. To learn what it looks at, one
letter at a time is replaced by "unknown", and the drop of its probability for the true class is
measured. The network has found what molecular biology knows: an intron begins with ``GT`` and ends
with ``AG``.
"""

# %%
# Letters become token ids from 1 on; 0 is padding. Letters other than A, C, G, T say "one of
# several" and share one id.

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
# The built-in networks forget where in the sequence something stood. Here the place matters, so the
# network is one of our own: short motifs, and then where they are. As a backbone for sequences it
# gets the letters embedded.


@register_backbone("motifs", kind="sequence")
def motifs(inputs, *, filters=32, length=7, units=64):
    """Find motifs, then weigh them by where they are."""
    found = keras.layers.Conv1D(filters, length, padding="same", activation="relu")(inputs)
    features = keras.layers.Dropout(0.5)(keras.layers.Flatten()(found))
    return keras.layers.Dense(units, activation="relu")(features)


classifier = KerasMulticlassClassifier("motifs", epochs=15, random_state=0).fit(X_train, y_train)
print(f"accuracy {classifier.score(X_test, y_test):.3f}")

# %%
# One letter at a time is made unknown in all test rows.


def probability_of_truth(rows, labels):
    """Return the probability of the true class of each row."""
    columns = np.searchsorted(classifier.classes_, labels)
    return classifier.predict_proba(rows)[np.arange(len(rows)), columns]


MIDDLE = X.shape[1] // 2
places = np.arange(X.shape[1]) - MIDDLE  # the junction lies between -1 and 0
kinds = {"EI": "an intron begins", "IE": "an intron ends"}
drops = {}
for kind in kinds:
    rows = X_test[y_test == kind]
    labels = np.full(len(rows), kind)
    whole = probability_of_truth(rows, labels)
    drops[kind] = []
    for place in range(X.shape[1]):
        hidden = rows.copy()
        hidden[:, place] = UNKNOWN
        drops[kind].append(np.mean(whole - probability_of_truth(hidden, labels)))

# %%
# The letters are those that are most frequent at a place, where one is in more than half the rows.

figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
for ax, (kind, meaning) in zip(axes, kinds.items(), strict=True):
    ax.bar(places, drops[kind], color=np.where(places < 0, "tab:blue", "tab:orange"))
    ax.axvline(-0.5, color="gray", linestyle=":")
    for place, ids in zip(places, X_train[y_train == kind].T, strict=True):
        counts = np.bincount(ids, minlength=6)[1:5]
        if counts.max() > len(ids) / 2:
            letter, height = "ACGT"[counts.argmax()], drops[kind][place + MIDDLE]
            ax.annotate(letter, (place, height + 0.01), ha="center")
    ax.margins(y=0.15)
    ax.set(title=f"{kind}: {meaning}", ylabel="probability lost")
axes[1].set_xlabel("place of the letter, from the junction")
plt.show()
