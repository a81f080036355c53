"""Fits one after another, those of a model in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from .data import table_path
from .measuring import Measures, measure
from .models import Model


class Fit(NamedTuple):
    """What is fitted on what."""

    table: str
    split: int
    model: Model

    @property
    def key(self) -> tuple[str, int, str]:
        """What there is one result of."""
        return self.table, self.split, self.model.label


class FitError(Exception):
    """A model could not be fitted or judged; the message says why."""


def plan(models: Sequence[Model], tables: Sequence[str], splits: Sequence[int]) -> list[Fit]:
    """Order fits so that models take turns, and all tables have one result before any has two."""
    return [Fit(table, split, model) for split in splits for table in tables for model in models]


def run(fits: Sequence[Fit], folder: Path) -> Iterator[tuple[Fit, Measures | FitError]]:
    """Fit one after another; what fails is handed out, and the next one begins."""
    workers: dict[str, _Worker] = {}
    try:
        for fit in fits:
            label = fit.model.label
            if label not in workers:
                workers[label] = _Worker()
            outcome = workers[label].measure(fit, folder)
            if workers[label].is_dead():
                del workers[label]
            yield fit, outcome
    finally:
        for worker in workers.values():
            worker.stop()


class _Worker:
    """A process that fits one model again and again; it ends when this one does."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))
        self._process.start()
        theirs.close()

    def measure(self, fit: Fit, folder: Path) -> Measures | FitError:
        try:
            self._connection.send((fit.model, table_path(folder, fit.table), fit.split))
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            return FitError(f"the process ended with exit code {self._process.exitcode}")

    def is_dead(self) -> bool:
        return not self._process.is_alive()

    def stop(self) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.join()


def _serve(connection: Connection) -> None:
    """Fit what is asked for, until nobody asks any more."""
    _be_quiet()
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            arguments = connection.recv()
            try:
                outcome = measure(*arguments)
            except Exception as error:
                outcome = FitError(f"{type(error).__name__}: {error}")
            connection.send(outcome)


def _be_quiet() -> None:
    """Send whatever libraries print to nowhere; errors are sent back."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
