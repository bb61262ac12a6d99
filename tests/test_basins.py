"""Basins of attraction where their boundaries are known."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.dynamics.basins import assign_basins, basin_fractions, basins
from mflib.dynamics.fixed_points import fixed_points
from mflib.dynamics.systems import system
from mflib.dynamics.trajectories import trajectory

TURN = np.linspace(0, 2 * np.pi, 400)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], axis=-1)
NESTED = {"inner": CIRCLE, "outer": 3 * CIRCLE}
WELLS = {"left": [[-(10**0.5), 0.0]], "right": [[10**0.5, 0.0]]}
WELL = system("double_well")
AT = {"time": 5}


def test_nested_cycles_part_at_two_exactly():
    grid = np.linspace(-2.8, 2.8, 60)
    found = basins(system("nested_cycles"), NESTED, grid, grid, time=20)
    np.testing.assert_array_equal(found.labels, np.hypot(*np.meshgrid(grid, grid)) > 2)
    assert sum(share.value for share in found.fractions.values()) == 1


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-4, 0.5), st.floats(0, 6.28))
def test_either_side_of_the_boundary(distance, angle):
    direction = np.array([np.cos(angle), np.sin(angle)])
    start = [(2 - distance) * direction, (2 + distance) * direction]
    ends = assign_basins(system("nested_cycles"), NESTED, start, time=25, dt=0.02)
    assert ends.tolist() == [0, 1]


def test_subcritical_hopf():
    """Stable rest and stable cycle, parted at r-^2 = (1 - sqrt(1 + 4 mu)) / 2."""
    s = system("subcritical_hopf", mu=-0.1)
    outer, inner = np.sqrt((1 + np.array([1, -1]) * np.sqrt(0.6)) / 2)
    attractors = {"rest": [[0.0, 0.0]], "cycle": outer * CIRCLE}
    start = np.stack([inner * np.array([0.5, 0.98, 1.02, 1.5]), np.zeros(4)], axis=-1)
    assert assign_basins(s, attractors, start, time=150).tolist() == [0, 0, 1, 1]


def test_basins_of_200_by_200_in_seconds():
    begin = time.perf_counter()
    x, v = np.linspace(-4, 4, 200), np.linspace(-2.5, 2.5, 200)
    found = basins(system("double_well"), WELLS, x, v, time=50)
    assert time.perf_counter() - begin < 15  # some 1.2 s on an idle core
    np.testing.assert_array_equal(found.labels, 1 - found.labels[::-1, ::-1])
    assert found.fractions["left"].value == 0.5


def test_forced_duffing_once_a_period():
    s = system("duffing", delta=0.15, gamma=0.2)
    points = {"left": [[-0.7791, 0.0274]], "right": [[1.2101, 0.0553]]}
    dt = s.forcing / 50
    found = basin_fractions(s, points, [-2, -2], [2, 2], count=1000, time=600, dt=dt)
    assert found["left"].value == pytest.approx(0.5, abs=0.06)
    assert found["right"].value == pytest.approx(0.5, abs=0.06)
    # chaos is left at last by all, by some very late
    assert found["left"].value + found["right"].value > 0.99
    early = basin_fractions(s, points, [-2, -2], [2, 2], count=1000, time=150, dt=dt)
    assert early["none of them"].value > 0.1


def test_henon_escapes():
    s = system("henon")
    found = basins(
        s,
        {"strange": trajectory(s, 5000, transient=1000)},
        *np.linspace([-2, -2], [2, 2], 100).T,
        time=500,
    )
    assert found.fractions["strange"].value == pytest.approx(0.426, abs=0.002)
    assert found.fractions["diverged"].value == pytest.approx(0.574, abs=0.002)
    assert found.labels[-1, -1] == -2


def test_chaos_and_rest_coexist_in_lorenz():
    """At rho = 24.4 (1, 1, 1) leads to chaos and a start near C+ to rest."""
    s = system("lorenz", rho=24.4)
    (rest,) = fixed_points(s, [[7.9, 7.9, 23.4]])
    attractors = {"rest": [rest.point], "chaos": trajectory(s, 20_000, 0.02, transient=50)}
    ends = assign_basins(s, attractors, [[1, 1, 1], [7.9, 7.9, 23.4]], time=300)
    assert ends.tolist() == [1, 0]


def test_orbits_on_no_known_attractor():
    ends = assign_basins(system("double_well"), {"left": WELLS["left"]}, [[1, 0], [-1, 0]], time=50)
    assert ends.tolist() == [-1, 0]
    shares = basin_fractions(
        system("double_well"), {"left": WELLS["left"]}, [-4, -2], [4, 2], count=50, time=50
    )
    assert set(shares) == {"left", "none of them"}


def test_a_plane_in_space():
    s = system("lorenz", rho=14.0)
    plus, minus = (p.point for p in fixed_points(s, [[6, 6, 13], [-6, -6, 13]])[::-1])
    grid = np.linspace(-10, 10, 8)
    found = basins(s, {"+": [plus], "-": [minus]}, grid, grid, plane=[0, 0, 13.0], time=30)
    # (x, y, z) -> (-x, -y, z) exchanges the two
    np.testing.assert_array_equal(found.labels, 1 - found.labels[::-1, ::-1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: assign_basins(WELL, {}, [[0, 1]], **AT), "attractors: got none"),
        (lambda: assign_basins(WELL, {"a": [[1]]}, [[0, 1]], **AT), r"attractors\['a'\]: got"),
        (lambda: assign_basins(WELL, WELLS, [[0, np.nan]], **AT), "initial: got values that are"),
        (lambda: assign_basins(WELL, WELLS, [[0, 1]], time=0), "time: got 0"),
        (lambda: assign_basins(WELL, WELLS, [[0, 1]], samples=0, **AT), "samples: got 0"),
        (
            lambda: assign_basins(system("duffing"), WELLS, [[0, 1]], dt=0.4, time=9),
            r"dt: got 0\.4, expected a whole part of 6\.28",
        ),
        (lambda: basins(WELL, WELLS, [[0]], [0], **AT), r"x: got shape \(1, 1\)"),
        (lambda: basins(WELL, WELLS, [0], [np.inf], **AT), r"y: got values that are not finite"),
        (lambda: basins(WELL, WELLS, [0], [0], plane=[1], **AT), "plane: got"),
        (lambda: basin_fractions(WELL, WELLS, [0], [1, 1], **AT), "low: got"),
        (lambda: basin_fractions(WELL, WELLS, [2, 2], [1, 1], **AT), "low: got .* not above high"),
        (lambda: basin_fractions(WELL, WELLS, [0, 0], [1, 1], count=0, **AT), "count: got 0"),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()


def test_anything_that_says_where_states_end_has_basins():
    """Networks do. Here the sign of the second of three coordinates decides."""

    def destination(initial, shift=0.0):
        return np.where(initial[:, 1] + shift > 0, 1, 0)

    grid = np.linspace(-1, 1, 4)
    found = basins(destination, ["low", "high"], grid, grid, plane=[0, 0, 0])
    assert found.names == ("low", "high")
    np.testing.assert_array_equal(found.labels, [[0] * 4] * 2 + [[1] * 4] * 2)
    shares = basin_fractions(destination, "ab", [-1] * 3, [1] * 3, count=4000, shift=0.5)
    assert shares["b"].low < 0.75 < shares["b"].high
    assert shares["b"].over == "initial conditions"


@pytest.mark.parametrize("labels", [np.full(4, 2), np.full(4, 0.5), np.zeros(3), np.full(4, -3)])
def test_labels_of_nothing_are_refused(labels):
    with pytest.raises(ValueError, match="system: got labels"):
        basins(lambda initial: labels, ["a", "b"], [0, 1], [0, 1])
