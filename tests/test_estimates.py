"""Intervals against formulas and tables."""

import numpy as np
import pytest

from mflib.dynamics.estimates import (
    mean_estimate,
    mean_lifetime,
    median_estimate,
    success_rate,
)


@pytest.mark.parametrize(("n", "t"), [(2, 12.7062), (3, 4.3027), (30, 2.0452)])
def test_mean_against_the_table(n, t):
    values = np.random.default_rng(n).normal(3, 2, n)
    reach = t * np.std(values, ddof=1) / np.sqrt(n)
    expected = np.mean(values) - reach, np.mean(values) + reach
    np.testing.assert_allclose(mean_estimate(values).interval, expected, rtol=1e-4)


@pytest.mark.parametrize("values", [[], [1.0], [[1.0, 2.0]], [1.0, np.nan]])
def test_mean_needs_two_finite_numbers(values):
    with pytest.raises(ValueError, match=r"values: got .* expected (real|finite) numbers"):
        mean_estimate(values)


def test_the_mean_of_equal_values_is_certain():
    assert mean_estimate([0.1, 0.1, 0.1]).interval == pytest.approx((0.1, 0.1))


def test_the_mean_of_shares_stays_a_share():
    assert mean_estimate([0.0, 0.0, 0.3], within=(0, 1)).low == 0
    assert mean_estimate([1.0, 1.0, 0.7], within=(0, 1)).high == 1


def test_the_interval_of_a_median_covers_it():
    """From tables of the sign test: the 6th of 20 values, the 7th of 24, the first of 6 to 8."""
    for count, place in [(6, 1), (8, 1), (20, 6), (24, 7)]:
        found = median_estimate(np.random.default_rng(count).permutation(count) + 1.0)
        assert found.interval == (place, count + 1 - place)
    assert median_estimate([1, 2, 3, 4, np.inf, np.inf]).interval == (1, np.inf)


@pytest.mark.parametrize("values", [range(5), [[1.0] * 6], [np.nan] * 6])
def test_median_needs_six_numbers(values):
    with pytest.raises(ValueError, match=r"values: got .* expected (real )?numbers"):
        median_estimate(list(values))


def test_wilson_against_the_formula():
    def formula(k, n, z=1.959963984540054):
        p, middle = k / n, (k / n + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        return middle - half, middle + half

    for k, n in [(16, 16), (0, 8), (5, 8), (99, 100)]:
        np.testing.assert_allclose(success_rate(k, n).interval, formula(k, n), atol=1e-12)


def test_a_rate_counts_what_is_true():
    rate = success_rate(np.array([[True, False], [True, True]]), over="cues")
    assert (rate.value, rate.trials, rate.over) == (0.75, 4, "cues")
    assert rate == success_rate(3, 4, over="cues")


@pytest.mark.parametrize(
    ("passed", "trials", "message"),
    [
        ([], None, "passed: got 0 values"),
        ([1, 0], None, "passed: got 2 values of int64"),
        (5, 4, "passed: got 5"),
        (-1, 4, "passed: got -1"),
        (0, 0, "trials: got 0"),
        (1.5, 4, "passed: got 1.5"),
    ],
)
def test_trials_have_to_be_some(passed, trials, message):
    with pytest.raises(ValueError, match=message):
        success_rate(passed, trials)


def test_the_interval_of_a_lifetime_holds_the_truth_as_often_as_it_should():
    """Exponential times of mean 5, cut off at 8: 400 samples of 30."""
    times = np.random.default_rng(0).exponential(5, (400, 30))
    found = [mean_lifetime(np.minimum(one, 8).sum(), (one < 8).sum(), trials=30) for one in times]
    assert 0.93 < np.mean([one.low < 5 < one.high for one in found]) < 0.99
    assert np.mean([one.value for one in found]) == pytest.approx(5, rel=0.05)


def test_a_lifetime_that_never_ended_has_a_lower_bound_only():
    found = mean_lifetime(100.0, 0, trials=4)
    assert found.value == found.high == np.inf
    assert found.low == pytest.approx(100 / -np.log(0.025))
    with pytest.raises(ValueError, match="total: got 0, expected more than 0"):
        mean_lifetime(0, 1, trials=1)
    with pytest.raises(ValueError, match="ended: got -1"):
        mean_lifetime(1, -1, trials=1)
