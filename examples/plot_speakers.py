"""
Is it the vowel or the speaker? Cross-validation by groups
==========================================================

Fifteen people each said eleven words six times. If a speaker's words are in the training part and
in the test part, the network may learn the speaker. Split by speakers, it has to understand people
whom it has never heard. The question decides which number is honest.
"""

# %%

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, StratifiedKFold

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import cross_validated_report

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "vowel.csv")
y = X.pop("word")
speaker = X.pop("speaker")
classifier = KerasMulticlassClassifier(random_state=0)

# %%
# Each row is predicted by a network that was not trained on it, and in the second report not on its
# speaker either.

mixed = cross_validated_report(
    classifier, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0)
)
by_speaker = cross_validated_report(classifier, X, y, cv=GroupKFold(5), groups=speaker)
print("Speakers in both parts\n")
print(mixed)
print("\nSpeakers never heard before\n")
print(by_speaker)

# %%
# How well each word is understood, the hardest first:

recall = {
    "speakers in both parts": mixed.report.per_class["recall"],
    "speakers never heard": by_speaker.report.per_class["recall"],
}
order = np.argsort(recall["speakers never heard"])
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
rows = np.arange(len(order))
low, high = (values[order] for values in reversed(recall.values()))
ax.hlines(rows, low, high, color="lightgray", linewidth=3, zorder=0)
for (name, values), color in zip(recall.items(), ("tab:gray", "tab:blue"), strict=True):
    ax.scatter(values[order], rows, label=name, color=color)
ax.set_yticks(rows, mixed.report.classes[order])
ax.set(xlabel="share understood", xlim=(0, 1.03))
ax.legend(loc="lower left", frameon=False)
plt.show()
