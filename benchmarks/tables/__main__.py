"""The command ``python -m benchmarks.tables``: fit what has no result yet, print tables of all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..environment import describe_environment
from ..layout import format_environment
from ..processes import QUIET, run_in_new_process
from .data import FOLDER_VARIABLE, SPLITS, TABLES, check_folder
from .models import OTHERS, Model, check_models, default_models, parse_model
from .report import format_report
from .results import Result, append_result, check_labels, read_results
from .running import Fit, FitError, plan, run

PACKAGES = ("numpy", "pandas", "scikit-learn", "tensorflow", "keras", "pytabkit", "torch")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tables",
        description="Compare the accuracy of keras-multiclass with other classifiers.",
        epilog=f"Names of models: {', '.join(OTHERS)}, and backbones of ours: auto, mlp, ...",
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help=f"of the tables; default: ${FOLDER_VARIABLE}"
    )
    parser.add_argument(
        "--model",
        action="append",
        type=_model,
        metavar="[LABEL=]NAME[:OPTION=VALUE,...]",
        help="what to fit, may be repeated; default: all that is installed",
    )
    parser.add_argument(
        "--table", action="append", choices=TABLES, help="may be repeated; default: all"
    )
    parser.add_argument(
        "--split", action="append", choices=SPLITS, type=int, help="may be repeated; default: all"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="add results to a file, and fit no model again"
    )
    parser.add_argument(
        "--show",
        action="append",
        metavar="LABEL",
        help="what to print, may be repeated; default: all",
    )
    parser.add_argument("--only-show", action="store_true", help="print results, and fit nothing")
    parser.add_argument("--untimed", action="store_true", help="the machine is busy: ignore times")
    parser.add_argument("--markdown", action="store_true", help="print tables in markdown")
    return parser.parse_args(arguments)


def _model(text: str) -> Model:
    try:
        return parse_model(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(arguments: list[str] | None = None) -> None:
    """Fit what is chosen and has no result yet, and print the results that are chosen."""
    chosen = parse_arguments(arguments)
    tables, splits = chosen.table or TABLES, chosen.split or SPLITS
    results = read_results(chosen.results) if chosen.results else []
    failures = []
    if not chosen.only_show:
        try:
            fits, folder = _plan_missing(chosen, tables, splits, results)
        except ValueError as error:
            sys.exit(str(error))
        if fits:
            environment = run_in_new_process(describe_environment, packages=PACKAGES)
            print(format_environment(environment, markdown=chosen.markdown), flush=True)
        fitted, failures = _fit(fits, folder, chosen.results, timed=not chosen.untimed)
        results += fitted
    shown = [
        result
        for result in results
        if result.table in tables
        and result.split in splits
        and (not chosen.show or result.model in chosen.show)
    ]
    if shown:
        print(format_report(shown, markdown=chosen.markdown), end="")
    if failures or not shown:
        sys.exit("\n".join(failures) or "There are no results to show.")


def _plan_missing(
    chosen: argparse.Namespace,
    tables: Sequence[str],
    splits: Sequence[int],
    results: Sequence[Result],
) -> tuple[list[Fit], Path]:
    """List the fits that have no result yet, and the folder of their tables."""
    folder = check_folder(chosen.data or os.environ.get(FOLDER_VARIABLE), tables)
    os.environ.update(QUIET)
    models = chosen.model or default_models()
    check_models(models)
    check_labels(models, results)
    done = {result.key for result in results}
    return [fit for fit in plan(models, tables, splits) if fit.key not in done], folder


def _fit(
    fits: Sequence[Fit], folder: Path, file: Path | None, *, timed: bool
) -> tuple[list[Result], list[str]]:
    """Run fits and keep their results; return these, and what failed."""
    results, failures = [], []
    for fit, outcome in run(fits, folder):
        if sys.stderr.isatty():
            print(f"{fit.model.label} on {fit.table}, split {fit.split}: done", file=sys.stderr)
        if isinstance(outcome, FitError):
            failures.append(
                f"{fit.model.label} failed on {fit.table}, split {fit.split}: {outcome}"
            )
            continue
        results.append(Result.of(fit, outcome, timed=timed))
        if file:
            append_result(file, results[-1])
    return results, failures


if __name__ == "__main__":
    main()
