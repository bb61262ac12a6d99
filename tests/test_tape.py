"""The tape against central differences and against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.modelling.backpropagation import backpropagate
from mflib.networks.lstm import LSTM
from mflib.networks.tape import Tape, sigmoid, square, tanh, total

MATRIX, ROW, VECTOR, NUMBER = (3, 4), (1, 4), (4,), ()


def product_of_rows(x):
    first, second, third = x
    return first * second * third


OPERATIONS = {
    "add": (lambda x, y: x + y, MATRIX, MATRIX),
    "add, broadcast rows": (lambda x, y: x + y, MATRIX, VECTOR),
    "add, broadcast a row": (lambda x, y: x + y, ROW, MATRIX),
    "subtract": (lambda x, y: x - y, MATRIX, NUMBER),
    "subtract from": (lambda x, y: y - x, MATRIX, ROW),
    "multiply": (lambda x, y: x * y, MATRIX, MATRIX),
    "multiply, broadcast": (lambda x, y: x * y, VECTOR, MATRIX),
    "multiply by itself": (lambda x: x * x, MATRIX),
    "matrices": (lambda x, y: x @ y, MATRIX, (4, 2)),
    "vector and matrix": (lambda x, y: x @ y, VECTOR, (4, 2)),
    "matrix and vector": (lambda x, y: x @ y, MATRIX, VECTOR),
    "vectors": (lambda x, y: x @ y, VECTOR, VECTOR),
    "constants": (lambda x: 1 - 2 * x + np.arange(4.0) * x - np.ones(3) @ x, MATRIX),
    "slice": (lambda x: x[:, 1:3], MATRIX),
    "index twice": (lambda x: x[[0, 0, 2]], MATRIX),
    "split": (product_of_rows, MATRIX),
    "tanh": (tanh, MATRIX),
    "sigmoid": (sigmoid, MATRIX),
    "square": (square, MATRIX),
    "total": (total, MATRIX),
}


def evaluate(function, values, weights):
    """A weighted sum of the function's elements, and the nodes behind it."""
    tape = Tape()
    variables = [tape.variable(f"x_{k}", value) for k, value in enumerate(values)]
    return total(function(*variables) * weights), variables


@pytest.mark.parametrize("name", OPERATIONS)
def test_derivatives_are_central_differences(name):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape) for shape in shapes]
    plain = Tape()
    shape = function(*[plain.variable("x", value) for value in values]).value.shape
    weights = rng.normal(size=shape)
    end, variables = evaluate(function, values, weights)
    end.backward()
    step = 1e-6
    for k, variable in enumerate(variables):
        assert variable.adjoint.shape == values[k].shape
        for position in np.ndindex(values[k].shape):
            ends = []
            for sign in (1, -1):
                moved = [value.copy() for value in values]
                moved[k][position] += sign * step
                ends.append(evaluate(function, moved, weights)[0].value)
            slope = (ends[0] - ends[1]) / (2 * step)
            assert variable.adjoint[position] == pytest.approx(slope, rel=1e-7, abs=1e-8)


def lstm_loss(w, inputs, targets, alpha):
    """Equations (5)-(10) on a tape, and the mean squared error of the readout.

    The network hears ``alpha * data + (1 - alpha) * its own last output``.
    """
    tape, units = Tape(), len(w["recurrent_kernel"])
    w = {name: tape.variable(name, value) for name, value in w.items()}
    zeros = np.zeros((inputs.shape[1], units))
    h, c, loss = tape.variable("h", zeros), tape.variable("c", zeros), 0.0
    for x, target, share in zip(inputs, targets, alpha, strict=True):
        u = share * x + (1 - share) * (h @ w["readout_kernel"] + w["readout_bias"])
        a = u @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"]
        a_i, a_f, a_g, a_o = (a[:, k * units : (k + 1) * units] for k in range(4))
        if "peepholes" in w:
            a_i, a_f = a_i + w["peepholes"][0] * c, a_f + w["peepholes"][1] * c
        c = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
        if "peepholes" in w:
            a_o = a_o + w["peepholes"][2] * c
        h = sigmoid(a_o) * tanh(c)
        loss = loss + total(square(h @ w["readout_kernel"] + w["readout_bias"] - target))
    return loss * (1 / targets.size), w


