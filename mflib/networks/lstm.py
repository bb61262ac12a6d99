"""The LSTM, equations (5)-(10) of the thesis."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Self

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mflib.networks.recurrent import Network, Parts, Recurrent, replace, sigmoid


class LSTM(Recurrent):
    r"""The LSTM of the thesis, equations (5)-(10), with a linear readout.

    With the state :math:`s = (h, c)` and the input :math:`u`,

    .. math::
        i &= \sigma(u W_i + h U_i + p_i \odot c + b_i)  &
        f &= \sigma(u W_f + h U_f + p_f \odot c + b_f)  \\
        g &= \tanh(u W_g + h U_g + b_g)                 &
        c' &= f \odot c + i \odot g                     \\
        o &= \sigma(u W_o + h U_o + p_o \odot c' + b_o) &
        h' &= o \odot \tanh(c'), \qquad y = h' V + d .

    Without ``peepholes`` (:math:`p = 0`) this is the layer ``keras.layers.LSTM``. Vectors are
    rows, as in Keras; the gates stand in Keras' order *i, f, g, o* along the last axis.

    Attributes:
        kernel (inputs, 4 * units): Input weights, :math:`W_{ix}, W_{fx}, W_{\tilde c x}, W_{ox}` of
            the thesis.
        recurrent_kernel (units, 4 * units): Recurrent weights :math:`W_{ih}, W_{fh}, W_{\tilde c
            h}, W_{oh}`.
        bias (4 * units,):
        readout_kernel (units, outputs):
        readout_bias (outputs,):
        peepholes (3, units): :math:`P_i, P_f, P_o`; ``None`` for a cell without them.

    Raises:
        ValueError: If a weight's shape or type does not fit the others.

    References:
        Thesis, equations (5)-(10). Hochreiter and Schmidhuber (1997),
        doi:10.1162/neco.1997.9.8.1735; Gers, Schmidhuber and Cummins (2000) for the forget gate;
        Yu et al. (2019), doi:10.1162/neco_a_01199, for this form.

    Examples:
        >>> network = LSTM.create(inputs=2, units=8, seed=0)
        >>> network.step(network.initial_state(batch=3), tf.zeros((3, 2))).shape
        TensorShape([3, 16])
    """

    peepholes: Optional[tf.Tensor] = None  # noqa: UP045 (extension types do not read `X | None`)

    @staticmethod
    def gates() -> int:
        """Four weighted sums for a unit: input gate, forget gate, candidate, output gate."""
        return 4

    parts = property(lambda self: (self.units, self.units), doc="Of ``h`` and ``c``.")

    @classmethod
    def layout(cls, inputs: int, units: int, outputs: int) -> dict[str, tuple[int, ...]]:
        """As :meth:`Layer.layout`, and the peepholes."""
        return super().layout(inputs, units, outputs) | {"peepholes": (3, units)}

    @classmethod
    def create(cls, *sizes: Any, peepholes: bool = False, **options: Any) -> Self:
        """A freshly initialised network, the way Keras does it.

        As :meth:`Recurrent.create`, but the forget gate's bias is one. Peepholes start at zero.

        Args:
            *sizes, **options: ``inputs, units, outputs=None, seed=0, dtype="float32"`` of
                :meth:`Recurrent.create`.
        """
        network = super().create(*sizes, **options)
        bias = tf.constant(np.repeat([0, 1, 0, 0], network.units), network.dtype)
        return replace(network, bias=bias, peepholes=network.peepholes if peepholes else None)

    def signals(self, a: tf.Tensor, c: tf.Tensor, axis: int = 1) -> dict[str, tf.Tensor]:
        """The gates ``i, f, o``, the candidate ``g`` and the new ``c`` of :meth:`cell`."""
        a_i, a_f, a_g, a_o = tf.split(a, 4, axis)
        if self.peepholes is not None:
            p_i, p_f, p_o = tf.unstack(tf.expand_dims(self.peepholes, 2 - axis))
            a_i, a_f = a_i + p_i * c, a_f + p_f * c
        f, i, g = sigmoid(a_f), sigmoid(a_i), tf.tanh(a_g)
        c = f * c + i * g
        if self.peepholes is not None:
            a_o += p_o * c
        return {"i": i, "f": f, "g": g, "o": sigmoid(a_o), "c": c}

    def cell(self, a: tf.Tensor, parts: Parts, axis: int = 1) -> Parts:
        """The new ``h`` and ``c`` from four weighted sums ``a = u W + h U + b`` and the old."""
        new = self.signals(a, parts[1], axis)
        return new["o"] * tf.tanh(new["c"]), new["c"]


class IncrementLSTM(LSTM):
    """An LSTM whose output is by how much its input changes, ``y = u + h' V + d``.

    Where samples lie close together most of the next one is the last one, and an LSTM as in the
    thesis spends units and precision on repeating it. The last input is part of the state,
    ``s = (h, c, u)``; in all else this is :class:`LSTM`.

    Nothing pulls the sum ``u`` back if increments are wrong: unlike that of an LSTM, its closed
    loop can leave all bounds.

    Examples:
        >>> network = IncrementLSTM.create(inputs=2, units=8, seed=0)
        >>> network.step(network.initial_state(batch=3), tf.zeros((3, 2))).shape
        TensorShape([3, 18])
    """

    parts = property(lambda self: (self.units, self.units, self.inputs), doc="Of ``(h, c, u)``.")

    @staticmethod
    def target(inputs: tf.Tensor, following: tf.Tensor) -> tf.Tensor:
        """The increment."""
        return following - inputs

    @staticmethod
    def target_scale(data: tf.Tensor) -> tf.Tensor:
        """Root mean square increment."""
        return tf.sqrt(tf.reduce_mean((data[:, 1:] - data[:, :-1]) ** 2))

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The step of an LSTM; the input is kept."""
        return tf.concat([super().step(state, u), u], axis=1)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """``y = u + h V + d``."""
        return state[:, -self.inputs :] + super().readout(state)

    closed_step, closed_loop = Network.closed_step, Network.closed_loop  # in two products

    def in_units(self, location: npt.ArrayLike, scale: npt.ArrayLike) -> Self:
        """As :meth:`Recurrent.in_units`; an increment has no location."""
        changed = super().in_units(location, scale)
        return replace(changed, readout_bias=self.readout_bias * tf.cast(scale, self.dtype))


