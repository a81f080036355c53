"""Results file: one line of JSON per fit, appended by each run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import pandas as pd

from .models import Model


@dataclass(frozen=True, kw_only=True)
class Result:
    """One fit; subclasses add their measures.

    Attributes
    ----------
    table, split, model : str, int, str
        Table, split and label of the model; unique for each result.
    name, options : str, dict
        Name and options of the model with this label.
    version : str
        Version of the model's package.
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
    fit_seconds: float
    predict_seconds: float
    timed: bool = True

    @property
    def key(self) -> tuple[str, int, str]:
        """Unique key of the result."""
        return self.table, self.split, self.model

    @classmethod
    def of(
        cls,
        table: str,
        split: int,
        model: Model,
        version: str,
        measures: dict[str, float],
        *,
        timed: bool,
    ) -> Self:
        """Combine a fit and its measures."""
        return cls(
            table=table,
            split=split,
            model=model.label,
            name=model.name,
            options=_as_json(model.options),
            version=version,
            timed=timed,
            **measures,
        )


ResultT = TypeVar("ResultT", bound=Result)


def read_results(path: Path, kind: type[ResultT]) -> list[ResultT]:
    """Read a results file; return an empty list if it does not exist."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [kind(**json.loads(line)) for line in lines]


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


def keep_common(fits: pd.DataFrame) -> pd.DataFrame:
    """Keep only the splits on which all models were fitted."""
    n_models = fits["model"].nunique()
    fitted = fits.groupby(["table", "split"])["model"].transform("nunique")
    return fits[fitted == n_models]


def _as_json(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as they are read back from a file: tuples become lists."""
    return json.loads(json.dumps(options, default=repr))
