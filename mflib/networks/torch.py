"""Networks from PyTorch, without PyTorch: from the arrays in a module's ``state_dict``."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mflib import checks
from mflib.networks.keras import from_keras
from mflib.networks.recurrent import Network

#: By the weighted sums of a unit: Keras' layer, and the order in which its gates stand here.
KINDS = {
    1: (keras.layers.SimpleRNN, [0]),
    3: (keras.layers.GRU, [1, 0, 2]),
    4: (keras.layers.LSTM, [0, 1, 2, 3]),
}


def from_torch(weights: Mapping[str, Any], *, nonlinearity: str = "tanh") -> Network:
    """The network that a trained PyTorch module is.

    It has ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, of several layers or several one after the other
    in the order in which the module holds them, and one ``nn.Linear`` that reads out the last. What
    has no weights is not seen: a ``tanh`` after the readout, say, is overlooked.

    Args:
        weights: The module's ``state_dict()``, of tensors in main memory or of arrays. Of more
            inputs than outputs the rest are exogenous, as in
            :func:`~mflib.networks.keras.from_keras`.
        nonlinearity ("tanh" or "relu"): Of ``nn.RNN``, whose weights do not tell.

    Returns:
        LSTM, GRU, Elman or KerasNetwork: The last if there are several layers, or it has ``relu``.
        Its numbers are single or, as the module's, double.

    Raises:
        ValueError: If there are other weights (of a backward direction, a projection, a second
            readout), or some that are not finite.

    Examples:
        >>> shapes = {"rnn.weight_ih_l0": (8, 3), "rnn.weight_hh_l0": (8, 8), "out.weight": (3, 8)}
        >>> from_torch({name: np.ones(shape) for name, shape in shapes.items()})
        Elman(3 inputs, 8 units, 3 outputs, float64)
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity: got {nonlinearity!r}, expected 'tanh' or 'relu'")
    try:
        arrays: dict[str, Any] = {name: np.asarray(weight) for name, weight in weights.items()}
    except (AttributeError, TypeError) as error:
        got = f"{type(weights).__name__} ({error})"
        raise ValueError(f"weights: got {got}, expected a state_dict() of arrays") from error
    dtype = np.result_type(np.float32, *arrays.values()).name
    layers, found = [], []
    size: int | str = "inputs"
    for name in [name for name in arrays if "weight_ih" in name and "reverse" not in name]:
        hh, *biases = (name.replace("weight_ih", x) for x in ("weight_hh", "bias_ih", "bias_hh"))
        recurrent = checks.reals(hh, arrays.pop(hh, None), ("rows", "units"))
        rows, units = recurrent.shape
        if rows % units or rows // units not in KINDS:
            raise ValueError(f"{hh}: got shape {recurrent.shape}, expected 1, 3 or 4 gates")
        kind, order = KINDS[rows // units]
        kernel = checks.reals(name, arrays.pop(name), (rows, size))
        bias = np.array([checks.reals(b, arrays.pop(b, np.zeros(rows)), (rows,)) for b in biases])
        bias = bias if kind is keras.layers.GRU else bias.sum(axis=0)
        for array in (kernel.T, recurrent.T, bias):
            gates = np.split(array, len(order), axis=-1)
            found.append(np.concatenate([gates[k] for k in order], axis=-1))
        options = {"activation": nonlinearity} if kind is keras.layers.SimpleRNN else {}
        layers.append(kind(units, return_sequences=True, dtype=dtype, **options))
        size = units
    if not layers or [array.ndim for array in arrays.values()] not in ([2], [2, 1]):
        raise ValueError(
            f"weights: got {len(layers)} recurrent layers and beside them {list(arrays)}, expected "
            "LSTM, GRU or RNN in one direction and without projection, and one Linear"
        )
    shape: tuple[int | str, ...] = ("outputs", size)
    for name, array in arrays.items():
        found.append(checks.reals(name, array, shape).T)
        shape = array.shape[:1]  # of the bias, if there is one
    readout = keras.layers.Dense(*shape, use_bias=len(arrays) == 2, dtype=dtype)
    inputs = keras.Input((None, len(found[0])), dtype=dtype)
    model = keras.Sequential([inputs, *layers, readout])
    model.set_weights(found)
    return from_keras(model)
