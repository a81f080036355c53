"""Columns of dates and times, in every representation, become elapsed time and cycles."""

import datetime
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _toy import tiny
from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._data.columns.expansion.expansion import learn_columns
from keras_multiclass._data.features import FeatureSchema

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

TIMES = pd.to_datetime(
    ["2024-01-31 23:59", "2024-02-29 06:30", "2024-12-30 12:00", "2025-03-03 18:15", None]
)
DAYS = TIMES.normalize()


def read(X, rows=None, **options):
    """Return what a table backbone reads, by name, and the schema."""
    columns, expansion = learn_columns(X, options.get("categorical_features", "from_dtype"), None)
    schema, checked = FeatureSchema.learn(X, columns=columns, expansion=expansion, allow_nan=True)
    schema, checked = schema.learn_values(X, checked, rows)
    np.testing.assert_array_equal(schema.check(X), checked)
    assert schema.network_shape == checked.shape[1:]
    return dict(zip(schema.network_names, checked.T, strict=True)), schema


def frame(values, **others):
    return pd.DataFrame({**others, "t": values})


def test_a_date_becomes_days_since_the_median_and_positions_in_cycles():
    numbers, schema = read(frame(TIMES, a=[1.0, 2, 3, 4, 5]))
    assert list(numbers)[:4] == ["a", "t_elapsed", "t_month_sin", "t_month_cos"]
    assert [n.split("_")[1] for n in numbers if n.endswith("sin")] == [
        *("month", "day", "weekday", "hour", "minute")
    ]
    since_third = (TIMES - TIMES[2]) / pd.Timedelta(days=1)
    np.testing.assert_allclose(numbers["t_elapsed"], since_third, rtol=1e-6)
    for cycle, position in {
        "month": (TIMES.month - 1 + (TIMES.day - 1) / 31) / 12,
        "day": (TIMES.day - 1) / 31,
        "weekday": TIMES.day_of_week / 7,
        "hour": (TIMES - DAYS) / pd.Timedelta(days=1),
        "minute": TIMES.minute / 60,
    }.items():
        for wave in ("sin", "cos"):
            expected = getattr(np, wave)(2 * np.pi * np.asarray(position, float))
            expected[-1] = 0  # a missing date
            np.testing.assert_allclose(numbers[f"t_{cycle}_{wave}"], expected, atol=1e-6)
    assert schema.input_shape == (2,)


PLAIN = [None if day is pd.NaT else day.to_pydatetime() for day in DAYS]
SAME_DAYS = {
    **{unit: frame(DAYS.as_unit(unit)) for unit in ("s", "ms", "us", "ns")},
    "UTC": frame(DAYS.tz_localize("UTC")),
    "offset": frame(DAYS.tz_localize(datetime.timezone(datetime.timedelta(hours=-7)))),
    "periods": frame(DAYS.to_period("D")),
    "datetimes": frame(np.array(PLAIN, object)),
    "dates": frame(np.array([d and d.date() for d in PLAIN], object)),
    "aware": frame(np.array([d and d.replace(tzinfo=datetime.UTC) for d in PLAIN], object)),
    "NumPy scalars": frame(np.array([np.datetime64(d or "NaT") for d in PLAIN], object)),
    "polars dates": pl.DataFrame({"t": [d and d.date() for d in PLAIN]}),
    "polars datetimes": pl.DataFrame({"t": PLAIN}),
    "polars UTC": pl.DataFrame({"t": PLAIN}).with_columns(pl.col("t").dt.replace_time_zone("UTC")),
    "array": np.array(PLAIN, "M8[D]")[:, None],
    "array of objects": np.array(PLAIN, object)[:, None],
    "list": [[d] for d in PLAIN],
}


@pytest.mark.parametrize("name", SAME_DAYS)
def test_representations_of_the_same_days_become_the_same_numbers(name):
    expected, _ = read(frame(DAYS))
    actual, _ = read(SAME_DAYS[name])
    assert [n.partition("_")[2] for n in actual] == [n.partition("_")[2] for n in expected]
    assert not any("hour" in n or "minute" in n for n in actual)  # they are all midnight
    tolerance = {"rtol": 1e-6, "atol": 0.5 if name == "offset" else 1e-6}
    for a, e in zip(actual.values(), expected.values(), strict=True):
        np.testing.assert_allclose(a, e, **tolerance)


