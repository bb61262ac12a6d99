"""Attractors followed while a parameter of the network changes.

:func:`sweep_parameter` moves a parameter in small steps and carries the state along, as one turns
a knob on a running machine. Followed out and back again, an attractor may be lost at one value and
found again at another: hysteresis. :func:`rotation` measures in which direction, how fast and how
far out a planar output turns, :func:`run_with_kicks` and :func:`residence_time` how long a network
stays with a direction when its state is disturbed.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from mflib import checks
from mflib.modelling.closed_loop import free_run
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Network, Recurrent, replace


class Branch(NamedTuple):
    """What a closed loop did while its parameter was moved.

    Attributes:
        values (values,): Of the parameter, in the order in which they were visited.
        outputs (values, batch, steps, outputs): After the run has settled at each value.
        states (values, batch, state_dim): After the last of these steps: the run went on from
            there, at the next value.
    """

    values: np.ndarray
    outputs: np.ndarray
    states: np.ndarray


class Rotation(NamedTuple):
    """How planar runs turn about their own mean.

    Attributes:
        direction (numpy.ndarray of int): 1 if every step turns anticlockwise, -1 if every step
            turns clockwise, 0 otherwise.
        frequency: Mean angular velocity, in radians per unit of time, with its sign.
        radius: Mean distance from the mean.
    """

    direction: np.ndarray
    frequency: np.ndarray
    radius: np.ndarray


def sweep_parameter(
    network_at: Callable[[float], Network],
    values: ArrayLike,
    state: ArrayLike,
    *,
    settle: int,
    steps: int,
) -> Branch:
    """Move a parameter through its values and carry the state of the closed loop along.

    Args:
        network_at: ``network_at(value)`` is the network at a value of the parameter. All are of one
            shape.
        values (values,): In the order of the visit: near neighbours, or the run may leave an
            attractor that exists.
        state (batch, state_dim): To start from, near the attractor at the first value. Each member
            is a run of its own.
        settle: Steps of the closed loop at each value that are not looked at; may be 0.
        steps: Steps at each value that are returned.

    Raises:
        ValueError: If there are no values or some are not finite, or a number of steps does not
            fit.

    Examples:
        A unit whose input is its own output, ``h' = tanh(g h)``, has one fixed point at 0 up to
        g = 1 and two others beyond.

        >>> from mflib.networks.elman import Elman
        >>> one, zero = tf.ones((1, 1)), tf.zeros((1, 1))
        >>> def unit(g):
        ...     readout = {"readout_kernel": one, "readout_bias": zero[0]}
        ...     return Elman(zero, g * one, bias=zero[0], **readout)
        >>> branch = sweep_parameter(unit, [1.5, 0.5], state=[[0.9]], settle=100, steps=1)
        >>> branch.outputs[:, 0, 0, 0].round(2)
        array([0.86, 0.  ], dtype=float32)
    """
    visited = checks.reals("values", values, ("values",))
    settle, steps = checks.count("settle", settle, least=0), checks.count("steps", steps)
    seen = []
    for value in visited:
        run = free_run(network_at(value), state, settle + steps)
        state = run.state
        seen.append((run.outputs.numpy()[:, settle:], run.state.numpy()))
    return Branch(visited, *map(np.array, zip(*seen, strict=True)))


def rotation(outputs: ArrayLike, dt: float, least: float = 0.05) -> Rotation:
    """In which direction, how fast and how far out planar runs turn about their own mean.

    Args:
        outputs (..., steps, 2): At least three steps.
        dt: Time between samples.
        least: Runs with a smaller radius are at rest: their direction is 0.

    Returns:
        Rotation: Of arrays of the leading shape. A run with values that are not finite has
        direction 0.

    Raises:
        ValueError: If the outputs are not planar or too few, or ``dt`` is not positive.

    Examples:
        >>> angle = np.linspace(0, -4 * np.pi, 101)
        >>> found = rotation(3 * np.column_stack([np.cos(angle), np.sin(angle)]), dt=0.1)
        >>> int(found.direction), round(float(found.frequency), 3)
        (-1, -1.257)
    """
    shape = (*np.shape(outputs)[:-2], "steps", 2)
    points = checks.reals("outputs", outputs, shape, finite=False)
    checks.count("steps of outputs", points.shape[-2], least=3)
    dt, least = checks.real("dt", dt, above=0), checks.real("least", least, least=0)
    x, y = np.moveaxis(points - points.mean(axis=-2, keepdims=True), -1, 0)
    radius = np.hypot(x, y).mean(axis=-1)
    turned = np.diff(np.unwrap(np.arctan2(y, x), axis=-1), axis=-1)
    direction = np.all(turned > 0, axis=-1).astype(int) - np.all(turned < 0, axis=-1)
    direction = np.where(radius >= least, direction, 0)
    return Rotation(direction, turned.mean(axis=-1) / dt, radius)


def scale_recurrence(network: Recurrent, gain: float) -> Recurrent:
    """The network with its recurrent kernel multiplied: units drive each other more strongly.

    Raises:
        ValueError: If the gain is no finite number.
    """
    kernel = checks.real("gain", gain) * network.recurrent_kernel
    return replace(network, recurrent_kernel=kernel)


def shift_forget_bias(network: LSTM, shift: float) -> LSTM:
    """The network with a number added to the biases of all forget gates: above 0 it keeps more.

    Raises:
        ValueError: If the shift is no finite number.
    """
    gates = np.repeat([0, checks.real("shift", shift), 0, 0], network.units)  # i, f, g, o
    return replace(network, bias=network.bias + tf.constant(gates, network.dtype))


def interpolate_weights(first: Recurrent, second: Recurrent, share: float) -> Recurrent:
    """All weights on the straight line from the first network, at 0, to the second, at 1.

    Raises:
        ValueError: If the networks are not of one kind and shape, or the share is no finite number.
    """
    share, ends = checks.real("share", share), second.weights()
    if repr(first) != repr(second):  # which tells kind, sizes and type
        raise ValueError(f"second: got {second}, expected the kind and shape of {first}")
    between = {name: (1 - share) * w + share * ends[name] for name, w in first.weights().items()}
    return replace(first, **between)


def run_with_kicks(
    network: Network, state: ArrayLike, *, kick: float, every: int, times: int, seed: int = 0
) -> np.ndarray:
    """Run the closed loop and kick its state again and again.

    Args:
        state (batch, state_dim):
        kick: Standard deviation of the Gaussian noise added to every number of the state, in root
            mean squares of the state to start from.
        every: Steps between kicks.
        times: How many kicks, each followed by ``every`` steps.

    Returns:
        numpy.ndarray, shape (batch, times, every, outputs)

    Raises:
        ValueError: If the kick is negative, there are no kicks, or an argument does not fit the
            network.
    """
    kick, times = checks.real("kick", kick, least=0), checks.count("times", times)
    current, rng = np.asarray(state), np.random.default_rng(seed)
    size = kick * np.sqrt(np.mean(current**2))
    outputs = []
    for _ in range(times):
        run = free_run(network, current + size * rng.normal(size=current.shape), every)
        current = run.state.numpy()
        outputs.append(run.outputs)
    return np.stack(outputs, axis=1)


def residence_time(directions: ArrayLike) -> float:
    """Mean time between changes of direction, in stretches.

    Args:
        directions ((batch, stretches) of int): 1, -1, or 0 for a stretch that has no direction: it
            counts to the visit before it.

    Returns:
        float: All time over the number of changes, which counts visits cut off at the end rightly
        if changes come at random; infinite if there is none.

    Examples:
        >>> residence_time([[1, 1, 0, -1, -1, -1], [1, 1, 0, 1, 1, 1]])
        12.0
    """
    runs = checks.reals("directions", directions, ("batch", "stretches"))
    changes = sum(np.sum(np.diff(run[run != 0]) != 0) for run in runs)
    return float(runs.size / changes) if changes else np.inf
