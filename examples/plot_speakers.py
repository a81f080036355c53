"""
Cross-validation by groups: vowels and speakers
===============================================

Fifteen people each said eleven words six times. If the same speakers occur in training and test
folds, the network can learn their voices. With folds split by speaker, it must understand people it
has never heard, which is what matters for new speakers.
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
# Both reports evaluate held-out rows. In the second one, the speakers are held out as well.

mixed = cross_validated_report(
    classifier, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0)
)
by_speaker = cross_validated_report(classifier, X, y, cv=GroupKFold(5), groups=speaker)
print("Known speakers\n")
print(mixed)
print("\nNew speakers\n")
print(by_speaker)

# %%
# Recall of each word, the hardest at the bottom:

recall = {
    "known speakers": mixed.report.per_class["recall"],
    "new speakers": by_speaker.report.per_class["recall"],
}
order = np.argsort(recall["new speakers"])
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
rows = np.arange(len(order))
low, high = (values[order] for values in reversed(recall.values()))
ax.hlines(rows, low, high, color="lightgray", linewidth=3, zorder=0)
for (name, values), color in zip(recall.items(), ("tab:gray", "tab:blue"), strict=True):
    ax.scatter(values[order], rows, label=name, color=color)
ax.set_yticks(rows, mixed.report.classes[order])
ax.set(xlabel="recall", xlim=(0, 1.03))
ax.legend(loc="lower left", frameon=False)
plt.show()
