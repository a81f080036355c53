"""Results file: one line of JSON per fit, appended by each run."""

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
        Table, split and label of the model; unique for each result.
    name, options : str, dict
        Name and options of the model with this label.
    version : str
        Version of the model's package.
    error, macro_f1, log_loss : float
        Scores on the test rows.
    fit_seconds, predict_seconds : float
        Times of fit and prediction.
    timed : bool, default=True
        Whether the times are valid, i.e. the machine was idle.
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
        """Unique key of the result."""
        return self.table, self.split, self.model

    @classmethod
    def of(cls, fit: Fit, measures: Measures, *, timed: bool) -> Result:
        """Combine a fit and its measures."""
        table, split, model = fit
        what = (table, split, model.label, model.name, _as_json(model.options), model.version)
        return cls(*what, **asdict(measures), timed=timed)


def read_results(path: Path) -> list[Result]:
    """Read a results file; return an empty list if it does not exist."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Result(**json.loads(line)) for line in lines]


def append_result(path: Path, result: Result) -> None:
    """Append a line to a results file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def check_labels(models: Sequence[Model], results: Sequence[Result]) -> None:
    """Raise an error if a label is already used for a different model."""
    known = {result.model: (result.name, result.options) for result in results}
    for model in models:
        meant = (model.name, _as_json(model.options))
        if known.setdefault(model.label, meant) != meant:
            raise ValueError(
                f"the label {model.label!r} is already used for another model or other options; "
                "choose a new one: --model LABEL=NAME:OPTION=VALUE"
            )


def _as_json(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as they are read back from a file: tuples become lists."""
    return json.loads(json.dumps(options, default=repr))
