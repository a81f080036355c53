"""Validation data: passed in one tuple, and through scikit-learn's meta-estimators."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_validate, learning_curve
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from _toy import tiny

X, y = load_iris(return_X_y=True)
# As many rows as X, in another order.
ORDER = np.random.default_rng(0).permutation(len(X))
X_VAL, Y_VAL = X[ORDER], y[ORDER]
WEIGHTS = np.linspace(0.5, 1.5, len(X))


def quick(**params):
    return tiny(epochs=1, **params)


def network_input(classifier):
    """Return the validation loss, which depends on all validation rows."""
    return classifier.history_["val_loss"]


@pytest.mark.parametrize("weights", [(), (WEIGHTS,)])
def test_a_tuple_is_the_same_as_separate_arguments(weights):
    packed = quick().fit(X, y, X_val=(X_VAL, Y_VAL, *weights))
    separate = quick().fit(
        X, y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weights[0] if weights else None
    )
    assert network_input(packed) == network_input(separate)


def test_a_tuple_of_rows_with_labels_is_an_array():
    rows = tuple(map(tuple, X_VAL[:2]))
    fitted = quick().fit(X, y, X_val=rows, y_val=Y_VAL[:2])
    assert network_input(fitted) == network_input(
        quick().fit(X, y, X_val=X_VAL[:2], y_val=Y_VAL[:2])
    )


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ({"X_val": (X_VAL,)}, "tuple of length 1"),
        ({"X_val": (X_VAL, Y_VAL, WEIGHTS, WEIGHTS)}, "tuple of length 4"),
        ({"X_val": (X_VAL, Y_VAL), "sample_weight_val": WEIGHTS}, "and `sample_weight_val`"),
    ],
)
def test_other_tuples_are_rejected(arguments, got):
    with pytest.raises(ValueError, match=f"a tuple \\(X_val, y_val\\) or .*; got .*{got}"):
        quick().fit(X, y, **arguments)


def test_a_search_leaves_a_tuple_as_it_is():
    search = GridSearchCV(quick(), {"scaling": ["standard"]}, cv=2, refit=False)
    expected = search.fit(X, y, X_val=(X_VAL[:-1], Y_VAL[:-1])).cv_results_
    assert search.fit(X, y, X_val=(X_VAL, Y_VAL)).cv_results_["mean_test_score"] == pytest.approx(
        expected["mean_test_score"]
    )
    sizes = []

    class Recording(type(quick())):
        def fit(self, X, y=None, **arguments):
            sizes.append(len(arguments["X_val"][0]))
            return super().fit(X, y, **arguments)

    recording = Recording(**quick().get_params())
    cross_validate(recording, X, y, cv=2, params={"X_val": (X_VAL, Y_VAL)})
    learning_curve(
        recording, X, y, cv=2, train_sizes=[0.5], params={"X_val": (X_VAL, Y_VAL)}, shuffle=True
    )
    CalibratedClassifierCV(recording, cv=2).fit(X, y, X_val=(X_VAL, Y_VAL))
    assert set(sizes) == {150}


@pytest.mark.parametrize(
    "run",
    [
        lambda **data: cross_validate(quick(), X, y, cv=2, params=data),
        lambda **data: GridSearchCV(quick(), {"epochs": [1]}, cv=2).fit(X, y, **data),
        lambda **data: CalibratedClassifierCV(quick(), cv=2).fit(X, y, **data),
    ],
    ids=["cross_validate", "GridSearchCV", "CalibratedClassifierCV"],
)
def test_rows_cut_with_the_folds_are_a_warning_that_following_removes(run):
    with pytest.warns(UserWarning, match=r"as many as X.*X_val=\(X_val, y_val\)"):
        run(X_val=X_VAL, y_val=Y_VAL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(X_val=(X_VAL, Y_VAL))
        run(X_val=X_VAL[:-1], y_val=Y_VAL[:-1])
        quick().fit(X, y, X_val=X_VAL, y_val=Y_VAL)  # no meta-estimator cuts these


def routed_pipeline(**options):
    network = quick().set_fit_request(X_val=True, y_val=True)
    return Pipeline([("scale", StandardScaler()), ("network", network)], **options)


FRAME = load_iris(as_frame=True).data
FAR = FRAME * 1000 + 5000


def test_a_pipeline_transforms_validation_data_on_request():
    scaler = StandardScaler().fit(FAR)
    expected = quick().fit(
        scaler.transform(FAR), y, X_val=scaler.transform(FAR.iloc[ORDER]), y_val=Y_VAL
    )
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = routed_pipeline(transform_input=["X_val"])
        pipeline.fit(FAR, y, X_val=FAR.iloc[ORDER], y_val=Y_VAL)
    assert network_input(pipeline["network"]) == pytest.approx(network_input(expected))


@pytest.mark.parametrize(
    ("X_train", "X_val", "message"),
    [
        (FAR, FAR.iloc[ORDER], "X_val has column names, unlike X"),
        (FAR.to_numpy(), FAR.to_numpy()[ORDER], "X_val has a very different range"),
    ],
)
def test_validation_data_that_a_pipeline_did_not_transform_are_a_warning(X_train, X_val, message):
    with (
        sklearn.config_context(enable_metadata_routing=True),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        routed_pipeline().fit(X_train, y, X_val=X_val, y_val=Y_VAL)
    assert re.search(f"{message}.*transform_input=\\['X_val'\\]", str(caught[-1].message))


def test_an_error_about_untransformed_validation_data_says_how_to_transform_them():
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        StandardScaler(),
        quick(),
    )
    name = "kerasmulticlassclassifier__"
    with pytest.raises(ValueError, match=r"X_val cannot be used: .*\n.*transform_input"):
        pipeline.fit(X, y, **{f"{name}X_val": X_VAL[:, :2], f"{name}y_val": Y_VAL})
    with pytest.raises(ValueError, match="X_val cannot be used: X has 2 features") as caught:
        quick().fit(pd.DataFrame(X), y, X_val=X_VAL[:, :2], y_val=Y_VAL)
    assert "transform_input" not in str(caught.value)
