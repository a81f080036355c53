"""
A folder of images
==================

Images in files need no code that reads them: the paths of the files are X. Here, the handwritten
digits of scikit-learn are written as PNG files into a folder with a sub-folder for each class. A
grid search over the folder chooses the size to which the images are resized.
"""

# %%
# Images of 8 x 8 pixels, in sub-folders named after the digits:

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split

from keras_multiclass import KerasMulticlassClassifier, images_from_directory

names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
digits = load_digits()
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
for number, (image, digit) in enumerate(zip(digits.images[:800], digits.target, strict=False)):
    pixels = np.round(image * 255 / 16).astype("uint8")[..., None]
    tf.io.write_file(f"{folder / names[digit] / str(number)}.png", tf.io.encode_png(pixels))

# %%
# ``images_from_directory`` finds the paths and the labels. Splits, searches and pipelines select
# paths, and ``fit`` and ``predict`` read the files.

X, y = images_from_directory(folder)
print([str(Path(path).relative_to(folder)) for path in X[::300]])
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
classifier = KerasMulticlassClassifier(
    backbone__filters=(16, 32), optimizer__learning_rate=0.01, epochs=12, random_state=0
)
search = GridSearchCV(classifier, {"image_size": [(4, 4), "auto"]}, cv=2)
search.fit(X_train, y_train)
accuracy = dict(zip(["4 x 4", "8 x 8"], search.cv_results_["mean_test_score"], strict=True))
for size, value in accuracy.items():
    print(f"{size}: {value:.3f}")

# %%
# A smaller size loses accuracy. The best classifier on the test images, and the files about which
# it is least certain:

probabilities = search.predict_proba(X_test)
predicted = search.classes_[probabilities.argmax(axis=1)]
print(f"accuracy {np.mean(predicted == y_test):.3f}")

uncertain = probabilities.max(axis=1).argsort()[:12]
figure, axes = plt.subplots(2, 6, figsize=(9, 3.8), layout="constrained")
for ax, row in zip(axes.flat, uncertain, strict=True):
    file, confidence = Path(X_test[row]), probabilities[row].max()
    ax.imshow(plt.imread(file), cmap="gray", interpolation="nearest")
    ax.set_title(f"{file.relative_to(folder)}\n{predicted[row]} ({confidence:.0%})", fontsize=9)
    ax.axis("off")
figure.suptitle("The least certain predictions: file, predicted class, probability")
temporary.cleanup()
plt.show()
