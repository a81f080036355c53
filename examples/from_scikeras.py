"""
Migrating from SciKeras
=======================

SciKeras-style builders (``meta``, ``compile_kwargs``, custom arguments) and routed parameters
(``model__...``, ``optimizer__...``) work unchanged; only the import and the class name differ.
``from_scikeras`` converts an existing SciKeras classifier together with its trained network. See
:doc:`/migrating-from-scikeras` for details. The data set is included in scikit-learn.
"""

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score

from keras_multiclass import KerasMulticlassClassifier


def build_model(meta, compile_kwargs, hidden_units=16):
    """Build and compile a complete network, as in SciKeras' documentation."""
    model = keras.Sequential()
    model.add(keras.Input((meta["n_features_in_"],)))
    model.add(keras.layers.Dense(hidden_units, activation="relu"))
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    model.compile(**compile_kwargs)
    return model


iris = load_iris()
X, y = iris.data, iris.target_names[iris.target]

# %%
# Same parameters, different class
# --------------------------------

print("1. Same parameters, different class.\n")
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
print("best parameters:", search.best_params_, f"accuracy {search.best_score_:.3f}")

best = search.best_estimator_
print("labels of three rows:", *best.predict(X[::50]))
print("probabilities of one row:", best.predict_proba(X[75:76])[0].round(3))

# %%
# Converting a trained SciKeras classifier
# ----------------------------------------

print("\n2. Converting a trained SciKeras classifier.\n")
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
