r"""Trajectories: one orbit, exact to nine digits or more a step; or many orbits at once.

:func:`trajectory` is the reference; :func:`ensemble` is fast, for questions about where orbits
go and not about where exactly they are. One step of its natural ``dt`` is wrong by less than a
hundred-thousandth of the attractor's size, in most systems of the catalogue by less than a
millionth; where an orbit crosses a kink of its equations, as Chua's does, by less than a
ten-thousandth. A limit cycle or fixed point keeps the error small; chaos multiplies it, like any
other, by :math:`e^{\lambda_1 t}`.
"""

import functools
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.systems import System, components, one_of_a_kind, time_step, waiting_time

#: A coordinate beyond this has escaped, for no attractor of the catalogue reaches 200.
ESCAPE = 1e6
#: So many members of an ensemble fit into the processor's cache with what is computed of them.
CHUNK = 4096
#: Calls of the equations in a natural time step, beyond which an orbit is given up.
CALLS = 50


def trajectory(
    system: System,
    steps: int,
    dt: float | None = None,
    initial: npt.ArrayLike | None = None,
    transient: float = 0.0,
    rtol: float = 1e-10,
) -> np.ndarray:
    """One accurate orbit: a flow by DOP853 of SciPy, a map by iterating it.

    Args:
        steps: Number of points.
        dt: Time between points; by default the system's natural step. A map has no other than 1.
        initial (dim,): By default the system's own.
        transient: Time left out before the first point, at most a million natural steps. Times of a
            forced flow go on from there: the first point is at time ``transient``.
            ``system.transient`` is long enough to reach the attractor.
        rtol: Relative error allowed in a step; the absolute error allowed is a hundredth of that.

    Returns:
        numpy.ndarray, shape (steps, dim)

    Raises:
        ValueError: If an argument does not fit, or the orbit escapes, or moves too fast to be
            followed.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> lorenz = system("lorenz")
        >>> trajectory(lorenz, steps=3, dt=0.01).round(4)
        array([[1.    , 1.    , 1.    ],
               [1.0126, 1.2599, 0.9849],
               [1.0488, 1.524 , 0.9731]])
    """
    one_of_a_kind(system)
    steps = checks.count("steps", steps)
    dt = time_step(system, dt)
    start = checks.reals("initial", system.initial if initial is None else initial, (system.dim,))
    transient = waiting_time(system, transient)
    rtol = checks.real("rtol", rtol, least=2.3e-14, most=1e-3)
    if system.kind == "map":
        return _iterate(system, start, steps, round(transient))
    return _integrate(system, start, transient + dt * np.arange(steps), rtol)


def _integrate(system, start, times, rtol):
    if not np.max(np.abs(start)) < ESCAPE:
        raise _escape(start, 0)
    if times[-1] == 0:
        return start[None]
    run = within_bounds(limited(system, times[-1]), start, times, rtol, rtol / 100)
    if run.status:  # a step failed, or there is no more room
        raise _escape(start, run.t[-1] if len(run.t) else 0)
    return np.ascontiguousarray(run.y.T)


def within_bounds(
    f: Callable, start: np.ndarray, times: np.ndarray, rtol: float, atol: float
) -> Any:
    """An orbit at these times, as SciPy's DOP853 finds it, until it leaves all bounds."""
    from scipy.integrate import solve_ivp

    def room(t, x):
        return ESCAPE - np.max(np.abs(x))

    room.terminal = True  # type: ignore[attr-defined]
    options = {"t_eval": times, "events": room, "rtol": rtol, "atol": atol}
    with np.errstate(over="ignore", invalid="ignore"):
        return solve_ivp(f, (0, times[-1]), start, "DOP853", **options)


def limited(system: System, time: float) -> Callable[[float, np.ndarray], Sequence]:
    """The components of a flow, for so many calls as ``time`` may take; then a ValueError."""
    calls, most = count(), CALLS * (1000 + time / system.dt)

    def components(t, state):
        if next(calls) > most:
            raise ValueError(
                f"initial: got an orbit of {system.name} that is at time {t:.6g} of {time:.6g} "
                f"after {most:.3g} calls of its equations, expected one that moves less fast"
            )
        return system.equations(t, state.tolist())

    return components


def _iterate(system, start, steps, transient):
    points, x = np.empty((steps, system.dim)), tuple(start.tolist())
    for n in range(-transient, steps):
        if n >= 0:
            points[n] = x
        if not max(map(abs, x)) < ESCAPE:
            raise _escape(start, n + transient)
        x = system.equations(n, x)
    return points


def _escape(start, time):
    return ValueError(
        f"initial: got {start.tolist()}, from where the orbit escapes (a coordinate beyond "
        f"{ESCAPE:g} after time {time:.6g}), expected an initial condition with a bounded orbit"
    )


