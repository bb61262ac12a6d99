"""Distances where the answer is known, and the floors of the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf
from scipy.stats import wasserstein_distance

from mflib.dynamics.distances import (
    nrmse,
    peaks,
    return_map,
    return_map_distance,
    sampling_floor,
    sliced_wasserstein,
    spectral_distance,
    state_space_divergence,
    valid_prediction_time,
)
from mflib.dynamics.systems import system
from mflib.dynamics.trajectories import ensemble, trajectory

TURN = np.linspace(0, 2 * np.pi, 400)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], axis=-1)
NORMAL = np.random.default_rng(0).normal(size=(2000, 2))
TIME = 0.1 * np.arange(4000)[:, None]
LINE = np.arange(10.0)[:, None]


@pytest.fixture(scope="module")
def lorenz():
    """Six independent orbits on Lorenz' attractor, 50,000 points each, 0.01 apart."""
    start = np.random.default_rng(0).normal([0, 0, 25], 5, (6, 3))
    return ensemble(system("lorenz"), start, 53_000, 0.01, keep=50_000).points


def test_error_of_a_constant_offset():
    truth = np.random.default_rng(1).normal(size=(4, 50, 3))
    errors = nrmse(truth + np.array([1, 2, 2]), truth, scale=[1, 1, 2])
    assert errors.shape == (4, 50)
    np.testing.assert_allclose(errors, np.sqrt((1 + 4 + 1) / 3))
    np.testing.assert_allclose(nrmse(truth + 3, truth, scale=2.0), 1.5)


def test_many_forecasts_of_one_truth():
    truth = np.ones((50, 3))
    errors = nrmse(np.stack([truth, truth + 1]), truth, scale=1.0)
    np.testing.assert_array_equal(errors, [np.zeros(50), np.ones(50)])


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 3), st.floats(1e-6, 0.1), st.floats(0.2, 0.6))
def test_horizon_of_an_error_that_grows_exponentially(exponent, first, epsilon):
    dt = 0.02 / exponent
    error = first * np.exp(exponent * dt * np.arange(1000))[:, None] * [1.0, -1.0]
    crossing = np.log(epsilon / first)
    options = {"scale": 1.0, "dt": dt, "epsilon": epsilon}
    found = valid_prediction_time(error, 0 * error, exponent=exponent, **options)
    assert crossing - 1e-9 <= found <= crossing + 0.02 + 1e-9
    seconds = valid_prediction_time(error, 0 * error, **options)
    assert seconds * exponent == pytest.approx(found)


def test_horizon_of_runs_that_diverge_or_never_err():
    truth = np.zeros((5, 100, 2))
    outputs = np.zeros((5, 100, 2))
    outputs[0, 30:] = np.nan
    outputs[1, 40, 1] = -np.inf
    outputs[2, 50] = 1e300
    outputs[3, 0] = 0.41
    outputs[4, 99] = 0.39
    found = valid_prediction_time(outputs, truth, scale=1.0, dt=0.5)
    np.testing.assert_array_equal(found, [15, 20, 25, 0, 50])  # the last: the run's length
    assert valid_prediction_time(outputs[3], truth[3], scale=1.0, dt=0.5).shape == ()


def test_a_perturbation_of_lorenz_lasts_as_long_as_its_exponent_says():
    """Reference: a normalised error of 1e-3 at once is worth 5.15 Lyapunov times on average."""
    s, rng = system("lorenz"), np.random.default_rng(0)
    start = trajectory(s, 100, 1.0, transient=50)
    scale, steps = start.std(axis=0), 1500
    nudge = rng.normal(size=start.shape)
    nudge *= 1e-3 * np.sqrt(3) / np.linalg.norm(nudge, axis=1, keepdims=True)
    both = np.concatenate([start, start + scale * nudge])
    run = ensemble(s, both, steps - 1, 0.01, keep=steps).points
    found = valid_prediction_time(run[100:], run[:100], scale, 0.01, exponent=0.9056)
    assert found.mean() == pytest.approx(5.15, abs=0.8)
    assert np.all(found < steps * 0.01 * 0.9056)


