"""Notebook representation: scikit-learn's diagram, a link and a summary of training."""

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
from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
LISTS_PARAMETERS = parse_version(sklearn.__version__) >= parse_version("1.7")
BIG = np.arange(100_000.0)


def without_ids(page):
    """Remove the ids that scikit-learn numbers consecutively over all pages."""
    return re.sub(r"-id-\d+", "", page)


def shown_by(estimator):
    """Return the HTML that IPython gets, checking both of its protocols."""
    page = without_ids(estimator._repr_mimebundle_()["text/html"])
    assert page == without_ids(estimator._repr_html_())
    return page


def summary_of(estimator):
    """Return the text below scikit-learn's diagram; empty if there is none."""
    diagram, page = without_ids(estimator_html_repr(estimator)), shown_by(estimator)
    assert page.startswith(diagram)
    return html.unescape(re.sub("</?div[^>]*>", "", page.removeprefix(diagram)))


# --- summary --------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"validation_split": 0.2}, {"early_stopping": 2}])
def test_a_fitted_classifier_summarizes_its_training(params):
    classifier = tiny(epochs=3, **params).fit(X, NAMES[y])
    name = "val_loss" if params else "loss"
    losses = classifier.history_[name]
    assert summary_of(classifier) == (
        f"3 classes: setosa, versicolor, virginica; {len(losses)} epochs, best {name} "
        f"{min(losses):.4g} in epoch {losses.index(min(losses)) + 1}; engine: graph"
    )


def test_labels_that_do_not_exclude_each_other_are_called_so():
    classifier = KerasMultilabelClassifier("mlp", epochs=1, backbone__hidden_units=()).fit(
        X, np.column_stack([y > 0, y > 1])
    )
    assert summary_of(classifier).startswith("2 labels: 0, 1; 1 epoch")


@pytest.mark.parametrize(("mode", "best_of"), [({}, max), ({"mode": "min"}, min)])
def test_the_best_epoch_is_that_of_the_monitored_metric(mode, best_of):
    early = {"monitor": "accuracy", "patience": 4, **mode}
    classifier = tiny(epochs=4, metrics="accuracy", early_stopping=early).fit(X, y)
    values = classifier.history_["accuracy"]
    assert min(values) < max(values)
    assert f"best accuracy {best_of(values):.4g} in epoch" in summary_of(classifier)


def test_the_best_epoch_is_one_that_was_validated():
    classifier = tiny(epochs=4, validation_split=0.2, fit__validation_freq=2).fit(X, y)
    losses = classifier.history_["val_loss"]
    epoch = [2, 4][np.argmin(losses)]
    assert f"4 epochs, best val_loss {min(losses):.4g} in epoch {epoch};" in summary_of(classifier)


def test_no_epoch_is_named_for_a_metric_with_values_for_some_epochs_only():
    early = {"monitor": "accuracy"}
    classifier = tiny(epochs=1, warm_start=True, metrics="accuracy", early_stopping=early)
    classifier.fit(X, y).set_params(metrics="crossentropy", early_stopping=False).fit(X, y)
    best = classifier.history_["accuracy"][0]
    assert f"2 epochs, best accuracy {best:.4g}; engine" in summary_of(classifier)


def test_only_the_first_of_many_classes_are_named():
    classifier = tiny(epochs=1).fit(np.arange(400.0).reshape(200, 2), np.arange(200) % 100)
    assert summary_of(classifier).startswith("100 classes: 0, 1, 2, 3, 4, ...; 1 epoch, best loss")


def test_labels_of_which_a_row_may_have_several_are_called_labels():
    params = {"backbone__hidden_units": (4,), "epochs": 1, "random_state": 0}
    classifier = KerasMultilabelClassifier("mlp", **params).fit(
        X, np.stack([y == 0, y > 0, y > 1], axis=1)
    )
    assert summary_of(classifier).startswith("3 labels: 0, 1, 2; 1 epoch, best loss")
    classifier.fit(X, y == 0)
    assert summary_of(classifier).startswith("2 classes: False, True; 1 epoch")


def test_an_untrained_network_says_so():
    assert summary_of(tiny().initialize(X, y)) == "3 classes: 0, 1, 2; not trained yet"


def test_an_unfitted_classifier_has_no_summary():
    assert summary_of(tiny()) == ""


def test_class_labels_are_escaped():
    labels = np.array(["<script>alert(1)</script>", "a&b", "<b>" + 50 * "x"])
    classifier = tiny(epochs=1).fit(X, labels[y])
    page = shown_by(classifier)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a&amp;b" in page
    assert "<b>xxx" in summary_of(classifier)
    assert 50 * "x" not in summary_of(classifier)


def test_there_is_no_html_if_scikit_learn_displays_text():
    classifier = tiny(epochs=1).fit(X, y)
    with sklearn.config_context(display="text"):
        assert not hasattr(classifier, "_repr_html_")
        assert set(classifier._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.parametrize("kind", ["pipeline", "search"])
def test_pipelines_and_searches_have_no_summary_of_their_own(kind):
    outer = make_pipeline(StandardScaler(), tiny(epochs=1))
    if kind == "search":
        grid = {"kerasmulticlassclassifier__batch_size": [50]}
        outer = GridSearchCV(outer, grid, cv=2)
    for estimator in (outer, outer.fit(X, NAMES[y])):
        assert summary_of(estimator) == ""
        page = shown_by(estimator)
        for name in ("KerasMulticlassClassifier", "StandardScaler", "backbone__hidden_units"):
            assert name in page


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.skipif(not LISTS_PARAMETERS, reason="new in scikit-learn 1.7")
def test_changed_and_routed_parameters_are_highlighted():
    page = estimator_html_repr(KerasMulticlassClassifier(epochs=7, backbone__hidden_units=(16,)))
    rows = re.findall(r'<tr class="(default|user-set)">.*?class="param">\s*(\w+)', page, re.DOTALL)
    kinds = {name: kind for kind, name in rows}
    assert {n for n, kind in kinds.items() if kind == "user-set"} == {
        "epochs", "backbone__hidden_units",
    }  # fmt: skip
    assert set(kinds) == set(KerasMulticlassClassifier(backbone__hidden_units=1).get_params())


def test_the_repr_contains_changed_parameters_only():
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
def test_large_parameters_are_abbreviated(params):
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
    """Replace the metadata of the installed package by metadata with other URLs."""

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
def test_the_diagram_links_to_the_project_documentation(published, label):
    published("Source, https://example.org/code", f"{label}, https://example.org/{{latest}}/docs")
    for estimator in (tiny(), make_pipeline(StandardScaler(), tiny())):
        assert 'href="https://example.org/{latest}/docs"' in estimator_html_repr(estimator)


@pytest.mark.parametrize("entries", [(), ("Source, https://example.org/code",)])
def test_without_a_documentation_url_there_is_no_link(published, entries):
    published(*entries)
    assert "href=" not in estimator_html_repr(tiny())


def test_a_user_defined_subclass_does_not_link_to_our_documentation(published):
    published("Documentation, https://example.org/docs")

    class Own(KerasMulticlassClassifier):
        pass

    assert "example.org" not in estimator_html_repr(Own())
