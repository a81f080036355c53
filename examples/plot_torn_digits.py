"""
Several inputs: an image and a table
====================================

The digits of scikit-learn, torn in two: of the upper half, there is the image, 4 x 8 pixels; of
the lower half, only a table, the ink in each row and column. Each row of X has both inputs, each is
read by a network of its own, and the features of both are joined before the output layer.
"""

# %%
# The data
# --------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_multiclass import Inputs, KerasMulticlassClassifier

digits = load_digits()
upper, lower = digits.images[:, :4], digits.images[:, 4:]
ink = {f"row{i}": lower[:, i].sum(axis=1) for i in range(4)}
ink |= {f"column{i}": lower[:, :, i].sum(axis=1) for i in range(8)}
X = Inputs(image=upper[..., None], ink=pd.DataFrame(ink))
X_train, X_test, y_train, y_test = train_test_split(
    X, digits.target, stratify=digits.target, random_state=0
)
print(X_train)

# %%
# Both inputs, and each alone
# ---------------------------
# A classifier of one input gets it as a dict, too, so that networks and training are the same.

BACKBONES = {"image": "cnn", "ink": "mlp"}


def train(*names):
    classifier = KerasMulticlassClassifier(
        backbone={name: BACKBONES[name] for name in names},
        epochs=20,
        random_state=0,
        **({"backbone__image__filters": (16, 32)} if "image" in names else {}),
    )
    return classifier.fit({name: X_train[name] for name in names}, y_train)


def score(classifier, X):
    return classifier.score({name: X[name] for name in classifier.feature_names_in_}, y_test)


both = train("image", "ink")
accuracy = {
    "image alone": score(train("image"), X_test),
    "ink alone": score(train("ink"), X_test),
    "both": score(both, X_test),
}
print({name: round(value, 3) for name, value in accuracy.items()})

# %%
# What each input contributes
# ---------------------------
# If the rows of one input are shuffled, the network gets it from another digit. The loss of
# accuracy is the permutation importance of the input. It says how much this network relies on it,
# not how well digits can be told without it: the accuracies above answer that. Half of another
# digit misleads more than a missing half.

rng = np.random.default_rng(0)
importance = {
    name: [
        accuracy["both"]
        - both.score({**X_test, name: X_test[rng.permutation(len(X_test))][name]}, y_test)
        for _ in range(10)
    ]
    for name in X
}

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
bars = left.bar(list(accuracy), list(accuracy.values()), color=["C0", "C1", "C2"])
left.bar_label(bars, fmt="%.3f")
left.set(ylim=(0, 1.1), ylabel="Accuracy", title="Trained on")
right.bar(
    list(importance),
    [np.mean(losses) for losses in importance.values()],
    yerr=[np.std(losses) for losses in importance.values()],
    color=["C0", "C1"],
)
right.set(ylim=(0, 1.1), ylabel="Loss of accuracy", title="Shuffled in the network for both")
plt.show()
