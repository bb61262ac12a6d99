"""L-BFGS with the readout solved for."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.backpropagation import backpropagate_solved
from mflib.modelling.closed_loop import drive
from mflib.modelling.refinement import RefinementConfig, refine, train_and_refine
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.elman import Elman
from mflib.networks.gru import IncrementGRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.polynomials import polynomial
from mflib.networks.recurrent import replace

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


def test_only_a_recurrent_network_is_refined():
    with pytest.raises(ValueError, match=r"(?s)network: got Polynomial.*expected an Elman"):
        refine(polynomial(2, 1), CIRCLES, progress=False)


@pytest.mark.parametrize("kind", [IncrementLSTM, IncrementGRU])
def test_an_increment_network_is_refined_as_one(kind):
    config = TrainingConfig(steps=800, batch=8, noise=(1e-3, 1e-4))
    trained = train(kind.create(2, 6, seed=1), CIRCLES, config, progress=False)
    refined = refine(trained.network, CIRCLES, RefinementConfig(iterations=60), progress=False)
    assert isinstance(refined.network, kind)
    assert refined.losses[-1] < 0.1 * refined.losses[0]


@pytest.mark.parametrize("kind", [Elman, IncrementGRU, IncrementLSTM])
def test_the_gradient_with_the_readout_solved_is_that_of_differences(kind):
    network = kind.create(2, 3, seed=1, dtype="float64")
    x = np.random.default_rng(0).normal(size=(12, 4, 2))
    inputs, targets = tf.constant(x[:-1]), tf.constant(x[1:])
    _, gradient, _ = backpropagate_solved(network, inputs, targets, 3)
    direction = np.random.default_rng(1).normal(size=network.kernel.shape)

    def loss(size):
        moved = replace(network, kernel=network.kernel + size * direction)
        return float(backpropagate_solved(moved, inputs, targets, 3)[0])

    slope = (loss(1e-4) - loss(-1e-4)) / 2e-4
    assert np.sum(gradient["kernel"] * direction) == pytest.approx(slope, rel=1e-4)


def test_both_stages_in_one_call():
    stages = TrainingConfig(steps=20, window=20, burn_in=5), RefinementConfig(iterations=3)
    start, options = LSTM.create(2, 4, seed=1), {"seed": 2, "progress": False}
    network = train(start, CIRCLES, stages[0], **options).network
    expected = refine(network, CIRCLES, stages[1], **options).network
    found = train_and_refine(start, CIRCLES, *stages, **options)
    np.testing.assert_array_equal(found.recurrent_kernel, expected.recurrent_kernel)
