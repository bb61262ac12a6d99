r"""How far a forecast, or an attractor, is from the truth.

Along one orbit: the normalised error at each time, and for how long it stays small
(:func:`nrmse`, :func:`valid_prediction_time`). Chaos ends every such forecast, so a long run is
compared as a whole: where it spends its time (:func:`state_space_divergence`,
:func:`sliced_wasserstein`), in which rhythms (:func:`spectral_distance`), and
how one maximum follows from the last (:func:`return_map`, :func:`return_map_distance`). None of
these is 0 for two stretches of one attractor: :func:`sampling_floor` says what the best possible
model would get.
"""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks

#: A forecast is valid while its normalised error is no larger.
EPSILON = 0.4
#: A histogram with more cells than this is refused.
CELLS = 10_000_000


def nrmse(outputs: npt.ArrayLike, truth: npt.ArrayLike, scale: npt.ArrayLike) -> np.ndarray:
    r"""Normalised root mean square error at each time, not averaged over time.

    .. math::
        \varepsilon_t = \sqrt{\frac{1}{D} \sum_{d=1}^{D}
        \Big(\frac{\hat x_d(t) - x_d(t)}{\sigma_d}\Big)^2}

    Args:
        outputs (..., steps, dim): The forecast. Where it is infinite or NaN, so is the error.
        truth (..., steps, dim): Leading axes may be missing: many forecasts of one truth.
        scale (number or dim,): :math:`\sigma`, the standard deviation of each coordinate of the
            *training* data.

    Returns:
        numpy.ndarray, shape (..., steps)

    Raises:
        ValueError: If shapes do not fit, the truth is not finite, or the scale not positive.

    References:
        Vlachas and others (2020), Neural Networks 126, 191-217, doi:10.1016/j.neunet.2020.02.016.

    Examples:
        >>> nrmse([[3.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], scale=[3.0, 4.0]).round(3)
        array([0.707, 1.   ])
    """
    outputs = checks.reals("outputs", outputs, ("...", "steps", "dim"), finite=False)
    truth = checks.reals("truth", truth, outputs.shape[-max(np.ndim(truth), 2) :])
    scale = checks.reals("scale", scale, outputs.shape[-1:] * np.ndim(scale))
    if not np.all(scale > 0):
        raise ValueError(f"scale: got {scale}, expected positive numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(np.mean(((outputs - truth) / scale) ** 2, axis=-1))


def _extent(points):
    """Range of each coordinate; 0 if it is only rounding."""
    width = np.ptp(points, axis=0)
    return np.where(width > 1e-12 * np.max(np.abs(points), axis=0), width, 0.0)


def _varies(truth):
    if not np.all(_extent(truth) > 0):
        raise ValueError("truth: got a coordinate that is constant, expected all to vary")


def valid_prediction_time(
    outputs: npt.ArrayLike,
    truth: npt.ArrayLike,
    scale: npt.ArrayLike,
    dt: float,
    *,
    exponent: float | None = None,
    epsilon: float = EPSILON,
) -> np.ndarray:
    r"""For how long a forecast is good: until its error exceeds ``epsilon`` for the first time.

    The first output counts as being at time 0. An output that is infinite or NaN is an error
    too large. A forecast that stays good until its run ends gets the length of the run,
    ``steps * dt``, which nothing else does: it is a lower bound.

    Args:
        outputs, truth, scale: As for :func:`nrmse`. Mind that the truth is computed too: beyond the
            time after which its own integrator is wrong, no horizon means anything.
        dt: Time between steps.
        exponent: Largest Lyapunov exponent of the true system. If it is given, times are in
            Lyapunov times, ``1 / exponent``.

    Returns:
        numpy.ndarray, shape (...,): A time for each initial condition.

    Raises:
        ValueError: If an argument does not fit.

    References:
        Vlachas and others (2020), Neural Networks 126, 191-217, doi:10.1016/j.neunet.2020.02.016.

    Examples:
        An error that grows e-fold in a unit of time, from 0.01, is 0.4 after ln 40 = 3.69 of them.

        >>> t = 0.01 * np.arange(1000)
        >>> error = 0.01 * np.exp(t)[:, None]
        >>> float(valid_prediction_time(error, np.zeros((1000, 1)), scale=1.0, dt=0.01))
        3.69
    """
    errors = nrmse(outputs, truth, scale)
    dt, epsilon = checks.real("dt", dt, above=0), checks.real("epsilon", epsilon, above=0)
    unit = dt if exponent is None else dt * checks.real("exponent", exponent, above=0)
    wrong = ~(errors <= epsilon)  # so that NaN is wrong
    steps = np.where(wrong.any(axis=-1), wrong.argmax(axis=-1), errors.shape[-1])
    return steps * unit


def state_space_divergence(
    generated: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    bins: int = 30,
    alpha: float = 1e-5,
    margin: float = 0.1,
) -> float:
    r"""Kullback–Leibler divergence of two histograms, :math:`D_\text{stsp}`.

    The box that holds the true points and a margin is cut into ``bins ** dim`` cells. With the
    shares :math:`p_k` of the true and :math:`q_k` of the generated points in cell :math:`k`,
    smoothed by :math:`\alpha` so that none is 0, :math:`p_k = (n_k + \alpha) / (N + \alpha m^D)`,

    .. math:: D_\text{stsp} = \sum_k p_k \log \frac{p_k}{q_k} .

    Generated points outside the box, and those that are infinite or NaN, lie in no cell but
    count in :math:`N`: a run that leaves is further from the truth for it. (The usual programs
    drop them, which makes no difference to a run that stays inside.)

    Args:
        generated, truth (points, dim): Not necessarily as many. It depends much on how many they
            are: compare with the :func:`sampling_floor` for as many points.
        bins: For each coordinate.
        alpha: Points added to each cell.
        margin: Of the box on each side, in standard deviations of the true coordinate.

    Returns:
        float: In nats; not symmetric.

    Raises:
        ValueError: If an argument does not fit, a true coordinate is constant, or there are more
            than ten million cells. Histograms are for few dimensions.

    References:
        Koppe, Toutounji, Kirsch, Lis and Durstewitz (2019), PLOS Computational Biology 15,
        e1007263, doi:10.1371/journal.pcbi.1007263. Binning and smoothing as in Hess, Monfared,
        Brenner and Durstewitz (2023), arXiv:2306.04406.

    Examples:
        >>> x = np.random.default_rng(0).normal(size=(5000, 1))
        >>> state_space_divergence(x, x)
        0.0
        >>> state_space_divergence(x + 0.5, x) < state_space_divergence(x + 1, x)
        True
    """
    truth = checks.reals("truth", truth, ("points", "dim"), least=2)
    dim = truth.shape[1]
    generated = checks.reals("generated", generated, ("points", dim), finite=False)
    cells = checks.count("bins", bins, least=2) ** dim
    if cells > CELLS:
        raise ValueError(f"bins: got {bins} for {dim} coordinates, expected {CELLS} cells at most")
    alpha, margin = checks.real("alpha", alpha, above=0), checks.real("margin", margin, least=0)
    _varies(truth)
    wide = margin * truth.std(axis=0)
    low, high = truth.min(axis=0) - wide, truth.max(axis=0) + wide

    def shares(points):
        counts = np.histogramdd(points, bins, list(zip(low, high, strict=True)))[0]
        return (counts + alpha) / (len(points) + alpha * cells)

    p, q = shares(truth), shares(generated)
    return float(np.sum(p * np.log(p / q)))


def sliced_wasserstein(
    first: npt.ArrayLike, second: npt.ArrayLike, *, directions: int = 200, quantiles: int = 1000
) -> float:
    """How far the mass of one cloud of points has to be moved to make the other.

    The mean, over random directions, of the first Wasserstein distance of the projections.

    Args:
        first, second (points, dim): Not necessarily as many.
        directions: Drawn once and for all.
        quantiles: At which the projections are compared.

    Returns:
        float: In the units of the points. Two samples of one attractor are not at distance 0:
        compare with that floor.

    Examples:
        In one dimension it is the Wasserstein distance itself: a shift by 2 costs 2.

        >>> x = np.random.default_rng(0).normal(size=(1000, 1))
        >>> round(sliced_wasserstein(x, x + 2), 6)
        2.0
    """
    first = checks.reals("first", first, ("points", "dim"))
    second = checks.reals("second", second, ("points", first.shape[1]))
    a, b = (sliced_quantiles(x, directions, quantiles) for x in (first, second))
    return float(np.mean(np.abs(a - b)))


def sliced_quantiles(points: npt.ArrayLike, directions: int, quantiles: int = 1000) -> np.ndarray:
    """Quantiles of a cloud's projections; two clouds' differ by their sliced distance.

    For one cloud among many: the mean of ``abs(a - b)`` is :func:`sliced_wasserstein`.

    Args:
        points (points, dim):
        directions, quantiles: As there.

    Returns:
        numpy.ndarray, shape (directions, quantiles)
    """
    points = checks.reals("points", points, ("points", "dim"))
    size = checks.count("directions", directions), points.shape[1]
    count = checks.count("quantiles", quantiles)
    axes = np.random.default_rng(0).normal(size=size)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    values = np.sort(axes @ points.T, axis=1)
    # NumPy's own take many times longer for many levels
    places = (np.arange(count) + 0.5) / count * (len(points) - 1)
    below = places.astype(int)
    above, share = np.minimum(below + 1, len(points) - 1), places - below
    return (1 - share) * values[:, below] + share * values[:, above]


def spectral_distance(
    generated: npt.ArrayLike, truth: npt.ArrayLike, *, sigma: float = 20.0
) -> float:
    r"""Hellinger distance of two power spectra, :math:`D_H`, the mean over coordinates.

    .. math:: D_H = \sqrt{1 - \sum_\omega \sqrt{P_\omega Q_\omega}}

    with the spectra :math:`P` and :math:`Q` of the two series, smoothed and normalised to 1.
    It is 0 for equal spectra and 1 for spectra without a common frequency. It is blind to
    location, amplitude and phase.

    Args:
        generated, truth (steps, dim): As long as one another, with one time step. A generated
            coordinate that stands still, or is not finite, is at distance 1.
        sigma: Standard deviation of the Gaussian the spectra are smoothed with, in steps of the
            discrete frequencies; 0 for none. The spectrum of one chaotic orbit is ragged, and the
            distance of two depends much on it: compare with the :func:`sampling_floor`.

    Raises:
        ValueError: If an argument does not fit, or a true coordinate is constant.

    References:
        Mikhaeil, Monfared and Durstewitz (2022), arXiv:2110.07238; Hess, Monfared, Brenner and
        Durstewitz (2023), arXiv:2306.04406.

    Examples:
        >>> t = 0.1 * np.arange(3000)[:, None]
        >>> bool(spectral_distance(5 * np.sin(t + 1), np.sin(t)) < 0.01)
        True
        >>> bool(spectral_distance(np.sin(4 * t), np.sin(t)) > 0.99)
        True
    """
    from scipy.ndimage import gaussian_filter1d

    truth = checks.reals("truth", truth, ("steps", "dim"), least=4)
    generated = checks.reals("generated", generated, truth.shape, finite=False)
    sigma = checks.real("sigma", sigma, least=0)
    _varies(truth)

    def spectra(series):
        power = np.abs(np.fft.rfft(series - series.mean(axis=0), axis=0)) ** 2
        if sigma > 0:
            power = gaussian_filter1d(power, sigma, axis=0)
        return power / power.sum(axis=0)

    distances = np.ones(truth.shape[1])
    moves = np.all(np.isfinite(generated), axis=0)
    moves[moves] = _extent(generated[:, moves]) > 0
    common = np.sqrt(spectra(generated[:, moves]) * spectra(truth[:, moves])).sum(axis=0)
    distances[moves] = np.sqrt(np.maximum(1 - common, 0))
    return float(distances.mean())


def peaks(values: npt.ArrayLike, dt: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima of a series, between samples: the top of a parabola through three of them.

    Successive maxima of Lorenz' z, one against the next, are almost on one curve.

    Args:
        values (steps,):
        dt: Time between samples.

    Returns:
        times, heights, numpy.ndarray, shape (maxima,): times, heights

    Examples:
        >>> times, heights = peaks(np.cos(0.1 * np.arange(100) - 1), dt=0.1)
        >>> times.round(3), heights.round(3)
        (array([1.   , 7.283]), array([1., 1.]))
    """
    from scipy.signal import argrelmax

    values, dt = checks.reals("values", values, ("steps",), least=3), checks.real("dt", dt, above=0)
    top = argrelmax(values)[0]
    before, at, after = values[top - 1], values[top], values[top + 1]
    offset = (before - after) / (2 * (before - 2 * at + after))
    return dt * (top + offset), at - (before - after) * offset / 4


def return_map(values: npt.ArrayLike) -> np.ndarray:
    """Pairs of successive maxima of a series.

    Of Lorenz' z they are almost on one curve: chaos in three dimensions, seen as a map of one
    number.

    Args:
        values (steps,):

    Returns:
        numpy.ndarray, shape (maxima - 1, 2): A maximum, between samples as in :func:`peaks`, and
        the next one. Maps of several series may be concatenated.

    References:
        Lorenz (1963), doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2.

    Examples:
        >>> return_map([0, 3, 0, 5, 0, 4, 0])
        array([[3., 5.],
               [5., 4.]])
    """
    _, heights = peaks(values)
    return np.stack([heights[:-1], heights[1:]], axis=1)


def return_map_distance(generated: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """How far the points of one return map are from the curve of another.

    The curve runs straight from each true point to the next along the first axis. What is
    returned is the median over the generated points of their vertical distance to it, divided by
    the standard deviation of the true maxima. Beyond the ends of the curve, how far beyond is
    added. A cusp is steep, so points beside it may be far from it vertically; the median
    does not mind a few. It does not see either which parts of the curve are visited.

    Args:
        generated, truth (pairs, 2): From :func:`return_map`.

    Returns:
        float: Infinite if nothing was generated: a series without two maxima.

    Raises:
        ValueError: If an argument does not fit, or all true maxima are the same.

    Examples:
        >>> x = np.linspace(0, 1, 201)
        >>> tent = np.stack([x, 1 - np.abs(2 * x - 1)], axis=1)
        >>> lifted = tent + [0, 0.1]
        >>> bool(np.isclose(return_map_distance(lifted, tent), 0.1 / tent[:, 1].std()))
        True
    """
    truth = checks.reals("truth", truth, ("pairs", 2), least=2)
    _varies(truth)
    if np.size(generated) == 0:
        return np.inf
    generated = checks.reals("generated", generated, ("pairs", 2))
    x, y = truth[np.argsort(truth[:, 0])].T
    now, following = generated.T
    within = np.clip(now, x[0], x[-1])
    distances = np.abs(following - np.interp(within, x, y)) + np.abs(now - within)
    return float(np.median(distances) / y.std())


class Floor(NamedTuple):
    """What a metric says of independent stretches of one attractor.

    Attributes:
        mean, least, largest: Over all ordered pairs of stretches.
    """

    mean: float
    least: float
    largest: float


def sampling_floor(metric: Callable, trajectories: Sequence[npt.ArrayLike]) -> Floor:
    """The distance of an attractor from itself, seen in stretches of finite length.

    No model can be expected to do better, and one within the floor's range cannot be told from
    the truth by this metric and so much data.

    Args:
        metric: ``metric(generated, truth)``, a number.
        trajectories: Two or more independent ones of the true system, as long as those that will be
            compared.

    Raises:
        ValueError: If there are less than two trajectories.

    Examples:
        >>> clouds = np.random.default_rng(0).normal(size=(4, 500, 2))
        >>> floor = sampling_floor(sliced_wasserstein, clouds)
        >>> floor.least < floor.mean < floor.largest < 0.2
        True
    """
    if len(trajectories) < 2:
        raise ValueError(f"trajectories: got {len(trajectories)}, expected two or more")
    found = [float(metric(a, b)) for a, b in permutations(trajectories, 2)]
    return Floor(float(np.mean(found)), min(found), max(found))
