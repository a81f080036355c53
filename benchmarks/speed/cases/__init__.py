"""What is measured.

To add a case, write a module beside this one whose name begins with a new letter and an underscore
and that defines ``run(options)``, which takes `Options` and returns a `CaseResult`. It is found by
its name. Each case runs in a process of its own.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from importlib import import_module
from typing import Any

from ..options import Options


def list_cases() -> dict[str, str]:
    """Name the cases by their letters."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {letter: name for letter, _, name in (n.partition("_") for n in names)}


def run_case(letter: str, options: dict[str, Any]) -> dict[str, Any]:
    """Run a case; options and result are plain, for they go from process to process."""
    module = import_module(f".{letter}_{list_cases()[letter]}", __name__)
    result = module.run(Options(**options))
    return dataclasses.asdict(dataclasses.replace(result, letter=letter))
