"""Reservoirs beside reservoirpy and beside a plain NumPy loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import reservoirpy.nodes
import tensorflow as tf
from scipy import sparse

from benchmarks.timing import Comparison
from mflib.modelling.closed_loop import drive, free_run, warm_up
from mflib.multifunctionality.tasks import cues, seeing_double
from mflib.networks.reservoirs import (
    ContinuousReservoir,
    LeakyReservoir,
    fit_readout,
    random_weights,
)

UNITS, DT, LISTEN, STEPS = 500, 0.01, 3770, 500


def comparisons(units=UNITS) -> Iterator[Comparison]:
    """Training a leaky reservoir; the closed loop of a continuous one."""
    yield from training(units)
    yield from closed_loop(units)


def training(units: int) -> Iterator[Comparison]:
    """From given matrices and 13,200 samples of each of two circles to one readout for both."""
    circles = np.stack([task.trajectory(13_200, DT) / 5 for task in seeing_double()])
    weights = random_weights(units, 2, radius=0.9, strength=0.5, square=False)
    recurrent, kernel = weights["recurrent_kernel"].numpy(), weights["kernel"].numpy()
    network = LeakyReservoir(**weights, bias=tf.zeros(units), leak=0.3)

    def ours():
        states = drive(network, circles[:, :-1])[:, LISTEN:]
        fit_readout(network, states, circles[:, LISTEN + 1 :], ridge=1e-4, intercept=True)
        return 1

    for peer, matrix in {
        "reservoirpy, dense": recurrent.T.astype(float),
        "reservoirpy, sparse": sparse.csr_matrix(recurrent.T.astype(float)),
    }.items():

        def theirs(matrix=matrix):
            states = []
            for circle in circles:
                node = reservoirpy.nodes.Reservoir(W=matrix, Win=kernel.T.astype(float), lr=0.3)
                states.append(node.run(circle[:-1])[LISTEN:])
            readout = reservoirpy.nodes.Ridge(ridge=1e-4)
            readout.fit(states, [circle[LISTEN + 1 :] for circle in circles])
            return 1

        yield Comparison(f"leaky reservoir, {units} units, training", peer, "network", ours, theirs)


def closed_loop(units: int) -> Iterator[Comparison]:
    """Free runs from several cues at once, beside NumPy one after the other."""
    a, b = seeing_double()
    weights = random_weights(units, 2, radius=1.4, strength=0.2)
    network = ContinuousReservoir(**weights, gamma=5.0, dt=DT)
    data = np.stack([task.trajectory(6_000, DT) for task in (a, b)])
    states = drive(network, data[:, :-1])[:, LISTEN:]
    network = fit_readout(network, states, data[:, LISTEN + 1 :], ridge=1e-2)
    for count in (1, 8):
        cue = np.concatenate([cues(task, LISTEN, DT, count) for task in (a, b)])
        states = warm_up(network, cue).numpy()
        orbits = np.stack([numpy_loop(network, state, 50) for state in states])
        np.testing.assert_allclose(free_run(network, states, 50).outputs, orbits, atol=1e-2)

        def ours(states=states):
            free_run(network, states, STEPS).outputs.numpy()
            return STEPS * len(states)

        def theirs(states=states):
            numpy_loop(network, states[0], STEPS)
            return STEPS

        name = f"continuous reservoir, {units} units, closed loop, {2 * count} at once"
        yield Comparison(name, "NumPy Runge–Kutta loop", "step and orbit", ours, theirs)


def numpy_loop(network, r, steps):
    """The closed loop as it is usually written: column vectors, dense matrices."""
    recurrent = network.recurrent_kernel.numpy().T.astype(float)
    kernel = network.kernel.numpy().T.astype(float)
    readout = network.readout_kernel.numpy().T.astype(float)
    outputs, r = np.empty((steps, 2)), r.astype(float)

    def velocity(r):
        u = readout @ np.concatenate([r, r**2])
        return network.gamma * (-r + np.tanh(recurrent @ r + kernel @ u))

    for n in range(steps):
        outputs[n] = readout @ np.concatenate([r, r**2])
        k1 = velocity(r)
        k2 = velocity(r + network.dt / 2 * k1)
        k3 = velocity(r + network.dt / 2 * k2)
        k4 = velocity(r + network.dt * k3)
        r = r + network.dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return outputs