def test_divergence_of_two_gaussians():
    r"""KL(N(0, 1) | N(m, s)) = log s + (1 + m^2) / (2 s^2) - 1/2, but for bins and chance."""
    rng = np.random.default_rng(0)
    truth, other = rng.normal(size=(400_000, 1)), rng.normal(0.5, 1.5, (400_000, 1))
    exact = np.log(1.5) + 1.25 / (2 * 1.5**2) - 0.5
    assert state_space_divergence(other, truth, bins=100) == pytest.approx(exact, rel=0.02)


def test_divergence_by_hand():
    """Four cells on a line, no margin: shares 1/2, 0, 0, 1/2 and 1/4, 1/4, 0, 1/4 and one out."""
    truth, other = [[0.0], [4.0]], [[0.5], [1.5], [3.5], [9.0]]
    found = state_space_divergence(other, truth, bins=4, alpha=1e-3, margin=0)
    p = np.array([1.001, 0.001, 0.001, 1.001]) / 2.004
    q = np.array([1.001, 1.001, 0.001, 1.001]) / 4.004
    assert found == pytest.approx(np.sum(p * np.log(p / q)), rel=1e-12)


def test_points_outside_the_box_count():
    inside = state_space_divergence(NORMAL[:1000], NORMAL)
    leaving = NORMAL.copy()
    leaving[1000:] = 1e200
    half = state_space_divergence(leaving, NORMAL)
    assert half == pytest.approx(inside + np.log(2), abs=1e-3)
    leaving[1000:] = np.nan
    assert state_space_divergence(leaving, NORMAL) == half
    assert state_space_divergence(leaving[1000:], NORMAL) > 10


@pytest.mark.parametrize(
    ("length", "bins", "reference"), [(10_000, 30, 0.756), (50_000, 30, 0.104), (50_000, 10, 0.027)]
)
def test_floor_of_the_divergence(lorenz, length, bins, reference):
    """The reference is a single pair; pairs differ by a factor of three and more."""
    floor = sampling_floor(lambda a, b: state_space_divergence(a, b, bins=bins), lorenz[:, :length])
    assert floor.least < reference < floor.largest
    assert 0.5 < floor.mean / reference < 2


def test_divergence_sees_what_is_missing(lorenz):
    floor = sampling_floor(state_space_divergence, lorenz)
    one_wing = lorenz[0][lorenz[0][:, 0] > 0]
    assert state_space_divergence(one_wing, lorenz[1]) > 10 * floor.largest
    assert state_space_divergence(1.1 * lorenz[0], lorenz[1]) > 3 * floor.largest


def test_wasserstein_in_one_dimension_is_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(700, 1)), rng.exponential(size=(900, 1))
    ours = sliced_wasserstein(a, b, quantiles=5000)
    assert ours == pytest.approx(wasserstein_distance(a[:, 0], b[:, 0]), rel=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_wasserstein_is_a_distance(seed, factor):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.normal(rng.normal(size=3), 1, (200, 3)) for _ in range(3))
    ab = sliced_wasserstein(a, b, quantiles=200)
    assert sliced_wasserstein(a, a[::-1], quantiles=200) == pytest.approx(0, abs=1e-12)
    assert sliced_wasserstein(b, a, quantiles=200) == pytest.approx(ab)
    assert sliced_wasserstein(factor * a, factor * b, quantiles=200) == pytest.approx(factor * ab)
    by_way_of_c = sliced_wasserstein(a, c, quantiles=200) + sliced_wasserstein(c, b, quantiles=200)
    assert ab <= by_way_of_c + 1e-12


def test_a_shift_in_time_changes_no_spectrum():
    """Sines of whole periods in the window, so that nothing leaks."""
    t = 2 * np.pi * np.arange(4000)[:, None] / 4000
    truth = np.hstack([np.sin(40 * t), np.cos(90 * t) + 2])
    other = np.hstack([7 * np.sin(40 * t + 1), -3 * np.cos(90 * t + 2)])
    assert spectral_distance(other, truth, sigma=0) < 1e-6
    assert spectral_distance(other, truth) < 1e-6


