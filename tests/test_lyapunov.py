"""Exponents against exact values, identities and reference values."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.dynamics.bifurcations import superstable
from mflib.dynamics.limit_cycles import find_limit_cycle
from mflib.dynamics.lyapunov import (
    benettin_spectrum,
    kaplan_yorke,
    rosenstein_exponent,
    spectrum,
)
from mflib.dynamics.systems import names, reference_values, system
from mflib.dynamics.trajectories import trajectory
from mflib.modelling.closed_loop import free_run, jacobian
from mflib.modelling.exponents import network_spectrum
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Memoryless, Network, cast, replace
from mflib.networks.reservoirs import (
    ContinuousReservoir,
    LeakyReservoir,
    random_weights,
)

STEPS = 100_000


# The usual Thomas needs a hundred times longer; others of these are for the book's table.
LEFT_OUT = [("thomas", {}), ("lorenz", {"beta": 2.667}), ("halvorsen", {"a": 1.3})]
LEFT_OUT += [("rossler", {"a": 0.1, "b": 0.1, "c": 14.0}), ("logistic", {"r": 3.7})]
CASES = [
    pytest.param(name, reference, id=f"{name} {reference['parameters']} {reference['initial']}")
    for name in names()
    for reference in reference_values(name)
    if "exponents" in reference and (name, reference["parameters"]) not in LEFT_OUT
]


@pytest.mark.parametrize(("name", "reference"), CASES)
def test_reference_values_within_error_bars_and_the_identity(name, reference):
    s = system(name, **reference["parameters"])
    steps = STEPS * (2 if name in ("chua", "thomas") else 1)  # they mix slowly
    wait = min(s.transient, 150)
    found = spectrum(s, steps=steps, initial=reference["initial"], members=32, transient=wait)
    assert found.identity_error < 1e-3
    half = np.diff(found.intervals)[:, 0] / 2
    # twice the 95 % interval, because there are a hundred; and the last digit of the reference
    error = np.abs(found.exponents - reference["exponents"])
    assert np.all(error <= 2 * half + 1e-3 + 0.003 * np.abs(reference["exponents"])), found


@pytest.mark.parametrize("name", ["chen", "aizawa"])
def test_identity_of_systems_without_reference(name):
    found = spectrum(system(name), steps=STEPS, members=64)
    assert found.identity_error < 1e-3
    assert found.exponents[0] > 0.05
    if name == "chen":
        assert found.volume == pytest.approx(-10, abs=1e-9)


def test_lorenz_to_one_per_cent():
    found = spectrum(system("lorenz"))
    assert found.exponents[0] == pytest.approx(0.9056, rel=0.01)
    assert found.exponents[2] == pytest.approx(-14.572, rel=0.001)
    assert abs(found.exponents[1]) < 0.005
    assert found.volume == pytest.approx(-41 / 3, abs=1e-9)
    assert found.identity_error < 1e-4
    assert found.dimension == pytest.approx(2.062, abs=0.001)
    assert found.intervals[0, 0] < 0.9056 < found.intervals[0, 1]
    assert found.time == pytest.approx(10_000, rel=0.02)


def test_exact_exponents():
    logistic = spectrum(system("logistic"), steps=STEPS)
    assert logistic.exponents[0] == pytest.approx(np.log(2), abs=1e-3)
    henon = spectrum(system("henon"), steps=STEPS)
    assert henon.exponents.sum() == pytest.approx(np.log(0.3), rel=1e-10)
    assert henon.dimension == pytest.approx(1.258, abs=0.005)
    cycles = spectrum(system("hopf", mu=0.5), steps=20_000)
    np.testing.assert_allclose(cycles.exponents, [0, -1], atol=1e-3)
    assert cycles.dimension == pytest.approx(1, abs=1e-3)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Stretching that is random and remembers itself over some ten segments, of mean 0.3."""

    def found(seed):
        rng = np.random.default_rng(seed)

        def advance(state, frame):
            state = 0.8 * state + 0.6 * rng.normal(size=state.shape)
            return state, frame * np.exp(0.3 + state)[:, :, None], None

        low, high = benettin_spectrum(advance, rng.normal(size=(8, 1)), segments=400).intervals[0]
        return low < 0.3 < high

    assert 0.88 <= np.mean([found(seed) for seed in range(200)]) <= 0.99


