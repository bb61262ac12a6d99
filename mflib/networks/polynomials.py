"""Polynomials of the last samples: what forecasts without a network, as a network."""

from collections.abc import Callable
from itertools import combinations_with_replacement

import tensorflow as tf

from mflib import checks
from mflib.networks.recurrent import Network

#: Standardised data are divided by this first, so that high powers stay small.
REACH = 3.0


class Polynomial(Network):
    r"""The change from sample to sample as a polynomial of the last ones.

    .. math:: y = x_t + q(x_t, x_{t-s}, \dots, x_{t-(k-1)s})\, V

    where :math:`q` are all products of up to ``degree`` of these coordinates. The state is the
    last samples, the latest first: there is nothing to be trained but the readout. With one sample
    it is ordinary regression of the flow's map; with several, and of degree 2, the *nonlinear
    vector autoregression*. A polynomial of degree 0 without coefficients is persistence.

    Attributes:
        readout_kernel (terms, dim): V.
        degree: Of the polynomial.
        delays: k, how many samples it sees.
        spacing: s, how many steps they are apart.

    Raises:
        ValueError: If the coefficients are not as many as there are terms.

    References:
        Gauthier, Bollt, Griffith and Barbosa (2021), Nature Communications 12, 5564,
        doi:10.1038/s41467-021-25801-2, for the nonlinear vector autoregression.

    Examples:
        >>> polynomial(dim=3, degree=2, delays=2).state_dim
        6
    """

    readout_kernel: tf.Tensor
    degree: int
    delays: int
    spacing: int

    outputs = property(lambda self: self.readout_kernel.shape[1], doc="Size of the output.")
    inputs = property(lambda self: self.outputs, doc="Size of the input.")
    span = property(lambda self: (self.delays - 1) * self.spacing + 1, doc="Samples in the state.")
    state_dim = property(lambda self: self.outputs * self.span, doc="Size of the state.")

    def __validate__(self):
        got, expected = self.readout_kernel.shape[0], len(self._products())
        if got != expected:
            raise ValueError(f"readout_kernel: got {got} terms, expected {expected}")

    def _products(self):
        """Which coordinates, 1 among them, are multiplied in each term."""
        factors = range(self.outputs * self.delays + 1)
        return list(combinations_with_replacement(factors, self.degree))

    def features(self, state: tf.Tensor) -> tf.Tensor:
        """``q``, shape ``(batch, terms)``; the constant is the first."""
        samples = tf.reshape(state, (-1, self.span, self.outputs))[:, :: self.spacing]
        seen = tf.reshape(samples, (-1, self.outputs * self.delays)) / REACH
        seen = tf.concat([tf.ones_like(seen[:, :1]), seen], axis=1)
        terms = tf.ones_like(seen[:, :1])
        for factor in zip(*self._products(), strict=True):
            terms *= tf.gather(seen, list(factor), axis=1)
        return terms

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The new sample, and all others but the oldest."""
        return tf.concat([u, state[:, : -self.outputs]], axis=1)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """``x_t + q V``."""
        return state[:, : self.outputs] + self.features(state) @ self.readout_kernel

    def closed_loop(self, batch: int) -> tuple[int, Callable]:
        """As of any network; outputs are read off on the way, for terms are many."""

        def step(parts):
            outputs = self.readout(parts[0])
            return outputs, (self.step(parts[0], outputs),)

        return 1, step


def polynomial(dim: int, degree: int, delays: int = 1, spacing: int = 1) -> Polynomial:
    """A polynomial, in double precision, whose coefficients are still zero."""
    numbers = {"dim": dim, "delays": delays, "spacing": spacing}
    dim, delays, spacing = (checks.count(name, value) for name, value in numbers.items())
    degree = checks.count("degree", degree, least=0)
    terms = sum(1 for _ in combinations_with_replacement(range(dim * delays + 1), degree))
    zeros = tf.zeros((terms, dim), tf.float64)
    return Polynomial(zeros, degree=degree, delays=delays, spacing=spacing)
