"""A sample of the texts of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TextSample:
    """Evenly spaced texts of all batches; all texts if they are few.

    Parameters
    ----------
    most : int
        Number of texts to keep.
    most_characters : int, default=None
        Number of characters to keep.

    Attributes
    ----------
    texts : list of str, or of other values
        The texts.
    n_seen : int
        Number of texts that were added.
    """

    def __init__(self, most: int, most_characters: int | None = None) -> None:
        self.texts: list[Any] = []
        self.n_seen = 0
        self._most = most
        self._most_characters = most_characters
        self._n_characters = 0
        self._step = 1

    def add(self, texts: Sequence[Any]) -> None:
        """Add the texts of a batch.

        Parameters
        ----------
        texts : sequence of str, or of other values
            The texts.
        """
        chosen = texts[-self.n_seen % self._step :: self._step]
        self.n_seen += len(texts)
        self.texts += chosen
        self._n_characters += _count(chosen)
        while self._is_full() and len(self.texts) > 1:
            self.texts = self.texts[::2]
            self._n_characters = _count(self.texts)
            self._step *= 2

    def _is_full(self) -> bool:
        limit = self._most_characters
        return len(self.texts) > self._most or (limit is not None and self._n_characters > limit)


def _count(texts: Sequence[Any]) -> int:
    return sum(len(text) for text in texts if isinstance(text, (str, bytes)))
