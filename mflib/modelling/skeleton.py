"""The skeleton of a closed loop: what runs end on, and what lies between, stable or not.

Runs show attractors. What lies between them, and what a run slows down beside, are fixed points and
cycles that no run ends on, which Newton's method finds too, and edge states in the boundaries of
basins, which bisection finds. Where all this goes when a parameter changes is
:mod:`~mflib.modelling.continuation`.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tqdm import tqdm

from mflib import checks
from mflib.dynamics.boundaries import Edge, track_edge
from mflib.modelling.closed_loop import _closable, drive, free_run, jacobian
from mflib.modelling.exponents import MATRICES
from mflib.networks.recurrent import Network, cast

#: Newton steps at most, and how often one may be halved.
ITERATIONS, HALVINGS = 60, 8
#: A state stands still if no number in it changes by more in a step, or in a period.
STILL = 1e-10
#: Points nearer to each other than this, relative to their size, are one.
SAME = 1e-6
#: In place of 1, so that no Jacobian less the identity is singular, even at a fold.
NEARLY_ONE = 1 + 1e-13


class FixedPoints(NamedTuple):
    """States of a loop that are their own successors.

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


class PeriodicOrbits(NamedTuple):
    """Orbits of a loop that come back after so many steps, and not before.

    Attributes:
        states (orbits, period, state_dim): Each orbit once, from the state on whose first number is
            least.
        outputs (orbits, period, outputs): Read off them.
        multipliers ((orbits, state_dim) of complex): Floquet multipliers, the eigenvalues of the
            product of the Jacobians along the orbit, their moduli falling. Those smaller than the
            largest times 1e-16 or so are rounding.
    """

    states: np.ndarray
    outputs: np.ndarray
    multipliers: np.ndarray

    @property
    def unstable(self) -> np.ndarray:
        """In how many directions neighbours of each move away, shape (orbits,)."""
        return np.sum(np.abs(self.multipliers) > 1, axis=1)


