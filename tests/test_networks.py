"""The cells against Keras and against a NumPy transcription of the thesis."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.modelling.closed_loop import free_run, warm_up
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.keras import to_keras
from mflib.networks.lstm import LSTM, IncrementLSTM, beside, stacked, unstacked
from mflib.networks.recurrent import Memoryless, cast
from mflib.networks.reservoirs import ContinuousReservoir, random_weights


def randomised(network, seed):
    """The network with every weight drawn at random, so that none is left at zero or one."""
    rng = np.random.default_rng(seed)
    return type(network)(
        **{
            name: tf.constant(rng.normal(0, 0.7, weight.shape), weight.dtype)
            for name, weight in network.weights().items()
        }
    )


def thesis(network, inputs):
    """Equations (5)-(10) of the thesis, transcribed line by line for one sequence."""
    weights = {name: weight.numpy() for name, weight in network.weights().items()}
    w_ix, w_fx, w_cx, w_ox = (w.T for w in np.split(weights["kernel"], 4, axis=1))
    w_ih, w_fh, w_ch, w_oh = (w.T for w in np.split(weights["recurrent_kernel"], 4, axis=1))
    b_i, b_f, b_c, b_o = np.split(weights["bias"], 4)
    p_i, p_f, p_o = weights.get("peepholes", np.zeros((3, network.units)))

    def sigma(x):
        return 1 / (1 + np.exp(-x))

    h, c, outputs = np.zeros(network.units), np.zeros(network.units), []
    for x in inputs:
        f = sigma(w_fh @ h + w_fx @ x + p_f * c + b_f)  # (5)
        i = sigma(w_ih @ h + w_ix @ x + p_i * c + b_i)  # (6)
        c_tilde = np.tanh(w_ch @ h + w_cx @ x + b_c)  # (7)
        c = f * c + i * c_tilde  # (8)
        o = sigma(w_oh @ h + w_ox @ x + p_o * c + b_o)  # (9)
        h = o * np.tanh(c)  # (10)
        outputs.append(weights["readout_kernel"].T @ h + weights["readout_bias"])
    return np.array(outputs), np.concatenate([h, c])


def thesis_elman(network, inputs):
    """Equations (3)-(4), transcribed, with the biases of Keras."""
    weights = {name: weight.numpy() for name, weight in network.weights().items()}
    w_xh, w_hh, w_hy = (
        weights[name].T for name in ("kernel", "recurrent_kernel", "readout_kernel")
    )
    h, outputs = np.zeros(network.units), []
    for x in inputs:
        h = np.tanh(w_xh @ x + w_hh @ h + weights["bias"])  # (3)
        outputs.append(w_hy @ h + weights["readout_bias"])  # (4)
    return np.array(outputs), h


def written_out_gru(network, inputs):
    """The equations of the GRU's docstring, gate by gate for one sequence."""
    weights = {name: weight.numpy() for name, weight in network.weights().items()}
    w_z, w_r, w_g = (w.T for w in np.split(weights["kernel"], 3, axis=1))
    u_z, u_r, u_g = (w.T for w in np.split(weights["recurrent_kernel"], 3, axis=1))
    (b_z, b_r, b_g), (beta_z, beta_r, beta_g) = (np.split(b, 3) for b in weights["bias"])

    def sigma(x):
        return 1 / (1 + np.exp(-x))

    h, outputs = np.zeros(network.units), []
    for x in inputs:
        z = sigma(w_z @ x + b_z + u_z @ h + beta_z)
        r = sigma(w_r @ x + b_r + u_r @ h + beta_r)
        g = np.tanh(w_g @ x + b_g + r * (u_g @ h + beta_g))
        h = z * h + (1 - z) * g
        outputs.append(weights["readout_kernel"].T @ h + weights["readout_bias"])
    return np.array(outputs), h


def driven(network, inputs):
    """Outputs and last state of a network driven by one sequence."""
    state, outputs = network.initial_state(1), []
    for x in inputs:
        state = network.step(state, tf.constant(x[None], network.dtype))
        outputs.append(network.readout(state)[0].numpy())
    return np.array(outputs), state[0].numpy()