def test_spectral_distance_of_two_lines():
    """Lines d apart become two Gaussians, cut off at 4 sigma, and overlap like those."""
    t = 2 * np.pi * np.arange(8000)[:, None] / 8000
    for distance in (10, 40, 80):
        found = spectral_distance(np.sin((1000 + distance) * t), np.sin(1000 * t), sigma=20)
        cut = erf((80.5 - distance / 2) / (20 * 2**0.5)) / erf(80.5 / (20 * 2**0.5))
        overlap = cut * np.exp(-(distance**2) / (8 * 20**2))
        assert found == pytest.approx(np.sqrt(1 - overlap), abs=1e-4)
    assert spectral_distance(np.sin(1100 * t), np.sin(1000 * t), sigma=0) == pytest.approx(1)


def test_spectral_distance_by_coordinates():
    truth = np.hstack([np.sin(TIME), np.cos(3 * TIME)])
    still = truth * [1, 0] + [0, 1 / 3]
    assert spectral_distance(still, truth) == pytest.approx(0.5, abs=1e-6)
    broken = truth.copy()
    broken[-1, 0] = np.inf
    assert spectral_distance(broken, truth) == pytest.approx(0.5, abs=1e-6)
    assert spectral_distance(truth * np.nan, truth) == 1


@pytest.mark.parametrize(("sigma", "low", "high"), [(20, 0.04, 0.06), (2, 0.16, 0.18)])
def test_floor_of_the_spectral_distance(lorenz, sigma, low, high):
    floor = sampling_floor(lambda a, b: spectral_distance(a, b, sigma=sigma), lorenz)
    assert low - 0.01 < floor.mean < high + 0.01


def test_spectral_distance_hears_a_tempo(lorenz):
    floor = sampling_floor(spectral_distance, lorenz[:, :25_000])
    assert spectral_distance(lorenz[0, ::2], lorenz[1, :25_000]) > 3 * floor.largest


def test_peaks_lie_between_samples():
    t = 0.1 * np.arange(300)
    times, heights = peaks(3 * np.cos(t - 1.234), dt=0.1)
    np.testing.assert_allclose(times, 1.234 + 2 * np.pi * np.arange(5), atol=1e-3)
    np.testing.assert_allclose(heights, 3, atol=1e-4)


def tent(x):
    return np.where(x < 0.5, 1.999 * x, 1.999 * (1 - x))


@pytest.fixture(scope="module")
def tents():
    """A series with low ground between maxima, which follow a tent map."""
    heights = [0.3141]
    for _ in range(1500):
        heights.append(float(tent(heights[-1])))
    return np.stack([np.array(heights), -np.ones(1501)], axis=1).ravel()


def test_return_map_of_a_tent(tents):
    """Where the ground is level the top of the parabola is the sample itself."""
    pairs = return_map(tents)
    assert pairs.shape == (1499, 2)
    np.testing.assert_allclose(pairs[:, 1], tent(pairs[:, 0]), atol=1e-12)
    assert return_map_distance(pairs[:700], pairs[700:]) < 0.005


def test_distance_of_return_maps(tents):
    truth = return_map(tents)
    spread = truth[np.argsort(truth[:, 0]), 1].std()
    for lift in (0.05, -0.2):
        found = return_map_distance(truth + np.array([0, lift]), truth)
        assert found == pytest.approx(abs(lift) / spread, rel=1e-9)
    shifted = return_map_distance(truth + np.array([0.05, 0]), truth)  # slope 2 almost everywhere
    assert shifted == pytest.approx(2 * 0.05 / spread, rel=0.05)
    outlier = truth.copy()
    outlier[:200, 1] += 100
    assert return_map_distance(outlier, truth) < 0.005
    beyond = np.array([[truth[:, 0].max() + 3, truth[np.argmax(truth[:, 0]), 1]]])
    assert return_map_distance(beyond, truth) == pytest.approx(3 / spread)
    assert return_map_distance(return_map(np.zeros(9)), truth) == np.inf