def test_the_phase_of_a_forcing_counts_in_the_dimension():
    found = spectrum(system("duffing"), steps=STEPS)
    assert found.forced
    assert found.dimension == pytest.approx(2.387, abs=0.03)


def test_fewer_exponents():
    s = system("lorenz")
    found = spectrum(s, steps=STEPS, count=1)
    assert found.exponents.shape == (1,)
    assert found.exponents[0] == pytest.approx(0.9056, abs=0.03)
    assert not found.complete
    with pytest.raises(ValueError, match="spectrum: got 1 exponents, expected 3"):
        _ = found.identity_error


def test_a_family_lists_its_exponents():
    r = np.array([3.2, 3.83, 4.0])
    found = spectrum(system("logistic", r=r), steps=30_000)
    np.testing.assert_allclose(
        found.members[:, 0], [np.log(0.16) / 2, -0.3697, np.log(2)], atol=0.01
    )


def test_same_seed_same_spectrum():
    once, twice = (spectrum(system("henon"), steps=20_000, seed=3) for _ in range(2))
    np.testing.assert_array_equal(once.exponents, twice.exponents)
    np.testing.assert_array_equal(once.intervals, twice.intervals)


def test_segments_of_several_steps_change_nothing():
    s = system("lorenz")
    each, tenth = (spectrum(s, steps=50_000, members=16, segment=m) for m in (1, 10))
    np.testing.assert_allclose(each.exponents, tenth.exponents, atol=0.02)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.1, 3.0), min_size=2, max_size=5), st.integers(0, 1000))
