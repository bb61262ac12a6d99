"""Kinds of behaviour, identity and what runs end on, where the answer is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.dynamics.attractors import (
    DIVERGED,
    NOT_CONVERGED,
    classify,
    find_attractors,
    identify,
)
from mflib.dynamics.systems import reference_values, system
from mflib.dynamics.trajectories import ensemble, trajectory
from mflib.multifunctionality.tasks import seeing_double

TURN = np.linspace(0, 2 * np.pi, 400)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], axis=-1)
NESTED = {"inner": CIRCLE, "outer": 3 * CIRCLE}


def on_attractor(s, dt, steps=6000):
    return trajectory(s, steps, dt, transient=s.transient, rtol=1e-8)


@pytest.mark.parametrize("mu", [0.1, 1.0, 10.0])
def test_limit_cycle_with_its_period(mu):
    s = system("van_der_pol", mu=mu)
    period = next(
        r["period"] for r in reference_values("van_der_pol") if r["parameters"]["mu"] == mu
    )
    found = classify(on_attractor(s, 0.05), 0.05)
    assert found.kind == "limit cycle"
    assert found.period == pytest.approx(period, rel=1e-6)


def test_limit_cycle_with_several_loops():
    found = classify(on_attractor(system("thomas", b=0.1665), 0.1), 0.1)
    assert found.kind == "limit cycle"
    assert found.period == pytest.approx(37.2279359, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "dt"),
    [("lorenz", 0.02), ("rossler", 0.1), ("halvorsen", 0.03), ("sprott_b", 0.1), ("chen", 0.01)],
)
def test_chaos(name, dt):
    found = classify(on_attractor(system(name), dt), dt)
    assert found.kind == "chaos"
    assert found.exponent > 0
    assert found.period is None


def test_fixed_point():
    spiral = trajectory(system("double_well"), 2000, 0.05)
    assert classify(spiral, 0.05).kind == "fixed point"
    assert classify(np.full((100, 2), 7.0), 1).kind == "fixed point"
    assert classify(np.full((100, 2), 7.0) + 1e-12 * CIRCLE[:100], 1).kind == "fixed point"
    late = 1e-5 * CIRCLE[10 * np.arange(1000) % 399]
    assert classify(late, 0.1).kind == "limit cycle"  # all there is
    assert classify(late, 0.1, scale=1.0).kind == "fixed point"  # beside what was asked for


def test_torus_is_not_chaos():
    t = 0.05 * np.arange(6000)
    tube = 2 + np.cos((1 + 5**0.5) / 2 * t)
    torus = np.stack([tube * np.cos(t), tube * np.sin(t), np.sin((1 + 5**0.5) / 2 * t)], axis=-1)
    assert classify(torus, 0.05).kind == "torus or undecided"


def test_too_short_to_tell():
    assert classify(on_attractor(system("lorenz"), 0.02, 100), 0.02).kind == "torus or undecided"


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e7])
def test_divergence_anywhere(value):
    orbit = np.tile(CIRCLE, (2, 1))
    orbit[3, 1] = value
    assert classify(orbit, 0.1).kind == "diverged"


@pytest.mark.parametrize(
    ("r", "kind", "period"),
    [
        (2.8, "fixed point", None),
        (3.2, "limit cycle", 2),
        (3.5, "limit cycle", 4),
        (3.83, "limit cycle", 3),
        (4.0, "chaos", None),
    ],
)
def test_maps(r, kind, period):
    s = system("logistic", r=r)
    found = classify(trajectory(s, 2000, transient=1000), 1, discrete=True)
    assert (found.kind, found.period) == (kind, period)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 5), st.floats(-50, 50), st.floats(0.01, 100))
def test_units_do_not_matter(period, offset, factor):
    t = period / 37.3 * np.arange(800)
    angle = 2 * np.pi * t / period
    orbit = offset + factor * np.stack([np.cos(angle), np.sin(2 * angle)], axis=-1)
    found = classify(orbit, period / 37.3)
    assert found.kind == "limit cycle"
    assert found.period == pytest.approx(period, rel=1e-4)


@pytest.mark.slow
def test_identity_of_chaotic_attractors():
    kinds = {name: system(name) for name in ("lorenz", "halvorsen", "rossler", "chen")}
    templates = {name: on_attractor(s, 8 * s.dt, 1500) for name, s in kinds.items()}
    for name, s in kinds.items():
        start = trajectory(s, 1, initial=s.initial, transient=2 * s.transient + 77)[0]
        other = trajectory(s, 1500, 8 * s.dt, initial=start, rtol=1e-8)
        assert identify(other, templates).name == name
    assert identify(templates["lorenz"] + 30, templates).name is None


def test_opposite_circles_differ_in_velocity_only():
    a, b = seeing_double(0.0)
    templates = {task.name: task.trajectory(630, 0.1) for task in (a, b)}
    for task in (a, b):
        assert identify(task.trajectory(400, 0.1, phase=0.7), templates, dt=0.1).name == task.name
    still = identify(np.zeros((400, 2)), templates, dt=0.1)
    assert still.name is None
    places = identify(b.trajectory(630, 0.1), templates).distances
    assert places["A"] == pytest.approx(places["B"], abs=0.01)


def test_a_run_that_diverged_is_nowhere():
    run = np.full((50, 2), np.nan)
    assert identify(run, NESTED) == (None, {"inner": np.inf, "outer": np.inf})


def settled(name, initial, steps=800, dt=0.05, **options):
    run = ensemble(system(name), initial, 4000, dt, keep=steps)
    return find_attractors(run.points, dt, **options)


def test_a_census_counts_the_nested_cycles_and_gives_each_start_its_basin():
    radii = np.linspace(0.3, 3.6, 33)  # the boundary, 2, is not among them
    found = settled("nested_cycles", np.stack([radii, 0 * radii], axis=1), scale=3.0)
    assert [one.behaviour.kind for one in found.attractors] == ["limit cycle"] * 2
    assert found.labels.tolist() == (radii > 2).astype(int).tolist()
    radius = [one.radius for one in found.attractors]
    np.testing.assert_allclose(sorted(radius), [1, 3], rtol=1e-4)
    share = found.attractors[0].share
    assert share.low < share.value < share.high


def test_a_census_of_the_two_wells_finds_two_rests_with_equal_basins():
    initial = np.random.default_rng(0).uniform([-4, -2.5], [4, 2.5], (300, 2))
    found = settled("double_well", initial, scale=np.sqrt(10))
    assert [one.behaviour.kind for one in found.attractors] == ["fixed point"] * 2
    np.testing.assert_allclose(
        sorted(one.centre[0] for one in found.attractors), [-(10**0.5), 10**0.5], atol=1e-3
    )
    assert found.entropy == pytest.approx(np.log(2), abs=0.02)
    assert found.effective == pytest.approx(2, abs=0.04)


def test_a_census_tells_directions_and_speeds_apart_and_not_phases():
    a, b = seeing_double()
    fast = dataclasses.replace(a, omega=1.5)
    runs = [task.trajectory(1200, 0.1, phase) for task in (a, b, fast, a) for phase in (0, 2, 4)]
    found = find_attractors(runs, 0.1, scale=5.0)
    assert found.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [0] * 3
    assert [one.run for one in found.attractors] == [0, 3, 6]


def test_a_run_that_diverged_is_a_verdict_and_adds_to_the_entropy():
    run = seeing_double()[0].trajectory(400, 0.1)
    found = find_attractors([run, np.full_like(run, np.nan)], 0.1, scale=5.0)
    assert found.labels.tolist() == [0, -2]
    assert found.effective == pytest.approx(2)
    assert find_attractors([np.full_like(run, np.inf)], 0.1, scale=5.0).attractors == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((2, 50, 2))}, "steps of points: got 50"),
        ({"points": np.zeros((200, 2))}, "points: got shape"),
        ({"dt": 0.0}, "dt: got 0,"),
        ({"scale": np.nan}, "scale: got nan"),
        ({"rate": -1.0}, "rate: got -1,"),
        ({"tolerance": 0.0}, "tolerance: got 0,"),
    ],
)
def test_a_census_refuses_what_does_not_fit(change, message):
    arguments = {"points": np.zeros((2, 200, 2)), "dt": 0.1, "scale": 1.0} | change
    with pytest.raises(ValueError, match=message):
        find_attractors(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: classify(CIRCLE[:99], 1), r"points: got shape \(99, 2\)"),
        (lambda: classify(CIRCLE[:, 0], 1), r"points: got shape \(400,\)"),
        (lambda: classify(CIRCLE, 0), "dt: got 0"),
        (lambda: classify(CIRCLE, 1, scale=0), "scale: got 0"),
        (lambda: identify(CIRCLE, {}), "templates: got none"),
        (lambda: identify(CIRCLE, {"a": np.ones((3, 3))}), r"points: got shape \(400, 2\)"),
        (lambda: identify(CIRCLE, {"a": CIRCLE[:2]}, dt=0.1), r"templates\['a'\]: got shape"),
        (lambda: identify(CIRCLE, NESTED, dt=-1), "dt: got -1"),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()


# --- noise, clocks and runs too short ------------------------------------------------------

ANGLE = 0.02 * np.arange(6000)


def circle_at(angle):
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("level", [0.01, 0.03, 0.1])
def test_a_noisy_circle_is_not_chaos(level):
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(0, level, (6000, 2))
        assert classify(circle_at(ANGLE) + noise, 0.02).kind == "noisy or unevenly sampled"


def test_a_circle_by_an_uneven_clock_is_not_chaos():
    rng = np.random.default_rng(0)
    clocks = {
        "random times": np.sort(rng.uniform(0, 120, 6000)),
        "random gaps": 0.02 * np.cumsum(rng.exponential(size=6000)),
        "unsteady gaps": 0.02 * np.cumsum(1 + 0.2 * rng.normal(size=6000)),
        "jitter": ANGLE + 0.01 * rng.normal(size=6000),
    }
    for name, times in clocks.items():
        assert classify(circle_at(times), 0.02).kind != "chaos", name
    assert classify(circle_at(clocks["random gaps"]), 0.02).kind == "noisy or unevenly sampled"


def test_white_noise_is_not_chaos():
    noise = np.random.default_rng(0).normal(size=(4000, 3))
    for discrete in (False, True):
        assert classify(noise, 0.1, discrete=discrete).kind == "noisy or unevenly sampled"


def test_chaos_with_a_little_noise_is_still_chaos():
    orbit = on_attractor(system("lorenz"), 0.02)
    noise = 0.001 * orbit.std() * np.random.default_rng(0).normal(size=orbit.shape)
    assert classify(orbit + noise, 0.02).kind == "chaos"


@pytest.fixture(scope="module")
def lorenz_runs():
    """16 runs on the one attractor, 5,000 steps each."""
    s = system("lorenz")
    start = np.random.default_rng(0).normal([0, 0, 25], 5, (16, 3))
    return ensemble(s, start, 20_000, 0.01, keep=5000, every=2).points


def test_runs_of_one_chaotic_attractor_are_not_many_attractors(lorenz_runs):
    found = find_attractors(lorenz_runs, 0.02, scale=1.0)
    assert found.attractors == ()
    assert found.not_converged.value == 1
    assert np.all(found.labels == NOT_CONVERGED)
    assert np.isnan(found.entropy)


def test_with_a_tolerance_that_their_averages_meet_they_are_one(lorenz_runs):
    found = find_attractors(lorenz_runs, 0.02, scale=25.0, rate=8.0, tolerance=0.1)
    (chaos,) = found.attractors
    assert chaos.behaviour.kind == "chaos"
    assert chaos.share.value + found.not_converged.value == 1


def test_a_run_that_still_drifts_has_not_converged():
    t = 0.1 * np.arange(1200)
    drifting = circle_at(t) + 0.003 * t[:, None]
    found = find_attractors([circle_at(t), drifting], 0.1, scale=1.0)
    assert found.labels.tolist() == [0, NOT_CONVERGED]
    assert found.attractors[0].share.value == 0.5  # of all runs
    assert found.effective == pytest.approx(1)


@pytest.mark.parametrize(
    "change",
    [
        {"points": np.random.default_rng(0).normal(size=(2, 200, 2)) * 1e160},
        {"points": np.ones((3, 200, 2)) * 9e5, "scale": 1e-150},
        {"dt": 1e-150},
        {"rate": 1e-150},
        {"rate": 1e300},
    ],
)
def test_huge_and_tiny_numbers_come_to_an_end(change):
    arguments = {"points": np.random.default_rng(0).normal(size=(3, 200, 2)), "dt": 0.1}
    found = find_attractors(**arguments | {"scale": 1.0} | change)
    assert set(found.labels.tolist()) <= {DIVERGED, NOT_CONVERGED, 0}


@pytest.mark.parametrize("name", ["dt", "scale", "rate", "tolerance"])
def test_subnormal_units_are_refused(name):
    arguments = {"points": np.zeros((2, 200, 2)), "dt": 0.1, "scale": 1.0} | {name: 1e-320}
    with pytest.raises(ValueError, match=f"{name}: got "):
        find_attractors(**arguments)


@pytest.mark.parametrize("argument", ["scale", "dt"])
def test_nan_is_no_argument(argument):
    with pytest.raises(ValueError, match=f"{argument}: got nan"):
        classify(**{"points": CIRCLE, "dt": 0.1, argument: np.nan})


MASKED = np.ma.masked_greater(CIRCLE, 0.9)


@pytest.mark.parametrize(
    "points", [MASKED, CIRCLE + 0j, CIRCLE.astype(str), CIRCLE.astype("datetime64[s]")]
)
def test_masked_complex_text_and_dates_are_refused(points):
    for call in (
        lambda: classify(points, 0.1),
        lambda: identify(points, {"a": CIRCLE}),
        lambda: identify(CIRCLE, {"a": points}),
        lambda: (
            find_attractors([points], 0.1, scale=1.0)
            if not isinstance(points, np.ma.MaskedArray)
            else find_attractors(points[None], 0.1, scale=1.0)
        ),
    ):
        with pytest.raises(ValueError, match="expected real numbers"):
            call()
