"""Kinds of behaviour, identity and basins, where the answer is known."""

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.dynamics.attractors import classify, find_attractors, identify
from mflib.dynamics.basins import assign_basins, basin_fractions, basins
from mflib.dynamics.fixed_points import fixed_points
from mflib.dynamics.systems import reference_values, system
from mflib.dynamics.trajectories import ensemble, trajectory
from mflib.multifunctionality.circuits import fisher_discriminant
from mflib.multifunctionality.tasks import seeing_double

TURN = np.linspace(0, 2 * np.pi, 400)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], axis=-1)
NESTED = {"inner": CIRCLE, "outer": 3 * CIRCLE}
WELLS = {"left": [[-(10**0.5), 0.0]], "right": [[10**0.5, 0.0]]}


def on_attractor(s, dt, steps=6000):
    return trajectory(s, steps, dt, transient=s.transient, rtol=1e-8)


# --- fixed points --------------------------------------------------------------------------


def test_fixed_points_of_lorenz():
    below, origin, above = fixed_points(
        system("lorenz"), np.random.default_rng(0).uniform(-20, 40, (60, 3))
    )
    np.testing.assert_allclose(above.point, [8.48528, 8.48528, 27], atol=1e-5)
    np.testing.assert_allclose(below.point, [-8.48528, -8.48528, 27], atol=1e-5)
    np.testing.assert_allclose(origin.eigenvalues.real, [11.8277, -2.6667, -22.8277], atol=1e-4)
    np.testing.assert_allclose(above.eigenvalues.real, [0.09396, 0.09396, -13.8546], atol=1e-4)
    assert abs(above.eigenvalues[0].imag) == pytest.approx(10.1945, abs=1e-4)
    assert (origin.kind, above.kind) == ("saddle node", "saddle focus")
    assert not above.stable


def test_hopf_bifurcation_of_lorenz():
    """C+ loses its stability at rho = 24.73684..."""
    for rho, stable in [(24.73, True), (24.74, False)]:
        found = fixed_points(system("lorenz", rho=rho), [[8, 8, rho - 1]])
        assert [point.stable for point in found] == [stable]


@pytest.mark.parametrize(
    ("name", "parameters", "guess", "kind"),
    [
        ("hopf", {"mu": 1.0}, [0.1, 0.1], "unstable focus"),
        ("hopf", {"mu": -1.0}, [0.1, 0.1], "stable focus"),
        ("hopf", {"mu": 0.0}, [0.0, 0.0], "not hyperbolic"),
        ("double_well", {}, [3.0, 0.0], "stable focus"),
        ("double_well", {}, [0.1, 0.0], "saddle node"),
        ("van_der_pol", {"mu": 3.0}, [0.1, 0.0], "unstable node"),
        ("logistic", {"r": 2.8}, [0.6], "stable node"),
        ("logistic", {"r": 3.2}, [0.6], "unstable node"),
        ("henon", {}, [0.6, 0.2], "saddle node"),
    ],
)
def test_kinds_of_fixed_points(name, parameters, guess, kind):
    (found,) = fixed_points(system(name, **parameters), [guess])
    assert found.kind == kind
    s = system(name, **parameters)
    still = found.point if s.kind == "map" else 0
    np.testing.assert_allclose(s.rhs(0, found.point), still, atol=1e-9)


# --- kinds of behaviour --------------------------------------------------------------------


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
    assert classify(torus, 0.05, exponent=1e-4).kind == "torus or undecided"


def test_a_known_exponent_decides():
    orbit = on_attractor(system("lorenz"), 0.02, 2000)
    assert classify(orbit, 0.02, exponent=0.9).kind == "chaos"
    assert classify(orbit, 0.02, exponent=0.0).kind == "torus or undecided"


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


# --- identity ------------------------------------------------------------------------------


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


# --- basins --------------------------------------------------------------------------------


def test_nested_cycles_part_at_two_exactly():
    grid = np.linspace(-2.8, 2.8, 60)
    found = basins(system("nested_cycles"), NESTED, grid, grid, time=20)
    np.testing.assert_array_equal(found.labels, np.hypot(*np.meshgrid(grid, grid)) > 2)
    assert sum(share.rate for share in found.fractions.values()) == 1


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-4, 0.5), st.floats(0, 6.28))
def test_either_side_of_the_boundary(distance, angle):
    direction = np.array([np.cos(angle), np.sin(angle)])
    start = [(2 - distance) * direction, (2 + distance) * direction]
    ends = assign_basins(system("nested_cycles"), NESTED, start, time=25, dt=0.02)
    assert ends.tolist() == [0, 1]