def test_a_linear_map_has_its_moduli(moduli, seed):
    """Any matrix with these eigenvalues, as the Jacobian of a closed loop would be handed over."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(len(moduli),) * 2))[0]
    matrix = basis @ (np.diag(moduli) + np.triu(rng.normal(size=basis.shape), 1) * 0.3) @ basis.T
    volume = np.log(np.prod(moduli))

    def advance(state, frame):
        return state, matrix @ frame, np.full(len(state), volume)

    found = benettin_spectrum(advance, np.zeros((2, len(moduli))), segments=2000, time=0.5)
    # exponents of the same size mix for long, their sum does not
    np.testing.assert_allclose(np.sort(found.exponents), np.sort(np.log(moduli)) / 0.5, atol=0.05)
    assert found.exponents.sum() == pytest.approx(volume / 0.5, abs=1e-8)
    assert found.volume == pytest.approx(volume / 0.5)


def test_volume_may_be_unknown():
    found = benettin_spectrum(lambda s, f: (s, 2 * f, None), np.zeros((1, 2)), segments=10)
    assert np.isnan(found.volume)
    np.testing.assert_allclose(found.exponents, np.log(2))


def test_a_collapsed_direction_is_minus_infinity():
    found = benettin_spectrum(
        lambda s, f: (s, f * [[1.0], [0.0]], None), np.zeros((1, 2)), segments=10
    )
    assert found.exponents[0] == pytest.approx(0)
    assert found.exponents[1] == -np.inf


@pytest.mark.parametrize(
    ("exponents", "dimension"),
    [
        ([0.9056, 0, -14.572], 2 + 0.9056 / 14.572),
        ([0.9056, -1e-5, -14.572], 2 + 0.90559 / 14.572),
        ([0.4193, -1.6233], 1 + 0.4193 / 1.6233),
        ([0, -2], 1),
        ([0, 0, -1], 2),
        ([-0.1, -0.2], 0),
        ([0.5, 0.2], 2),
        ([0.7], 1),
    ],
)
def test_kaplan_yorke(exponents, dimension):
    assert kaplan_yorke(exponents) == pytest.approx(dimension)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6), st.floats(0.1, 10))
def test_kaplan_yorke_knows_no_units(exponents, factor):
    exponents = np.sort(exponents)[::-1]
    assert 0 <= kaplan_yorke(exponents) <= len(exponents)
    if np.abs(np.cumsum(exponents)).min() > 1e-2:  # away from the tolerance
        assert kaplan_yorke(exponents * factor) == pytest.approx(kaplan_yorke(exponents))


@pytest.mark.parametrize(
    "reference", reference_values("van_der_pol"), ids=lambda r: f"{r['parameters']}"
)
def test_van_der_pol(reference):
    found = find_limit_cycle(system("van_der_pol", **reference["parameters"]))
    assert found.period == pytest.approx(reference["period"], abs=1e-6)
    assert found.amplitude == pytest.approx(reference["amplitude"], abs=1e-6)
    assert found.exponents[1] == pytest.approx(reference["floquet"], rel=3e-5)
    if found.exponents[1] * found.period > -10:  # else the multiplier is lost in rounding
        multiplier = np.exp(found.exponents[1] * found.period)
        assert found.multipliers[1].real == pytest.approx(multiplier, abs=1e-9)


def test_exact_cycles():
    for name in ("hopf", "subcritical_hopf", "nested_cycles"):
        for reference in reference_values(name):
            found = find_limit_cycle(system(name), initial=reference["initial"])
            assert found.period == pytest.approx(reference["period"], abs=1e-9)
            assert found.amplitude == pytest.approx(reference["amplitude"], abs=1e-9)
            assert found.exponents[1] == pytest.approx(reference["floquet"], abs=1e-8)
    fast = find_limit_cycle(system("hopf", mu=0.25, omega=-7.0))
    assert fast.period == pytest.approx(2 * np.pi / 7, abs=1e-10)


def test_cycle_in_space():
    """Exponents from the monodromy matrix agree with those by tangent propagation."""
    found = find_limit_cycle(system("thomas", b=0.1665))
    np.testing.assert_allclose(found.exponents, [0, -0.1527, -0.3468], atol=1e-4)
    assert found.exponents.sum() == pytest.approx(-3 * 0.1665, abs=1e-8)


def test_superstable():
    parameters, ratios = superstable(12)
    known = [2, 3.2360680, 3.4985617, 3.5546409, 3.5666674, 3.5692435]
    np.testing.assert_allclose(parameters[:6], known, atol=6e-8)
    np.testing.assert_allclose(
        ratios[:6], [4.7089, 4.6808, 4.6630, 4.6684, 4.66895, 4.66916], atol=6e-5
    )
    assert ratios[-1] == pytest.approx(4.6692016, abs=1e-6)
    assert np.all(np.diff(parameters) > 0)
    assert parameters[-1] < 3.569945671870945


@pytest.mark.parametrize(
    ("name", "every", "low", "high"),
    [("lorenz", 2, 0.7, 1.1), ("halvorsen", 4, 0.6, 1.0), ("sprott_b", 4, 0.15, 0.26)],
)
def test_series(name, every, low, high):
    s = system(name)
    x = trajectory(s, 8000, every * s.dt, transient=s.transient, rtol=1e-8)
    assert low < rosenstein_exponent(x, every * s.dt) < high


def test_series_of_an_orderly_orbit():
    t = 0.05 * np.arange(4000)
    circle = np.stack([np.cos(t), np.sin(t)], axis=-1)
    assert rosenstein_exponent(circle, 0.05) < 0.05


# --- networks ------------------------------------------------------------------------------


class Henon(Network):
    """Hénon's map as a network that remembers two outputs."""

    a: tf.Tensor
    b: tf.Tensor

    inputs = property(lambda self: 1)
    outputs = property(lambda self: 1)
    state_dim = property(lambda self: 2)
    dtype = property(lambda self: self.a.dtype)

    def step(self, state, u):
        return tf.concat([u, state[:, :1]], axis=1)

    def readout(self, state):
        return 1 - self.a * state[:, :1] ** 2 + self.b * state[:, 1:]