class Ensemble(NamedTuple):
    """Many orbits.

    Attributes:
        points (members, kept, dim): The points kept, the last of them at the end. An orbit that
            diverged is NaN throughout.
        diverged ((members,) of bool): Which orbits left all bounds.
    """

    points: np.ndarray
    diverged: np.ndarray


def ensemble(
    system: System,
    initial: npt.ArrayLike,
    steps: int,
    dt: float | None = None,
    *,
    keep: int = 1,
    every: int = 1,
    start: float = 0.0,
) -> Ensemble:
    """Many orbits at once: flows by the classical Runge–Kutta method with a fixed step.

    Args:
        system: If a parameter is an array, each of its values belongs to one member.
        initial (members, dim): Orbits that escape are a verdict (``diverged``), not an error.
        steps: Steps of ``dt`` (or iterations) to the end; 0 is allowed.
        dt: By default the system's natural step.
        keep: How many points to keep: the last, and others before it.
        every: Steps between points that are kept.
        start: Time at the beginning; only a forced flow looks at it.

    Raises:
        ValueError: If an argument does not fit, or an initial condition is not finite.

    Examples:
        Hénon's map takes some initial conditions to its attractor and others out of all bounds.

        >>> from mflib.dynamics.systems import system
        >>> ensemble(system("henon"), [[0, 0], [2, 2]], steps=100).diverged
        array([False,  True])
    """
    initial = checks.reals("initial", initial, ("members", system.dim))
    steps = checks.count("steps", steps, least=0)
    keep, every = checks.count("keep", keep), checks.count("every", every)
    first = steps - (keep - 1) * every
    if first < 0:
        raise ValueError(f"keep: got {keep} points {every} steps apart in {steps} steps")
    dt = time_step(system, dt)
    families = {key: value for key, value in system.parameters.items() if np.ndim(value)}
    for key, v in families.items():
        if len(v) != len(initial):
            raise ValueError(f"initial: got {len(initial)} members, expected {len(v)}, as {key}")
    points = np.empty((len(initial), keep, system.dim))
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, len(initial), CHUNK):
            part = slice(begin, begin + CHUNK)
            own = {key: v[part] for key, v in families.items()}
            f = functools.partial(components, functools.partial(system.equations, **own))
            x = np.ascontiguousarray(initial[part].T)
            for n in range(steps + 1):
                if n >= first and (n - first) % every == 0:
                    points[part, (n - first) // every] = x.T
                if n < steps:
                    x = step(system, f, start + n * dt, x, dt)
        diverged = ~np.all(np.abs(points) < ESCAPE, axis=(1, 2))
    points[diverged] = np.nan
    return Ensemble(points, diverged)


def step(system: System, f: Callable, t: float, x: np.ndarray, dt: float) -> np.ndarray:
    """The next point of a map ``f``, or of a flow by the Runge-Kutta method."""
    if system.kind == "map":
        return f(t, x)
    k = total = f(t, x)
    for fraction, weight in ((dt / 2, 2), (dt / 2, 2), (dt, 1)):
        k = f(t + fraction, x + fraction * k)
        total = total + weight * k
    return x + dt / 6 * total


def tangent(system: System, t: float, state: np.ndarray) -> np.ndarray:
    """As the equations, of a point with a frame of tangent vectors and the logarithm of a volume.

    All are in one array, ``(dim + dim * count + 1, ...)``, the frame row by row.
    """
    dim, others = system.dim, state.shape[1:]
    x, frame = state[:dim], state[dim:-1].reshape(dim, -1, *others)
    jacobian = system.derivatives(t, x)
    frame = np.einsum("ij...,jk...->ik...", jacobian, frame).reshape(-1, *others)
    if system.kind == "map":
        volume = state[-1] + np.linalg.slogdet(np.moveaxis(jacobian, (0, 1), (-2, -1)))[1]
    else:
        volume = np.trace(jacobian)
    return np.concatenate([components(system.equations, t, x), frame, volume[None]])


def standardisation(trajectories: Sequence[npt.ArrayLike]) -> tuple[np.ndarray, float]:
    """One affine map for all tasks of a network: the common mean and one common scale.

    Location and size are part of what tells tasks apart, so tasks are never standardised one by
    one, nor coordinate by coordinate.

    Args:
        trajectories (sequence of array_like, each of shape (steps, dim)):

    Returns:
        Location, shape (dim,), and the root mean square distance from it, per coordinate.
    """
    points = np.concatenate(
        [checks.reals("trajectories", points, ("steps", "dim")) for points in trajectories]
    )
    location = points.mean(axis=0)
    return location, float(np.sqrt(np.mean((points - location) ** 2)))
