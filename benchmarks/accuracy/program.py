"""The command of a benchmark of accuracy: run missing fits and print all results."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..environment import describe_environment
from ..layout import format_environment
from ..processes import QUIET, run_in_new_process
from .models import Catalog, Model, parse_model
from .reading import FOLDER_VARIABLE, check_folder
from .results import Result, append_result, check_labels, read_results
from .running import Fit, FitError, Measure, plan, run


@dataclass(frozen=True)
class Program:
    """A benchmark of models on splits of tables.

    Attributes
    ----------
    name, description : str
        Name of the module and what it does, for the help of the command.
    files : mapping of str to str
        Names of the tables, and of their files.
    how_to_get : str
        Where the files come from.
    splits : sequence of int
        Numbers of the splits.
    models : Catalog
        The models.
    measure : callable
        Measures a fit.
    result : type
        Its result.
    format_report : callable
        Formats results.
    packages : sequence of str
        Packages whose versions are printed.
    """

    name: str
    description: str
    files: Mapping[str, str]
    how_to_get: str
    splits: Sequence[int]
    models: Catalog
    measure: Measure
    result: type[Result]
    format_report: Callable[..., str]
    packages: Sequence[str]

    def main(self, command_line: list[str] | None = None) -> None:
        """Run the selected fits that have no result yet, and print the selected results."""
        arguments = self._parse_arguments(command_line)
        tables, splits = arguments.table or list(self.files), arguments.split or self.splits
        if arguments.quick:
            tables, splits = tables[:1], splits[:1]
        results = read_results(arguments.results, self.result) if arguments.results else []
        failures = []
        if not arguments.only_show:
            try:
                fits, folder = self._plan_missing(arguments, tables, splits, results)
            except ValueError as error:
                sys.exit(str(error))
            if fits:
                environment = run_in_new_process(describe_environment, packages=self.packages)
                print(format_environment(environment, markdown=arguments.markdown), flush=True)
            timed = not arguments.untimed
            fitted, failures = self._fit(fits, folder, arguments.results, timed=timed)
            results += fitted
        shown = [
            result
            for result in results
            if result.table in tables
            and result.split in splits
            and (not arguments.show or result.model in arguments.show)
        ]
        if shown:
            print(self.format_report(shown, markdown=arguments.markdown), end="")
        if failures or not shown:
            sys.exit("\n".join(failures) or "No results to show.")

    def _parse_arguments(self, command_line: list[str] | None) -> argparse.Namespace:
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.name}",
            description=self.description,
            epilog=f"Models: {', '.join(self.models.others)}, and our backbones: auto, mlp, ...",
        )
        parser.add_argument(
            "--data",
            type=Path,
            metavar="FOLDER",
            help=f"folder of the tables; default: ${FOLDER_VARIABLE}",
        )
        parser.add_argument(
            "--model",
            action="append",
            type=_model,
            metavar="[LABEL=]NAME[:OPTION=VALUE,...]",
            help="model to fit, may be repeated; default: all installed ones",
        )
        parser.add_argument(
            "--table",
            action="append",
            choices=self.files,
            help="table to use, may be repeated; default: all",
        )
        parser.add_argument(
            "--split",
            action="append",
            choices=self.splits,
            type=int,
            help="split to use, may be repeated; default: all",
        )
        parser.add_argument("--quick", action="store_true", help="only the first table and split")
        parser.add_argument(
            "--results",
            type=Path,
            metavar="FILE",
            help="append results to a file, and skip existing ones",
        )
        parser.add_argument(
            "--show",
            action="append",
            metavar="LABEL",
            help="model to print, may be repeated; default: all",
        )
        parser.add_argument(
            "--only-show", action="store_true", help="print results without fitting"
        )
        parser.add_argument("--untimed", action="store_true", help="mark times as invalid")
        parser.add_argument("--markdown", action="store_true", help="print tables in Markdown")
        return parser.parse_args(command_line)

    def _plan_missing(
        self,
        arguments: argparse.Namespace,
        tables: Sequence[str],
        splits: Sequence[int],
        results: Sequence[Result],
    ) -> tuple[list[Fit], Path]:
        """Return the fits that have no result yet, and the folder of their tables."""
        folder = arguments.data or os.environ.get(FOLDER_VARIABLE)
        folder = check_folder(folder, [self.files[table] for table in tables], self.how_to_get)
        os.environ.update(QUIET)
        models = arguments.model or self.models.default_models()
        self.models.check(models)
        check_labels(models, results)
        done = {result.key for result in results}
        return [fit for fit in plan(models, tables, splits) if fit.key not in done], folder

    def _fit(
        self, fits: Sequence[Fit], folder: Path, file: Path | None, *, timed: bool
    ) -> tuple[list[Result], list[str]]:
        """Run fits and return their results, and messages about failures."""
        results, failures = [], []
        for fit, outcome in run(fits, lambda table: folder / self.files[table], self.measure):
            if sys.stderr.isatty():
                print(f"{fit.model.label} on {fit.table}, split {fit.split}: done", file=sys.stderr)
            if isinstance(outcome, FitError):
                failures.append(
                    f"{fit.model.label} failed on {fit.table}, split {fit.split}: {outcome}"
                )
                continue
            version = self.models.version(fit.model)
            results.append(self.result.of(*fit, version, outcome, timed=timed))
            if file:
                append_result(file, results[-1])
        return results, failures


def _model(text: str) -> Model:
    try:
        return parse_model(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
