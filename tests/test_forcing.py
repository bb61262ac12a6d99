"""What drives a network in training."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.closed_loop import drive
from mflib.modelling.forcing import (
    FreeRunning,
    InputMixing,
    ScheduledSampling,
    SparseTeacherForcing,
    TeacherForcing,
)
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.lstm import LSTM

CIRCLES = [task.trajectory(300, 0.1) for task in seeing_double()]
SHORT = TrainingConfig(steps=120, batch=8, window=20, burn_in=5)


def one_step_error(network, trajectory):
    outputs = network.readout(drive(network, trajectory[None, :-1])[0, 20:])
    return np.mean((outputs.numpy() - trajectory[21:]) ** 2)


def shares(forcing, done, time=12, seed=(0, 1)):
    return forcing.shares(time, tf.constant(done), tf.constant(seed)).numpy()


def test_forcing_by_kind():
    assert TeacherForcing().shares(12, tf.constant(0.5), tf.constant((0, 1))) is None
    np.testing.assert_array_equal(shares(FreeRunning(6), 0.0), np.ones(12))
    np.testing.assert_array_equal(shares(FreeRunning(6), 0.999), [1] * 6 + [0] * 6)
    np.testing.assert_array_equal(np.flatnonzero(shares(SparseTeacherForcing(5), 0.3)), [4, 9])
    np.testing.assert_array_equal(shares(SparseTeacherForcing(1), 0.3), np.ones(12))
    np.testing.assert_allclose(shares(InputMixing(1.0, 0.2), 0.5), np.full(12, 0.6), rtol=1e-6)


def test_scheduled_sampling_draws_less_and_less_data():
    drawn = [shares(ScheduledSampling(0.1), done, time=4000) for done in (0.0, 0.5, 1.0)]
    assert set(np.unique(drawn)) == {0, 1}
    chances = 1 / (1 + np.exp([-5, 0, 5]))
    np.testing.assert_allclose(np.mean(drawn, axis=1), chances, atol=0.03)
    again = shares(ScheduledSampling(0.1), 0.5, time=4000)
    np.testing.assert_array_equal(again, drawn[1])
    assert not np.array_equal(shares(ScheduledSampling(0.1), 0.5, time=4000, seed=(0, 2)), drawn[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "forcing", [FreeRunning(8), ScheduledSampling(), SparseTeacherForcing(4), InputMixing(1, 0.5)]
)
def test_training_with_every_kind_of_forcing(forcing):
    config = dataclasses.replace(SHORT, forcing=forcing)
    untrained = LSTM.create(2, 6, seed=1)
    trained = train(untrained, CIRCLES, config, progress=False).network
    assert one_step_error(trained, CIRCLES[0]) < 0.5 * one_step_error(untrained, CIRCLES[0])


@pytest.mark.slow
def test_all_data_by_another_name_trains_the_same_network():
    ordinary = train(LSTM.create(2, 6, seed=1), CIRCLES, SHORT, progress=False)
    config = dataclasses.replace(SHORT, forcing=SparseTeacherForcing(1))
    same = train(LSTM.create(2, 6, seed=1), CIRCLES, config, progress=False)
    np.testing.assert_allclose(same.losses, ordinary.losses, rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FreeRunning(-1), "longest: got -1"),
        (lambda: FreeRunning(2.5), "longest: got 2.5"),
        (lambda: ScheduledSampling(0), "width: got 0"),
        (lambda: ScheduledSampling(np.nan), "width: got nan"),
        (lambda: SparseTeacherForcing(0), "every: got 0"),
        (lambda: InputMixing(1, np.nan), "last: got nan"),
        (lambda: InputMixing(-0.1, 1), "first: got -0.1"),
    ],
)
def test_bad_forcing(make, message):
    with pytest.raises(ValueError, match=message):
        make()
