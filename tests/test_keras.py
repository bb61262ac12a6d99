"""Exchange with Keras: exact both ways, and no model taken for what it is not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from mflib.dynamics.lyapunov import random_frame
from mflib.modelling.closed_loop import free_run, jacobian, propagate_tangents, warm_up
from mflib.modelling.exponents import network_spectrum
from mflib.modelling.skeleton import fixed_points
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.keras import KINDS, KerasNetwork, from_keras, to_keras
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.reservoirs import LeakyReservoir, random_weights

LEAKY = LeakyReservoir(
    **random_weights(8, 2, radius=0.9, strength=0.1, density=1.0), bias=tf.zeros(8), leak=0.5
)


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
    "for each time": lambda: sequential(
        layers.LSTM(5, return_sequences=True), layers.TimeDistributed(layers.Dense(3))
    ),
    "no loop": lambda: sequential(layers.LSTM(5), layers.Dense(2)),
}


@pytest.mark.parametrize("create", MODELS.values(), ids=MODELS)
def test_takes_models_as_people_build_them(create):
    model = create()
    network = from_keras(model)
    assert type(network) in (Elman, GRU, LSTM)
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


def functional(make):
    inputs = keras.Input((None, 3))
    return keras.Model(inputs, make(inputs))


def normalised(make):
    """A functional model whose first layer has been adapted to data."""
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal([1.0, -2.0, 0.0], [3.0, 0.5, 1.0], (50, 4, 3)))
    return functional(lambda x: make(layer(x)))


def stack(layer, *units, **options):
    return [layer(n, return_sequences=True, **options) for n in units]


def reads_the_cell(x):
    return layers.Dense(3)(layers.LSTM(5, return_state=True)(x)[2])


def side_by_side(x):
    both = layers.LSTM(3)(x), layers.GRU(4, reset_after=False)(layers.Dense(2, "gelu")(x))
    return layers.Dense(3, "tanh")(layers.Concatenate()(both))


#: Models whose whole graph is the network, each with three inputs and three outputs.
GRAPHS = {
    "LSTM, LSTM": lambda: sequential(*stack(layers.LSTM, 5, 4), layers.Dense(3)),
    "GRU, GRU": lambda: sequential(*stack(layers.GRU, 5, 4), layers.Dense(3)),
    "GRU that resets before": lambda: sequential(
        *stack(layers.GRU, 5, 4, reset_after=False), layers.Dense(3)
    ),
    "SimpleRNN, SimpleRNN": lambda: sequential(*stack(layers.SimpleRNN, 5, 4), layers.Dense(3)),
    "one of each, last output": lambda: sequential(
        *stack(layers.GRU, 3), *stack(layers.SimpleRNN, 4), layers.LSTM(5), layers.Dense(3)
    ),
    "relu and hard sigmoid": lambda: sequential(
        layers.LSTM(5, activation="relu", recurrent_activation="hard_sigmoid"),
        layers.Dense(6, "elu"),
        layers.Dense(3, "tanh"),
    ),
    "no readout": lambda: sequential(*stack(layers.LSTM, 5, 3)),
    "normalised": lambda: normalised(lambda x: layers.Dense(3)(layers.LSTM(5)(x))),
    "normalised, with dropout, for each time": lambda: normalised(
        lambda x: layers.TimeDistributed(layers.Dense(3))(
            layers.Dropout(0.5)(layers.GRU(5, return_sequences=True, dropout=0.3)(x))
        )
    ),
    "half a residual": lambda: functional(
        lambda x: 0.5 * x[:, -1] + layers.Dense(3)(layers.GRU(5)(x))
    ),
    "operations": lambda: functional(
        lambda x: 1.0 + layers.Dense(3)(keras.ops.relu(layers.LSTM(5)(keras.ops.clip(x, -9, 9))))
    ),
    "layer normalisation": lambda: sequential(
        layers.LayerNormalization(), layers.LSTM(5), layers.Dense(3)
    ),
    "side by side": lambda: functional(side_by_side),
    "fixed length, unrolled, stateful": lambda: sequential(
        layers.LSTM(5, unroll=True, return_sequences=True, stateful=True),
        layers.LSTM(4, stateful=True),
        layers.Dense(3, "tanh"),
        shape=(20, 3),
        batch_size=2,
    ),
}


def lively(create, seed=0, scale=0.6):
    """The model with weights that are no longer small, and biases that are not zero."""
    model, rng = create(), np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, scale, size=variable.shape))
    return model


def own_loop(model, cue, steps):
    """What Keras itself does: the whole sequence again for every sample."""
    sequence = cue
    for _ in range(steps):
        next_one = np.asarray(model(sequence, training=False))
        next_one = next_one if next_one.ndim == 2 else next_one[:, -1]
        sequence = np.concatenate([sequence, next_one[:, None]], axis=1)
    return sequence[:, cue.shape[1] :]


@pytest.fixture
def double_precision():
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


def check_free_run(name, dtype, tolerance):
    model = lively(GRAPHS[name])
    network = from_keras(model)
    assert (type(network), network.dtype) == (KerasNetwork, dtype)
    cue = np.random.default_rng(1).normal(size=(2, 20, 3)).astype(dtype)
    run = free_run(network, warm_up(network, cue), 1 if "fixed" in name else 40)
    assert np.std(run.outputs) > 0.05
    expected = own_loop(model, cue, run.outputs.shape[1])
    np.testing.assert_allclose(run.outputs, expected, rtol=0, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", GRAPHS)
def test_runs_as_in_keras(name):
    check_free_run(name, "float32", 1e-5)


@pytest.mark.parametrize("name", ["LSTM, LSTM", "GRU that resets before", "normalised"])
def test_runs_as_in_keras_in_double_precision(name, double_precision):
    check_free_run(name, "float64", 1e-10)


def test_mixed_precision_is_taken_in_that_of_the_variables():
    options = {"dtype": "mixed_float16"}
    model = sequential(*stack(layers.LSTM, 5, 4, **options), layers.Dense(3, **options))
    network = from_keras(model)
    assert network.dtype == "float32"
    data = np.random.default_rng(0).normal(size=(2, 20, 3)).astype("float32")
    np.testing.assert_allclose(outputs(network, data), model(data), atol=1e-2)


def test_the_state_has_the_states_of_the_layers_side_by_side():
    model = lively(GRAPHS["one of each, last output"])
    network = from_keras(model)
    assert (network.inputs, network.outputs, network.parts) == (3, 3, (3, 4, 5, 5))
    assert repr(network) == (
        "KerasNetwork(3 inputs, GRU(3), SimpleRNN(4), LSTM(5), 3 outputs, float32)"
    )
    x, states = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32"), []
    state = warm_up(network, x)
    for layer in model.layers[:3]:
        layer.return_state, layer.return_sequences = True, True
        x, *last = layer(x)
        states += last
    np.testing.assert_allclose(state, np.concatenate(states, axis=1), atol=1e-6)
    for weight, variable in zip(network.variables, model.weights, strict=True):
        np.testing.assert_array_equal(weight, variable)


def test_an_input_that_the_output_depends_on_is_part_of_the_state():
    network = from_keras(lively(GRAPHS["half a residual"]))
    assert network.parts == (5, 3)
    u = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    np.testing.assert_array_equal(network.step(network.initial_state(2), u)[:, 5:], u)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LSTM, LSTM", "GRU that resets before", "normalised"])
def test_exponents_are_those_of_numerical_jacobians(name, double_precision):
    """Of Keras' layers, given states to start from; all exponents, by a product of 300."""
    model = lively(GRAPHS[name])
    network = from_keras(model)
    recurrent = [layer for layer in model.layers if isinstance(layer, layers.RNN)]
    norm = next((x for x in model.layers if isinstance(x, layers.Normalization)), lambda x: x)

    def step(state):
        parts = iter(np.split(state, np.cumsum(network.parts)[:-1], axis=1))
        states = [[next(parts) for _ in layer.state_size] for layer in recurrent]
        x, after = model.layers[-1](states[-1][0])[:, None], []
        x = norm(x)
        for layer, start in zip(recurrent, states, strict=True):
            layer.return_state = layer.return_sequences = True
            x, *new = layer(x, initial_state=[keras.ops.convert_to_tensor(part) for part in start])
            after += new
        return np.concatenate(after, axis=1)

    state = warm_up(network, np.random.default_rng(1).normal(size=(1, 200, 3))).numpy()
    found = network_spectrum(network, state, steps=300, discard=0)
    frame, small = np.eye(network.state_dim), 1e-5 * np.eye(network.state_dim)
    frame = random_frame(np.random.default_rng(0), 1, *frame.shape)[0]
    logarithms = []
    for _ in range(300):
        slopes = (step(state + small) - step(state - small)).T / 2e-5
        frame, triangle = np.linalg.qr(slopes @ frame)
        logarithms.append(np.log(np.abs(np.diag(triangle))))
        state = step(state)
    np.testing.assert_allclose(found.exponents, np.mean(logarithms, axis=0), rtol=0.01)


