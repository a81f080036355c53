"""
Training history and early stopping
===================================

The training loss keeps falling, while the validation loss starts to rise. ``early_stopping``
monitors it, stops training and restores the best epoch. Dropout delays the minimum and lowers it.
"""

# %%
# A deliberately large network on few rows, without and with dropout.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import TrainingHistoryDisplay

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "vehicle.csv")
y = X.pop("vehicle")
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
classifiers = {}
for dropout in (0.0, 0.5):
    classifiers[dropout] = KerasMulticlassClassifier(
        "mlp",
        backbone__hidden_units=(256, 256),
        backbone__dropout=dropout,
        epochs=120,
        early_stopping=30,
        metrics=["macro_f1"],
        random_state=0,
    ).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    history = classifiers[dropout].history_
    print(f"dropout {dropout}: {classifiers[dropout].n_iter_} epochs,", end=" ")
    print(f"lowest validation loss {min(history['val_loss']):.3f}")

# %%
# The marker shows the epoch whose weights were restored.

figure, axes = plt.subplots(2, 2, figsize=(10, 6), sharey="row", layout="constrained")
for column, (dropout, classifier) in enumerate(classifiers.items()):
    TrainingHistoryDisplay.from_estimator(classifier, ax=axes[:, column])
    axes[0, column].set_title(f"dropout {dropout}")
plt.show()
