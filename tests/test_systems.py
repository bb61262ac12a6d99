"""Flows and maps: derivatives against those by hand, one's own systems beside the catalogue's."""

import numpy as np
import pytest

from mflib.dynamics import equations
from mflib.dynamics.attractors import classify
from mflib.dynamics.fixed_points import fixed_points
from mflib.dynamics.lyapunov import spectrum
from mflib.dynamics.systems import System, names, reference_values, system
from mflib.dynamics.trajectories import ensemble, trajectory

LORENZ = system("lorenz")
FLOWS, MAPS = names("flow"), names("map")


def on_attractor(s, steps=400):
    return trajectory(s, steps, transient=s.transient)


BY_HAND = {
    "lorenz": lambda x, y, z, sigma, rho, beta: [
        (-sigma, sigma, 0),
        (rho - z, -1, -x),
        (y, x, -beta),
    ],
    "rossler": lambda x, y, z, a, b, c: [(0, -1, -1), (1, a, 0), (z, 0, x - c)],
    "halvorsen": lambda x, y, z, a: [
        (-a, -4 - 2 * y, -4),
        (-4, -a, -4 - 2 * z),
        (-4 - 2 * x, -4, -a),
    ],
    "chua": lambda x, y, z, alpha, beta, m0, m1: [
        (-alpha * (1 + m1 + (m0 - m1) * (abs(x) < 1)), alpha, 0),
        (1, -1, 1),
        (0, -beta, 0),
    ],
    "thomas": lambda x, y, z, b: [(-b, np.cos(y), 0), (0, -b, np.cos(z)), (np.cos(x), 0, -b)],
    "sprott_b": lambda x, y, z: [(0, z, y), (1, -1, 0), (-y, -x, 0)],
    "chen": lambda x, y, z, a, b, c: [(-a, a, 0), (c - a - z, c, -x), (y, x, -b)],
    "aizawa": lambda x, y, z, a, b, c, d, e, f: [
        (z - b, -d, x),
        (d, z - b, y),
        (
            -2 * x * (1 + e * z) + 3 * f * z * x * x,
            -2 * y * (1 + e * z),
            a - z * z - e * (x * x + y * y) + f * x * x * x,
        ),
    ],
    "lorenz84": lambda x, y, z, a, b, F, G: [
        (-a, -2 * y, -2 * z),
        (y - b * z, x - 1, -b * x),
        (b * y + z, b * x, x - 1),
    ],
    "burke_shaw": lambda x, y, z, s, v: [(-s, -s, 0), (-s * z, -1, -s * x), (s * y, s * x, 0)],
    "rucklidge": lambda x, y, z, kappa, a: [(-kappa, a - z, -y), (1, 0, 0), (0, 2 * y, -1)],
    "leipnik_newton": lambda x, y, z, a, b: [
        (-a, 1 + 10 * z, 10 * y),
        (5 * z - 1, -a, 5 * x),
        (-5 * y, -5 * x, b),
    ],
    "rikitake": lambda x, y, z, mu, a: [(-mu, z, y), (z - a, -mu, x), (-y, -x, 0)],
    "moore_spiegel": lambda x, y, z, T, R: [
        (0, 1, 0),
        (0, 0, 1),
        (-T - 2 * R * x * y, R - T - R * x * x, -1),
    ],
    "finance": lambda x, y, z, a, b, c: [(y - a, x, 1), (-2 * x, -b, 0), (-1, 0, -c)],
    "qi_chen": lambda x, y, z, a, b, c: [(-a, a + z, y), (c - z, -1, -x), (y, x, -b)],
    "chen_lee": lambda x, y, z, a, b, c: [(a, -z, -y), (z, b, x), (y / 3, x / 3, c)],
    "anishchenko_astakhov": lambda x, y, z, m, g: [
        (m - z, 1, -x),
        (-1, 0, 0),
        (2 * g * x * (x > 0), 0, -g),
    ],
    "windmi": lambda x, y, z, a, b: [(0, 1, 0), (0, 0, 1), (-np.exp(x), -1, -a)],
    "colpitts": lambda x, y, z, a, b, c, d, e: [
        (0, 1, a * (z < e - 1)),
        (-1, -b, -1),
        (0, 1, -d),
    ],
    "abooee": lambda x, y, z, a, b, c, d, h, k: [
        (-a, a + b * z * z, 2 * b * y * z),
        (c - d * z * z, 0, -2 * d * x * z),
        (-2 * k * x, 0, -h),
    ],
    "sprott_tanh": lambda x, y, z, a: [
        (0, 1, 0),
        (0, 0, 1),
        (2 / np.cosh(x) ** 2 - 1, -1, -a),
    ],
    "sprott_max": lambda x, y, z, a, b, c: [(0, 1, 0), (0, 0, 1), (-b * (x > 0), -1, -a)],
    "tigan": lambda x, y, z, a, b, c: [(-a, a, 0), (c - a - a * z, 0, -a * x), (y, x, -b)],
    "blasius": lambda x, y, z, a, b, c, alpha1, alpha2, k1, z0: food_chain(
        x, y, z, alpha1, k1, alpha2, 0, basal=0, top=-c * z0 / np.exp(z)
    ),
    "hastings_powell": lambda x, y, z, a1, b1, a2, b2, d1, d2: food_chain(
        x, y, z, a1, b1, a2, b2, basal=-np.exp(x), top=0
    ),
    "muthuswamy_chua": lambda x, y, z, alpha, beta, L: [
        (0, 1, 0),
        (-1 / L, -beta * (z * z - 1) / L, -2 * beta * y * z / L),
        (0, z - 1, y - alpha),
    ],
    "cellular": lambda x, y, z, p1, p2, p3, r, s: network(
        [[p1, -s, -s], [-s, p2, -r], [-s, r, p3]], [abs(q) < 1 for q in (x, y, z)]
    ),
    "hopfield": lambda x, y, z, a: network(
        [[2, -1.2, 0], [a, 1.71, 1.15], [-4.75, 0, 1.1]], np.cosh([x, y, z]) ** -2
    ),
    "beer": lambda x, y, z, tau: network(
        [[5.422, -0.018, 2.75], [-0.24, 4.59, 1.21], [0.535, -2.25, 3.885]],
        np.cosh(np.subtract([x, y, z], [4.108, 2.787, 1.114]) / 2) ** -2 / 4,
        [1, tau, 1],
    ),
    "sprott_e": lambda x, y, z, a: [(0, z, y), (2 * x, -1, 0), (-a, 0, 0)],
    "sprott_g": lambda x, y, z, a: [(a, 0, 1), (z, -1, x), (-1, 1, 0)],
    "van_der_pol": lambda x, v, mu: [(0, 1), (-2 * mu * x * v - 1, mu * (1 - x * x))],
    "hopf": lambda x, y, mu, omega: planar(x, y, omega, mu - x * x - y * y, -1),
    "subcritical_hopf": lambda x, y, mu, omega: planar(
        x, y, omega, mu + x * x + y * y - (x * x + y * y) ** 2, 1 - 2 * (x * x + y * y)
    ),
    "nested_cycles": lambda x, y, epsilon, omega: planar(
        x,
        y,
        omega,
        epsilon * (1 - x * x - y * y) * (4 - x * x - y * y) * (9 - x * x - y * y),
        epsilon * (-49 + 28 * (x * x + y * y) - 3 * (x * x + y * y) ** 2),
    ),
    "double_well": lambda x, v, delta, alpha, beta: [(0, 1), (-alpha - 3 * beta * x * x, -delta)],
    "duffing": lambda x, v, delta, alpha, beta, gamma, omega: [
        (0, 1),
        (-alpha - 3 * beta * x * x, -delta),
    ],
    "logistic": lambda x, r: [(r * (1 - 2 * x),)],
    "henon": lambda x, y, a, b: [(-2 * a * x, 1), (b, 0)],
}


