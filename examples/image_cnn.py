"""
Images: handwritten digits
==========================

Classify images with the built-in convolutional network. Images have shape
``(n_samples, height, width)``, optionally with a trailing channel axis, and need no preprocessing.
``backbone__...`` sets the size of the network. Early stopping holds out a stratified part of the
rows and restores the best epoch. The data set is included in scikit-learn.
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
# Rows of shape (8, 8) could also be sequences of 8 steps, so the backbone is named.

classifier = KerasMulticlassClassifier(
    backbone="cnn",
    backbone__filters=(16, 32),
    optimizer__learning_rate=0.005,
    epochs=10,
    early_stopping=3,  # stop after three epochs without progress on the validation rows
    metrics=["accuracy"],
    random_state=0,
)
classifier.fit(X_train, y_train)

# %%
# The history contains the loss and metrics of each epoch, for training and validation rows.

print("\nepoch  loss   validation loss  validation accuracy")
history = classifier.history_
for epoch in range(classifier.n_iter_):
    print(
        f"{epoch + 1:5}  {history['loss'][epoch]:.3f}  {history['val_loss'][epoch]:15.3f}"
        f"  {history['val_accuracy'][epoch]:19.3f}"
    )

# %%
# Accuracy on the test rows:

accuracy = classifier.score(X_test, y_test)
print(f"\ntest accuracy {accuracy:.3f}")
print("rows: true digits, columns: predicted digits")
print(confusion_matrix(y_test, classifier.predict(X_test)))
