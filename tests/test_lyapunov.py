"""Exponents against exact values, identities and reference values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.dynamics.lyapunov import (
    Spectrum,
    benettin_spectrum,
    kaplan_yorke,
    random_frame,
    rosenstein_exponent,
    spectrum,
)
from mflib.dynamics.systems import System, names, reference_values, system
from mflib.dynamics.trajectories import trajectory

STEPS = 100_000
# The usual Thomas needs a hundred times longer, the cellular network ten times; others of these
# are for the book's table.
LEFT_OUT = [("thomas", {}), ("lorenz", {"beta": 2.667}), ("halvorsen", {"a": 1.3})]
LEFT_OUT += [("rossler", {"a": 0.1, "b": 0.1, "c": 14.0}), ("logistic", {"r": 3.7})]
LEFT_OUT += [("cellular", {})]
FLOWS = names("flow")
# Those that only make up the numbers where many attractors are asked of one network.
MANY = FLOWS[FLOWS.index("lorenz84") + 1 : FLOWS.index("van_der_pol")]
CASES = [
    pytest.param(
        name,
        reference,
        id=f"{name} {reference['parameters']} {reference['initial']}",
        marks=[pytest.mark.slow] if name in MANY else [],
    )
    for name in names()
    for reference in reference_values(name)
    if "exponents" in reference and (name, reference["parameters"]) not in LEFT_OUT
]


@pytest.mark.parametrize(("name", "reference"), CASES)
def test_reference_values_within_error_bars_and_the_identity(name, reference):
    s = system(name, **reference["parameters"])
    steps = STEPS * (2 if name in ("chua", "thomas") else 1)  # they mix slowly
    wait = min(s.transient, max(150, 5000 * s.dt))
    found = spectrum(s, steps=steps // 32, initial=reference["initial"], members=32, transient=wait)
    assert found.identity_error < 1e-3
    half = np.diff(found.intervals)[:, 0] / 2
    # twice the 95 % interval, because there are a hundred; and the last digit of the reference
    error = np.abs(found.exponents - reference["exponents"])
    assert np.all(error <= 2 * half + 1e-3 + 0.003 * np.abs(reference["exponents"])), found


@pytest.mark.parametrize("name", ["chen", "aizawa"])
def test_identity_of_systems_without_reference(name):
    found = spectrum(system(name), steps=STEPS // 64, members=64)
    assert found.identity_error < 1e-3
    assert found.exponents[0] > 0.05
    if name == "chen":
        assert found.volume_growth_rate == pytest.approx(-10, abs=1e-9)


def test_lorenz_to_one_per_cent():
    found = spectrum(system("lorenz"))
    assert found.exponents[0] == pytest.approx(0.9056, rel=0.01)
    assert found.exponents[2] == pytest.approx(-14.572, rel=0.001)
    assert abs(found.exponents[1]) < 0.005
    assert found.volume_growth_rate == pytest.approx(-41 / 3, abs=1e-9)
    assert found.identity_error < 1e-4
    assert found.dimension == pytest.approx(2.062, abs=0.001)
    assert found.intervals[0, 0] < 0.9056 < found.intervals[0, 1]
    assert found.time == pytest.approx(10_000, rel=0.02)


def test_exact_exponents():
    logistic = spectrum(system("logistic"), steps=STEPS // 100)
    assert logistic.exponents[0] == pytest.approx(np.log(2), abs=1e-3)
    henon = spectrum(system("henon"), steps=STEPS // 100)
    assert henon.exponents.sum() == pytest.approx(np.log(0.3), rel=1e-10)
    assert henon.dimension == pytest.approx(1.258, abs=0.005)
    cycles = spectrum(system("hopf", mu=0.5), steps=2_500, members=8)
    np.testing.assert_allclose(cycles.exponents, [0, -1], atol=1e-3)
    assert cycles.dimension == pytest.approx(1, abs=1e-3)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Stretching that is random and remembers itself over some ten segments, of mean 0.3."""

    def found(seed):
        rng = np.random.default_rng(seed)

        def advance(state, frame):
            state = 0.8 * state + 0.6 * rng.normal(size=state.shape)
            return state, frame * np.exp(0.3 + state)[:, :, None], None

        low, high = benettin_spectrum(advance, rng.normal(size=(8, 1)), segments=400).intervals[0]
        return low < 0.3 < high

    assert 0.88 <= np.mean([found(seed) for seed in range(200)]) <= 0.99


