"""Exchange with Keras: models as networks, and proof that they compute the same."""

import contextlib
import functools
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mflib import checks
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Network

#: Layers, and the networks of ours that they may be part of.
KINDS = {
    keras.layers.SimpleRNN: (Elman,),
    keras.layers.GRU: (GRU,),
    keras.layers.LSTM: (LSTM, IncrementLSTM),
}
#: What else there may be in a model that is one of these: nothing that has a threshold.
BESIDE = {"InputLayer", "Dense", "TimeDistributed", "Dropout", "GaussianNoise", "GetItem", "Add"}
#: What cannot be run sample by sample, and what to do instead.
UNSUPPORTED = {
    "Bidirectional": "it reads the future, which a loop has not; take one direction",
    "Embedding": "its inputs are whole numbers; take the model from its outputs on",
    "Lambda": "a model does not keep its code; use keras.ops or a registered layer of your own",
    "Masking": "it skips samples; leave it out and give cues without padding",
    "RepeatVector": "it makes one vector a sequence; set return_sequences=True before it",
}
#: Of the random cues on which a model and a network are compared.
AMPLITUDES = (0.1, 1.0, 10.0)


class KerasNetwork(Network):
    """A Keras model, one sample at a time.

    The model's graph is cut at its recurrent layers. A step runs the cell of each on what the graph
    makes of the sample and of the layers before; the readout is what the graph makes of the last
    ones' outputs. The state is their states side by side, ``h`` or ``(h, c)``, and at the end the
    last input if the output depends on it directly.

    Attributes:
        variables (tuple of arrays): The model's weights, in its order.
        config: The model's architecture, as Keras writes it in JSON.

    Raises:
        ValueError: If the variables do not fit the architecture.
    """

    variables: tuple[tf.Tensor, ...]
    config: str

    inputs = property(lambda self: self._graph.model.inputs[0].shape[-1], doc="Their number.")
    outputs = property(lambda self: self._graph.model.outputs[0].shape[-1], doc="Their number.")
    parts = property(lambda self: self._graph.parts, doc="Sizes of the layers' states.")
    state_dim = property(lambda self: sum(self.parts), doc="Size of the state.")

    @property
    def _graph(self) -> "_Graph":
        return _graph(self.config, self.dtype.name)

    def __validate__(self):
        got, expected = ([tuple(v.shape) for v in x] for x in (self.variables, self._graph.floats))
        if got != expected:
            raise ValueError(f"variables: got shapes {got}, expected {expected}")

    def __repr__(self) -> str:
        units = [f"{type(layer).__name__}({layer.units})" for layer in self._graph.layers]
        sizes = f"{self.inputs} inputs, {', '.join(units)}, {self.outputs} outputs"
        return f"KerasNetwork({sizes}, {self.dtype.name})"

    def weights(self) -> dict[str, tf.Tensor]:
        """The variables by number and name, in the model's order."""
        names = [f"{k} {variable.path}" for k, variable in enumerate(self._graph.floats)]
        return dict(zip(names, self.variables, strict=True))

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The cells of all recurrent layers, each on what comes out of those before it."""
        graph, after, returned = self._graph, [], [u[:, None]]
        states, _ = graph.by_layer(self.apart(state))
        with graph.holding(self.variables):
            for layer, before, old in zip(graph.layers, graph.before, states, strict=True):
                _, new = layer.cell(before(returned)[:, 0], old, training=False)
                after += new
                returned += _returned(layer, new)
        return tf.concat([*after, u] if graph.keeps_input else after, 1)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """What the graph makes of the outputs of the recurrent layers."""
        graph = self._graph
        states, kept = graph.by_layer(self.apart(state))
        returned = [u[:, None] for u in kept]
        for layer, parts in zip(graph.layers, states, strict=True):
            returned += _returned(layer, parts)
        with graph.holding(self.variables):
            return tf.reshape(graph.after(returned), (-1, self.outputs))


class _Graph:
    """A model cut at its recurrent layers, for any length and batch, with states in no layer."""

    def __init__(self, config: str, dtype: str):
        self.model = _model(config, dtype)
        self.floats = [v for v in self.model.weights if tf.as_dtype(v.dtype).is_floating]
        operations = self.model.operations
        self.layers = [layer for layer in operations if type(layer) in KINDS]
        self.normalizations = [x for x in operations if type(x) is keras.layers.Normalization]
        self.parts = tuple(size for layer in self.layers for size in layer.state_size)
        known, self.before = list(self.model.inputs), []
        for layer in self.layers:
            self.before.append(keras.Function(known, layer.input))
            known = [*known, *keras.tree.flatten(layer.output)]
        (u, *returned), y = known, self.model.outputs[0]
        try:
            self.after, self.keeps_input = keras.Function(returned, y), False
        except ValueError:  # something leads past the recurrent layers
            self.after, self.keeps_input = keras.Function(known, y), True
            self.parts += u.shape[-1:]

    def by_layer(self, parts: Sequence[tf.Tensor]) -> tuple[list[list[tf.Tensor]], list[tf.Tensor]]:
        """Parts of a state, those of each layer together; and the last input, if it is kept."""
        left = iter(parts)
        return [[next(left) for _ in layer.state_size] for layer in self.layers], list(left)

    @contextlib.contextmanager
    def holding(self, values: Sequence[tf.Tensor]) -> Iterator[None]:
        """The model with these values of its variables."""
        with keras.StatelessScope(zip(self.floats, values, strict=True)):
            for layer in self.normalizations:
                layer.finalize_state()  # it computes with copies of its variables
            yield


@functools.cache
def _graph(config: str, dtype: str) -> _Graph:
    with tf.init_scope():
        return _Graph(config, dtype)


def _model(config: str, dtype: str) -> keras.Model:
    """A model for any length and batch, in one type of numbers."""
    general = {"dtype": dtype, "stateful": False, "unroll": False}

    def change(part: dict[str, Any]) -> dict[str, Any]:
        if part.get("batch_shape"):
            part["batch_shape"] = [None, None, part["batch_shape"][-1]]
        return part | {name: value for name, value in general.items() if name in part}

    return keras.models.model_from_json(json.dumps(json.loads(config, object_hook=change)))


def _returned(layer: keras.layers.RNN, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """What a recurrent layer passes on when it has come to these states."""
    h = states[0][:, None] if layer.return_sequences else states[0]
    return [h, *states] if layer.return_state else [h]


def from_keras(model: keras.Model | str | os.PathLike) -> Network:
    """The network that a trained Keras model is.

    One recurrent layer and one linear ``Dense`` layer become the network of ours with the same
    weights, which can be trained and refined here. Any other graph of ``SimpleRNN``, ``GRU`` and
    ``LSTM`` layers with layers and operations that treat every sample alike (``Dense``,
    ``Normalization``, ``TimeDistributed``, sums) becomes a :class:`KerasNetwork`, with all options
    and activations. What is inactive in use, ``Dropout`` say, makes no difference.

    That nothing is overlooked is found out: model and network are run on random cues from states
    of zeros, and if their outputs differ there is no network.

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
        FileNotFoundError: If there is no such file.
        ValueError: If the model is not built, has layers that cannot be run sample by sample
            (the message says what to do instead) or weights that are not finite; or if model and
            network do not compute the same.

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
        model = _load(Path(model))
    if not isinstance(model, keras.Model):
        raise ValueError(f"model: got {type(model).__name__}, expected a Keras model or a path")
    if not model.built:
        raise ValueError("model: got layers without weights, expected a built model")
    _refuse_unsupported(model)
    types = [layer.compute_dtype for layer in model.layers]
    types += [x.dtype for x in getattr(model, "inputs", None) or ()]
    rounding = max(np.spacing(np.ones((), tf.as_dtype(t).as_numpy_dtype)) for t in types)
    differences = []
    for network in itertools.chain(_plain(model), _whole(model)):
        differences.append(_difference(model, network))
        if differences[-1] <= float(rounding) ** 0.75:
            return network
    raise ValueError(
        f"model: its outputs on random cues differ by {min(differences):.1g} of their size from "
        f"those of its layers {_names(model)} run sample by sample; expected memory in recurrent "
        "layers only, each used once: no convolution, pooling or attention over time, and all "
        "samples between recurrent layers (return_sequences=True)"
    )