def test_subcritical_hopf():
    """Stable rest and stable cycle, parted at r-^2 = (1 - sqrt(1 + 4 mu)) / 2."""
    s = system("subcritical_hopf", mu=-0.1)
    outer, inner = np.sqrt((1 + np.array([1, -1]) * np.sqrt(0.6)) / 2)
    attractors = {"rest": [[0.0, 0.0]], "cycle": outer * CIRCLE}
    start = np.stack([inner * np.array([0.5, 0.98, 1.02, 1.5]), np.zeros(4)], axis=-1)
    assert assign_basins(s, attractors, start, time=150).tolist() == [0, 0, 1, 1]


def test_basins_of_200_by_200_in_seconds():
    begin = time.perf_counter()
    x, v = np.linspace(-4, 4, 200), np.linspace(-2.5, 2.5, 200)
    found = basins(system("double_well"), WELLS, x, v, time=50)
    assert time.perf_counter() - begin < 15  # some 1.2 s on an idle core
    np.testing.assert_array_equal(found.labels, 1 - found.labels[::-1, ::-1])
    assert found.fractions["left"].rate == 0.5


def test_forced_duffing_once_a_period():
    s = system("duffing", delta=0.15, gamma=0.2)
    points = {"left": [[-0.7791, 0.0274]], "right": [[1.2101, 0.0553]]}
    dt = s.forcing / 50
    found = basin_fractions(s, points, [-2, -2], [2, 2], count=1000, time=600, dt=dt)
    assert found["left"].rate == pytest.approx(0.5, abs=0.06)
    assert found["right"].rate == pytest.approx(0.5, abs=0.06)
    # chaos is left at last by all, by some very late
    assert found["left"].rate + found["right"].rate > 0.99
    early = basin_fractions(s, points, [-2, -2], [2, 2], count=1000, time=150, dt=dt)
    assert early["none of them"].rate > 0.1


def test_henon_escapes():
    s = system("henon")
    found = basins(
        s,
        {"strange": trajectory(s, 5000, transient=1000)},
        *np.linspace([-2, -2], [2, 2], 100).T,
        time=500,
    )
    assert found.fractions["strange"].rate == pytest.approx(0.426, abs=0.002)
    assert found.fractions["diverged"].rate == pytest.approx(0.574, abs=0.002)
    assert found.labels[-1, -1] == -2


def test_chaos_and_rest_coexist_in_lorenz():
    """At rho = 24.4 (1, 1, 1) leads to chaos and a start near C+ to rest."""
    s = system("lorenz", rho=24.4)
    (rest,) = fixed_points(s, [[7.9, 7.9, 23.4]])
    attractors = {"rest": [rest.point], "chaos": trajectory(s, 20_000, 0.02, transient=50)}
    ends = assign_basins(s, attractors, [[1, 1, 1], [7.9, 7.9, 23.4]], time=300)
    assert ends.tolist() == [1, 0]


def test_orbits_on_no_known_attractor():
    ends = assign_basins(system("double_well"), {"left": WELLS["left"]}, [[1, 0], [-1, 0]], time=50)
    assert ends.tolist() == [-1, 0]
    shares = basin_fractions(
        system("double_well"), {"left": WELLS["left"]}, [-4, -2], [4, 2], count=50, time=50
    )
    assert set(shares) == {"left", "none of them"}


def test_a_plane_in_space():
    s = system("lorenz", rho=14.0)
    plus, minus = (p.point for p in fixed_points(s, [[6, 6, 13], [-6, -6, 13]])[::-1])
    grid = np.linspace(-10, 10, 8)
    found = basins(
        s, {"+": [plus], "-": [minus]}, grid, grid, plane=[0, 0, 13.0], axes=(0, 1), time=30
    )
    # (x, y, z) -> (-x, -y, z) exchanges the two
    np.testing.assert_array_equal(found.labels, 1 - found.labels[::-1, ::-1])


def test_single_numbers_are_separated_by_their_sign():
    assert fisher_discriminant([[1.0], [2.0]], [[3.0], [5.0]]).tolist() == [-1.0]


