"""
Emotions of songs: several labels per row
=========================================

A song may be quiet and sad at once. Each of these 593 songs has one to three of six emotions, which
are predicted from measures of rhythm and timbre. Some emotions, such as happy, are hard to predict:
their probabilities rarely exceed one half. Thresholds chosen for each emotion give a better F1.
"""

# %%

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from keras_multiclass import KerasMultilabelClassifier
from keras_multiclass.evaluation import MultilabelStratifiedKFold

DATA = Path(sys.argv[0]).resolve().parent / "data"
songs = pd.read_csv(DATA / "emotions.csv")
X, y = songs.iloc[:, :72], songs.iloc[:, 72:]
print(y.sum().to_string())

# %%
# Which emotions occur together? Seven in ten quiet songs are relaxed, as many are sad, and almost
# none is angry.

together = (y.T @ y).div(y.sum(), axis=0)
print(together.round(2))

# %%
# Each song is predicted by a network that was not trained on it. ``threshold="auto"`` chooses the
# threshold of each label on a quarter of the training songs, which are held out. The predictions
# with a threshold of 0.5 come from the same probabilities.

predicted = {name: np.zeros(y.shape, dtype=int) for name in ("0.5", "chosen")}
cv = MultilabelStratifiedKFold(n_splits=3, shuffle=True, random_state=0)
for train, test in cv.split(X, y):
    classifier = KerasMultilabelClassifier(
        "mlp",
        threshold="auto",
        validation_split=0.25,
        early_stopping=True,
        epochs=60,
        random_state=0,
    ).fit(X.iloc[train], y.iloc[train])
    predicted["0.5"][test] = classifier.predict_proba(X.iloc[test]) > 0.5
    predicted["chosen"][test] = classifier.predict(X.iloc[test])

scores = {name: f1_score(y, labels, average=None) for name, labels in predicted.items()}
print(pd.DataFrame(scores, index=y.columns).round(2))

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
image = left.imshow(together, cmap="Blues", vmin=0, vmax=1)
left.set_xticks(range(6), y.columns, rotation=45)
left.set_yticks(range(6), y.columns)
left.set(title="Emotions that occur together")
figure.colorbar(image, ax=left, label="share of the row's songs")

order = np.argsort(scores["0.5"])
rows = range(len(order))
before, after = (scores[name][order] for name in ("0.5", "chosen"))
right.hlines(rows, before, after, color="lightgray", linewidth=3, zorder=0)
right.scatter(before, rows, label="threshold 0.5", color="tab:gray")
right.scatter(after, rows, label="chosen", color="tab:blue")
right.set_yticks(rows, y.columns[order])
right.set(title="F1 of each emotion", xlim=(0.3, 1))
right.legend(loc="lower right", frameon=False)
plt.show()
