"""Attractors followed while a parameter of the network changes.

:func:`sweep_parameter` moves a parameter in small steps and carries the state along, as one turns a knob
on a running machine. Followed out and back again, an attractor may be lost at one value and found
again at another: hysteresis. :func:`rotation` says in which direction, how fast and how far out a
planar output turns. :func:`run_with_kicks` and :func:`residence_time` say how long a network stays with a
direction when its state is disturbed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mflib.modelling.closed_loop import free_run
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Network, Recurrent, replace


class Branch(NamedTuple):
    """What a closed loop did while its parameter was moved.

    Attributes
    ----------
    values : numpy.ndarray, shape (values,)
        Of the parameter, in the order in which they were visited.
    outputs : numpy.ndarray, shape (values, batch, steps, outputs)
        After the run has settled at each value.
    states : numpy.ndarray, shape (values, batch, state_dim)
        After the last of these steps: the run went on from there, at the next value.
    """

    values: np.ndarray
    outputs: np.ndarray
    states: np.ndarray


class Rotation(NamedTuple):
    """How planar runs turn about their own mean.

    Attributes
    ----------
    direction : numpy.ndarray of int
        1 if every step turns anticlockwise, -1 if every step turns clockwise, 0 otherwise.
    frequency : numpy.ndarray
        Mean angular velocity, in radians per unit of time, with its sign.
    radius : numpy.ndarray
        Mean distance from the mean.
    """

    direction: np.ndarray
    frequency: np.ndarray
    radius: np.ndarray


def sweep_parameter(
    network_at: Callable[[float], Network], values, state, *, settle: int, steps: int
) -> Branch:
    """Move a parameter through its values and carry the state of the closed loop along.

    Parameters
    ----------
    network_at : callable
        ``network_at(value)`` is the network at a value of the parameter. All are of one shape.
    values : array_like, shape (values,)
        In the order of the visit: near neighbours, or the run may leave an attractor that exists.
    state : array_like, shape (batch, state_dim)
        To start from, near the attractor at the first value. Each member is a run of its own.
    settle : int
        Steps of the closed loop at each value that are not looked at; may be 0.
    steps : int
        Steps at each value that are returned.

    Returns
    -------
    Branch

    Raises
    ------
    ValueError
        If there are no values or some are not finite, or a number of steps does not fit.

    Examples
    --------
    A unit that hears itself, ``h' = tanh(g h)``, has one fixed point at 0 up to g = 1 and two
    others beyond.

    >>> from mflib.networks import Elman
    >>> one, zero = tf.ones((1, 1)), tf.zeros((1, 1))
    >>> def unit(g):
    ...     return Elman(zero, g * one, zero[0], one, zero[0])
    >>> branch = follow(unit, [1.5, 0.5], state=[[0.9]], settle=100, steps=1)
    >>> branch.outputs[:, 0, 0, 0].round(2)
    array([0.86, 0.  ], dtype=float32)
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.all(np.isfinite(values)):
        raise ValueError(f"values: got {values}, expected one or more finite numbers in a row")
    for name, number, least in (("settle", settle, 0), ("steps", steps, 1)):
        if number != int(number) or number < least:
            raise ValueError(f"{name}: got {number}, expected a whole number, at least {least}")
    outputs, states = [], []
    for value in values:
        run = free_run(network_at(value), state, settle + steps)
        state = run.state
        outputs.append(run.outputs.numpy()[:, settle:])
        states.append(state.numpy())
    return Branch(values, np.array(outputs), np.array(states))


