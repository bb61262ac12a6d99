"""Skeletons of loops, against networks whose fixed points, cycles and bifurcations are known."""

import itertools
import time

import numpy as np
import pytest

from mflib.experiments.bifurcations import cued_states
from mflib.experiments.flip_flop import FlipFlop, pulses
from mflib.experiments.records import load_or_train
from mflib.experiments.shared_units import SharedUnits
from mflib.modelling.closed_loop import drive, free_run, jacobian, propagate_tangents, warm_up
from mflib.modelling.continuation import continuation, invariant_curve
from mflib.modelling.perturbations import rotation, scale_recurrence
from mflib.modelling.skeleton import edge_state, fixed_points, periodic_orbits
from mflib.multifunctionality.tasks import COARSE, TURN
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import cast


def two_units(gain, turn=0.0):
    """Two units ``h' = tanh(W h)`` with a rotation in W, their output fed back as nothing."""
    kernel = gain * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    none = np.zeros((2, 2))
    return Elman(none, kernel, bias=none[0], readout_kernel=np.eye(2), readout_bias=none[0])


def one_unit(gain, bias=0.0):
    """One unit ``h' = tanh(gain h + bias)``."""
    one, none = np.ones((1, 1)), np.zeros((1, 1))
    return Elman(none, gain * one, bias=np.array([bias]), readout_kernel=one, readout_bias=none[0])


def test_uncoupled_units_have_the_fixed_points_of_one_unit_in_every_combination():
    axis = np.linspace(-1.2, 1.2, 9)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    found = fixed_points(two_units(2.0), grid)
    own = 0.957504024077
    known = [(x, y) for x in (-own, 0, own) for y in (-own, 0, own)]
    np.testing.assert_allclose(found.states, known, atol=1e-9)
    np.testing.assert_allclose(found.outputs, known, atol=1e-9)
    assert found.unstable.tolist() == [0, 1, 0, 1, 2, 1, 0, 1, 0]
    slopes = {0: 2.0, own: 2 * (1 - own**2)}
    for state, multipliers in zip(found.states, found.multipliers, strict=True):
        expected = sorted([slopes[0 if abs(x) < 0.1 else own] for x in state], reverse=True)
        np.testing.assert_allclose(multipliers, expected, atol=1e-8)


def test_multipliers_of_a_rotation_are_a_complex_pair():
    found = fixed_points(two_units(0.9, turn=0.3), [[0.5, 0.2]])
    assert len(found.states) == 1 and found.unstable.tolist() == [0]
    assert np.abs(found.multipliers[0]) == pytest.approx([0.9, 0.9])
    assert abs(np.angle(found.multipliers[0, 0])) == pytest.approx(0.3)


def test_at_a_fold_where_newton_has_a_singular_matrix():
    found = fixed_points(two_units(1.0), [[0.0, 0.0], [0.3, 0.0]])
    assert np.abs(found.states).max() < 1e-3
    assert len(found.states) >= 1


def test_what_newton_finds_is_where_the_loop_stands_still():
    network = LSTM.create(inputs=2, units=6, seed=3)
    cue = np.random.default_rng(0).normal(size=(10, 30, 2))
    found = fixed_points(network, warm_up(network, cue))
    assert len(found.states) >= 1
    run = free_run(cast(network, "float64"), found.states, 5)
    np.testing.assert_allclose(run.state, found.states, atol=1e-8)
    np.testing.assert_allclose(run.outputs[:, 0], found.outputs, atol=1e-12)


def counter():
    """A cell that only counts: its input gate, forget gate and candidate are 1."""
    shapes = LSTM.create(inputs=1, units=1).weights()
    weights = {name: np.zeros(weight.shape) for name, weight in shapes.items()}
    return LSTM(**weights | {"bias": np.array([40.0, 40.0, 40.0, 0.0])})


def test_a_cell_that_only_counts_has_no_fixed_point():
    found = fixed_points(counter(), [[0.0, 0.0], [0.5, 3.0]])
    assert found.states.shape == (0, 2)
    assert found.outputs.shape == (0, 1)
    assert found.multipliers.shape == (0, 2)
    assert found.unstable.shape == (0,)


