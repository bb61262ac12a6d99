"""Basins of attraction: where initial conditions end."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.attractors import DIVERGED, NONE, _size
from mflib.dynamics.estimates import Estimate, success_rate
from mflib.dynamics.systems import LONGEST, System, time_step
from mflib.dynamics.trajectories import ensemble

#: How near an orbit comes to its attractor, relative to the size of all together.
NEAR = 0.05


@dataclass(frozen=True, eq=False)
class Basins:
    """Where the initial conditions of a grid end.

    Attributes:
        labels ((len(y), len(x)) of int): Index into ``names``; -1 for none of the attractors, -2
            for orbits that diverged.
        x, y: Values of the two coordinates.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray

    @property
    def fractions(self) -> dict[str, Estimate]:
        """Share of the grid in each basin; the intervals hold for a random sample as large."""
        return _shares(self.labels, self.names)


def assign_basins(
    system: System,
    attractors: Mapping[str, npt.ArrayLike],
    initial: npt.ArrayLike,
    *,
    time: float,
    dt: float | None = None,
    samples: int = 16,
) -> np.ndarray:
    """On which attractor each initial condition ends.

    The last tenth of every orbit is sampled; it is on the attractor to which all samples are
    nearest, if all are near: within a twentieth of the size of all attractors together.

    Args:
        system: A forced flow is looked at once a period of the forcing.
        attractors (mapping of str to array_like, shape (any, dim)): Points that lie densely on each
            (of a forced flow, at whole periods).
        initial (members, dim):
        time: How long to wait (of a map, iterations).
        dt: Step of the fixed-step integrator; by default the system's natural step.

    Returns:
        numpy.ndarray of int, shape (members,): Index of the attractor; -1 for none of them, -2 for
        orbits that diverged.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> wells = {"left": [[-(10**0.5), 0]], "right": [[10**0.5, 0]]}
        >>> assign_basins(system("double_well"), wells, [[1, 0], [-1, 0], [0, 1]], time=50)
        array([1, 0, 1])
    """
    from scipy.spatial import cKDTree

    if not attractors:
        raise ValueError("attractors: got none, expected one or more")
    clouds = [
        checks.reals(f"attractors[{name!r}]", cloud, ("points", system.dim))
        for name, cloud in attractors.items()
    ]
    dt = time_step(system, dt)
    time = checks.real("time", time, least=dt, most=LONGEST * system.dt)
    samples = checks.count("samples", samples)
    limit = NEAR * _size(np.concatenate(clouds))
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
    labels = np.full(len(run.points), DIVERGED)
    ends = run.points[~run.diverged]
    trees = (cKDTree(cloud) for cloud in clouds)
    distances = (tree.query(ends, distance_upper_bound=2 * limit)[0] for tree in trees)
    furthest = np.stack([distance.max(axis=1) for distance in distances])
    near = furthest.min(axis=0) <= limit
    labels[~run.diverged] = np.where(near, furthest.argmin(axis=0), NONE)
    return labels


def _destinations(system, attractors, initial, options):
    """Labels by :func:`assign_basins`, or by any other map of states to labels."""
    if isinstance(system, System):
        return assign_basins(system, attractors, initial, **options)
    labels = np.asarray(system(initial, **options))
    kinds = {*range(DIVERGED, len(attractors))}
    if labels.shape != (len(initial),) or not kinds.issuperset(np.unique(labels).tolist()):
        raise ValueError(
            f"system: got labels {labels.shape}, expected {len(initial)} below {len(attractors)}"
        )
    return labels.astype(int)


def basins(
    system: System | Callable[..., np.ndarray],
    attractors: Mapping[str, npt.ArrayLike] | Iterable[str],
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    plane: npt.ArrayLike | None = None,
    **options: Any,
) -> Basins:
    """Basins of attraction on a grid of initial conditions.

    Args:
        system: If it is no System, whatever finds out where states end: ``system(initial,
            **options)`` takes them, ``(members, dim)``, and returns labels ``(members,)`` as
            :func:`assign_basins` does. So networks have basins too.
        attractors (mapping of str to array_like, or iterable of str): For a System see
            :func:`assign_basins`, also for the further options, of which ``time`` is needed;
            otherwise names are enough.
        x, y: Values of the first two coordinates.
        plane (dim,): Values of the other coordinates, after two that do not count; by default 0. It
            tells ``dim`` if ``system`` is no System; by default 2.

    Examples:
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
    x, y = checks.reals("x", x, ("values",)), checks.reals("y", y, ("values",))
    plane = np.zeros(getattr(system, "dim", 2)) if plane is None else plane
    plane = checks.reals("plane", plane, (getattr(system, "dim", "dim"),), least=2)
    grid = np.tile(plane, (len(y), len(x), 1))
    grid[..., 0], grid[..., 1] = np.meshgrid(x, y)
    labels = _destinations(system, attractors, grid.reshape(-1, len(plane)), options)
    return Basins(labels.reshape(len(y), len(x)), tuple(attractors), x, y)


def basin_fractions(
    system: System | Callable[..., np.ndarray],
    attractors: Mapping[str, npt.ArrayLike] | Iterable[str],
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    *,
    count: int = 1000,
    seed: int = 0,
    **options: Any,
) -> dict[str, Estimate]:
    """Share of a box from which orbits end on each attractor, from random initial conditions.

    Args:
        system, attractors: See :func:`basins`.
        low, high (dim,): Corners of the box.
        count: Initial conditions, drawn uniformly.

    Returns:
        dict of str to Estimate: Of every attractor; and of ``"none of them"`` and ``"diverged"``,
        if there are any.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> wells = {"left": [[-(10**0.5), 0]], "right": [[10**0.5, 0]]}
        >>> shares = basin_fractions(
        ...     system("double_well"), wells, [-4, -2.5], [4, 2.5], count=400, seed=1, time=60
        ... )
        >>> shares["left"].low < 0.5 < shares["left"].high
        True
    """
    low = checks.reals("low", low, (getattr(system, "dim", "dim"),))
    high = checks.reals("high", high, low.shape)
    if np.any(low > high):
        raise ValueError(f"low: got {low}, expected not above high, {high}")
    count = checks.count("count", count)
    initial = np.random.default_rng(seed).uniform(low, high, (count, len(low)))
    return _shares(_destinations(system, attractors, initial, options), tuple(attractors))


def _shares(labels, names):
    found = {name: labels == index for index, name in enumerate(names)}
    others = {"none of them": labels == NONE, "diverged": labels == DIVERGED}
    found |= {name: ended for name, ended in others.items() if ended.any()}
    return {name: success_rate(ended, over="initial conditions") for name, ended in found.items()}