@settings(max_examples=20, deadline=None)
@given(
    inputs=st.integers(1, 4),
    units=st.integers(1, 9),
    outputs=st.integers(1, 4),
    peepholes=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_is_the_thesis_cell(inputs, units, outputs, peepholes, seed):
    network = LSTM.create(inputs, units, outputs, peepholes=peepholes, dtype="float64")
    network = randomised(network, seed)
    data = np.random.default_rng(seed).normal(size=(12, inputs))
    ours, state = driven(network, data)
    expected, expected_state = thesis(network, data)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(state, expected_state, rtol=0, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(
    inputs=st.integers(1, 4),
    units=st.integers(1, 9),
    outputs=st.integers(1, 4),
    case=st.sampled_from([(Elman, thesis_elman), (GRU, written_out_gru)]),
    seed=st.integers(0, 10**6),
)
def test_follows_its_equations(inputs, units, outputs, case, seed):
    kind, equations = case
    network = randomised(kind.create(inputs, units, outputs, dtype="float64"), seed)
    data = np.random.default_rng(seed).normal(size=(12, inputs))
    ours, state = driven(network, data)
    expected, expected_state = equations(network, data)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(state, expected_state, rtol=0, atol=1e-12)


def test_peepholes_matter():
    network = randomised(LSTM.create(2, 5, peepholes=True, dtype="float64"), 0)
    without = LSTM(**{k: v for k, v in network.weights().items() if k != "peepholes"})
    data = np.random.default_rng(0).normal(size=(12, 2))
    assert np.max(np.abs(driven(network, data)[0] - driven(without, data)[0])) > 1e-2


NETWORKS = {
    "LSTM": lambda dtype: LSTM.create(3, 7, 2, dtype=dtype),
    "LSTM, peepholes at zero": lambda dtype: LSTM.create(3, 7, 2, peepholes=True, dtype=dtype),
    "Elman": lambda dtype: Elman.create(3, 7, 2, dtype=dtype),
    "GRU": lambda dtype: GRU.create(3, 7, 2, dtype=dtype),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("create", NETWORKS.values(), ids=NETWORKS)
def test_is_the_keras_layer(create, dtype, tolerance):
    """Outputs, states and gradients of Keras' layer with the same weights."""
    network = randomised(create(dtype), 1)
    weights = network.weights()
    without_peepholes = {name: w for name, w in weights.items() if name != "peepholes"}
    model = to_keras(type(network)(**without_peepholes))
    if "peepholes" in weights:
        weights["peepholes"] = tf.zeros((3, 7), dtype)
    _, layer, dense = model.layers
    layer.return_state = True
    data = tf.constant(np.random.default_rng(2).normal(size=(4, 15, 3)), dtype)
    target = tf.constant(np.random.default_rng(3).normal(size=(4, 15, 2)), dtype)

    with tf.GradientTape() as tape:
        sequence, *last = layer(data)
        outputs = dense(sequence)
        loss = tf.reduce_mean((outputs - target) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)

    with tf.GradientTape() as tape:
        tape.watch(weights)
        watched = type(network)(**weights)
        state, ours_outputs = watched.initial_state(4), []
        for t in range(15):
            state = watched.step(state, data[:, t])
            ours_outputs.append(watched.readout(state))
        ours_outputs = tf.stack(ours_outputs, axis=1)
        ours_loss = tf.reduce_mean((ours_outputs - target) ** 2)
    ours_gradients = tape.gradient(ours_loss, weights)

    np.testing.assert_allclose(ours_outputs, outputs, rtol=0, atol=tolerance)
    np.testing.assert_allclose(state, tf.concat(last, axis=1), rtol=0, atol=tolerance)
    for (name, gradient), expected in zip(ours_gradients.items(), gradients, strict=False):
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=tolerance, err_msg=name)


def test_initial_weights_follow_keras():
    network = LSTM.create(3, 6, seed=4, dtype="float64")
    r = network.recurrent_kernel.numpy()
    np.testing.assert_allclose(r @ r.T, np.eye(6), atol=1e-12)
    np.testing.assert_array_equal(network.bias, np.repeat([0.0, 1.0, 0.0, 0.0], 6))
    assert np.abs(network.kernel).max() <= np.sqrt(6 / (3 + 24))
    keras_bias = keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(6)]).get_weights()[2]
    np.testing.assert_array_equal(network.bias, keras_bias)


@pytest.mark.parametrize("kind", [Elman, GRU])
def test_starts_as_keras_does(kind):
    network = kind.create(3, 6, seed=4, dtype="float64")
    r = network.recurrent_kernel.numpy()
    np.testing.assert_allclose(r @ r.T, np.eye(6), atol=1e-12)
    assert not np.any(network.bias)
    assert np.abs(network.kernel).max() <= np.sqrt(6 / (3 + kind.gates() * 6))
    assert (network.state_dim, network.units) == (6, 6)


@pytest.mark.parametrize(
    "network",
    [
        LSTM.create(2, 6, peepholes=True, dtype="float64"),
        Elman.create(2, 6, dtype="float64"),
        GRU.create(2, 6, dtype="float64"),
    ],
    ids=["LSTM", "Elman", "GRU"],
)
def test_units_fold_into_the_weights(network):
    network = randomised(network, 6)
    location, scale = np.array([3.0, -1.0]), 5.0
    data = np.random.default_rng(7).normal(size=(1, 30, 2))
    outside = network.in_units(location, scale)
    run = free_run(network, warm_up(network, data), 40)
    run_outside = free_run(outside, warm_up(outside, location + scale * data), 40)
    np.testing.assert_allclose(run_outside.outputs, location + scale * run.outputs, atol=1e-10)
    np.testing.assert_allclose(run_outside.state, run.state, atol=1e-10)


