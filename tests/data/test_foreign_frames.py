"""Frames of libraries that are not installed here are converted by their own methods."""

import numpy as np
import pytest

from _toy import tiny
from keras_multiclass._data.foreign_frames import to_frame

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

X = pd.DataFrame({"a": [1.0, 2, 3, 4], "c": list("xyxy")})
Y = [0, 1, 0, 1]


def fake(module, name, **attributes):
    """Return an instance of a class that claims to be defined in a module."""
    return type(name, (), {"__module__": module, **attributes})()


FRAMES = {
    "dask": fake("dask.dataframe.dask_expr", "DataFrame", compute=lambda self: X),
    "modin": fake(
        "modin.pandas.dataframe",
        "DataFrame",
        modin=type("Accessor", (), {"to_pandas": staticmethod(lambda: X)}),
    ),
    "cudf": fake("cudf.core.dataframe", "DataFrame", to_pandas=lambda self: X),
    "spark": fake("pyspark.sql.connect.dataframe", "DataFrame", toPandas=lambda self: X),
    "lazy": pl.DataFrame(X.to_dict("list")).lazy(),
    "duckdb": fake(
        "_duckdb",
        "DuckDBPyRelation",
        columns=["a", "c"],
        __arrow_c_stream__=lambda self, *_: pl.DataFrame(X.to_dict("list")).__arrow_c_stream__(),
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_other_libraries_are_read_in_fit_and_predict(name):
    classifier = tiny(epochs=1).fit(FRAMES[name], Y, X_val=(FRAMES[name], Y))
    assert list(classifier.feature_names_in_) == ["a", "c"]
    np.testing.assert_allclose(
        classifier.predict_proba(FRAMES[name]), classifier.predict_proba(X), rtol=1e-5
    )


def test_other_objects_stay_as_they_are():
    for value in (X, X["a"], pl.DataFrame({"a": [1]}), np.ones((2, 2)), [[1]], None, "x"):
        assert to_frame(value) is value


def test_a_stream_may_yield_frames_of_other_libraries():
    numbers = pl.DataFrame({"a": [1.0, 2, 3, 4]})
    classifier = tiny(epochs=1).fit(lambda: iter([(numbers.lazy(), Y)]))
    assert list(classifier.feature_names_in_) == ["a"]
