"""The cases that are measured.

To add a case, write a module in this folder whose name starts with a new letter and an underscore.
It must define ``run(options)``, which takes `Options` and returns a `CaseResult`. Modules are found
by name. Each case runs in a separate process.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from importlib import import_module
from typing import Any

from ..options import Options


def list_cases() -> dict[str, str]:
    """Return the names of the cases by letter."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {letter: name for letter, _, name in (n.partition("_") for n in names)}


def run_case(letter: str, options: dict[str, Any]) -> dict[str, Any]:
    """Run a case, with plain options and result that can be passed between processes."""
    module = import_module(f".{letter}_{list_cases()[letter]}", __name__)
    result = module.run(Options(**options))
    return dataclasses.asdict(dataclasses.replace(result, letter=letter))
