"""The closed loop: one trajectory, 64 and 1,024 at once, of networks of 8 to 192 units."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from benchmarks import loops
from benchmarks.timing import Comparison
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.networks.lstm import LSTM

DIM = 3
SIZES = ((1, 20_000), (64, 2_000), (1_024, 300))
UNITS = (8, 16, 32, 64, 128, 192)
#: With so many units there are all peers, also those that are far slower.
ALL_PEERS = 64


def comparisons(sizes=SIZES, units=UNITS, all_peers=ALL_PEERS) -> Iterator[Comparison]:
    """Mflib's free run beside the same loop elsewhere, with the same weights.

    A size is a number of runs at once and their steps.
    """
    for count, (batch, steps) in product(units, sizes):
        network = LSTM.create(DIM, count, seed=0)
        cue = np.random.default_rng(0).normal(size=(batch, 10, DIM)).astype("float32")
        start = warm_up(network, cue).numpy()
        peers = fast_peers(network, start, steps)
        if count == all_peers:
            peers |= slow_peers(network, cue, start, steps)
        yield from beside(network, start, steps, peers)


def fast_peers(network: LSTM, start: np.ndarray, steps: int) -> dict:
    """Loops that an expert would write to be fast, by name, each with its steps."""
    peers = {}
    if loops.jax:
        peers["JAX scan"] = loops.jax_loop(network, start, 1), steps
        peers["JAX scan, unrolled by 8"] = loops.jax_loop(network, start, 8), steps
    if len(start) == 1 and loops.COMPILER:
        peers["C"] = loops.c_loop(network, start), steps
    if len(start) == 1 and loops.numba:
        peers["numba"] = loops.numba_loop(network, start), steps
    return peers


def slow_peers(network: LSTM, cue: np.ndarray, start: np.ndarray, steps: int) -> dict:
    """Loops that return to Python, or to an interpreter of graphs, at each step."""
    few = max(50, steps // 20)
    peers = {
        "NumPy": (loops.numpy_loop(network, start), few),
        "Keras model(x)": (loops.keras_loop(network, cue, call=True), 20),
        "Keras predict": (loops.keras_loop(network, cue, call=False), 10),
    }
    if loops.onnx and loops.onnxruntime:
        peers["ONNX Runtime"] = loops.onnx_loop(network, start), few
    if loops.torch:
        peers["PyTorch LSTMCell"] = loops.torch_loop(network, start), few
        peers["PyTorch compiled"] = loops.torch_loop(network, start, compiled=True), few
    return peers


def beside(network: LSTM, start: np.ndarray, steps: int, peers: dict) -> Iterator[Comparison]:
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
