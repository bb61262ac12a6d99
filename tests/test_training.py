"""The compiled training loop: what it starts from, what it ends with, what it refuses."""

import dataclasses
import functools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling import training
from mflib.modelling.closed_loop import drive, free_run, warm_up
from mflib.modelling.forcing import InputMixing, SparseTeacherForcing
from mflib.modelling.training import TrainingConfig, train, train_many
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM

KINDS = {
    "LSTM": LSTM.create,
    "LSTM with peepholes": functools.partial(LSTM.create, peepholes=True),
    "IncrementLSTM": IncrementLSTM.create,
    "Elman": Elman.create,
    "GRU": GRU.create,
}
CIRCLES = [task.trajectory(300, 0.1) for task in seeing_double()]
SHORT = TrainingConfig(steps=120, batch=8, window=20, burn_in=5)


def one_step_error(network, trajectory):
    outputs = network.readout(drive(network, trajectory[None, :-1])[0, 20:])
    return np.mean((outputs.numpy() - trajectory[21:]) ** 2)


def test_adam_is_keras_adam():
    rng = np.random.default_rng(2)
    weights = {"w": tf.constant(rng.normal(size=(4, 3)))}
    variable = keras.Variable(weights["w"], dtype="float64")
    adam = keras.optimizers.Adam(0.05)
    m = v = {"w": tf.zeros((4, 3), tf.float64)}
    for step in range(1, 6):
        gradient = {"w": tf.constant(rng.normal(size=(4, 3)))}
        adam.apply([gradient["w"]], [variable])
        rate = tf.constant(0.05, tf.float64)
        weights, m, v = training.adam(weights, gradient, m, v, rate, step)
    # Keras keeps the learning rate and the powers of beta in single precision
    np.testing.assert_allclose(weights["w"], variable.numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"IncrementLSTM"}))
def test_training_lowers_the_loss_and_keeps_kind_and_units(kind):
    untrained = KINDS[kind](2, 8, seed=0)
    trained = train(untrained, CIRCLES, SHORT, progress=False)
    assert type(trained.network) is type(untrained)
    assert trained.network.weights().keys() == untrained.weights().keys()
    assert len(trained.losses) == 2
    assert trained.losses[-1] < trained.losses[0] / 3
    outputs = free_run(trained.network, warm_up(trained.network, [CIRCLES[0][:40]]), 1).outputs
    np.testing.assert_allclose(outputs[0, 0], CIRCLES[0][40], atol=2.5)  # radius 5


def test_same_seed_same_network_whatever_is_trained_beside_it():
    def create(seed):
        return LSTM.create(2, 4, seed=seed)

    alone = train(create(3), CIRCLES, SHORT, seed=3, progress=False)
    beside = train_many(create, CIRCLES, SHORT, seeds=[1, 3, 5], progress=False)
    assert [result.seed for result in beside] == [1, 3, 5]
    for name, weight in alone.network.weights().items():
        np.testing.assert_array_equal(weight, beside[1].network.weights()[name])
        assert np.any(weight != beside[0].network.weights()[name])


def test_steps_are_seeded_one_by_one(monkeypatch):
    """Calling the compiled program for 40 steps thrice is calling it for 120 once."""
    whole = train(LSTM.create(2, 4), CIRCLES, SHORT, progress=False)
    monkeypatch.setattr(training, "STEPS_PER_CALL", 40)
    parts = train(LSTM.create(2, 4), CIRCLES, SHORT, progress=False)
    np.testing.assert_allclose(whole.network.kernel, parts.network.kernel, atol=1e-6)


def test_a_wide_network_is_trained_by_halves(monkeypatch):
    """Two programs with half of the windows each find the gradient of one with all."""
    config = TrainingConfig(steps=30, forcing=InputMixing(0.9, 0.5))
    whole = train(LSTM.create(2, 4), CIRCLES, config, progress=False)
    monkeypatch.setattr(training, "WIDE", 4)
    halves = train(LSTM.create(2, 4), CIRCLES, config, progress=False)
    np.testing.assert_allclose(whole.losses, halves.losses, rtol=1e-5)
    np.testing.assert_allclose(whole.network.kernel, halves.network.kernel, atol=1e-5)