# --- refusals ------------------------------------------------------------------------------

WELL = system("double_well")
AT = {"time": 5}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed_points(WELL, [[1, 2, 3]]), r"guesses: got shape \(1, 3\)"),
        (lambda: fixed_points(WELL, [[1, np.nan]]), "guesses: got values that are not finite"),
        (lambda: fixed_points(system("duffing"), [[1, 0]]), "got duffing, which is forced"),
        (lambda: classify(CIRCLE[:99], 1), r"points: got shape \(99, 2\)"),
        (lambda: classify(CIRCLE[:, 0], 1), r"points: got shape \(400,\)"),
        (lambda: classify(CIRCLE, 0), "dt: got 0"),
        (lambda: classify(CIRCLE, 1, scale=0), "scale: got 0"),
        (lambda: identify(CIRCLE, {}), "templates: got none"),
        (lambda: identify(CIRCLE, {"a": np.ones((3, 3))}), r"points: got shape \(400, 2\)"),
        (lambda: identify(CIRCLE, {"a": CIRCLE[:2]}, dt=0.1), r"templates\['a'\]: got shape"),
        (lambda: identify(CIRCLE, NESTED, dt=-1), "dt: got -1"),
        (lambda: assign_basins(WELL, {}, [[0, 1]], **AT), "attractors: got none"),
        (lambda: assign_basins(WELL, {"a": [[1]]}, [[0, 1]], **AT), r"attractors\['a'\]: got"),
        (lambda: assign_basins(WELL, WELLS, [[0, np.nan]], **AT), "initial: got values that are"),
        (lambda: assign_basins(WELL, WELLS, [[0, 1]], time=0), "time: got 0"),
        (lambda: assign_basins(WELL, WELLS, [[0, 1]], tolerance=0, **AT), "tolerance: got 0"),
        (lambda: assign_basins(WELL, WELLS, [[0, 1]], samples=0, **AT), "samples: got 0"),
        (
            lambda: assign_basins(system("duffing"), WELLS, [[0, 1]], dt=0.4, time=9),
            r"dt: got 0\.4, expected a whole part of 6\.28",
        ),
        (lambda: basins(WELL, WELLS, [[0]], [0], **AT), r"x: got shape \(1, 1\)"),
        (lambda: basins(WELL, WELLS, [0], [np.inf], **AT), r"y: got shape \(1,\)"),
        (lambda: basins(WELL, WELLS, [0], [0], plane=[1], **AT), "plane: got"),
        (lambda: basins(WELL, WELLS, [0], [0], axes=(0, 2), **AT), r"axes: got \(0, 2\)"),
        (lambda: basins(WELL, WELLS, [0], [0], axes=(1, 1), **AT), r"axes: got \(1, 1\)"),
        (lambda: basin_fractions(WELL, WELLS, [0], [1, 1], **AT), "low: got"),
        (lambda: basin_fractions(WELL, WELLS, [2, 2], [1, 1], **AT), "low: got .* not above high"),
        (lambda: basin_fractions(WELL, WELLS, [0, 0], [1, 1], count=0, **AT), "count: got 0"),
        (lambda: fisher_discriminant(CIRCLE, CIRCLE), "first, second: got sets with the same"),
        (lambda: fisher_discriminant(CIRCLE, np.ones((5, 3))), r"second: got shape \(5, 3\)"),
        (lambda: fisher_discriminant(CIRCLE, np.inf * CIRCLE), "second: got values that are"),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()


# --- census --------------------------------------------------------------------------------


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
    assert share.low < share.rate < share.high


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
        ({"points": np.zeros((2, 50, 2))}, "points: got shape"),
        ({"points": np.zeros((200, 2))}, "points: got shape"),
        ({"dt": 0.0}, "dt: got 0.0"),
        ({"scale": np.nan}, "scale: got nan"),
        ({"rate": -1.0}, "rate: got -1.0"),
        ({"tolerance": 0.0}, "tolerance: got 0.0"),
    ],
)
def test_a_census_refuses_what_does_not_fit(change, message):
    arguments = {"points": np.zeros((2, 200, 2)), "dt": 0.1, "scale": 1.0} | change
    with pytest.raises(ValueError, match=message):
        find_attractors(**arguments)
