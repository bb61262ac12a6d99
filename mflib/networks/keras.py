"""Exchange with Keras: the weights of a model's layers, and proof that they compute the same."""

import keras
import numpy as np
import tensorflow as tf

from mflib import checks
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Recurrent

#: Layers, and the networks that they may be part of.
KINDS = {
    keras.layers.SimpleRNN: (Elman,),
    keras.layers.GRU: (GRU,),
    keras.layers.LSTM: (LSTM, IncrementLSTM),
}
#: Of the random cues on which a model and a network are compared.
AMPLITUDES = (0.1, 1.0, 10.0)


def from_keras(model: keras.Model) -> Recurrent:
    """The network that a trained Keras model is.

    The weights are copied from one recurrent layer and one ``Dense`` layer. Whatever else the
    model does is not looked for but found out: model and network are run on random cues, and if
    their outputs differ there is no network. Layers that are inactive in use, ``Dropout`` say, make
    no difference; a model that adds its input to its output is an :class:`IncrementLSTM`.

    Args:
        model: Built or trained; inputs ``(batch, time, inputs)``, outputs ``(batch, outputs)`` or
            ``(batch, time, outputs)``. In mixed precision the network has the type of the
            variables.

    Returns:
        Elman, GRU, LSTM or IncrementLSTM: By the recurrent layer, ``SimpleRNN``, ``GRU`` or
        ``LSTM``.

    Raises:
        ValueError: If the layers are others, have an option under which they follow other
            equations, or weights that are not finite; or if model and network do not compute the
            same.

    Examples:
        >>> layers = [keras.Input((None, 3)), keras.layers.LSTM(8), keras.layers.Dense(3)]
        >>> from_keras(keras.Sequential(layers))
        LSTM(3 inputs, 8 units, 3 outputs, float32)
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"model: got {type(model).__name__}, expected a Keras model")
    names = [type(x).__name__ for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    recurrent = [layer for layer in model.layers if type(layer) in KINDS]
    dense = [layer for layer in model.layers if type(layer) is keras.layers.Dense]
    if len(recurrent) != 1 or len(dense) != 1:
        wanted = "one SimpleRNN, GRU or LSTM and one Dense"
        raise ValueError(f"model: got layers {names}, expected {wanted}")
    layer, weights = recurrent[0], _weights(recurrent[0], dense[0])
    tolerance = np.finfo(layer.compute_dtype).eps ** 0.75
    can_add = weights["kernel"].shape[0] == dense[0].units  # its input, as an IncrementLSTM does
    networks = [kind(**weights) for kind in KINDS[type(layer)][: 1 + can_add]]
    differences = [_difference(model, layer, network) for network in networks]
    for network, difference in zip(networks, differences, strict=True):
        if difference <= tolerance:
            return network
    raise ValueError(
        f"model: its outputs on random cues differ by {min(differences):.1g} of their size from "
        f"those of its layers {names}, one after the other; expected no operation before, between "
        "or after them. What scales inputs and outputs alike is left out and given to `in_units`"
    )


def to_keras(network: Recurrent) -> keras.Model:
    """The same as a Keras model, ``(batch, time, inputs) -> (batch, time, outputs)``.

    Raises:
        ValueError: If the network has peepholes, which Keras' LSTM does not.
    """
    if getattr(network, "peepholes", None) is not None:
        raise ValueError(f"network: got {network}, expected none with peepholes: Keras has none")
    layer = next(layer for layer, kinds in KINDS.items() if type(network) in kinds)
    dtype = network.dtype.name
    inputs = keras.Input((None, network.inputs), dtype=dtype)
    units = layer(network.units, return_sequences=True, dtype=dtype)(inputs)
    outputs = keras.layers.Dense(network.outputs, dtype=dtype)(units)
    if isinstance(network, IncrementLSTM):
        outputs = keras.layers.Add(dtype=dtype)([inputs, outputs])
    model = keras.Model(inputs, outputs)
    model.set_weights([weight.numpy() for weight in network.weights().values()])
    return model


def _weights(layer: keras.layers.RNN, dense: keras.layers.Dense) -> dict[str, tf.Tensor]:
    """The weights of the two layers by our names, after a look at their options."""
    sigmoid = keras.activations.sigmoid  # of gates; a layer without gates has no such option
    options = {
        "activation": (layer.activation, keras.activations.tanh),
        "recurrent_activation": (getattr(layer, "recurrent_activation", sigmoid), sigmoid),
        "reset_after": (getattr(layer, "reset_after", True), True),  # of the GRU alone
        "go_backwards": (layer.go_backwards, False),
        "Dense activation": (dense.activation, keras.activations.linear),
    }
    for name, (got, wanted) in options.items():
        if got != wanted:
            got, wanted = (getattr(value, "__name__", value) for value in (got, wanted))
            raise ValueError(f"model: {name} is {got}, expected {wanted}")
    if not (layer.built and dense.built):
        raise ValueError("model: got layers without weights, expected a built model")
    cell = layer.cell
    found = cell.kernel, cell.recurrent_kernel, cell.bias, dense.kernel, dense.bias
    shapes = KINDS[type(layer)][0].layout(cell.kernel.shape[0], layer.units, dense.units)
    weights = dict(zip(shapes, found, strict=False))  # peepholes, which come last, are not found
    for name, weight in weights.items():
        array = np.zeros(shapes[name]) if weight is None else np.asarray(weight)
        weights[name] = tf.constant(checks.reals(name, array, shapes[name]), cell.kernel.dtype)
    return weights


def _difference(model: keras.Model, layer: keras.layers.RNN, network: Recurrent) -> float:
    """Largest difference of the outputs of model and network, for the size of the model's."""
    batch, time, *_ = getattr(model, "input_shape", None) or (None, None)
    batch, time = batch or len(AMPLITUDES), time or 12
    cue = np.random.default_rng(0).normal(size=(batch, time, network.inputs))
    cue *= np.resize(AMPLITUDES, (batch, 1, 1))
    cue, states = tf.constant(cue, network.dtype), layer.states if layer.stateful else []
    before = [keras.ops.copy(variable) for variable in states]
    for variable in states:
        variable.assign(keras.ops.zeros_like(variable))
    theirs = np.asarray(model(cue, training=False), float)
    for variable, value in zip(states, before, strict=True):
        variable.assign(value)
    state, outputs = network.initial_state(batch), []
    for u in tf.unstack(cue, axis=1):
        state = network.step(state, u)
        outputs.append(network.readout(state))
    ours = np.stack(outputs, axis=1).astype(float)
    ours = ours[:, -1] if theirs.ndim == 2 else ours
    if ours.shape != theirs.shape:
        return np.inf
    return float(np.max(np.abs(ours - theirs)) / max(1.0, np.max(np.abs(theirs))))
