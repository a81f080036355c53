"""The README and the pages of ``docs/``: their code runs, and their lists are complete."""

from __future__ import annotations

import contextlib
import inspect
import io
import pkgutil
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import keras_multiclass
from keras_multiclass import (
    KerasMulticlassClassifier,
    KerasMultilabelClassifier,
    get_backbone,
    list_backbones,
)
from keras_multiclass._network.backbones import registry as _registry

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DECIMAL = re.compile(r"\d+\.\d+")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _own_backbones() -> list[str]:
    """Return the names of the built-in backbones; other tests may have registered more."""
    package = f"{keras_multiclass.__name__}._network.backbones"
    return [n for n in list_backbones() if get_backbone(n).builder.__module__.startswith(package)]


class Block(NamedTuple):
    """A fenced block of a page and the line where its text begins."""

    language: str
    text: str
    line: int


def _blocks(page: str) -> list[Block]:
    text = PAGES[page]
    return [
        Block(match[1], match[2], text[: match.start(2)].count("\n"))
        for match in FENCED.finditer(text)
    ]


def _execute(page: str) -> list[tuple[Block, str]]:
    """Run the Python blocks of a page in one namespace; return what each printed."""
    namespace = {"__name__": "__main__"}
    done = []
    for block in _blocks(page):
        if block.language == "python":
            # The leading empty lines make tracebacks show the line number of the page.
            code = compile("\n" * block.line + block.text, page, "exec")
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, namespace)
            done.append((block, printed.getvalue()))
    return done


def _same(shown: str, printed: str) -> bool:
    """Return whether two texts have the same words; the page may wrap long lines.

    Decimal numbers only have to be close, because their last digits depend on the machine.
    """
    words, numbers = zip(
        *((DECIMAL.sub("0.0", text).split(), DECIMAL.findall(text)) for text in (shown, printed)),
        strict=True,
    )
    near = [abs(float(a) - float(b)) < 0.05 for a, b in zip(*numbers, strict=False)]
    return words[0] == words[1] and all(near)


@pytest.fixture
def only_built_in_backbones(monkeypatch):
    """Hide backbones that other tests registered, and unregister those of a page."""
    built_in = {name: get_backbone(name) for name in _own_backbones()}
    monkeypatch.setattr(_registry._REGISTRY, "_backbones", built_in)


@pytest.mark.usefixtures("only_built_in_backbones")
@pytest.mark.parametrize("page", [p for p in PAGES if any(b[0] == "python" for b in _blocks(p))])
def test_the_code_of_a_page_prints_the_output_shown(page):
    printed = {block.line: output for block, output in _execute(page)}
    last = None
    shown = {}
    for block in _blocks(page):
        if block.language == "text" and last is not None:
            shown[last.line] = block.text
        last = block if block.language == "python" else None
    wrong = {
        line: (text, printed[line])
        for line, text in shown.items()
        if not _same(text, printed[line])
    }
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_are_valid(page):
    text = FENCED.sub("", PAGES[page])
    targets = [t.partition("#")[0] for t in LINK.findall(text) if "://" not in t]
    folder = (ROOT / page).parent
    assert not [target for target in targets if target and not (folder / target).exists()]


def test_the_readme_starts_with_make_demo_and_make_test():
    lines = PAGES["README.md"].splitlines()
    commands = [line.split("#")[0].strip() for line in lines if line.startswith("    make ")]
    assert commands[:2] == ["make demo", "make test"]
    first_heading = next(number for number, line in enumerate(lines) if line.startswith("## "))
    assert sum(line.startswith("    make ") for line in lines[:first_heading]) == 2


def test_the_first_readme_example_draws_a_report_in_fifteen_lines():
    first, second = [b.text for b in _blocks("README.md") if b.language == "python"][:2]
    lines = [line for line in (first + second).splitlines() if line.strip()]
    assert len(lines) <= 15
    assert "ClassificationReport.from_estimator(" in second
    assert "Display.from_estimator(" in second


def test_the_readme_lists_every_parameter_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)=([^`]+)` \|", PAGES["README.md"], re.MULTILINE))
    real = {
        p.name: str(p.default) if not isinstance(p.default, str) else f'"{p.default}"'
        for p in inspect.signature(KerasMulticlassClassifier).parameters.values()
        if p.kind is not p.VAR_KEYWORD
    }
    assert rows == real


@pytest.mark.parametrize("name", _own_backbones())
def test_the_readme_lists_every_option_of_a_backbone_with_its_default(name):
    row = re.search(rf"^\| `{name}` \| (\w+) \| (.*) \|$", PAGES["README.md"], re.MULTILINE)
    assert row is not None
    options = dict(re.findall(r"`(\w+)=([^`]+)`", row[2]))
    backbone = get_backbone(name)
    supplied = {"mask", "table", "n_terms"} | ({"n_members"} if backbone.stacked else set())
    real = {
        p.name: str(p.default) if not isinstance(p.default, str) else f'"{p.default}"'
        for p in inspect.signature(backbone.builder).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name not in supplied
    }
    assert (row[1], options) == (backbone.kind, real)


@pytest.mark.parametrize("estimator", [KerasMulticlassClassifier, KerasMultilabelClassifier])
def test_the_table_of_metadata_lists_what_scikit_learn_routes(estimator):
    page = PAGES["docs/pipelines-and-search.md"]
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", page, re.MULTILINE)
    requests = estimator().get_metadata_routing()
    methods = ("fit", "partial_fit", "score", "predict", "predict_proba", "decision_function")
    routed = {(m, argument) for m in methods for argument in getattr(requests, m).requests}
    assert set(listed) == routed
    assert len(listed) == len(routed)


def test_the_reference_lists_every_public_module():
    listed = re.findall(r"^   (keras_multiclass[.\w]*)$", PAGES["docs/api.md"], re.MULTILINE)
    modules = {module.name for module in pkgutil.iter_modules(keras_multiclass.__path__)}
    public = {name for name in modules if not name.startswith("_")}
    assert set(listed) == {"keras_multiclass", *(f"keras_multiclass.{name}" for name in public)}


def test_every_page_is_in_a_table_of_contents():
    trees = re.findall(r"^:::\{toctree\}\n(.*?)^:::", "\n".join(PAGES.values()), re.M | re.DOTALL)
    listed = {re.sub(r".*<(.+)>", r"\1", line) for tree in trees for line in tree.splitlines()}
    pages = {name.removeprefix("docs/").removesuffix(".md") for name in PAGES}
    assert pages - listed == {"README", "index"}


def test_readme_and_label_page_list_the_same_supported_combinations():
    title = "## Supported combinations\n"
    rows = [
        [line for line in PAGES[page].split(title)[1].split("\n## ")[0].splitlines() if "|" in line]
        for page in ("README.md", "docs/labels-and-losses.md")
    ]
    assert rows[0] == rows[1] != []


def test_the_design_page_names_every_subpackage():
    source = Path(keras_multiclass.__file__).parent
    subpackages = {part.name for part in source.iterdir() if (part / "__init__.py").is_file()}
    named = set(re.findall(r"`(\w+)/`", PAGES["docs/design.md"]))
    assert subpackages <= named
