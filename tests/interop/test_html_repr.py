"""What a notebook shows of a classifier: scikit-learn's diagram, a link, a line on the training."""

from __future__ import annotations

import html
import re
from importlib import metadata

import keras
import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
LISTS_PARAMETERS = parse_version(sklearn.__version__) >= parse_version("1.7")
BIG = np.arange(100_000.0)


def without_ids(page):
    """A page without the numbers that scikit-learn counts over all pages."""
    return re.sub(r"-id-\d+", "", page)


def shown_by(estimator):
    """The HTML that IPython gets, by both of its protocols."""
    page = without_ids(estimator._repr_mimebundle_()["text/html"])
    assert page == without_ids(estimator._repr_html_())
    return page


def summary_of(estimator):
    """The line below scikit-learn's diagram, as a reader sees it; empty if there is none."""
    diagram, page = without_ids(estimator_html_repr(estimator)), shown_by(estimator)
    assert page.startswith(diagram)
    return html.unescape(re.sub("</?div[^>]*>", "", page.removeprefix(diagram)))


# --- the line on the training ---------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"validation_split": 0.2}, {"early_stopping": 2}])
def test_a_fitted_classifier_tells_of_its_training(params):
    classifier = tiny(epochs=5, **params).fit(X, NAMES[y])
    name = "val_loss" if params else "loss"
    losses = classifier.history_[name]
    assert summary_of(classifier) == (
        f"3 classes: setosa, versicolor, virginica; {len(losses)} epochs, best {name} "
        f"{min(losses):.4g} in epoch {losses.index(min(losses)) + 1}; engine: graph"
    )


def test_what_early_stopping_watches_is_what_was_best():
    watched = {"monitor": "macro_auc", "patience": 4}
    classifier = tiny(epochs=4, metrics="macro_auc", early_stopping=watched).fit(X, y)
    best = max(classifier.history_["macro_auc"])
    assert f"best macro_auc {best:.4g} in epoch" in summary_of(classifier)
    classifier.set_params(early_stopping={**watched, "mode": "min"}).fit(X, y)
    worst = min(classifier.history_["macro_auc"])
    assert worst < best
    assert f"best macro_auc {worst:.4g} in epoch" in summary_of(classifier)


def test_no_epoch_is_named_where_not_all_were_validated():
    classifier = tiny(epochs=4, validation_split=0.2, fit__validation_freq=2).fit(X, y)
    best = min(classifier.history_["val_loss"])
    assert f"4 epochs, best val_loss {best:.4g}; engine" in summary_of(classifier)


def test_only_the_first_of_many_classes_are_named():
    many = np.arange(300) % 100
    classifier = tiny(epochs=1).fit(np.arange(600.0).reshape(300, 2), many)
    assert summary_of(classifier).startswith("100 classes: 0, 1, 2, 3, 4, ...; 1 epoch, best loss")


def test_a_network_without_training_says_so():
    assert summary_of(tiny().initialize(X, y)) == "3 classes: 0, 1, 2; not trained yet"


def test_a_classifier_that_is_not_fitted_has_the_diagram_alone():
    assert summary_of(tiny()) == ""


def test_labels_cannot_put_markup_into_the_page():
    labels = np.array(["<script>alert(1)</script>", "a&b", "<b>" + 50 * "x"])
    classifier = tiny(epochs=1).fit(X, labels[y])
    page = shown_by(classifier)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a&amp;b" in page
    assert "<b>xxx" in summary_of(classifier)
    assert 50 * "x" not in summary_of(classifier)


