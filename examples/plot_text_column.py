"""
Text beside numbers
===================

Which package does a function belong to? The table has the first sentence of its documentation, the
length of the documentation, and the numbers of its parameters, which are missing where Python knows
no signature. The functions are those of packages that are installed with this one.
"""

import inspect

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.special
import scipy.stats
import sklearn.metrics
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import PerClassDisplay

# %%
# ``purpose`` is a string column of several words, hardly any of which are equal. It is therefore
# read as text, not as a category with hundreds of values.

MODULES = {
    "numpy": [np, np.linalg, np.fft],
    "scipy.special": [scipy.special],
    "sklearn.metrics": [sklearn.metrics, sklearn.metrics.pairwise],
    "keras.ops": [keras.ops],
}


def describe(function):
    text = inspect.getdoc(function) or ""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        n_parameters = n_defaults = None
    else:
        n_parameters = len(parameters)
        n_defaults = sum(p.default is not p.empty for p in parameters)
    lines = [line for line in text.splitlines() if " " in line and "(" not in line]
    return (lines[0] if lines else None), len(text), n_parameters, n_defaults


rows = {}
for package, modules in MODULES.items():
    for module in modules:
        for name in sorted(n for n in dir(module) if not n.startswith("_")):
            function = getattr(module, name)
            if callable(function) and not inspect.isclass(function):
                rows.setdefault(describe(function), package)
table = pd.DataFrame(list(rows), columns=["purpose", "length", "parameters", "defaults"])
package = np.array(list(rows.values()))
print(table.head())
print(table.isna().sum())

# %%
# The network reads up to 200 components of the text beside the numbers. The plot shows what they
# add.

X_train, X_test, y_train, y_test = train_test_split(
    table, package, test_size=0.3, stratify=package, random_state=0
)
axes, accuracies = None, {}
for label, columns in {
    "numbers": ["length", "parameters", "defaults"],
    "text and numbers": list(table.columns),
}.items():
    classifier = KerasMulticlassClassifier(random_state=0).fit(X_train[columns], y_train)
    accuracies[label] = classifier.score(X_test[columns], y_test)
    n_inputs = len(classifier.network_feature_names_)
    print(f"{label}: {n_inputs} inputs, accuracy {accuracies[label]:.2f}")
    display = PerClassDisplay.from_estimator(
        classifier, X_test[columns], y_test, ax=axes, label=label, sort=None
    )
    axes = display.axes_
plt.show()