def test_every_activation_has_its_derivatives(double_precision):
    """In a chain of layers; a slope by automatic differentiation against differences."""
    # no activations; one that halves the units, unknown to Dense; one that has to be given a number
    without = {"deserialize", "get", "serialize", "glu", "threshold"}
    names = [n for n, f in vars(keras.activations).items() if callable(f) and n not in without]
    assert len(names) > 20
    recurrent = [
        layers.LSTM(2, activation=a, recurrent_activation="hard_sigmoid", return_sequences=True)
        for a in ("softsign", "swish")
    ]
    chain = [part for a in names for part in (layers.Dense(4, a), layers.LayerNormalization())]
    network = from_keras(lively(lambda: sequential(*recurrent, *chain, layers.Dense(3))))
    state = np.random.default_rng(0).normal(size=(1, network.state_dim))
    found = jacobian(network, state)[0]
    small = 1e-6 * np.eye(network.state_dim)
    slopes = network.closed_step(state + small) - network.closed_step(state - small)
    np.testing.assert_allclose(found, np.transpose(slopes) / 2e-6, atol=1e-6)
    run = propagate_tangents(network, state, np.eye(network.state_dim)[None], steps=5)
    assert np.all(run.bounded)


def test_fixed_points_of_two_layers():
    """``h1' = tanh(2 h2)``, ``h2' = tanh(2 h1')``: rest, and two others where both are alike."""
    model = sequential(*stack(layers.SimpleRNN, 1, 1, use_bias=False), shape=(None, 1))
    model.set_weights([np.array([[w]]) for w in (2.0, 0.0, 2.0, 0.0)])
    found = fixed_points(from_keras(model), [[0.1, 0.1], [0.8, 0.9], [-1.0, -1.0]])
    own = 0.957504024077
    np.testing.assert_allclose(found.states, [[-own, -own], [0, 0], [own, own]], atol=1e-9)
    np.testing.assert_allclose(found.multipliers[1], [4, 0], atol=1e-8)
    np.testing.assert_allclose(found.multipliers[0], [(2 * (1 - own**2)) ** 2, 0], atol=1e-8)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras' own, of NumPy 2
