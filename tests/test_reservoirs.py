"""Reservoirs against transcriptions in NumPy, least squares, and reservoirpy."""

import numpy as np
import pytest
import reservoirpy.nodes
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.modelling.closed_loop import drive, free_run, warm_up
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import replace
from mflib.networks.reservoirs import (
    ContinuousReservoir,
    LeakyReservoir,
    fit_readout,
    random_weights,
)

CIRCLES = [task.trajectory(400, 0.1) / 5 for task in seeing_double(2.0)]


def continuous(units=30, square=True, seed=0, dt=0.01, dtype="float64", **options):
    options = {"radius": 1.4, "strength": 0.2, "density": 0.2} | options
    weights = random_weights(units, 2, square=square, seed=seed, dtype=dtype, **options)
    return ContinuousReservoir(**weights, gamma=5.0, dt=dt)


def leaky(units=40, square=False, seed=0, leak=0.3):
    weights = random_weights(
        units, 2, radius=0.9, strength=0.5, density=0.2, square=square, seed=seed, dtype="float64"
    )
    bias = np.random.default_rng(seed).normal(size=units)
    return LeakyReservoir(**weights, bias=tf.constant(bias), leak=leak)


def with_random_readout(network, seed=1):
    rng = np.random.default_rng(seed)
    return replace(
        network,
        readout_kernel=tf.constant(0.3 * rng.normal(size=network.readout_kernel.shape)),
        readout_bias=tf.constant(0.1 * rng.normal(size=network.readout_bias.shape)),
    )


def runge_kutta(velocity, r, dt):
    k1 = velocity(r)
    k2 = velocity(r + dt * k1 / 2)
    k3 = velocity(r + dt * k2 / 2)
    k4 = velocity(r + dt * k3)
    return r + dt * (k1 + 2 * k2 + 2 * k3 + k4) / 6


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), units=st.integers(10, 40), square=st.booleans())
def test_continuous_reservoir_is_its_equation(seed, units, square):
    net = with_random_readout(continuous(units, square, seed, density=0.5), seed)
    rng = np.random.default_rng(seed)
    r, u = rng.normal(size=(3, units)), rng.normal(size=(3, 2))
    M, W = net.recurrent_kernel.numpy(), net.kernel.numpy()
    V, d = net.readout_kernel.numpy(), net.readout_bias.numpy()

    def q(r):
        return np.concatenate([r, r**2], axis=1) if square else r

    def listening(r):
        return 5 * (-r + np.tanh(r @ M + u @ W))

    def closed(r):
        return 5 * (-r + np.tanh(r @ M + (q(r) @ V + d) @ W))

    np.testing.assert_allclose(net.step(r, u), runge_kutta(listening, r, 0.01), atol=1e-13)
    np.testing.assert_allclose(net.closed_step(r), runge_kutta(closed, r, 0.01), atol=1e-13)
    np.testing.assert_allclose(net.readout(r), q(r) @ V + d, atol=1e-13)


def test_a_held_closed_loop_hears_its_own_outputs_as_it_heard_data():
    net = replace(with_random_readout(continuous()), held=True)
    state = 0.5 * np.random.default_rng(0).normal(size=(2, 30))
    run = free_run(net, state, 50)
    np.testing.assert_allclose(drive(net, run.outputs, state)[:, -1], run.state, atol=1e-12)
    published = free_run(replace(net, held=False), state, 50)
    assert np.abs(published.state - run.state).max() > 1e-6


def test_closed_loop_is_of_fourth_order_in_the_step():
    net = with_random_readout(continuous())
    state = 0.5 * np.random.default_rng(0).normal(size=(2, 30))
    exact = free_run(replace(net, dt=0.0025), state, 800).state
    errors = [
        np.abs(free_run(replace(net, dt=dt), state, round(2 / dt)).state - exact).max()
        for dt in (0.04, 0.02)
    ]
    assert 10 < errors[0] / errors[1] < 25
    assert errors[1] < 1e-5


def test_without_squares_a_closed_loop_is_odd():
    net = replace(with_random_readout(continuous()), readout_bias=tf.zeros(2, tf.float64))
    state = np.random.default_rng(0).normal(size=(2, 30))
    assert np.abs(net.closed_step(-state) + net.closed_step(state)).max() > 1e-3
    linear = np.where(np.arange(60)[:, None] < 30, net.readout_kernel, 0)
    odd = replace(net, readout_kernel=tf.constant(linear))
    np.testing.assert_allclose(odd.closed_step(-state), -odd.closed_step(state), atol=1e-15)


@pytest.mark.parametrize("network", [continuous(), leaky()])
def test_drive_is_step_by_step(network):
    inputs = np.random.default_rng(0).normal(size=(2, 21, 2))
    state, states = network.initial_state(2), []
    for t in range(21):
        state = network.step(state, inputs[:, t])
        states.append(state)
    found = drive(network, inputs)
    np.testing.assert_allclose(found, np.stack(states, axis=1), atol=1e-13)
    np.testing.assert_allclose(found[:, -1], warm_up(network, inputs), atol=1e-13)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("weights", [None, (0.8, 0.2), (1.0, 0.0)])
