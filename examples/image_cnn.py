"""
Images: handwritten digits
==========================

With the built-in convolutional network. Teaches that images go in as they are,
``(n_samples, height, width)`` or with a channel axis at the end, how ``backbone__...`` sets the
size of the network, and how early stopping holds out a stratified part of the rows and goes back
to the best epoch. The digits come with scikit-learn.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from keras_multiclass import KerasMulticlassClassifier

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=0.3, stratify=digits.target, random_state=0
)
print(f"training images {X_train.shape}, test images {X_test.shape}, classes {np.unique(y_train)}")

# %%
# ``"auto"`` takes grey images for images only if they are 8-bit; these hold floats, so it is said.

classifier = KerasMulticlassClassifier(
    backbone="cnn",
    backbone__filters=(16, 32),
    optimizer__learning_rate=0.005,
    epochs=10,
    early_stopping=3,  # give up after three epochs without progress on the held-out tenth
    metrics=["accuracy"],
    random_state=0,
)
classifier.fit(X_train, y_train)

# %%
# The history has the loss and the metrics of each epoch, those of the held-out rows too.

print("\nepoch  loss   held-out loss  held-out accuracy")
history = classifier.history_
for epoch in range(classifier.n_iter_):
    print(
        f"{epoch + 1:5}  {history['loss'][epoch]:.3f}  {history['val_loss'][epoch]:13.3f}"
        f"  {history['val_accuracy'][epoch]:17.3f}"
    )

# %%
# On digits that the classifier has not seen:

accuracy = classifier.score(X_test, y_test)
print(f"\ntest accuracy {accuracy:.3f}")
print("rows: true digits, columns: predicted digits")
print(confusion_matrix(y_test, classifier.predict(X_test)))
