"""Docstrings are complete and correct: parameters, defaults, attributes, examples."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import sys
from typing import Any

import pandas as pd
import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import validate
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

import keras_multiclass

PACKAGE = keras_multiclass.__name__
# numpydoc's codes for missing or wrong content; ruff checks the style.
ALWAYS = {"GL06", "GL07", "GL08", "SS01", "SS03"}
SIGNATURE = {"PR01", "PR02", "PR03", "PR04", "PR07", "PR10", "RT01", "RT03", "YD01"}
EXAMPLE = {"EX01"}


def _public_modules() -> list[str]:
    names = [PACKAGE]
    for module in pkgutil.walk_packages(keras_multiclass.__path__, f"{PACKAGE}."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            names.append(module.name)
    return names


def _objects() -> dict[str, Any]:
    """Return the public classes and functions by name, each under its shortest import path."""
    objects: dict[str, Any] = {}
    seen: set[int] = set()
    for name in _public_modules():
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            value = getattr(module, public)
            own = getattr(value, "__module__", "").startswith(PACKAGE)
            if (inspect.isclass(value) or inspect.isroutine(value)) and own:
                if id(value) not in seen:
                    objects[f"{name}.{public}"] = value
                seen.add(id(value))
    return objects


def _methods(name: str, cls: type) -> dict[str, Any]:
    """Return the public methods and properties defined in this package."""
    methods = {}
    for attribute in vars(cls):
        if attribute.startswith("_"):
            continue
        value = inspect.getattr_static(cls, attribute)
        if isinstance(value, property):
            methods[f"{name}.{attribute}"] = value
        else:
            function = inspect.unwrap(getattr(cls, attribute))
            if inspect.isroutine(function) and function.__module__.startswith(PACKAGE):
                methods[f"{name}.{attribute}"] = function
    return methods


OBJECTS = _objects()
CALLABLES = dict(OBJECTS)
for _name, _value in OBJECTS.items():
    if inspect.isclass(_value):
        CALLABLES |= _methods(_name, _value)
ESTIMATORS = {
    name: value
    for name, value in OBJECTS.items()
    if inspect.isclass(value) and issubclass(value, BaseEstimator) and hasattr(value, "predict")
}


def _without_own_parameters(value: Any) -> bool:
    """Return whether a class has no parameters of its own: errors, protocols, dataclasses."""
    return inspect.isclass(value) and (
        issubclass(value, BaseException)
        or getattr(value, "_is_protocol", False)
        or dataclasses.is_dataclass(value)
    )


PROTOCOLS = [v for v in OBJECTS.values() if getattr(v, "_is_protocol", False)]


def _documented_by_a_protocol(value: Any) -> bool:
    """Return whether a method implements a public protocol that documents its parameters."""
    return any(
        value is not declared
        and "." in value.__qualname__
        and list(inspect.signature(declared).parameters)
        == list(inspect.signature(value).parameters)
        for protocol in PROTOCOLS
        if (declared := vars(protocol).get(value.__name__)) is not None
    )


WITH_PARAMETERS = [
    name
    for name, value in CALLABLES.items()
    if not isinstance(value, property)
    and not _without_own_parameters(value)
    and not _documented_by_a_protocol(value)
]


def _documentation(value: Any) -> FunctionDoc:
    return FunctionDoc(None, doc=inspect.getdoc(value) or "")


@pytest.mark.parametrize("name", CALLABLES)
def test_the_docstring_is_complete_and_matches_the_signature(name):
    codes = set(ALWAYS)
    if name in WITH_PARAMETERS:
        codes |= SIGNATURE
        if name.removeprefix(f"{PACKAGE}.") in keras_multiclass.__all__:
            codes |= EXAMPLE
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in codes]
    assert not errors


@pytest.mark.parametrize("name", [n for n, v in OBJECTS.items() if dataclasses.is_dataclass(v)])
def test_every_field_of_a_dataclass_is_documented(name):
    sections = _documentation(OBJECTS[name])
    documented = {p.name for part in ("Parameters", "Attributes") for p in sections[part]}
    fields = {f.name for f in dataclasses.fields(OBJECTS[name]) if not f.name.startswith("_")}
    assert fields == documented & fields


def _is_default(documented: str, real: Any) -> bool:
    """Return whether the text after ``default=`` is the real default."""
    documented = documented.strip().strip("`").rstrip(".")
    try:
        value = ast.literal_eval(documented)
    except (SyntaxError, ValueError):
        return documented in {repr(real), str(real), getattr(real, "__name__", None)}
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (value, real))
    return value == real if numbers else (type(value), value) == (type(real), real)


@pytest.mark.parametrize(
    ("documented", "real", "same"),
    [
        ('"auto"', "auto", True),
        ("'auto'", "auto", True),
        ("(64, 32)", (64, 32), True),
        ("1e-3", 0.001, True),
        ("100", 100.0, True),
        ("True", 1, False),
        ("None", False, False),
        ('"auto"', "none", False),
        ("[64]", (64,), False),
    ],
)
def test_documented_defaults_are_parsed_as_python(documented, real, same):
    assert _is_default(documented, real) is same


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_documented_defaults_equal_the_real_ones(name):
    value = CALLABLES[name]
    real = {
        p.name: p.default
        for p in inspect.signature(value).parameters.values()
        if p.default is not inspect.Parameter.empty
    }
    sections = _documentation(value)
    errors = []
    for parameter in [*sections["Parameters"], *sections["Other Parameters"]]:
        _, marked, default = parameter.type.partition("default=")
        for single in parameter.name.split(", "):
            if marked and single not in real:
                errors.append(f"{single} has no default, but default={default} is documented")
            elif single in real and not marked:
                errors.append(f"{single} does not say default={real[single]!r}")
            elif marked and not _is_default(default, real[single]):
                errors.append(f"{single}: default={default} is documented for {real[single]!r}")
    assert not errors


@pytest.fixture(scope="module")
def fitted():
    """Return a function that fits an estimator class to a small table, once per class."""
    X = pd.DataFrame({"left": [0.0, 1, 2] * 8, "right": [2.0, 0, 1] * 8})
    y = ["ash", "fir", "oak"] * 8
    labels = pd.get_dummies(y)
    cache: dict[str, Any] = {}

    def fit(name):
        if name not in cache:
            estimator = ESTIMATORS[name](epochs=1, random_state=0)
            is_multilabel = get_tags(estimator).classifier_tags.multi_label
            cache[name] = estimator.fit(X, labels if is_multilabel else y)
        return cache[name]

    return fit


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_fitted_attribute_is_documented(name, fitted):
    estimator = fitted(name)
    names = {*vars(estimator), *dir(type(estimator))}
    public = {n for n in names if n.endswith("_") and not n.startswith("_")}
    documented = {attribute.name for attribute in _documentation(ESTIMATORS[name])["Attributes"]}
    assert public <= documented


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_documented_attribute_exists_after_fit(name, fitted):
    """Except if its description starts with "Only", as in "Only with early stopping"."""
    estimator = fitted(name)
    absent = [
        attribute.name
        for attribute in _documentation(ESTIMATORS[name])["Attributes"]
        if not hasattr(estimator, attribute.name)
        and not " ".join(attribute.desc).startswith("Only")
    ]
    assert not absent


def _examples() -> dict[str, doctest.DocTest]:
    examples = {}
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in _public_modules():
        module = sys.modules[name]
        test = doctest.DocTestParser().get_doctest(module.__doc__ or "", {}, name, None, 0)
        if test.examples:
            examples[name] = test
    for name, value in OBJECTS.items():
        for test in finder.find(value, name, module=sys.modules[value.__module__], globs={}):
            if test.examples:
                examples[test.name] = test
    return examples


EXAMPLES = _examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_docstring_example_prints_the_output_shown(name):
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    result = runner.run(EXAMPLES[name], out=report.append)
    assert result.failed == 0, "".join(report)
