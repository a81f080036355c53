"""Splits rows that may have several labels, so that each part gets its share of every label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse


def assign_parts(
    labels: sparse.csr_array, shares: Sequence[float], *, order: int, seed: int | None
) -> np.ndarray:
    """Assign rows to parts by iterative stratification.

    The rows of the label with the fewest unassigned rows are assigned first, each to the part that
    lacks most rows of this label (Sechidis, Tsoumakas and Vlahavas 2011, algorithm 1). With
    ``order=2``, pairs of labels that occur together are balanced before single labels (Szymański
    and Kajdanowicz 2017).

    Parameters
    ----------
    labels : csr_array of shape (n_samples, n_labels)
        Nonzero where a row has a label.
    shares : sequence of float
        Fraction of the rows for each part; they sum to one.
    order : {1, 2}
        Whether to balance labels only, or pairs of labels too.
    seed : int or None
        Seed of the order of the rows and of the choice between parts that lack equally many. With
        None, the rows keep their order, and the first of these parts is chosen.

    Returns
    -------
    ndarray of shape (n_samples,)
        Index of the part of each row.
    """
    n_samples = labels.shape[0]
    generator = None if seed is None else np.random.default_rng(seed)
    sequence = np.arange(n_samples) if generator is None else generator.permutation(n_samples)
    groups = _with_pairs(labels) if order == 2 else labels
    groups = sparse.csr_array(groups[sequence] != 0)
    members = _split(groups.tocsc())
    groups_of = [rows.tolist() for rows in _split(groups)]
    left = np.array([len(rows) for rows in members])
    wanted = [[len(rows) * share for share in shares] for rows in members]
    wanted_rows = [n_samples * share for share in shares]
    parts = np.full(n_samples, -1)

    def assign(row: int, lacking: list[float]) -> None:
        most = max(zip(lacking, wanted_rows, strict=True))
        best = [i for i, pair in enumerate(zip(lacking, wanted_rows, strict=True)) if pair == most]
        part = best[0] if generator is None else best[generator.integers(len(best))]
        parts[row] = part
        wanted_rows[part] -= 1
        for group in groups_of[row]:
            wanted[group][part] -= 1
            left[group] -= 1

    while left.any():
        rarest = int(np.where(left > 0, left, n_samples + 1).argmin())
        for row in members[rarest][parts[members[rarest]] < 0]:
            assign(int(row), wanted[rarest])
    for row in np.flatnonzero(parts < 0):  # rows without labels
        assign(int(row), wanted_rows)
    assigned = np.empty_like(parts)
    assigned[sequence] = parts
    return assigned


def _with_pairs(labels: sparse.csr_array) -> sparse.csr_array:
    """Append one column for each pair of labels that occurs."""
    occurs = sparse.csr_array(labels != 0).astype(np.int64)
    first, second = sparse.triu(occurs.T @ occurs, k=1).nonzero()
    columns = occurs.tocsc()
    both = columns[:, first].multiply(columns[:, second])
    return sparse.csr_array(sparse.hstack([occurs, both]))


def _split(compressed: sparse.csr_array | sparse.csc_array) -> list[np.ndarray]:
    """Return the indices of each row, or of each column, of a compressed matrix."""
    compressed.sort_indices()
    return np.split(compressed.indices, compressed.indptr[1:-1])
