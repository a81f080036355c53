"""Models by name, with options from the command line."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

from ..environment import find_commit, find_version


class Entry(NamedTuple):
    """Module with a function ``build(name, options, seed)``, and the package it needs."""

    module: str
    package: str


@dataclass(frozen=True)
class Model:
    """A model with its options.

    Attributes
    ----------
    name : str
        Name in the catalog.
    label : str
        Name in results and tables.
    options : dict, default={}
        Parameters that differ from the defaults.
    """

    name: str
    label: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """The models of a benchmark.

    Attributes
    ----------
    others : mapping of str to Entry
        Models of other packages by name.
    ours : Entry
        Module of our models.
    our_names : callable
        Returns the names of our models. Called only when needed, so that processes of other models
        do not import TensorFlow.
    """

    others: Mapping[str, Entry]
    ours: Entry
    our_names: Callable[[], Sequence[str]]

    def entry(self, model: Model) -> Entry:
        """Return module and package of a model."""
        return self.others.get(model.name, self.ours)

    def version(self, model: Model) -> str:
        """Return the version of a model's package; for ours, also the commit."""
        entry = self.entry(model)
        version = f"{entry.package} {find_version(entry.package)}"
        return f"{version}, commit {find_commit()}" if entry is self.ours else version

    def check(self, models: Sequence[Model]) -> None:
        """Raise an error if a model is unknown or not installed."""
        for model in models:
            entry = self.entry(model)
            if find_version(entry.package) is None:
                raise ValueError(f"{model.name} needs the package {entry.package}")
            if entry is self.ours and model.name not in self.our_names():
                known = ", ".join([*self.others, *self.our_names()])
                raise ValueError(f"unknown model {model.name!r}; known models are {known}")

    def default_models(self) -> list[Model]:
        """List the installed models."""
        others = [name for name, entry in self.others.items() if find_version(entry.package)]
        return [Model(name, label=name) for name in [*others, *self.our_names()]]

    def build(self, model: Model, seed: int) -> Any:
        """Build the unfitted classifier."""
        return import_module(self.entry(model).module).build(model.name, model.options, seed)


def parse_model(text: str) -> Model:
    """Parse ``name``, ``name:option=value,option=value`` or ``label=name:option=value``.

    Values are Python literals. Without a label, the whole text is the label.
    """
    head, _, options = text.partition(":")
    label, _, name = head.rpartition("=")
    try:
        if not name:
            raise ValueError("missing name")
        return Model(name, label or text, _read_options(options))
    except (AttributeError, SyntaxError, ValueError):
        raise ValueError(
            "must have the form name:option=value,option=value with Python literals as values, for "
            f"example 'auto:epochs=50,backbone__hidden_units=(64,)'; got {text!r}"
        ) from None


def _read_options(text: str) -> dict[str, Any]:
    call = ast.parse(f"dict({text})", mode="eval").body
    if call.args or not isinstance(call.func, ast.Name):
        raise ValueError("options must have names")
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
