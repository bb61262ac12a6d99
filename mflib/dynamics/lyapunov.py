r"""How fast neighbours part: Lyapunov spectra, dimension, Floquet exponents, Feigenbaum's number.

:func:`benettin_spectrum` is the method, for whatever can move a state together with a frame of tangent
vectors: it re-orthonormalises the frame after every segment and averages the logarithms of
the stretching. :func:`spectrum` feeds it the flows and maps of :mod:`mflib.dynamics.systems`.
:func:`network_spectrum` does the same for networks, with their loop closed or driven by data, in
compiled code.

A spectrum can be checked without any literature. The sum of all exponents is the mean trace of
the Jacobian (of a map, the mean :math:`\log|\det J|`), and that is measured along the same
trajectories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mflib.dynamics._checks import _count, _initial, _step
from mflib.dynamics.systems import System
from mflib.dynamics.trajectories import trajectory

BLOCKS = 40
"""At least so many blocks are drawn from in a bootstrap."""
SPREAD = 1e-4
"""Members start so far, relative to the attractor's size, from one orbit, and then part."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Lyapunov exponents, per unit of time, with what is needed to trust them.

    Attributes
    ----------
    exponents : numpy.ndarray, shape (count,)
        In falling order, up to the error.
    intervals : numpy.ndarray, shape (count, 2)
        95 % intervals by a bootstrap over blocks of the trajectories.
    members : numpy.ndarray, shape (members, count)
        The exponents of each trajectory on its own.
    volume : float
        Mean rate at which the logarithm of phase-space volume grows along the same
        trajectories: trace or log |det| of the Jacobian. NaN if it was not measured.
    time : float
        Over which was averaged, all trajectories together.
    dim : int
        Of the state; the spectrum is complete if there are as many exponents.
    forced : bool
        Whether there is a forcing in time. Its phase adds an exponent 0, which is not listed.
    """

    exponents: np.ndarray
    intervals: np.ndarray
    members: np.ndarray
    volume: float
    time: float
    dim: int
    forced: bool = False

    @property
    def complete(self) -> bool:
        """Whether all exponents are there."""
        return len(self.exponents) == self.dim

    @property
    def identity_error(self) -> float:
        """Relative difference of the sum of all exponents and ``volume``."""
        if not self.complete:
            raise ValueError(f"spectrum: got {len(self.exponents)} exponents, expected {self.dim}")
        return abs(float(np.sum(self.exponents)) - self.volume) / abs(self.volume)

    @property
    def dimension(self) -> float:
        """Kaplan–Yorke dimension, of a forced flow with the phase.

        A sum of exponents counts as zero within the half width of the first exponents'
        intervals.
        """
        exponents = np.sort(np.append(self.exponents, [0.0] * self.forced))[::-1]
        error = float(np.max(np.diff(self.intervals[:2], axis=1))) / 2
        tolerance = max(1e-3 * abs(exponents[0]), error if np.isfinite(error) else 0.0)
        return kaplan_yorke(exponents, tolerance)


def kaplan_yorke(exponents, tolerance: float | None = None) -> float:
    r"""Kaplan–Yorke dimension of an attractor.

    .. math:: D = j + \frac{\lambda_1 + \dots + \lambda_j}{|\lambda_{j+1}|}

    with the largest :math:`j` for which the sum is not negative.

    Parameters
    ----------
    exponents : array_like, shape (count,)
        In falling order.
    tolerance : float, optional
        A sum that is negative by no more counts as zero: the exponent 0 of a flow is measured
        with an error of either sign. By default a thousandth of the first exponent's size.

    Returns
    -------
    float
        The number of exponents if no sum is negative.

    Examples
    --------
    >>> round(kaplan_yorke([0.9056, -0.00001, -14.5723]), 3)
    2.062
    >>> kaplan_yorke([-0.0000001, -2], tolerance=1e-5), kaplan_yorke([-0.5, -0.5])
    (1.0, 0.0)
    """
    exponents = np.asarray(exponents, dtype=float)
    if exponents.ndim != 1 or len(exponents) == 0 or not np.all(np.isfinite(exponents)):
        raise ValueError(f"exponents: got {exponents}, expected a list of finite numbers")
    if tolerance is None:
        tolerance = 1e-3 * abs(exponents[0])
    if not tolerance >= 0:
        raise ValueError(f"tolerance: got {tolerance}, expected a number that is not negative")
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
    forced: bool = False,
    seed: int = 0,
) -> Spectrum:
    """Lyapunov exponents of anything that moves a state and tangent vectors along.

    Benettin's method: a frame of orthonormal tangent vectors is carried along for a segment,
    made orthonormal again (Gram–Schmidt), and the logarithms of the lengths are averaged.

    Parameters
    ----------
    advance : callable
        ``advance(state, frame)`` returns ``(state, frame, volume)`` a segment later: the
        state ``(members, dim)``, the frame ``(members, dim, count)`` multiplied by the
        Jacobian of the segment, and the logarithm of the factor by which a small volume has
        grown, ``(members,)``, or None. Several steps a segment save time; too many, and the
        vectors of the frame become parallel.
    state : array_like, shape (members, dim)
        On the attractor.
    segments : int
        How many are averaged over.
    time : float
        Units of time a segment takes.
    discard : int, optional
        Segments before those, in which the frame finds its directions; by default a quarter as
        many. It takes many times 1 / (gap between exponents).
    count : int, optional
        How many exponents; by default all.
    forced : bool
        See :class:`Spectrum`.
    seed : int
        Of the first frame and of the bootstrap.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If an argument does not fit, or the state leaves all bounds.

    References
    ----------
    Benettin, Galgani, Giorgilli and Strelcyn (1980), Meccanica 15, 9-20 and 21-30.

    Examples
    --------
    A linear map stretches by its eigenvalues.

    >>> matrix = np.array([[2.0, 1.0], [0.0, 0.5]])
    >>> def advance(state, frame):
    ...     return state @ matrix.T * 0, matrix @ frame, np.zeros(len(state))
    >>> found = propagate(advance, np.zeros((1, 2)), segments=1000)
    >>> found.exponents.round(3)
    array([ 0.693, -0.693])
    """
    state = np.asarray(state)
    if state.ndim != 2 or state.size == 0 or not np.all(np.isfinite(state)):
        raise ValueError(f"state: got shape {state.shape}, expected (members, dim), finite")
    segments = _count("segments", segments)
    discard = -(-segments // 4) if discard is None else _count("discard", discard, least=0)
    members, dim = state.shape
    count = _how_many(count, dim)
    if not (np.isfinite(time) and time > 0):
        raise ValueError(f"time: got {time}, expected a positive time")
    rng = np.random.default_rng(seed)
    frame = _frame(rng, members, dim, count)
    logarithms = np.empty((segments, members, count))
    volumes = np.full((segments, members), np.nan)
    for n in range(-discard, segments):
        with np.errstate(over="ignore", invalid="ignore"):
            state, frame, volume = advance(state, frame)
        if not np.all(np.isfinite(state)):
            raise _unbounded((discard + n + 1) * time)
        frame, lengths = _orthonormal(np.asarray(frame))
        if n >= 0:
            with np.errstate(divide="ignore"):
                logarithms[n] = np.log(lengths)
            if volume is not None:
                volumes[n] = volume
    return _averaged(logarithms, volumes, time, dim, rng, forced)


def _how_many(count, dim):
    """Exponents asked for, by default all."""
    count = dim if count is None else _count("count", count)
    if count > dim:
        raise ValueError(f"count: got {count}, expected at most {dim}, the dimension of the state")
    return count


def _frame(rng, members, dim, count):
    return _orthonormal(rng.normal(size=(members, dim, count)))[0]


def _unbounded(time):
    return ValueError(
        f"state: got one whose orbit left all bounds after {time:.6g} units of time, expected "
        "bounded orbits"
    )


def _averaged(logarithms, volumes, time, dim, rng, forced=False) -> Spectrum:
    """From the growth in each segment: of vectors (segments, members, count), and of volumes."""
    segments, members, _ = logarithms.shape
    rates = logarithms / time
    return Spectrum(
        exponents=rates.mean(axis=(0, 1)),
        intervals=_bootstrap(rates, rng),
        members=rates.mean(axis=0),
        volume=float(np.mean(volumes) / time),
        time=segments * members * time,
        dim=dim,
        forced=forced,
    )


def spectrum(
    system: System,
    *,
    steps: int = 1_000_000,
    dt: float | None = None,
    count: int | None = None,
    initial=None,
    transient: float | None = None,
    members: int | None = None,
    segment: int | None = None,
    seed: int = 0,
) -> Spectrum:
    """Lyapunov exponents of a flow or map, averaged over one attractor.

    State and tangent vectors are moved together, by the Runge–Kutta method or by the map, on
    many trajectories at once. They start beside points of one orbit, so that all are on its
    attractor. For a transient they part and the vectors find their directions; then it is
    measured. (Of a map they are pieces of one orbit.)

    Parameters
    ----------
    system : System
        If a parameter is an array, each of its values gets a trajectory of its own, and
        ``members`` of the result lists their exponents.
    steps : int
        Of all members together, so the time averaged over is ``steps * dt``.
    dt : float, optional
        By default the system's natural step.
    count : int, optional
        How many exponents; by default all.
    initial : array_like, shape (dim,), optional
        By default the system's own.
    transient : float, optional
        Time to reach the attractor, and again for the vectors to find their directions; by
        default the system's own.
    members : int, optional
        Trajectories. More are faster together, but each costs a transient. By default at most
        128, and so few that each is measured as long as the transient lasts.
    segment : int, optional
        Steps between orthonormalisations; by default 10 for a flow and 1 for a map.
    seed : int

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If an argument does not fit, or the orbit escapes.

    Examples
    --------
    >>> from mflib.dynamics.systems import system
    >>> found = spectrum(system("henon"), steps=100_000)
    >>> found.exponents.round(2)
    array([ 0.42, -1.62])
    >>> bool(np.isclose(found.exponents.sum(), np.log(0.3)))
    True
    """
    dt = _step(system, dt)
    steps = _count("steps", steps)
    segment = (
        (10 if system.kind == "flow" else 1) if segment is None else _count("segment", segment)
    )
    start = system.initial if initial is None else initial
    start = _initial(system, start, ndim=1)
    wait = system.transient if transient is None else transient
    if not (np.isfinite(wait) and wait >= 0):
        raise ValueError(f"transient: got {wait}, expected a time that is not negative")
    if members is None:
        members = int(np.clip(steps * dt / max(wait, dt), 8, 128))
    members = _count("members", members)
    if system.forcing is not None:
        wait = np.ceil(wait / system.forcing) * system.forcing
    families = [len(value) for value in system.parameters.values() if np.ndim(value)]
    members = families[0] if families else members
    each = max(segment, steps // members)
    discard = int(np.ceil(wait / dt / segment))
    if families:
        state = np.tile(start, (members, 1))
    elif system.kind == "map":  # one orbit, cut into pieces
        each = each // 30 * 30 + 1  # on a short cycle, pieces begin at each of its points in turn
        state = trajectory(system, members * each, initial=start, transient=wait)[::each]
        discard = None
    else:
        spacing = max(system.dt, wait / members)
        if system.forcing is not None:  # all members see the forcing in the same phase
            spacing = max(1, round(spacing / system.forcing)) * system.forcing
        state = trajectory(system, members, spacing, start, transient=wait, rtol=1e-8)
        size = max(float(np.max(np.abs(state - state.mean(axis=0)))), 1e-6)
        state = state + SPREAD * size * np.random.default_rng(seed).normal(size=state.shape)
    return benettin_spectrum(
        _advance(system, dt, segment),
        state,
        segments=each // segment,
        time=segment * dt,
        discard=discard,
        count=count,
        forced=system.forcing is not None,
        seed=seed,
    )


def _advance(system: System, dt: float, segment: int) -> Callable:
    """Move state and frame of a system ``segment`` steps on; members are the last axis inside."""
    taken = 0

    def flow(t, x, frame):
        k, rows = np.stack(system.equations(t, x)), system.jacobian_rows(t, x)
        turn, trace = _product(rows, frame), _trace(rows)
        total_k, total_turn, total_trace = k, turn, trace
        for fraction, weight in ((dt / 2, 2), (dt / 2, 2), (dt, 1)):
            at = x + fraction * k
            k = np.stack(system.equations(t + fraction, at))
            rows = system.jacobian_rows(t + fraction, at)
            turn, trace = _product(rows, frame + fraction * turn), _trace(rows)
            total_k, total_turn = total_k + weight * k, total_turn + weight * turn
            total_trace = total_trace + weight * trace
        h = dt / 6
        return x + h * total_k, frame + h * total_turn, h * total_trace

    def map_(n, x, frame):
        rows = system.jacobian_rows(n, x)
        with np.errstate(divide="ignore"):
            volume = np.log(np.abs(_determinant(rows)))
        return np.stack(system.equations(n, x)), _product(rows, frame), volume

    step = flow if system.kind == "flow" else map_

    def advance(state, frame):
        nonlocal taken
        x = np.ascontiguousarray(state.T)
        frame = np.ascontiguousarray(frame.transpose(1, 2, 0))
        volume = 0.0
        for _ in range(segment):
            x, frame, grown = step(taken * dt, x, frame)
            volume = volume + grown
            taken += 1
        return x.T, frame.transpose(2, 0, 1), volume

    return advance


def _product(rows, frame):
    """Jacobian times frame ``(dim, count, members)``, leaving out entries that are the number 0."""
    product = np.empty_like(frame)
    for i, row in enumerate(rows):
        terms = [entry * frame[j] for j, entry in enumerate(row) if np.ndim(entry) or entry != 0]
        product[i] = sum(terms[1:], start=terms[0]) if terms else 0
    return product


def _trace(rows):
    return sum(row[i] for i, row in enumerate(rows))


def _determinant(rows):
    if len(rows) == 1:
        return rows[0][0]
    (a, b), (c, d) = rows
    return a * d - b * c


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


def rosenstein_exponent(points, dt: float, *, horizon: float | None = None) -> float:
    """Largest exponent estimated from one trajectory alone, after Rosenstein and others.

    Every point is followed beside its nearest neighbour in space, neighbours in time left out.
    The mean logarithm of their distance grows at the rate of the largest exponent until the
    distance is as large as the attractor. Good to tell chaos from order; where equations or
    a closed loop are at hand, :func:`spectrum` or :func:`benettin_spectrum` is far more exact.

    Parameters
    ----------
    points : array_like, shape (steps, dim)
        On the attractor, in the whole space.
    dt : float
    horizon : float, optional
        Time over which the distance is followed; by default until the mean logarithm has gone
        four fifths of the way to its largest value, and at most a tenth of the series.

    Returns
    -------
    float
        Per unit of time; 0 if distances do not grow by a factor e.

    References
    ----------
    Rosenstein, Collins and De Luca (1993), Physica D 65, 117-134,
    doi:10.1016/0167-2789(93)90009-P.
    """
    from scipy.spatial import cKDTree

    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or len(points) < 200 or not np.all(np.isfinite(points)):
        raise ValueError(
            f"points: got shape {points.shape}, expected (steps, dim), 200 steps or more, finite"
        )
    if not dt > 0:
        raise ValueError(f"dt: got {dt}, expected a positive time")
    follow = len(points) // 10 if horizon is None else round(horizon / dt)
    if not 2 <= follow < len(points) // 2:
        raise ValueError(f"horizon: got {horizon}, expected from 2 steps to half the series")
    size = np.linalg.norm(np.ptp(points, axis=0))
    last = len(points) - follow
    apart = _correlation_time(points)
    tree = cKDTree(points[:last])
    chosen = np.linspace(0, last - 1, min(last, 1000)).astype(int)
    pairs = []
    for i in chosen:
        _, near = tree.query(points[i], k=min(last, 4 * apart + 2))
        near = near[np.abs(near - i) > apart]
        if len(near):
            pairs.append((i, near[0]))
    if len(pairs) < 20:
        raise ValueError("points: got too short a series, in which no orbit comes back to itself")
    i, j = np.array(pairs).T
    ahead = np.arange(follow + 1)[:, None]
    distance = np.linalg.norm(points[i + ahead] - points[j + ahead], axis=-1)
    curve = np.mean(np.log(np.maximum(distance, 1e-12 * max(size, 1e-300))), axis=1)
    if horizon is None:
        rise = curve.max() - curve[0]
        end = int(np.argmax(curve >= curve[0] + 0.8 * rise)) + 1
        if rise < 1:  # neighbours stay together, on a cycle or torus
            return 0.0
        curve = curve[: max(end, 3)]
    slope = np.polyfit(dt * np.arange(len(curve)), curve, 1)[0]
    return max(float(slope), 0.0)


def _correlation_time(points):
    """Steps until the autocorrelation of the coordinate that varies most falls below zero."""
    series = points[:, np.argmax(points.std(axis=0))]
    series = series - series.mean()
    power = np.abs(np.fft.rfft(series, 2 * len(series))) ** 2
    correlation = np.fft.irfft(power)[: len(series)]
    below = np.flatnonzero(correlation < 0)
    return int(below[0]) if len(below) else len(series) // 10
