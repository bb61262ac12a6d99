"""Several attractors in one network: their tasks, their names, and networks that are kept."""

import dataclasses

import numpy as np
import pytest

from mflib.dynamics.attractors import identify, identify_all
from mflib.experiments import capacity
from mflib.experiments.capacity import (
    CHAOS,
    CURVES,
    FIGURES,
    LARGE,
    Curves,
    curves,
)
from mflib.experiments.two_worlds import (
    EIGHT,
    PAIRS,
    TWO_WORLDS,
    WORLDS,
    Worlds,
    worlds,
)
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.multifunctionality.identity import (
    PERIOD,
    ask_for_attractors,
    final_attractors,
    late_run,
    name_attractors,
)
from mflib.multifunctionality.tasks import TURN, Attractor, Lissajous
from mflib.networks.lstm import LSTM


@pytest.mark.parametrize("grid", [PAIRS, TWO_WORLDS, CURVES, CHAOS, LARGE])
def test_every_configuration_is_there_once_and_has_its_tasks(grid):
    assert len(set(grid)) == len(grid)
    for one in grid:
        names = [task.name for task in one.tasks()]
        assert len(set(names)) == len(names) > 1


def test_all_pairs_of_eight():
    pairs = {frozenset(one.names.split()) for one in PAIRS}
    assert len(pairs) == 28
    assert set.union(*map(set, pairs)) == {world.name for world in EIGHT}


@pytest.mark.parametrize("task", EIGHT, ids=lambda task: task.name)
def test_an_attractor_has_unit_size_and_some_forty_samples_a_turn(task):
    data = task.data()
    np.testing.assert_allclose(data.mean(axis=(0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose(data.std(axis=(0, 1)), 1)
    turning = np.median(np.gradient(data, axis=1).std(axis=(0, 1)))  # radians a sample
    assert 25 < 2 * np.pi / turning < 100
    new = task.orbits(8, 1000, seed=3)
    assert np.abs(new.mean(axis=(0, 1))).max() < 0.35
    assert not np.allclose(new[0], new[1])


def test_a_place_and_a_mirror():
    task = EIGHT[0]
    moved = dataclasses.replace(task, centre=(2.0, 0.0, -1.0))
    np.testing.assert_allclose(moved.data(), task.data() + np.array([2, 0, -1]))
    mirrored = dataclasses.replace(task, mirrored=True)
    np.testing.assert_allclose(mirrored.data(), task.data() * [-1, 1, 1])
    assert mirrored.name == "mirrored_lorenz"


def test_distance_moves_neighbours_apart():
    first, second = Worlds("lorenz halvorsen", distance=4.0).tasks()
    assert (first.centre[0], second.centre[0]) == (-2.0, 2.0)
    assert Worlds("lorenz halvorsen", 4.0, seed=3).name == "lorenz_halvorsen_4_64_3"
    assert LARGE[1].name == "16_worlds_0_192_0"


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [list(WORLDS.values()), FIGURES], ids=["chaos", "curves"])
def test_the_judge_names_true_orbits(tasks):
    """Each of sixteen, from stretches that it was not given."""
    period = TURN if tasks is FIGURES else PERIOD
    for task in tasks:
        assert name_attractors(task.orbits(4, 100 * period, seed=7), tasks) == [task.name] * 4


def test_the_judge_refuses_what_is_on_none():
    rest = np.zeros((100 * PERIOD, 3))
    slow = EIGHT[0].orbits(1, 50 * PERIOD)[0].repeat(2, axis=0)
    gone = np.full_like(rest, np.inf)
    assert name_attractors([rest, slow, gone], EIGHT) == ["none"] * 3


def test_many_orbits_make_one_template():
    """Velocities are not taken across from one orbit to the next."""
    task = Lissajous(1, 1)
    orbits, whole = task.orbits(6, 63), task.orbits(1, 630)[0]
    run = task.orbits(1, 315, seed=4)[0]
    distances = [
        identify(run, {"a": known}, dt=1.0).distances["a"] for known in (orbits, whole, whole[None])
    ]
    assert max(distances) < 0.01
    assert distances[1] == distances[2]
    every = identify_all([run, run], {"a": orbits}, dt=1.0)
    assert every[0] == every[1] == identify(run, {"a": orbits}, dt=1.0)


def test_a_network_at_rest_is_in_no_world():
    tasks = Worlds("lorenz chen").tasks()
    network = LSTM.create(inputs=3, units=2)
    cue = tasks[0].orbits(3, PERIOD)
    assert final_attractors(network, cue, tasks, turns=100) == ["none"] * 3


def test_the_last_turns_are_those_of_one_long_run():
    network = LSTM.create(inputs=3, units=4, seed=1)
    cue = EIGHT[0].orbits(2, PERIOD)
    whole = free_run(network, warm_up(network, cue), 200 * PERIOD).outputs[:, -100 * PERIOD :]
    np.testing.assert_allclose(late_run(network, cue, turns=200), whole, atol=1e-5)


@pytest.mark.slow
def test_a_trained_network_is_asked_for_all_its_tasks():
    few = Worlds("lorenz chen", units=3, steps=5, window=20, batch=4)
    found = worlds(few)
    assert found == ask_for_attractors(few.trained(progress=False), few.tasks())
    for ends in found.values():
        assert [sum(numbers.values()) for numbers in ends.values()] == [16, 16]
    result = curves(Curves(2, 2, 0))
    more = ask_for_attractors(few.trained(progress=False), few.tasks(), cues=3)
    assert sum(more["stored"]["chen"].values()) == 3
    assert set(result["stored"]) == {"1:1", "1:1 backwards"}


@pytest.mark.slow
def test_horizons_and_exponents_of_kept_networks(monkeypatch):
    """A network that does not move forecasts nothing, and its errors die out."""
    few = Worlds("lorenz chen", units=3, steps=5, window=20, batch=4)
    still = LSTM.create(inputs=3, units=3)
    monkeypatch.setattr(capacity, "load_or_train", lambda configuration: still)
    row = capacity.large(few)
    assert all(value < 1 for value in row["horizons"].values())
    assert row["exponents"]["lorenz"][0] == pytest.approx(0.906, rel=0.02)
    assert all(own < 0 for _, own in row["exponents"].values())
    assert set(capacity.chaos(few)) == {"stored", "selected", "horizons"}


def test_the_refinement_is_used():
    few = Worlds("lorenz chen", units=3, steps=5, window=20, batch=4)
    refined = dataclasses.replace(few, iterations=1).trained(progress=False)
    assert refined.dtype.name == "float64"
    assert few.trained(progress=False).dtype.name == "float32"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: late_run(None, None, turns=150), "turns: got 150"),
        (lambda: Attractor("lorenz", dt=0), "dt: got 0"),
        (lambda: Attractor("lorenz", dt=0.1, centre=(0.0,)), r"centre: got shape \(1,\)"),
        (lambda: Attractor("nowhere", dt=0.1), "nowhere"),
        (lambda: Lissajous(2, 4), "a, b: got 2 and 4"),
        (lambda: Lissajous(0, 1), "a: got 0, expected a whole"),
        (lambda: Lissajous(1, 1, dt=-1), "dt: got -1"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_two_steps_in_a_sample_are_enough_to_stay_on_the_attractor():
    task = EIGHT[0]
    few, many = (task.orbits(4, 4000, seed=3, substeps=n) for n in (2, 5))
    assert np.abs(few - many)[:, 0].max() > 0  # chaos has parted them before the first sample
    assert name_attractors(few, EIGHT[:2]) == name_attractors(many, EIGHT[:2]) == ["lorenz"] * 4
