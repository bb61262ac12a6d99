"""Exchange with Keras: models as networks, and proof that they compute the same."""

import contextlib
import functools
import itertools
import json
import os
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from mflib import checks
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Network, Recurrent

#: Layers, and the networks of ours that they may be part of.
KINDS = {
    keras.layers.SimpleRNN: (Elman,),
    keras.layers.GRU: (GRU,),
    keras.layers.LSTM: (LSTM, IncrementLSTM),
}
#: All that a model of one of these may consist of: beside its layers nothing that has a threshold,
#: which random cues may not reach.
PLAIN = {kind.__name__ for kind in KINDS}
PLAIN |= {"InputLayer", "Dense", "TimeDistributed", "Dropout", "GaussianNoise", "GetItem", "Add"}
#: What cannot be run sample by sample, and what to do instead.
INSTEAD = {
    "Bidirectional": "a loop cannot read the future; train one direction",
    "Embedding": "a loop feeds back real numbers; start the model from vectors",
    "Functional": "it is a model inside the model; put its layers in its place",
    "Lambda": "its code is not part of the model; use keras.ops or a registered layer",
    "Masking": "a loop skips no sample; leave it out, and give cues without padding",
    "RNN": "its equations are its own; write its step as a subclass of Network",
    "Sequential": "it is a model inside the model; put its layers in its place",
}
#: Of the random cues on which a model and a network are compared.
AMPLITUDES = (0.1, 1.0, 10.0)


class KerasNetwork(Network):
    """A Keras model, one sample at a time, as :func:`from_keras` makes it.

    The model's graph is cut at its recurrent layers. A step runs the cell of each on what the graph
    makes of the sample and of the layers before; the readout is what the graph makes of the last
    ones' outputs. The state is their states side by side, ``h`` or ``(h, c)``, and at the end the
    last input if the output depends on it directly.

    Attributes:
        variables (tuple of arrays): The model's weights, in its order.
        config: The model's architecture, as Keras writes it in JSON.
    """

    variables: tuple[tf.Tensor, ...]
    config: str

    inputs = property(lambda self: self._graph.model.inputs[0].shape[-1], doc="Their number.")
    outputs = property(lambda self: self._graph.model.outputs[0].shape[-1], doc="Their number.")
    parts = property(lambda self: tuple(self._graph.parts), doc="Sizes of the layers' states.")
    state_dim = property(lambda self: sum(self.parts), doc="Size of the state.")

    @property
    def _graph(self) -> "_Graph":
        return _graph(self.config, self.dtype.name)

    def __repr__(self) -> str:
        units = [f"{type(layer).__name__}({layer.units})" for layer, *_ in self._graph.layers]
        sizes = [f"{self.inputs} inputs", *units, f"{self.outputs} outputs", self.dtype.name]
        return f"KerasNetwork({', '.join(sizes)})"

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The cells of all recurrent layers, each on what comes out of those before it."""
        graph, parts = self._graph, self.apart(state)
        known, after = [u[:, None]], []
        with graph.holding(self.variables):
            for layer, before, k in graph.layers:
                old = parts[k : k + len(layer.state_size)]
                _, new = layer.cell(before(known)[:, 0], old, training=False)
                known.append(new[0][:, None] if layer.return_sequences else new[0])
                after += new
        return tf.concat(after + [u] * graph.keeps_input, 1)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """What the graph makes of the outputs of the recurrent layers."""
        graph, parts = self._graph, self.apart(state)
        known = [parts[-1][:, None]] * graph.keeps_input
        for layer, _, k in graph.layers:
            known.append(parts[k][:, None] if layer.return_sequences else parts[k])
        with graph.holding(self.variables):
            return tf.reshape(graph.after(known), (-1, self.outputs))


class _Graph:
    """A model for any length and batch, cut at its recurrent layers."""

    def __init__(self, config: str, dtype: str):
        general = {"dtype": dtype, "stateful": False, "unroll": False}

        def change(part: dict) -> dict:
            if part.get("batch_shape"):
                part["batch_shape"] = [None, None, part["batch_shape"][-1]]
            return part | {name: value for name, value in general.items() if name in part}

        changed = json.dumps(json.loads(config, object_hook=change))
        self.model = keras.models.model_from_json(changed)
        self.weights = [v for v in self.model.weights if tf.as_dtype(v.dtype).is_floating]
        known, self.layers = [*self.model.inputs], []
        self.parts: list[int] = []
        for layer in self.model.operations:
            if type(layer) in KINDS:
                before = keras.Function(known, keras.tree.flatten(layer.input)[0])
                self.layers.append((layer, before, len(self.parts)))
                self.parts += layer.state_size
                known = [*known, keras.tree.flatten(layer.output)[0]]
        try:
            self.after, self.keeps_input = keras.Function(known[1:], self.model.outputs[0]), False
        except ValueError:  # something leads past the recurrent layers
            self.after, self.keeps_input = keras.Function(known, self.model.outputs[0]), True
            self.parts.append(known[0].shape[-1])

    @contextlib.contextmanager
    def holding(self, values: Sequence[tf.Tensor]) -> Iterator[None]:
        """The model with these values of its weights."""
        with keras.StatelessScope(zip(self.weights, values, strict=True)):
            for layer in self.model.layers:
                if type(layer) is keras.layers.Normalization:
                    layer.finalize_state()  # it computes with copies of its weights
            yield


@functools.cache
def _graph(config: str, dtype: str) -> _Graph:
    with tf.init_scope():  # variables are made outside of the program that first asks
        return _Graph(config, dtype)


@tf.RegisterGradient("SoftsignGrad")
def _softsign(op: tf.Operation, upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The second derivative of ``softsign``, which tangents need and TensorFlow has not."""
    slope, x = op.inputs
    y = 1 / (1 + tf.abs(x))
    return upstream * y**2, -2 * upstream * slope * tf.sign(x) * y**3


