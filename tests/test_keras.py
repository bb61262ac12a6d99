"""Exchange with Keras: exact both ways, and no model taken for what it is not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.keras import KINDS, from_keras, to_keras
from mflib.networks.lstm import LSTM, IncrementLSTM


def randomised(network, seed):
    """The network with every weight drawn at random, so that none is left at zero or one."""
    rng = np.random.default_rng(seed)
    weights = {k: rng.normal(0, 0.7, w.shape) for k, w in network.weights().items()}
    return type(network)(**{k: tf.constant(w, network.dtype) for k, w in weights.items()})


def outputs(network, inputs):
    """Of a network driven by sequences, shape (batch, time, outputs)."""
    state, found = network.initial_state(len(inputs)), []
    for u in tf.unstack(tf.constant(inputs, network.dtype), axis=1):
        state = network.step(state, u)
        found.append(network.readout(state))
    return tf.stack(found, axis=1).numpy()


def sequential(*parts, shape=(None, 3), **options):
    return keras.Sequential([keras.Input(shape, **options), *parts])


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from([Elman, GRU, LSTM, IncrementLSTM]),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 4)),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 10**6),
)
def test_round_trip_is_exact(kind, sizes, dtype, seed):
    inputs, units, outs = sizes
    outs = inputs if kind is IncrementLSTM else outs
    network = randomised(kind.create(inputs, units, outs, dtype=dtype), seed)
    back = from_keras(to_keras(network))
    assert (type(back), back.dtype) == (kind, network.dtype)
    for name, weight in network.weights().items():
        np.testing.assert_array_equal(weight, back.weights()[name], err_msg=name)


MODELS = {
    "last output": lambda: sequential(layers.LSTM(5), layers.Dense(3)),
    "all outputs": lambda: sequential(layers.GRU(5, return_sequences=True), layers.Dense(3)),
    "fixed length, unrolled": lambda: sequential(
        layers.SimpleRNN(5, unroll=True), layers.Dense(3), shape=(20, 3)
    ),
    "dropout": lambda: sequential(
        layers.LSTM(5, dropout=0.1, recurrent_dropout=0.2), layers.Dropout(0.3), layers.Dense(3)
    ),
    "without biases": lambda: sequential(
        layers.LSTM(5, use_bias=False), layers.Dense(3, use_bias=False)
    ),
    "GRU without biases": lambda: sequential(layers.GRU(5, use_bias=False), layers.Dense(3)),
    "stateful": lambda: sequential(
        layers.LSTM(5, stateful=True), layers.Dense(3), shape=(None, 3), batch_size=2
    ),
    "mixed precision": lambda: sequential(
        layers.LSTM(5, dtype="mixed_float16"), layers.Dense(3, dtype="mixed_float16")
    ),
    "no loop": lambda: sequential(layers.LSTM(5), layers.Dense(2)),
}


@pytest.mark.parametrize("create", MODELS.values(), ids=MODELS)
def test_takes_models_as_people_build_them(create):
    model = create()
    network = from_keras(model)
    data = np.random.default_rng(0).normal(size=(2, 20, 3)).astype("float32")
    expected = np.asarray(model(data, training=False), float)
    found = outputs(network, data)
    tolerance = 2e-2 if model.layers[0].compute_dtype == "float16" else 1e-5
    np.testing.assert_allclose(
        found if expected.ndim == 3 else found[:, -1], expected, atol=tolerance
    )


def test_a_stateful_model_keeps_its_state():
    model = MODELS["stateful"]()
    data = tf.ones((2, 6, 3))
    model(data)
    before = [state.numpy() for state in model.layers[0].states]
    from_keras(model)
    for state, kept in zip(model.layers[0].states, before, strict=True):
        np.testing.assert_array_equal(state, kept)


def test_weights_on_top_of_weights_are_taken_too():
    model = MODELS["last output"]()
    model.layers[-1].enable_lora(2)
    for variable in model.layers[-1].variables:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    data = np.random.default_rng(0).normal(size=(2, 20, 3))
    np.testing.assert_allclose(
        outputs(from_keras(model), data)[:, -1], model(tf.constant(data, tf.float32)), atol=1e-5
    )


class Residual(keras.Model):
    """A model whose layers are not the whole of it."""

    def __init__(self):
        super().__init__()
        self.recurrent, self.dense = layers.LSTM(5), layers.Dense(3)

    def call(self, x, training=None):
        return 0.5 * self.dense(self.recurrent(x))


def functional(make):
    inputs = keras.Input((None, 3))
    return keras.Model(inputs, make(inputs))


def twice(inputs):
    layer = layers.LSTM(3, return_sequences=True)
    return layers.Dense(3)(layer(layer(inputs)))


def cell_state(inputs):
    _, _, c = layers.LSTM(5, return_state=True)(inputs)
    return layers.Dense(3)(c)


def subclass():
    model = Residual()
    model(tf.zeros((1, 4, 3)))
    return model


OTHERWISE = {
    "operation before": lambda: functional(lambda x: layers.Dense(3)(layers.LSTM(5)(2 * x))),
    "operation between": lambda: functional(
        lambda x: layers.Dense(3)(keras.ops.relu(layers.LSTM(5)(x)))
    ),
    "operation after": lambda: functional(lambda x: layers.Dense(3)(layers.LSTM(5)(x)) + 1.0),
    "reversed": lambda: functional(lambda x: layers.Dense(3)(layers.LSTM(5)(x[:, ::-1]))),
    "used twice": lambda: functional(twice),
    "reads the cell": lambda: functional(cell_state),
    "normalised": lambda: sequential(layers.LayerNormalization(), layers.LSTM(5), layers.Dense(3)),
    "clipped": lambda: functional(
        lambda x: layers.Dense(3)(layers.LSTM(5)(keras.ops.clip(x, -5.0, 5.0)))
    ),
    "fewer outputs": lambda: functional(lambda x: 1.0 + layers.Dense(2)(layers.LSTM(5)(x))),
    "subclass": subclass,
    "half a residual": lambda: functional(
        lambda x: 0.5 * x[:, -1] + layers.Dense(3)(layers.LSTM(5)(x))
    ),
}


@pytest.mark.parametrize("create", OTHERWISE.values(), ids=OTHERWISE)
def test_no_model_becomes_another_network(create):
    model = create()
    for variable in model.trainable_variables:  # a fresh bias is zero, and would hide a shift
        variable.assign(np.random.default_rng(1).normal(size=variable.shape))
    with pytest.raises(ValueError, match=r"model: its outputs on random cues differ"):
        from_keras(model)


def test_a_residual_model_is_a_network_of_increments():
    model = functional(lambda x: x[:, -1] + layers.Dense(3)(layers.LSTM(5)(x)))
    assert type(from_keras(model)) is IncrementLSTM


def stacked():
    return sequential(layers.LSTM(4, return_sequences=True), layers.LSTM(4), layers.Dense(2))


def spoiled():
    model = sequential(layers.LSTM(4), layers.Dense(2))
    model.layers[-1].bias.assign([np.nan, 0.0])
    return model


REFUSED = {
    r"got layers \['LSTM'\], expected one": lambda: sequential(layers.LSTM(4)),
    r"got layers \['LSTM', 'LSTM', 'Dense'\]": stacked,
    "activation is relu, expected tanh": lambda: sequential(
        layers.LSTM(4, activation="relu"), layers.Dense(2)
    ),
    "recurrent_activation is tanh, expected sigmoid": lambda: sequential(
        layers.GRU(4, recurrent_activation="tanh"), layers.Dense(2)
    ),
    "reset_after is False": lambda: sequential(layers.GRU(4, reset_after=False), layers.Dense(2)),
    "go_backwards is True": lambda: sequential(
        layers.SimpleRNN(4, go_backwards=True), layers.Dense(2)
    ),
    "Dense activation is tanh": lambda: sequential(layers.LSTM(4), layers.Dense(2, "tanh")),
    "expected a built model": lambda: keras.Sequential([layers.LSTM(4), layers.Dense(2)]),
    "readout_bias: got values that are not finite": spoiled,
    "got str, expected a Keras model": lambda: "model.keras",
}


@pytest.mark.parametrize("message", REFUSED)
def test_refuses_what_it_cannot_represent(message):
    with pytest.raises(ValueError, match=message):
        from_keras(REFUSED[message]())


def test_peepholes_have_no_layer():
    with pytest.raises(ValueError, match="peepholes"):
        to_keras(LSTM.create(2, 3, peepholes=True))


def test_every_kind_of_layer_has_its_network():
    assert {kind for kinds in KINDS.values() for kind in kinds} == {Elman, GRU, LSTM, IncrementLSTM}
