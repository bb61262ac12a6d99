"""Manifolds, edge states and switches where they are known."""

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid

from mflib.dynamics.boundaries import count_switches, manifold, track_edge
from mflib.dynamics.estimates import mean_lifetime
from mflib.dynamics.systems import System, system
from mflib.dynamics.trajectories import ensemble

WELL, LORENZ = system("double_well"), system("lorenz")
LINEAR = System("linear", lambda t, x: (x[0], -2 * x[1]), [1.0, 1.0])
VALLEYS = System("valleys", lambda t, x: (x[0] - x[0] * x[0] * x[0],), [1.0])


def side(x):
    return 1 * (x[:, 0] >= 1) - 1 * (x[:, 0] <= -1)


def test_manifolds_of_a_linear_saddle_are_its_axes():
    ahead, behind = manifold(LINEAR, [0, 0], 10, dt=0.5)
    exact = 1e-6 * np.exp(0.5 * np.arange(21))
    np.testing.assert_allclose(ahead, np.c_[exact, 0 * exact], rtol=1e-8)
    np.testing.assert_array_equal(behind, -ahead)
    up, down = manifold(LINEAR, [0, 0], 5, stable=True, dt=0.5)
    np.testing.assert_allclose(up[:, 1], 1e-6 * np.exp(np.arange(11)), rtol=1e-8)
    np.testing.assert_array_equal(down, -up)


def test_a_branch_that_escapes_ends():
    ahead, _ = manifold(LINEAR, [0, 0], 100, dt=1.0)
    assert len(ahead) == 28  # 1e-6 e^27 is below a million, 1e-6 e^28 is above


def test_the_stable_manifold_parts_the_basins():
    for branch in manifold(WELL, [0, 0], 14, stable=True):
        on = branch[np.linalg.norm(branch, axis=1) > 0.5][:40:10]
        across = np.stack([WELL.rhs(0, on)[:, 1], -WELL.rhs(0, on)[:, 0]], axis=1)
        across /= 1e6 * np.linalg.norm(across, axis=1, keepdims=True)
        ends = [ensemble(WELL, on + s * across, 1200).points[:, 0, 0] > 0 for s in (1, -1)]
        assert np.all(ends[0] != ends[1])


def test_the_origin_of_lorenz_leaves_to_either_side_alike():
    right, left = manifold(LORENZ, [0, 0, 0], 3)
    assert right[100, 0] > 0 > left[100, 0]
    np.testing.assert_allclose(left, right * [-1, -1, 1], atol=1e-6)


def test_edge_state_of_two_cycles_is_the_cycle_between():
    nested = system("nested_cycles")
    edge = track_edge(
        lambda x: ensemble(nested, x, 200, 0.01).points[:, 0],
        lambda x: np.hypot(*ensemble(nested, x, 3500, 0.01).points[:, 0].T) > 2,
        [0.5, 0.1],
        [3.1, -0.4],
        rounds=3,
    )
    assert edge.states.shape == (4, 2)
    np.testing.assert_allclose(np.hypot(*edge.states.T), 2, atol=1e-8)
    assert np.all(edge.widths <= 1e-10)


def test_edge_tracking_runs_into_the_saddle():
    edge = track_edge(
        lambda x: ensemble(WELL, x, 24, 0.05).points[:, 0],
        lambda x: np.where(ensemble(WELL, x, 800, 0.05).points[:, 0, 0] > 0, "right", "left"),
        [-3.0, 2.5],
        [4.0, 3.0],
    )
    distance = np.linalg.norm(edge.states, axis=1)
    assert distance[-1] < 1e-9
    rate = np.polyfit(1.2 * np.arange(3, 14), np.log(distance[3:14]), 1)[0]
    assert rate == pytest.approx(-1.2808, abs=2e-3)  # along the boundary, the stable eigenvalue


def test_a_width_below_rounding_is_reached_as_nearly_as_can_be():
    edge = track_edge(lambda x: x, lambda x: x[:, 0] > 1 / 3, [0.0], [1.0], rounds=0, width=1e-300)
    assert 0 < edge.widths[0] < 1e-16
    assert edge.states[0, 0] == pytest.approx(1 / 3, abs=1e-16)


def test_residence_agrees_with_the_mean_first_passage_time():
    noise, members, steps, dt = 0.1, 1000, 6000, 0.02
    options = {"side": side, "steps": steps, "noise": noise, "dt": dt, "seed": 3}
    switches = count_switches(VALLEYS, -np.ones((members, 1)), **options)
    x = np.linspace(-3, 1, 4001)
    hill = np.exp((x**4 / 4 - x**2 / 2) / noise)
    inner = cumulative_trapezoid(1 / hill, x, initial=0)
    time = cumulative_trapezoid(hill * inner, x, initial=0) / noise
    exact = time[-1] - np.interp(-1, x, time)
    found = mean_lifetime(members * steps * dt, switches.sum(), trials=members)
    assert found.value == pytest.approx(exact, rel=0.08)  # some 1,800 switches: 2.4 %


def test_without_noise_nothing_switches_and_between_counts_to_what_came_before():
    begin = [[-1.0], [0.1], [1.0]]
    assert count_switches(VALLEYS, begin, side, steps=2000, noise=0.0).tolist() == [0, 0, 0]
    path = iter(np.array([[1], [0], [1], [0], [-1], [0], [-1], [1]]))
    found = count_switches(VALLEYS, [[1.0]], lambda x: next(path), steps=7, noise=0.0)
    assert found.tolist() == [2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: manifold(system("duffing"), [0, 0], 1), "system: got duffing, expected a flow"),
        (lambda: manifold(system("henon"), [0, 0], 1), "system: got henon, expected a flow"),
        (lambda: manifold(WELL, [0.1, 0], 1), "saddle: got speed .* and 1 eigenvalues"),
        (lambda: manifold(WELL, [10**0.5, 0], 1), "and 0 eigenvalues with positive real part"),
        (lambda: manifold(LORENZ, [0, 0, 0], 1, stable=True), "2 eigenvalues with negative"),
        (lambda: manifold(WELL, [0, 0, 0], 1), r"saddle: got shape \(3,\)"),
        (lambda: manifold(WELL, [0, 0], 0), "time: got 0"),
        (
            lambda: track_edge(lambda x: x, lambda x: x[:, 0] > 5, [0.0], [1.0]),
            "second: got a state that ends as the first, np.False_",
        ),
        (
            lambda: track_edge(lambda x: x[0], lambda x: x[:, 0] > 0.5, [0.0], [1.0]),
            r"flow: got shape \(1,\)",
        ),
        (
            lambda: track_edge(lambda x: x, lambda x: x > 0.5, [0.0], [1.0]),
            r"classify: got labels \(17, 1\), expected 17",
        ),
        (lambda: track_edge(lambda x: x, len, [0.0], [1.0, 2.0]), r"second: got shape \(2,\)"),
        (lambda: track_edge(lambda x: x, len, [0.0], [1.0], width=0), "width: got 0"),
        (
            lambda: count_switches(system("duffing"), [[0, 0]], side, steps=1, noise=0.1),
            "system: got duffing",
        ),
        (
            lambda: count_switches(VALLEYS, [[0]], side, steps=1, noise=-0.1),
            "noise: got -0.1, expected at least 0",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
