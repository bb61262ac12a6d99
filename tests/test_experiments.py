"""Experiments of Part IV: their configurations, loops that are no good, models that are kept."""

import dataclasses
import json
from dataclasses import asdict

import numpy as np
import pytest
import tensorflow as tf

from mflib.experiments import learning_chaos
from mflib.experiments.learning_chaos import Model
from mflib.experiments.records import load_or_train
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
        assert one.protocol().steps <= STEPS
        assert not one.iterations or one.refinement().noise == one.noise[1]


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
    assert standing_still["bounded"]
    assert standing_still["kept"] == 0
    assert standing_still["vpt_mean"] < 0.5
    assert standing_still["d_stsp"] > 5
    assert standing_still["exponents"][0] < 0


def test_a_loop_that_leaves_all_bounds_is_a_verdict():
    network = IncrementLSTM.create(inputs=3, units=4)
    network = cast(network, "float64")
    network = replace(network, readout_bias=tf.fill((3,), tf.constant(1e305, "float64")))
    found = lorenz_judged(network)
    assert (found["bounded"], found["kept"], found["exponents"]) == (False, 0, None)
    assert found["d_h"] == 1
    assert json.loads(json.dumps(found)) == found


def test_data_are_of_the_published_size_and_runs_are_apart():
    task = lorenz()
    assert task.data.shape == (20_000, 3)
    assert len(task.long) == RUNS
    assert abs(task.long[0, -1] - task.long[1, -1]).max() > 0.1


def test_a_model_is_trained_once_and_kept(tmp_path, monkeypatch):
    """A file that is there is read, and is that model's or refused."""
    few = TrainingConfig(steps=20, window=20, burn_in=5)
    monkeypatch.setattr(learning_chaos, "FIRST", few)
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
