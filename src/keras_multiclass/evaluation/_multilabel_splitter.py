"""Stratified cross-validation for rows that may have several labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state
from sklearn.utils.validation import indexable

from keras_multiclass._data.labels.indicator import parse_indicator
from keras_multiclass._data.splitting.iterative import assign_parts
from keras_multiclass._shared.messages import describe, invalid, warn
from keras_multiclass.evaluation._checks import is_integer


class MultilabelStratifiedKFold(BaseCrossValidator):
    """K-fold cross-validation that gives each fold its share of every label.

    For targets whose rows may have any number of labels. For classes that exclude each other, use
    scikit-learn's ``StratifiedKFold``.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    order : {1, 2}, default=2
        What is balanced over the folds: each label (1), or also each pair of labels that occur
        together (2).
    shuffle : bool, default=False
        Whether to shuffle the rows first. Otherwise the split depends only on y.
    random_state : int, RandomState or None, default=None
        Seed of the shuffling; only with ``shuffle=True``.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : For one class per row.

    Notes
    -----
    Iterative stratification: the rows of the rarest label are distributed first, each to the fold
    that lacks most rows of this label. Folds may differ in size by a few rows.

    References
    ----------
    K. Sechidis, G. Tsoumakas and I. Vlahavas, On the Stratification of Multi-label Data, ECML PKDD
    2011, algorithm 1 (``order=1``).

    P. Szymański and T. Kajdanowicz, A Network Perspective on Stratification of Multi-Label Data,
    PMLR 74, 2017 (``order=2``).

    Examples
    --------
    >>> import numpy as np
    >>> from keras_multiclass.evaluation import MultilabelStratifiedKFold
    >>> y = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 1], [1, 1]])
    >>> for train, test in MultilabelStratifiedKFold(n_splits=2).split(y, y):
    ...     print(test, y[test].sum(axis=0))
    [0 1 2] [2 2]
    [3 4 5] [2 2]
    """

    def __init__(
        self, n_splits: int = 5, *, order: int = 2, shuffle: bool = False, random_state: Any = None
    ) -> None:
        self.n_splits = n_splits
        self.order = order
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        int
            `n_splits`.
        """
        return self.n_splits

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Split rows into those to train and to test on, fold by fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Features; only their number is used.
        y : array-like, sparse matrix or data frame of shape (n_samples, n_labels), default=None
            1 where a row has a label, else 0. Required.
        groups : object, default=None
            Ignored, with a warning.

        Returns
        -------
        iterator of tuple (train, test)
            For each fold two arrays of row numbers in ascending order.

        Raises
        ------
        ValueError
            If a parameter is invalid, `y` is not an indicator matrix, or there are fewer rows than
            folds.
        """
        if groups is not None:  # as scikit-learn's splitters do
            warn(f"The groups parameter is ignored by {type(self).__name__}")
        X, y, groups = indexable(X, y, groups)
        return super().split(X, y, groups)

    def _iter_test_masks(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[np.ndarray]:
        self._check_parameters()
        labels = sparse.csr_array(parse_indicator(y, "y").values)
        self._check_counts(labels)
        seed = None
        if self.shuffle:
            seed = int(check_random_state(self.random_state).randint(2**31))
        shares = [1 / self.n_splits] * self.n_splits
        folds = assign_parts(labels, shares, order=self.order, seed=seed)
        for fold in range(self.n_splits):
            yield folds == fold

    def _check_parameters(self) -> None:
        if not is_integer(self.n_splits) or self.n_splits < 2:
            allowed = "an integer of at least 2"
            raise ValueError(invalid("n_splits", allowed, describe(self.n_splits)))
        if not is_integer(self.order) or self.order not in (1, 2):
            raise ValueError(invalid("order", "1 or 2", describe(self.order)))
        if not isinstance(self.shuffle, (bool, np.bool_)):
            raise ValueError(invalid("shuffle", "True or False", describe(self.shuffle)))
        if self.random_state is not None and not self.shuffle:
            raise ValueError(
                invalid(
                    "random_state",
                    "None unless rows are shuffled",
                    describe(self.random_state),
                    "Set shuffle=True.",
                )
            )

    def _check_counts(self, labels: Any) -> None:
        if labels.shape[0] < self.n_splits:
            raise ValueError(
                invalid(
                    "n_splits",
                    f"at most the number of rows, {labels.shape[0]}",
                    describe(self.n_splits),
                )
            )
        counts = labels.sum(axis=0)
        n_rare = int(np.sum((counts > 0) & (counts < self.n_splits)))
        if n_rare:
            warn(
                f"Some folds have no row of {n_rare} of the {len(counts)} labels, which fewer than "
                f"n_splits={self.n_splits} rows have."
            )