def test_there_is_no_page_when_scikit_learn_is_to_print_text():
    classifier = tiny(epochs=1).fit(X, y)
    with sklearn.config_context(display="text"):
        assert not hasattr(classifier, "_repr_html_")
        assert set(classifier._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.parametrize("kind", ["pipeline", "search"])
def test_the_diagram_of_what_holds_a_classifier_is_scikit_learn_s(kind):
    holder = make_pipeline(StandardScaler(), tiny(epochs=1))
    if kind == "search":
        grid = {"kerasmulticlassclassifier__batch_size": [50]}
        holder = GridSearchCV(holder, grid, cv=2)
    for estimator in (holder, holder.fit(X, NAMES[y])):
        assert summary_of(estimator) == ""
        page = shown_by(estimator)
        for name in ("KerasMulticlassClassifier", "StandardScaler", "backbone__hidden_units"):
            assert name in page


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.skipif(not LISTS_PARAMETERS, reason="scikit-learn lists none before 1.7")
def test_changed_and_routed_parameters_are_marked():
    page = estimator_html_repr(KerasMulticlassClassifier(epochs=7, backbone__hidden_units=(16,)))
    rows = re.findall(r'<tr class="(default|user-set)">.*?class="param">\s*(\w+)', page, re.DOTALL)
    kinds = {name: kind for kind, name in rows}
    assert {n for n, kind in kinds.items() if kind == "user-set"} == {
        "epochs", "backbone__hidden_units",
    }  # fmt: skip
    assert set(kinds) == set(KerasMulticlassClassifier(backbone__hidden_units=1).get_params())


def test_the_text_names_changed_parameters_alone():
    assert repr(KerasMulticlassClassifier()) == "KerasMulticlassClassifier()"
    changed = KerasMulticlassClassifier(epochs=7, backbone__hidden_units=(16,), verbose=0)
    assert repr(changed).split() == [
        "KerasMulticlassClassifier(backbone__hidden_units=(16,),", "epochs=7)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "params",
    [
        {"model": keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])},
        {"backbone": keras.layers.Dense(3), "optimizer": keras.optimizers.SGD(0.1)},
        {"loss": keras.losses.CategoricalCrossentropy(), "metrics": [keras.metrics.F1Score()]},
        {"class_weight": {f"label {i}": float(i) for i in range(5000)}},
        {"backbone__table": BIG, "backbone__numbers": BIG.tolist()},
        {"categorical_features": [f"column {i}" for i in range(5000)]},
    ],
    ids=["model", "layer", "loss", "dict", "array", "list"],
)
def test_large_parameters_are_not_written_out(params):
    classifier = KerasMulticlassClassifier(**params)
    text, page = repr(classifier), shown_by(classifier)
    assert len(text) < 2500
    plain = shown_by(KerasMulticlassClassifier())
    assert len(page) - len(plain) < 5000
    for part in ("4321", "label 999", "column 999"):
        assert part not in text.replace("\n", "")
        assert part not in page
    for name in params:
        assert name in text


# --- the link -------------------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Make a copy of the package's metadata, with other addresses, the installed one."""

    def publish(*entries):
        folder = tmp_path / "keras_multiclass-9.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.4", "Name: keras-multiclass", "Version: 9"]
        lines += [f"Project-URL: {entry}" for entry in entries]
        (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        assert metadata.version("keras-multiclass") == "9"

    return publish


@pytest.mark.parametrize("label", ["Documentation", "documentation"])
def test_the_diagram_links_to_the_documentation_of_the_project(published, label):
    published("Source, https://example.org/code", f"{label}, https://example.org/{{latest}}/docs")
    for estimator in (tiny(), make_pipeline(StandardScaler(), tiny())):
        assert 'href="https://example.org/{latest}/docs"' in estimator_html_repr(estimator)


@pytest.mark.parametrize("entries", [(), ("Source, https://example.org/code",)])
def test_without_an_address_there_is_no_link(published, entries):
    published(*entries)
    assert "href=" not in estimator_html_repr(tiny())


def test_a_subclass_of_somebody_else_does_not_claim_our_documentation(published):
    published("Documentation, https://example.org/docs")

    class Own(KerasMulticlassClassifier):
        pass

    assert "example.org" not in estimator_html_repr(Own())
