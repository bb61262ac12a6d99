"""The skeleton of a closed loop: states at which it stands still, stable or not.

Runs show attractors. What lies between them, and what a run slows down beside, are fixed points
that no run ends on; Newton's method finds these too.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from mflib import checks
from mflib.modelling.closed_loop import free_run, jacobian
from mflib.networks.recurrent import Network, cast

#: Newton steps at most, and how often one may be halved.
ITERATIONS, HALVINGS = 60, 8
#: A state stands still if no number in it changes by more in a step.
STILL = 1e-10
#: Points nearer to each other than this, relative to their size, are one.
SAME = 1e-6
#: In place of 1, so that no Jacobian less the identity is singular, even at a fold.
NEARLY_ONE = 1 + 1e-13


class FixedPoints(NamedTuple):
    """States of a closed loop that are their own successors.

    Attributes:
        states (points, state_dim): Each once.
        outputs (points, outputs): Read off them.
        multipliers ((points, state_dim) of complex): Eigenvalues of the Jacobian of a step, their
            moduli falling.
    """

    states: np.ndarray
    outputs: np.ndarray
    multipliers: np.ndarray

    @property
    def unstable(self) -> np.ndarray:
        """In how many directions neighbours of each move away, shape (points,)."""
        return np.sum(np.abs(self.multipliers) > 1, axis=1)


def fixed_points(network: Network, starts: ArrayLike) -> FixedPoints:
    """Fixed points of a closed loop that Newton's method reaches.

    Steps that would make the excess larger are halved. Starts that lead nowhere are left out, so
    there is no promise that all fixed points are found.

    Args:
        network: With as many outputs as inputs. It is run in double precision.
        starts (starts, state_dim): States that runs have visited, say, and others around them.

    Raises:
        ValueError: If the loop cannot be closed, or the starts do not fit.

    References:
        Sussillo and Barak (2013), Neural Computation 25, 626-649, doi:10.1162/NECO_a_00409, found
        them by gradient descent on the speed.

    Examples:
        One unit with its output fed back, ``h' = tanh(2 h)``: at rest it is unstable.

        >>> from mflib.networks.elman import Elman
        >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
        >>> unit = Elman(zero, 2 * one, bias=zero[0], readout_kernel=one, readout_bias=zero[0])
        >>> found = fixed_points(unit, [[0.1], [1.0], [-1.0]])
        >>> found.states.ravel().round(4) + 0.0, found.unstable
        (array([-0.9575,  0.    ,  0.9575]), array([0, 1, 0]))
    """
    network = cast(network, "float64")
    state = checks.reals("starts", starts, ("starts", network.state_dim))
    miss = _excess(network, state)
    for _ in range(ITERATIONS):
        if not np.any(np.abs(miss) > STILL):
            break
        slopes = jacobian(network, state).numpy() - NEARLY_ONE * np.eye(network.state_dim)
        change = -np.linalg.solve(slopes, miss[..., None])[..., 0]
        state, miss = _shortened(network, state, miss, change)
    states = _each_once(state[np.max(np.abs(miss), axis=1) <= STILL])
    slopes = (
        jacobian(network, states).numpy() if len(states) else np.empty((0, *state.shape[1:] * 2))
    )
    multipliers = np.linalg.eigvals(slopes).astype(complex)
    order = np.argsort(-np.abs(multipliers), axis=1, kind="stable")
    multipliers = np.take_along_axis(multipliers, order, axis=1)
    return FixedPoints(states, network.readout(tf.constant(states)).numpy(), multipliers)


def _excess(network, state):
    """By how much one step of the closed loop changes each state."""
    return free_run(network, state, 1).state.numpy() - state


def _shortened(network, state, miss, change):
    """Newton's step, for each state halved until the excess falls; none if it has no bound."""
    change = np.where(np.all(np.isfinite(change), axis=1, keepdims=True), change, 0)
    share, size = np.ones((len(state), 1)), np.linalg.norm(miss, axis=1)
    for _ in range(HALVINGS):
        there = state + share * change
        left = _excess(network, there)
        worse = ~(np.linalg.norm(left, axis=1) < size)
        if not np.any(worse):
            break
        share[worse] /= 2
    return there, left


def _each_once(states):
    """States further apart than rounding, sorted by their first number."""
    kept = np.empty((0, states.shape[1]))
    for state in states[np.lexsort(states.round(6).T[::-1])]:
        apart = np.linalg.norm(kept - state, axis=1)
        if np.all(apart > SAME * (1 + np.linalg.norm(state))):
            kept = np.vstack([kept, state])
    return kept
