"""Undocumented names of other packages: only the modules for them use them, and list them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import keras
import pytest

import keras_multiclass

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(keras_multiclass.__file__).resolve().parent
# The modules that may use undocumented names, and the packages that these belong to.
KERAS = ("globals", "normalization", "objects", "optimizers", "training")
UPSTREAM = {
    **{f"_shared/upstream/keras_{subject}.py": "Keras" for subject in KERAS},
    "_shared/upstream/tensorflow.py": "TensorFlow",
    "_interop/scikeras.py": "SciKeras",
    "_interop/sklearn_callbacks.py": "scikit-learn",
}
# Documented, although they begin with an underscore.
DOCUMENTED = {"_repr_html_", "_repr_mimebundle_"}
PRIVATE_MODULE = re.compile(
    r"keras\.src|tensorflow\.(python|compiler)|(sklearn|scipy|numpy|joblib)(\.\w+)*\._(?!_)"
)
REFLECTION = {"getattr", "hasattr", "setattr", "delattr", "attrgetter", "methodcaller"}

TREES = {
    path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(SOURCE.rglob("*.py"))
}
OTHERS = [name for name in TREES if name not in UPSTREAM]


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name not in DOCUMENTED


def attributes(tree):
    """The attributes that code reads, sets, or names in `getattr` and its like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node, node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in REFLECTION:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node, argument.value
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and ast.unparse(node.value).startswith("vars(")
        ):
            yield node, str(node.slice.value)


def own_names():
    """Private attributes that classes of this package define."""
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) in ("self", "cls"):
                    yield node.attr
            elif isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        yield item.name
                    elif isinstance(item, ast.AnnAssign):
                        yield ast.unparse(item.target)
                    elif isinstance(item, ast.Assign):
                        yield from map(ast.unparse, item.targets)


def declared(module):
    """The undocumented names that a module lists."""
    for node in TREES[module].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "UNDOCUMENTED":
            return ast.literal_eval(node.value)
    raise AssertionError(f"{module} has no UNDOCUMENTED")


# Names such as "Model.reset_metrics" are documented elsewhere, or too general to look for.
RESERVED = {name for module in UPSTREAM for name in declared(module) if name.isidentifier()}
# Attributes of our classifier that other modules set.
SET_FROM_OUTSIDE = {"_state"}
OWN = (set(own_names()) | SET_FROM_OUTSIDE) - RESERVED


def imported(tree):
    """The modules and names that code imports, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield node, ast.unparse(node.args[0]).strip("'\"")


def places(uses):
    """Where the modules without a licence use a name, for each that ``uses`` yields."""
    return [
        f"{module}, line {node.lineno}: {name}"
        for module in OTHERS
        for node, name in uses(TREES[module])
    ]


def test_only_the_upstream_modules_import_private_modules_of_other_packages():
    def uses(tree):
        return ((node, name) for node, name in imported(tree) if PRIVATE_MODULE.match(name))

    assert not places(uses)


def test_only_the_upstream_modules_use_private_attributes_of_other_packages():
    def uses(tree):
        return ((n, name) for n, name in attributes(tree) if is_private(name) and name not in OWN)

    assert not places(uses)


def test_only_the_upstream_modules_mention_a_listed_name():
    def uses(tree):
        yield from attributes(tree)
        for node, name in imported(tree):
            yield from ((node, part) for part in name.split("."))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node, node.value

    def forbidden(tree):
        return ((node, name) for node, name in uses(tree) if name in RESERVED)

    assert not places(forbidden)


@pytest.mark.parametrize("module", UPSTREAM)
def test_an_upstream_module_lists_every_private_attribute_that_it_uses(module):
    tree = TREES[module]
    own = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    used = {
        name
        for node, name in attributes(tree)
        if is_private(name) and f"self.{name}" not in own and f"cls.{name}" not in own
    }
    assert used <= declared(module).keys()


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in UPSTREAM for name in declared(module)]
)
def test_a_listed_name_is_used_by_its_module(module, name):
    source = (SOURCE / module).read_text(encoding="utf-8")
    last = name.rpartition(".")[2]
    assert not last.isidentifier() or len(re.findall(rf"\b{last}\b", source)) > 1


def test_the_table_for_contributors_is_the_list_of_the_modules():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = {
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text.splitlines()
        if line.startswith(tuple(f"| {package} |" for package in UPSTREAM.values()))
    }
    expected = {
        (package, f"`{name}`" if " " not in name else name, purpose, without)
        for module, package in UPSTREAM.items()
        for name, (purpose, without) in declared(module).items()
    }
    assert rows == expected


def test_the_installed_packages_have_everything():
    """Without it everything still works, but slower, so a new version should not go unnoticed."""
    from keras_multiclass._shared.upstream import (
        keras_globals,
        keras_objects,
        keras_optimizers,
        keras_training,
    )
    from keras_multiclass._shared.upstream import tensorflow as of_tensorflow

    assert keras_globals.global_state is not None
    assert keras_training.can_keep_metrics()
    layer = keras.layers.Normalization()
    layer.build((None, 1))
    for name in ("finalize_state", "adapt_mean", "adapt_variance"):
        assert hasattr(layer, name)
    assert keras_objects.direction_of(keras.metrics.MeanSquaredError()) == "down"
    optimizer = keras.optimizers.SGD(weight_decay=0.1)
    assert not keras_optimizers.may_spare_from_decay(optimizer)
    assert of_tensorflow.can_limit_splitting()
    assert of_tensorflow.has_one_thread_executor()
    assert of_tensorflow.has_adam_kernel(keras.Variable([1.0]))