def planar(x, y, omega, g, slope):
    """Of g x - omega y, g y + omega x, where g has this slope in the radius' square."""
    return [
        (g + 2 * slope * x * x, 2 * slope * x * y - omega),
        (2 * slope * x * y + omega, g + 2 * slope * y * y),
    ]


def network(weights, slopes, time=1):
    """Of leaky units that sum the outputs of all, which have these slopes."""
    return ((np.array(weights) * slopes - np.eye(3)).T / time).T


def food_chain(x, y, z, a1, b1, a2, b2, *, basal, top):
    """Of two species, each eaten by the next, in logarithms of numbers."""
    x, y, z = np.exp([x, y, z])
    first, second = 1 + b1 * x, 1 + b2 * y
    return [
        (basal + a1 * b1 * x * y / first**2, -a1 * y / first, 0),
        (a1 * x / first**2, a2 * b2 * y * z / second**2, -a2 * z / second),
        (0, a2 * y / second**2, top),
    ]


@pytest.mark.parametrize("name", names())
def test_jacobian_is_the_derivative(name):
    s = system(name)
    x = on_attractor(s)[::40] + np.random.default_rng(0).normal(0, 0.1, (10, s.dim))
    by_hand = np.array([BY_HAND[name](*point, **s.parameters) for point in x], dtype=float)
    scale = 1 + np.abs(by_hand).max()
    np.testing.assert_allclose(s.jacobian(0.3, x), by_hand, rtol=1e-12, atol=1e-13 * scale)


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