def fixed_points(
    network: Network, starts: ArrayLike, *, u: ArrayLike | None = None, progress: bool = False
) -> FixedPoints:
    """Fixed points of a loop that Newton's method reaches.

    Steps that would make the excess larger are halved. Starts that lead nowhere are left out, so
    there is no promise that all fixed points are found.

    Args:
        network: With as many outputs as inputs, if the loop is to be closed. It is run in double
            precision.
        starts (starts, state_dim): States that runs have visited, say, and others around them.
        u (inputs,): A constant input that holds the loop open: the fixed points are those of the
            network driven by it.
        progress: Whether to show how many starts are done, and the time left.

    Raises:
        ValueError: If the loop cannot be closed, or an argument does not fit.

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
    found = _orbits_found(network, starts, 1, u, progress)
    return FixedPoints(found.states[:, 0], found.outputs[:, 0], found.multipliers)


def periodic_orbits(
    network: Network,
    starts: ArrayLike,
    period: int,
    *,
    u: ArrayLike | None = None,
    progress: bool = False,
) -> PeriodicOrbits:
    """Orbits of one period, stable or not, that Newton's method on so many steps at once reaches.

    Orbits that come back sooner are left out, and so are starts that lead nowhere: there is no
    promise that all orbits are found. The longer the period and the larger the multipliers, the
    nearer a start has to be, and where a multiplier exceeds 1e6 or so rounding hides the orbit.

    Args:
        network, starts, u, progress: As for :func:`fixed_points`.
        period: In steps.

    Raises:
        ValueError: If the loop cannot be closed, or an argument does not fit.

    References:
        Kuznetsov (2004), Elements of Applied Bifurcation Theory, doi:10.1007/978-1-4757-3978-7.

    Examples:
        A unit that turns its sign over, ``h' = -tanh(2 h)``:

        >>> from mflib.networks.elman import Elman
        >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
        >>> unit = Elman(zero, -2 * one, bias=zero[0], readout_kernel=one, readout_bias=zero[0])
        >>> found = periodic_orbits(unit, [[0.1], [1.0], [-1.0]], period=2)
        >>> found.states.round(4)[0, :, 0], found.unstable
        (array([-0.9575,  0.9575]), array([0]))
    """
    return _orbits_found(network, starts, checks.count("period", period), u, progress)


def edge_state(
    network: Network,
    classify: Callable[[np.ndarray], ArrayLike],
    first: ArrayLike,
    second: ArrayLike,
    *,
    steps: int,
    settle: int,
    look: int,
    rounds: int = 20,
    width: float = 1e-10,
) -> Edge:
    """Follow the boundary between two basins of a closed loop to the edge state that sits in it.

    By :func:`~mflib.dynamics.boundaries.track_edge`. What the edge state is, tells Newton's method
    from there: :func:`fixed_points`, :func:`periodic_orbits` or
    :func:`~mflib.modelling.continuation.invariant_curve`.

    Args:
        network: With as many outputs as inputs. It is run in double precision.
        classify: What outputs ``(members, look, outputs)`` have come to: one label each.
        first, second (state_dim,): States whose runs end differently.
        steps: Between two bisections.
        settle, look: Steps of a run before those that are looked at, and of those.
        rounds, width: As there.

    Raises:
        ValueError: If the loop cannot be closed, an argument does not fit, or both states end
            alike.

    Examples:
        Between the two rests of ``h' = tanh(2 h)`` lies 0.

        >>> from mflib.networks.elman import Elman
        >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
        >>> unit = Elman(zero, 2 * one, bias=zero[0], readout_kernel=one, readout_bias=zero[0])
        >>> def side(outputs):
        ...     return outputs[:, -1, 0] > 0
        >>> edge = edge_state(unit, side, [-0.7], [1.2], steps=3, settle=60, look=1, rounds=2)
        >>> bool(np.all(np.abs(edge.states) < 1e-9))
        True
    """
    network = cast(network, "float64")
    ends = [
        checks.reals(n, x, (network.state_dim,)) for n, x in (("first", first), ("second", second))
    ]
    settle, look = checks.count("settle", settle, least=0), checks.count("look", look)
    return track_edge(
        lambda states: free_run(network, states, steps).state.numpy(),
        lambda states: classify(
            free_run(network, states, settle + look).outputs[:, settle:].numpy()
        ),
        *ends,
        rounds=rounds,
        width=width,
    )


def _orbits_found(network, starts, period, u, progress):
    """The orbits of a period that Newton's method reaches, without those of a shorter one."""
    network = cast(network, "float64")
    if u is None:
        _closable(network)
    else:
        u = checks.reals("u", u, (network.inputs,))
    starts = checks.reals("starts", starts, ("starts", network.state_dim))
    ends = _newton(
        lambda state: _orbit(network, state, period, u)[:, -1] - state,
        lambda state: _slopes(network, _orbit(network, state, period, u)[:, :-1], u),
        starts,
        max(1, MATRICES // (period * network.state_dim**2)),
        progress,
    )
    orbits = _each_once(_orbit(network, ends, period, u)[:, :-1] if len(ends) else ends[:, None])
    orbits = orbits.reshape(-1, period, network.state_dim)
    multipliers = np.empty((0, network.state_dim), complex)
    if len(orbits):
        multipliers = _sorted_eigenvalues(_slopes(network, orbits, u))
    outputs = network.readout(tf.constant(orbits.reshape(-1, network.state_dim))).numpy()
    return PeriodicOrbits(orbits, outputs.reshape(*orbits.shape[:2], network.outputs), multipliers)


def _orbit(network, state, period, u):
    """States before each of so many steps, and after the last: (batch, period + 1, state_dim)."""
    if u is None:
        run = free_run(network, state, period, states=True)
        return np.concatenate([run.states, run.state[:, None]], axis=1)
    inputs = np.broadcast_to(u, (len(state), period, len(u)))
    return np.concatenate([state[:, None], drive(network, inputs, state)], axis=1)


def _slopes(network, orbits, u=None):
    """Jacobian of all steps together, of each orbit (batch, period, state_dim)."""
    states = orbits.reshape(-1, orbits.shape[2])
    driving = None if u is None else np.broadcast_to(u, (len(states), len(u)))
    matrices = jacobian(network, states, driving).numpy().reshape(*orbits.shape, -1)
    return functools.reduce(lambda before, one: one @ before, np.moveaxis(matrices, 1, 0))


def _sorted_eigenvalues(matrices):
    """Their eigenvalues, moduli falling."""
    values = np.linalg.eigvals(matrices).astype(complex)
    return np.take_along_axis(values, np.argsort(-np.abs(values), axis=-1, kind="stable"), axis=-1)


def _newton(excess, slopes, starts, places, progress):
    """Where Newton's method ends from the starts, of those for which it does.

    So many at once, in one compiled program: a start that is done leaves its place to the next.
    """
    places = min(places, len(starts))
    state, waiting, ends = starts[:places].copy(), starts[places:], []
    miss, turns, running = excess(state), np.zeros(places, int), np.ones(places, bool)
    with tqdm(total=len(starts), unit="start", disable=not progress) as bar:
        while True:
            still = running & np.all(np.abs(miss) <= STILL, axis=1)
            done = np.flatnonzero(still | (running & (turns >= ITERATIONS)))
            ends.append(state[still])
            bar.update(len(done))
            taken, running[done] = done[: len(waiting)], False
            if len(taken):
                state[taken], waiting = waiting[: len(taken)], waiting[len(taken) :]
                miss, turns[taken], running[taken] = excess(state), 0, True
            if not running.any():
                return np.concatenate(ends)
            matrices = slopes(state) - NEARLY_ONE * np.eye(state.shape[1])
            change = -np.linalg.solve(matrices, miss[..., None])[..., 0]
            state, miss, stuck = _shortened(excess, state, miss, change)
            turns = np.where(stuck, ITERATIONS, turns + 1)


def _shortened(excess, state, miss, change):
    """Newton's step, for each state halved until the excess falls; whether it never does."""
    change = np.where(np.all(np.isfinite(change), axis=1, keepdims=True), change, 0)
    share, size = np.ones((len(state), 1)), np.linalg.norm(miss, axis=1)
    for _ in range(HALVINGS):
        there = state + share * change
        left = excess(there)
        worse = ~(np.linalg.norm(left, axis=1) < size)
        if not np.any(worse):
            break
        share[worse] /= 2
    return there, left, worse


def _each_once(orbits):
    """Orbits further apart than rounding that do not come back before their end, sorted."""
    period = orbits.shape[1]
    starts = np.argmin(orbits[..., 0].round(6), axis=1)
    order = (starts[:, None] + np.arange(period)) % period
    orbits = np.take_along_axis(orbits, order[..., None], axis=1)
    kept = orbits[:0]
    for orbit in orbits[np.lexsort(orbits[:, 0].round(6).T[::-1])]:
        others = np.concatenate([kept.reshape(-1, orbit.shape[1]), orbit[1:]])
        if np.all(
            np.linalg.norm(others - orbit[0], axis=1) > SAME * (1 + np.linalg.norm(orbit[0]))
        ):
            kept = np.concatenate([kept, orbit[None]])
    return kept
