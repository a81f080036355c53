"""Command ``python -m benchmarks.tables``: run missing fits and print all results."""

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


def parse_arguments(command_line: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tables",
        description="Compare the accuracy of keras-multiclass with other classifiers.",
        epilog=f"Models: {', '.join(OTHERS)}, and our backbones: auto, mlp, ...",
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
        choices=TABLES,
        help="table to use, may be repeated; default: all",
    )
    parser.add_argument(
        "--split",
        action="append",
        choices=SPLITS,
        type=int,
        help="split to use, may be repeated; default: all",
    )
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
    parser.add_argument("--only-show", action="store_true", help="print results without fitting")
    parser.add_argument("--untimed", action="store_true", help="mark times as invalid")
    parser.add_argument("--markdown", action="store_true", help="print tables in Markdown")
    return parser.parse_args(command_line)


def _model(text: str) -> Model:
    try:
        return parse_model(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(command_line: list[str] | None = None) -> None:
    """Run the selected fits that have no result yet, and print the selected results."""
    arguments = parse_arguments(command_line)
    tables, splits = arguments.table or TABLES, arguments.split or SPLITS
    results = read_results(arguments.results) if arguments.results else []
    failures = []
    if not arguments.only_show:
        try:
            fits, folder = _plan_missing(arguments, tables, splits, results)
        except ValueError as error:
            sys.exit(str(error))
        if fits:
            environment = run_in_new_process(describe_environment, packages=PACKAGES)
            print(format_environment(environment, markdown=arguments.markdown), flush=True)
        fitted, failures = _fit(fits, folder, arguments.results, timed=not arguments.untimed)
        results += fitted
    shown = [
        result
        for result in results
        if result.table in tables
        and result.split in splits
        and (not arguments.show or result.model in arguments.show)
    ]
    if shown:
        print(format_report(shown, markdown=arguments.markdown), end="")
    if failures or not shown:
        sys.exit("\n".join(failures) or "No results to show.")


def _plan_missing(
    arguments: argparse.Namespace,
    tables: Sequence[str],
    splits: Sequence[int],
    results: Sequence[Result],
) -> tuple[list[Fit], Path]:
    """Return the fits that have no result yet, and the folder of their tables."""
    folder = check_folder(arguments.data or os.environ.get(FOLDER_VARIABLE), tables)
    os.environ.update(QUIET)
    models = arguments.model or default_models()
    check_models(models)
    check_labels(models, results)
    done = {result.key for result in results}
    return [fit for fit in plan(models, tables, splits) if fit.key not in done], folder


def _fit(
    fits: Sequence[Fit], folder: Path, file: Path | None, *, timed: bool
) -> tuple[list[Result], list[str]]:
    """Run fits and return their results, and messages about failures."""
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