def stacked(networks: Sequence[LSTM]) -> dict[str, tf.Tensor]:
    """Weights of several networks of one shape, by name, along a new first axis."""
    each = [network.weights() for network in networks]
    return {name: tf.stack([weights[name] for weights in each]) for name in each[0]}


def unstacked(weights: Mapping[str, tf.Tensor]) -> list[LSTM]:
    """The networks whose weights :func:`stacked` has put together."""
    each = zip(*map(tf.unstack, weights.values()), strict=True)
    return [LSTM(**dict(zip(weights, one, strict=True))) for one in each]


def beside(weights: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Weights of one LSTM in which several lie side by side, with nothing between them.

    They see the same inputs, and their outputs stand side by side too. Very small networks are
    faster together than one by one, up to 16 units or so.

    Args:
        weights: Those of all networks, :func:`stacked`.

    Examples:
        >>> networks = [LSTM.create(inputs=2, units=3, seed=seed) for seed in range(4)]
        >>> LSTM(**beside(stacked(networks)))
        LSTM(2 inputs, 12 units, 8 outputs, float32)
    """
    count, inputs, _ = weights["kernel"].shape
    units, outputs = weights["readout_kernel"].shape[1:]
    gates = {
        name: tf.reshape(weights[name], (*weights[name].shape[:-1], 4, units))
        for name in ("kernel", "recurrent_kernel", "bias")
    }
    own = tf.eye(count, dtype=weights["bias"].dtype)
    joined = {  # networks n and m, gates g, units u and v, inputs i, outputs o
        "kernel": tf.einsum("nigu->ignu", gates["kernel"]),
        "recurrent_kernel": tf.einsum("nvgu,nm->nvgmu", gates["recurrent_kernel"], own),
        "bias": tf.einsum("ngu->gnu", gates["bias"]),
        "readout_kernel": tf.einsum("nuo,nm->numo", weights["readout_kernel"], own),
        "readout_bias": weights["readout_bias"],
    }
    if "peepholes" in weights:
        joined["peepholes"] = tf.einsum("nku->knu", weights["peepholes"])
    shapes = LSTM.layout(inputs, count * units, count * outputs)
    return {name: tf.reshape(weight, shapes[name]) for name, weight in joined.items()}
