"""What kind of attractor a trajectory is on, which one, and which there are.

The kind of behaviour a trajectory shows; the name of the attractor it is on; the attractors that
many runs end on, when nobody has named any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.distances import sliced_quantiles
from mflib.dynamics.estimates import Estimate, success_rate
from mflib.dynamics.lyapunov import growth_rate
from mflib.dynamics.trajectories import ESCAPE

#: A trajectory that moves less, relative to its scale, is at a fixed point.
STILL = 1e-3
#: An orbit that comes back to itself so closely, relative to its size, is periodic.
CLOSED = 5e-3
#: Units below this have no squares in double precision.
TINY = 1e-150
#: On which clouds of points are projected to be compared.
DIRECTIONS = 60
#: A trajectory further from all templates, relative to their size, is on none of them.
REJECT = 0.25
#: Labels of orbits that end on none of the attractors given, leave all bounds, or whose long time
#: averages do not settle.
NONE, DIVERGED, NOT_CONVERGED = -1, -2, -3


@dataclass(frozen=True)
class Behaviour:
    """What a trajectory does in the end.

    Attributes:
        kind: ``"diverged"``, ``"fixed point"``, ``"limit cycle"``, ``"chaos"``, ``"noisy or
            unevenly sampled"`` or ``"torus or undecided"``.
        period: Of a limit cycle, in units of time (of a map, iterations).
        exponent: Largest Lyapunov exponent, where it decided.
    """

    kind: str
    period: float | None = None
    exponent: float | None = None


def classify(
    points: npt.ArrayLike, dt: float, *, scale: float | None = None, discrete: bool = False
) -> Behaviour:
    """Say what kind of attractor a trajectory has reached.

    Asked in this order, of the second half of the trajectory:

    1. diverged: is any value, from the beginning on, infinite, NaN or beyond a million?
    2. fixed point: does every coordinate stay within a thousandth of ``scale``?
    3. limit cycle: is there a time, at most half of what is looked at, after which the
       *whole* stretch repeats itself to half a per cent of its size (root mean square)?
    4. noisy or unevenly sampled: do neighbours part at once, in a single step, and then more
       slowly? Deterministic neighbours part in the second step as they do in the first.
    5. chaos: do neighbours part exponentially, by at least a factor e within the stretch, as
       measured by :func:`mflib.dynamics.lyapunov.rosenstein_exponent`?
    6. Otherwise a torus, or too short a trajectory to tell.

    Args:
        points (steps, dim): At least 100 steps, in the whole space (a projection may cross itself
            and is still classified, but a fold may look closed).
        dt: Time between points; a limit cycle should have 20 or more in a period.
        scale: Size of a coordinate that counts as large; by default the largest range of a
            coordinate over the whole trajectory.
        discrete: Whether the points are iterates of a map, which has nothing between them.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> from mflib.dynamics.trajectories import trajectory
        >>> orbit = trajectory(system("van_der_pol"), 4000, dt=0.05)
        >>> behaviour = classify(orbit, dt=0.05)
        >>> behaviour.kind, round(behaviour.period, 3)
        ('limit cycle', 6.663)
    """
    points = checks.reals("points", points, ("steps", "dim"), finite=False, least=100)
    dt = checks.real("dt", dt, above=0)
    scale = None if scale is None else checks.real("scale", scale, above=0)
    if not np.all(np.abs(points) < ESCAPE):
        return Behaviour("diverged")
    tail = points[len(points) // 2 :]
    largest = np.max(np.ptp(points, axis=0)) if scale is None else scale
    if np.max(np.ptp(tail, axis=0)) <= max(STILL * largest, 1e-9 * (1 + np.max(np.abs(tail)))):
        return Behaviour("fixed point")
    period = _iterations(tail, dt) if discrete else _period(tail, dt)
    if period is not None:
        return Behaviour("limit cycle", period)
    try:
        exponent = growth_rate(tail, dt)
    except ValueError:  # too short
        return Behaviour("torus or undecided", exponent=0.0)
    if exponent is None:
        return Behaviour("noisy or unevenly sampled")
    chaotic = exponent * len(tail) * dt > 1
    return Behaviour("chaos" if chaotic else "torus or undecided", exponent=exponent)


def _iterations(tail, dt):
    limit = CLOSED * np.linalg.norm(np.ptp(tail, axis=0))
    for p in range(1, len(tail) // 2 + 1):
        if np.max(np.linalg.norm(tail[p:] - tail[:-p], axis=1)) < limit:
            return p * dt
    return None


def _period(tail, dt):
    """Time after which the curve through the points repeats itself, or None."""
    from scipy.interpolate import CubicSpline

    time = dt * np.arange(len(tail))
    curve = CubicSpline(time, tail)
    limit = CLOSED * np.linalg.norm(np.ptp(tail, axis=0))
    early = np.linalg.norm(curve(time[: len(tail) // 4], 1), axis=1)
    first = int(np.argmin(np.abs(early - np.median(early))))  # neither at rest nor in a jump
    begin, origin, velocity = time[first], tail[first], curve(time[first], 1)
    section = CubicSpline(time[first:], (tail[first:] - origin) @ velocity)
    crossings = section.roots(extrapolate=False)
    crossings = crossings[(section(crossings, 1) > 0) & (crossings > begin + dt / 2)]
    gaps = np.linalg.norm(curve(crossings) - origin, axis=1)
    for period in crossings[gaps < limit] - begin:
        if period > time[-1] / 2:
            return None
        # the crossing nearest to as many periods on as there are: the longer, the more exact
        laps = int((time[-1] - begin) / period)
        last = crossings[np.argmin(np.abs(crossings - begin - laps * period))]
        if abs(last - begin - laps * period) < 0.05 * period:
            period = (last - begin) / laps
        earlier = time[time + period <= time[-1]]
        shift = np.linalg.norm(curve(earlier + period) - curve(earlier), axis=1)
        if np.sqrt(np.mean(shift**2)) < limit:
            return float(period)
    return None


class Identity(NamedTuple):
    """Which attractor a trajectory is on.

    Attributes:
        name: None if it is too far from every template.
        distances: Sliced Wasserstein distance to each, relative to the size of the templates.
    """

    name: str | None
    distances: Mapping[str, float]


def identify(
    points: npt.ArrayLike, templates: Mapping[str, npt.ArrayLike], **options: Any
) -> Identity:
    """Name the attractor a trajectory is on: the nearest template, or none.

    Args:
        points (steps, dim): Values that are not finite are on no attractor.
        templates (mapping of str to array_like, shape (steps, dim) or (orbits, steps, dim)): A
            trajectory on each attractor, or several, long enough to have been everywhere on it in
            due proportion. Location and scale count; standardise all of them together or not at
            all.
        **options: ``dt`` and ``reject``, see :func:`identify_all`.

    Examples:
        >>> from mflib.multifunctionality.tasks import seeing_double
        >>> a, b = seeing_double(0.0)
        >>> templates = {task.name: task.trajectory(630, 0.1) for task in (a, b)}
        >>> identify(b.trajectory(300, 0.1, phase=1), templates, dt=0.1).name
        'B'
    """
    return identify_all([points], templates, **options)[0]


def identify_all(
    runs: Sequence[npt.ArrayLike],
    templates: Mapping[str, npt.ArrayLike],
    *,
    dt: float | None = None,
    reject: float = REJECT,
) -> list[Identity]:
    """As :func:`identify`, for many trajectories.

    Args:
        runs (sequence of array_like, each of shape (steps, dim)):
        templates: As there.
        dt: Time between points, the same everywhere. If it is given velocities are compared too.
            Two orbits that run along the same curve in opposite directions differ in nothing else.
        reject: Largest relative distance to still be named.

    Returns:
        list of Identity
    """
    if not templates:
        raise ValueError("templates: got none, expected one or more")
    reject = checks.real("reject", reject, above=0)
    least = 1 if dt is None else 3
    dt = None if dt is None else checks.real("dt", dt, above=0)
    dim = np.shape(next(iter(templates.values())))[-1]
    known = {}
    for name, orbits in templates.items():
        known[str(name)] = [
            checks.reals(f"templates[{name!r}]", orbit, ("steps", dim), least=least)
            for orbit in (np.asarray(orbits) if np.ndim(orbits) == 3 else [orbits])
        ]
    everything = [orbit for orbits in known.values() for orbit in orbits]
    size, factor = _size(np.concatenate(everything)), 1.0
    if dt is not None:  # velocities count as much
        factor = size / max(_size(_cloud(everything, dt, 1.0)[:, dim:]), 1e-300)

    def quantiles(orbits):
        return sliced_quantiles(_cloud(orbits, dt, factor), DIRECTIONS)

    kinds = {name: quantiles(orbits) for name, orbits in known.items()}

    def one(points):
        points = checks.reals("points", points, ("steps", dim), finite=False, least=least)
        if not np.all(np.isfinite(points)):
            return Identity(None, dict.fromkeys(known, np.inf))
        found = quantiles([points])
        distances = {
            name: float(np.mean(np.abs(found - kind))) / size for name, kind in kinds.items()
        }
        nearest = min(distances, key=distances.__getitem__)
        return Identity(nearest if distances[nearest] <= reject else None, distances)

    return [one(points) for points in runs]


def _cloud(orbits, dt, factor):
    """All points of the orbits, beside them their velocities times the factor."""
    points = np.concatenate(orbits)
    if dt is None:
        return points
    velocities = np.concatenate([np.gradient(orbit, dt, axis=0) for orbit in orbits])
    return np.hstack([points, factor * velocities])


def _size(points):
    """Root mean square distance from the centre; 1 for a single point."""
    return float(np.sqrt(np.sum(np.var(points, axis=0)))) or 1.0


class FoundAttractor(NamedTuple):
    """An attractor that runs ended on.

    Attributes:
        run: The first run that ended on it.
        behaviour: Of that run.
        share: Of all runs.
        centre (dim,): Mean position.
        radius: Root mean square distance from it.
    """

    run: int
    behaviour: Behaviour
    share: Estimate
    centre: np.ndarray
    radius: float


@dataclass(frozen=True, eq=False)
class Census:
    """The attractors on which many runs ended.

    Attributes:
        labels ((runs,) of int): Index into ``attractors``; ``DIVERGED`` (-2) for runs that left all
            bounds, ``NOT_CONVERGED`` (-3) for those too short, or too restless, to tell where they
            are.
        attractors: The one with the largest share first.
    """

    labels: np.ndarray
    attractors: tuple[FoundAttractor, ...]

    @property
    def not_converged(self) -> Estimate:
        """The share of runs that have not converged. They are on no attractor counted here."""
        return success_rate(self.labels == NOT_CONVERGED, over="runs")

    @property
    def entropy(self) -> float:
        r"""Basin entropy :math:`S = -\sum_k p_k \ln p_k` of the shares among runs that converged.

        Divergence counts as one more. NaN if no run converged.
        """
        from scipy.special import entr

        counts = np.unique(self.labels[self.labels != NOT_CONVERGED], return_counts=True)[1]
        return float(entr(counts / counts.sum()).sum()) if len(counts) else np.nan

    @property
    def effective(self) -> float:
        """Effective number of attractors, :math:`e^S`. So many equal basins are as uncertain."""
        return float(np.exp(self.entropy))


def find_attractors(
    points: npt.ArrayLike, dt: float, *, scale: float, rate: float = 1.0, tolerance: float = 0.05
) -> Census:
    r"""Tell on how many attractors many runs ended, without being told any.

    Two runs on one attractor have the same long time averages, wherever on it they started. So a
    run is described by averages: of position, of variances and covariances, and of rotation in
    every plane, :math:`\langle x_i \dot x_j - x_j \dot x_i \rangle`, which tells directions apart.
    A run belongs to the first attractor whose averages differ from its own by at most
    ``tolerance`` and the errors of both. The ends of a run count less than its middle, by a
    smooth weight, so that averages of periodic and quasiperiodic orbits converge fast. Those of
    chaos do not. The error of a run is the largest difference between its averages and those of
    its halves; a run whose error exceeds ``tolerance`` has not converged, and is labelled so.

    Args:
        points (runs, steps, dim): What runs do when they have settled; at least 100 steps. Values
            that are infinite, NaN or beyond a million are a verdict.
        dt: Time between points.
        scale: Size of an attractor that counts as large.
        rate: Its typical angular velocity.
        tolerance: In units of ``scale``, its square, and its square times ``rate``.

    Raises:
        ValueError: If an argument does not fit.

    References:
        Weighted averages: Das, Saiki, Sander and Yorke, Quantitative quasiperiodicity, Nonlinearity
        30, 4111 (2017), doi:10.1088/1361-6544/aa84c2.

    Examples:
        >>> t = 0.1 * np.arange(800)
        >>> circle = 5 * np.stack([np.cos(t), np.sin(t)], axis=1)
        >>> found = find_attractors([circle, circle[:, ::-1], circle[::-1]], 0.1, scale=5.0)
        >>> found.labels, found.not_converged.value
        (array([1, 0, 0]), 0.0)
        >>> [(one.behaviour.kind, round(one.radius, 3)) for one in found.attractors]
        [('limit cycle', 5.0), ('limit cycle', 5.0)]
    """
    points = checks.reals("points", points, ("runs", "steps", "dim"), finite=False)
    checks.count("steps of points", points.shape[1], least=100)
    for name, number in (("dt", dt), ("scale", scale), ("rate", rate), ("tolerance", tolerance)):
        checks.real(name, number, least=TINY)
    bounded = np.flatnonzero(np.all(np.abs(points) < ESCAPE, axis=(1, 2)))
    settled, half = points[bounded] / scale, points.shape[1] // 2
    with np.errstate(over="ignore", invalid="ignore"):
        averages, first, last = (
            _averages(x, dt * rate) for x in (settled, settled[:, :half], settled[:, half:])
        )
        apart = np.stack([first - last, first - averages, last - averages])
        error = np.max(np.linalg.norm(apart, axis=2), axis=0)
        converged = (error <= tolerance) & np.all(np.isfinite(averages), axis=1)
    left, groups = np.flatnonzero(converged), []
    while len(left):
        apart = np.linalg.norm(averages[left] - averages[left[0]], axis=1)
        near = apart <= tolerance + error[left] + error[left[0]]
        groups.append(left[near])
        left = left[~near]
    groups.sort(key=len, reverse=True)
    labels = np.full(len(points), DIVERGED)
    labels[bounded] = NOT_CONVERGED
    for label, group in enumerate(groups):
        labels[bounded[group]] = label
    dim = points.shape[2]
    same = np.equal(*np.triu_indices(dim))  # variances among variances and covariances

    def found(group):
        run, (centre, spread) = bounded[group[0]], np.split(averages[group[0]], [dim])
        variances = spread[: len(same)][same]
        share, radius = success_rate(len(group), len(points), over="runs"), np.sqrt(variances.sum())
        behaviour = classify(points[run], dt, scale=scale)
        return FoundAttractor(int(run), behaviour, share, scale * centre, float(scale * radius))

    return Census(labels, tuple(found(group) for group in groups))


def _averages(points, dt):
    """Long time averages of each run in one row: position, covariances, rotations."""
    steps = points.shape[1]
    time = (np.arange(steps) + 0.5) / steps
    weight = np.exp(-1 / (time * (1 - time)))
    weight /= weight.sum()
    centre = np.einsum("t,rti->ri", weight, points)
    moved = points - centre[:, None]
    spread = np.einsum("t,rti,rtj->rij", weight, moved, moved)
    turned = np.einsum("t,rti,rtj->rij", weight, moved, np.gradient(moved, dt, axis=1))
    i, j = np.triu_indices(points.shape[2])
    return np.hstack([centre, spread[:, i, j], (turned - turned.transpose(0, 2, 1))[:, i, j]])
