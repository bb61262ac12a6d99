"""What is recorded of networks with many worlds, on networks that hold none."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from mflib.experiments import capacity, controls, leaks, lifetimes
from mflib.experiments.controls import WorldReservoir, fitted, kinds_of_cues, right, shuffled
from mflib.experiments.lifetimes import counted, excess, fidelity, large
from mflib.experiments.worlds import WORLDS, ManyWorlds, Worlds, known_worlds
from mflib.multifunctionality import recipes
from mflib.multifunctionality.identity import PERIOD
from mflib.multifunctionality.lifetimes import departures
from mflib.multifunctionality.recipes import (
    orbits_beside,
    stretches,
    thin_orbits,
    train_where_runs_leave,
)
from mflib.networks.lstm import LSTM

PAIR = Worlds("lorenz chen", units=3, steps=5, window=20, batch=4)
TASKS = PAIR.tasks()


@pytest.fixture
def still(monkeypatch):
    """A network that does not move stands for the recorded one; it is followed for a short time."""
    network = LSTM.create(inputs=3, units=3)
    for module in (lifetimes, controls):
        monkeypatch.setattr(module, "load_or_train", lambda configuration: network)
    monkeypatch.setattr(lifetimes, "FOLLOWED", 200)
    monkeypatch.setattr(capacity, "FOLLOWED", 200)
    return network


@pytest.mark.slow
def test_a_network_at_rest_forecasts_nothing_and_its_errors_die_out(still):
    row = large(PAIR)
    assert row["worlds"]["chen"]["entered"] == 0
    assert row["late"] == {"lorenz": {"none": 25}, "chen": {"none": 25}}
    for found in row["fidelity"].values():
        assert found["horizon"] < 1
        assert found["exponents"][1] < 0
        assert found["stsp"] > 5
    assert row["fidelity"]["lorenz"]["exponents"][0] == pytest.approx(0.906, rel=0.02)
    assert json.loads(json.dumps(row)) == row


def test_a_distance_from_true_orbits_is_one_of_true_orbits():
    rng = np.random.default_rng(0)
    true, more, moved = rng.normal(size=(3, 6, 4000))

    def metric(a, b):
        return abs(a.mean() - b.mean())

    assert excess(metric, more, true) == pytest.approx(1, abs=0.5)
    assert excess(metric, moved + 1, true) > 20


@pytest.mark.slow
def test_the_law_is_asked_of_a_trained_network(still):
    row = capacity.law(PAIR)
    assert row["weights"] == 4 * 3 * (3 + 3 + 1) + 3 * 4
    assert capacity.attractors(row, 200) == []
    assert capacity.selected(row) == (0, 40)


def test_a_world_is_an_attractor_by_the_lower_bound_of_its_lifetime():
    none, one = [], [[1900, "chen"]]
    worlds = {
        name: {"entered": 20, "departures": left, "selected": {name: 19, "none": 1}}
        for name, left in (("lorenz", none), ("chen", one))
    }
    worlds["thomas"] = {"entered": 0, "departures": [], "selected": {"none": 20}}
    row = {"worlds": worlds}
    assert capacity.attractors(row) == ["lorenz"]
    assert capacity.selected(row) == (38, 60)


def test_strange_cues():
    cues = kinds_of_cues(TASKS)
    clean = cues["clean"]
    assert clean.shape == (50, PERIOD, 3)
    assert np.std(cues["noise 0.3"] - clean) == pytest.approx(0.3, rel=0.02)
    assert np.all(cues["first coordinate"][..., 1:] == 0)
    np.testing.assert_array_equal(cues["10 samples"], clean[:, -10:])
    assert WORLDS["chen"].defect(cues["beside the attractor"][-1]) < 1e-3
    assert not np.allclose(cues["beside the attractor"], clean)
    orbits = [task.orbits(4, 100 * PERIOD, seed=5, substeps=2) for task in TASKS]
    truth = np.concatenate([orbits[0], orbits[0]])  # the second world's runs are in the first
    assert right(lambda cues: truth, clean[:8], TASKS) == 4


def test_a_network_shuffled_has_its_weights_in_another_order():
    network = LSTM.create(inputs=3, units=4, seed=1)
    mixed = shuffled(network)
    for name, weight in network.weights().items():
        other = mixed.weights()[name].numpy()
        np.testing.assert_array_equal(np.sort(other, axis=None), np.sort(weight, axis=None))
    assert not np.array_equal(mixed.recurrent_kernel, network.recurrent_kernel)


def test_a_readout_is_fitted_to_all_worlds():
    tasks = [dataclasses.replace(WORLDS["lorenz"]), WORLDS["rossler"]]
    one = WorldReservoir("lorenz rossler", units=60, seed=100)
    network = one.trained()
    assert network.leak == one.leak
    found = fidelity(network, tasks[1])
    assert found["horizon"] > 0.2
    drawn = LSTM.create(inputs=3, units=8, seed=0)
    kept = fitted(drawn, tasks, 1e-3, 1e-6, 0)
    np.testing.assert_array_equal(kept.recurrent_kernel, drawn.recurrent_kernel)
    assert not np.array_equal(kept.readout_kernel, drawn.readout_kernel)


def test_names_are_counted():
    assert counted(np.array(["a", "b", "a"])) == {"a": 2, "b": 1}


@pytest.mark.slow
def test_controls_of_a_network_that_does_not_move(still, monkeypatch):
    monkeypatch.setattr(controls, "CUES", 2)
    row = controls.controls(PAIR)
    assert row["cues"] == 4
    assert set(row["network"].values()) == {0}
    assert row["parrot"]["clean"] == row["nearest"]["clean"] == 4
    assert row["shuffled"] == 0
    assert row["untrained"] <= 4


def test_the_law_is_found_from_networks_that_follow_it():
    rng, rows = np.random.default_rng(0), []
    for count, sizes in ((2, (8, 16, 24)), (4, (16, 32, 48)), (8, (32, 64, 96)), (16, (64, 128))):
        for units in sizes:
            share = 1 / (1 + (6 * count**0.9 / units) ** 3)
            for held in rng.binomial(count, share, size=20):
                kept = {"entered": 20, "departures": [], "selected": {}}
                lost = {"entered": 20, "departures": [[100, "none"]] * 20, "selected": {}}
                worlds = {f"{k}": kept if k < held else lost for k in range(count)}
                rows.append({"units": units, "worlds": worlds})
    found = capacity.fit_law(rows, draws=50)
    assert found.exponent[0] == pytest.approx(0.9, abs=0.1)
    assert found.size[0] == pytest.approx(6, rel=0.2)
    low, high = np.percentile(found.exponent, [2.5, 97.5])
    assert low < 0.9 < high
    assert found.share(12, 80)[0] == pytest.approx(1 / (1 + (6 * 12**0.9 / 80) ** 3), abs=0.05)


@pytest.mark.slow
def test_a_passage_is_closed_where_runs_left(monkeypatch):
    """A network trained for a moment is left at once: all runs depart, or were never there."""
    monkeypatch.setattr(leaks, "FOLLOWED", 200)
    monkeypatch.setattr(leaks, "load_or_train", lambda one: one.trained(progress=False))
    row = leaks.leaks(PAIR)
    assert set(row) == {
        "worlds",
        "kicked",
        "expected",
        "equilibria",
    }  # none was there, so none left
    assert row["kicked"] == {"lorenz": 25, "chen": 25}
    # every passage fails: the share of turns that are among the nearest 2,500 of 40,000
    assert row["expected"] == pytest.approx({"lorenz": 0.0625, "chen": 0.0625})
    assert [x[2] for x in row["equilibria"]["lorenz"]] == [2, 1, 2]


def test_places_of_departure_and_orbits_from_them():
    world = WORLDS["lorenz"]
    places = world.equilibria()
    assert sorted(np.sign(places[:, 0]).tolist()) == [-1, 1, 1]
    orbits = orbits_beside(world, places, 40, seed=0)
    assert orbits.shape == (40, 300, 3)
    gaps = np.linalg.norm(orbits[:, :1] - places, axis=2).min(axis=1)
    assert 0.05 < gaps.mean() < 0.3
    assert max(world.defect(orbit) for orbit in orbits) < 1e-3
    still, cues = LSTM.create(inputs=3, units=3), world.orbits(5, 40)
    assert departures(still, world, cues, known_worlds(), 100).shape == (5, 3)


def test_training_goes_on_where_runs_leave(monkeypatch):
    """A network that stands still leaves at once, and is trained on more than the data it had."""
    given = []

    def trained(network, data, config, **_):
        given.append(np.stack(data))
        return SimpleNamespace(network=network)

    monkeypatch.setattr(recipes, "train", trained)
    monkeypatch.setattr(recipes, "RUN", 100)
    world, still = WORLDS["rossler"], LSTM.create(inputs=3, units=3)
    assert train_where_runs_leave(still, [world], known_worlds(), 2, batch=4) is still
    data, thin = len(stretches(world)), recipes.ADDED
    assert [len(x) for x in given] == [data + thin + k * recipes.BACK for k in (1, 2)]
    monkeypatch.setattr(recipes, "departures", lambda *_: np.zeros((0, 3)))
    assert train_where_runs_leave(still, [world], known_worlds(), 2, batch=4) is still
    assert len(given) == 2, "where no run leaves there is nothing to train"


@pytest.mark.slow
def test_thin_data_are_where_orbits_seldom_are():
    """Past an equilibrium of Lorenz' system, to which its orbits seldom come near."""
    world = WORLDS["lorenz"]
    thin, usual = thin_orbits(world, 10), world.orbits(10, 300)

    def nearest(orbits):
        gaps = orbits[:, 75:225, None] - world.equilibria()
        return np.linalg.norm(gaps, axis=3).min(axis=(1, 2)).mean()

    assert nearest(thin) < 0.7 * nearest(usual)
    assert max(world.defect(orbit) for orbit in thin) < 1e-3


@pytest.mark.slow
def test_a_network_is_trained_on_in_rounds(monkeypatch):
    monkeypatch.setattr(recipes, "RUN", 100)
    few = ManyWorlds("lorenz chen", 0.0, 3, 0, 5, 3e-3, 20, 4, rounds=1)
    first = dataclasses.replace(PAIR, steps=5, last_noise=3e-3).trained(progress=False)
    again, same = few.trained(progress=False), few.trained(progress=False)
    np.testing.assert_array_equal(again.kernel, same.kernel)
    moved = np.abs(again.kernel - first.kernel)
    assert moved.max() > 0
