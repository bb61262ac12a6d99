"""Checks of arguments: what is refused is named, and what is let through is clean."""

import numpy as np
import pytest

from mflib import checks


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_become_plain(value):
    found = checks.count("steps", value)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("value", [0, 3.0, 2.5, True, np.nan, "3", None, 1j, np.bool_(True), [3]])
def test_what_is_no_count_is_named(value):
    with pytest.raises(ValueError, match=r"steps: got .*, expected a whole number, at least 1"):
        checks.count("steps", value)


def test_a_count_has_its_limits():
    assert checks.count("n", 0, least=0, most=3) == 0
    with pytest.raises(ValueError, match="n: got 4, expected a whole number, at least 0 and at m"):
        checks.count("n", 4, least=0, most=3)


def test_reals_are_doubles_of_the_shape_asked_for():
    found = checks.reals("x", np.ones((2, 3), np.float32), ("points", 3))
    assert (found.shape, found.dtype) == ((2, 3), np.float64)
    assert np.isnan(checks.reals("x", [np.nan], (1,), finite=False)[0])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3), r"x: got shape \(3,\) of float64, expected real numbers, \(points, 3\)"),
        (np.ones((2, 2)), r"x: got shape \(2, 2\)"),
        (np.ones((0, 3)), r"x: got shape \(0, 3\)"),
        (np.ones((2, 3), complex), "of complex128"),
        ([["1", "2", "3"]], "of <U1"),
        (np.array([["2026-01-01"] * 3], "datetime64[D]"), "of datetime64"),
        (np.ones((2, 3), bool), "of bool"),
        ([[1, 2, np.nan]], "x: got values that are not finite"),
        (np.ma.masked_equal(np.arange(6).reshape(2, 3), 4), "masked"),
    ],
)
def test_what_is_no_array_of_reals_is_named(value, message):
    with pytest.raises(ValueError, match=message):
        checks.reals("x", value, ("points", 3))


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (np.nan, {}, "dt: got nan, expected finite"),
        (None, {}, "dt: got None, expected a real number"),
        ("1", {}, "dt: got '1', expected a real number"),
        ([1.0], {}, r"dt: got shape \(1,\)"),
        (0, {"above": 0}, "dt: got 0, expected more than 0"),
        (-1, {"least": 0}, "dt: got -1, expected at least 0"),
    ],
)
def test_what_is_no_number_is_named(value, limits, message):
    with pytest.raises(ValueError, match=message):
        checks.real("dt", value, **limits)