def from_keras(model: keras.Model | str | os.PathLike) -> Network:
    """The network that a trained Keras model is.

    One recurrent layer and one linear ``Dense`` layer become the network of ours with the same
    weights, which can be trained and refined here. Any other graph of ``SimpleRNN``, ``GRU`` and
    ``LSTM`` layers with layers and operations that treat every sample alike (``Dense``,
    ``Normalization``, ``TimeDistributed``, sums) becomes a :class:`KerasNetwork`, with all options
    and activations. What is inactive in use, ``Dropout`` say, makes no difference.

    Whatever else the model does is not looked for but found out: model and network are run on
    random cues from states of zeros, and if their outputs differ there is no network.

    Args:
        model: Built or trained, or the path of a ``.keras`` file; inputs ``(batch, time,
            inputs)``, outputs ``(batch, outputs)`` or ``(batch, time, outputs)``. If there are
            more inputs than outputs, outputs are fed back as the first inputs; the rest are
            exogenous (:class:`~mflib.networks.recurrent.ConstantInputs`). In mixed precision the
            network has the type of the variables. The states that a stateful model is in are
            neither taken nor changed.

    Returns:
        Elman, GRU, LSTM, IncrementLSTM or KerasNetwork

    Raises:
        ValueError: If there is no such file, the model is not built, has layers that cannot be run
            sample by sample (the message says what to do instead) or weights that are not finite;
            or if model and network do not compute the same.

    Examples:
        >>> from keras import layers
        >>> model = [keras.Input((None, 3)), layers.LSTM(8), layers.Dense(3)]
        >>> from_keras(keras.Sequential(model))
        LSTM(3 inputs, 8 units, 3 outputs, float32)
        >>> model = [keras.Input((None, 3)), layers.GRU(4, return_sequences=True), layers.LSTM(8)]
        >>> network = from_keras(keras.Sequential([*model, layers.Dense(3, "tanh")]))
        >>> network, network.parts
        (KerasNetwork(3 inputs, GRU(4), LSTM(8), 3 outputs, float32), (4, 8, 8))
    """
    if isinstance(model, str | os.PathLike):
        try:
            model = keras.models.load_model(model, compile=False)
        except Exception as error:  # a damaged file fails in a dozen ways
            raise ValueError(f"model: got {model}, which Keras cannot load: {error}") from error
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(f"model: got {model!r}, expected a built Keras model or its path")
    names = [type(layer).__name__ for layer in model.layers]
    for name in names:
        if name in INSTEAD:
            raise ValueError(f"model: got {name}: {INSTEAD[name]}")
    for variable in model.weights:
        checks.reals(f"model: {variable.path}", np.asarray(variable, float), variable.shape)
    types = [tf.as_dtype(layer.compute_dtype).as_numpy_dtype for layer in model.layers]
    tolerance = float(max(np.spacing(kind(1)) for kind in types)) ** 0.75
    cause = None
    try:
        for network in itertools.chain(_ours(model), _whole(model)):
            difference = _difference(model, network)
            if difference <= tolerance:
                return network
        why = f"outputs on random cues differ by {difference:.1g} of their size"
    except (AttributeError, TypeError, ValueError, tf.errors.OpError) as error:
        why, cause = "see the error above", error
    raise ValueError(
        f"model: its layers {names} cannot be run sample by sample: {why}. Expected a Sequential "
        "or functional model of one input and one output, of layers that Keras can save, with "
        "memory in SimpleRNN, GRU and LSTM alone: forwards, from zeros, each used once, "
        "return_sequences=True between them. Any other step can be a subclass of Network"
    ) from cause


