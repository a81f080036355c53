"""Command ``python -m benchmarks.speed``: run cases and print a table for each."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..environment import describe_environment
from ..layout import format_environment
from ..processes import run_in_new_process
from .cases import list_cases, run_case
from .options import Options
from .report import format_case
from .results import CaseResult

PACKAGES = ("numpy", "scikit-learn", "tensorflow", "keras", "scikeras", "skorch", "torch")


def parse_arguments(command_line: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    cases = list_cases()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Compare the speed and memory of keras-multiclass with other packages.",
        epilog="Cases: " + "; ".join(f"{letter} = {name}" for letter, name in cases.items()),
    )
    parser.add_argument(
        "--case",
        action="append",
        choices=list(cases),
        help="case to run, may be repeated; default: all",
    )
    parser.add_argument(
        "--repeat", type=positive_integer, metavar="N", help="number of repetitions per contestant"
    )
    parser.add_argument("--quick", action="store_true", help="use tiny sizes, as a smoke test")
    parser.add_argument("--full", action="store_true", help="include the longest runs")
    parser.add_argument("--markdown", action="store_true", help="print tables in Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to a file")
    return parser.parse_args(command_line)


def positive_integer(text: str) -> int:
    """Parse an integer of at least 1; argparse shows the function name in its message."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def main(command_line: list[str] | None = None) -> None:
    """Run the selected cases, each in a separate process so that they do not affect each other."""
    arguments = parse_arguments(command_line)
    options = Options(quick=arguments.quick, full=arguments.full, repeat=arguments.repeat)
    environment = run_in_new_process(describe_environment, packages=PACKAGES)
    print(format_environment(environment, markdown=arguments.markdown), flush=True)
    results = []
    for letter in sorted(set(arguments.case or list_cases())):
        if sys.stderr.isatty():
            print(f"running case {letter} ...", file=sys.stderr)
        plain = run_in_new_process(run_case, letter=letter, options=asdict(options))
        results.append(CaseResult.from_plain(plain))
        print(format_case(results[-1], markdown=arguments.markdown), flush=True)
        if arguments.json:
            _write_json(arguments.json, environment, options, results)


def _write_json(
    path: Path, environment: dict[str, Any], options: Options, results: list[CaseResult]
) -> None:
    content = {
        "environment": environment,
        "options": asdict(options),
        "cases": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
