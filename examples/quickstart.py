"""
Quickstart: a table, a search, imbalanced classes
=================================================

Everyday use of `KerasMulticlassClassifier`: labels of any type, no need to choose layers or a loss,
scikit-learn's tools, and ``class_weight="balanced"`` for rare classes. The two data sets are small
and real; see :doc:`/example-data` for their sources.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, classification_report
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from keras_multiclass import KerasMulticlassClassifier

DATA = Path(sys.argv[0]).resolve().parent / "data"


def read_table(name):
    """Read numeric features and, from the last column, string labels."""
    with open(DATA / name, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    X = np.array([row[:-1] for row in rows], dtype=float)
    y = np.array([row[-1] for row in rows])
    return X, y


# %%
# Fit, predict, evaluate
# ----------------------
# Classify four kinds of vehicles by measurements of their silhouettes.

print("1. Vehicle silhouettes: fit, predict, evaluate.\n")
X, y = read_table("vehicle.csv")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
classifier = KerasMulticlassClassifier(epochs=30, random_state=0)
classifier.fit(X_train, y_train)
predicted = classifier.predict(X_test)
vehicle_accuracy = accuracy_score(y_test, predicted)
print(classification_report(y_test, predicted, digits=2))
print("classes:", *classifier.classes_)
print("probabilities of one opel:", classifier.predict_proba(X_test[y_test == "opel"])[0].round(2))

# %%
# Pipeline and grid search
# ------------------------
# Parameters of the network are parameters of the classifier, so they can be searched.

print("\n2. The same in a pipeline, with a grid search over width and learning rate.\n")
pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("network", KerasMulticlassClassifier(backbone="mlp", epochs=15, random_state=0)),
    ]
)
grid = {
    "network__backbone__hidden_units": [(16,), (64, 64)],
    "network__optimizer__learning_rate": [0.001, 0.01],
}
search = GridSearchCV(pipeline, grid, cv=2).fit(X_train, y_train)
for parameters, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    width = parameters["network__backbone__hidden_units"]
    rate = parameters["network__optimizer__learning_rate"]
    print(f"hidden_units={width!s:9} learning_rate={rate:<6} accuracy {score:.3f}")
search_accuracy = search.score(X_test, y_test)
print(f"best candidate, refitted on all training rows: test accuracy {search_accuracy:.3f}")

# %%
# Imbalanced classes
# ------------------
# With balanced weights, rare classes count as much as frequent ones.

print("\n3. Page blocks: three in four are text, the other four classes are rare.\n")
X, y = read_table("page_blocks.csv")
names, counts = np.unique(y, return_counts=True)
print("rows:", ", ".join(f"{n} {c}" for n, c in zip(names, counts, strict=True)))
macro_recall = {}
for class_weight in (None, "balanced"):
    classifier = KerasMulticlassClassifier(class_weight=class_weight, epochs=15, random_state=0)
    scores = cross_validate(classifier, X, y, cv=4, scoring=["accuracy", "recall_macro"])
    macro_recall[class_weight] = scores["test_recall_macro"].mean()
    print(
        f"class_weight={class_weight!s:9} accuracy {scores['test_accuracy'].mean():.3f}, "
        f"macro recall {macro_recall[class_weight]:.3f}"
    )