def watched_loss(network, inputs, targets, alpha):
    """The same with the library's network, under TensorFlow's tape."""
    state, errors = network.initial_state(inputs.shape[1]), []
    for x, target, share in zip(inputs, targets, alpha, strict=True):
        state = network.step(state, share * x + (1 - share) * network.readout(state))
        errors.append(network.readout(state) - target)
    return tf.reduce_mean(tf.square(errors))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from(["data", "itself", "constant mixture", "changing mixture"]),
    st.integers(0, 2**20),
)
def test_the_lstm_has_tensorflows_gradient_and_the_librarys(
    units, size, batch, time, with_peepholes, hears, seed
):
    rng = np.random.default_rng(seed)
    network = LSTM.create(size, units, peepholes=with_peepholes, dtype="float64")
    w = {name: rng.normal(size=weight.shape) for name, weight in network.weights().items()}
    inputs, targets = rng.normal(size=(2, time, batch, size))
    alpha = {"data": 1.0, "itself": 0.0, "constant mixture": 0.3, "changing mixture": None}[hears]
    alpha = rng.uniform(size=time) if alpha is None else np.full(time, alpha)

    loss, variables = lstm_loss(w, inputs, targets, alpha)
    loss.backward()

    network = LSTM(**{name: tf.constant(value) for name, value in w.items()})
    with tf.GradientTape() as tape:
        tape.watch(list(network.weights().values()))
        expected = watched_loss(network, inputs, targets, alpha)
    assert loss.value == pytest.approx(float(expected), rel=1e-12)
    data = tf.constant(inputs), tf.constant(targets)
    _, fused = backpropagate(network, *data, alpha=tf.constant(alpha))
    for gradient in (tape.gradient(expected, network.weights()), fused):
        for name, variable in variables.items():
            scale = max(1.0, np.abs(gradient[name]).max())
            error = np.abs(variable.adjoint - gradient[name]).max()
            assert error <= 1e-12 * scale, name


def test_shares_of_a_shared_value_add_up():
    tape = Tape()
    x = tape.variable("x", [1.0, 2.0])
    y = total(x * x + 3 * x)
    y.backward()
    np.testing.assert_array_equal(x.adjoint, [5, 7])
    product, *_ = (node for node in tape.nodes if node.operation == "multiply")
    np.testing.assert_array_equal(product.shares[0] + product.shares[1], [2, 4])


def test_a_second_sweep_starts_afresh_and_a_seed_weights():
    tape = Tape()
    x = tape.variable("x", [1.0, 2.0])
    y = square(x)
    for _ in range(2):
        y.backward(seed=[1.0, 10.0])
        np.testing.assert_array_equal(x.adjoint, [2, 40])


def test_what_does_not_lead_to_the_end_has_no_adjoint():
    tape = Tape()
    x = tape.variable("x", 2.0)
    end, aside = square(x), tanh(x)
    after = end + 1.0
    end.backward()
    assert (x.adjoint, aside.adjoint, after.adjoint) == (4, 0, 0)


def test_everything_is_recorded_once_in_order_with_its_groups():
    tape = Tape()
    x = tape.variable("x", 1)
    with tape.group("outer"), tape.group("inner"):
        y = 2 * tanh(x)
    assert [node.operation for node in tape.nodes] == ["variable", "tanh", "constant", "multiply"]
    assert y.groups == ("outer", "inner") and x.groups == ()
    assert all(node.value.dtype == np.float64 for node in tape.nodes)


def test_bad_input_is_named():
    tape = Tape()
    x = tape.variable("x", np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"add: got shapes \(2, 3\) and \(2,\)"):
        x + np.ones(2)
    with pytest.raises(ValueError, match="matmul: got shapes"):
        x @ np.ones((2, 3))
    with pytest.raises(ValueError, match=r"seed: got none for a value of shape \(2, 3\)"):
        x.backward()
    with pytest.raises(ValueError, match=r"seed: got shape \(3,\), expected \(2, 3\)"):
        x.backward(seed=np.ones(3))
    with pytest.raises(ValueError, match="two tapes"):
        x + Tape().variable("y", 1.0)
    for bad in (np.nan, "a", 1j, np.ones((1, 1, 1))):
        with pytest.raises(ValueError, match="value: got"):
            tape.variable("z", bad)
