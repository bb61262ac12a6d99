"""Lyapunov exponents of networks against exact values, and against a product of Jacobians."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.dynamics.lyapunov import benettin_spectrum
from mflib.modelling.closed_loop import free_run, jacobian
from mflib.modelling.exponents import network_spectrum
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Memoryless, Network, cast, replace
from mflib.networks.reservoirs import ContinuousReservoir, LeakyReservoir, random_weights


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
    assert found.volume_growth_rate == pytest.approx(np.log(0.3), rel=1e-12)
    assert found.dimension == pytest.approx(1.258, abs=0.004)
    assert found.time == 80_000


def test_a_driven_linear_network_has_the_moduli_of_its_eigenvalues():
    """Whatever its input. The frame turns to its directions like 0.2 to the power of time."""
    inputs = np.random.default_rng(0).normal(size=(2, 600, 3))
    found = network_spectrum(LINEAR, np.zeros((2, 3)), inputs=inputs, dt=0.5, discard=100)
    exact = np.log([0.9, 0.5, 0.1])
    np.testing.assert_allclose(found.exponents, exact / 0.5, atol=1e-9)
    assert found.volume_growth_rate == pytest.approx(exact.sum() / 0.5, rel=1e-12)
    assert found.time == 2 * 0.5 * (600 - 100)


def test_a_closed_linear_network():
    """Closing the loop halves A."""
    found = network_spectrum(LINEAR, np.ones((1, 3)), steps=300, discard=100)
    np.testing.assert_allclose(found.exponents, np.log([0.45, 0.25, 0.05]), atol=1e-9)


@pytest.mark.slow
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
    assert fast.volume_growth_rate == pytest.approx(slow.volume_growth_rate, rel=1e-9)
    assert fast.identity_error < 1e-9
    leading = network_spectrum(network, start, discard=discard, seed=8, count=3, **options)
    assert leading.exponents.shape == (3,)
    assert not leading.complete
    assert np.isnan(leading.volume_growth_rate)


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
        (lambda: network_spectrum(LINEAR, array(3), steps=9), r"state: got shape \(3,\)"),
        (lambda: network_spectrum(LINEAR, array(1, 2), steps=9), r"expected.*\(members, 3\)"),
        (lambda: network_spectrum(LINEAR, array(1, 3)), "steps: got None"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=0), "steps: got 0"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=9, count=4), "count: got 4, expected"),
        (lambda: network_spectrum(LINEAR, array(1, 3), steps=9, dt=-1), "dt: got -1"),
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
            r"state: got shape \(1, 3\).*expected.*\(2, 3\)",
        ),
        (
            lambda: network_spectrum(LSTM.create(3, 4, 2), array(1, 8), steps=9),
            "network: got 3 inputs and 2 outputs",
        ),
        (
            lambda: network_spectrum(replace(LINEAR, a=LINEAR.a * 100), np.ones((1, 3)), steps=400),
            "state: got one whose orbit left all bounds after 158 units of time",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
