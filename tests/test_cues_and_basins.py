"""Cues of every kind, random states, and the experiment that asks with them."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from mflib.experiments import cues_and_basins as experiment
from mflib.experiments.cues_and_basins import (
    CUES_AND_BASINS,
    LENGTHS,
    MIXTURES,
    STARTS,
    CuesAndBasins,
    cues_and_basins,
    mixtures,
    named_attractors,
    noisy_cues,
    random_states,
    states_after_cues,
    states_after_cues_ending,
    untrained_cues,
)
from mflib.modelling.closed_loop import warm_up
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality.tasks import cues, seeing_double
from mflib.networks.lstm import LSTM

NETWORK = LSTM.create(inputs=2, units=4, seed=1)
TASKS = seeing_double(3.0)


def test_every_configuration_is_there_once():
    assert len(set(CUES_AND_BASINS)) == len(CUES_AND_BASINS)


def test_states_on_the_way_are_those_after_shorter_cues():
    cue = cues(TASKS[0], 13, 0.1, 5)
    states = states_after_cues(NETWORK, cue, (1, 4, 13))
    for state, length in zip(states, (1, 4, 13), strict=True):
        np.testing.assert_allclose(state, warm_up(NETWORK, cue[:, :length]), atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_cues_that_end_at_an_angle_do(task):
    angles, lengths = [0.3, 2.0], (1, 6, 20)
    states = states_after_cues_ending(NETWORK, task, angles, lengths)
    for j, length in enumerate(lengths):
        for k, angle in enumerate(angles):
            backwards = task.trajectory(length, -0.1, angle)
            after = warm_up(NETWORK, backwards[None, ::-1])[0]
            np.testing.assert_allclose(states[j, k], after, atol=1e-6)


def test_at_a_crossing_the_last_samples_of_both_circles_are_the_same():
    angle = np.arccos(-3 / 5)
    states = [
        states_after_cues_ending(NETWORK, task, at, [1])
        for task, at in zip(TASKS, ([angle, -angle], [np.pi - angle, np.pi + angle]), strict=True)
    ]
    np.testing.assert_allclose(*states, atol=1e-6)


def test_mixtures_go_from_one_task_to_the_other():
    mixed = mixtures(TASKS, MIXTURES)
    assert mixed.shape == (len(MIXTURES), STARTS, 63, 2)
    for share, task in ((0, TASKS[0]), (-1, TASKS[1])):
        np.testing.assert_allclose(mixed[share], cues(task, 63, 0.1, STARTS))


def test_equal_parts_of_two_directions_are_a_line():
    for cue in mixtures(seeing_double(), [0.5])[0]:
        assert np.linalg.svd(cue)[1][1] < 1e-9


def test_noise_has_its_size_and_its_seed():
    noise = noisy_cues(TASKS, 0.4, seed=3) - noisy_cues(TASKS, 0.0, seed=3)
    assert noise.std() == pytest.approx(2, rel=0.05)
    np.testing.assert_array_equal(noisy_cues(TASKS, 0.4, 3), noisy_cues(TASKS, 0.4, 3))
    assert np.any(noisy_cues(TASKS, 0.4, 3) != noisy_cues(TASKS, 0.4, 4))


def test_untrained_cues_are_neither_of_the_circles():
    trained = np.concatenate([cues(task, 63, 0.1, STARTS) for task in seeing_double()])
    for cue in untrained_cues().values():
        assert cue.shape == (STARTS, 63, 2)
        assert np.abs(cue[:, None] - trained).max(axis=(2, 3)).min() > 1


def test_random_states_fill_what_the_states_visited_span():
    visited = np.array([[0.1] * 4 + [2.0, 1.0, 0.5, 0.1], [-0.3] * 4 + [-3.0, 0.0, 0.0, 0.0]])
    states = random_states(NETWORK, visited, 4000, seed=2)
    bounds = np.abs(states).max(axis=0)
    np.testing.assert_allclose(bounds, [1, 1, 1, 1, 3, 1, 0.5, 0.1], rtol=0.01)
    np.testing.assert_allclose(states.mean(axis=0), 0, atol=0.1)


def test_a_census_of_a_network_that_rests_finds_a_fixed_point():
    found, names = named_attractors(NETWORK, random_states(NETWORK, np.ones((1, 8)), 20), TASKS)
    assert names == ["fixed point"]
    assert found.effective == 1


@pytest.mark.slow
def test_the_experiment_measures_all_it_says_and_json_can_hold_it(monkeypatch):
    few = TrainingConfig(steps=20, batch=4, window=20, burn_in=5)
    monkeypatch.setattr(experiment, "TrainingConfig", lambda **_: few)
    found = cues_and_basins(CuesAndBasins(seed=100, units=3, x_cen=3.0))
    assert json.loads(json.dumps(found)) == found
    assert np.shape(found["right"]) == np.shape(found["switched"]) == (2, len(LENGTHS))
    assert len(found["crossing"]) == len(found["outside"]) == len(LENGTHS)
    assert np.sum(found["mixed"], axis=1).tolist() == [STARTS] * len(MIXTURES)
    assert all(sum(ends) == STARTS for ends in found["untrained"].values())
    assert sum(one["share"] for one in found["census"]) == pytest.approx(1)
    assert not found["multifunctional"]


def test_a_configuration_says_how_its_network_is_trained():
    assert CuesAndBasins(0).noise == TrainingConfig().noise
    assert asdict(CuesAndBasins(0, noise=(1e-3, 1e-3)))["noise"] == (1e-3, 1e-3)