def to_keras(network: Recurrent) -> keras.Model:
    """The same as a Keras model, ``(batch, time, inputs) -> (batch, time, outputs)``.

    Raises:
        ValueError: If Keras has no such layer: it has no peepholes and no reservoirs.
    """
    layers = [layer for layer, kinds in KINDS.items() if type(network) in kinds]
    if not layers or getattr(network, "peepholes", None) is not None:
        expected = "an Elman network, a GRU or an LSTM without peepholes"
        raise ValueError(f"network: got {network}, expected {expected}")
    dtype = network.dtype.name
    inputs = keras.Input((None, network.inputs), dtype=dtype)
    units = layers[0](network.units, return_sequences=True, dtype=dtype)(inputs)
    outputs = keras.layers.Dense(network.outputs, dtype=dtype)(units)
    if isinstance(network, IncrementLSTM):
        outputs = keras.layers.Add(dtype=dtype)([inputs, outputs])
    model = keras.Model(inputs, outputs)
    model.set_weights([weight.numpy() for weight in network.weights().values()])
    return model


def _difference(model: keras.Model, network: Network) -> float:
    """Largest difference of the outputs of model and network, for the size of the model's."""
    batch, time, *_ = getattr(model, "input_shape", None) or (None, None)
    batch, time = batch or len(AMPLITUDES), time or 12
    cue = np.random.default_rng(0).normal(size=(batch, time, network.inputs))
    cue *= np.resize(AMPLITUDES, (batch, 1, 1))
    cue = tf.constant(cue, network.dtype)
    states = [v for x in model.layers if getattr(x, "stateful", False) for v in x.states]
    with keras.StatelessScope([(v, keras.ops.zeros_like(v)) for v in states]):
        theirs = np.asarray(model(cue, training=False), float)
    state, outputs = network.initial_state(batch), []
    for u in tf.unstack(cue, axis=1):
        state = network.step(state, u)
        outputs.append(network.readout(state))
    ours = np.stack(outputs, axis=1).astype(float)
    ours = ours[:, -1] if theirs.ndim == 2 else ours
    if ours.shape != theirs.shape:
        return np.inf
    return float(np.max(np.abs(ours - theirs)) / max(1.0, np.max(np.abs(theirs))))


def _ours(model: keras.Model) -> Iterator[Recurrent]:
    """Networks of ours that the model may be: one recurrent and one linear layer."""
    layers = [x.layer if type(x) is keras.layers.TimeDistributed else x for x in model.layers]
    recurrent = [x for x in layers if type(x) in KINDS]
    linear = keras.activations.linear
    dense = [x for x in layers if type(x) is keras.layers.Dense and x.activation is linear]
    operations = {type(x).__name__ for x in getattr(model, "operations", layers)}
    if len(recurrent) != 1 or len(dense) != 1 or operations - PLAIN:
        return
    (layer,), (readout,) = recurrent, dense
    cell = layer.cell
    found = cell.kernel, cell.recurrent_kernel, cell.bias, readout.kernel, readout.bias
    shapes = KINDS[type(layer)][0].layout(cell.kernel.shape[0], layer.units, readout.units)
    weights = {  # without peepholes, which come last; a bias that is not there is zero
        name: tf.constant(np.broadcast_to(0 if w is None else w, shape), cell.kernel.dtype)
        for (name, shape), w in zip(shapes.items(), found, strict=False)
    }
    can_add = cell.kernel.shape[0] == readout.units  # its input, as an IncrementLSTM does
    for kind in KINDS[type(layer)][: 1 + can_add]:
        yield kind(**weights)


def _whole(model: keras.Model) -> Iterator[KerasNetwork]:
    """The network that has the model's graph."""
    (u,), (y,) = model.inputs, model.outputs
    model = keras.Model(u, y)
    weights = [v for v in model.weights if tf.as_dtype(v.dtype).is_floating]
    dtype = keras.backend.result_type("float32", *(v.dtype for v in weights))
    variables = tuple(tf.constant(np.asarray(v, float), dtype) for v in weights)
    yield KerasNetwork(variables, model.to_json())
