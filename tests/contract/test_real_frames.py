"""A frame as users have it: numbers, categories, dates, gaps and text."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from _toy import tiny
from keras_multiclass.evaluation import cross_validated_report

pd = pytest.importorskip("pandas")

_CAUSES = {
    "billing": ["was charged twice", "wants the money back", "asks for an invoice"],
    "technical": ["cannot log in", "sees an error message", "says the screen stays black"],
    "delivery": ["waits for the parcel", "got a damaged box", "asks where the order is"],
}


def _tickets(n=90):
    rng = np.random.default_rng(0)
    y = np.array(list(_CAUSES))[np.arange(n) % 3]
    people = ["The customer", "A new client", "Our oldest client", "Someone from Ghent"]
    when = ["since Monday", "again", "for the second time", "after the update", "today"]
    text = [
        f"{rng.choice(people)} {rng.choice(_CAUSES[label])} {rng.choice(when)}, case {i}"
        for i, label in enumerate(y)
    ]
    opened = pd.Timestamp("2024-02-01 08:00") + pd.to_timedelta(rng.integers(0, 5000, n), unit="h")
    X = pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, n),
            "plan": rng.choice(["free", "basic", "pro"], n),
            "opened": opened,
            "zone": opened.tz_localize("UTC").tz_convert("Europe/Brussels"),
            "text": text,
            "open_for": pd.to_timedelta(rng.integers(0, 90, n), unit="min"),
            "visits": pd.array(rng.integers(0, 9, n), "Int64"),
        }
    )
    for i, name in enumerate(X.columns):
        X.loc[rng.choice(n, 5 + i, replace=False), name] = None
    return X, y


X, Y = _tickets()


def test_a_frame_of_everything_is_searched_reported_and_pickled():
    search = GridSearchCV(tiny(epochs=15), {"backbone__hidden_units": [(8,), (9,)]}, cv=2, n_jobs=2)
    search.fit(X, Y)
    assert search.best_score_ > 0.7  # without the text: 0.33
    fitted = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_allclose(fitted.predict_proba(X), search.predict_proba(X), rtol=1e-5)
    report = cross_validated_report(clone(fitted), X, Y, cv=2)
    assert report.report.overall["accuracy"] > 0.7
    assert {"amount", "opened_elapsed", "zone_hour_sin", "open_for", "text_topic0"} <= set(
        fitted.network_feature_names_
    )


@pytest.mark.parametrize(
    "params",
    [
        {"dtype": "float64", "class_weight": {"billing": 2.0}, "early_stopping": 3},
        {"n_ensemble": 2, "validation_split": 3, "calibration": "temperature"},
        {"warm_start": True, "categorical_features": ["plan", "opened"], "text_features": ["text"]},
        {"engine": "keras", "scaling": "quantile", "text_features": ["text", "plan"]},
    ],
    ids=str,
)
def test_a_frame_of_everything_is_read_with_all_parameters(params):
    classifier = tiny(**{"epochs": 2, **params}).fit(X, Y, sample_weight=np.arange(90) % 4)
    probabilities = classifier.predict_proba(X[:1])
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X)[:1], rtol=1e-4)
    if params.get("warm_start"):
        classifier.fit(X[:50], Y[:50])
    classifier.partial_fit(X[:20], Y[:20])
    assert np.isfinite(classifier.predict_proba(X[::-1])).all()
    assert classifier.input_shape_ == (7,)