def rotation(outputs, dt: float, least: float = 0.05) -> Rotation:
    """In which direction, how fast and how far out planar runs turn about their own mean.

    Parameters
    ----------
    outputs : array_like, shape (..., steps, 2)
        At least three steps.
    dt : float
        Time between samples.
    least : float
        Runs with a smaller radius are at rest: their direction is 0.

    Returns
    -------
    Rotation
        Of arrays of the leading shape. A run with values that are not finite has direction 0.

    Raises
    ------
    ValueError
        If the outputs are not planar or too few, or ``dt`` is not positive.

    Examples
    --------
    >>> angle = np.linspace(0, -4 * np.pi, 101)
    >>> found = rotation(3 * np.column_stack([np.cos(angle), np.sin(angle)]), dt=0.1)
    >>> int(found.direction), round(float(found.frequency), 3)
    (-1, -1.257)
    """
    outputs = np.asarray(outputs, dtype=float)
    if outputs.ndim < 2 or outputs.shape[-1] != 2 or outputs.shape[-2] < 3:
        raise ValueError(
            f"outputs: got shape {outputs.shape}, expected (..., steps, 2) with at least 3 steps"
        )
    if not dt > 0:
        raise ValueError(f"dt: got {dt}, expected a positive time")
    x, y = np.moveaxis(outputs - outputs.mean(axis=-2, keepdims=True), -1, 0)
    radius = np.hypot(x, y).mean(axis=-1)
    turned = np.diff(np.unwrap(np.arctan2(y, x), axis=-1), axis=-1)
    direction = np.all(turned > 0, axis=-1).astype(int) - np.all(turned < 0, axis=-1)
    direction = np.where(radius >= least, direction, 0)
    return Rotation(direction, turned.mean(axis=-1) / dt, radius)


def scale_recurrence(network: Recurrent, gain: float) -> Recurrent:
    """The network with its recurrent kernel multiplied: what units say to each other is louder."""
    return replace(network, recurrent_kernel=gain * network.recurrent_kernel)


def shift_forget_bias(network: LSTM, shift: float) -> LSTM:
    """The network with a number added to the biases of all forget gates: above 0 it keeps more."""
    gates = np.repeat([0, shift, 0, 0], network.units)  # i, f, g, o
    return replace(network, bias=network.bias + tf.constant(gates, network.dtype))


def interpolate_weights(first: Recurrent, second: Recurrent, share: float) -> Recurrent:
    """All weights on the straight line from the first network, at 0, to the second, at 1.

    Raises
    ------
    ValueError
        If the networks are not of one kind and shape.
    """
    shapes = [{k: tuple(w.shape) for k, w in one.weights().items()} for one in (first, second)]
    if type(first) is not type(second) or shapes[0] != shapes[1]:
        raise ValueError(f"second: got {second}, expected the kind and shape of {first}")
    ends = first.weights(), second.weights()
    return replace(first, **{k: (1 - share) * w + share * ends[1][k] for k, w in ends[0].items()})


def run_with_kicks(network: Network, state, *, kick: float, every: int, times: int, seed: int = 0):
    """Run the closed loop and kick its state again and again.

    Parameters
    ----------
    network : Network
    state : array_like, shape (batch, state_dim)
    kick : float
        Standard deviation of the Gaussian noise added to every number of the state, in root mean
        squares of the state to start from.
    every : int
        Steps between kicks.
    times : int
        How many kicks, each followed by a stretch of ``every`` steps.
    seed : int

    Returns
    -------
    numpy.ndarray, shape (batch, times, every, outputs)

    Raises
    ------
    ValueError
        If the kick is negative, there are no kicks, or an argument does not fit the network.
    """
    if not kick >= 0:
        raise ValueError(f"kick: got {kick}, expected a number that is not negative")
    if times != int(times) or times < 1:
        raise ValueError(f"times: got {times}, expected a whole number, at least 1")
    state, rng = np.asarray(state), np.random.default_rng(seed)
    size = kick * np.sqrt(np.mean(state**2))
    stretches = []
    for _ in range(int(times)):
        run = free_run(network, state + size * rng.normal(size=state.shape), every)
        state = run.state.numpy()
        stretches.append(run.outputs.numpy())
    return np.stack(stretches, axis=1)


def residence_time(directions) -> float:
    """Mean time between changes of direction, in stretches.

    Parameters
    ----------
    directions : array_like of int, shape (batch, stretches)
        1, -1, or 0 for a stretch that has no direction: it counts to the visit before it.

    Returns
    -------
    float
        All time over the number of changes, which counts visits cut off at the end rightly if
        changes come at random; infinite if there is none.

    Examples
    --------
    >>> residence([[1, 1, 0, -1, -1, -1], [1, 1, 0, 1, 1, 1]])
    12.0
    """
    directions = np.asarray(directions)
    if directions.ndim != 2:
        raise ValueError(f"directions: got shape {directions.shape}, expected (batch, stretches)")
    changes = sum(np.sum(np.diff(run[run != 0]) != 0) for run in directions)
    return float(directions.size / changes) if changes else np.inf