def test_return_map_of_lorenz(lorenz):
    maps = [return_map(orbit[:, 2]) for orbit in lorenz]
    pairs = np.concatenate(maps)
    assert pairs[np.argmax(pairs[:, 1]), 0] == pytest.approx(38.554, abs=0.05)
    assert 29.9 < pairs.min() < 30.6
    assert 46.9 < pairs.max() < 47.4
    times, _ = peaks(lorenz[0, :, 2], 0.01)
    assert np.diff(times).mean() == pytest.approx(0.7505, abs=0.005)
    floor = sampling_floor(return_map_distance, maps)
    assert floor.largest < 0.002
    other = ensemble(system("lorenz", rho=29.0), lorenz[:1, -1], 12_000, 0.01, keep=10_000)
    assert return_map_distance(return_map(other.points[0, :, 2]), maps[0]) > 50 * floor.largest


def test_a_floor_asks_every_ordered_pair():
    floor = sampling_floor(lambda a, b: 10 * a + b, [1, 2, 4])
    assert floor == (np.mean([12, 14, 21, 24, 41, 42]), 12, 42)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nrmse(LINE[:, 0], LINE, 1.0),
            r"outputs: got shape \(10,\) of float64, expected real",
        ),
        (lambda: nrmse(LINE, LINE[:9], 1.0), r"truth: got shape \(9, 1\) .* \(10, 1\)"),
        (lambda: nrmse(LINE, LINE * np.nan, 1.0), "truth: got values that are not finite"),
        (lambda: nrmse(LINE, LINE, 0.0), "scale: got 0.0, expected positive numbers"),
        (lambda: nrmse(LINE, LINE, [1.0, 1.0]), "scale: got"),
        (lambda: valid_prediction_time(LINE, LINE, 1.0, 0), "dt: got 0, expected more than 0"),
        (lambda: valid_prediction_time(LINE, LINE, 1.0, 1, epsilon=-1), "epsilon: got -1"),
        (lambda: valid_prediction_time(LINE, LINE, 1.0, 1, exponent=0), "exponent: got 0"),
        (lambda: state_space_divergence(NORMAL, LINE), r"generated: got shape \(2000, 2\)"),
        (lambda: state_space_divergence(LINE, 0 * LINE), "truth: got a coordinate that is const"),
        (lambda: state_space_divergence(LINE, LINE, bins=1), "bins: got 1"),
        (lambda: state_space_divergence(LINE, LINE, alpha=0), "alpha: got 0, expected more than 0"),
        (
            lambda: state_space_divergence(LINE, LINE, margin=-1),
            "margin: got -1, expected at least 0",
        ),
        (
            lambda: state_space_divergence(np.ones((9, 6)), np.ones((9, 6))),
            "bins: got 30 for 6 coordinates",
        ),
        (lambda: spectral_distance(LINE[:9], LINE), r"generated: got shape \(9, 1\)"),
        (lambda: spectral_distance(LINE, LINE, sigma=-1), "sigma: got -1"),
        (lambda: spectral_distance(LINE, LINE + np.inf), "truth: got values that are not finite"),
        (lambda: spectral_distance(LINE, LINE * 0 + 0.1), "truth: got a coordinate that is const"),
        (lambda: return_map_distance(LINE, CIRCLE), r"generated: got shape \(10, 1\)"),
        (lambda: return_map_distance(CIRCLE, CIRCLE[:1]), r"truth: got shape \(1, 2\)"),
        (
            lambda: sampling_floor(sliced_wasserstein, [CIRCLE]),
            "trajectories: got 1, expected two or more",
        ),
        (lambda: peaks(CIRCLE), r"values: got shape \(400, 2\)"),
        (lambda: sliced_wasserstein(CIRCLE, np.ones((5, 3))), r"second: got shape \(5, 3\)"),
        (lambda: sliced_wasserstein(CIRCLE, CIRCLE, directions=0), "directions: got 0"),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()