def test_catalogue_has_what_the_book_names():
    assert len(FLOWS) == 38
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
        (lambda: system("lorenz", rho=np.nan), "rho: got nan, expected finite numbers"),
        (lambda: system("lorenz", rho="a"), "rho: got 'a'"),
        (lambda: system("duffing", omega=0), "omega: got 0.0, expected one positive number"),
    ],
)
def test_unknown_names_and_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_errors():
    with pytest.raises(
        ValueError, match=r"x: got shape \(2,\) of int64, expected real numbers, \(3,\)"
    ):
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
    code = {name for name in vars(equations) if not name.startswith("_")} - {"np"}
    assert code == set(names())


# --- one's own -----------------------------------------------------------------------------


def rotor(t, state, *, a, b, c, d, e):
    """The flow of Dadras and Momeni (2009)."""
    x, y, z = state
    return y - a * x + b * y * z, c * y - x * z + z, d * x * y - e * z


USUAL = {"a": 3.0, "b": 2.7, "c": 1.7, "d": 2.0, "e": 9.0}
OWN = {"name": "dadras", "equations": rotor, "parameters": USUAL, "initial": [1, 1, 0]}
OWN |= {"dt": 0.01, "transient": 50.0}


def test_a_flow_of_ones_own_is_a_system_like_any_other():
    flow = System(**OWN)
    assert (flow.dim, flow.variables, flow.title) == (3, ("x", "y", "z"), "dadras")
    orbit = trajectory(flow, 500, transient=flow.transient)
    end = ensemble(flow, orbit[:5], 10).points[:, 0]
    np.testing.assert_allclose(end, orbit[10:15], atol=1e-4)
    found = spectrum(flow, steps=3000, members=32)
    assert found.identity_error < 1e-3
    assert found.volume_growth_rate == pytest.approx(1.7 - 3 - 9)
    assert found.exponents[0] > 0.2
    assert classify(trajectory(flow, 6000, 0.02, transient=50), 0.02).kind == "chaos"
    assert len(fixed_points(flow, [[0.1, 0, 0]])) == 1


