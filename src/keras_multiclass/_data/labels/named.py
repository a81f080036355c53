"""Names of classes that a dataset knows, and that its labels are the numbers of.

Such as those of ``keras.utils.image_dataset_from_directory``, which are the names of folders.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_multiclass._shared.messages import describe, invalid

LOST_NAMES = (
    "If labels are numbers of class names that a dataset has lost, as it does in .map() or "
    ".prefetch(), set them again: dataset.class_names = [...]."
)


def class_names_of(stream: Any) -> np.ndarray | None:
    """Return the names that a dataset gives to classes 0, 1, ...; None if it gives none.

    Parameters
    ----------
    stream : object
        A stream; its attribute `class_names` counts if it is a list of strings.

    Raises
    ------
    ValueError
        If two classes have the same name.
    """
    names = getattr(stream, "class_names", None)
    if not isinstance(names, (list, tuple, np.ndarray)) or not len(names):
        return None
    if not all(isinstance(name, str) for name in names):
        return None
    if len(set(names)) < len(names):
        raise ValueError(invalid("The class_names of X", "different names", "repeated names"))
    return np.array([str(name) for name in names], dtype=object)


def may_lack_names(stream: Any) -> bool:
    """Whether a stream is a dataset of TensorFlow that has no class names, and may have lost them.

    Parameters
    ----------
    stream : object
        A stream.
    """
    return hasattr(stream, "cardinality") and class_names_of(stream) is None


def check_named(y: Any, predicted: Any) -> None:
    """Raise ``ValueError`` if labels are numbers where strings are predicted.

    Parameters
    ----------
    y : object
        The labels of a batch of a dataset that may lack names.
    predicted : object
        The predictions for it.
    """
    labels = np.asarray(predicted)
    are_names = labels.ndim == 1 and labels.size > 0 and isinstance(labels[0], str)
    if are_names and isinstance(y, np.ndarray) and y.dtype.kind in "iuf":
        raise ValueError(
            invalid("y", "labels like those predicted, strings", describe(y), LOST_NAMES)
        )


def name_labels(y: Any, names: np.ndarray) -> Any:
    """Return the names of numbered classes; any other labels as they are.

    Parameters
    ----------
    y : object
        The labels of a batch: numbers of shape (n_rows,) or (n_rows, 1), a one-hot matrix of shape
        (n_rows, n_classes), or anything else.
    names : ndarray of shape (n_classes,)
        The names of the classes.

    Raises
    ------
    ValueError
        If a number is not that of a name.
    """
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "iuf" or not y.size:
        return y
    if y.ndim == 2 and y.shape[1] == len(names) > 1:
        is_one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        return names[y.argmax(axis=1)] if is_one_hot else y
    if y.ndim > 2 or (y.ndim == 2 and y.shape[1] != 1):
        return y
    numbers = y.ravel()
    if not np.isin(numbers, np.arange(len(names))).all():
        raise ValueError(
            invalid(
                "y",
                f"numbers of the {len(names)} class_names of the dataset, from 0 to "
                f"{len(names) - 1}",
                f"{describe(y)} with others",
                "To use the labels as they are, remove the names: dataset.class_names = None.",
            )
        )
    return names[numbers.astype(np.intp)]