@pytest.mark.parametrize(
    ("location", "scale", "message"),
    [
        (0.0, 0.0, "scale: got 0.0, expected positive"),
        (0.0, [1.0, -1.0], "scale: got"),
        (np.nan, 1.0, "location: got nan, expected finite"),
        ([1, 2, 3], 1.0, r"location: got shape \(3,\) of int64, expected real numbers, \(2,\)"),
        (1j, 1.0, "location: got 1j, expected a real number"),
        (0.0, "2", "scale: got .2., expected a real number"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), 1.0, "location: got"),
    ],
)
def test_units_must_make_sense(location, scale, message):
    with pytest.raises(ValueError, match=message):
        LSTM.create(2, 3).in_units(location, scale)


@pytest.mark.parametrize("kind", [Elman, GRU])
def test_closes_its_loop_in_one_product(kind):
    network = randomised(kind.create(2, 6, dtype="float64"), 7)
    state = tf.constant(np.random.default_rng(8).normal(size=(3, 6)))
    expected = network.step(state, network.readout(state))
    np.testing.assert_allclose(network.closed_step(state), expected, atol=1e-13)


def test_memoryless_forgets():
    network = Memoryless(randomised(LSTM.create(2, 5), 8))
    u = tf.constant([[0.3, -0.2]])
    after_zero = network.step(network.initial_state(1), u)
    np.testing.assert_array_equal(network.step(after_zero, u), after_zero)
    assert (network.inputs, network.outputs, network.state_dim) == (2, 2, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": tf.zeros(7)}, "bias: got shape"),
        ({"kernel": tf.zeros((2, 5))}, "kernel: got shape"),
        ({"readout_kernel": tf.zeros((4, 2))}, "readout_kernel: got shape"),
        ({"peepholes": tf.zeros((3, 4))}, "peepholes: got shape"),
        ({"bias": tf.zeros(20, tf.float64)}, "bias: got float64"),
    ],
)
def test_weights_must_fit(change, message):
    with pytest.raises(ValueError, match=message):
        LSTM(**{**LSTM.create(2, 5).weights(), **change})


def test_elman_weights_must_fit():
    with pytest.raises(ValueError, match=r"kernel: got shape \(2, 20\), expected \(2, 5\)"):
        Elman(**LSTM.create(2, 5).weights())


def test_gru_weights_must_fit():
    with pytest.raises(ValueError, match=r"bias: got shape \(15,\), expected \(2, 15\)"):
        GRU(**GRU.create(2, 5).weights() | {"bias": tf.zeros(15)})


@pytest.mark.parametrize("kind", [Elman, GRU, LSTM, IncrementLSTM])
@pytest.mark.parametrize("units", [0, 2.5, True, np.nan, "8"])
def test_sizes_must_be_whole_and_positive(kind, units):
    with pytest.raises(ValueError, match="units: got"):
        kind.create(2, units)


@pytest.mark.parametrize("peepholes", [False, True])
def test_cast_is_the_same_network_in_other_numbers(peepholes):
    network = randomised(LSTM.create(2, 5, peepholes=peepholes), 8)
    double = cast(network, "float64")
    assert double.dtype == tf.float64
    for name, weight in double.weights().items():
        np.testing.assert_array_equal(weight, getattr(network, name))
    assert cast(Memoryless(network), "float64").network.dtype == tf.float64
    back = cast(double, "float32")
    np.testing.assert_array_equal(back.kernel, network.kernel)
    weights = random_weights(8, 2, radius=0.9, strength=0.1, density=1.0)
    reservoir = cast(ContinuousReservoir(**weights, gamma=5.0, dt=0.05), "float64")
    assert (reservoir.dtype, reservoir.gamma, reservoir.square) == (tf.float64, 5.0, True)


def test_an_increment_network_adds_what_the_lstm_says():
    network = IncrementLSTM.create(2, 5, seed=3, dtype="float64")
    plain = LSTM(**network.weights())
    u = np.random.default_rng(0).normal(size=(4, 2))
    state = network.step(network.initial_state(4), u)
    said = plain.readout(plain.step(plain.initial_state(4), u))
    np.testing.assert_allclose(network.readout(state), u + said, rtol=1e-14)
    np.testing.assert_allclose(
        network.closed_step(state), network.step(state, network.readout(state)), rtol=1e-14
    )
    moved = network.in_units([3.0, -1.0], 2.0)
    again = moved.step(moved.initial_state(4), [3.0, -1.0] + 2.0 * u)
    np.testing.assert_allclose(
        moved.readout(again), [3.0, -1.0] + 2.0 * network.readout(state), rtol=1e-12
    )


@pytest.mark.parametrize("peepholes", [False, True])
def test_networks_beside_each_other_are_what_each_is_alone(peepholes):
    sizes = {"inputs": 2, "units": 3, "outputs": 1, "peepholes": peepholes, "dtype": "float64"}
    networks = [randomised(LSTM.create(**sizes), seed) for seed in range(4)]
    together = LSTM(**beside(stacked(networks)))
    inputs = np.random.default_rng(0).normal(size=(5, 20, 2))
    expected = [network.readout(warm_up(network, inputs)) for network in networks]
    found = together.readout(warm_up(together, inputs))
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=1e-12)
    again = [network.weights() for network in unstacked(stacked(networks))]
    tf.nest.map_structure(
        np.testing.assert_array_equal, again, [network.weights() for network in networks]
    )
