"""Basins of attraction: where initial conditions end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mflib.dynamics._checks import _count, _points, _step
from mflib.dynamics.attractors import DIVERGED, NONE, _size
from mflib.dynamics.rates import Rate, success_rate
from mflib.dynamics.systems import System
from mflib.dynamics.trajectories import ensemble


@dataclass(frozen=True, eq=False)
class Basins:
    """Where the initial conditions of a grid end.

    Attributes
    ----------
    labels : numpy.ndarray of int, shape (len(y), len(x))
        Index into ``names``; -1 for none of the attractors, -2 for orbits that diverged.
    names : tuple of str
    x, y : numpy.ndarray
        Values of the two coordinates.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray

    @property
    def fractions(self) -> dict[str, Rate]:
        """Share of the grid in each basin; the intervals hold for a random sample as large."""
        return _shares(self.labels, self.names)


def assign_basins(
    system: System,
    attractors: Mapping,
    initial,
    *,
    time: float,
    dt: float | None = None,
    samples: int = 16,
    tolerance: float = 0.05,
) -> np.ndarray:
    """On which attractor each initial condition ends.

    The last tenth of every orbit is sampled; it is on the attractor to which all samples are
    nearest, if all are near.

    Parameters
    ----------
    system : System
        A forced flow is looked at once a period of the forcing.
    attractors : mapping of str to array_like, shape (any, dim)
        Points that lie densely on each (of a forced flow, at whole periods).
    initial : array_like, shape (members, dim)
    time : float
        How long to wait (of a map, iterations).
    dt : float, optional
        Step of the fixed-step integrator; by default the system's natural step.
    samples : int
    tolerance : float
        How near is near, relative to the size of all attractors together.

    Returns
    -------
    numpy.ndarray of int, shape (members,)
        Index of the attractor; -1 for none of them, -2 for orbits that diverged.

    Examples
    --------
    >>> from mflib.dynamics.systems import system
    >>> wells = {"left": [[-(10**0.5), 0]], "right": [[10**0.5, 0]]}
    >>> destinations(system("double_well"), wells, [[1, 0], [-1, 0], [0, 1]], time=50)
    array([1, 0, 1])
    """
    from scipy.spatial import cKDTree

    if not attractors:
        raise ValueError("attractors: got none, expected one or more")
    clouds = [
        _points(f"attractors[{name!r}]", cloud, dim=system.dim)
        for name, cloud in attractors.items()
    ]
    dt = _step(system, dt)
    if not (np.isfinite(time) and time >= dt):
        raise ValueError(f"time: got {time}, expected a time of at least one step, {dt}")
    samples = _count("samples", samples)
    if not tolerance > 0:
        raise ValueError(f"tolerance: got {tolerance}, expected a positive number")
    steps = int(np.ceil(time / dt))
    if system.forcing is not None:
        every = round(system.forcing / dt)
        if abs(every * dt - system.forcing) > 1e-9 * system.forcing:
            raise ValueError(f"dt: got {dt}, expected a whole part of {system.forcing}")
        steps = max(1, round(steps / every)) * every
        samples = max(1, min(samples, steps // (10 * every)))
    else:
        every = max(1, steps // (10 * samples))
        samples = min(samples, steps // every)
    run = ensemble(system, initial, steps, dt, keep=samples, every=every)
    size = _size(np.concatenate(clouds))
    labels = np.full(len(run.points), DIVERGED)
    ends = run.points[~run.diverged]
    if len(ends):
        flat = ends.reshape(-1, system.dim)
        limit = tolerance * size
        furthest = np.stack(
            [
                cKDTree(cloud)
                .query(flat, distance_upper_bound=2 * limit)[0]
                .reshape(len(ends), -1)
                .max(axis=1)
                for cloud in clouds
            ]
        )
        near = furthest.min(axis=0) <= limit
        labels[~run.diverged] = np.where(near, furthest.argmin(axis=0), NONE)
    return labels


def basins(
    system: System, attractors: Mapping, x, y, *, plane=None, axes=(0, 1), **options
) -> Basins:
    """Basins of attraction on a grid of initial conditions.

    Parameters
    ----------
    system : System
    attractors : mapping of str to array_like
        See :func:`assign_basins`, also for the further options, of which ``time`` is needed.
    x, y : array_like
        Values of the two coordinates ``axes``.
    plane : array_like, shape (dim,), optional
        Values of the other coordinates; by default 0.
    axes : tuple of int
        Which coordinates vary.

    Returns
    -------
    Basins

    Examples
    --------
    >>> from mflib.dynamics.systems import system
    >>> t = np.linspace(0, 2 * np.pi, 200)
    >>> circle = np.stack([np.cos(t), np.sin(t)], axis=-1)
    >>> cycles = {"inner": circle, "outer": 3 * circle}
    >>> found = basins(
    ...     system("nested_cycles"), cycles, x=[0.5, 1.99, 2.01, 3.5], y=[0.0], time=20
    ... )
    >>> found.labels
    array([[0, 0, 1, 1]])
    """
    x, y = (np.asarray(values, dtype=float) for values in (x, y))
    for name, values in (("x", x), ("y", y)):
        if values.ndim != 1 or len(values) == 0 or not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: got shape {values.shape}, expected (values,), finite")
    plane = np.zeros(system.dim) if plane is None else np.asarray(plane, dtype=float)
    if plane.shape != (system.dim,) or not np.all(np.isfinite(plane)):
        raise ValueError(f"plane: got {plane}, expected {system.dim} finite numbers")
    if len(set(axes)) != 2 or not set(axes) <= set(range(system.dim)):
        raise ValueError(f"axes: got {axes}, expected two different ones below {system.dim}")
    grid = np.tile(plane, (len(y), len(x), 1))
    grid[..., axes[0]], grid[..., axes[1]] = np.meshgrid(x, y)
    labels = assign_basins(system, attractors, grid.reshape(-1, system.dim), **options)
    return Basins(labels.reshape(len(y), len(x)), tuple(attractors), x, y)


def basin_fractions(
    system: System, attractors: Mapping, low, high, *, count: int = 1000, seed: int = 0, **options
) -> dict[str, Rate]:
    """Share of a box from which orbits end on each attractor, from random initial conditions.

    Parameters
    ----------
    system : System
    attractors : mapping of str to array_like
        See :func:`assign_basins`, also for the further options, of which ``time`` is needed.
    low, high : array_like, shape (dim,)
        Corners of the box.
    count : int
        Initial conditions, drawn uniformly.
    seed : int

    Returns
    -------
    dict of str to Share
        Of every attractor; and of ``"none of them"`` and ``"diverged"``, if there are any.

    Examples
    --------
    >>> from mflib.dynamics.systems import system
    >>> wells = {"left": [[-(10**0.5), 0]], "right": [[10**0.5, 0]]}
    >>> shares = basin_fractions(
    ...     system("double_well"), wells, [-4, -2.5], [4, 2.5], count=400, seed=1, time=60
    ... )
    >>> shares["left"].low < 0.5 < shares["left"].high
    True
    """
    low, high = (np.asarray(corner, dtype=float) for corner in (low, high))
    for name, corner in (("low", low), ("high", high)):
        if corner.shape != (system.dim,) or not np.all(np.isfinite(corner)):
            raise ValueError(f"{name}: got {corner}, expected {system.dim} finite numbers")
    if np.any(low > high):
        raise ValueError(f"low: got {low}, expected not above high, {high}")
    count = _count("count", count)
    initial = np.random.default_rng(seed).uniform(low, high, (count, system.dim))
    return _shares(assign_basins(system, attractors, initial, **options), tuple(attractors))


def _shares(labels, names):
    def share(label):
        return success_rate(labels == label, over="initial conditions")

    shares = {name: share(index) for index, name in enumerate(names)}
    for name, label in (("none of them", NONE), ("diverged", DIVERGED)):
        if np.any(labels == label):
            shares[name] = share(label)
    return shares