def to_keras(network: Network) -> keras.Model:
    """The same as a Keras model, ``(batch, time, inputs) -> (batch, time, outputs)``.

    A :class:`KerasNetwork` becomes the model that it was, with outputs as that had them.

    Raises:
        ValueError: If Keras has no such layer: it has no peepholes and no reservoirs.
    """
    if isinstance(network, KerasNetwork):
        graph = _Graph(network.config, network.dtype.name)
        for variable, value in zip(graph.floats, network.variables, strict=True):
            variable.assign(value)
        for layer in graph.normalizations:
            layer.finalize_state()
        return graph.model
    layers = [layer for layer, kinds in KINDS.items() if type(network) in kinds]
    if not layers or getattr(network, "peepholes", None) is not None:
        expected = "an Elman network, a GRU, an LSTM without peepholes or a KerasNetwork"
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


def random_cue(network: Network, batch: int | None = None, time: int | None = None) -> tf.Tensor:
    """Noise of several amplitudes, ``(batch, time, inputs)``, on which to compare."""
    batch, time = batch or len(AMPLITUDES), time or 12
    cue = np.random.default_rng(0).normal(size=(batch, time, network.inputs))
    return tf.constant(cue * np.resize(AMPLITUDES, (batch, 1, 1)), network.dtype)


