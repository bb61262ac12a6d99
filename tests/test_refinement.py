"""L-BFGS with the readout solved for."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.closed_loop import drive
from mflib.modelling.refinement import RefinementConfig, refine, train_and_refine
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM, IncrementLSTM

CIRCLES = [task.trajectory(300, 0.1) for task in seeing_double()]
SHORT = TrainingConfig(steps=120, batch=8, window=20, burn_in=5)


def one_step_error(network, trajectory):
    outputs = network.readout(drive(network, trajectory[None, :-1])[0, 20:])
    return np.mean((outputs.numpy() - trajectory[21:]) ** 2)


def test_refinement_lowers_the_error_a_thousandfold_in_the_units_of_the_data():
    trajectory = 3 + CIRCLES[0]
    trained = train(LSTM.create(2, 6, seed=1), [trajectory], SHORT, progress=False).network
    config = RefinementConfig(iterations=60, window=40, burn_in=15)
    refined = refine(trained, [trajectory], config, progress=False)
    assert refined.network.dtype == tf.float64
    assert np.all(np.diff(refined.losses) <= 0)
    refined_error = one_step_error(refined.network, trajectory)
    assert refined_error < 1e-3 * one_step_error(trained, trajectory)


def test_refinement_goes_on_from_its_own_result():
    first = refine(
        LSTM.create(2, 4, seed=0), CIRCLES, RefinementConfig(iterations=5), progress=False
    )
    second = refine(first.network, CIRCLES, RefinementConfig(iterations=5), progress=False)
    assert second.losses[-1] < first.losses[-1]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"iterations": 0}, "iterations: got 0"),
        ({"burn_in": 40}, "burn_in: got 40"),
        ({"burn_in": 2.5}, "burn_in: got 2.5"),
        ({"noise": -1.0}, "noise: got -1"),
        ({"noise": np.nan}, "noise: got nan"),
        ({"window": 400}, "at least 402 for windows of 400"),
    ],
)
def test_bad_configurations(change, message):
    with pytest.raises(ValueError, match=message):
        refine(LSTM.create(2, 4), CIRCLES, RefinementConfig(**change), progress=False)


def test_only_an_lstm_is_refined():
    with pytest.raises(ValueError, match=r"network: got Elman.*expected an LSTM"):
        refine(Elman.create(2, 4), CIRCLES, progress=False)


def test_an_increment_network_is_refined_as_one():
    config = TrainingConfig(steps=800, batch=8, noise=(1e-3, 1e-4))
    trained = train(IncrementLSTM.create(2, 6, seed=1), CIRCLES, config, progress=False)
    refined = refine(trained.network, CIRCLES, RefinementConfig(iterations=60), progress=False)
    assert isinstance(refined.network, IncrementLSTM)
    assert refined.losses[-1] < 0.1 * refined.losses[0]


def test_both_stages_in_one_call():
    stages = TrainingConfig(steps=20, window=20, burn_in=5), RefinementConfig(iterations=3)
    start, options = LSTM.create(2, 4, seed=1), {"seed": 2, "progress": False}
    network = train(start, CIRCLES, stages[0], **options).network
    expected = refine(network, CIRCLES, stages[1], **options).network
    found = train_and_refine(start, CIRCLES, *stages, **options)
    np.testing.assert_array_equal(found.recurrent_kernel, expected.recurrent_kernel)
