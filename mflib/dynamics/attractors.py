"""What attracts, what kind of attractor it is, and what tells attractors apart.

Fixed points and their eigenvalues; the kind of behaviour a trajectory shows; the name of the
attractor it is on; basins of attraction; a census of attractors nobody has named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mflib.dynamics._checks import _points
from mflib.dynamics.distances import sliced_quantiles
from mflib.dynamics.rates import Rate, success_rate

STILL = 1e-3
"""A trajectory that moves less, relative to its scale, is at a fixed point."""
CLOSED = 5e-3
"""An orbit that comes back to itself so closely, relative to its size, is periodic."""
DIRECTIONS = 60
"""On which clouds of points are projected to be compared."""
REJECT = 0.25
"""A trajectory further from all templates, relative to their size, is on none of them."""
NONE, DIVERGED = -1, -2
"""Labels of orbits that end on none of the attractors given, or leave all bounds."""


@dataclass(frozen=True)
class Behaviour:
    """What a trajectory does in the end.

    Attributes
    ----------
    kind : str
        ``"diverged"``, ``"fixed point"``, ``"limit cycle"``, ``"chaos"`` or
        ``"torus or undecided"``.
    period : float or None
        Of a limit cycle, in units of time (of a map, iterations).
    exponent : float or None
        Largest Lyapunov exponent, where it decided.
    """

    kind: str
    period: float | None = None
    exponent: float | None = None


def classify(
    points,
    dt: float,
    *,
    scale: float | None = None,
    exponent: float | None = None,
    discrete: bool = False,
    escape: float = 1e6,
) -> Behaviour:
    """Say what kind of attractor a trajectory has reached.

    Asked in this order, of the second half of the trajectory:

    1. diverged: is any value, from the beginning on, infinite, NaN or beyond ``escape``?
    2. fixed point: does every coordinate stay within a thousandth of ``scale``?
    3. limit cycle: is there a time, at most half of what is looked at, after which the
       *whole* stretch repeats itself to half a per cent of its size (root mean square)?
    4. chaos: do neighbours part exponentially, by at least a factor e within the stretch?
    5. Otherwise a torus, or too short a trajectory to tell.

    Parameters
    ----------
    points : array_like, shape (steps, dim)
        At least 100 steps, in the whole space (a projection may cross itself and is still
        classified, but a fold may look closed).
    dt : float
        Time between points; a limit cycle should have 20 or more in a period.
    scale : float, optional
        Size of a coordinate that counts as large; by default the largest range of a
        coordinate over the whole trajectory.
    exponent : float, optional
        Largest Lyapunov exponent, if it is known; by default
        :func:`mflib.dynamics.lyapunov.rosenstein_exponent` estimates it.
    discrete : bool
        Whether the points are iterates of a map, which has nothing between them.
    escape : float

    Returns
    -------
    Behaviour

    Examples
    --------
    >>> from mflib.dynamics.systems import system
    >>> from mflib.dynamics.trajectories import trajectory
    >>> orbit = trajectory(system("van_der_pol"), 4000, dt=0.05)
    >>> behaviour = classify(orbit, dt=0.05)
    >>> behaviour.kind, round(behaviour.period, 3)
    ('limit cycle', 6.663)
    """
    from mflib.dynamics.lyapunov import rosenstein_exponent

    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or len(points) < 100 or points.shape[1] < 1:
        raise ValueError(
            f"points: got shape {points.shape}, expected (steps, dim) with at least 100 steps"
        )
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt: got {dt}, expected a positive time")
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale: got {scale}, expected a positive number")
    if not np.all(np.abs(points) < escape):
        return Behaviour("diverged")
    tail = points[len(points) // 2 :]
    largest = np.max(np.ptp(points, axis=0)) if scale is None else scale
    moved = np.max(np.ptp(tail, axis=0))
    if moved <= max(STILL * largest, 1e-9 * (1 + np.max(np.abs(tail)))):
        return Behaviour("fixed point")
    period = _iterations(tail) if discrete else _period(tail, dt)
    if period is not None:
        return Behaviour("limit cycle", period=period * dt if discrete else period)
    if exponent is None:
        try:
            exponent = rosenstein_exponent(tail, dt)
        except ValueError:  # too short
            exponent = 0.0
    chaotic = exponent * len(tail) * dt > 1
    return Behaviour("chaos" if chaotic else "torus or undecided", exponent=float(exponent))


def _iterations(tail):
    size = np.linalg.norm(np.ptp(tail, axis=0))
    for p in range(1, len(tail) // 2 + 1):
        if np.max(np.linalg.norm(tail[p:] - tail[:-p], axis=1)) < CLOSED * size:
            return p
    return None


def _period(tail, dt):
    """Time after which the curve through the points repeats itself, or None."""
    from scipy.interpolate import CubicSpline

    time = dt * np.arange(len(tail))
    curve = CubicSpline(time, tail)
    size = np.linalg.norm(np.ptp(tail, axis=0))
    speed = np.linalg.norm(curve(time, 1), axis=1)
    early = speed[: len(tail) // 4]
    first = int(np.argmin(np.abs(early - np.median(early))))  # neither at rest nor in a jump
    origin, velocity = tail[first], curve(time[first], 1)
    section = CubicSpline(time[first:], (tail[first:] - origin) @ velocity)
    crossings = section.roots(extrapolate=False)
    crossings = crossings[(section(crossings, 1) > 0) & (crossings > time[first] + dt / 2)]
    gaps = np.linalg.norm(curve(crossings) - origin, axis=1)
    for crossing in crossings[gaps < CLOSED * size]:
        period = crossing - time[first]
        if period > time[-1] / 2:
            return None
        # the crossing nearest to as many periods on as there are: the longer, the more exact
        laps = int((time[-1] - time[first]) / period)
        last = crossings[np.argmin(np.abs(crossings - time[first] - laps * period))]
        if abs(last - time[first] - laps * period) < 0.05 * period:
            period = (last - time[first]) / laps
        earlier = time[time + period <= time[-1]]
        shift = np.linalg.norm(curve(earlier + period) - curve(earlier), axis=1)
        if np.sqrt(np.mean(shift**2)) < CLOSED * size:
            return float(period)
    return None


class Identity(NamedTuple):
    """Which attractor a trajectory is on.

    Attributes
    ----------
    name : str or None
        None if it is too far from every template.
    distances : dict of str to float
        Sliced Wasserstein distance to each, relative to the size of the templates.
    """

    name: str | None
    distances: Mapping[str, float]


def identify(
    points, templates: Mapping, *, dt: float | None = None, reject: float = REJECT
) -> Identity:
    """Name the attractor a trajectory is on: the nearest template, or none.

    Parameters
    ----------
    points : array_like, shape (steps, dim)
        Values that are not finite are on no attractor.
    templates : mapping of str to array_like, shape (steps, dim) or (orbits, steps, dim)
        A trajectory on each attractor, or several, long enough to have been everywhere on it in
        due proportion. Location and scale count; standardise all of them together or not at all.
    dt : float, optional
        Time between points, the same everywhere. If it is given velocities are compared too.
        Two orbits that run along the same curve in opposite directions differ in nothing else.
    reject : float
        Largest relative distance to still be named.

    Returns
    -------
    Identity

    Examples
    --------
    >>> from mflib.multifunctionality.tasks import seeing_double
    >>> a, b = seeing_double(0.0)
    >>> templates = {task.name: task.trajectory(630, 0.1) for task in (a, b)}
    >>> identify(b.trajectory(300, 0.1, phase=1), templates, dt=0.1).name
    'B'
    """
    return identify_all([points], templates, dt=dt, reject=reject)[0]


def identify_all(
    runs: Sequence, templates: Mapping, *, dt: float | None = None, reject: float = REJECT
) -> list[Identity]:
    """As :func:`identify`, for many trajectories.

    Parameters
    ----------
    runs : sequence of array_like, each of shape (steps, dim)
    templates, dt, reject
        As there.

    Returns
    -------
    list of Identity
    """
    if not templates:
        raise ValueError("templates: got none, expected one or more")
    known = {str(name): np.asarray(orbits, dtype=float) for name, orbits in templates.items()}
    dim = next(iter(known.values())).shape[-1]
    least = 1 if dt is None else 3
    for name, orbits in known.items():
        known[name] = orbits if orbits.ndim == 3 else orbits[None]
        for orbit in known[name]:
            _points(f"templates[{name!r}]", orbit, dim=dim, least=least)
    size = _size(np.concatenate([orbits.reshape(-1, dim) for orbits in known.values()]))
    moving = _with_velocities(known, size, dt)
    quantiles = {
        name: sliced_quantiles(moving(orbits), DIRECTIONS) for name, orbits in known.items()
    }

    def one(points):
        points = np.asarray(points, dtype=float)
        if not np.all(np.isfinite(points)):
            return Identity(None, dict.fromkeys(known, np.inf))
        found = sliced_quantiles(
            moving(_points("points", points, dim=dim, least=least)), DIRECTIONS
        )
        distances = {
            name: float(np.mean(np.abs(found - template))) / size
            for name, template in quantiles.items()
        }
        nearest = min(distances, key=distances.get)
        return Identity(nearest if distances[nearest] <= reject else None, distances)

    return [one(points) for points in runs]


def _with_velocities(templates, size, dt):
    """What gives every point its velocity too, in a unit in which it counts as much."""

    def velocities(orbits):
        return np.gradient(orbits, dt, axis=-2).reshape(-1, orbits.shape[-1])

    if dt is None:
        return lambda orbits: orbits.reshape(-1, orbits.shape[-1])
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt: got {dt}, expected a positive time")
    fastest = _size(np.concatenate([velocities(orbits) for orbits in templates.values()]))
    factor = size / max(fastest, 1e-300)
    return lambda orbits: np.hstack(
        [orbits.reshape(-1, orbits.shape[-1]), factor * velocities(orbits)]
    )


def _size(points):
    """Root mean square distance from the centre; 1 for a single point."""
    return float(np.sqrt(np.sum(np.var(points, axis=0)))) or 1.0


class FoundAttractor(NamedTuple):
    """An attractor that a census met.

    Attributes
    ----------
    run : int
        The first run that ended on it.
    behaviour : Behaviour
        Of that run.
    share : Share
        Of all runs.
    centre : numpy.ndarray, shape (dim,)
        Mean position.
    radius : float
        Root mean square distance from it.
    """

    run: int
    behaviour: Behaviour
    share: Rate
    centre: np.ndarray
    radius: float


@dataclass(frozen=True, eq=False)
class Census:
    """The attractors on which many runs ended.

    Attributes
    ----------
    labels : numpy.ndarray of int, shape (runs,)
        Index into ``attractors``; -2 for runs that diverged.
    attractors : tuple of Found
        The one with the largest share first.
    """

    labels: np.ndarray
    attractors: tuple[FoundAttractor, ...]

    @property
    def entropy(self) -> float:
        r"""Basin entropy :math:`S = -\sum_k p_k \ln p_k` of the shares; divergence is one more."""
        from scipy.special import entr

        return float(entr(np.unique(self.labels, return_counts=True)[1] / len(self.labels)).sum())

    @property
    def effective(self) -> float:
        """Effective number of attractors, :math:`e^S`: so many equal basins are as uncertain."""
        return float(np.exp(self.entropy))


def find_attractors(
    points, dt: float, *, scale: float, rate: float = 1.0, tolerance: float = 0.05, **options
) -> Census:
    r"""Tell on how many attractors many runs ended, without being told any.

    Two runs on one attractor have the same long time averages, wherever on it they started. So a
    run is described by averages: of position, of variances and covariances, and of rotation in
    every plane, :math:`\langle x_i \dot x_j - x_j \dot x_i \rangle`, which tells directions apart.
    A run belongs to the first attractor whose averages differ from its own by at most
    ``tolerance``. The ends of a run count less than its middle, by a smooth weight, so that
    averages of periodic and quasiperiodic orbits converge fast.

    Parameters
    ----------
    points : array_like, shape (runs, steps, dim)
        What runs do when they have settled; at least 100 steps. Values that are infinite or NaN
        are a verdict.
    dt : float
        Time between points.
    scale : float
        Size of an attractor that counts as large.
    rate : float
        Its typical angular velocity.
    tolerance : float
        In units of ``scale``, its square, and its square times ``rate``.
    **options
        Of :func:`classify`.

    Returns
    -------
    Census

    Raises
    ------
    ValueError
        If an argument does not fit.

    References
    ----------
    Weighted averages: Das, Saiki, Sander and Yorke, Quantitative quasiperiodicity, Nonlinearity
    30, 4111 (2017), doi:10.1088/1361-6544/aa84c2.

    Examples
    --------
    >>> from mflib.multifunctionality.tasks import Circle
    >>> circles = Circle("A", 5.0), Circle("B", 5.0, omega=-1.0)
    >>> runs = [circles[k % 2].trajectory(800, 0.1, phase=k) for k in range(10)]
    >>> found = census([*runs, runs[0]], 0.1, scale=5.0)
    >>> found.labels
    array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    >>> [(one.behaviour.kind, round(one.radius, 3)) for one in found.attractors]
    [('limit cycle', 5.0), ('limit cycle', 5.0)]
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 3 or 0 in points.shape or points.shape[1] < 100:
        raise ValueError(
            f"points: got shape {points.shape}, expected (runs, steps, dim) with at least 100 steps"
        )
    for name, number in (("dt", dt), ("scale", scale), ("rate", rate), ("tolerance", tolerance)):
        if not (np.isfinite(number) and number > 0):
            raise ValueError(f"{name}: got {number}, expected a positive number")
    labels = np.full(len(points), DIVERGED)
    bounded = np.flatnonzero(np.all(np.isfinite(points), axis=(1, 2)))
    centre, spread, turned = _averages(points[bounded] / scale, dt * rate)
    i, j = np.triu_indices(points.shape[2])
    averages = np.hstack([centre, spread[:, i, j], turned[:, i, j]])
    left = np.arange(len(bounded))
    groups = []
    while len(left):
        near = np.linalg.norm(averages[left] - averages[left[0]], axis=1) <= tolerance
        groups.append(left[near])
        left = left[~near]
    groups.sort(key=len, reverse=True)

    def found(group):
        run, first = bounded[group[0]], group[0]
        return FoundAttractor(
            run=int(run),
            behaviour=classify(points[run], dt, **{"scale": scale} | options),
            share=success_rate(len(group), len(points), over="runs"),
            centre=scale * centre[first],
            radius=float(scale * np.sqrt(np.trace(spread[first]))),
        )

    for label, group in enumerate(groups):
        labels[bounded[group]] = label
    return Census(labels, tuple(found(group) for group in groups))


def _averages(points, dt):
    """Long time averages of each run: position, covariance, rotation."""
    steps = points.shape[1]
    time = (np.arange(steps) + 0.5) / steps
    weight = np.exp(-1 / (time * (1 - time)))
    weight /= weight.sum()
    centre = np.einsum("t,rti->ri", weight, points)
    moved = points - centre[:, None]
    spread = np.einsum("t,rti,rtj->rij", weight, moved, moved)
    turned = np.einsum("t,rti,rtj->rij", weight, moved, np.gradient(moved, dt, axis=1))
    return centre, spread, turned - turned.transpose(0, 2, 1)
