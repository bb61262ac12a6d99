"""Hand-derived gradients against GradientTape and finite differences."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.modelling.backpropagation import (
    backpropagate,
    backpropagate_solved,
    backward_pass,
    forward_pass,
)
from mflib.modelling.jit import jit
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM

KINDS = {
    "LSTM": LSTM.create,
    "LSTM with peepholes": functools.partial(LSTM.create, peepholes=True),
    "IncrementLSTM": IncrementLSTM.create,
    "Elman": Elman.create,
    "GRU": GRU.create,
}


def plain_loss(weights, inputs, targets, burn_in, alpha=None, kind=LSTM):
    network = kind(**weights)
    state, errors = network.initial_state(inputs.shape[1]), []
    for t, (x, target) in enumerate(zip(inputs, targets, strict=True)):
        if alpha is not None:
            x = alpha[t] * x + (1 - alpha[t]) * network.readout(state)
        state = network.step(state, x)
        errors.append((network.readout(state) - target) ** 2)
    return tf.reduce_mean(tf.stack(errors[burn_in:]))


def problem(seed, time, batch, inputs, units, outputs, peepholes):
    rng = np.random.default_rng(seed)
    network = LSTM.create(inputs, units, outputs, peepholes=peepholes, dtype="float64")
    weights = {
        name: tf.constant(rng.normal(0, 0.7, weight.shape))
        for name, weight in network.weights().items()
    }
    data = tf.constant(rng.normal(size=(time, batch, inputs)))
    return weights, data, tf.constant(rng.normal(size=(time, batch, outputs)))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    time=st.integers(1, 9),
    batch=st.integers(1, 3),
    inputs=st.integers(1, 3),
    units=st.integers(1, 6),
    outputs=st.integers(1, 3),
    peepholes=st.booleans(),
    data=st.data(),
)
def test_gradient_is_the_tape_s(seed, time, batch, inputs, units, outputs, peepholes, data):
    burn_in = data.draw(st.integers(0, time - 1))
    weights, x, y = problem(seed, time, batch, inputs, units, outputs, peepholes)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        expected_loss = plain_loss(weights, x, y, burn_in)
    expected = tape.gradient(expected_loss, weights)
    loss, gradient = backpropagate(LSTM(**weights), x, y, burn_in)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-13)
    assert gradient.keys() == weights.keys()
    for name in weights:
        np.testing.assert_allclose(gradient[name], expected[name], rtol=0, atol=1e-12, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    time=st.integers(1, 9),
    batch=st.integers(1, 3),
    dim=st.integers(1, 3),
    units=st.integers(1, 6),
    peepholes=st.booleans(),
    data=st.data(),
)
def test_gradient_is_the_tape_s_when_outputs_are_heard(
    seed, time, batch, dim, units, peepholes, data
):
    share = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
    alpha = tf.constant(data.draw(st.lists(share, min_size=time, max_size=time)), tf.float64)
    burn_in = data.draw(st.integers(0, time - 1))
    weights, x, y = problem(seed, time, batch, dim, units, dim, peepholes)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        expected_loss = plain_loss(weights, x, y, burn_in, alpha)
    expected = tape.gradient(expected_loss, weights)
    loss, gradient = backpropagate(LSTM(**weights), x, y, burn_in, alpha)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    for name in weights:
        scale = 1 + np.max(np.abs(expected[name]))
        error = np.max(np.abs(gradient[name] - expected[name]))
        assert error <= 1e-12 * scale, name


def test_hearing_only_itself_is_the_closed_loop():
    weights, x, _ = problem(3, 6, 2, 2, 4, 2, True)
    network = LSTM(**weights)
    state, outputs = network.initial_state(2), []
    for _ in range(6):
        state = network.closed_step(state)
        outputs.append(network.readout(state))
    loss, _ = backpropagate(network, x, tf.stack(outputs), 0, tf.zeros(6))
    assert loss < 1e-28
    with pytest.raises(ValueError, match=r"alpha: got shape \(5,\).*expected \(6,\)"):
        backpropagate(network, x, x, 0, tf.zeros(5))


@pytest.mark.parametrize("alpha", [None, np.full(7, 0.3), np.zeros(7)])
@pytest.mark.parametrize("peepholes", [False, True])
def test_gradient_is_the_finite_difference_s(peepholes, alpha):
    weights, x, y = problem(0, 7, 2, 2, 4, 2, peepholes)
    _, gradient = backpropagate(LSTM(**weights), x, y, 2, alpha)
    rng = np.random.default_rng(1)
    for name, weight in weights.items():
        direction = rng.normal(size=weight.shape)
        step = 1e-6
        ahead, behind = (
            plain_loss({**weights, name: weight + sign * step * direction}, x, y, 2, alpha)
            for sign in (1, -1)
        )
        slope = np.sum(gradient[name] * direction)
        np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-5, err_msg=name)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    seed=st.integers(0, 10**6),
    time=st.integers(1, 9),
    batch=st.integers(1, 3),
    dim=st.integers(1, 3),
    units=st.integers(1, 6),
    mixed=st.booleans(),
    data=st.data(),
)
def test_gradient_of_every_kind_is_the_tape_s(kind, seed, time, batch, dim, units, mixed, data):
    """Compiled, as in training, against the eager tape over a loop of steps and readouts."""
    burn_in = data.draw(st.integers(0, time - 1))
    rng = np.random.default_rng(seed)
    network = KINDS[kind](dim, units, dtype="float64")
    weights = {k: tf.constant(rng.normal(0, 0.7, w.shape)) for k, w in network.weights().items()}
    network = type(network)(**weights)
    x, y = (tf.constant(rng.normal(size=(time, batch, dim))) for _ in range(2))
    mixed = mixed and not isinstance(network, IncrementLSTM)
    alpha = tf.constant(rng.random(time)) if mixed else None
    with tf.GradientTape() as tape:
        tape.watch(weights)
        expected_loss = plain_loss(weights, x, y, burn_in, alpha, type(network))
    expected = tape.gradient(expected_loss, weights)
    loss, gradient = jit(backpropagate)(network, x, y, burn_in, alpha)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    assert gradient.keys() == weights.keys()
    for name in weights:
        scale = 1 + np.max(np.abs(expected[name]))
        error = np.max(np.abs(gradient[name] - expected[name]))
        assert error <= 1e-12 * scale, name


@pytest.mark.parametrize("alpha", [None, np.full(7, 0.3)])
@pytest.mark.parametrize("kind", [Elman, GRU])
def test_gradient_of_other_kinds_is_the_finite_difference_s(kind, alpha):
    rng = np.random.default_rng(0)
    network = kind.create(2, 4, seed=1, dtype="float64")
    weights = network.weights()
    x, y = (tf.constant(rng.normal(size=(7, 2, 2))) for _ in range(2))
    _, gradient = backpropagate(network, x, y, 2, alpha)
    for name, weight in weights.items():
        direction, step = rng.normal(size=weight.shape), 1e-6
        ahead, behind = (
            plain_loss({**weights, name: weight + sign * step * direction}, x, y, 2, alpha, kind)
            for sign in (1, -1)
        )
        slope = np.sum(gradient[name] * direction)
        np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("peepholes", [False, True])
def test_a_forward_pass_is_step_by_step(peepholes):
    weights, x, _ = problem(0, 7, 2, 2, 4, 2, peepholes)
    network = LSTM(**weights)
    run, state = forward_pass(network, x), network.initial_state(2)
    for t in range(7):
        np.testing.assert_allclose(run.cs[t], state[:, 4:], atol=1e-14)
        state = network.step(state, x[t])
        np.testing.assert_allclose(run.hs[t], state[:, :4], atol=1e-14)
    np.testing.assert_allclose(run.cs[7], state[:, 4:], atol=1e-14)


def test_a_backward_pass_is_the_derivative_by_the_bias():
    weights, x, y = problem(0, 7, 2, 2, 4, 2, True)
    network = LSTM(**weights)
    run = forward_pass(network, x)
    dy = (
        2
        * (run.hs @ network.readout_kernel + network.readout_bias - y)
        / tf.size(y, tf.int32).numpy()
    )
    _, gradient = backpropagate(network, x, y)
    found = tf.reduce_sum(backward_pass(network, run, dy), axis=(0, 1))
    np.testing.assert_allclose(found, gradient["bias"], atol=1e-14)


def test_shares_are_refused_where_they_cannot_be():
    x = tf.zeros((6, 2, 2))
    with pytest.raises(ValueError, match="alpha: got shares for an IncrementLSTM"):
        backpropagate(IncrementLSTM.create(2, 3), x, x, 0, tf.ones(6))
    with pytest.raises(ValueError, match=r"alpha: got .*2 inputs, 3 units, 1 outputs"):
        backpropagate(GRU.create(2, 3, 1), x, x[..., :1], 0, tf.ones(6))


def test_readout_is_the_least_squares_solution():
    weights, x, y = problem(0, 30, 4, 2, 5, 3, False)
    _, _, solved = backpropagate_solved(LSTM(**weights), x, y, 6)
    states = [LSTM(**weights).initial_state(4)]
    for sample in x:
        states.append(LSTM(**weights).step(states[-1], sample))
    features = np.concatenate([state[:, :5] for state in states[7:]])
    features = np.column_stack([features, np.ones(len(features))])
    expected, *_ = np.linalg.lstsq(features, y[6:].numpy().reshape(-1, 3), rcond=None)
    found = np.vstack([solved.readout_kernel, solved.readout_bias])
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_gradient_with_the_readout_solved_for():
    weights, x, y = problem(1, 20, 4, 2, 4, 2, True)

    def loss(recurrent_kernel):
        network = LSTM(**weights | {"recurrent_kernel": recurrent_kernel})
        return backpropagate_solved(network, x, y, 5)

    kernel, direction = weights["recurrent_kernel"], np.random.default_rng(0).normal(size=(4, 16))
    _, gradient, _ = loss(kernel)
    step = 1e-5
    slope = (loss(kernel + step * direction)[0] - loss(kernel - step * direction)[0]) / (2 * step)
    expected = np.sum(gradient["recurrent_kernel"] * direction)
    np.testing.assert_allclose(slope, expected, rtol=1e-6)
