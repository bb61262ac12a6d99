"""Lifetimes: handmade histories, simulated trials with a known mean, a network that rests."""

import numpy as np
import pytest

from mflib.multifunctionality.identity import LOOKED_AT, PERIOD, Templates, legs
from mflib.multifunctionality.lifetimes import (
    ATTRACTOR_TURNS,
    Residence,
    escapes,
    follow,
    lifetime,
    residences,
    survival,
)
from mflib.multifunctionality.tasks import Lissajous
from mflib.networks.lstm import LSTM


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("aaaa", Residence("a", 400, None)),
        ("aabb", Residence("a", 200, "b")),
        ("aaab", Residence("a", 400, None)),  # once is not enough
        ("abaa", Residence("a", 400, None)),
        ("abbaa", Residence("a", 100, "b")),  # what comes later does not count
        ("aa-bb", Residence("a", 200, "b")),  # on its way it is on none
        ("baa", Residence("a", 300, None)),  # late
    ],
)
def test_when_a_run_has_left(history, expected):
    assert residences([list(history)], ["a"]) == [expected]


def test_a_run_that_was_never_there_is_left_out():
    assert residences([["b", "b", "a"], ["a", "a", "a"]], "aa") == [Residence("a", 300, None)]


def test_no_departure_bounds_the_lifetime_from_below():
    found = lifetime([Residence("a", 10_000, None)] * 4)
    assert found.value == found.high == np.inf
    # so long a mean that none of 40,000 turns sees a departure in one of forty cases
    assert found.low == pytest.approx(40_000 / -np.log(0.025))
    assert found.low > ATTRACTOR_TURNS
    assert (found.trials, found.over) == (4, "runs")


@pytest.mark.parametrize("horizon", [100, 1000, 10_000])
def test_the_interval_holds_the_mean_of_simulated_runs(horizon):
    """Whatever share of them is censored."""
    rng, mean, held = np.random.default_rng(0), 1000.0, 0
    for trial in rng.exponential(mean, size=(1000, 25)):
        seen = np.minimum(trial, horizon)
        found = lifetime([Residence("a", t, "b" if t < horizon else None) for t in seen])
        held += found.low <= mean <= found.high
    assert held > 930


def test_the_survival_curve_takes_censored_runs_as_such():
    """By hand: one of four leaves at 100; one is lost from sight; one of the other two at 300."""
    stays = [
        Residence("a", 100, "b"),
        Residence("a", 200, None),
        Residence("a", 300, "b"),
        Residence("a", 400, None),
    ]
    turns, share = survival(stays)
    at = dict(zip(turns.tolist(), share.tolist(), strict=True))
    assert at[100] == pytest.approx(3 / 4)
    assert at[300] == pytest.approx(3 / 4 * 1 / 2)


def test_the_survival_of_runs_that_leave_at_random_is_exponential():
    rng = np.random.default_rng(0)
    stays = [Residence("a", t, "b" if t < 2000 else None) for t in rng.exponential(1000.0, 2000)]
    turns, share = survival(stays)
    early = turns < 2000
    np.testing.assert_allclose(share[early], np.exp(-turns[early] / 1000), atol=0.04)


def test_escapes_are_rates_of_departures():
    stays = [
        Residence("a", 100, "b"),
        Residence("a", 300, "none"),
        Residence("a", 600, None),
        Residence("b", 500, None),
    ]
    assert escapes(stays) == {"a": {"b": 0.001, "none": 0.001}, "b": {}}


def test_a_network_at_rest_is_followed():
    circle, eight = Lissajous(1, 1, dt=2 * np.pi / PERIOD), Lissajous(1, 2, dt=2 * np.pi / PERIOD)
    known = Templates.of([circle, eight])
    cues = np.concatenate([task.orbits(2, 20) for task in (circle, eight)])
    network = LSTM.create(inputs=2, units=2)
    found = follow(network, cues, known, 300, progress=False)
    assert found == [["none"] * 3] * 4
    assert residences(found, ["1:1"] * 2 + ["1:2"] * 2) == []
    assert sum(len(leg[0]) for leg in legs(network, cues, 300)) == 300 * PERIOD


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lifetime([]), "stays: got none"),
        (lambda: survival([Residence("a", 9, None)]), "got 1, none of which ended"),
        (lambda: list(legs(None, None, LOOKED_AT + 1)), "turns: got 101"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
