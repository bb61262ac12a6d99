"""Several attractors in one network: their tasks, their names, and networks that are kept."""

import dataclasses

import numpy as np
import pytest

from mflib.dynamics.attractors import identify, identify_all
from mflib.experiments import two_worlds as experiment
from mflib.experiments.capacity import CURVES, FIGURES, Curves, curves
from mflib.experiments.two_worlds import (
    DISTANCES,
    PAIRS,
    SEEDS,
    gather_pairs,
    pair,
    pair_networks,
    two_worlds,
)
from mflib.experiments.worlds import (
    EIGHT,
    THIRTY_TWO,
    WORLDS,
    Worlds,
    first_worlds,
    known_worlds,
    residence,
    stays_of,
)
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.multifunctionality.identity import (
    LAW,
    PERIOD,
    Templates,
    ask_for_attractors,
    final_attractors,
    late_run,
)
from mflib.multifunctionality.lifetimes import Residence
from mflib.multifunctionality.tasks import TURN, Attractor, Lissajous
from mflib.networks.lstm import LSTM


@pytest.mark.parametrize("grid", [PAIRS, SEEDS, DISTANCES, CURVES])
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


def test_a_place():
    task = EIGHT[0]
    moved = dataclasses.replace(task, centre=(2.0, 0.0, -1.0))
    np.testing.assert_allclose(moved.data(), task.data() + np.array([2, 0, -1]))


def test_distance_moves_neighbours_apart():
    first, second = Worlds("lorenz halvorsen", distance=4.0).tasks()
    assert (first.centre[0], second.centre[0]) == (-2.0, 2.0)
    assert Worlds("lorenz halvorsen", 4.0, seed=3).name == "lorenz_halvorsen_4_64_3"
    assert Worlds(first_worlds(16), units=192).name == "16_worlds_0_192_0"


@pytest.mark.slow
@pytest.mark.parametrize("world", THIRTY_TWO, ids=lambda world: world.name)
def test_the_judge_names_true_orbits(world):
    """Of each of thirty-two, from stretches that it was not given; backwards it refuses them."""
    orbits = world.orbits(8, 100 * PERIOD, seed=7, substeps=2)
    assert [known_worlds().name(orbit) for orbit in orbits] == [world.name] * 8
    assert [known_worlds().name(orbit[::-1]) for orbit in orbits] == ["none"] * 8


@pytest.mark.slow
def test_the_recorded_templates_are_what_is_made_of_the_worlds():
    """Of two: all would take a minute."""
    made, kept = Templates.of(THIRTY_TWO[:2]), known_worlds()
    np.testing.assert_allclose(kept.quantiles[:2], made.quantiles, atol=1e-4)
    np.testing.assert_allclose(kept.reaches[:2], made.reaches, rtol=1e-3)


def test_closed_curves_are_named_too():
    known = Templates.of(FIGURES, TURN)
    for task in FIGURES:
        assert known.name(task.orbits(1, 100 * TURN, seed=7)[0]) == task.name


def test_the_judge_refuses_what_is_on_none():
    rest = np.zeros((100 * PERIOD, 3))
    slow = EIGHT[0].orbits(1, 50 * PERIOD)[0].repeat(2, axis=0)
    gone = np.full_like(rest, np.inf)
    noisy = EIGHT[0].orbits(1, 100 * PERIOD)[0]
    noisy = noisy + 0.03 * np.random.default_rng(0).normal(size=noisy.shape)
    for run in (rest, slow, gone, noisy):
        assert known_worlds().name(run) == "none"
    assert np.all(np.isinf(known_worlds().distances(gone)))


def test_the_law_of_a_flow_is_kept_by_its_orbits_alone():
    lorenz, chen = WORLDS["lorenz"], WORLDS["chen"]
    moved = dataclasses.replace(lorenz, centre=(2.0, 0.0, -1.0))
    assert lorenz.defect(lorenz.orbits(1, 400)[0]) < 1e-4
    assert moved.defect(moved.orbits(1, 400)[0]) < 1e-4
    assert lorenz.defect(chen.orbits(1, 400)[0]) > 4 * LAW
    assert lorenz.defect(np.ones((9, 3))) == lorenz.defect(np.full((9, 3), np.nan)) == np.inf


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
    assert final_attractors(network, cue, known_worlds(), turns=100) == ["none"] * 3
    found = residence(network, tasks, cues=2, turns=200)
    empty = {"entered": 0, "departures": [], "selected": {"none": 2}}
    assert found == {"lorenz": empty, "chen": empty}


def test_residences_come_back_from_a_row():
    entry = {"entered": 3, "departures": [[500, "chen"]], "selected": {}}
    stays = [Residence("lorenz", 500, "chen"), *2 * [Residence("lorenz", 2000, None)]]
    assert stays_of("lorenz", entry, turns=2000) == stays


def test_the_last_turns_are_those_of_one_long_run():
    network = LSTM.create(inputs=3, units=4, seed=1)
    cue = EIGHT[0].orbits(2, PERIOD)
    whole = free_run(network, warm_up(network, cue), 200 * PERIOD).outputs[:, -100 * PERIOD :]
    np.testing.assert_allclose(late_run(network, cue, turns=200), whole, atol=1e-5)


@pytest.mark.slow
def test_a_trained_network_is_asked_for_all_its_tasks(monkeypatch, tmp_path):
    few = Worlds("lorenz chen", units=3, steps=5, window=20, batch=4)
    network = few.trained(progress=False)
    found = ask_for_attractors(network, few.tasks(), known_worlds(), cues=3)
    for ends in found.values():
        assert [sum(numbers.values()) for numbers in ends.values()] == [3, 3]
    assert set(curves(Curves(2, 2, 0))["stored"]) == {"1:1", "1:1 backwards"}
    monkeypatch.setattr(experiment, "PAIR_FOLDER", tmp_path)
    assert sum(pair(few)["worlds"]["chen"]["selected"].values()) == 20
    assert (tmp_path / f"{few.name}.npz").exists()
    monkeypatch.setattr(experiment, "load_or_train", lambda configuration: network)
    monkeypatch.setattr(experiment, "FOLLOWED", 200)
    monkeypatch.setattr(experiment, "LONGEST", 300)
    row = two_worlds(few)
    assert row["longest"] == {"lorenz": [0, 3], "chen": [0, 3]}
    assert (row["cues"], row["right"]["clean"]) == (50, 0)


def test_networks_of_pairs_are_kept_in_one_file(monkeypatch, tmp_path):
    few = [Worlds(f"lorenz {name}", 0.0, 3, 0, 2, window=20, batch=4) for name in ("chen", "chua")]
    others = [dataclasses.replace(one, seed=1) for one in few]
    monkeypatch.setattr(experiment, "PAIRS", few + others)
    monkeypatch.setattr(experiment, "PAIR_FOLDER", tmp_path)
    monkeypatch.setattr(experiment, "PAIR_FILE", tmp_path / "all.npz")
    gather_pairs()
    for network, one in zip(pair_networks(), few, strict=True):
        trained = one.trained(progress=False)
        for name, weight in trained.weights().items():
            np.testing.assert_array_equal(network.weights()[name], weight)


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
    for orbits in (few, many):
        assert [known_worlds().name(orbit) for orbit in orbits] == ["lorenz"] * 4
