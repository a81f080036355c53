"""
Calibrated probabilities
========================

A network trained until it overfits is overconfident: fewer than 95 % of its predictions with
probability 0.95 are correct. ``calibration="temperature"`` divides the logits by a single number,
chosen on validation rows. Predicted labels do not change, but probabilities become more reliable.
"""

# %%
# Train a plain network for many epochs on vehicles that are hard to distinguish.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass.evaluation import ReliabilityDisplay

DATA = Path(sys.argv[0]).resolve().parent / "data"
X = pd.read_csv(DATA / "vehicle.csv")
y = X.pop("vehicle")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
plain = KerasMulticlassClassifier(
    backbone="mlp", epochs=150, validation_split=0.25, random_state=0
).fit(X_train, y_train)
calibrated = KerasMulticlassClassifier(
    backbone="mlp", epochs=150, validation_split=0.25, calibration="temperature", random_state=0
).fit(X_train, y_train)
print(f"temperature {calibrated.temperature_:.2f}")
print("same labels:", (plain.predict(X_test) == calibrated.predict(X_test)).all())
for name, classifier in (("plain", plain), ("calibrated", calibrated)):
    print(f"{name:10} log loss {log_loss(y_test, classifier.predict_proba(X_test)):.3f}")

# %%
# On the diagonal, predictions with probability 0.8 are correct in 80 % of cases.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
ReliabilityDisplay.from_estimator(plain, X_test, y_test, n_bins=10, ax=left)
ReliabilityDisplay.from_estimator(calibrated, X_test, y_test, n_bins=10, ax=right)
left.set_title("uncalibrated")
right.set_title("calibrated")
plt.show()