@given(st.lists(st.datetimes(), min_size=2, max_size=8))
def test_any_dates_become_finite_numbers_that_keep_their_order(values):
    numbers, _ = read(np.array(values, "M8[us]")[:, None])
    assert all(np.isfinite(column).all() for column in numbers.values())
    order = np.argsort(np.array(values, "M8[us]"), kind="stable")
    assert (np.diff(numbers["x0_elapsed"][order]) >= 0).all()


UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"]


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from(UNITS))
def test_dates_far_from_those_of_fit_are_finite(value, unit):
    _, schema = read(np.array(["2024-01-01", "2024-02-02"], f"M8[{unit}]")[:, None])
    assert np.isfinite(schema.check(np.array([[value]]).view(f"M8[{unit}]"))).all()
    _, schema = read(np.array([[1], [2]], f"m8[{unit}]"))
    assert np.isfinite(schema.check(np.array([[value]]).view(f"m8[{unit}]"))).all()


def test_nanoseconds_are_kept():
    start = np.datetime64("2024-01-01", "ns")
    numbers, _ = read((start + np.arange(5))[:, None])
    nanosecond = 1 / 86_400e9
    np.testing.assert_allclose(np.diff(numbers["x0_elapsed"]) / nanosecond, 1, rtol=1e-6)


