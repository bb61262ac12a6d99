"""Experiments of Part IV: their configurations, loops that are no good, models that are kept."""

import dataclasses
import json
from dataclasses import asdict

import numpy as np
import pytest
import tensorflow as tf

from mflib.experiments import learning_chaos, shared_units, training
from mflib.experiments.bifurcations import BIFURCATIONS, Bifurcation
from mflib.experiments.learning_chaos import Model
from mflib.experiments.records import load_or_train, train_seeds
from mflib.experiments.shared_units import SHARED_UNITS, SharedUnits
from mflib.experiments.training import (
    RUNS,
    STEPS,
    TRAININGS,
    LorenzTraining,
    lorenz,
    lorenz_judged,
)
from mflib.modelling.training import TrainingConfig
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import cast, replace


def test_every_way_of_training_is_a_valid_protocol_with_five_seeds():
    ways = {json.dumps(asdict(one) | {"seed": None}) for one in TRAININGS}
    assert len(TRAININGS) == 5 * len(ways)
    for one in TRAININGS:
        assert one.config.steps <= STEPS


def test_the_refinement_goes_on_with_the_noise_that_training_ended_with(monkeypatch):
    used = []
    monkeypatch.setattr(training, "train_and_refine", lambda *given, **_: used.append(given[-1]))
    LorenzTraining(0, noise=(0.1, 0.02), iterations=7).trained()
    assert [one.iterations for one in used] == [1, 7]  # the first only compiles
    assert {one.noise for one in used} == {0.02}


def test_training_is_the_same_again_and_depends_on_its_configuration():
    small = {"steps": 20, "units": 4, "window": 30}
    one, again = (LorenzTraining(0, **small).trained()[0] for _ in range(2))
    other = LorenzTraining(0, noise=(0.1, 0.1), **small).trained()[0]
    assert tf.reduce_all(one.kernel == again.kernel)
    assert tf.reduce_any(one.kernel != other.kernel)


@pytest.fixture(scope="module")
def standing_still():
    return lorenz_judged(LSTM.create(inputs=3, units=4))


def test_a_loop_at_rest_is_far_from_the_attractor(standing_still):
    assert standing_still["kept"] == 0
    assert standing_still["vpt_mean"] < 0.5
    assert standing_still["d_stsp"] > 5
    assert standing_still["exponents"][0] < 0


def test_a_loop_that_leaves_all_bounds_is_a_verdict():
    network = IncrementLSTM.create(inputs=3, units=4)
    network = cast(network, "float64")
    network = replace(network, readout_bias=tf.fill((3,), tf.constant(1e305, "float64")))
    found = lorenz_judged(network)
    assert (found["kept"], found["exponents"]) == (0, None)
    assert json.loads(json.dumps(found)) == found


def test_data_are_of_the_published_size_and_runs_are_apart():
    task = lorenz()
    assert task.data.shape == (20_000, 3)
    assert len(task.long) == RUNS
    assert abs(task.long[0, -1] - task.long[1, -1]).max() > 0.1


def test_a_model_is_trained_once_and_kept(tmp_path, monkeypatch):
    """A file that is there is read, and is that model's or refused."""
    few = TrainingConfig(steps=20, window=20, burn_in=5)
    monkeypatch.setattr(learning_chaos, "ADAM_STAGE", few)
    model = Model("lorenz", 0.01, units=2, samples=300, iterations=2)
    first = load_or_train(model, tmp_path)
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(Model, "trained", None)  # would fail if it were called
    np.testing.assert_array_equal(first.kernel, load_or_train(model, tmp_path).kernel)
    assert first.dtype.name == "float64"

    other = dataclasses.replace(model, dt=0.02)
    with pytest.raises(ValueError, match=r"folder: .* holds"):
        load_or_train(other, tmp_path)
    assert file.name == "lorenz_2_2_0.npz"


@pytest.mark.parametrize("grid", [BIFURCATIONS, SHARED_UNITS, TRAININGS])
def test_every_configuration_is_there_once(grid):
    assert len(set(grid)) == len(grid)


def test_networks_of_several_seeds_are_those_of_each_without_a_word(monkeypatch, capfd):
    """A worker of a sweep writes no progress bars."""
    few = TrainingConfig(steps=20, window=20, burn_in=5)
    monkeypatch.setattr(shared_units, "TrainingConfig", lambda: few)
    both = train_seeds(SharedUnits(3, seed=9), [4, 5])
    assert capfd.readouterr().err == ""
    for seed, network in zip((4, 5), both, strict=True):
        np.testing.assert_array_equal(network.kernel, SharedUnits(3, seed).trained().kernel)
    assert np.any(both[0].kernel != both[1].kernel)


def test_a_second_training_goes_on_from_the_first():
    study = Bifurcation("again", 3, seed=0)
    first = study.trained([0], steps=20)
    assert study.trained([0], first, steps=0) is first
    longer, fresh = study.trained([0], first, steps=20), study.trained([1], steps=20)
    assert np.any(longer.kernel != first.kernel)
    assert np.any(fresh.kernel != first.kernel)
    assert study.passes(first) == [False, False]
