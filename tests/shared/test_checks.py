"""Predicates accept NumPy's scalars like Python's, and never take a boolean for a number."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from keras_multiclass._shared.checks import is_count, is_flag, is_integer, is_number

PREDICATES = (is_flag, is_integer, is_count, is_number)
ALL_OF = {
    "flag": {is_flag},
    "count": {is_integer, is_count, is_number},
    "integer": {is_integer, is_number},
    "number": {is_number},
    "none": set(),
}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "flag"),
        (np.False_, "flag"),
        (1, "count"),
        (np.uint8(3), "count"),
        (0, "integer"),
        (np.int64(-2), "integer"),
        (1.0, "count"),
        (np.float32(3), "count"),
        (-2.0, "integer"),
        (1.5, "number"),
        (1e300, "count"),
        (np.float32(0.5), "number"),
        (Fraction(1, 3), "number"),
        (float("nan"), "none"),
        (-np.inf, "none"),
        (1j, "none"),
        ("1", "none"),
        (None, "none"),
        (np.array([1]), "none"),
    ],
    ids=repr,
)
def test_each_predicate_accepts_its_kind_of_value_only(value, kind):
    assert {predicate for predicate in PREDICATES if predicate(value)} == ALL_OF[kind]