class Linear(Network):
    """s' = s A + u B, y = s C."""

    a: tf.Tensor
    b: tf.Tensor
    c: tf.Tensor

    inputs = property(lambda self: self.b.shape[0])
    outputs = property(lambda self: self.c.shape[1])
    state_dim = property(lambda self: self.a.shape[0])
    dtype = property(lambda self: self.a.dtype)

    def step(self, state, u):
        return state @ self.a + u @ self.b

    def readout(self, state):
        return state @ self.c


A = np.array([[0.9, 0.4, -0.3], [0.0, -0.5, 0.2], [0.0, 0.0, 0.1]])
LINEAR = Linear(*(tf.constant(m) for m in (A, np.eye(3), -0.5 * A)))


def reservoir_weights():
    weights = random_weights(20, 2, radius=2.0, strength=0.5, density=0.5, dtype="float64")
    kernel = np.random.default_rng(5).normal(size=(40, 2))
    return weights | {"readout_kernel": tf.constant(kernel)}


def lively(kind, **options):
    """A network whose closed loop moves, but contracts nothing beyond a number's 16 digits."""
    made, rng = kind.create(2, 10, dtype="float64", **options), np.random.default_rng(2)
    weights = made.weights()
    scales = dict.fromkeys(weights, 1.0 if kind is LSTM else 0.5) | {"peepholes": 0.5}
    drawn = {name: scales[name] * rng.normal(size=w.shape) for name, w in weights.items()}
    return kind(**{name: tf.constant(weight) for name, weight in drawn.items()})


NETWORKS = {
    "LSTM": lambda: lively(LSTM),
    "peephole LSTM": lambda: lively(LSTM, peepholes=True),
    "Elman": lambda: lively(Elman),
    "continuous reservoir": lambda: ContinuousReservoir(**reservoir_weights(), gamma=5.0, dt=0.05),
    "leaky reservoir": lambda: LeakyReservoir(
        **reservoir_weights(), bias=tf.zeros(20, tf.float64), leak=0.4
    ),
}


def on_loop(network, members=2, seed=3):
    start = 0.3 * np.random.default_rng(seed).normal(size=(members, network.state_dim))
    return free_run(network, start, 200).state.numpy()


def test_henon_as_a_closed_loop():
    network = Henon(tf.constant(1.4, tf.float64), tf.constant(0.3, tf.float64))
    start = np.random.default_rng(0).uniform(-0.1, 0.1, (8, 2))
    start = free_run(network, start, 100).state
    found = network_spectrum(network, start, steps=10_000)
    np.testing.assert_allclose(found.exponents, [0.4193, -1.6233], atol=0.006)
    assert found.intervals[0, 0] - 0.002 < 0.4193 < found.intervals[0, 1] + 0.002
    assert found.exponents.sum() == pytest.approx(np.log(0.3), rel=1e-12)
    assert found.volume == pytest.approx(np.log(0.3), rel=1e-12)
    assert found.dimension == pytest.approx(1.258, abs=0.004)
    assert found.time == 80_000