@pytest.mark.parametrize("library", ["pandas", "polars", "objects"])
def test_lengths_of_time_are_days_and_times_of_day_are_hours_and_cycles(library):
    waits = [datetime.timedelta(hours=h) for h in (6, 12, 18)]
    clock = [datetime.time(0, 0), datetime.time(6, 0), datetime.time(12, 0)]
    X = {"wait": [*waits, None], "clock": [*clock, None]}
    X = pl.DataFrame(X) if library == "polars" else pd.DataFrame(X)
    X = X.to_numpy(object) if library == "objects" else X
    numbers, _ = read(X)
    wait, clock, sine, cosine = numbers.values()
    np.testing.assert_allclose(wait, [-0.25, 0, 0.25, np.nan], atol=1e-7)
    np.testing.assert_allclose(clock, [0, 6, 12, np.nan], atol=1e-6)
    np.testing.assert_allclose(sine, [0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(cosine, [1, 0, -1, 0], atol=1e-6)
    if library == "pandas":
        assert list(numbers) == ["wait", "clock", "clock_hour_sin", "clock_hour_cos"]


@settings(max_examples=25)
@given(st.lists(st.integers(-(2**31), 2**32), min_size=2, max_size=8))
def test_times_of_a_zone_have_the_hours_of_its_clocks(seconds):
    local = pd.to_datetime(seconds, unit="s", utc=True).tz_convert("America/New_York")
    numbers, schema = read(frame(local))
    hours = (local.hour + local.minute / 60 + local.second / 3600) / 24
    if len(set(local.hour)) > 1:
        np.testing.assert_allclose(numbers["t_hour_sin"], np.sin(2 * np.pi * hours), atol=1e-5)
    # Later rows are converted to this zone.
    np.testing.assert_array_equal(
        schema.check(frame(local.tz_convert("Asia/Tokyo"))), schema.check(frame(local))
    )


def follow(message, X):
    code = re.search(r"(?<=them: )X.*(?=\.$)", message)
    names = {"X": X.copy() if hasattr(X, "iloc") else X.clone(), "pandas": pd, "polars": pl}
    exec(code.group(), names)
    return names["X"]


AWARE = SAME_DAYS["UTC"]
BERLIN = frame(DAYS.tz_localize("UTC").tz_convert("Europe/Berlin"))


@pytest.mark.parametrize(
    ("fitted", "X", "got"),
    [
        (frame(DAYS), AWARE, "without a time zone, as in fit; got ones with one"),
        (AWARE, frame(DAYS), "with a time zone, as in fit; got ones without"),
        (BERLIN, frame(DAYS), "with a time zone, as in fit; got ones without"),
        (SAME_DAYS["polars datetimes"], SAME_DAYS["polars UTC"], "got ones with one"),
        (SAME_DAYS["polars UTC"], SAME_DAYS["polars datetimes"], "got ones without"),
        (frame(DAYS), frame(DAYS.astype(str)[:4]), "dates or times, as in fit; got values of"),
        (SAME_DAYS["polars dates"], pl.DataFrame({"t": [1, 2]}), "as in fit; got numbers"),
        (frame(DAYS), frame(np.array([PLAIN[0], AWARE.t[0]], object)), "with and without a time"),
    ],
)
def test_other_values_in_a_column_of_dates_are_an_error_with_a_cure(fitted, X, got):
    _, schema = read(fitted)
    with pytest.raises(TypeError, match=f"The values in column 't' of X must be .*{got}") as caught:
        schema.check(X)
    if "and without" not in got:
        assert schema.check(follow(str(caught.value), X)).shape[1] == schema.network_shape[0]


def test_lengths_of_time_are_no_dates():
    _, schema = read(frame(DAYS))
    with pytest.raises(TypeError, match="must be dates or times, as in fit; got lengths of time"):
        schema.check(frame(DAYS - DAYS[0]))
    with pytest.raises(TypeError, match="of one kind: .*; got values of type date, time"):
        read(frame(np.array([PLAIN[0].date(), datetime.time(1)], object)))


def test_missing_dates_are_missing_however_they_are_written():
    _, schema = read(frame(DAYS[:4]))
    for missing in (None, np.nan, pd.NaT, pd.NA):
        numbers = schema.check(frame(np.array([missing], object)))
        assert np.isnan(numbers[0, 0])
        assert (numbers[0, 1:] == 0).all()
    numbers, schema = read(frame(pd.to_datetime([None, None])))
    assert list(numbers) == ["t_elapsed"]
    assert schema.check(frame(DAYS[:1])).shape == (1, 1)


def test_only_training_rows_are_learned_from():
    X = frame(TIMES[:4], a=range(4))
    numbers, schema = read(X, rows=np.array([0, 1]))
    expected, _ = read(X[:2])
    assert list(numbers) == list(expected)
    np.testing.assert_array_equal(schema.check(X[:2]), np.stack(list(expected.values()), axis=1))


def test_a_date_column_is_categorical_if_the_user_says_so():
    numbers, schema = read(frame(DAYS, a=range(5)), categorical_features=["t"])
    assert list(numbers) == ["a", "t"]
    assert schema.expansion is None


def test_other_columns_keep_their_offsets_categories_and_gaps():
    unix = 1_700_000_000 + np.arange(5.0)
    X = pd.DataFrame({"d": TIMES, "c": [*list("xyxy"), None], "u": unix, "t": TIMES})
    numbers, schema = read(X)
    expected, plain = read(X[["c", "u"]])
    for name, values in expected.items():
        np.testing.assert_array_equal(numbers[name], values)
    assert schema.network_columns.n_columns == len(numbers)
    assert schema.offsets.values[2] == plain.offsets.values[1]


def test_a_classifier_learns_what_depends_on_the_day_of_the_week():
    rng = np.random.default_rng(0)
    times = pd.Timestamp("2023-03-01") + pd.to_timedelta(rng.integers(0, 10_000, 240), unit="h")
    X, y = frame(times, noise=rng.normal(size=240)), times.day_of_week >= 5
    classifier = tiny(epochs=20, validation_split=0.1).fit(X[:160], y[:160])
    assert classifier.score(X[160:], y[160:]) > 0.9  # always "no": 0.71
    assert classifier.input_shape_ == (2,)
    assert classifier.n_features_in_ == 2
    assert list(classifier.feature_names_in_) == ["noise", "t"]
    assert "t_weekday_sin" in classifier.network_feature_names_
    classifier.partial_fit(X[:10], y[:10])
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(X[["t", "noise"]])
    with pytest.raises(ValueError, match="2 features|feature names"):
        classifier.predict(X[["noise"]])


@pytest.mark.parametrize("values", [DAYS[:1].repeat(5), pd.to_datetime([None] * 5)])
def test_dates_that_do_not_differ_in_fit_have_no_effect(values):
    _, schema = read(frame(values, a=np.arange(5.0)))
    later = schema.check(frame(TIMES[:4], a=np.arange(4.0)))
    np.testing.assert_array_equal(later[:, schema.network_names.index("t_elapsed")], 0)


def test_names_that_clash_with_parts_of_dates_are_made_distinct():
    days = pd.date_range("2020-01-01", periods=24, freq="15D")
    X = pd.DataFrame(
        {"day_elapsed": np.arange(24.0), "day": days, "day_month_sin": 1.5 * days.month}
    )
    classifier = KerasMulticlassClassifier("mlp", epochs=1).fit(X, np.arange(24) % 2)
    names = list(classifier.network_feature_names_)
    assert names[:3] == ["day_elapsed", "day_elapsed_2", "day_month_sin"]
    assert "day_month_sin_2" in names
    assert len(set(names)) == len(names)
