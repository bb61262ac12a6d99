"""What lies between attractors: manifolds of saddles, edge states, and how noise crosses.

A basin ends where orbits run into an unstable state that belongs to no attractor. For a fixed point
with one unstable direction :func:`manifold` draws the orbits that arrive there and that leave from
there. :func:`track_edge` finds such a state from two states that end differently, without knowing
what moves them. :func:`count_switches` counts how often noise carries orbits across.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.systems import LONGEST, System, autonomous_flow, components, time_step
from mflib.dynamics.trajectories import limited, within_bounds

#: States on the line between two that end differently, ends included, that are classified at once.
SECTION = 17
#: A manifold's branch begins so far from its saddle.
BESIDE = 1e-6


def manifold(
    system: System,
    saddle: npt.ArrayLike,
    time: float,
    *,
    stable: bool = False,
    dt: float | None = None,
) -> list[np.ndarray]:
    """Both branches of a saddle's unstable or stable manifold, where that is a curve.

    A branch starts beside the saddle, on the eigenvector, and is followed forwards in time, or
    backwards if the manifold is the stable one, by DOP853 of SciPy.

    Args:
        system: An autonomous flow.
        saddle (dim,): A fixed point with one real eigenvalue on the side asked for, and no other.
        time: How long to follow; a branch that leaves all bounds ends there.
        stable: Whether to draw what arrives instead of what leaves.
        dt: Time between points; by default the system's natural step.

    Returns:
        list of numpy.ndarray, each of shape (points, dim): The branch along which the first
        coordinate (if it does not change, the second, and so on) rises from the saddle; and the
        other.

    Raises:
        ValueError: If the system is forced or a map, the point does not stand still, or its
            manifold is no curve.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> right, left = manifold(system("double_well"), [0, 0], time=100)
        >>> right[-1].round(3) + 0.0, left[-1].round(3) + 0.0
        (array([3.162, 0.   ]), array([-3.162,  0.   ]))
    """
    autonomous_flow(system)
    x, dt = checks.reals("saddle", saddle, (system.dim,)), time_step(system, dt)
    time = checks.real("time", time, least=dt, most=LONGEST * system.dt)
    speed = np.linalg.norm(system.rhs(0, x)) / (1 + np.linalg.norm(x))
    values, vectors = np.linalg.eig(system.jacobian(0, x))
    sign = -1 if stable else 1
    one = np.flatnonzero(sign * values.real > 0)
    if speed > 1e-8 or len(one) != 1:
        side = "negative" if stable else "positive"
        got = f"speed {speed:.1e} and {len(one)} eigenvalues with {side} real part"
        raise ValueError(f"saddle: got {got}, expected no speed and one such eigenvalue")
    along = vectors[:, one[0]].real
    along *= np.sign(along[np.flatnonzero(np.abs(along) > 1e-9)[0]])
    flow, times = limited(system, time), np.arange(0, time + dt / 2, dt)

    def moved(t, x):
        return sign * np.array(flow(t, x))

    starts = (x + side * BESIDE * along for side in (1, -1))
    runs = (within_bounds(moved, start, times, 1e-12, 1e-15) for start in starts)
    return [np.ascontiguousarray(run.y.T) for run in runs]


class Edge(NamedTuple):
    """What was tracked along a boundary between two basins.

    Attributes:
        states (rounds + 1, dim): Midway between the two states that enclose the boundary, after
            each bisection.
        widths (rounds + 1,): How far apart those two were.
    """

    states: np.ndarray
    widths: np.ndarray


def track_edge(
    flow: Callable[[np.ndarray], npt.ArrayLike],
    classify: Callable[[np.ndarray], npt.ArrayLike],
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    rounds: int = 20,
    width: float = 1e-10,
) -> Edge:
    """Follow the boundary between two basins to the edge state that sits in it.

    Bisection on the line between two states that end differently encloses a point of the boundary.
    Both neighbours are moved on; they stay beside the boundary, which is invariant, and part, and
    are brought together again by bisection. What is attracted within the boundary, a saddle, an
    unstable cycle, or chaos that attracts nothing outside, is where this ends.

    Args:
        flow: Moves states ``(2, dim)`` on by one and the same time or number of steps: long enough
            for them to approach the edge state, and too short for them to leave it.
        classify: Where states ``(members, dim)`` end: one label each, of any kind. Between states
            ``width`` apart it has to wait until they have parted.
        first, second (dim,): States with different labels. The boundary is that of the basin of
            the first.
        rounds: How often to move on and bisect again.
        width: How far apart the two states may be after a bisection; rounding may allow no less.

    Raises:
        ValueError: If two states that should enclose the boundary get the same label, or a
            function returns something else than is said here.

    References:
        Mehling, Börner and Lucarini (2023), arXiv:2308.16251, with earlier work.

    Examples:
        Between the two attractors of ``x' = x - x ** 3`` sits the saddle 0.

        >>> def flow(x, dt=0.1):
        ...     return x + dt * (x - x**3)
        >>> def classify(x):
        ...     for _ in range(400):
        ...         x = flow(x)
        ...     return x[:, 0] > 0
        >>> edge = track_edge(flow, classify, [-0.7], [1.2], rounds=3)
        >>> bool(np.all(np.abs(edge.states) < 1e-10))
        True
    """
    one = checks.reals("first", first, ("dim",))
    pair = np.stack([one, checks.reals("second", second, one.shape)])
    rounds = checks.count("rounds", rounds, least=0)
    width = checks.real("width", width, above=0)
    states, widths = [], []
    for n in range(rounds + 1):
        if n:
            pair = checks.reals("flow", flow(pair), pair.shape)
        pair = _enclosed(classify, pair, width)
        states.append(pair.mean(axis=0))
        widths.append(np.linalg.norm(pair[1] - pair[0]))
    return Edge(np.array(states), np.array(widths))


def _enclosed(classify, pair, width):
    """Two states on the line between the pair, no further apart, with the labels of the pair."""
    before = np.inf
    while width < (apart := np.linalg.norm(pair[1] - pair[0])) < before:
        before = float(apart)
        line = pair[0] + np.linspace(0, 1, SECTION)[:, None] * (pair[1] - pair[0])
        labels = np.asarray(classify(line))
        if labels.shape != (SECTION,):
            raise ValueError(f"classify: got labels {labels.shape}, expected {SECTION}")
        if labels[0] == labels[-1]:
            raise ValueError(f"second: got a state that ends as the first, {labels[0]!r}")
        beyond = np.argmax(labels != labels[0])
        pair = line[beyond - 1 : beyond + 1]
    return pair


def count_switches(
    system: System,
    initial: npt.ArrayLike,
    side: Callable[[np.ndarray], npt.ArrayLike],
    *,
    steps: int,
    noise: float,
    dt: float | None = None,
    seed: int = 0,
) -> np.ndarray:
    r"""How often noise carries orbits from one attractor to the other.

    The equations are :math:`\dot x = f(x) + \sqrt{2\nu}\,\xi(t)` with white noise :math:`\xi`,
    integrated by the stochastic Heun method, of weak order 2 in the step.

    Args:
        system: An autonomous flow.
        initial (members, dim): One orbit from each.
        side: Of states ``(members, dim)``: 1 at one attractor, -1 at the other, 0 between. A
            switch counts when the orbit arrives.
        steps: Of each orbit.
        noise: Its strength :math:`\nu`, the same for every coordinate.
        dt: By default the system's natural step.

    Returns:
        numpy.ndarray of int, shape (members,)

    Raises:
        ValueError: If the system is forced or a map, or an argument does not fit.

    References:
        Hänggi, Talkner and Borkovec (1990), Reviews of Modern Physics 62, 251-341,
        doi:10.1103/RevModPhys.62.251.
    """
    autonomous_flow(system)
    x = checks.reals("initial", initial, ("members", system.dim)).T
    steps, dt = checks.count("steps", steps), time_step(system, dt)
    size = np.sqrt(2 * checks.real("noise", noise, least=0) * dt)
    f, rng = functools.partial(components, system.equations), np.random.default_rng(seed)
    at = np.asarray(side(x.T))
    switches = np.zeros(x.shape[1], dtype=int)
    for _ in range(steps):
        kick, velocity = size * rng.normal(size=x.shape), f(0, x)
        x = x + kick + dt / 2 * (velocity + f(0, x + kick + dt * velocity))
        now = np.asarray(side(x.T))
        switches += now * at < 0
        at = np.where(now != 0, now, at)
    return switches