def test_unfit_arguments_are_named():
    with pytest.raises(ValueError, match="starts"):
        fixed_points(two_units(1.0), [[np.nan, 0.0]])
    with pytest.raises(ValueError, match="network: got 2 inputs and 1 outputs"):
        fixed_points(LSTM.create(inputs=2, units=3, outputs=1), np.zeros((1, 6)))


def test_a_start_leaves_its_place_to_the_next(monkeypatch):
    starts = np.random.default_rng(0).uniform(-1.2, 1.2, (40, 2))
    together = fixed_points(two_units(2.0), starts)
    monkeypatch.setattr("mflib.modelling.skeleton.MATRICES", 3 * 4)  # three at a time
    one_by_one = fixed_points(two_units(2.0), starts, progress=True)
    np.testing.assert_allclose(one_by_one.states, together.states, atol=1e-9)
    assert len(together.states) == 9


def test_fixed_points_for_constant_input_are_those_of_a_unit_with_that_bias():
    one = np.ones((1, 1))
    driven = Elman(3 * one, 2 * one, bias=0.1 * one[0], readout_kernel=one, readout_bias=0 * one[0])
    starts = np.linspace(-1, 1, 9)[:, None]
    found = fixed_points(driven, starts, u=[0.02])
    expected = fixed_points(one_unit(2.0, bias=0.16), starts)
    np.testing.assert_allclose(found.states, expected.states, atol=1e-12)
    np.testing.assert_allclose(found.multipliers, expected.multipliers, atol=1e-12)
    assert found.unstable.tolist() == [0, 1, 0]


def test_a_flip_flop_has_eight_stable_points_and_saddles_between():
    network = load_or_train(FlipFlop())
    inputs, signs = pulses(40, seed=1)
    visited = drive(network, inputs).numpy()
    assert np.all(np.sign(network.readout(visited)) == signs)
    begin = time.process_time()
    rng = np.random.default_rng(0)
    ends = visited[rng.integers(40, size=(2, 400)), rng.integers(64, size=(2, 400))]
    starts = ends[0] + rng.random((400, 1)) * (ends[1] - ends[0])
    found = fixed_points(network, starts, u=[0, 0, 0])
    assert time.process_time() - begin < 60
    stable = found.outputs[found.unstable == 0]
    kept = np.sign(stable).astype(int)
    assert sorted(map(tuple, kept)) == sorted(itertools.product([-1, 1], repeat=3))
    np.testing.assert_allclose(stable, kept, atol=0.2)
    assert np.sum(found.unstable == 1) >= 4
    after = drive(cast(network, "float64"), np.zeros((len(found.states), 1, 3)), found.states)
    assert np.max(np.abs(after[:, 0] - found.states)) < 1e-10


def test_periodic_orbits_of_uncoupled_units():
    found = periodic_orbits(two_units(-2.0), np.random.default_rng(0).normal(size=(60, 2)), 2)
    own, slope = 0.957504024077, 2 * (1 - 0.957504024077**2)
    # in phase, out of phase, and one of them at rest
    assert sorted(found.unstable) == [0, 0, 1, 1]
    for orbit, multipliers in zip(found.states, found.multipliers, strict=True):
        expected = [slope**2 if abs(x) > 0.5 else 4.0 for x in orbit[0]]
        np.testing.assert_allclose(multipliers, sorted(expected, reverse=True), atol=1e-8)
        np.testing.assert_allclose(orbit[1], -orbit[0], atol=1e-9)
    assert np.all(np.isclose(abs(found.states), own) | (abs(found.states) < 1e-9))


def test_periodic_orbits_are_as_many_as_a_known_map_has():
    """Of ``y' = 5 tanh(2 y + 0.3) - 7 tanh(0.6 y + 0.2)``, the signs of whose iterates are seen."""
    network = Elman(
        np.array([[2, 0.6]]),
        np.zeros((2, 2)),
        bias=np.array([0.3, 0.2]),
        readout_kernel=np.array([[5.0], [-7.0]]),
        readout_bias=np.zeros(1),
    )
    y = np.linspace(-8.0003, 8.0007, 200_001)

    def states(y):
        return np.tanh(np.stack([2 * y + 0.3, 0.6 * y + 0.2], axis=1))

    for period, orbits in ((1, 3), (2, 2), (3, 4)):
        after = y
        for _ in range(period):
            after = states(after) @ [5, -7]
        found = periodic_orbits(network, states(y[::400]), period)
        roots = np.sum(np.diff(np.sign(after - y)) != 0)
        assert len(found.states) == orbits
        assert orbits * period + 3 * (period > 1) == roots