@pytest.mark.parametrize("segment", [1, 3])
def test_a_driven_linear_network_has_the_moduli_of_its_eigenvalues(segment):
    """Whatever it hears. The frame turns to its directions like 0.2 to the power of time."""
    inputs = np.random.default_rng(0).normal(size=(2, 600, 3))
    found = network_spectrum(
        LINEAR, np.zeros((2, 3)), inputs=inputs, dt=0.5, segment=segment, discard=100
    )
    exact = np.log([0.9, 0.5, 0.1])
    np.testing.assert_allclose(found.exponents, exact / 0.5, atol=1e-9)
    assert found.volume == pytest.approx(exact.sum() / 0.5, rel=1e-12)
    assert found.time == 2 * 0.5 * ((600 // segment) * segment - -(-100 // segment) * segment)


def test_a_closed_linear_network():
    """Closing the loop halves A."""
    found = network_spectrum(LINEAR, np.ones((1, 3)), steps=300, discard=100)
    np.testing.assert_allclose(found.exponents, np.log([0.45, 0.25, 0.05]), atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("driven", [False, True])
def test_the_same_as_with_jacobians(name, driven):
    """The same first frame, so the same numbers; and volumes by way of them, to 1e-9."""
    network = NETWORKS[name]()
    start, steps, discard = on_loop(network), 60, 10
    inputs = np.random.default_rng(4).normal(size=(2, steps + discard, 2))
    taken = 0

    def advance(state, frame):
        nonlocal taken
        u = inputs[:, taken] if driven else None
        taken += 1
        matrices = jacobian(network, state, u).numpy()
        state = network.step(state, u) if driven else network.closed_step(state)
        return state.numpy(), matrices @ frame, np.linalg.slogdet(matrices)[1]

    slow = benettin_spectrum(advance, start, segments=steps, discard=discard, seed=7)
    options = {"inputs": inputs} if driven else {"steps": steps}
    fast = network_spectrum(network, start, discard=discard, seed=7, **options)
    np.testing.assert_allclose(fast.members, slow.members, atol=1e-6)
    np.testing.assert_allclose(fast.intervals, slow.intervals, atol=1e-6)
    assert fast.volume == pytest.approx(slow.volume, rel=1e-9)
    assert fast.identity_error < 1e-9
    leading = network_spectrum(network, start, discard=discard, seed=8, count=3, **options)
    assert leading.exponents.shape == (3,)
    assert not leading.complete
    assert np.isnan(leading.volume)


def test_a_network_in_single_precision_is_run_in_double():
    single = cast(lively(LSTM), "float32")
    inputs = np.random.default_rng(4).normal(size=(2, 100, 2))
    found, double = (
        network_spectrum(network, np.zeros((2, 20)), inputs=inputs)
        for network in (single, cast(single, "float64"))
    )
    np.testing.assert_array_equal(found.exponents, double.exponents)
    assert found.identity_error < 1e-9


def test_members_are_averaged():
    network = lively(Elman)
    found = network_spectrum(network, on_loop(network, 3), steps=400, count=2, dt=0.1)
    assert found.members.shape == (3, 2)
    np.testing.assert_allclose(found.members.mean(axis=0), found.exponents)
    assert found.time == pytest.approx(3 * 400 * 0.1)
    assert np.all(found.intervals[:, 0] < found.exponents)
    assert np.all(found.exponents < found.intervals[:, 1])


def test_a_network_without_memory_forgets_at_once():
    network = Memoryless(lively(LSTM))
    inputs = np.ones((1, 50, 2))
    found = network_spectrum(network, np.zeros((1, 20)), inputs=inputs, count=2)
    np.testing.assert_array_equal(found.exponents, [-np.inf, -np.inf])


def array(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kaplan_yorke([]), "exponents: got"),
        (lambda: kaplan_yorke([1, np.nan]), "expected a list of finite numbers"),
        (lambda: kaplan_yorke([-1, 1]), "expected falling order"),
        (lambda: kaplan_yorke([1, -1], tolerance=-1), "tolerance: got -1"),
        (lambda: benettin_spectrum(None, array(3), segments=9), r"state: got shape \(3,\)"),
        (lambda: benettin_spectrum(None, array(1, 3), segments=0), "segments: got 0"),
        (lambda: benettin_spectrum(None, array(1, 3), segments=9, discard=-1), "discard: got -1"),
        (
            lambda: benettin_spectrum(None, array(1, 3), segments=9, count=4),
            "count: got 4, expected at",
        ),
        (lambda: benettin_spectrum(None, array(1, 3), segments=9, time=0), "time: got 0, expected"),
        (
            lambda: benettin_spectrum(lambda s, f: (s + np.inf, f, None), array(1, 2), segments=9),
            "state: got one whose orbit left all bounds after 1 units of time",
        ),
        (lambda: spectrum(system("lorenz"), initial=[1, 2]), r"initial: got shape \(2,\)"),
        (lambda: spectrum(system("lorenz"), initial=[1, 2, np.nan]), "initial: got values that"),
        (lambda: spectrum(system("henon"), initial=[2, 2]), "initial: got .* escapes"),
        (lambda: spectrum(system("logistic", r=[3.0, 5.0])), "left all bounds after"),
        (lambda: spectrum(system("lorenz"), transient=-1), "transient: got -1"),
        (lambda: spectrum(system("lorenz"), members=0), "members: got 0"),
        (lambda: spectrum(system("lorenz"), dt=0), "dt: got 0"),
        (lambda: spectrum(system("lorenz"), segment=0), "segment: got 0"),
        (lambda: network_spectrum(LINEAR, array(3), steps=9), r"state: got shape \(3,\), expected"),
        (lambda: network_spectrum(LINEAR, array(1, 2), steps=9), r"expected \(members, 3\)"),
        (lambda: network_spectrum(LINEAR, array(1, 3)), "steps: got None"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=0), "steps: got 0"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=9, count=4), "count: got 4, expected"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=9, dt=-1), "dt: got -1"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=9, segment=0), "segment: got 0"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=9, discard=-1), "discard: got -1"),
        (
            lambda: network_spectrum(LINEAR, array(1, 3), steps=9, inputs=array(1, 9, 3)),
            "steps: got 9 beside inputs",
        ),
        (
            lambda: network_spectrum(LINEAR, array(1, 3), inputs=array(1, 9, 3), discard=9),
            "inputs: got 9 steps, expected more than 9",
        ),
        (
            lambda: network_spectrum(LINEAR, array(1, 3), inputs=array(9, 3)),
            r"inputs: got shape \(9, 3\)",
        ),
        (
            lambda: network_spectrum(LINEAR, array(1, 3), inputs=array(2, 9, 3)),
            r"state: got shape \(1, 3\), expected \(2, 3\)",
        ),
        (
            lambda: network_spectrum(LSTM.create(3, 4, 2), array(1, 8), steps=9),
            "network: got 3 inputs and 2 outputs",
        ),
        (
            lambda: network_spectrum(replace(LINEAR, a=LINEAR.a * 100), np.ones((1, 3)), steps=400),
            "state: got one whose orbit left all bounds after 158 units of time",
        ),
        (
            lambda: find_limit_cycle(system("lorenz")),
            "lorenz comes back to no point within 50 units",
        ),
        (
            lambda: find_limit_cycle(system("rossler")),
            "expected a limit cycle; the orbit is chaotic",
        ),
        (lambda: find_limit_cycle(system("double_well")), "double_well ends on a fixed point"),
        (
            lambda: find_limit_cycle(system("duffing")),
            "system: got duffing, expected a flow without forcing",
        ),
        (lambda: find_limit_cycle(system("henon")), "system: got henon, expected a flow"),
        (lambda: find_limit_cycle(system("hopf"), longest=0), "longest: got 0"),
        (
            lambda: find_limit_cycle(system("hopf"), longest=3),
            "comes back to no point within 3 units",
        ),
        (lambda: superstable(2), "count: got 2, expected from 3 to 12"),
        (lambda: rosenstein_exponent(array(10, 2), 0.1), r"points: got shape \(10, 2\)"),
        (lambda: rosenstein_exponent(array(300, 2), 0), "dt: got 0"),
        (lambda: rosenstein_exponent(array(300, 2), 0.1, horizon=20), "horizon: got 20"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
