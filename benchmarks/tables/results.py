"""The file of results: a line of JSON for each fit, to which runs append."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .measuring import Measures
from .models import Model
from .running import Fit


@dataclass(frozen=True)
class Result:
    """One fit.

    Attributes
    ----------
    table, split, model : str, int, str
        What was fitted on what; the model by its label. There is one result for each.
    name, options : str, dict
        What the label stands for.
    version : str
        Version of the package that the model comes from.
    error, macro_f1, log_loss : float
        How good it was on the rows held out.
    fit_seconds, predict_seconds : float
        How long it took.
    timed : bool, default=True
        Whether the machine was quiet, so that the times mean something.
    """

    table: str
    split: int
    model: str
    name: str
    options: dict[str, Any]
    version: str
    error: float
    macro_f1: float
    log_loss: float
    fit_seconds: float
    predict_seconds: float
    timed: bool = True

    @property
    def key(self) -> tuple[str, int, str]:
        """What there is one result of."""
        return self.table, self.split, self.model

    @classmethod
    def of(cls, fit: Fit, measures: Measures, *, timed: bool) -> Result:
        """Put together what was fitted and what came of it."""
        table, split, model = fit
        what = (table, split, model.label, model.name, _as_json(model.options), model.version)
        return cls(*what, **asdict(measures), timed=timed)


def read_results(path: Path) -> list[Result]:
    """Read a file of results; one that does not exist has none."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Result(**json.loads(line)) for line in lines]


def append_result(path: Path, result: Result) -> None:
    """Add a line to a file of results."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def check_labels(models: Sequence[Model], results: Sequence[Result]) -> None:
    """Raise an error about a label that already stands for something else."""
    known = {result.model: (result.name, result.options) for result in results}
    for model in models:
        meant = (model.name, _as_json(model.options))
        if known.setdefault(model.label, meant) != meant:
            raise ValueError(
                f"the label {model.label!r} already stands for another model or other options; "
                "choose a new one: --model LABEL=NAME:OPTION=VALUE"
            )


def _as_json(options: dict[str, Any]) -> dict[str, Any]:
    """Write options as they will be read from a file: tuples become lists."""
    return json.loads(json.dumps(options, default=repr))
