"""The models that are compared.

Models are named by their class, ours by their backbone. To add one, write a module in this folder
with a function ``build(name, options, seed)`` that returns a classifier for raw data frames, and
add the model to ``OTHERS``. Modules are imported only when their model runs, so they may import
their package at the top. Models whose package is not installed are skipped.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

from ...environment import find_commit, find_version

REFERENCE = "MLPClassifier"


class Entry(NamedTuple):
    """Module in this folder, and required package."""

    module: str
    package: str


OTHERS = {
    "LogisticRegression": Entry("sklearn_models", "scikit-learn"),
    REFERENCE: Entry("sklearn_models", "scikit-learn"),
    "RandomForestClassifier": Entry("sklearn_models", "scikit-learn"),
    "HistGradientBoostingClassifier": Entry("sklearn_models", "scikit-learn"),
    "RealMLP_TD_Classifier": Entry("pytabkit_models", "pytabkit"),
    "TabM_D_Classifier": Entry("pytabkit_models", "pytabkit"),
}
OURS = Entry("our_models", "keras-multiclass")


@dataclass(frozen=True)
class Model:
    """A model with its options.

    Attributes
    ----------
    name : str
        Name in ``OTHERS``, or one of our backbones.
    label : str
        Name in results and tables.
    options : dict, default={}
        Parameters that differ from the defaults.
    """

    name: str
    label: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def entry(self) -> Entry:
        """Module and package of the model."""
        return OTHERS.get(self.name, OURS)

    @property
    def version(self) -> str:
        """Version of the package; for ours, also the commit."""
        version = f"{self.entry.package} {find_version(self.entry.package)}"
        return f"{version}, commit {find_commit()}" if self.entry is OURS else version


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


def check_models(models: list[Model]) -> None:
    """Raise an error if a model is unknown or not installed."""
    for model in models:
        if find_version(model.entry.package) is None:
            raise ValueError(f"{model.name} needs the package {model.entry.package}")
        if model.entry is OURS and model.name not in our_backbones():
            known = ", ".join([*OTHERS, *our_backbones()])
            raise ValueError(f"unknown model {model.name!r}; known models are {known}")


def default_models() -> list[Model]:
    """List the installed models, including ours with each of its table backbones."""
    others = [name for name, entry in OTHERS.items() if find_version(entry.package)]
    return [Model(name, label=name) for name in [*others, *our_backbones()]]


def our_backbones() -> list[str]:
    """List the names of our models."""
    # Imported here so that processes of other models do not import TensorFlow.
    from keras_multiclass import list_backbones

    return ["auto", *list_backbones(kind="table")]


def build(model: Model, seed: int) -> Any:
    """Build the unfitted classifier."""
    module = import_module(f".{model.entry.module}", __name__)
    return module.build(model.name, model.options, seed)
