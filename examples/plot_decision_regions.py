"""
Decision regions
================

Two measurements of iris flowers, three species, and the predicted probabilities for every point of
the plane. Four classifiers agree on nearly all flowers, but differ where there are no data.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from keras_multiclass import KerasMulticlassClassifier

iris = load_iris()
X, y = iris.data[:, 2:], iris.target_names[iris.target]
classifiers = {
    "default for tables": KerasMulticlassClassifier(random_state=0),
    "multi-layer perceptron": KerasMulticlassClassifier("mlp", random_state=0),
    "ensemble of eight": KerasMulticlassClassifier("mlp", n_ensemble=8, random_state=0),
    "random forest": RandomForestClassifier(random_state=0),
}

# %%
# Colors are mixed in proportion to the probabilities.

low, high = X.min(axis=0) - 1, X.max(axis=0) + 1
across, up = np.meshgrid(np.linspace(low[0], high[0], 150), np.linspace(low[1], high[1], 150))
points = np.column_stack([across.ravel(), up.ravel()])
colors = np.array([[0.0, 0.45, 0.7], [0.9, 0.6, 0.0], [0.0, 0.62, 0.45]])
figure, axes = plt.subplots(2, 2, figsize=(9, 7), sharex=True, sharey=True, layout="constrained")
for ax, (name, classifier) in zip(axes.flat, classifiers.items(), strict=True):
    probabilities = classifier.fit(X, y).predict_proba(points)
    print(f"{name}: training accuracy {classifier.score(X, y):.3f}")
    blended = 1 - 0.6 * (1 - probabilities @ colors)
    ax.imshow(
        blended.reshape(*across.shape, 3),
        origin="lower",
        extent=(low[0], high[0], low[1], high[1]),
        aspect="auto",
    )
    for species, color in zip(classifier.classes_, colors, strict=True):
        ax.scatter(*X[y == species].T, color=color, edgecolor="white", s=25, label=species)
    ax.set_title(name)
axes[0, 0].legend(loc="upper left")
axes[1, 0].set(xlabel=iris.feature_names[2])
axes[0, 0].set(ylabel=iris.feature_names[3])
plt.show()
