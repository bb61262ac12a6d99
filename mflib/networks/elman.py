"""The Elman network, equations (3)-(4) of the thesis."""

import tensorflow as tf

from mflib.networks.recurrent import Parts, Recurrent


class Elman(Recurrent):
    r"""Elman's network, equations (3)-(4) of the thesis, with the biases of Keras.

    With the state :math:`s = h` and the input :math:`u`,

    .. math::
        h' = \tanh(u W + h U + b), \qquad y = h' V + d .

    The thesis has no biases: :math:`b = d = 0` gives its equations, with :math:`\tanh` for its
    :math:`\sigma`. This is the layer ``keras.layers.SimpleRNN``. Weights and their shapes are
    those of :class:`Recurrent`, with one weighted sum for a unit: ``kernel`` is the transpose of
    :math:`W_{xh}`, ``recurrent_kernel`` of :math:`W_{hh}`, ``readout_kernel`` of :math:`W_{hy}`.

    References:
        Thesis, equations (3)-(4). Elman (1990), doi:10.1207/s15516709cog1402_1.

    Examples:
        >>> network = Elman.create(inputs=2, units=8, seed=0)
        >>> network.step(network.initial_state(batch=3), tf.zeros((3, 2))).shape
        TensorShape([3, 8])
    """

    def cell(self, a: tf.Tensor, parts: Parts, axis: int = 1) -> Parts:
        """``tanh`` of the weighted sum ``a``; the state holds nothing besides ``h``."""
        return (tf.tanh(a),)
