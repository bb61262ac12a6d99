"""Orbits against exact ones."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.dynamics.systems import names, system
from mflib.dynamics.trajectories import ensemble, standardisation, trajectory

LORENZ = system("lorenz")
FLOWS, MAPS = names("flow"), names("map")


def on_attractor(s, steps=400):
    return trajectory(s, steps, transient=s.transient)


@pytest.mark.parametrize("name", FLOWS)
def test_error_of_the_ensemble_as_stated(name):
    """Checked where the orbit passes in the time of 400 steps, each step on its own."""
    s = system(name)
    x = on_attractor(s)
    size = np.abs(x).max()
    if s.forcing:
        steps = [
            ensemble(s, x[n : n + 1], 1, start=s.transient + n * s.dt) for n in range(0, 399, 7)
        ]
        error = np.concatenate([e.points[:, 0] for e in steps]) - x[1::7]
    else:
        error = ensemble(s, x[:-1], 1).points[:, 0] - x[1:]
    bound = 1e-4 if name in ("chua", "cellular", "sprott_max") else 1e-5  # kinks
    assert np.abs(error).max() < bound * size


def test_ensemble_is_of_fourth_order():
    s = system("lorenz")
    exact = trajectory(s, 2, dt=0.5, rtol=1e-12)[-1]
    errors = [
        np.abs(ensemble(s, [s.initial], round(0.5 / dt), dt).points[0, -1] - exact).max()
        for dt in (0.01, 0.005)
    ]
    assert 12 < errors[0] / errors[1] < 20


def test_trajectory_on_the_exact_circle():
    s = system("hopf", mu=4.0, omega=3.0)
    t = 0.1 * np.arange(500)
    exact = 2 * np.stack([np.cos(3 * t), np.sin(3 * t)], axis=-1)
    np.testing.assert_allclose(trajectory(s, 500, 0.1, [2.0, 0.0]), exact, atol=1e-7)
    run = ensemble(s, [[2.0, 0.0]], 499 * 10, 0.01, keep=500, every=10)
    np.testing.assert_allclose(run.points[0], exact, atol=1e-4)


def test_trajectory_starts_where_it_is_told_and_goes_on_in_time():
    s = system("duffing")
    whole = trajectory(s, 101, 0.1)
    np.testing.assert_array_equal(whole[0], s.initial)
    np.testing.assert_allclose(trajectory(s, 51, 0.1, transient=5.0), whole[50:], atol=1e-8)
    late = ensemble(s, whole[50:51], 1000, 0.005, start=5.0)
    np.testing.assert_allclose(late.points[0, -1], whole[100], atol=1e-8)


@pytest.mark.parametrize("name", MAPS)
def test_maps_iterate(name):
    s = system(name)
    orbit = trajectory(s, 50, transient=7)
    np.testing.assert_allclose(orbit[1:], s.rhs(0, orbit[:-1]), rtol=1e-12)
    np.testing.assert_array_equal(trajectory(s, 57)[7:], orbit)
    np.testing.assert_array_equal(
        ensemble(s, [s.initial], 20, keep=3).points[0], trajectory(s, 21)[-3:]
    )


def test_a_family_is_one_system_a_parameter():
    r = np.linspace(2.6, 3.9, 9)
    family = ensemble(system("logistic", r=r), np.full((9, 1), 0.3), 30, keep=5).points
    for value, orbit in zip(r, family, strict=True):
        single = trajectory(system("logistic", r=value), 31)[-5:]
        np.testing.assert_allclose(orbit, single, rtol=1e-9)


def test_large_ensembles_are_cut_without_a_seam():
    s = system("henon")
    start = np.random.default_rng(0).uniform(-1, 1, (5000, 2))
    whole = ensemble(s, start, 8)
    np.testing.assert_array_equal(whole.points[4090:4100], ensemble(s, start[4090:4100], 8).points)


def test_escape_is_a_verdict_of_the_ensemble():
    run = ensemble(system("halvorsen"), [[-5, 0, 0], [1e3, 1e3, -1e3]], 500, keep=2)
    assert run.diverged.tolist() == [False, True]
    assert np.isnan(run.points[1]).all()
    assert np.isfinite(run.points[0]).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.3, 3.0))
def test_two_wells_mirror_each_other(x):
    s = system("double_well")
    run = ensemble(s, [[x, 0.5], [-x, -0.5]], 200).points
    np.testing.assert_allclose(run[0], -run[1], rtol=1e-12)


def test_a_thousand_points_of_lorenz_take_milliseconds():
    s = system("lorenz")
    trajectory(s, 10)
    begin = time.perf_counter()
    trajectory(s, 1000)
    assert time.perf_counter() - begin < 1  # some 0.04 s on an idle core


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps: got 0, expected a whole number, at least 1"),
        ({"dt": -1}, "dt: got -1, expected more than 0"),
        ({"initial": [1, 2]}, r"initial: got shape \(2,\) of int64, expected real numbers, \(3,\)"),
        ({"initial": [[1, 2, 3]]}, r"initial: got shape \(1, 3\)"),
        ({"initial": [1, np.inf, 3]}, "initial: got values that are not finite"),
        ({"transient": -1}, "transient: got -1"),
        ({"rtol": 1e-20}, "rtol: got 1e-20"),
    ],
)
def test_trajectory_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        trajectory(**{"system": LORENZ, "steps": 5} | arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"initial": [1, 2, 3]},
            r"initial: got shape \(3,\) of int64, expected real numbers, \(members, 3\)",
        ),
        ({"initial": np.ones((0, 3))}, r"initial: got shape \(0, 3\)"),
        ({"initial": [[1, 2, np.nan]]}, "initial: got values that are not finite"),
        ({"steps": -1}, "steps: got -1, expected a whole number, at least 0"),
        ({"keep": 0}, "keep: got 0"),
        ({"keep": 9}, "keep: got 9 points 1 steps apart in 5 steps"),
        ({"every": 0.5}, "every: got 0.5"),
        ({"dt": np.nan}, "dt: got nan"),
    ],
)
def test_ensemble_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        ensemble(**{"system": LORENZ, "initial": [[1, 2, 3]], "steps": 5} | arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: trajectory(LORENZ, 5, transient=1e308),
            r"transient: got 1e\+308, expected at least 0 and at mo",
        ),
        (
            lambda: trajectory(LORENZ, 5, dt=1e308),
            r"dt: got 1e\+308, expected more than 0 and at most 10000",
        ),
        (lambda: trajectory(LORENZ, 5, initial=[1e160, 0, 0]), "from where the orbit escapes"),
        (
            lambda: trajectory(system("van_der_pol"), 5, 0.1, initial=[1e5, 0.0]),
            "initial: got an orbit of van_der_pol that is at time .* expected one that moves less",
        ),
    ],
)
def test_no_call_goes_on_for_ever(call, message):
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        call()
    assert time.perf_counter() - begin < 30


MASKED = np.ma.masked_greater([1.0, 1.0, 99.0], 50)


@pytest.mark.parametrize(
    "values", [MASKED, [1j, 0, 0], ["1", "1", "1"], np.array(["2026-01-01"] * 3, "datetime64[D]")]
)
def test_masked_complex_text_and_dates_are_refused(values):
    for call in (
        lambda: trajectory(LORENZ, 5, initial=values),
        lambda: ensemble(LORENZ, values[None] if isinstance(values, np.ndarray) else [values], 5),
        lambda: LORENZ.rhs(0, values),
    ):
        with pytest.raises(ValueError, match=r"(initial|x): got .*expected real numbers"):
            call()


def test_no_standardisation_of_what_is_not_finite():
    with pytest.raises(ValueError, match="trajectories: got values that are not finite"):
        standardisation([np.ones((5, 2)), np.full((5, 2), np.nan)])
