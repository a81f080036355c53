"""Paths of image files: told from texts, and read."""

from __future__ import annotations

import pathlib
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import tensorflow as tf

from keras_multiclass._data.images.paths import (
    are_paths,
    read_paths,
    refuse_one_path,
    warn_of_image_names,
)

NAMES = ["a/cat.png", "b.JPG", "c.jpeg", "d.Bmp", "e.gif"]
CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda names: np.array(names, dtype=object),
    "column": lambda names: np.array(names)[:, None],
    "series": pd.Series,
    "strings of pandas": lambda names: pd.Series(names, dtype="string"),
    "polars": pl.Series,
    "bytes": lambda names: [name.encode() for name in names],
    "array of bytes": lambda names: np.array(names, dtype="S"),
    "tensor": tf.constant,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_strings_that_all_end_like_image_files_are_paths(container):
    X = CONTAINERS[container](NAMES)
    assert are_paths(X)
    assert repr(read_paths(X)) == repr(NAMES)
    assert not are_paths(CONTAINERS[container]([*NAMES, "a cat"]))
    assert not are_paths(CONTAINERS[container](["a cat", "png", "", ".", "jpg "]))


def test_path_objects_are_paths_whatever_their_names():
    X = [Path("scan.dat"), Path("scan2")]
    assert are_paths(X)
    assert are_paths(pd.Series(X))
    assert are_paths([*X, "text"])
    assert are_paths(["text", *X])
    assert read_paths([*X, "a.png"]) == ["scan.dat", "scan2", "a.png"]


@pytest.mark.parametrize(
    "X",
    [
        [],
        [None],
        [1.0, 2.0],
        np.array([[1.0], [2.0]]),
        np.array([["a.png", "b.png"]]),
        pd.DataFrame({"a": ["a.png"]}),
        [["a.png"], ["b.png"]],
        "a.png",
        {"photo": ["a.png"]},
    ],
)
def test_other_things_are_no_paths(X):
    assert not are_paths(X)


def test_a_missing_path_is_named_by_its_position():
    X = np.array(["a.png", None, "b.png", np.nan], dtype=object)
    assert are_paths(X)
    message = r"Paths in X must not be missing; got 2 of 4 missing \(the first is X\[1\]\)"
    with pytest.raises(ValueError, match=message):
        read_paths(X)


def test_what_is_no_path_beside_paths_is_named_by_its_position():
    message = r"string or an os.PathLike; got 1 of 2 of type 'int' \(the first is X\[1\]\)"
    with pytest.raises(TypeError, match=message):
        read_paths([Path("a.png"), 3])


@pytest.mark.parametrize("address", ["gs://bucket/a.png", "https://example.org/a.png"])
def test_an_address_elsewhere_is_an_error_that_names_it(address):
    message = rf"that of a local file; got an address, X\[1\] '{address}'. Download the files"
    with pytest.raises(ValueError, match=message):
        read_paths(["a.png", address])


def test_texts_most_of_which_are_names_of_images_are_warned_of(recwarn):
    warn_of_image_names(["a.png is missing", "no text", "a.png"])
    assert not recwarn.list
    X = [*NAMES, "a cat"]
    with pytest.warns(UserWarning, match="5 of its 6 strings end like names of image") as caught:
        warn_of_image_names(X)
    code = str(caught[0].message).partition("X = ")[2].removesuffix(".")
    assert are_paths(eval(code, {"pathlib": pathlib, "X": X}))


def test_a_single_path_is_an_error_that_says_what_to_pass(tmp_path):
    for X in (tmp_path, str(tmp_path)):
        with pytest.raises(TypeError, match="path of one folder.*images_from_directory"):
            refuse_one_path(X)
    for X in ("a.png", Path("a.png")):
        with pytest.raises(TypeError, match=r"path of one file. For a single image, pass \[X\]"):
            refuse_one_path(X)
    refuse_one_path("a cat\0")
    refuse_one_path(["a.png"])