def test_the_phase_of_a_forcing_counts_in_the_dimension():
    found = spectrum(system("duffing"), steps=STEPS // 16, members=16)
    assert found.forced
    assert found.dimension == pytest.approx(2.387, abs=0.03)


def test_fewer_exponents():
    s = system("lorenz")
    found = spectrum(s, steps=STEPS // 20, members=20, count=1)
    assert found.exponents.shape == (1,)
    assert found.exponents[0] == pytest.approx(0.9056, abs=0.03)
    assert not found.complete
    with pytest.raises(ValueError, match="spectrum: got 1 exponents, expected 3"):
        _ = found.identity_error


def test_a_family_lists_its_exponents():
    r = np.array([3.2, 3.83, 4.0])
    found = spectrum(system("logistic", r=r), steps=10_000)
    np.testing.assert_allclose(
        found.members[:, 0], [np.log(0.16) / 2, -0.3697, np.log(2)], atol=0.01
    )


def test_same_seed_same_spectrum():
    once, twice = (spectrum(system("henon"), steps=200, seed=3) for _ in range(2))
    np.testing.assert_array_equal(once.exponents, twice.exponents)
    np.testing.assert_array_equal(once.intervals, twice.intervals)


def test_segments_of_several_steps_change_nothing():
    s = system("lorenz")
    each, tenth = (spectrum(s, steps=50_000 // 16, members=16, segment=m) for m in (1, 10))
    np.testing.assert_allclose(each.exponents, tenth.exponents, atol=0.02)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.1, 3.0), min_size=2, max_size=5), st.integers(0, 1000))
def test_a_linear_map_has_its_moduli(moduli, seed):
    """Any matrix with these eigenvalues, as the Jacobian of a closed loop would be handed over."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(len(moduli),) * 2))[0]
    matrix = basis @ (np.diag(moduli) + np.triu(rng.normal(size=basis.shape), 1) * 0.3) @ basis.T
    volume = np.log(np.prod(moduli))

    def advance(state, frame):
        return state, matrix @ frame, np.full(len(state), volume)

    found = benettin_spectrum(advance, np.zeros((2, len(moduli))), segments=2000, time=0.5)
    # exponents of the same size mix for long, their sum does not
    np.testing.assert_allclose(np.sort(found.exponents), np.sort(np.log(moduli)) / 0.5, atol=0.05)
    assert found.exponents.sum() == pytest.approx(volume / 0.5, abs=1e-8)
    assert found.volume_growth_rate == pytest.approx(volume / 0.5)


def test_volume_may_be_unknown():
    found = benettin_spectrum(lambda s, f: (s, 2 * f, None), np.zeros((1, 2)), segments=10)
    assert np.isnan(found.volume_growth_rate)
    np.testing.assert_allclose(found.exponents, np.log(2))


def test_a_collapsed_direction_is_minus_infinity():
    found = benettin_spectrum(
        lambda s, f: (s, f * [[1.0], [0.0]], None), np.zeros((1, 2)), segments=10
    )
    assert found.exponents[0] == pytest.approx(0)
    assert found.exponents[1] == -np.inf


@pytest.mark.parametrize(
    ("exponents", "dimension"),
    [
        ([0.9056, 0, -14.572], 2 + 0.9056 / 14.572),
        ([0.9056, -1e-5, -14.572], 2 + 0.90559 / 14.572),
        ([0.4193, -1.6233], 1 + 0.4193 / 1.6233),
        ([0, -2], 1),
        ([0, 0, -1], 2),
        ([-0.1, -0.2], 0),
        ([0.5, 0.2], 2),
        ([0.7], 1),
    ],
)
def test_kaplan_yorke(exponents, dimension):
    assert kaplan_yorke(exponents) == pytest.approx(dimension)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6), st.floats(0.1, 10))
def test_kaplan_yorke_knows_no_units(exponents, factor):
    exponents = np.sort(exponents)[::-1]
    assert 0 <= kaplan_yorke(exponents) <= len(exponents)
    if np.abs(np.cumsum(exponents)).min() > 1e-2:  # away from the tolerance
        assert kaplan_yorke(exponents * factor) == pytest.approx(kaplan_yorke(exponents))


@pytest.mark.parametrize(
    ("name", "every", "low", "high"),
    [("lorenz", 2, 0.7, 1.1), ("halvorsen", 4, 0.6, 1.0), ("sprott_b", 4, 0.15, 0.26)],
)
def test_series(name, every, low, high):
    s = system(name)
    x = trajectory(s, 8000, every * s.dt, transient=s.transient, rtol=1e-8)
    assert low < rosenstein_exponent(x, every * s.dt) < high


def test_series_of_an_orderly_orbit():
    t = 0.05 * np.arange(4000)
    circle = np.stack([np.cos(t), np.sin(t)], axis=-1)
    assert rosenstein_exponent(circle, 0.05) < 0.05


def array(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kaplan_yorke([]), "exponents: got"),
        (lambda: kaplan_yorke([1, np.nan]), "values that are not finite"),
        (lambda: kaplan_yorke([-1, 1]), "expected falling order"),
        (lambda: kaplan_yorke([1, -1], tolerance=-1), "tolerance: got -1"),
        (lambda: benettin_spectrum(None, array(3), segments=9), r"state: got shape \(3,\)"),
        (lambda: benettin_spectrum(None, array(1, 3), segments=0), "segments: got 0"),
        (lambda: benettin_spectrum(None, array(1, 3), segments=9, discard=-1), "discard: got -1"),
        (
            lambda: benettin_spectrum(None, array(1, 3), segments=9, count=4),
            "count: got 4, expected a whole number, at least 1 and at most 3",
        ),
        (lambda: benettin_spectrum(None, array(1, 3), segments=9, time=0), "time: got 0, expected"),
        (
            lambda: benettin_spectrum(lambda s, f: (s + np.inf, f, None), array(1, 2), segments=9),
            "state: got one whose orbit left all bounds after 1 units of time",
        ),
        (lambda: spectrum(system("lorenz"), initial=[1, 2]), r"initial: got shape \(2,\)"),
        (lambda: spectrum(system("lorenz"), initial=[1, 2, np.nan]), "initial: got values that"),
        (lambda: spectrum(system("henon"), initial=[2, 2]), "initial: got .* escapes"),
        (lambda: spectrum(system("logistic", r=[3.0, 5.0])), "left all bounds after"),
        (lambda: spectrum(system("lorenz"), transient=-1), "transient: got -1"),
        (lambda: spectrum(system("lorenz"), members=0), "members: got 0"),
        (lambda: spectrum(system("lorenz"), dt=0), "dt: got 0"),
        (lambda: spectrum(system("lorenz"), segment=0), "segment: got 0"),
        (lambda: rosenstein_exponent(array(10, 2), 0.1), r"points: got shape \(10, 2\)"),
        (lambda: rosenstein_exponent(array(300, 2), 0), "dt: got 0"),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()


def rotation_map(n, state, *, angle):
    """Arnold's cat map twice over, turned: it conserves volume in four dimensions."""
    x, y, u, v = state
    return (
        x + y,
        x + 2 * y,
        np.cos(angle) * u - np.sin(angle) * v,
        np.sin(angle) * u + np.cos(angle) * v,
    )


def test_volumes_of_maps_in_any_dimension_also_conserved_ones():
    start = [0.0, 0.0, 1.0, 0.0]
    own = System("cat", rotation_map, start, {"angle": 1.0}, "map", transient=10)
    found = spectrum(own, steps=300, members=10)
    golden = np.log((3 + 5**0.5) / 2)
    np.testing.assert_allclose(found.exponents, [golden, 0, 0, -golden], atol=1e-2)
    assert found.volume_growth_rate == pytest.approx(0, abs=1e-12)
    assert found.identity_error < 1e-9


def test_an_incomplete_spectrum_has_no_dimension_unless_it_is_decided():
    two, one = (spectrum(system("lorenz"), steps=2000, members=20, count=k) for k in (2, 1))
    for found in (two, one):
        with pytest.raises(ValueError, match=r"spectrum: got . of 3 exponents, whose sum is not"):
            _ = found.dimension
    rest = spectrum(system("double_well"), steps=2000, members=4, count=1)
    assert rest.dimension == 0  # whatever the other exponent


def test_steps_are_those_of_each_member():
    few, many = (spectrum(system("henon"), steps=300, members=n) for n in (4, 40))
    assert (few.time, many.time) == (4 * 301, 40 * 301)


def test_a_spectrum_from_growth_that_others_measured():
    rng = np.random.default_rng(0)
    logarithms = rng.normal([1.0, -2.0], 0.1, (500, 3, 2))
    found = Spectrum.from_growth(logarithms, 0.5, dim=2, rng=rng, volumes=logarithms.sum(axis=2))
    np.testing.assert_allclose(found.exponents, [2, -4], atol=0.05)
    assert np.all(np.diff(found.intervals) > 0)
    assert found.identity_error < 1e-12
    assert found.time == 750
    frame = random_frame(rng, 3, 5, 2)
    np.testing.assert_allclose(
        frame.transpose(0, 2, 1) @ frame, np.broadcast_to(np.eye(2), (3, 2, 2)), atol=1e-12
    )


def test_noise_has_no_exponent():
    angle = 0.02 * np.arange(5000)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    noise = np.random.default_rng(0).normal(0, 0.01, circle.shape)
    with pytest.raises(ValueError, match="points: got a series in which noise or uneven sampling"):
        rosenstein_exponent(circle + noise, 0.02)
