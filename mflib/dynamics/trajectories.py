"""Trajectories: one orbit, exact to nine digits or more a step; or many orbits at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mflib.dynamics._checks import _count, _initial, _one_system, _step
from mflib.dynamics.systems import System

ESCAPE = 1e6
"""A coordinate beyond this has escaped: no attractor here reaches 200."""
CHUNK = 4096
"""So many members of an ensemble fit into the processor's cache with what is computed of them."""


def trajectory(
    system: System,
    steps: int,
    dt: float | None = None,
    initial=None,
    transient: float = 0.0,
    rtol: float = 1e-10,
) -> np.ndarray:
    """One accurate orbit: a flow by DOP853 of SciPy, a map by iterating it.

    Parameters
    ----------
    system : System
    steps : int
        Number of points.
    dt : float, optional
        Time between points; by default the system's natural step. A map has no other than 1.
    initial : array_like, shape (dim,), optional
        By default the system's own.
    transient : float
        Time left out before the first point. Times of a forced flow go on from there:
        the first point is at time ``transient``. ``system.transient`` is long enough to
        reach the attractor.
    rtol : float
        Relative error allowed in a step; the absolute error allowed is a hundredth of that.

    Returns
    -------
    numpy.ndarray, shape (steps, dim)

    Raises
    ------
    ValueError
        If an argument does not fit, or the orbit escapes.

    Examples
    --------
    >>> lorenz = system("lorenz")
    >>> trajectory(lorenz, steps=3, dt=0.01).round(4)
    array([[1.    , 1.    , 1.    ],
           [1.0126, 1.2599, 0.9849],
           [1.0488, 1.524 , 0.9731]])
    """
    _one_system(system)
    steps = _count("steps", steps)
    dt = _step(system, dt)
    start = _initial(system, system.initial if initial is None else initial, ndim=1)
    if not (np.isfinite(transient) and transient >= 0):
        raise ValueError(f"transient: got {transient}, expected a time that is not negative")
    if not 2e-14 < rtol <= 1e-3:
        raise ValueError(f"rtol: got {rtol}, expected more than 2e-14 and at most 1e-3")
    if system.kind == "map":
        return _iterate(system, start, steps, round(transient))
    return _integrate(system, start, transient + dt * np.arange(steps), rtol)


def _integrate(system, start, times, rtol):
    from scipy.integrate import DOP853

    points = np.empty((len(times), system.dim))
    begin = np.searchsorted(times, 0, side="right")
    points[:begin] = start
    if begin == len(times):
        return points
    solver = DOP853(
        lambda t, x: system.equations(t, x.tolist()),
        0,
        start,
        times[-1],
        rtol=rtol,
        atol=rtol / 100,
    )
    while solver.status == "running":
        solver.step()
        if solver.status == "failed" or not np.max(np.abs(solver.y)) < ESCAPE:
            raise _escaped(start, f"time {solver.t:.6g}")
        end = np.searchsorted(times, solver.t, side="right")
        if end > begin:
            points[begin:end] = solver.dense_output()(times[begin:end]).T
            begin = end
    return points


def _iterate(system, start, steps, transient):
    points, x = np.empty((steps, system.dim)), tuple(start.tolist())
    for n in range(-transient, steps):
        if n >= 0:
            points[n] = x
        if not max(map(abs, x)) < ESCAPE:
            raise _escaped(start, f"{n + transient} iterations")
        x = system.equations(n, x)
    return points


def _escaped(start, when):
    return ValueError(
        f"initial: got {start.tolist()}, from where the orbit escapes (a coordinate beyond "
        f"{ESCAPE:g} after {when}), expected an initial condition with a bounded orbit"
    )


class Ensemble(NamedTuple):
    """Many orbits.

    Attributes
    ----------
    points : numpy.ndarray, shape (members, kept, dim)
        The points kept, the last of them at the end. An orbit that diverged is NaN throughout.
    diverged : numpy.ndarray of bool, shape (members,)
        Which orbits left all bounds.
    """

    points: np.ndarray
    diverged: np.ndarray


def ensemble(
    system: System,
    initial,
    steps: int,
    dt: float | None = None,
    *,
    keep: int = 1,
    every: int = 1,
    start: float = 0.0,
) -> Ensemble:
    """Many orbits at once: flows by the classical Runge–Kutta method with a fixed step.

    Parameters
    ----------
    system : System
        If a parameter is an array, each of its values belongs to one member.
    initial : array_like, shape (members, dim)
        Orbits that escape are a verdict (``diverged``), not an error.
    steps : int
        Steps of ``dt`` (or iterations) to the end; 0 is allowed.
    dt : float, optional
        By default the system's natural step.
    keep : int
        How many points to keep: the last, and others before it.
    every : int
        Steps between points that are kept.
    start : float
        Time at the beginning; only a forced flow looks at it.

    Returns
    -------
    Ensemble

    Raises
    ------
    ValueError
        If an argument does not fit, or an initial condition is not finite.

    Examples
    --------
    Hénon's map takes some initial conditions to its attractor and others out of all bounds.

    >>> ensemble(system("henon"), [[0, 0], [2, 2]], steps=100).diverged
    array([False,  True])
    """
    initial = _initial(system, initial, ndim=2)
    steps = _count("steps", steps, least=0)
    keep, every = _count("keep", keep), _count("every", every)
    if (keep - 1) * every > steps:
        raise ValueError(f"keep: got {keep} points {every} steps apart in {steps} steps")
    dt = _step(system, dt)
    points = np.empty((len(initial), keep, system.dim))
    families = {key: value for key, value in system.parameters.items() if np.ndim(value)}
    for key, values in families.items():
        if len(values) != len(initial):
            raise ValueError(
                f"initial: got {len(initial)} members, expected {len(values)}, as {key}"
            )
    first = steps - (keep - 1) * every
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, len(initial), CHUNK):
            part = slice(begin, begin + CHUNK)
            equations = system.equations
            if families:
                equations = functools.partial(
                    equations, **{key: values[part] for key, values in families.items()}
                )
            x = np.ascontiguousarray(initial[part].T)
            for n in range(steps + 1):
                if n >= first and (n - first) % every == 0:
                    points[part, (n - first) // every] = x.T
                if n < steps:
                    if system.kind == "map":
                        x = np.stack(equations(n, x))
                    else:
                        x = _runge_kutta(equations, start + n * dt, x, dt)[0]
        diverged = ~(np.abs(points) < ESCAPE).all(axis=(1, 2))
    points[diverged] = np.nan
    return Ensemble(points, diverged)


def _runge_kutta(equations, t, x, dt):
    """One step from ``x``, of shape (dim, members), and the four points it looks at."""
    half = dt / 2
    k = np.array(equations(t, x))
    total, at = k, [x]
    for fraction, weight in ((half, 2), (half, 2), (dt, 1)):
        at.append(x + fraction * k)
        k = np.array(equations(t + fraction, at[-1]))
        total = total + weight * k
    return x + dt / 6 * total, at


def standardisation(trajectories: Sequence[np.ndarray]) -> tuple[np.ndarray, float]:
    """One affine map for all tasks of a network: the common mean and one common scale.

    Location and size are part of what tells tasks apart, so tasks are never standardised one by
    one, nor coordinate by coordinate.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (steps, dim)

    Returns
    -------
    location : numpy.ndarray, shape (dim,)
    scale : float
        Root mean square distance from ``location``, per coordinate.
    """
    points = np.concatenate([np.asarray(x, dtype=float) for x in trajectories])
    location = points.mean(axis=0)
    return location, float(np.sqrt(np.mean((points - location) ** 2)))