def test_one_failure_stops_every_network(monkeypatch):
    """An interrupt takes the same way out."""
    calls = []

    def slow(carry, *_args):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("out of luck")
        time.sleep(0.02)
        return carry, 1.0

    def create(seed):
        return LSTM.create(2, 4, seed=seed)

    monkeypatch.setattr(training, "_steps", slow)
    with pytest.raises(RuntimeError, match="out of luck"):
        train_many(create, CIRCLES, SHORT, seeds=range(50), progress=False)
    assert len(calls) < 20  # of 100


@pytest.mark.parametrize("seed", [1.5, 2**40, -1, None])
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match="seed: got"):
        train(LSTM.create(2, 4), CIRCLES, SHORT, seed=seed, progress=False)


def test_only_a_recurrent_network_with_a_loop_is_trained():
    with pytest.raises(ValueError, match=r"network: got .*Sequential.*expected"):
        train(keras.Sequential(), CIRCLES, SHORT, progress=False)
    with pytest.raises(ValueError, match="network: got 2 inputs and 1 outputs"):
        train(LSTM.create(2, 4, 1), CIRCLES, SHORT, progress=False)


def test_numbers_of_numpy_are_numbers():
    config = TrainingConfig(steps=np.uint8(200), window=np.int64(20), learning_rate=np.float32(0.5))
    assert config.steps + 100 == 300
    assert type(config.window) is int


SHIFTED = [3 + 4 * circle for circle in CIRCLES]
STILL = dataclasses.replace(SHORT, steps=1, learning_rate=1e-9, noise=(0.01, 0.01))


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_training_goes_on_in_the_units_of_the_data(kind):
    """A step at no rate changes nothing."""
    first = train(KINDS[kind](2, 8, seed=1), SHIFTED, SHORT, progress=False)
    more = train(first.network, SHIFTED, STILL, progress=False)
    again = train(more.network, SHIFTED, STILL, progress=False)
    assert again.losses[0] == pytest.approx(more.losses[0], rel=1e-3)
    assert more.losses[0] < 2 * first.losses[-1]
    for name, weight in first.network.weights().items():
        scale = np.max(np.abs(weight))
        np.testing.assert_allclose(more.network.weights()[name], weight, atol=2e-5 * scale)


def test_training_goes_on_with_other_data():
    """What the network does with data of any location and scale is what it did."""
    first = train(LSTM.create(2, 8, seed=1), CIRCLES, SHORT, progress=False).network
    more = train(first, SHIFTED, STILL, progress=False).network
    np.testing.assert_allclose(one_step(more), one_step(first), atol=1e-3)


def one_step(network):
    return network.readout(drive(network, [CIRCLES[0]])[0]).numpy()


def test_a_network_just_created_starts_on_standardised_data():
    """Location and scale of the data do not matter to it, as they do once it has units."""
    fresh = LSTM.create(2, 8, seed=1)
    assert fresh.standardised
    here, there = (train(fresh, data, SHORT, progress=False) for data in (CIRCLES, SHIFTED))
    np.testing.assert_allclose(here.losses, there.losses, rtol=1e-3)
    assert not here.network.standardised
    placed = train(fresh.in_units(0, 1), SHIFTED, SHORT, progress=False)
    assert abs(placed.losses[0] / here.losses[0] - 1) > 0.1