def test_equations_that_take_no_complex_numbers_are_differenced():
    def kink(t, state):
        x, y, z = state  # abs of a complex number has another derivative
        return 15.6 * (y - x + (abs(x + 1) - abs(x - 1)) / 7), x - y + z, -28 * y

    x = np.random.default_rng(0).normal(size=(50, 3))
    slopes = [-15.6 * (1 - 2 / 7 * (abs(x[:, 0]) < 1)), 15.6, 0, 1, -1, 1, 0, -28, 0]
    exact = np.stack(np.broadcast_arrays(*slopes), axis=-1).reshape(50, 3, 3)
    own = System("own", kink, [0.7, 0, 0])
    np.testing.assert_allclose(own.jacobian(0, x), exact, atol=1e-8)

    def kinked(t, state, *, a):
        (x,) = state
        return (np.maximum(np.where(np.real(x) > 0, x, -x), a) if np.isrealobj(x) else 1 / None,)

    piecewise = System("piecewise", kinked, [2.0], {"a": 0.1})
    np.testing.assert_allclose(piecewise.jacobian(0, [[2.0], [-2.0]]).ravel(), [1, -1], atol=1e-9)


def test_a_map_of_ones_own():
    def tent(n, state, *, s):
        (x,) = state
        return (np.where(np.real(x) < 0.5, s * x, s * (1 - x)),)

    own = System("tent", tent, [0.3], {"s": 1.9}, transient=100, kind="map")
    assert spectrum(own, steps=300).exponents[0] == pytest.approx(np.log(1.9), rel=1e-9)
    family = own.with_parameters(s=[1.2, 1.5])
    orbits = ensemble(family, [[0.3], [0.3]], 3).points[:, 0, 0]
    np.testing.assert_allclose(orbits[1], trajectory(own.with_parameters(s=1.5), 4)[-1])


def test_constants_among_the_components_and_many_variables():
    def clock(t, state):
        return state[1], -state[0], 0 * state[2], 1.0

    own = System("clock", clock, [1, 0, 0, 0], dt=0.1, transient=0)
    assert own.variables == ("x1", "x2", "x3", "x4")
    run = ensemble(own, [[1, 0, 0, 0], [2, 0, 0, 0]], 10).points[:, 0]
    np.testing.assert_allclose(run[:, 3], 1.0)
    np.testing.assert_allclose(trajectory(own, 11)[-1], run[0], atol=1e-6)
    found = spectrum(own, steps=50, members=4)
    np.testing.assert_allclose([*found.exponents, found.volume_growth_rate], 0, atol=1e-6)


def test_a_forcing_says_its_frequency():
    def driven(t, state, *, omega):
        x, v = state
        return v, -x - 0.2 * v + np.cos(omega * t)

    arguments = ("driven", driven, [0, 0], {"omega": 2.0})
    with pytest.raises(ValueError, match="frequency: got None, but the equations depend on time"):
        System(*arguments)
    own = System(*arguments, dt=np.pi / 50, frequency="omega")
    assert own.forcing == pytest.approx(np.pi)
    faster = own.with_parameters(omega=4.0)
    assert (faster.forcing, faster.dt) == (pytest.approx(np.pi / 2), pytest.approx(np.pi / 100))


def test_parameters_change_in_one_way():
    flow = system("lorenz").with_parameters(rho=24.4)
    np.testing.assert_array_equal(trajectory(flow, 9), trajectory(system("lorenz", rho=24.4), 9))
    assert system("lorenz").parameters["rho"] == 28


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "flows"}, "kind: got 'flows', expected 'flow' or 'map'"),
        ({"initial": [1, 1]}, "equations: got ValueError.*not enough values to unpack"),
        ({"initial": [1, 1, np.nan]}, "initial: got values that are not finite"),
        ({"initial": ["1", "1", "1"]}, "initial: got shape .* of <U1"),
        ({"parameters": {}}, "equations: got TypeError.*missing 5 required"),
        ({"parameters": USUAL | {"a": "3"}}, "a: got '3', expected a real number"),
        ({"dt": 0}, "dt: got 0, expected more than 0"),
        ({"transient": -1}, "transient: got -1, expected at least 0"),
        ({"frequency": "omega"}, "omega: got None, expected one positive number"),
        ({"equations": None}, "equations: got TypeError"),
        (
            {"equations": lambda t, state, **_: state[:2]},
            "initial: got 3 coordinates, expected as many",
        ),
    ],
)
def test_what_makes_no_system_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        System(**OWN | change)
