"""The package as a whole: what importing it does, its layers, its versions."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

import keras_multiclass

PACKAGE = "keras_multiclass"
ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(keras_multiclass.__file__).resolve().parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# What each subpackage may import besides itself and `exceptions`. A nested one is listed if it may
# import less than the one around it.
MAY_IMPORT = {
    "exceptions": "",
    "_shared": "",
    "_interop": "_shared",
    "_data": "_shared",
    "_network.layers": "_shared _data",
    "_network.backbones": "_shared _data _network.layers",
    "_network.objective": "_shared _network.layers",
    "_network": "_shared _interop _data",
    "_training.engine": "_shared _data",
    "_training": "_shared _interop _data _network",
    "evaluation": "_shared _data",
    "_classifiers": "_shared _interop _data _network _training",
    "__init__": "_shared _data _network _training _classifiers",
}
# Where the name to import is not that of the distribution; scikit-learn itself requires the others.
IMPORT_NAMES = {"scikit-learn": {"sklearn", "joblib", "scipy", "threadpoolctl"}}


def _name_of(path: Path) -> str:
    parts = [PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


class Import(NamedTuple):
    """One import in the source: what, in which line, and when it runs."""

    module: str
    line: int
    when: Literal["at once", "in use", "for types"]


def _named_by(node: ast.AST, package: str) -> list[str]:
    """The absolute names of the modules that one statement or call imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parent = package.split(".")
        prefix = parent[: len(parent) - node.level + 1] if node.level else []
        base = ".".join([*prefix, *([node.module] if node.module else [])])
        names = [f"{base}.{alias.name}" for alias in node.names]
        # Of ours, a name may be a function; of others it does not matter which it is.
        return [n if n in MODULES or not base.startswith(PACKAGE) else base for n in names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        return [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
    return []


def _imports(name: str) -> list[Import]:
    path = MODULES[name]
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    found = []
    todo = [(ast.parse(path.read_text(encoding="utf-8")), "at once")]
    while todo:
        node, when = todo.pop()
        found += [Import(module, node.lineno, when) for module in _named_by(node, package)]
        for child in ast.iter_child_nodes(node):
            inner = when
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                inner = "in use"
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inner = "for types"
            todo.append((child, inner))
    return found


def _subpackage_of(name: str) -> str:
    """Return the innermost listed subpackage of a module."""
    inner = f"{name.removeprefix(PACKAGE).removeprefix('.') or '__init__'}."
    return max(
        (known for known in MAY_IMPORT if inner.startswith(f"{known}.")), key=len, default=""
    )


def _contains(listed: str, name: str) -> bool:
    return any(f"{name}.".startswith(f"{other}.") for other in listed.split())


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_its_subpackage_may_import(name):
    own = _subpackage_of(name)
    assert own, f"{name} is in no listed subpackage: add it to MAY_IMPORT"
    allowed = f"{own} exceptions {MAY_IMPORT[own]}"
    wrong = [
        f"line {found.line}: {found.module}"
        for found in _imports(name)
        if found.module.startswith(PACKAGE) and not _contains(allowed, _subpackage_of(found.module))
    ]
    assert not wrong, f"{name} may import from {allowed}; got {wrong}"


def test_the_top_level_has_at_most_nine_entries():
    entries = {path.name for path in SOURCE.iterdir()} - {"__pycache__", "py.typed"}
    assert len(entries) <= 9


def test_no_import_goes_in_a_circle():
    graph = {
        name: {
            found.module
            for found in _imports(name)
            # That a part names its own package, which names its parts, is no circle in Python.
            if found.when == "at once"
            and found.module in MODULES
            and not f"{name}.".startswith(f"{found.module}.")
        }
        for name in MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"Modules that import each other: {error.args[1]}")


def test_only_the_adapter_imports_scikeras_and_only_when_it_is_used():
    users = {
        (name, found.when)
        for name in MODULES
        for found in _imports(name)
        if found.module.split(".")[0] == "scikeras"
    }
    assert users == {(f"{PACKAGE}._interop.scikeras", "in use")}


@pytest.mark.parametrize("name", MODULES)
def test_what_is_imported_at_once_is_a_declared_dependency(name):
    declared = {re.split(r"[<>=!~ ]", d)[0] for d in PROJECT["project"]["dependencies"]}
    allowed = {PACKAGE, *sys.stdlib_module_names}
    for distribution in declared:
        allowed |= IMPORT_NAMES.get(distribution, {distribution})
    at_once = {f.module.split(".")[0] for f in _imports(name) if f.when == "at once"}
    assert not at_once - allowed


def _run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process whose environment no test has touched."""
    ours = ("TF_", "KERAS_", "COV_", "PYTEST_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SOURCE.parent), *sys.path]))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


WATCH_THE_IMPORT = """
import json, os, random, sys, warnings
import joblib, keras, numpy, scipy.sparse, sklearn.base, sklearn.metrics, tensorflow

PATCHED = [keras.Model, keras.layers.Layer, keras.losses.Loss, keras.metrics.Metric,
           keras.optimizers.Optimizer]
HOOKS = ("__reduce__", "__reduce_ex__", "__deepcopy__", "__copy__", "__getstate__", "__setstate__")

def state():
    return {
        "environment": dict(os.environ),
        "warning filters": [repr(f) for f in warnings.filters],
        "Keras settings": [keras.config.floatx(), keras.config.dtype_policy().name,
                           keras.config.epsilon(), keras.config.image_data_format(),
                           keras.config.is_traceback_filtering_enabled(),
                           keras.config.is_interactive_logging_enabled()],
        "Keras hooks": [repr(vars(c).get(h)) for c in PATCHED for h in HOOKS],
        "foreign Keras objects": [name for name in keras.saving.get_custom_objects()
                                  if not name.startswith("keras_multiclass")],
        "NumPy random state": repr([part.tolist() if hasattr(part, "tolist") else part
                                    for part in numpy.random.get_state()]),
        "Python random state": repr(random.getstate()),
        "TensorFlow settings": [tensorflow.config.threading.get_intra_op_parallelism_threads(),
                                tensorflow.config.threading.get_inter_op_parallelism_threads(),
                                tensorflow.config.functions_run_eagerly(),
                                tensorflow.config.optimizer.get_jit()],
        "hooks of Python": repr([sys.excepthook, sys.displayhook, sys.gettrace()]),
    }

before, loaded = state(), set(sys.modules)
import keras_multiclass
after = state()
new = {name.partition(".")[0] for name in set(sys.modules) - loaded}
print(json.dumps({"changed": [key for key in before if before[key] != after[key]],
                  "loaded": sorted(new)}))
"""


@pytest.fixture(scope="module")
def effects_of_the_import():
    done = _run(WATCH_THE_IMPORT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_the_package_changes_nothing_in_the_process(effects_of_the_import):
    assert effects_of_the_import["changed"] == []


def test_importing_the_package_loads_no_optional_package(effects_of_the_import):
    optional = {"imblearn", "matplotlib", "pandas", "polars", "pytest", "scikeras"}
    assert not optional & set(effects_of_the_import["loaded"])


def test_the_version_is_the_one_of_the_project():
    assert keras_multiclass.__version__ == PROJECT["project"]["version"]


def test_the_newest_entry_of_the_changes_is_this_version():
    changes = (ROOT / "CHANGES.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changes, re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["project"]["version"]


def _lower_bounds() -> dict[str, str]:
    bounds = {"Python": PROJECT["project"]["requires-python"].removeprefix(">=")}
    for dependency in PROJECT["project"]["dependencies"]:
        name, bound = dependency.split(">=")
        bounds[name] = bound
    return bounds


@pytest.mark.parametrize(("name", "bound"), _lower_bounds().items())
def test_the_readme_states_the_lower_bounds_of_the_project(name, bound):
    """As in "keras >= 3.8", "Keras 3.8 or newer" or "Keras 3.8+", wherever it stands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    number = r"(\d+(?:\.\d+)+)"
    gap = r"[^\w\n]{0,4}"
    spellings = (
        rf"\b{name}{gap}(?:>=|≥|\\>=){gap}{number}",
        rf"\b{name}{gap}{number}{gap}(?:\+|or (?:newer|later|higher|above)|and (?:newer|later|up))",
    )
    stated = {
        match[1]
        for spelling in spellings
        for match in re.finditer(rf"(?<![\w-]){spelling}", text, re.IGNORECASE)
    }
    assert stated == {bound}


def test_the_tools_check_for_the_oldest_supported_python():
    oldest = _lower_bounds()["Python"]
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert PROJECT["tool"]["mypy"]["python_version"] == oldest


def test_the_package_declares_that_it_is_typed():
    assert (SOURCE / "py.typed").is_file()
