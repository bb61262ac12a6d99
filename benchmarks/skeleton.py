"""Fixed points of an LSTM's closed loop: Newton's method beside gradient descent on the speed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from scipy.optimize import root

from benchmarks.loops import torch, torch_cell
from benchmarks.timing import Comparison
from mflib.modelling.closed_loop import free_run, jacobian
from mflib.modelling.skeleton import fixed_points
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import cast, replace

UNITS, DIM, STARTS, FEW, SLOW, STEPS = 64, 3, 1000, 20, 1e-12, 5000


def comparisons(units=UNITS, starts=STARTS, few=FEW, steps=STEPS) -> Iterator[Comparison]:
    """A search from states that runs have visited, beside SciPy's, and PyTorch's descent."""
    network = LSTM.create(DIM, units, seed=0)
    rng = np.random.default_rng(0)
    bias = tf.constant(rng.normal(size=4 * units), network.dtype)
    network = replace(network, bias=bias, recurrent_kernel=2 * network.recurrent_kernel)
    double = cast(network, "float64")
    states = free_run(double, rng.normal(size=(starts, 2 * units)), 20).state.numpy()
    assert len(fixed_points(double, states).states)  # there is something to find

    def ours():
        fixed_points(double, states)
        return starts

    peers = {"SciPy's root, one by one": lambda: scipy_roots(double, states[:few])}
    if torch:
        peers["PyTorch, Adam on the speed"] = lambda: torch_descent(double, states, steps)
    for peer, theirs in peers.items():
        name = f"fixed points, {units} units, {starts} starts"
        yield Comparison(name, peer, "start", ours, theirs)


def scipy_roots(network, states):
    """Powell's hybrid method, with the Jacobian."""
    for state in states:
        root(
            lambda x: free_run(network, x[None], 1).state.numpy()[0] - x,
            state,
            jac=lambda x: jacobian(network, x[None]).numpy()[0] - np.eye(len(x)),
        )
    return len(states)


def torch_descent(network, states, steps):
    """All at once, until nothing moves faster than FixedPointFinder demands, or so many steps."""
    cell, kernel, bias = torch_cell(network)
    place = torch.tensor(states, requires_grad=True)
    adam = torch.optim.Adam([place], 0.01)
    for _ in range(steps):
        h, c = place.chunk(2, dim=1)
        after = torch.cat(cell(torch.addmm(bias, h, kernel), (h, c)), dim=1)
        speed = torch.sum((after - place) ** 2, dim=1) / 2
        if speed.max() < SLOW:
            break
        adam.zero_grad()
        speed.sum().backward()
        adam.step()
    return len(states)
