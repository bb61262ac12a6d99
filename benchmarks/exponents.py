"""Lyapunov exponents of an LSTM's closed loop: the leading three, and all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from benchmarks.timing import Comparison
from mflib.modelling.closed_loop import free_run
from mflib.modelling.exponents import network_spectrum
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import cast, replace

UNITS, DIM = 64, 3
RUNS = ((3, 8_000, 1_000), (2 * UNITS, 400, 200))


def comparisons(units=UNITS, runs=RUNS) -> Iterator[Comparison]:
    """Mflib's exponents beside a plain NumPy loop, with the same weights.

    A run is a number of exponents, our steps and the peer's.
    """
    network = LSTM.create(DIM, units, seed=0)
    rng = np.random.default_rng(0)
    # with these biases and with strong feedback the closed loop neither settles nor saturates
    bias = tf.constant(rng.normal(size=4 * units), network.dtype)
    network = replace(network, bias=bias, recurrent_kernel=4 * network.recurrent_kernel)
    double = cast(network, "float64")
    start = free_run(double, rng.normal(size=(1, 2 * units)), 500).state.numpy()
    for count, steps, few in runs:
        peer = numpy_exponents(double, start[0], count)
        check = network_spectrum(network, start, steps=40, discard=0, count=count, seed=1)
        np.testing.assert_allclose(check.exponents, peer(40, seed=1), rtol=1e-6, atol=1e-6)

        def ours(steps=steps, count=count):
            network_spectrum(network, start, steps=steps, discard=0, count=count)
            return steps

        def theirs(peer=peer, few=few):
            peer(few)
            return few

        which = "all, and the volume" if count == 2 * units else f"the leading {count}"
        name = f"Lyapunov exponents, {units} units, {which}"
        yield Comparison(name, "NumPy, QR each step", "step", ours, theirs)


def numpy_exponents(network: LSTM, start: np.ndarray, count: int):
    """The closed loop's Jacobian by its formula, times the frame, and LAPACK's QR: in double."""
    w = {name: weight.numpy() for name, weight in network.weights().items()}
    kernel = w["readout_kernel"] @ w["kernel"] + w["recurrent_kernel"]
    bias = w["readout_bias"] @ w["kernel"] + w["bias"]
    m_i, m_f, m_g, m_o = np.split(kernel.T, 4)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def step(h, c):
        a_i, a_f, a_g, a_o = np.split(h @ kernel + bias, 4)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        after = f * c + i * g
        k = np.tanh(after)
        c_h = (
            (c * f * (1 - f))[:, None] * m_f
            + (g * i * (1 - i))[:, None] * m_i
            + (i * (1 - g**2))[:, None] * m_g
        )
        slope = o * (1 - k**2)
        h_h = slope[:, None] * c_h + (k * o * (1 - o))[:, None] * m_o
        return o * k, after, np.block([[h_h, np.diag(slope * f)], [c_h, np.diag(f)]])

    def exponents(steps, seed=0):
        h, c = np.split(start, 2)
        frame = np.random.default_rng(seed).normal(size=(1, len(start), count))[0]
        frame, _ = np.linalg.qr(frame)
        total = np.zeros(count)
        for _ in range(steps):
            h, c, jacobian = step(h, c)
            frame, triangle = np.linalg.qr(jacobian @ frame)
            total += np.log(np.abs(np.diag(triangle)))
        return total / steps

    return exponents