@pytest.mark.parametrize(
    ("trajectories", "message"),
    [
        ([CIRCLES[0], CIRCLES[1][:-1]], r"trajectories: got lengths \[299, 300\], expected one"),
        ([CIRCLES[0][:, 0]], r"trajectories: got shape \(300,\)"),
        (CIRCLES[0], r"one array of shape \(300, 2\), expected a list.*\[trajectory\]"),
        ([], r"trajectories: got lengths \[\]"),
        ([CIRCLES[0][:, :1]], r"trajectories: got shape \(300, 1\).*, 2\)"),
        ([CIRCLES[0][:20]], r"trajectories: got lengths \[20\].* at least 22"),
        ([np.where(CIRCLES[0] > 4.9, np.nan, CIRCLES[0])], "trajectories: got values"),
        ([np.ones((300, 2))], "trajectories: got one point"),
    ],
)
def test_bad_trajectories(trajectories, message):
    with pytest.raises(ValueError, match=message):
        train(LSTM.create(2, 4), trajectories, SHORT, progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps: got 0"),
        ({"steps": np.nan}, "steps: got nan"),
        ({"batch": 0}, "batch: got 0"),
        ({"batch": 4.5}, "batch: got 4.5"),
        ({"window": 20.5}, "window: got 20.5"),
        ({"forcing": None}, "forcing: got None"),
        ({"noise": 0.1}, "noise: got 0.1"),
        ({"noise": (0.1, np.nan)}, "noise: got"),
        ({"burn_in": 63}, "burn_in: got 63"),
        ({"learning_rate": 0.0}, "learning_rate: got 0"),
        ({"noise": (0.1, 0.0)}, "noise: got"),
        ({"clip": -1.0}, "clip: got -1"),
    ],
)
def test_bad_configurations(change, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**change)


def test_an_increment_network_learns_increments():
    config = TrainingConfig(steps=800, batch=8, noise=(1e-3, 1e-4))
    trained = train(IncrementLSTM.create(2, 6, seed=1), CIRCLES, config, progress=False)
    assert trained.losses[-1] < 0.5  # repeating the last sample has loss 1
    error = one_step_error(trained.network, CIRCLES[0])
    assert error < 0.5 * np.mean(np.diff(CIRCLES[0], axis=0) ** 2)


def test_an_increment_network_is_driven_by_data_only():
    config = dataclasses.replace(SHORT, forcing=SparseTeacherForcing(4))
    with pytest.raises(ValueError, match="forcing: got Sparse"):
        train(IncrementLSTM.create(2, 6), CIRCLES, config, progress=False)


def test_mixing_inputs_damps_only_the_way_round_through_the_output():
    """Not the whole Jacobian of the closed loop, as mixing states would."""
    network, alpha, h = LSTM.create(2, 5, seed=3, dtype="float64"), 0.1, 1e-6
    rng = np.random.default_rng(0)
    state, data = rng.normal(size=(1, 10)), rng.normal(size=(1, 2))

    def slope(function, at):
        return np.stack(
            [
                (function(at + e).numpy()[0] - function(at - e).numpy()[0]) / (2 * h)
                for e in h * np.eye(at.shape[1])[:, None]
            ],
            axis=1,
        )

    def mixed(state):
        return network.step(state, alpha * data + (1 - alpha) * network.readout(state))

    u = alpha * data + (1 - alpha) * network.readout(state).numpy()
    own = slope(lambda s: network.step(s, u), state)
    around = slope(lambda u: network.step(state, u), u) @ slope(network.readout, state)
    np.testing.assert_allclose(slope(mixed, state), own + (1 - alpha) * around, atol=1e-8)
    assert np.abs(slope(mixed, state) - (1 - alpha) * (own + around)).max() > 0.01


def test_an_equal_configuration_shares_the_compiled_program(monkeypatch):
    traced = []
    shares = SparseTeacherForcing.shares
    monkeypatch.setattr(
        SparseTeacherForcing, "shares", lambda *given: traced.append(1) or shares(*given)
    )
    for seed in range(2):  # configurations of their own, as recorded points have them
        config = dataclasses.replace(SHORT, steps=2, window=19, forcing=SparseTeacherForcing(7))
        train(LSTM.create(2, 6, seed=seed), CIRCLES, config, seed=seed, progress=False)
        del config
    assert len(traced) == 1
