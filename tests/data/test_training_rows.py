"""What is learned from X is learned from training rows of positive weight alone."""

from __future__ import annotations

import numpy as np
import pytest

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.splitting.folds import validation_split
from keras_multiclass._shared.seeding import epoch_seed

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

rng = np.random.default_rng(0)
y = np.arange(60) % 3
KEPT = rng.permutation(60) < 40


def frame(levels=None, kept=KEPT):
    """Return rows that differ from the others where they are not kept."""
    table = pd.DataFrame(
        {
            "time": 1.7e9 + 5 * y + rng.normal(size=60),
            "size": rng.normal(size=60),
            "city": np.array(["ash", "fir", "oak"])[rng.permutation(y)],
            "flag": rng.random(60) < 0.5,
            "many": [f"c{i % 12}" for i in range(60)],
        }
    )
    for name, odd in {"time": 5.0, "size": np.nan, "city": "elm", "many": None}.items():
        table.loc[~kept, name] = odd
    table.loc[np.flatnonzero(~kept)[:9], "many"] = [f"d{i}" for i in range(9)]
    return table.astype({"city": pd.CategoricalDtype(levels) if levels else object})


def tokens():
    ids = rng.integers(1, 9, size=(60, 6))
    ids[~KEPT] += 90
    return ids


def sequences():
    X = rng.normal(size=(60, 5, 2)) + y[:, None, None]
    X[::2, 3:] = 0  # padding, unless other steps are zero
    X[~KEPT, :2] = 0
    return X


TABLES = {
    "pandas": frame(),
    "declared": frame(["ash", "elm", "fir", "oak", "yew"]),
    "many declared": frame([*"abcdefgh", "ash", "elm", "fir", "oak"]),
    "polars": pl.DataFrame(frame().replace({np.nan: None}).to_dict("list")),
    "list": frame()[["size", "time"]].to_numpy().tolist(),
}
CASES = {**TABLES, "tokens": tokens(), "padded": sequences()}


def fit(X, labels, weights=None, **params):
    backbone = (
        {"backbone": "mlp", "backbone__hidden_units": (8,)}
        if not isinstance(X, np.ndarray)
        else {"backbone": "conv1d", "backbone__filters": 4, "backbone__num_layers": 1}
    )
    fit_params = {name: params.pop(name) for name in ("X_val", "y_val") if name in params}
    classifier = KerasMulticlassClassifier(**backbone, epochs=1, random_state=0, **params)
    return classifier.fit(X, labels, sample_weight=weights, **fit_params)


def at(X, rows):
    if isinstance(X, list):
        return [X[i] for i in rows]
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def assert_same(first, second, X, names=("network_feature_names_", "input_offset_")):
    for name in names:
        pair = [getattr(classifier, name, None) for classifier in (first, second)]
        np.testing.assert_array_equal(*pair)
    np.testing.assert_allclose(first.predict_proba(X), second.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_a_row_of_weight_zero_equals_no_row(case):
    X, rows = CASES[case], np.flatnonzero(KEPT)
    weighted = fit(X, y, KEPT * 1.0)
    assert_same(weighted, fit(at(X, rows), y[rows]), X)


@pytest.mark.parametrize("case", ["pandas", "declared"])
def test_a_class_of_weight_zero_equals_rows_of_weight_zero(case):
    labels = np.where(KEPT, y, 3)
    weighted = fit(CASES[case], labels, class_weight={3: 0.0})
    expected = fit(CASES[case], labels, KEPT * 1.0, class_weight={3: 0.0})
    assert_same(weighted, expected, CASES[case])


@pytest.mark.filterwarnings("ignore:None of the 9 categories in column 'many'")
@pytest.mark.parametrize("levels", [None, ["ash", "elm", "fir", "oak"]])
def test_held_out_rows_equal_validation_rows_that_are_passed(levels):
    train, held_out = validation_split(y, 0.25, epoch_seed(0, 0))
    X = frame(levels, kept=~np.isin(np.arange(60), held_out))
    params = {"calibration": "temperature", "shuffle": False}
    split = fit(X, y, validation_split=0.25, **params)
    passed = fit(at(X, train), y[train], X_val=at(X, held_out), y_val=y[held_out], **params)
    assert_same(split, passed, X)
    assert not {"city_elm", "size_missing"} & set(split.network_feature_names_) or levels


@pytest.mark.parametrize("case", ["list", "tokens", "padded"])
@pytest.mark.parametrize("by", ["sample_weight", "class_weight"])
def test_rows_of_weight_zero_in_a_stream_have_no_effect(case, by):
    X, labels = CASES[case], y if by == "sample_weight" else np.where(KEPT, y, 3)
    params = {"class_weight": None if by == "sample_weight" else {3: 0.0}}

    def batches(chosen, weighted):
        for part in np.array_split(np.arange(60), 3):
            part = part[chosen[part]]
            weights = (KEPT[part] * 1.0,) if weighted else ()
            yield (np.asarray(at(X, part)), labels[part], *weights)

    every = np.ones(60, bool)

    def fit_stream(chosen, weighted):
        backbone = "mlp" if case == "list" else "conv1d"
        size = {"backbone__hidden_units": (8,)} if case == "list" else {"backbone__filters": 4}
        classifier = KerasMulticlassClassifier(
            backbone, epochs=1, random_state=0, compile__run_eagerly=True, **size, **params
        )
        return classifier.fit(lambda: batches(chosen, weighted))

    if by == "sample_weight":
        assert_same(fit_stream(every, True), fit_stream(KEPT, False), X)
    else:  # not known in the first batch, which alone determines the offset
        first, second = fit_stream(every, False), fit_stream(every, True)
        assert_same(first, second, X, names=["network_feature_names_"])
