"""Warm-up and free run against the same thing done step by step."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.closed_loop import drive, free_run, jacobian, propagate_tangents, warm_up
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import ConstantInputs, Memoryless


def network(dtype="float64", peepholes=False, **sizes):
    made = LSTM.create(**{"inputs": 2, "units": 6, "seed": 3} | sizes, dtype=dtype)
    if peepholes:
        rng = np.random.default_rng(0)
        made = LSTM(**made.weights(), peepholes=tf.constant(rng.normal(size=(3, 6)), dtype))
    return made


CUE = np.random.default_rng(1).normal(size=(3, 20, 2))


@pytest.mark.parametrize("time", [1, 7, 8, 20])
def test_warm_up_is_step_by_step(time):
    net = network(peepholes=True)
    state = net.initial_state(3)
    for t in range(time):
        state = net.step(state, CUE[:, t])
    np.testing.assert_allclose(warm_up(net, CUE[:, :time]), state, atol=1e-13)


def test_warm_up_in_two_parts():
    net = network()
    halfway = warm_up(net, CUE[:, :9])
    np.testing.assert_allclose(warm_up(net, CUE[:, 9:], halfway), warm_up(net, CUE), atol=1e-14)


@pytest.mark.parametrize("steps", [1, 7, 8, 33])
@pytest.mark.parametrize("wrap", [lambda x: x, Memoryless])
def test_free_run_is_step_by_step(steps, wrap):
    net = wrap(network(peepholes=True))
    state = start = warm_up(net, CUE)
    outputs, states = [], []
    for _ in range(steps):
        y = net.readout(state)
        outputs.append(y)
        states.append(state)
        state = net.step(state, y)
    run = free_run(net, start, steps, states=True)
    np.testing.assert_allclose(run.outputs, np.stack(outputs, axis=1), atol=1e-12)
    np.testing.assert_allclose(run.states, np.stack(states, axis=1), atol=1e-12)
    np.testing.assert_allclose(run.state, state, atol=1e-12)
    assert free_run(net, start, steps).states is None


def test_running_on_continues_the_trajectory():
    net = network()
    start = warm_up(net, CUE)
    first = free_run(net, start, 13)
    second = free_run(net, first.state, 17)
    whole = free_run(net, start, 30)
    np.testing.assert_allclose(
        np.concatenate([first.outputs, second.outputs], axis=1), whole.outputs, atol=1e-13
    )


def test_a_trajectory_does_not_depend_on_its_batch():
    net = network("float32")
    together = free_run(net, warm_up(net, CUE), 50).outputs
    alone = free_run(net, warm_up(net, CUE[1:2]), 50).outputs
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def test_divergence_is_returned_not_raised():
    net = network()
    exploding = LSTM(**{**net.weights(), "readout_bias": tf.constant([np.inf, 0.0], tf.float64)})
    outputs = free_run(exploding, np.zeros((1, 12)), 10).outputs.numpy()
    assert not np.all(np.isfinite(outputs))


@pytest.mark.parametrize(
    ("cue", "message"),
    [
        (CUE[0], "cue: got shape"),
        (CUE[:, :0], "cue: got shape"),
        (CUE[:0], "cue: got shape"),
        (CUE[:, :, :1], "cue: got shape"),
        (np.full((1, 5, 2), np.nan), "cue: got values that are not finite"),
        (np.full((1, 5, 2), "a"), "cue: got shape .* of <U1, expected real numbers"),
        (np.ones((1, 5, 2), complex), "cue: got shape .* of complex128, expected real numbers"),
        (np.ma.masked_greater(CUE, 2), "cue: got shape .* masked"),
    ],
)
def test_bad_cues(cue, message):
    with pytest.raises(ValueError, match=message):
        warm_up(network(), cue)


@pytest.mark.parametrize(
    ("state", "steps", "message"),
    [
        (np.zeros((1, 11)), 5, "state: got shape"),
        (np.zeros(12), 5, "state: got shape"),
        (np.full((1, 12), np.inf), 5, "state: got values"),
        (np.zeros((1, 12)), 0, "steps: got 0"),
        (np.zeros((1, 12)), 2.5, "steps: got 2.5"),
    ],
)
def test_bad_free_runs(state, steps, message):
    with pytest.raises(ValueError, match=message):
        free_run(network(), state, steps)


def test_wrong_state_for_the_cue():
    with pytest.raises(ValueError, match=r"state: got shape \(2, 12\).*expected.*\(3, 12\)"):
        warm_up(network(), CUE, np.zeros((2, 12)))


def test_what_overflows_in_the_type_of_the_network_is_refused():
    single, large = network("float32"), np.full((1, 5, 2), 1e39)
    assert np.all(np.isfinite(warm_up(network("float64"), large)))
    for run in (warm_up, drive):
        with pytest.raises(ValueError, match="got values too large for float32"):
            run(single, large)
    with pytest.raises(ValueError, match="state: got values too large for float32"):
        free_run(single, np.full((1, 12), 1e39), 5)
    with pytest.raises(ValueError, match="u: got values too large for float32"):
        jacobian(single, np.zeros((1, 12)), np.full((1, 2), 1e39))


INPUTS = np.random.default_rng(4).normal(size=(3, 15, 1))


@pytest.mark.parametrize("states", [False, True])
def test_exogenous_inputs_stand_after_the_outputs(states):
    net = network(inputs=3, outputs=2)
    state = start = warm_up(net, np.concatenate([CUE, CUE[:, :, :1]], axis=2))
    outputs, visited = [], []
    for t in range(15):
        outputs.append(net.readout(state))
        visited.append(state)
        state = net.step(state, np.concatenate([outputs[-1], INPUTS[:, t]], axis=1))
    run = free_run(net, start, 15, exogenous=INPUTS, states=states)
    np.testing.assert_allclose(run.outputs, np.stack(outputs, axis=1), atol=1e-12)
    np.testing.assert_allclose(run.state, state, atol=1e-12)
    if states:
        np.testing.assert_allclose(run.states, np.stack(visited, axis=1), atol=1e-12)


def test_constant_inputs_make_a_loop_autonomous():
    net, start = network(inputs=3, outputs=2), np.random.default_rng(0).normal(size=(3, 12))
    for values in ([0.4], [[0.4]], INPUTS[:, 0]):
        held = ConstantInputs(net, tf.constant(values, tf.float64))
        given = np.broadcast_to(np.reshape(values, (-1, 1, 1)), (3, 15, 1))
        expected = free_run(net, start, 15, exogenous=given)
        np.testing.assert_allclose(free_run(held, start, 15).outputs, expected.outputs, atol=1e-12)
    held = ConstantInputs(net, [0.4])  # of whatever type
    assert (held.inputs, held.outputs, held.state_dim, held.dtype) == (2, 2, 12, tf.float64)
    after = held.closed_step(tf.constant(start))
    small = 1e-6 * np.eye(12)
    slopes = held.closed_step(start[:1] + small) - held.closed_step(start[:1] - small)
    np.testing.assert_allclose(jacobian(held, start)[0], np.transpose(slopes) / 2e-6, atol=1e-8)
    np.testing.assert_allclose(free_run(held, start, 1).state, after, atol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "exogenous", "message"),
    [
        ({"inputs": 3, "outputs": 2}, None, "got 3 inputs and 2 outputs.*ConstantInputs holds"),
        ({"inputs": 3, "outputs": 2}, INPUTS[:, :9], r"exogenous: got shape \(3, 9, 1\)"),
        ({"inputs": 3, "outputs": 2}, INPUTS[:1], r"exogenous: got shape \(1, 15, 1\)"),
        ({"inputs": 4, "outputs": 2}, INPUTS, "network: got 3 inputs and 2 outputs"),
        ({"inputs": 2, "outputs": 2}, INPUTS, "network: got 1 inputs and 2 outputs"),
        ({"inputs": 1, "outputs": 2}, INPUTS, r"values: got shape \(3, 1\), expected"),
        ({"inputs": 3, "outputs": 2}, INPUTS * np.nan, "exogenous: got values that are not fin"),
    ],
)
def test_bad_exogenous_inputs(sizes, exogenous, message):
    net = network(**sizes)
    with pytest.raises(ValueError, match=message):
        free_run(net, np.zeros((3, 12)), 15, exogenous=exogenous)


def test_a_loop_that_cannot_be_closed():
    with pytest.raises(ValueError, match="3 inputs and 2 outputs"):
        free_run(network(inputs=3, outputs=2), np.zeros((1, 12)), 5)


@pytest.mark.parametrize("peepholes", [False, True])
def test_jacobian_is_the_finite_difference_s(peepholes):
    net = network(peepholes=peepholes)
    state = np.random.default_rng(2).normal(size=(4, 12))
    for column, matrix in enumerate(np.moveaxis(jacobian(net, state).numpy(), 2, 0)):
        step = 1e-6 * np.eye(12)[column]
        slope = (net.closed_step(state + step) - net.closed_step(state - step)) / 2e-6
        np.testing.assert_allclose(matrix, slope, atol=1e-8)


@pytest.mark.parametrize("peepholes", [False, True])
def test_determinant_of_the_jacobian_is_known(peepholes):
    """Schur's complement: c' depends on h only through the gates, and h' on c through c'."""
    net = network(peepholes=peepholes)
    units, p = net.units, np.zeros((3, 6)) if net.peepholes is None else net.peepholes.numpy()
    state = np.random.default_rng(2).normal(size=(50, 12))
    h, c = np.split(state, 2, axis=1)
    a = net.readout(state) @ net.kernel + h @ net.recurrent_kernel + net.bias
    a_i, a_f, a_g, a_o = np.split(a.numpy(), 4, axis=1)
    i, f = 1 / (1 + np.exp(-a_i - p[0] * c)), 1 / (1 + np.exp(-a_f - p[1] * c))
    g = np.tanh(a_g)
    k = np.tanh(f * c + i * g)
    o = 1 / (1 + np.exp(-a_o - p[2] * (f * c + i * g)))
    own = f + c * f * (1 - f) * p[1] + g * i * (1 - i) * p[0]
    closed = (net.readout_kernel @ net.kernel + net.recurrent_kernel).numpy()
    _, constant = np.linalg.slogdet(closed[:, 3 * units :])
    expected = np.sum(np.log(np.abs(own * k * o * (1 - o))), axis=1) + constant
    _, found = np.linalg.slogdet(jacobian(net, state).numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_jacobian_needs_a_loop_that_closes():
    with pytest.raises(ValueError, match="network: got 3 inputs and 2 outputs"):
        jacobian(network(inputs=3, outputs=2), np.zeros((1, 12)))


def test_jacobian_of_a_driven_step():
    net = network(inputs=3, outputs=2)
    rng = np.random.default_rng(2)
    state, u = rng.normal(size=(4, 12)), rng.normal(size=(4, 3))
    for column, matrix in enumerate(np.moveaxis(jacobian(net, state, u).numpy(), 2, 0)):
        step = 1e-6 * np.eye(12)[column]
        slope = (net.step(state + step, u) - net.step(state - step, u)) / 2e-6
        np.testing.assert_allclose(matrix, slope, atol=1e-8)
    with pytest.raises(ValueError, match=r"u: got shape \(4, 2\).*expected.*\(4, 3\)"):
        jacobian(net, state, u[:, :2])


@pytest.mark.parametrize("count", [1, 5, 12])
def test_stretching_is_a_product_of_jacobians(count):
    net, rng = network(peepholes=True), np.random.default_rng(2)
    state, frame = rng.normal(size=(3, 12)), rng.normal(size=(3, 12, count))
    found = propagate_tangents(net, state, frame, steps=12, states=True)
    for k in range(12):
        np.testing.assert_allclose(found.states[k], state, atol=1e-12)
        frame, state = jacobian(net, state).numpy() @ frame, net.closed_step(state)
        frame, triangle = np.linalg.qr(frame)
        diagonal = np.diagonal(triangle, axis1=1, axis2=2)
        frame, lengths = frame * np.sign(diagonal)[:, None], np.log(np.abs(diagonal))
        np.testing.assert_allclose(found.logarithms[k], lengths, atol=1e-6)
    np.testing.assert_allclose(found.state, state, atol=1e-12)
    np.testing.assert_allclose(found.frame, frame, atol=1e-5)
    assert np.all(found.bounded)


def test_stretching_on():
    net, rng = network(), np.random.default_rng(2)
    start, inputs = (rng.normal(size=(3, 12)), rng.normal(size=(3, 12, 2))), CUE[:, :10]
    whole = propagate_tangents(net, *start, steps=10, inputs=inputs)
    half = propagate_tangents(net, *start, steps=6, inputs=inputs[:, :6])
    rest = propagate_tangents(net, half.state, half.frame, steps=4, inputs=inputs[:, 6:])
    np.testing.assert_allclose(rest.logarithms, whole.logarithms[6:], atol=1e-9)
    np.testing.assert_allclose(rest.frame, whole.frame, atol=1e-9)
    np.testing.assert_allclose(rest.state, warm_up(net, inputs, start[0]), atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps: got 0"),
        ({"steps": 1.5}, "steps: got 1.5"),
        ({"steps": 5, "frame": np.ones((2, 12, 1))}, r"frame: got shape \(2, 12, 1\)"),
        ({"steps": 5, "inputs": CUE}, r"inputs: got shape \(3, 20, 2\).*expected.*, 5, 2\)"),
    ],
)
def test_bad_stretches(options, message):
    options = {"state": np.ones((3, 12)), "frame": np.ones((3, 12, 1))} | options
    with pytest.raises(ValueError, match=message):
        propagate_tangents(network(), **options)
