"""Arguments routed to the user's builder functions, checked against their signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from keras_multiclass._interop.scikeras import SCIKERAS_ARGUMENTS
from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.messages import did_you_mean, format_list
from keras_multiclass.exceptions import BackboneError

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
# Arguments that the classifier supplies if a builder has parameters for them.
SUPPLIED = {"backbone": ("mask", "table", "n_terms"), "model": SCIKERAS_ARGUMENTS}


def takes(function: Callable[..., Any], argument: str) -> bool:
    """Whether a function has a parameter of this name."""
    try:
        return argument in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def is_required(function: Callable[..., Any], argument: str) -> bool:
    """Whether a function has a parameter of this name without a default."""
    parameter = inspect.signature(function).parameters.get(argument)
    return parameter is not None and parameter.default is parameter.empty


def check_arguments(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    prefix: str,
    target: str,
    skip: int = 0,
    supplied: Collection[str] = (),
) -> None:
    """Check routed arguments against a builder's signature.

    Parameters
    ----------
    function : callable
        The builder.
    arguments : mapping
        Routed arguments without their prefix.
    prefix : str
        The prefix: ``"backbone"``, ``"model"``, or ``"backbone__"`` and the name of an input.
    target : str
        The builder's name in messages.
    skip : int, default=0
        Number of leading parameters that are not for the user.
    supplied : collection of str, default=()
        Further parameters that are not for the user.

    Raises
    ------
    BackboneError
        If the builder does not take an argument, or lacks one that it needs.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):  # no signature to compare with
        return
    parameter = prefix.partition("__")[0]
    reserved = {*SUPPLIED[parameter], *supplied}
    named = {p.name: p for p in parameters if p.kind in NAMED and p.name not in reserved}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        unknown = [name for name in arguments if name not in named]
        if unknown:
            error = BackboneError(_unknown_arguments(unknown, list(named), prefix, target))
            raise mark(error, "unknown argument", parameter)
    missing = [name for name, p in named.items() if p.default is p.empty and name not in arguments]
    if missing:
        names = format_list(f"{prefix}__{name}" for name in missing)
        raise BackboneError(f"{target} needs arguments that were not given: pass {names}.")


def _unknown_arguments(unknown: list[str], named: list[str], prefix: str, target: str) -> str:
    """Return the error message, with one line for each argument."""
    lines = []
    for name in unknown:
        takes = f" ({format_list(named) or 'it takes none'})" if name == unknown[-1] else ""
        lines.append(
            f"`{prefix}__{name}` must be an argument that {target} takes{takes}."
            f"{did_you_mean(name, named)}"
        )
    return "\n".join(lines)