def test_bifurcations_are_where_they_are_known_to_be():
    def only(branch):
        (point,) = branch.special
        return point.kind, point.value

    pitchfork = continuation(one_unit, 0.5, [[0.0]], step=0.1, within=(0, 2))
    assert only(pitchfork) == ("branch point", pytest.approx(1, abs=1e-9))
    assert pitchfork.unstable[[0, -1]].tolist() == [0, 1] and pitchfork.ended == "left"
    doubling = continuation(one_unit, -0.5, [[0.0]], step=-0.1, within=(-2, 0))
    assert only(doubling) == ("period doubling", pytest.approx(-1, abs=1e-9))
    turning = continuation(lambda g: two_units(g, 0.3), 0.5, [[0.0, 0.0]], step=0.1, within=(0, 2))
    assert only(turning) == ("Neimark-Sacker", pytest.approx(1, abs=1e-9))


def test_a_branch_goes_round_its_folds():
    start = fixed_points(one_unit(2.0, bias=1.0), [[0.9]]).states
    branch = continuation(
        lambda b: one_unit(2.0, b), 1.0, start, step=-0.05, within=(-1.5, 1.5), progress=True
    )
    h = np.sqrt(1 / 2)
    at = np.arctanh(h) - 2 * h
    assert [point.kind for point in branch.special] == ["fold", "fold"]
    np.testing.assert_allclose([p.value for p in branch.special], [at, -at], atol=1e-9)
    np.testing.assert_allclose([p.states[0, 0] for p in branch.special], [h, -h], atol=1e-6)
    assert branch.unstable[0] == branch.unstable[-1] == 0 and max(branch.unstable) == 1
    np.testing.assert_allclose(
        branch.states[:, 0, 0], np.tanh(2 * branch.states[:, 0, 0] + branch.values), atol=1e-10
    )


def test_a_cycle_ends_where_it_was_born_by_a_period_doubling():
    cycle = periodic_orbits(one_unit(-2.0), [[0.9]], 2)
    branch = continuation(one_unit, -2.0, cycle.states[0], step=0.1, within=(-3, 0))
    (birth,) = branch.special
    assert branch.ended == birth.kind == "birth"
    assert birth.value == pytest.approx(-1, abs=1e-8)


def test_a_closed_curve_ends_where_it_was_born_by_a_neimark_sacker_point():
    def network_at(gain):
        return two_units(gain, turn=0.3)

    settled = free_run(network_at(1.1), [[0.1, 0.0]], 2000).state
    run = free_run(network_at(1.1), settled, 1000, states=True)
    curve = invariant_curve(network_at(1.1), run.states[0], points=33)
    after = free_run(network_at(1.1), curve.states, 1).state
    modes = np.fft.fftfreq(33, 1 / 33)[:, None]
    turned = np.exp(2j * np.pi * curve.rotation * modes) * np.fft.fft(curve.states, axis=0)
    np.testing.assert_allclose(after, np.fft.ifft(turned, axis=0).real, atol=1e-10)
    assert curve.unstable == 0
    # one volume that shrinks: the other multiplier is the mean determinant along the run
    volume = np.mean(np.linalg.slogdet(jacobian(network_at(1.1), run.states[0]).numpy())[1])
    assert np.log(curve.multipliers[0]) == pytest.approx(volume, abs=1e-3)
    branch = continuation(
        network_at, 1.1, curve.states, curve.rotation, step=-0.02, within=(0.5, 2)
    )
    (birth,) = branch.special
    assert branch.ended == birth.kind == "birth"
    assert birth.value == pytest.approx(1, abs=1e-8)
    assert branch.rotations[-1] == pytest.approx(0.3 / (2 * np.pi), abs=1e-3)


