"""
Coming from SciKeras
====================

The same builder function, another import and another class name.

Teaches that a builder in SciKeras' style (``meta``, ``compile_kwargs``, arguments of its own) and
the routed parameters (``model__...``, ``optimizer__...``) are taken over as they are, and that
``from_scikeras`` makes a classifier of an existing SciKeras one, with its trained network. See
:doc:`/migrating-from-scikeras` for the details. The data come with scikit-learn.
"""

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score

from keras_multiclass import KerasMulticlassClassifier


def build_model(meta, compile_kwargs, hidden_units=16):
    """Build and compile a whole network, as SciKeras' documentation does it."""
    model = keras.Sequential()
    model.add(keras.Input((meta["n_features_in_"],)))
    model.add(keras.layers.Dense(hidden_units, activation="relu"))
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    model.compile(**compile_kwargs)
    return model


iris = load_iris()
X, y = iris.data, iris.target_names[iris.target]

# %%
# Another class name, the same parameters
# ---------------------------------------

print("1. Another class name, the same parameters.\n")
classifier = KerasMulticlassClassifier(
    model=build_model,
    loss="sparse_categorical_crossentropy",
    optimizer="adam",
    optimizer__learning_rate=0.02,
    model__hidden_units=16,
    epochs=40,
    random_state=0,
)

scores = cross_val_score(classifier, X, y, cv=3)
print("accuracy in three stratified folds:", scores.round(3))

search = GridSearchCV(classifier, {"model__hidden_units": [4, 32]}, cv=2).fit(X, y)
print("best of the search:", search.best_params_, f"accuracy {search.best_score_:.3f}")

best = search.best_estimator_
print("labels of three rows:", *best.predict(X[::50]))
print("probabilities of a row:", best.predict_proba(X[75:76])[0].round(3))

# %%
# A classifier that SciKeras has trained
# --------------------------------------

print("\n2. A classifier that SciKeras has trained.\n")
old = KerasClassifier(
    model=build_model,
    loss="sparse_categorical_crossentropy",
    optimizer="adam",
    optimizer__learning_rate=0.02,
    model__hidden_units=8,
    epochs=10,
    verbose=0,
)
old.fit(X, y)
new = KerasMulticlassClassifier.from_scikeras(old)
same = np.allclose(new.predict_proba(X), old.predict_proba(X), atol=1e-5)
print("classes:", *new.classes_)
print("same probabilities:", same)
