r"""How fast neighbours part: Lyapunov spectra and the Kaplan–Yorke dimension.

:func:`benettin_spectrum` is the method, for whatever can move a state together with a frame of
tangent vectors: it re-orthonormalises the frame after every segment and averages the logarithms
of the stretching. :func:`spectrum` feeds it flows and maps. Where other code does the moving and
keeps the logarithms, :meth:`Spectrum.from_growth` does the averaging.

A spectrum can be checked without any literature. The sum of all exponents is the mean trace of
the Jacobian (of a map, the mean :math:`\log|\det J|`), and that is measured along the same
trajectories.
"""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.systems import System, time_step, waiting_time
from mflib.dynamics.trajectories import step, tangent, trajectory

#: A volume that grows more slowly, relative to the largest exponent, is conserved.
CONSERVED = 1e-6
#: Share of the neighbours' parting in a single step from which on noise is suspected.
PARTING = 0.15
#: At least so many blocks are drawn from in a bootstrap.
BLOCKS = 40
#: Members start so far, relative to the attractor's size, from one orbit, and then part.
SPREAD = 1e-4


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Lyapunov exponents, per unit of time, with what is needed to trust them.

    Attributes:
        exponents (count,): In falling order, up to the error.
        intervals (count, 2): 95 % intervals by a bootstrap over blocks of the trajectories.
        members (members, count): The exponents of each trajectory on its own.
        volume_growth_rate: Mean rate at which the logarithm of phase-space volume grows along the
            same trajectories: trace or ``log |det|`` of the Jacobian. NaN if it was not measured.
        time: Over which was averaged, all trajectories together.
        dim: Of the state; the spectrum is complete if there are as many exponents.
        forced: Whether there is a forcing in time. Its phase adds an exponent 0, which is not
            listed.
    """

    exponents: np.ndarray
    intervals: np.ndarray
    members: np.ndarray
    volume_growth_rate: float
    time: float
    dim: int
    forced: bool = False

    @classmethod
    def from_growth(
        cls,
        logarithms: np.ndarray,
        time: float,
        *,
        dim: int,
        rng: np.random.Generator,
        volumes: npt.ArrayLike = np.nan,
    ) -> Self:
        """The averages of what tangent vectors have grown by.

        Args:
            logarithms (segments, members, count): Of the factors by which orthonormal vectors have
                grown in each segment.
            time: Units of time a segment takes.
            dim: Of the state.
            rng: Draws the bootstrap.
            volumes: Logarithms of the factors by which a small volume has grown, of any shape with
                the mean of all segments.
        """
        rates = logarithms / time
        exponents, members = rates.mean(axis=(0, 1)), rates.mean(axis=0)
        intervals, volume = _bootstrap(rates, rng), float(np.mean(np.asarray(volumes)) / time)
        time *= rates.shape[0] * rates.shape[1]
        return cls(exponents, intervals, members, volume, time, dim)

    @property
    def complete(self) -> bool:
        """Whether all exponents are there."""
        return len(self.exponents) == self.dim

    @property
    def identity_error(self) -> float:
        """Difference of the sum of all exponents and the volume's growth rate, relative to that.

        Where volume is conserved it is relative to the largest exponent's size. NaN if the
        growth of volume was not measured.

        Raises:
            ValueError: If exponents are missing.
        """
        if not self.complete:
            raise ValueError(f"spectrum: got {len(self.exponents)} exponents, expected {self.dim}")
        error = abs(float(np.sum(self.exponents)) - self.volume_growth_rate)
        largest, size = float(np.max(np.abs(self.exponents))), abs(self.volume_growth_rate)
        return error / (largest or 1.0) if size <= CONSERVED * largest else error / size

    @property
    def dimension(self) -> float:
        """Kaplan–Yorke dimension, of a forced flow with the phase.

        A sum of exponents counts as zero within the half width of the first exponents'
        intervals.

        Raises:
            ValueError: If exponents are missing and the sum of those that are there is not
                negative: then the dimension depends on the others.
        """
        exponents = np.sort(np.append(self.exponents, [0.0] * self.forced))[::-1]
        error = float(np.max(np.diff(self.intervals[:2], axis=1))) / 2
        tolerance = max(1e-3 * abs(exponents[0]), error if np.isfinite(error) else 0.0)
        found = kaplan_yorke(exponents, tolerance)
        if found == len(exponents) and not self.complete:
            got = f"{len(self.exponents)} of {self.dim} exponents, whose sum is not negative"
            raise ValueError(f"spectrum: got {got}, expected as many as make it so")
        return found


def kaplan_yorke(exponents: npt.ArrayLike, tolerance: float | None = None) -> float:
    r"""Kaplan–Yorke dimension of an attractor.

    .. math:: D = j + \frac{\lambda_1 + \dots + \lambda_j}{|\lambda_{j+1}|}

    with the largest :math:`j` for which the sum is not negative.

    Args:
        exponents (count,): In falling order.
        tolerance: A sum that is negative by no more counts as zero: the exponent 0 of a flow is
            measured with an error of either sign. By default a thousandth of the first exponent's
            size.

    Returns:
        float: The number of exponents if no sum is negative.

    Examples:
        >>> round(kaplan_yorke([0.9056, -0.00001, -14.5723]), 3)
        2.062
        >>> kaplan_yorke([-0.0000001, -2], tolerance=1e-5), kaplan_yorke([-0.5, -0.5])
        (1.0, 0.0)
    """
    exponents = checks.reals("exponents", exponents, ("count",))
    tolerance = 1e-3 * abs(exponents[0]) if tolerance is None else tolerance
    checks.real("tolerance", tolerance, least=0)
    if np.any(np.diff(exponents) > 2 * tolerance):
        raise ValueError(f"exponents: got {exponents}, expected falling order")
    sums = np.cumsum(exponents)
    j = int(np.max(np.flatnonzero(sums >= -tolerance), initial=-1)) + 1
    if j in (0, len(exponents)):
        return float(j)
    return j + max(float(sums[j - 1]), 0.0) / abs(float(exponents[j]))


def benettin_spectrum(
    advance: Callable,
    state: np.ndarray,
    *,
    segments: int,
    time: float = 1.0,
    discard: int | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Spectrum:
    """Lyapunov exponents of anything that moves a state and tangent vectors along.

    Benettin's method: a frame of orthonormal tangent vectors is carried along for a segment,
    made orthonormal again (Gram–Schmidt), and the logarithms of the lengths are averaged.

    Args:
        advance: ``advance(state, frame)`` returns ``(state, frame, volume)`` a segment later: the
            state ``(members, dim)``, the frame ``(members, dim, count)`` multiplied by the Jacobian
            of the segment, and the logarithm of the factor by which a small volume has grown,
            ``(members,)``, or None. Several steps a segment save time; too many, and the vectors of
            the frame become parallel.
        state (members, dim): On the attractor.
        segments: How many are averaged over.
        time: Units of time a segment takes.
        discard: Segments before those, in which the frame finds its directions; by default a
            quarter as many. It takes many times 1 / (gap between exponents).
        count: How many exponents; by default all.
        seed: Of the first frame and of the bootstrap.

    Raises:
        ValueError: If an argument does not fit, or the state leaves all bounds.

    References:
        Benettin, Galgani, Giorgilli and Strelcyn (1980), Meccanica 15, 9-20 and 21-30.

    Examples:
        A linear map stretches by its eigenvalues.

        >>> matrix = np.array([[2.0, 1.0], [0.0, 0.5]])
        >>> def advance(state, frame):
        ...     return state @ matrix.T * 0, matrix @ frame, np.zeros(len(state))
        >>> found = benettin_spectrum(advance, np.zeros((1, 2)), segments=1000)
        >>> found.exponents.round(3)
        array([ 0.693, -0.693])
    """
    checks.reals("state", state, ("members", "dim"))
    state = np.asarray(state)
    segments = checks.count("segments", segments)
    discard = -(-segments // 4) if discard is None else checks.count("discard", discard, least=0)
    members, dim = state.shape
    count = dim if count is None else checks.count("count", count, most=dim)
    time = checks.real("time", time, above=0)
    rng = np.random.default_rng(seed)
    frame = random_frame(rng, members, dim, count)
    logarithms = np.empty((segments, members, count))
    volumes = np.empty((segments, members))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for n in range(-discard, segments):
            state, frame, volume = advance(state, frame)
            if not np.all(np.isfinite(state)):
                gone = f"{(discard + n + 1) * time:.6g} units of time"
                raise ValueError(f"state: got one whose orbit left all bounds after {gone}")
            frame, lengths = _orthonormal(np.asarray(frame))
            if n >= 0:
                logarithms[n] = np.log(lengths)
                volumes[n] = np.nan if volume is None else volume
    return Spectrum.from_growth(logarithms, time, dim=dim, rng=rng, volumes=volumes)


def random_frame(rng: np.random.Generator, members: int, dim: int, count: int) -> np.ndarray:
    """Orthonormal tangent vectors to begin with, shape ``(members, dim, count)``."""
    return _orthonormal(rng.normal(size=(members, dim, count)))[0]


def spectrum(
    system: System,
    *,
    steps: int = 10_000,
    members: int = 100,
    dt: float | None = None,
    count: int | None = None,
    initial: npt.ArrayLike | None = None,
    transient: float | None = None,
    segment: int | None = None,
    seed: int = 0,
) -> Spectrum:
    """Lyapunov exponents of a flow or map, averaged over one attractor.

    State and tangent vectors are moved together, by the Runge–Kutta method or by the map, on
    many trajectories at once. They start beside points of one orbit, so that all are on its
    attractor. For a transient they part and the vectors find their directions; then it is
    measured. (Of a map they are pieces of one orbit.)

    Args:
        system: If a parameter is an array, each of its values gets a trajectory of its own, and
            ``members`` of the result lists their exponents.
        steps: Of each member, so the time averaged over is ``steps * members * dt``. Steps that do
            not fill a segment are left out.
        members: Trajectories, if no parameter is an array. More are faster together than one by
            one, but each costs a transient.
        dt: By default the system's natural step.
        count: How many exponents; by default all.
        initial (dim,): By default the system's own.
        transient: Time to reach the attractor, and again for the vectors to find their directions;
            by default the system's own.
        segment: Steps between orthonormalisations; by default 10 for a flow and 1 for a map.

    Raises:
        ValueError: If an argument does not fit, or the orbit escapes.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> found = spectrum(system("henon"), steps=1000)
        >>> found.exponents.round(2)
        array([ 0.42, -1.62])
        >>> bool(np.isclose(found.exponents.sum(), np.log(0.3)))
        True
    """
    dt = time_step(system, dt)
    default = 10 if system.kind == "flow" else 1
    segment = default if segment is None else checks.count("segment", segment)
    steps = max(segment, checks.count("steps", steps))
    start = checks.reals("initial", system.initial if initial is None else initial, (system.dim,))
    wait = waiting_time(system, transient)
    period = system.forcing
    if period is not None:
        wait = np.ceil(wait / period) * period
    members = checks.count("members", members)
    families = [len(value) for value in system.parameters.values() if np.ndim(value)]
    discard: int | None = int(np.ceil(wait / dt / segment))
    if families:
        state = np.tile(start, (families[0], 1))
    elif system.kind == "map":  # one orbit, cut into pieces
        steps = steps // 30 * 30 + 1  # on a short cycle, pieces begin at each of its points in turn
        state = trajectory(system, members * steps, initial=start, transient=wait)[::steps]
        discard = None
    else:
        spacing = max(system.dt, wait / members)
        if period is not None:  # all members see the forcing in the same phase
            spacing = max(1, round(spacing / period)) * period
        state = trajectory(system, members, spacing, start, transient=wait, rtol=1e-8)
        size = max(float(np.max(np.abs(state - state.mean(axis=0)))), 1e-6)
        state = state + SPREAD * size * np.random.default_rng(seed).normal(size=state.shape)
    found = benettin_spectrum(
        _advance(system, dt, segment),
        state,
        segments=steps // segment,
        time=segment * dt,
        discard=discard,
        count=count,
        seed=seed,
    )
    return replace(found, forced=period is not None)


def _advance(system: System, dt: float, segment: int) -> Callable:
    """Move state and frame of a system ``segment`` steps on; members are the last axis inside."""
    f, taken = functools.partial(tangent, system), itertools.count()

    def advance(state, frame):
        (members, dim), columns = state.shape, frame.transpose(1, 2, 0)
        y = np.concatenate([state.T, columns.reshape(-1, members), np.zeros((1, members))])
        for n in itertools.islice(taken, segment):
            y = step(system, f, n * dt, y, dt)
        return y[:dim].T, y[dim:-1].reshape(columns.shape).transpose(2, 0, 1), y[-1]

    return advance


def _orthonormal(frame):
    """Modified Gram–Schmidt on the columns of ``(members, dim, count)``; and their lengths."""
    frame = frame.copy()
    lengths = np.empty(frame.shape[::2])
    for j in range(frame.shape[2]):
        length = np.sqrt(np.sum(frame[:, :, j] ** 2, axis=1))
        lengths[:, j] = length
        frame[:, :, j] /= np.where(length > 0, length, 1)[:, None]
        if j + 1 < frame.shape[2]:
            done, rest = frame[:, :, j, None], frame[:, :, j + 1 :]
            rest -= done * np.sum(done * rest, axis=1, keepdims=True)
    return frame, lengths


def _bootstrap(rates, rng, draws=1000):
    """95 % intervals of the mean over ``(segments, members, count)``, by blocks in time."""
    segments, members, count = rates.shape
    cuts = min(segments, -(-BLOCKS // members))
    blocks = np.concatenate([part.mean(axis=0) for part in np.array_split(rates, cuts)])
    if not np.all(np.isfinite(blocks)):
        return np.full((count, 2), np.nan)
    chosen = rng.integers(len(blocks), size=(draws, len(blocks)))
    means = np.stack([blocks[drawn].mean(axis=0) for drawn in chosen])
    return np.quantile(means, [0.025, 0.975], axis=0).T


def rosenstein_exponent(points: npt.ArrayLike, dt: float) -> float:
    """Largest exponent estimated from one trajectory alone, after Rosenstein and others.

    Every point is followed beside its nearest neighbour in space, neighbours in time left out.
    The mean logarithm of their distance grows at the rate of the largest exponent until the
    distance is as large as the attractor. It is followed until it has gone four fifths of the way
    to its largest value, and at most for a tenth of the series. Good to tell chaos from order;
    where equations or a closed loop are at hand, :func:`spectrum` or :func:`benettin_spectrum` is
    far more exact.

    Args:
        points (steps, dim): On the attractor, in the whole space, 200 steps or more.

    Returns:
        float: Per unit of time; 0 if distances do not grow by a factor e.

    Raises:
        ValueError: If an argument does not fit, no orbit comes back to itself, or neighbours part
            at once and then more slowly, which is noise, or uneven sampling, and no exponent.

    References:
        Rosenstein, Collins and De Luca (1993), Physica D 65, 117-134,
        doi:10.1016/0167-2789(93)90009-P.
    """
    points = checks.reals("points", points, ("steps", "dim"), least=200)
    dt = checks.real("dt", dt, above=0)
    rate = growth_rate(points, dt)
    if rate is None:
        raise ValueError("points: got a series in which noise or uneven sampling dominates")
    return rate


def growth_rate(points: np.ndarray, dt: float) -> float | None:
    """Slope of the rise of neighbours' mean logarithmic distance, per unit of time.

    0 if neighbours stay together, as on a cycle or torus. None if they part in their first step by
    much of the whole way, and then slow down: in deterministic motion the second step takes them
    about as far as the first.
    """
    curve = _neighbour_distances(points)
    rise, (first, second) = curve.max() - curve[0], np.diff(curve[:3])
    if rise < 1:
        return 0.0
    if first > PARTING * rise and first > 2 * second:
        return None
    curve = curve[: max(int(np.argmax(curve >= curve[0] + 0.8 * rise)) + 1, 3)]
    return max(float(np.polyfit(dt * np.arange(len(curve)), curve, 1)[0]), 0.0)


def _neighbour_distances(points):
    """Mean logarithm of the distance of neighbours, 0 steps on to a tenth of all."""
    from scipy.spatial import cKDTree

    follow, apart = len(points) // 10, _correlation_time(points)
    last = len(points) - follow
    i = np.linspace(0, last - 1, min(last, 1000)).astype(int)
    near = cKDTree(points[:last]).query(points[i], k=min(last, 4 * apart + 2))[1]
    far = np.abs(near - i[:, None]) > apart
    found = far.any(axis=1)
    if np.sum(found) < 20:
        raise ValueError("points: got too short a series, in which no orbit comes back to itself")
    i, j = i[found], near[found, far[found].argmax(axis=1)]
    ahead = np.arange(follow + 1)[:, None]
    distance = np.linalg.norm(points[i + ahead] - points[j + ahead], axis=-1)
    least = 1e-12 * max(float(np.linalg.norm(np.ptp(points, axis=0))), 1e-300)
    return np.mean(np.log(np.maximum(distance, least)), axis=1)


def _correlation_time(points):
    """Steps until the autocorrelation of the coordinate that varies most falls below zero."""
    from scipy.signal import correlate

    series = points[:, np.argmax(points.std(axis=0))]
    series = series - series.mean()
    below = correlate(series, series, method="fft")[len(series) - 1 :] < 0
    return int(np.argmax(below)) or len(series) // 10
