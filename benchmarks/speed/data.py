"""Training data: 32-bit features, integer labels starting at 0."""

from __future__ import annotations

import numpy as np
from sklearn import datasets


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Load scikit-learn's handwritten digits: 1,797 rows of 64 pixels between 0 and 1."""
    X, y = datasets.load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def load_iris() -> tuple[np.ndarray, np.ndarray]:
    """Load iris: 150 rows of 4 features, 3 classes."""
    X, y = datasets.load_iris(return_X_y=True)
    return X.astype(np.float32), y


def make_table(n_rows: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate normally distributed features, and classes that are a function of them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    directions = rng.standard_normal((n_features, n_classes), dtype=np.float32)
    return X, np.argmax(X @ directions, axis=1)
