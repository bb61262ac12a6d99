"""Tasks and cues."""

import numpy as np
import pytest

from mflib.dynamics.trajectories import standardisation
from mflib.multifunctionality.tasks import Circle, cues, seeing_double


@pytest.mark.parametrize("x_cen", [0.0, 3.0, 10.0])
def test_seeing_double_is_the_published_pair(x_cen):
    """C_A = (R cos t + x_cen, R sin t), C_B = (-R cos t - x_cen, R sin t)."""
    a, b = seeing_double(x_cen)
    t = 0.1 * np.arange(100)
    published_a = np.stack([5 * np.cos(t) + x_cen, 5 * np.sin(t)], axis=-1)
    published_b = np.stack([-5 * np.cos(t) - x_cen, 5 * np.sin(t)], axis=-1)
    np.testing.assert_allclose(a.trajectory(100, 0.1), published_a, atol=1e-12)
    np.testing.assert_allclose(b.trajectory(100, 0.1, phase=np.pi), published_b, atol=1e-12)


def test_at_total_overlap_only_the_direction_differs():
    a, b = (task.trajectory(63, 2 * np.pi / 63) for task in seeing_double(0.0))
    assert {tuple(p) for p in a.round(9) + 0.0} == {tuple(p) for p in b.round(9) + 0.0}


def test_cues_start_all_around_the_orbit():
    task = seeing_double(1.0)[0]
    made = cues(task, length=5, dt=0.1, count=4)
    assert made.shape == (4, 5, 2)
    np.testing.assert_allclose(
        made[:, 0] - task.centre, [[5, 0], [0, 5], [-5, 0], [0, -5]], atol=1e-12
    )
    np.testing.assert_allclose(made[2], task.trajectory(5, 0.1, np.pi), atol=1e-12)


def test_noise_is_seeded_and_of_its_size():
    task = seeing_double()[0]
    clean, once, twice, other = (
        cues(task, 500, 0.1, 8, noise, seed)
        for noise, seed in [(0, 0), (0.3, 1), (0.3, 1), (0.3, 2)]
    )
    np.testing.assert_array_equal(once, twice)
    assert np.any(once != other)
    assert np.std(once - clean) == pytest.approx(0.3, rel=0.05)


def test_standardisation_is_one_map_for_all():
    data = [task.trajectory(6283, 0.001) for task in seeing_double(10.0)]
    location, scale = standardisation(data)
    np.testing.assert_allclose(location, [0, 0], atol=1e-2)
    # mean square: 100 from the centres and 25 from the circles, over two coordinates
    assert scale == pytest.approx(np.sqrt(62.5), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Circle("x", 0.0), "radius: got 0"),
        (lambda: Circle("x", 1.0, omega=0.0), "omega: got 0"),
        (lambda: Circle("x", 1.0, centre=(0.0, np.nan)), "centre: got"),
        (lambda: cues(seeing_double()[0], 0, 0.1), "length: got 0"),
        (lambda: cues(seeing_double()[0], 5, 0.0), "dt: got 0"),
        (lambda: cues(seeing_double()[0], 5, 0.1, count=0), "count: got 0"),
        (lambda: cues(seeing_double()[0], 5, 0.1, noise=-1.0), "noise: got -1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
