"""The closed loop: one trajectory, 64 and 1,024 at once; beside JAX at many sizes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import product

import keras
import numpy as np

from benchmarks.timing import Comparison, optional
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.networks.lstm import LSTM

torch, jax = optional("torch"), optional("jax")

UNITS, DIM = 64, 3
SIZES = ((1, 20_000), (64, 2_000), (1_024, 300))
SCANNED = (8, 16, 32, 64, 128, 192)


def comparisons(sizes=SIZES, scanned=SCANNED) -> Iterator[Comparison]:
    """Mflib's free run beside Keras, NumPy, PyTorch and JAX, with the same weights.

    A size is a number of runs at once and their steps. With the numbers of units in ``scanned``
    there is only JAX, whose ``scan`` is the loop to beat.
    """
    for units, (batch, steps) in product(scanned if jax else (), sizes):
        network = LSTM.create(DIM, units, seed=0)
        start = np.random.default_rng(0).normal(0, 0.1, (batch, 2 * units)).astype("float32")
        loops = {
            "JAX scan": jax_loop(network, start, 1),
            "JAX scan, unrolled by 8": jax_loop(network, start, 8),
        }
        yield from beside(network, start, steps, {peer: (loops[peer], steps) for peer in loops})
    network = LSTM.create(DIM, UNITS, seed=0)
    for batch, steps in sizes:
        cue = np.random.default_rng(0).normal(size=(batch, 10, DIM)).astype("float32")
        start = warm_up(network, cue)
        peers = {
            "NumPy": (numpy_loop(network, start), max(20, steps // 20)),
            "Keras model(x)": (keras_loop(network, cue, call=True), 20),
            "Keras predict": (keras_loop(network, cue, call=False), 10),
        }
        if torch:
            peers["PyTorch LSTMCell loop"] = (torch_loop(network, start), max(50, steps // 20))
        yield from beside(network, start, steps, peers)


def beside(network: LSTM, start, steps: int, peers: dict) -> Iterator[Comparison]:
    """Mflib's free run beside loops that compute the same, each over steps of its own."""
    expected = free_run(network, start, 20).outputs.numpy()

    def ours():
        free_run(network, start, steps).outputs.numpy()
        return steps

    for peer, (loop, peer_steps) in peers.items():
        np.testing.assert_allclose(loop(20), expected, atol=1e-4)

        def theirs(loop=loop, peer_steps=peer_steps):
            loop(peer_steps)
            return peer_steps

        name = f"free run, {network.units} units, {len(start):,} at once"
        yield Comparison(name, peer, "step", ours, theirs)


def jax_loop(network: LSTM, start: np.ndarray, unroll: int):
    """As an expert would write it: closed in the recurrent matrix, one product for all outputs."""
    weights = {name: jax.numpy.asarray(w.numpy()) for name, w in network.weights().items()}
    h0, c0 = np.split(start, 2, axis=1)
    sigmoid, tanh = jax.nn.sigmoid, jax.numpy.tanh

    @functools.partial(jax.jit, static_argnums=3)
    def run(w, h, c, steps):
        closed = w["readout_kernel"] @ w["kernel"] + w["recurrent_kernel"]
        bias = w["readout_bias"] @ w["kernel"] + w["bias"]

        def step(carry, _):
            h, c = carry
            i, f, g, o = jax.numpy.split(h @ closed + bias, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            return (sigmoid(o) * tanh(c), c), h

        _, hs = jax.lax.scan(step, (h, c), None, length=steps, unroll=unroll)
        return (hs @ w["readout_kernel"] + w["readout_bias"]).transpose(1, 0, 2)

    return lambda steps: np.asarray(run(weights, h0, c0, steps))


def torch_loop(network: LSTM, start):
    """The loop most PyTorch users write, in inference mode."""
    weights = {name: torch.tensor(w.numpy()) for name, w in network.weights().items()}
    cell = torch.nn.LSTMCell(DIM, UNITS)
    with torch.no_grad():
        cell.weight_ih.copy_(weights["kernel"].T)
        cell.weight_hh.copy_(weights["recurrent_kernel"].T)
        cell.bias_ih.copy_(weights["bias"])
        cell.bias_hh.zero_()
    kernel, bias = weights["readout_kernel"], weights["readout_bias"]
    h0, c0 = (torch.tensor(x) for x in np.split(start.numpy(), 2, axis=1))

    def loop(steps):
        h, c, outputs = h0, c0, []
        with torch.inference_mode():
            for _ in range(steps):
                y = torch.addmm(bias, h, kernel)
                outputs.append(y)
                h, c = cell(y, (h, c))
            return torch.stack(outputs, dim=1).numpy()

    return loop


def numpy_loop(network: LSTM, start):
    """The same equations in NumPy."""
    w = {name: weight.numpy() for name, weight in network.weights().items()}
    h0, c0 = np.split(start.numpy(), 2, axis=1)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def loop(steps):
        h, c, outputs = h0, c0, []
        for _ in range(steps):
            y = h @ w["readout_kernel"] + w["readout_bias"]
            outputs.append(y)
            i, f, g, o = np.split(
                y @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, axis=1
            )
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return np.stack(outputs, axis=1)

    return loop


def keras_loop(network: LSTM, cue: np.ndarray, *, call: bool):
    """A stateful Keras model fed one sample at a time, by ``model(x)`` or ``model.predict(x)``."""
    batch = len(cue)
    layer = keras.layers.LSTM(UNITS, stateful=True)
    model = keras.Sequential(
        [keras.Input((1, DIM), batch_size=batch), layer, keras.layers.Dense(DIM)]
    )
    model.set_weights([weight.numpy() for weight in network.weights().values()])

    def step(u):
        u = u[:, None]
        return model(u).numpy() if call else model.predict(u, batch_size=batch, verbose=0)

    def loop(steps):
        layer.reset_state()
        for sample in cue.transpose(1, 0, 2)[:-1]:
            model(sample[:, None])
        y, outputs = step(cue[:, -1]), []
        for _ in range(steps):
            outputs.append(y)
            y = step(y)
        return np.stack(outputs, axis=1)

    return loop