@pytest.mark.slow
def test_the_edge_between_two_circles_is_a_closed_curve_with_one_unstable_direction():
    network = cast(load_or_train(SharedUnits(8, seed=0)), "float64")
    a, b = cued_states(network)

    def direction(outputs):
        return rotation(outputs, COARSE).direction

    ways = {"steps": TURN, "settle": 20 * TURN, "look": 2 * TURN}
    edge = edge_state(network, direction, a, b, rounds=25, width=1e-12, **ways)
    run = free_run(network, edge.states[-1:], 300, states=True).states[0]
    curve = invariant_curve(network, run, points=129)
    assert curve.unstable == 1
    assert curve.multipliers[0] == pytest.approx(1.118, abs=2e-3)
    assert curve.multipliers[1] < 0.95
    # it swings to and fro: it turns neither way
    assert direction(network.readout(curve.states)) == 0
    frame = np.random.default_rng(0).normal(size=(len(curve.states), network.state_dim, 1))
    grown = propagate_tangents(network, curve.states, frame, steps=40)
    beside = 1e-3 * grown.frame[..., 0]
    ends = [
        direction(free_run(network, grown.state + side * beside, 42 * TURN).outputs[:, 40 * TURN :])
        for side in (1, -1)
    ]
    np.testing.assert_array_equal(ends[0], -ends[1])
    assert np.all(ends[0] != 0)


@pytest.mark.slow
def test_a_circle_dies_in_a_fold_where_bisection_loses_it():
    network = cast(load_or_train(SharedUnits(8, seed=0)), "float64")
    start = cued_states(network)[[1]]

    def network_at(gain):
        return scale_recurrence(network, gain)

    for gain in (0.98, 0.96, 0.95):
        start = free_run(network_at(gain), start, 40 * TURN).state
    alive, lost, state = 0.95, 0.94, start
    while alive - lost > 1e-7:
        middle = (alive + lost) / 2
        run = free_run(network_at(middle), state, 700 * TURN)
        # where it dies some steps already go backwards, though the turns do not
        if rotation(run.outputs[0, -40 * TURN :], COARSE).frequency < -0.3:
            alive, state = middle, run.state
        else:
            lost = middle
    start = free_run(network_at(0.946), start, 40 * TURN).state
    run = free_run(network_at(0.946), start, 1500, states=True).states[0]
    curve = invariant_curve(network_at(0.946), run, points=73)
    branch = continuation(
        network_at, 0.946, curve.states, curve.rotation, step=-0.05, within=(0.9, 0.947)
    )
    (fold,) = branch.special
    assert fold.kind == "fold" and branch.ended == "left"
    assert fold.value == pytest.approx(0.9442708846, abs=1e-9)  # with 97 points, and with 129
    assert fold.value == pytest.approx(alive, abs=1e-6)
    last = branch.values.argmin()
    assert branch.unstable[0] == 0 and branch.unstable[-1] == 1
    assert 0 < last < len(branch.values) - 1


def test_arguments_of_searches_that_do_not_fit_are_named():
    unit, zero = one_unit(2.0), [[0.0]]
    with pytest.raises(ValueError, match="u: got"):
        fixed_points(unit, zero, u=[1.0, 2.0])
    with pytest.raises(ValueError, match="period: got 0"):
        periodic_orbits(unit, zero, 0)
    with pytest.raises(ValueError, match="points: got 8, expected an odd number"):
        invariant_curve(unit, np.zeros((20, 1)), points=8)
    with pytest.raises(ValueError, match="run: got one with no closed curve near it"):
        invariant_curve(two_units(2.0), np.random.default_rng(0).normal(size=(90, 2)), points=9)
    with pytest.raises(ValueError, match="first: got"):
        edge_state(unit, np.ravel, [0.0, 1.0], [1.0], steps=1, settle=1, look=1)
    with pytest.raises(ValueError, match=r"within: got .* expected an interval around 2"):
        continuation(one_unit, 2.0, zero, step=0.1, within=(0, 1))
    with pytest.raises(ValueError, match="step: got 0"):
        continuation(one_unit, 2.0, zero, step=0, within=(0, 3))
    with pytest.raises(ValueError, match="states: got none near a solution"):
        continuation(lambda _: counter(), 1.0, [[0.5, 3.0]], step=0.1, within=(0, 3))
    with pytest.raises(ValueError, match=r"network_at: got .*float32.* expected double"):
        continuation(lambda g: cast(one_unit(g), "float32"), 1.0, zero, step=0.1, within=(0, 3))
