"""Flows and maps: equations against finite differences, orbits against exact ones."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.dynamics import equations
from mflib.dynamics.systems import System, _catalogue, names, reference_values, system
from mflib.dynamics.trajectories import ensemble, trajectory

FLOWS, MAPS = names("flow"), names("map")


def on_attractor(s, steps=400):
    return trajectory(s, steps, transient=s.transient)


@pytest.mark.parametrize("name", names())
def test_jacobian_is_the_derivative(name):
    s = system(name)
    rng = np.random.default_rng(0)
    x = on_attractor(s)[::40] + rng.normal(0, 0.1, (10, s.dim))
    step = 1e-5
    differences = [
        (s.rhs(0.3, x + step * e) - s.rhs(0.3, x - step * e)) / (2 * step) for e in np.eye(s.dim)
    ]
    jacobian = s.jacobian(0.3, x)
    scale = 1 + np.abs(jacobian).max()
    np.testing.assert_allclose(jacobian, np.stack(differences, axis=-1), atol=1e-7 * scale)


@pytest.mark.parametrize("name", names())
def test_any_number_of_points_at_once(name):
    s = system(name)
    x = np.random.default_rng(0).normal(size=(2, 3, s.dim))
    values, jacobians = s.rhs(0.1, x), s.jacobian(0.1, x)
    assert values.shape == (2, 3, s.dim)
    assert jacobians.shape == (2, 3, s.dim, s.dim)
    np.testing.assert_allclose(s.rhs(0.1, x[1, 2]), values[1, 2], rtol=1e-12)
    np.testing.assert_allclose(s.jacobian(0.1, x[1, 2]), jacobians[1, 2], rtol=1e-12)


@pytest.mark.parametrize("name", names())
def test_an_entry_says_all_and_its_attractor_is_bounded(name):
    s = system(name)
    assert s.initial.shape == (s.dim,)
    assert s.citation
    assert s.dt > 0
    assert np.abs(on_attractor(s)).max() < 100
    for reference in reference_values(name):
        assert reference["source"]
        system(name, **reference["parameters"])
        known = {"exponents", "dimension", "period", "floquet", "amplitude", "mean", "std"}
        assert set(reference) <= known | {"parameters", "initial", "source"}
        assert set(reference) & known


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
    bound = 1e-4 if name == "chua" else 1e-5
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


def test_catalogue_has_what_the_book_names():
    assert len(FLOWS) == 15
    assert MAPS == ["logistic", "henon"]
    with pytest.raises(ValueError, match="kind: got 'flows'"):
        names("flows")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: system("lorentz"), "name: no system 'lorentz', expected lorenz"),
        (lambda: system("Lorenz 84"), "expected lorenz84"),
        (lambda: system("?"), "expected lorenz or rossler or"),
        (lambda: reference_values("henno"), "expected henon"),
        (lambda: system("lorenz", r=28), "r: not a parameter of lorenz, expected sigma or rho or"),
        (lambda: system("sprott_b", a=1), "a: not a parameter of sprott_b, expected none"),
        (lambda: system("lorenz", rho=np.nan), "rho: got nan, expected a finite number"),
        (lambda: system("lorenz", rho="a"), "rho: got 'a'"),
        (lambda: system("duffing", omega=0), "omega: got 0.0, expected one positive number"),
    ],
)
def test_unknown_names_and_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


LORENZ = system("lorenz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps: got 0, expected a whole number, at least 1"),
        ({"dt": -1}, "dt: got -1, expected a positive time"),
        ({"initial": [1, 2]}, r"initial: got shape \(2,\), expected \(3,\)"),
        ({"initial": [[1, 2, 3]]}, r"initial: got shape \(1, 3\), expected \(3,\)"),
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
        ({"initial": [1, 2, 3]}, r"initial: got shape \(3,\), expected \(members, 3\)"),
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


def test_other_errors():
    with pytest.raises(ValueError, match=r"x: got shape \(2,\), expected \(..., 3\)"):
        LORENZ.rhs(0, [1, 2])
    with pytest.raises(ValueError, match=r"dt: got 0[.]5, expected 1, because henon is a map"):
        trajectory(system("henon"), 5, dt=0.5)
    for name, start in [("henon", [2.0, 2.0]), ("halvorsen", [1e3, 1e3, -1e3])]:
        with pytest.raises(ValueError, match=r"initial: got .* from where the orbit escapes"):
            trajectory(system(name), 1000, initial=start)
    family = system("logistic", r=[3.0, 3.5])
    with pytest.raises(ValueError, match="r: got 2 values, expected one; see ensemble"):
        trajectory(family, 5)
    with pytest.raises(ValueError, match="initial: got 3 members, expected 2, as r"):
        ensemble(family, np.ones((3, 1)) / 2, 5)


def test_every_entry_has_code_and_nothing_else():
    for name in _catalogue():
        assert callable(getattr(equations, name))
        assert callable(getattr(equations, f"{name}_jacobian_rows"))


# --- a system of one's own --------------------------------------------------------------------


def own(name, jacobian=False):
    """A system of the catalogue, as a user would write it."""
    entry = system(name)
    rows = getattr(equations, f"{name}_jacobian_rows") if jacobian else None
    return System(
        f"my {name}",
        getattr(equations, name),
        entry.initial,
        dict(entry.parameters),
        entry.kind,
        rows,
        dt=entry.dt,
        transient=entry.transient,
        frequency=entry.frequency,
    )


@pytest.mark.parametrize("name", names())
def test_derivatives_are_found_where_none_are_given(name):
    s, mine = system(name), own(name)
    x = on_attractor(s)[::40]
    tolerance = 1e-7 if name == "chua" else 1e-13  # |x| has no complex derivative
    expected = s.jacobian(0.3, x)
    scale = 1 + np.abs(expected).max()
    np.testing.assert_allclose(mine.jacobian(0.3, x), expected, atol=tolerance * scale)
    np.testing.assert_array_equal(mine.rhs(0.3, x), s.rhs(0.3, x))
    assert (mine.dim, mine.forcing, mine.dt) == (s.dim, s.forcing, s.dt)


def test_a_function_without_complex_numbers_is_differentiated_too():
    def kicked(t, state, *, k):
        (x,) = state
        return (np.vectorize(lambda v: float(v) ** 2 * k)(x),)

    mine = System("kicked", kicked, initial=[0.5], parameters={"k": 3.0}, kind="map")
    np.testing.assert_allclose(mine.jacobian(0, [[0.5], [2.0]])[:, 0, 0], [3.0, 12.0], rtol=1e-8)


def test_parameters_are_changed_and_derivatives_follow():
    mine = own("lorenz").with_parameters(rho=14.0)
    assert mine.parameters["rho"] == 14.0
    expected = system("lorenz", rho=14.0)
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(mine.jacobian(0, x), expected.jacobian(0, x), rtol=1e-13)
    np.testing.assert_array_equal(mine.rhs(0, x), expected.rhs(0, x))
    forced = system("duffing").with_parameters(omega=2.5)
    assert (forced.forcing, forced.dt) == (system("duffing", omega=2.5).forcing, forced.dt)
    assert forced.forcing / forced.dt == pytest.approx(round(forced.forcing / forced.dt), abs=1e-9)
    with pytest.raises(ValueError, match="tau: not a parameter of my lorenz, expected sigma or"):
        mine.with_parameters(tau=1.0)


def test_families_of_ones_own_systems():
    family = own("logistic").with_parameters(r=[2.0, 3.2])
    expected = system("logistic", r=[2.0, 3.2])
    start = np.full((2, 1), 0.3)
    np.testing.assert_array_equal(
        ensemble(family, start, 100).points, ensemble(expected, start, 100).points
    )


def flat(t, state, *, a=1.0):
    return (a * state[0],)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "wave"}, "kind: got 'wave', expected 'flow' or 'map'"),
        ({"initial": [1.0, 2.0]}, "initial: got 2 coordinates, expected as many as the equations"),
        ({"initial": 1.0}, "initial: got 1.0, expected real numbers"),
        ({"initial": [np.nan]}, "initial: got values that are not finite"),
        ({"variables": ("x", "y")}, "initial: got 1 coordinates"),
        ({"parameters": {"a": np.inf}}, "a: got inf, expected a finite number"),
        ({"dt": 0}, "dt: got 0, expected more than 0"),
        ({"transient": -1}, "transient: got -1, expected at least 0"),
        ({"frequency": "omega"}, "omega: got None, expected one positive number"),
    ],
)
def test_a_system_that_is_none_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        System(**{"name": "flat", "equations": flat, "initial": [1.0]} | arguments)
