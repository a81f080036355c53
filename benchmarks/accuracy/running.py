"""Run fits sequentially, with a separate process for each model."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .models import Model

Measures: TypeAlias = dict[str, float]
"""Scores on the test rows, and times."""
Measure: TypeAlias = Callable[[Model, Path, int], Measures]
"""Fits a model on a split of the table in a file and evaluates it; a function of a module."""


class Fit(NamedTuple):
    """A model to fit on a split of a table."""

    table: str
    split: int
    model: Model

    @property
    def key(self) -> tuple[str, int, str]:
        """Unique key of the result."""
        return self.table, self.split, self.model.label


class FitError(Exception):
    """Raised if a model cannot be fitted or evaluated."""


def plan(models: Sequence[Model], tables: Sequence[str], splits: Sequence[int]) -> list[Fit]:
    """Order fits so that models take turns, and every table gets one result before a second."""
    return [Fit(table, split, model) for split in splits for table in tables for model in models]


def run(
    fits: Sequence[Fit], path_of: Callable[[str], Path], measure: Measure
) -> Iterator[tuple[Fit, Measures | FitError]]:
    """Run fits sequentially; yield errors and continue with the next fit."""
    workers: dict[str, _Worker] = {}
    try:
        for fit in fits:
            label = fit.model.label
            if label not in workers:
                workers[label] = _Worker(measure)
            outcome = workers[label].measure(fit, path_of(fit.table))
            if workers[label].is_dead():
                del workers[label]
            yield fit, outcome
    finally:
        for worker in workers.values():
            worker.stop()


class _Worker:
    """A process that runs all fits of one model and ends with the parent process."""

    def __init__(self, measure: Measure) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, child_connection = context.Pipe()
        self._process = context.Process(target=_serve, args=(child_connection, measure))
        self._process.start()
        child_connection.close()

    def measure(self, fit: Fit, path: Path) -> Measures | FitError:
        try:
            self._connection.send((fit.model, path, fit.split))
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


def _serve(connection: Connection, measure: Measure) -> None:
    """Run requested fits until the connection is closed."""
    _silence_output()
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            arguments = connection.recv()
            try:
                outcome = measure(*arguments)
            except Exception as error:
                outcome = FitError(f"{type(error).__name__}: {error}")
            connection.send(outcome)


def _silence_output() -> None:
    """Discard the output of libraries; errors are sent through the connection."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(devnull, stream)
