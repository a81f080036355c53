"""Token ids: which of them occur in the training rows."""

from __future__ import annotations

import numpy as np

from keras_multiclass._shared.messages import invalid

# Each id up to the highest has an embedding: of 32 numbers, they take 1.3 GB.
MOST_TOKEN_IDS = 10**7
_NUMBER = (
    "Number the ids first: X = np.unique(X, return_inverse=True)[1].reshape(np.shape(X)) + "
    "(np.min(X) > 0), in which 0 remains padding."
)


def occurring_tokens(X: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """Return which token ids occur.

    Parameters
    ----------
    X : ndarray of int32 of shape (n_rows, n_steps)
        Checked token ids.
    before : ndarray of bool, default=None
        The same for earlier rows.

    Returns
    -------
    ndarray of bool of shape (highest + 1,)
        Whether each id occurs, from 0 to the highest.

    Raises
    ------
    ValueError
        If an id is so high that the embeddings of all lower ones would not fit into memory.
    """
    highest = int(X.max(initial=0))
    if highest >= MOST_TOKEN_IDS:
        raise ValueError(
            invalid(
                "X",
                f"token ids below {MOST_TOKEN_IDS}, since each id up to the highest gets an "
                "embedding",
                f"{highest}",
                _NUMBER,
            )
        )
    n_before = 0 if before is None else len(before)
    occurs = np.zeros(max(highest + 1, n_before), bool)
    if before is not None:
        occurs[:n_before] = before
    occurs[X] = True
    return occurs