def test_of_a_saved_model_its_path_is_enough(tmp_path):
    model, path = lively(GRAPHS["normalised"]), tmp_path / "mein Modell ä.keras"
    model.save(path)
    found, data = from_keras(path), np.ones((1, 20, 3), np.float32)
    np.testing.assert_array_equal(outputs(found, data), outputs(from_keras(str(path)), data))
    np.testing.assert_allclose(outputs(found, data)[:, -1], model(data), atol=1e-6)
    path.write_bytes(path.read_bytes()[:2000])
    for unreadable in (path, tmp_path / "nothing.keras"):
        with pytest.raises(ValueError, match=r"model: got .*keras, which Keras cannot load"):
            from_keras(unreadable)


@keras.saving.register_keras_serializable("tests")
class Doubled(layers.Layer):
    """A layer of one's own that Keras can make again."""

    def call(self, x):
        return 2 * x


class Unknown(Doubled):
    """One that it cannot."""


def test_a_registered_layer_is_one_like_others():
    model = sequential(Doubled(), layers.LSTM(4), layers.Dense(3))
    data = np.random.default_rng(0).normal(size=(2, 20, 3)).astype("float32")
    np.testing.assert_allclose(outputs(from_keras(model), data)[:, -1], model(data), atol=1e-6)


class Subclass(keras.Model):
    """A model whose graph Keras does not know."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.recurrent, self.dense = factor, layers.LSTM(5), layers.Dense(3)

    def call(self, x, training=None):
        return self.factor * self.dense(self.recurrent(x))


def subclass(factor=0.5):
    model = Subclass(factor)
    model(tf.zeros((1, 4, 3)))
    return model


def test_a_subclassed_model_may_be_one_layer():
    assert type(from_keras(lively(lambda: subclass(1.0)))) is LSTM


def twice(inputs):
    layer = layers.LSTM(3, return_sequences=True)
    return layers.Dense(3)(layer(layer(inputs)))


def final_state(inputs):
    sequence, _, c = layers.LSTM(5, return_sequences=True, return_state=True)(inputs)
    return layers.Dense(3)(sequence) + layers.Dense(3)(c)[:, None]


OTHERWISE = {
    "reads the cell": lambda: functional(reads_the_cell),
    "starts from its input": lambda: functional(
        lambda x: layers.LSTM(3)(x, initial_state=[x[:, 0], x[:, 0]])
    ),
    "backwards": lambda: sequential(layers.SimpleRNN(4, go_backwards=True), layers.Dense(3)),
    "one vector for many times": lambda: sequential(
        layers.LSTM(4), layers.RepeatVector(5), layers.LSTM(4), layers.Dense(3)
    ),
    "reversed": lambda: functional(lambda x: layers.Dense(3)(layers.LSTM(5)(x[:, ::-1]))),
    "used twice": lambda: functional(twice),
    "reads the last state everywhere": lambda: functional(final_state),
    "convolution": lambda: sequential(
        layers.Conv1D(4, 3, padding="causal"), layers.LSTM(4), layers.Dense(3)
    ),
    "pooling": lambda: sequential(
        layers.LSTM(4, return_sequences=True), layers.GlobalAveragePooling1D(), layers.Dense(3)
    ),
    "one vector in the middle": lambda: sequential(
        layers.LSTM(4), layers.Reshape((1, 4)), layers.LSTM(4), layers.Dense(3)
    ),
}


@pytest.mark.parametrize("create", OTHERWISE.values(), ids=OTHERWISE)
def test_no_model_becomes_another_network(create):
    with pytest.raises(ValueError, match=r"model: its layers .* cannot be run sample by sample"):
        from_keras(lively(create))


def test_a_residual_model_is_a_network_of_increments():
    model = functional(lambda x: x[:, -1] + layers.Dense(3)(layers.LSTM(5)(x)))
    assert type(from_keras(model)) is IncrementLSTM


def spoiled():
    model = sequential(layers.LSTM(4), layers.Dense(2))
    model.layers[-1].bias.assign([np.nan, 0.0])
    return model


def two_inputs():
    a, b = keras.Input((None, 2)), keras.Input((None, 1))
    return keras.Model([a, b], layers.LSTM(4)(layers.Concatenate()([a, b])))


REFUSED = {
    "got Bidirectional: a loop cannot read the future": lambda: sequential(
        layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)
    ),
    "got Masking: a loop skips no sample": lambda: sequential(
        layers.Masking(), layers.LSTM(4), layers.Dense(2)
    ),
    "got Embedding: a loop feeds back real numbers": lambda: sequential(
        layers.Embedding(5, 3), layers.LSTM(4), layers.Dense(2), shape=(None,)
    ),
    "got Lambda: its code is not part of the model": lambda: sequential(
        layers.Lambda(lambda x: 2 * x), layers.LSTM(4), layers.Dense(2)
    ),
    "got RNN: its equations are its own; write its step": lambda: sequential(
        layers.RNN(layers.LSTMCell(4)), layers.Dense(2)
    ),
    "got Sequential: it is a model inside the model": lambda: sequential(
        layers.Normalization(), sequential(layers.LSTM(4), layers.Dense(2))
    ),
    r"layers \['Unknown', 'LSTM', 'Dense'\] cannot be run.* that Keras can save": lambda: (
        sequential(Unknown(), layers.LSTM(4), layers.Dense(2))
    ),
    r"layers \['Conv1D', 'LSTM', 'Dense'\] cannot be run": lambda: sequential(
        layers.Conv1D(4, 3), layers.LSTM(4), layers.Dense(2)
    ),
    "see the error above. Expected .* one input and one output": two_inputs,
    r"layers \['LSTM', 'Dense'\] cannot be run.* a Sequential or functional model": subclass,
    "got <Sequential .*, expected a built": lambda: keras.Sequential([layers.LSTM(4)]),
    "bias: got values that are not finite": spoiled,
    r"got \[1, 2\], expected a built Keras model": lambda: [1, 2],
}


@pytest.mark.parametrize("message", REFUSED)
def test_refuses_what_it_cannot_represent(message):
    with pytest.raises(ValueError, match=message):
        from_keras(REFUSED[message]())


@pytest.mark.parametrize("network", [LEAKY, None], ids=["a reservoir", "nothing"])
def test_what_keras_has_no_layer_for(network):
    with pytest.raises(ValueError, match=r"network: got .*, expected an Elman network"):
        to_keras(network)


def test_peepholes_have_no_layer():
    with pytest.raises(ValueError, match="peepholes"):
        to_keras(LSTM.create(2, 3, peepholes=True))


def test_every_kind_of_layer_has_its_network():
    assert {kind for kinds in KINDS.values() for kind in kinds} == {Elman, GRU, LSTM, IncrementLSTM}
