"""`fit(..., classes=...)`: a fold that lacks a class still predicts its probability."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _toy import tiny
from keras_multiclass import KerasMultilabelClassifier

pd = pytest.importorskip("pandas")

X, INDEX = load_iris(return_X_y=True)
NAMES = np.array(["ash", "fir", "oak"])
CLASSES = ["oak", "fir", "ash"]
FEW = INDEX != 1  # rows without firs
ORDERED = KFold(3)  # without shuffling, each fold lacks a class of iris


def test_a_class_without_rows_has_the_probability_that_the_network_gives_it():
    classifier = tiny(class_weight="balanced", early_stopping=3, metrics=["macro_f1", "macro_auc"])
    classifier.set_params(calibration="temperature", epochs=4)
    classifier.fit(X[FEW], NAMES[INDEX[FEW]], classes=CLASSES)
    assert classifier.classes_.tolist() == ["ash", "fir", "oak"]
    proba = classifier.predict_proba(X)
    assert proba.shape == (150, 3)
    assert np.all(proba > 0)
    assert log_loss(NAMES[INDEX], proba) < np.inf
    assert proba[FEW, 1].max() < 0.5
    for values in classifier.history_.values():
        assert np.isfinite(values).all()


def test_training_is_that_of_class_indices_with_one_more_unit():
    declared = tiny(epochs=2).fit(X[FEW], NAMES[INDEX[FEW]], classes=CLASSES)
    part = tiny(epochs=2, warm_start=True).partial_fit(X[FEW], NAMES[INDEX[FEW]], classes=CLASSES)
    part.fit(X[FEW], NAMES[INDEX[FEW]], classes=CLASSES)  # warm
    assert [w.shape for w in part.model_.get_weights()] == [
        w.shape for w in declared.model_.get_weights()
    ]
    assert part.n_iter_ == 3
    declared.partial_fit(X, NAMES[INDEX])  # now with all classes
    with pytest.raises(ValueError, match="None or the 3 classes that were fitted"):
        declared.partial_fit(X, NAMES[INDEX], classes=["ash", "oak"])


def test_a_single_class_of_rows_suffices_if_others_are_declared():
    proba = tiny().fit(X[:50], INDEX[:50], classes=[0, 1, 2]).predict_proba(X[:50])
    assert proba.argmax(axis=1).tolist() == [0] * 50


def test_validation_rows_may_be_of_a_class_without_training_rows():
    classifier = tiny(epochs=1, metrics="balanced_accuracy", class_weight="balanced")
    classifier.fit(X[FEW], INDEX[FEW], X_val=X, y_val=INDEX, classes=range(3))
    log_proba = classifier.predict_log_proba(X)[np.arange(150), INDEX]
    # The balanced weights of the two classes with rows are 1, and so is that of the other.
    assert classifier.history_["val_loss"][0] == pytest.approx(-log_proba.mean(), rel=1e-4)


@pytest.mark.parametrize("stream", [False, True])
def test_labels_that_are_not_declared_are_an_error(stream):
    y = NAMES[INDEX]
    data = (lambda: iter([(X, y)]),) if stream else (X, y)
    classifier = tiny(epochs=1)
    for train in (classifier.fit, classifier.partial_fit):
        with pytest.raises(ValueError, match="a list without 1 label: 'fir'"):
            train(*data, classes=["ash", "oak"])
    assert not hasattr(classifier, "model_")


def test_a_stream_may_lack_declared_classes():
    classifier = tiny(epochs=1).fit(lambda: iter([(X[FEW], NAMES[INDEX[FEW]])]), classes=CLASSES)
    assert classifier.predict_proba(X).shape == (150, 3)


def test_categories_are_sorted_and_unused_ones_are_declared_by_name():
    y = pd.Series(
        pd.Categorical(NAMES[INDEX], categories=["oak", "elm", "fir", "ash"], ordered=True)
    )
    classifier = tiny(epochs=1)
    assert classifier.fit(X, y).classes_.tolist() == ["ash", "fir", "oak"]
    classifier.fit(X, y, classes=y.cat.categories)
    assert classifier.classes_.tolist() == ["ash", "elm", "fir", "oak"]


def test_soft_labels_have_declared_names():
    soft = np.eye(3)[INDEX] * 0.7 + 0.1
    named = tiny(epochs=1).fit(X, soft, classes=CLASSES)
    assert named.classes_.tolist() == CLASSES


def test_labels_of_indicators_are_named_by_declared_classes():
    y = np.column_stack([INDEX == 0, INDEX > 0]).astype(int)
    classifier = KerasMultilabelClassifier("mlp", epochs=1)
    assert classifier.fit(X, y, classes=["first", "rest"]).classes_.tolist() == ["first", "rest"]
    frame = pd.DataFrame(y, columns=["first", "rest"])
    assert classifier.fit(X, frame, classes=["rest", "first"]).classes_.tolist() == [
        "first",
        "rest",
    ]
    with pytest.raises(ValueError, match="1 missing label: 'last'"):
        classifier.fit(X, frame, classes=["first", "rest", "last"])
    with pytest.raises(ValueError, match="Only binary classification"):
        classifier.fit(X, INDEX == 0, classes=[0, 1, 2])


def test_cross_validated_probabilities_have_a_column_for_each_class():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proba = cross_val_predict(
            tiny(epochs=2),
            X,
            INDEX,
            cv=ORDERED,
            method="predict_proba",
            params={"classes": range(3)},
        )
    assert proba.shape == (150, 3)
    assert log_loss(INDEX, proba) < np.inf
    assert np.all(proba > 0)


def test_labels_that_scikit_learn_has_encoded_are_explained():
    y, options = NAMES[INDEX], {"cv": ORDERED, "method": "predict_proba"}
    with pytest.raises(ValueError, match=r"encoded y.*labels, codes = np.unique\(y, return_inv"):
        cross_val_predict(tiny(epochs=1), X, y, params={"classes": CLASSES}, **options)
    labels, codes = np.unique(y, return_inverse=True)
    found = cross_val_predict(
        tiny(epochs=1), X, codes, params={"classes": range(len(labels))}, **options
    )
    assert found.shape == (150, 3)


def test_pipelines_and_searches_pass_classes_on():
    y = NAMES[INDEX]
    pipeline = make_pipeline(StandardScaler(), tiny(epochs=1))
    step = pipeline.steps[-1][0]
    pipeline.fit(X[FEW], y[FEW], **{f"{step}__classes": CLASSES})
    assert pipeline.predict_proba(X).shape == (150, 3)
    search = GridSearchCV(tiny(), {"epochs": [1]}, cv=ORDERED, error_score="raise")
    search.fit(X, y, classes=CLASSES)  # each fold is of two classes
    assert search.best_estimator_.classes_.tolist() == ["ash", "fir", "oak"]


def test_classes_are_routed():
    y = NAMES[INDEX]
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(StandardScaler(), tiny(epochs=1).set_fit_request(classes=True))
        scores = cross_validate(
            routed, X, y, cv=ORDERED, params={"classes": CLASSES}, return_estimator=True
        )
    for fitted in scores["estimator"]:
        assert fitted.classes_.tolist() == ["ash", "fir", "oak"]
