"""
Misclassified digits
====================

The built-in convolutional network classifies nearly all of these handwritten digits of 8 x 8 pixels
correctly. The most interesting ones are misclassified with high confidence; some of them would
mislead a human, too.
"""

# %%
# Images need no preprocessing. Early stopping holds out a tenth of the rows to find the best epoch.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=0.5, stratify=digits.target, random_state=0
)
classifier = KerasMulticlassClassifier(
    backbone="cnn",
    backbone__filters=(16, 32),
    optimizer__learning_rate=0.005,
    epochs=12,
    early_stopping=3,
    random_state=0,
).fit(X_train, y_train)
probabilities = classifier.predict_proba(X_test)
predicted = classifier.classes_[probabilities.argmax(axis=1)]
print(f"accuracy {np.mean(predicted == y_test):.3f}")

# %%
# The twelve misclassified digits with the highest confidence:

confidence = np.where(predicted != y_test, probabilities.max(axis=1), -1)
most_confident = confidence.argsort()[::-1][: min(12, int(np.sum(predicted != y_test)))]
figure, axes = plt.subplots(2, 6, figsize=(9, 3.6), layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for ax, row in zip(axes.flat, most_confident, strict=False):
    ax.imshow(X_test[row], cmap="gray_r", interpolation="nearest")
    ax.set_title(f"{y_test[row]} as {predicted[row]}\n({confidence[row]:.0%})", fontsize=9)
figure.suptitle("Misclassified digits: true class, predicted class, probability")
plt.show()
