"""What attracts, what kind of attractor it is, and what tells attractors apart.

Fixed points and their eigenvalues; the kind of behaviour a trajectory shows; the name of the
attractor it is on; basins of attraction; a census of attractors nobody has named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mflib.judge import wilson
from mflib.metrics import _points, sliced_quantiles
from mflib.systems import System, _count, _one_system, _step, ensemble

__all__ = [
    "Basins",
    "Behaviour",
    "Census",
    "FixedPoint",
    "Found",
    "Identity",
    "Share",
    "basin_fractions",
    "basins",
    "census",
    "classify",
    "destinations",
    "fixed_points",
    "identify",
    "identify_all",
    "separating_direction",
]

SHRINKAGE = 1e-6
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


# --- fixed points --------------------------------------------------------------------------


class FixedPoint(NamedTuple):
    """Where a flow or map stands still.

    Attributes
    ----------
    point : numpy.ndarray, shape (dim,)
    eigenvalues : numpy.ndarray of complex, shape (dim,)
        Of the Jacobian; real parts (of a map, moduli) fall.
    kind : str
        ``"stable"``, ``"unstable"`` or ``"saddle"``, then ``"node"``, or ``"focus"`` if
        eigenvalues are complex; ``"not hyperbolic"`` if linearisation does not decide.
    """

    point: np.ndarray
    eigenvalues: np.ndarray
    kind: str

    @property
    def stable(self) -> bool:
        """Whether all neighbours return."""
        return self.kind.startswith("stable")


def fixed_points(system: System, guesses) -> list[FixedPoint]:
    """Fixed points of a flow or map that Newton's method reaches from the guesses.

    Parameters
    ----------
    system : System
        Without forcing.
    guesses : array_like, shape (guesses, dim)
        A grid, say. There is no promise that all fixed points are found.

    Returns
    -------
    list of FixedPoint
        Each once, sorted by coordinates.

    Examples
    --------
    >>> from mflib.systems import system
    >>> for found in fixed_points(system("lorenz"), [[0, 0, 0], [9, 9, 25], [-9, -9, 25]]):
    ...     print(found.point.round(3) + 0.0, found.kind)
    [-8.485 -8.485 27.   ] saddle focus
    [0. 0. 0.] saddle node
    [ 8.485  8.485 27.   ] saddle focus
    """
    from scipy.optimize import root

    _one_system(system)
    if system.forcing is not None:
        raise ValueError(
            f"system: got {system.name}, which is forced, expected one without forcing"
        )
    guesses = _points("guesses", guesses, dim=system.dim)
    drift = np.eye(system.dim) if system.kind == "map" else np.zeros((system.dim, system.dim))
    found = []
    for guess in guesses:
        solution = root(
            lambda x: system.rhs(0, x) - drift @ x,
            guess,
            jac=lambda x: system.jacobian(0, x) - drift,
            tol=1e-13,
        )
        point = solution.x
        size = 1 + np.linalg.norm(point)
        still = np.linalg.norm(system.rhs(0, point) - drift @ point) < 1e-9 * size
        if still and all(np.linalg.norm(point - other) > 1e-6 * size for other in found):
            found.append(point)
    found.sort(key=lambda point: tuple(point.round(6) + 0.0))
    return [_fixed_point(system, point) for point in found]


def _fixed_point(system, point):
    eigenvalues = np.linalg.eigvals(system.jacobian(0, point)).astype(complex)
    if system.kind == "map":
        growth = np.log(np.maximum(np.abs(eigenvalues), 1e-300))
    else:
        growth = eigenvalues.real
    order = np.argsort(-growth, kind="stable")
    eigenvalues, growth = eigenvalues[order], growth[order]
    if np.any(np.abs(growth) < 1e-9):
        kind = "not hyperbolic"
    else:
        kind = "stable" if growth[0] < 0 else "unstable" if growth[-1] > 0 else "saddle"
        kind += " focus" if np.any(np.abs(eigenvalues.imag) > 1e-12) else " node"
    return FixedPoint(point, eigenvalues, kind)


# --- one trajectory ------------------------------------------------------------------------


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
        :func:`mflib.lyapunov.from_series` estimates it.
    discrete : bool
        Whether the points are iterates of a map, which has nothing between them.
    escape : float

    Returns
    -------
    Behaviour

    Examples
    --------
    >>> from mflib.systems import system, trajectory
    >>> orbit = trajectory(system("van_der_pol"), 4000, dt=0.05)
    >>> behaviour = classify(orbit, dt=0.05)
    >>> behaviour.kind, round(behaviour.period, 3)
    ('limit cycle', 6.663)
    """
    from mflib.lyapunov import from_series

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
            exponent = from_series(tail, dt)
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


