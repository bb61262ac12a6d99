"""Networks from PyTorch, without PyTorch: the numbers in a module's ``state_dict``."""

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mflib import checks
from mflib.networks.keras import difference, from_keras, random_cue
from mflib.networks.recurrent import Network

#: By the weighted sums of a unit: Keras' layer, and the order in which its gates stand here.
KINDS = {
    1: (keras.layers.SimpleRNN, [0]),
    3: (keras.layers.GRU, [1, 0, 2]),
    4: (keras.layers.LSTM, [0, 1, 2, 3]),
}
#: Where a weight belongs, which it is, and the number of its layer; a cell has none.
WEIGHT = re.compile(r"(.*?)((?:weight|bias)_[ih]h)(?:_l(\d+))?")


def from_torch(module: Any, *, nonlinearity: str = "tanh") -> Network:
    """The network that a trained PyTorch module is.

    It has ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, of several layers or several one after the other
    in the order in which the module holds them, and one ``nn.Linear`` that reads out the last.

    A module is run on random cues, from states of zeros, and if its outputs differ from those of
    the network there is no network. A ``state_dict`` alone cannot be proved so: what has no
    weights, a ``tanh`` after the readout say, is overlooked.

    Args:
        module: From ``(batch, time, inputs)`` or ``(time, batch, inputs)`` to outputs, of all
            samples or the last, maybe with more after them in a tuple; in evaluation mode, if it
            has dropout. Or its ``state_dict()``. Of more inputs than outputs the rest are
            exogenous, as in :func:`~mflib.networks.keras.from_keras`.
        nonlinearity ("tanh" or "relu"): Of ``nn.RNN``, whose weights do not tell.

    Returns:
        LSTM, GRU, Elman or KerasNetwork: The last if there are several layers, or it has ``relu``.
        Its numbers are single or, as the module's, double.

    Raises:
        ValueError: If there are other weights (of a backward direction, a projection, a second
            readout), or some that are not finite; or if module and network do not compute the same.

    Examples:
        >>> shapes = {"rnn.weight_ih_l0": (8, 3), "rnn.weight_hh_l0": (8, 8), "out.weight": (3, 8)}
        >>> from_torch({name: np.ones(shape) for name, shape in shapes.items()})
        Elman(3 inputs, 8 units, 3 outputs, float64)
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity: got {nonlinearity!r}, expected 'tanh' or 'relu'")
    state = module.state_dict() if hasattr(module, "state_dict") else module
    if not isinstance(state, Mapping):
        raise ValueError(f"module: got {type(module).__name__}, expected a module of PyTorch")
    arrays = {name: _array(name, tensor) for name, tensor in state.items()}
    layers: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    readout = []
    for name, array in arrays.items():
        if match := WEIGHT.fullmatch(name):
            layers.setdefault((match[1], match[3]), {})[match[2]] = array
        else:
            readout.append(array)
    if not layers or [array.ndim for array in readout] not in ([2], [2, 1]):
        raise ValueError(
            f"module: got weights {list(arrays)}, expected those of LSTM, GRU or RNN layers in one "
            "direction and without projection, and of one Linear layer"
        )
    dtype = np.result_type(np.float32, *arrays.values()).name
    parts, weights = [], []
    size: int | str = "inputs"
    for (place, number), given in layers.items():
        kernel, recurrent_kernel, bias = _weights(f"{place}l{number}: ", given, size)
        size = len(recurrent_kernel)
        kind, _ = KINDS[recurrent_kernel.shape[1] // size]
        options = {"activation": nonlinearity} if kind is keras.layers.SimpleRNN else {}
        parts.append(kind(size, return_sequences=True, dtype=dtype, **options))
        weights += [kernel, recurrent_kernel, bias]
    kernel = checks.reals("readout", readout[0], ("outputs", size)).T
    bias = np.zeros(kernel.shape[1]) if len(readout) == 1 else readout[1]
    weights += [kernel, checks.reals("readout", bias, kernel.shape[1:])]
    parts.append(keras.layers.Dense(kernel.shape[1], dtype=dtype))
    model = keras.Sequential([keras.Input((None, len(weights[0])), dtype=dtype), *parts])
    model.set_weights(weights)
    network = from_keras(model)
    if state is not module:
        _compare(module, network)
    return network


def _array(name, tensor):
    """NumPy's array of a tensor, wherever it is."""
    for method in ("detach", "cpu"):
        tensor = getattr(tensor, method, lambda same=tensor: same)()
    try:
        return np.asarray(tensor)
    except TypeError as error:  # a type that NumPy does not have
        raise ValueError(f"module: got {name} that is no array: {error}") from error


def _weights(place, given, size):
    """Kernel, recurrent kernel and bias of a layer as Keras has them."""
    given = {name: given.get(name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    rows, units = checks.reals(place + "weight_hh", given["weight_hh"], ("rows", "units")).shape
    if rows % units or rows // units not in KINDS:
        raise ValueError(f"{place}weight_hh: got shape {(rows, units)}, expected 1, 3 or 4 gates")
    _, order = KINDS[rows // units]
    shapes = {"weight_ih": (rows, size), "weight_hh": (rows, units)}
    arrays = []
    for name, array in given.items():
        if array is None and name.startswith("bias"):
            array = np.zeros(rows)
        array = checks.reals(place + name, array, shapes.get(name, (rows,)))
        arrays.append(np.concatenate([np.split(array, len(order))[k] for k in order]).T)
    kernel, recurrent_kernel, *biases = arrays
    return kernel, recurrent_kernel, np.stack(biases) if len(order) == 3 else sum(biases)


def _compare(module, network):
    """Run the module on random cues, time second or first, and refuse another's network."""
    cue, differences, failed = random_cue(network), [np.inf], None
    for axes in ((0, 1, 2), (1, 0, 2)):
        try:
            outputs = module(next(module.parameters()).new_tensor(np.transpose(cue, axes)))
            while isinstance(outputs, tuple):
                outputs = outputs[0]
            outputs = _array("outputs", outputs)
        except Exception as error:  # of whatever the module does with a cue of this layout
            failed = error
        else:
            outputs = outputs.transpose(axes) if outputs.ndim == 3 else outputs
            differences.append(difference(network, cue, outputs))
    if min(differences) > np.finfo(network.dtype.as_numpy_dtype).eps ** 0.75:
        raise ValueError(
            f"module: its outputs on random cues differ by {min(differences):.1g} of their size "
            "from those of its layers one after the other; expected nothing else, no activation, "
            f"and the module in evaluation mode{f' (it fails: {failed})' * bool(failed)}"
        ) from failed