@pytest.mark.parametrize(
    "network",
    [continuous(dt=0.1), leaky(square=True), leaky(), LSTM.create(2, 20, dtype="float64")],
    ids=["continuous", "leaky with squares", "leaky", "LSTM"],
)
def test_readout_solves_the_blended_ridge_regression(network, weights, intercept):
    ridge, listen, data = 1e-3, 50, np.stack(CIRCLES)
    states = drive(network, data[:, :-1])[:, listen:]
    options = {"ridge": ridge, "weights": weights, "intercept": intercept}
    found = fit_readout(network, states, data[:, listen + 1 :], **options)
    rows, targets = [], []
    for x, weight in zip(CIRCLES, weights or (0.5, 0.5), strict=True):
        q = network.features(drive(network, x[None, :-1])[0, listen:]).numpy()
        q = np.column_stack([q, np.ones(len(q))]) if intercept else q
        rows.append(weight * q)
        targets.append(weight * x[listen + 1 :])
    size = rows[0].shape[1]
    penalty = np.sqrt(ridge) * np.eye(size)[: size - intercept]
    rows = np.concatenate([*rows, penalty])
    targets = np.concatenate([*targets, np.zeros((len(penalty), 2))])
    expected = np.linalg.lstsq(rows, targets, rcond=None)[0]
    np.testing.assert_allclose(
        found.readout_kernel, expected[: len(found.readout_kernel)], atol=1e-8
    )
    bias = expected[-1] if intercept else np.zeros(2)
    np.testing.assert_allclose(found.readout_bias, bias, atol=1e-8)


def test_leaky_reservoir_is_reservoirpy_s():
    ours, data, listen, ridge = leaky(), CIRCLES[0], 60, 1e-4
    node = reservoirpy.nodes.Reservoir(
        W=ours.recurrent_kernel.numpy().T,
        Win=ours.kernel.numpy().T,
        bias=ours.bias.numpy(),
        lr=ours.leak,
    )
    states = node.run(data[:-1])
    np.testing.assert_allclose(drive(ours, data[None, :-1])[0], states, atol=1e-12)
    readout = reservoirpy.nodes.Ridge(ridge=ridge)
    readout.fit(states[listen:], data[listen + 1 :])
    mine = drive(ours, data[None, listen:-1], states[None, listen - 1])
    ours = fit_readout(ours, mine, data[None, listen + 1 :], ridge=ridge, intercept=True)
    np.testing.assert_allclose(ours.readout_kernel, readout.Wout, atol=1e-6)
    np.testing.assert_allclose(ours.readout_bias, readout.bias, atol=1e-6)
    theirs, u = [], readout.run(states[-1:])[0]
    for _ in range(100):
        theirs.append(u)
        u = readout.run(node.run(u[None]))[0]
    outputs = free_run(ours, warm_up(ours, data[None, :-1]), 100).outputs[0]
    np.testing.assert_allclose(outputs, theirs, atol=1e-6)


def test_random_weights_are_as_described():
    weights = random_weights(300, 3, radius=1.2, strength=0.2, density=0.1, dtype="float64")
    recurrent, kernel = weights["recurrent_kernel"].numpy(), weights["kernel"].numpy()
    assert np.max(np.abs(np.linalg.eigvals(recurrent))) == pytest.approx(1.2, abs=1e-9)
    assert 0.09 < np.mean(recurrent != 0) < 0.11
    assert np.all(np.sum(kernel != 0, axis=0) == 1)
    assert np.all(np.sum(kernel != 0, axis=1) > 60)
    assert 0.19 < np.abs(kernel).max() <= 0.2
    same = random_weights(300, 3, radius=1.2, strength=0.2, density=0.1, dtype="float64")
    assert np.array_equal(same["recurrent_kernel"], recurrent)


def array(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: continuous(units=0), "units: got 0"),
        (lambda: continuous(radius=-1), "radius: got -1"),
        (lambda: continuous(strength=np.nan), "strength: got nan"),
        (lambda: continuous(density=0), "density: got 0"),
        (lambda: continuous(units=1, density=1e-9), "density: got 1e-09 for 1 units"),
        (lambda: replace(continuous(), kernel=tf.zeros((2, 9))), "kernel: got"),
        (lambda: replace(continuous(), square=False), r"readout_kernel: got shape \(60, 2\)"),
        (lambda: fit(array(400, 30)), r"states: got shape \(400, 30\)"),
        (lambda: fit(array(2, 50, 29)), r"states: got shape \(2, 50, 29\)"),
        (lambda: fit(array(2, 0, 30)), r"states: got shape \(2, 0, 30\)"),
        (lambda: fit(targets=array(2, 49, 2)), r"targets: got shape \(2, 49, 2\)"),
        (lambda: fit(targets=array(2, 50, 3)), r"targets: got shape \(2, 50, 3\)"),
        (lambda: fit(array(2, 50, 30) + np.nan), "states: got values that are not finite"),
        (lambda: fit(targets=array(2, 50, 2) + np.inf), "targets: got values that are not"),
        (lambda: fit(ridge=0), "ridge: got 0"),
        (lambda: fit(weights=[1]), "weights: got"),
        (lambda: fit(weights=[0, 0]), "weights: got"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def fit(states=None, targets=None, ridge=1.0, **options):
    states = array(2, 50, 30) if states is None else states
    targets = array(2, 50, 2) if targets is None else targets
    return fit_readout(continuous(), states, targets, ridge=ridge, **options)