def difference(network: Network, cue: tf.Tensor, outputs: npt.ArrayLike) -> float:
    """How far a network's outputs on a cue are from these, of all samples or the last, at most.

    In units of the largest of them, or of 1 if that is smaller; infinite for another shape.
    """
    theirs = np.asarray(outputs, float)
    state, found = network.initial_state(cue.shape[0]), []
    for u in tf.unstack(cue, axis=1):
        state = network.step(state, u)
        found.append(network.readout(state))
    ours = np.stack(found, axis=1).astype(float)
    ours = ours[:, -1] if theirs.ndim == 2 else ours
    if ours.shape != theirs.shape:
        return np.inf
    return float(np.max(np.abs(ours - theirs)) / max(1.0, np.max(np.abs(theirs))))


def _load(path: Path) -> keras.Model:
    if not path.is_file():
        raise FileNotFoundError(f"model: there is no file {path}")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged file fails in a dozen ways, a layer of one's own in two
        reasons = "is no .keras file, is damaged, or has layers not registered with Keras"
        raise ValueError(f"model: {path} {reasons}") from error


def _names(model):
    return [type(x).__name__ for x in model.layers if not isinstance(x, keras.layers.InputLayer)]


def _refuse_unsupported(model):
    for layer in model.layers:
        name, known = type(layer).__name__, type(layer) in KINDS
        reason = UNSUPPORTED.get(name)
        has_graph = getattr(model, "inputs", None) is not None
        if known and layer.go_backwards:
            reason = "go_backwards is True; a loop runs forwards"
        elif known and has_graph and isinstance(layer.input, list):
            reason = "it is given states or a mask; it has to start from zeros and see all samples"
        elif isinstance(layer, keras.layers.RNN) and not known:
            reason = "its equations are its own; write its step as a subclass of Network"
        elif any(isinstance(x, keras.layers.RNN) for x in getattr(layer, "layers", ())):
            reason = "a model inside the model; put its layers in its place"
        if reason:
            raise ValueError(f"model: got {name}: {reason}")


def _plain(model):
    """Networks of ours that the model may be: one recurrent and one linear layer."""
    layers = [x.layer if type(x) is keras.layers.TimeDistributed else x for x in model.layers]
    recurrent = [layer for layer in layers if type(layer) in KINDS]
    dense = [layer for layer in layers if type(layer) is keras.layers.Dense]
    kinds = {kind.__name__ for kind in KINDS}
    operations = {type(x).__name__ for x in getattr(model, "operations", model.layers)}
    if len(recurrent) != 1 or len(dense) != 1 or not operations <= BESIDE | kinds:
        return
    layer, readout, sigmoid = recurrent[0], dense[0], keras.activations.sigmoid
    if (
        layer.activation is not keras.activations.tanh
        or getattr(layer, "recurrent_activation", sigmoid) is not sigmoid
        or not getattr(layer, "reset_after", True)
        or readout.activation is not keras.activations.linear
    ):
        return
    cell = layer.cell
    found = cell.kernel, cell.recurrent_kernel, cell.bias, readout.kernel, readout.bias
    shapes = KINDS[type(layer)][0].layout(cell.kernel.shape[0], layer.units, readout.units)
    weights = dict(zip(shapes, found, strict=False))  # peepholes, which come last, are not found
    for name, weight in weights.items():
        array = np.zeros(shapes[name]) if weight is None else np.asarray(weight)
        weights[name] = tf.constant(checks.reals(name, array, shapes[name]), cell.kernel.dtype)
    can_add = cell.kernel.shape[0] == readout.units  # its input, as an IncrementLSTM does
    for kind in KINDS[type(layer)][: 1 + can_add]:
        yield kind(**weights)


def _whole(model):
    """The network that has the model's graph."""
    if not getattr(model, "inputs", None):
        got = f"{type(model).__name__}, a subclassed model that is not one recurrent layer with"
        raise ValueError(
            f"model: got {got} tanh and sigmoid and one linear Dense layer; expected a Sequential "
            "or functional model, whose graph Keras knows"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        got = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise ValueError(f"model: got {got}, expected one of each; concatenate them")
    if not any(type(layer) in KINDS for layer in model.layers):
        raise ValueError(f"model: got layers {_names(model)}, expected a SimpleRNN, GRU or LSTM")
    weights = [v for v in model.weights if tf.as_dtype(v.dtype).is_floating]
    dtype = keras.backend.result_type("float32", *(v.dtype for v in weights))
    arrays = [checks.reals(v.path, np.asarray(v, float), v.shape) for v in weights]
    try:
        config = keras.Model(model.inputs[0], model.outputs[0]).to_json()
        yield KerasNetwork(tuple(tf.constant(x, dtype) for x in arrays), config)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"model: its layers {_names(model)} cannot be made again for sequences of any length; "
            "those of your own have to be registered, keras.saving.register_keras_serializable"
        ) from error


def _difference(model, network):
    cue = random_cue(network, *(getattr(model, "input_shape", None) or (None, None))[:2])
    states = [v for x in model.layers if getattr(x, "stateful", False) for v in x.states]
    with keras.StatelessScope([(v, keras.ops.zeros_like(v)) for v in states]):
        return difference(network, cue, model(cue, training=False))
