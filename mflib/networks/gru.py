"""The gated recurrent unit."""

from typing import Self

import numpy.typing as npt
import tensorflow as tf

from mflib.networks.recurrent import Parts, Recurrent, replace, sigmoid


class GRU(Recurrent):
    r"""The gated recurrent unit, as in Keras, with a linear readout.

    With the state :math:`s = h` and the input :math:`u`,

    .. math::
        z &= \sigma(u W_z + b_z + h U_z + \beta_z)  \\
        r &= \sigma(u W_r + b_r + h U_r + \beta_r)  \\
        g &= \tanh(u W_g + b_g + r \odot (h U_g + \beta_g)) \\
        h' &= z \odot h + (1 - z) \odot g, \qquad y = h' V + d .

    This is the layer ``keras.layers.GRU`` with ``reset_after=True``, its default. The paper has
    no biases and resets :math:`h` before the product, :math:`(r \odot h)\, U_g`. The gates stand
    in Keras' order *z, r, g* along the last axis.

    Attributes:
        kernel (inputs, 3 * units):
        recurrent_kernel (units, 3 * units):
        bias (2, 3 * units): Of the input, :math:`b`, and of the recurrent sum, :math:`\beta`.
        readout_kernel (units, outputs):
        readout_bias (outputs,):

    References:
        Cho et al. (2014), doi:10.3115/v1/D14-1179.

    Examples:
        >>> network = GRU.create(inputs=2, units=8, seed=0)
        >>> network.step(network.initial_state(batch=3), tf.zeros((3, 2))).shape
        TensorShape([3, 8])
    """

    @staticmethod
    def gates() -> int:
        """Three for a unit: update gate, reset gate, candidate."""
        return 3

    @classmethod
    def layout(cls, inputs: int, units: int, outputs: int) -> dict[str, tuple[int, ...]]:
        """As :meth:`Layer.layout`; the bias has a row for either sum, input and recurrent."""
        return super().layout(inputs, units, outputs) | {"bias": (2, 3 * units)}

    def cell(self, a: tf.Tensor, parts: Parts, axis: int = 1) -> Parts:
        """The new ``h`` from four weighted sums, the candidate's in two parts, and the old."""
        a_z, a_r, driven, recurrent = tf.split(a, 4, axis)
        g = tf.tanh(driven + sigmoid(a_r) * recurrent)
        return (g + sigmoid(a_z) * (parts[0] - g),)

    def _sums(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # the candidate's sum comes in two parts: what the input drives, and what is recurrent
        def driven(w):
            return tf.concat([w, tf.zeros_like(w[..., : self.units])], axis=-1)

        def recurrent(w):
            z, r, g = tf.split(w, 3, axis=-1)
            return tf.concat([z, r, tf.zeros_like(g), g], axis=-1)

        b, beta = tf.unstack(self.bias)
        return driven(self.kernel), recurrent(self.recurrent_kernel), driven(b) + recurrent(beta)

    def in_units(self, location: npt.ArrayLike, scale: npt.ArrayLike) -> Self:
        """As :meth:`Recurrent.in_units`; the bias of the recurrent sum stays."""
        changed = super().in_units(location, scale)
        return replace(changed, bias=tf.stack([changed.bias[0], self.bias[1]]))