# --- identity ------------------------------------------------------------------------------


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
    >>> from mflib.tasks import seeing_double
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


# --- basins --------------------------------------------------------------------------------


class Share(NamedTuple):
    """A share of initial conditions, with its 95 % Wilson interval."""

    share: float
    low: float
    high: float


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
    def fractions(self) -> dict[str, Share]:
        """Share of the grid in each basin; the intervals hold for a random sample as large."""
        return _shares(self.labels, self.names)


def destinations(
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
    >>> from mflib.systems import system
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
        See :func:`destinations`, also for the further options, of which ``time`` is needed.
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
    >>> from mflib.systems import system
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
    labels = destinations(system, attractors, grid.reshape(-1, system.dim), **options)
    return Basins(labels.reshape(len(y), len(x)), tuple(attractors), x, y)


def basin_fractions(
    system: System, attractors: Mapping, low, high, *, count: int = 1000, seed: int = 0, **options
) -> dict[str, Share]:
    """Share of a box from which orbits end on each attractor, from random initial conditions.

    Parameters
    ----------
    system : System
    attractors : mapping of str to array_like
        See :func:`destinations`, also for the further options, of which ``time`` is needed.
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
    >>> from mflib.systems import system
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
    return _shares(destinations(system, attractors, initial, **options), tuple(attractors))


def _shares(labels, names):
    def share(label):
        hits = int(np.sum(labels == label))
        return Share(hits / labels.size, *wilson(hits, labels.size))

    shares = {name: share(index) for index, name in enumerate(names)}
    for name, label in (("none of them", NONE), ("diverged", DIVERGED)):
        if np.any(labels == label):
            shares[name] = share(label)
    return shares


# --- census --------------------------------------------------------------------------------


class Found(NamedTuple):
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
    share: Share
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
    attractors: tuple[Found, ...]

    @property
    def entropy(self) -> float:
        r"""Basin entropy :math:`S = -\sum_k p_k \ln p_k` of the shares; divergence is one more."""
        from scipy.special import entr

        return float(entr(np.unique(self.labels, return_counts=True)[1] / len(self.labels)).sum())

    @property
    def effective(self) -> float:
        """Effective number of attractors, :math:`e^S`: so many equal basins are as uncertain."""
        return float(np.exp(self.entropy))


def census(
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
    >>> from mflib.tasks import Circle
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
        return Found(
            run=int(run),
            behaviour=classify(points[run], dt, **{"scale": scale} | options),
            share=Share(len(group) / len(points), *wilson(len(group), len(points))),
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


# --- directions ----------------------------------------------------------------------------


def separating_direction(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    r"""The direction along which two sets of points are furthest apart for their spread.

    Fisher's linear discriminant, :math:`w \propto S^{-1}(\mu_1 - \mu_2)` with the within-set
    covariance :math:`S`. States of a network on a closed curve fill few dimensions of their
    space, so :math:`S` is lifted by a millionth of its mean variance in every direction.

    Parameters
    ----------
    first, second : array_like, shape (points, dim)
        ``first`` gets the larger values of ``points @ direction``.

    Returns
    -------
    numpy.ndarray, shape (dim,)
        A unit vector.

    Raises
    ------
    ValueError
        If the sets do not fit each other, are not finite, or have the same mean.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cloud = rng.normal(size=(500, 3)) * [10, 10, 0.1]
    >>> separating_direction(cloud + [0, 0, 1], cloud - [0, 0, 1]).round(2) + 0.0
    array([0., 0., 1.])
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    for name, points in (("first", first), ("second", second)):
        if points.ndim != 2 or len(points) < 2 or points.shape[1] != first.shape[1]:
            raise ValueError(
                f"{name}: got shape {points.shape}, expected (points, dim) with two points or "
                "more and the same dim for both sets"
            )
        if not np.all(np.isfinite(points)):
            raise ValueError(f"{name}: got values that are not finite, expected finite numbers")
    spread = np.atleast_2d(np.cov(first.T) + np.cov(second.T))
    spread += SHRINKAGE * np.trace(spread) / len(spread) * np.eye(len(spread))
    direction = np.linalg.solve(spread, first.mean(axis=0) - second.mean(axis=0))
    if not np.any(direction):
        raise ValueError("first, second: got sets with the same mean, expected different ones")
    return direction / np.linalg.norm(direction)
