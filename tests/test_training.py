"""The compiled training loop against GradientTape, finite differences and Keras' Adam."""

import dataclasses
import functools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.modelling import backpropagation, training
from mflib.modelling.backpropagation import backpropagate
from mflib.modelling.closed_loop import drive, free_run, warm_up
from mflib.modelling.forcing import (
    FreeRunning,
    InputMixing,
    ScheduledSampling,
    SparseTeacherForcing,
    TeacherForcing,
)
from mflib.modelling.jit import jit
from mflib.modelling.refinement import RefinementConfig, refine
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


def plain_loss(weights, inputs, targets, burn_in, alpha=None, kind=LSTM):
    network = kind(**weights)
    state, errors = network.initial_state(inputs.shape[1]), []
    for t, (x, target) in enumerate(zip(inputs, targets, strict=True)):
        if alpha is not None:
            x = alpha[t] * x + (1 - alpha[t]) * network.readout(state)
        state = network.step(state, x)
        errors.append((network.readout(state) - target) ** 2)
    return tf.reduce_mean(tf.stack(errors[burn_in:]))


def problem(seed, time, batch, inputs, units, outputs, peepholes):
    rng = np.random.default_rng(seed)
    network = LSTM.create(inputs, units, outputs, peepholes=peepholes, dtype="float64")
    weights = {
        name: tf.constant(rng.normal(0, 0.7, weight.shape))
        for name, weight in network.weights().items()
    }
    data = tf.constant(rng.normal(size=(time, batch, inputs)))
    return weights, data, tf.constant(rng.normal(size=(time, batch, outputs)))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    time=st.integers(1, 9),
    batch=st.integers(1, 3),
    inputs=st.integers(1, 3),
    units=st.integers(1, 6),
    outputs=st.integers(1, 3),
    peepholes=st.booleans(),
    data=st.data(),
)
def test_gradient_is_the_tape_s(seed, time, batch, inputs, units, outputs, peepholes, data):
    burn_in = data.draw(st.integers(0, time - 1))
    weights, x, y = problem(seed, time, batch, inputs, units, outputs, peepholes)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        expected_loss = plain_loss(weights, x, y, burn_in)
    expected = tape.gradient(expected_loss, weights)
    loss, gradient = backpropagate(LSTM(**weights), x, y, burn_in)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-13)
    assert gradient.keys() == weights.keys()
    for name in weights:
        np.testing.assert_allclose(gradient[name], expected[name], rtol=0, atol=1e-12, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    time=st.integers(1, 9),
    batch=st.integers(1, 3),
    dim=st.integers(1, 3),
    units=st.integers(1, 6),
    peepholes=st.booleans(),
    data=st.data(),
)
def test_gradient_is_the_tape_s_when_outputs_are_heard(
    seed, time, batch, dim, units, peepholes, data
):
    share = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
    alpha = tf.constant(data.draw(st.lists(share, min_size=time, max_size=time)), tf.float64)
    burn_in = data.draw(st.integers(0, time - 1))
    weights, x, y = problem(seed, time, batch, dim, units, dim, peepholes)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        expected_loss = plain_loss(weights, x, y, burn_in, alpha)
    expected = tape.gradient(expected_loss, weights)
    loss, gradient = backpropagate(LSTM(**weights), x, y, burn_in, alpha)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    for name in weights:
        scale = 1 + np.max(np.abs(expected[name]))
        error = np.max(np.abs(gradient[name] - expected[name]))
        assert error <= 1e-12 * scale, name


def test_hearing_only_itself_is_the_closed_loop():
    weights, x, _ = problem(3, 6, 2, 2, 4, 2, True)
    network = LSTM(**weights)
    state, outputs = network.initial_state(2), []
    for _ in range(6):
        state = network.closed_step(state)
        outputs.append(network.readout(state))
    loss, _ = backpropagate(network, x, tf.stack(outputs), 0, tf.zeros(6))
    assert loss < 1e-28
    with pytest.raises(ValueError, match=r"alpha: got shape \(5,\).*expected \(6,\)"):
        backpropagate(network, x, x, 0, tf.zeros(5))


@pytest.mark.parametrize("alpha", [None, np.full(7, 0.3), np.zeros(7)])
@pytest.mark.parametrize("peepholes", [False, True])
def test_gradient_is_the_finite_difference_s(peepholes, alpha):
    weights, x, y = problem(0, 7, 2, 2, 4, 2, peepholes)
    _, gradient = backpropagate(LSTM(**weights), x, y, 2, alpha)
    rng = np.random.default_rng(1)
    for name, weight in weights.items():
        direction = rng.normal(size=weight.shape)
        step = 1e-6
        ahead, behind = (
            plain_loss({**weights, name: weight + sign * step * direction}, x, y, 2, alpha)
            for sign in (1, -1)
        )
        slope = np.sum(gradient[name] * direction)
        np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-5, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    seed=st.integers(0, 10**6),
    time=st.integers(1, 9),
    batch=st.integers(1, 3),
    dim=st.integers(1, 3),
    units=st.integers(1, 6),
    mixed=st.booleans(),
    data=st.data(),
)
def test_gradient_of_every_kind_is_the_tape_s(kind, seed, time, batch, dim, units, mixed, data):
    """Compiled, as in training, against the eager tape over a loop of steps and readouts."""
    burn_in = data.draw(st.integers(0, time - 1))
    rng = np.random.default_rng(seed)
    network = KINDS[kind](dim, units, dtype="float64")
    weights = {k: tf.constant(rng.normal(0, 0.7, w.shape)) for k, w in network.weights().items()}
    network = type(network)(**weights)
    x, y = (tf.constant(rng.normal(size=(time, batch, dim))) for _ in range(2))
    mixed = mixed and not isinstance(network, IncrementLSTM)
    alpha = tf.constant(rng.random(time)) if mixed else None
    with tf.GradientTape() as tape:
        tape.watch(weights)
        expected_loss = plain_loss(weights, x, y, burn_in, alpha, type(network))
    expected = tape.gradient(expected_loss, weights)
    loss, gradient = jit(backpropagate)(network, x, y, burn_in, alpha)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    assert gradient.keys() == weights.keys()
    for name in weights:
        scale = 1 + np.max(np.abs(expected[name]))
        error = np.max(np.abs(gradient[name] - expected[name]))
        assert error <= 1e-12 * scale, name


@pytest.mark.parametrize("alpha", [None, np.full(7, 0.3)])
@pytest.mark.parametrize("kind", [Elman, GRU])
def test_gradient_of_other_kinds_is_the_finite_difference_s(kind, alpha):
    rng = np.random.default_rng(0)
    network = kind.create(2, 4, seed=1, dtype="float64")
    weights = network.weights()
    x, y = (tf.constant(rng.normal(size=(7, 2, 2))) for _ in range(2))
    _, gradient = backpropagate(network, x, y, 2, alpha)
    for name, weight in weights.items():
        direction, step = rng.normal(size=weight.shape), 1e-6
        ahead, behind = (
            plain_loss({**weights, name: weight + sign * step * direction}, x, y, 2, alpha, kind)
            for sign in (1, -1)
        )
        slope = np.sum(gradient[name] * direction)
        np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-5, err_msg=name)


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
    protocol = TrainingConfig(steps=30, forcing=InputMixing(0.9, 0.5))
    whole = train(LSTM.create(2, 4), CIRCLES, protocol, progress=False)
    monkeypatch.setattr(training, "WIDE", 4)
    halves = train(LSTM.create(2, 4), CIRCLES, protocol, progress=False)
    np.testing.assert_allclose(whole.losses, halves.losses, rtol=1e-5)
    np.testing.assert_allclose(whole.network.kernel, halves.network.kernel, atol=1e-5)


def test_one_failure_stops_every_network(monkeypatch):
    """An interrupt takes the same way out."""
    calls = []

    def slow(carry, *_args, **_kwargs):
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


@pytest.mark.parametrize(
    ("trajectories", "message"),
    [
        ([CIRCLES[0], CIRCLES[1][:-1]], "trajectories: got shapes"),
        ([CIRCLES[0][:, 0]], "trajectories: got shapes"),
        ([], "trajectories: got shapes"),
        ([CIRCLES[0][:, :1]], "trajectories: got 1 coordinates"),
        ([CIRCLES[0][:20]], "trajectories: got 20 samples"),
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
        ({"batch": 0}, "batch: got 0"),
        ({"burn_in": 63}, "burn_in: got 63"),
        ({"learning_rate": 0.0}, "learning_rate: got 0.0"),
        ({"noise": (0.1, 0.0)}, "noise: got"),
        ({"clip": -1.0}, "clip: got -1.0"),
    ],
)
def test_bad_protocols(change, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**change)


# --- kinds of forcing ----------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "forcing", [FreeRunning(8), ScheduledSampling(), SparseTeacherForcing(4), InputMixing(1, 0.5)]
)
def test_training_with_every_kind_of_forcing(forcing):
    protocol = dataclasses.replace(SHORT, forcing=forcing)
    untrained = LSTM.create(2, 6, seed=1)
    trained = train(untrained, CIRCLES, protocol, progress=False).network
    assert one_step_error(trained, CIRCLES[0]) < 0.5 * one_step_error(untrained, CIRCLES[0])


def test_all_data_by_another_name_trains_the_same_network():
    ordinary = train(LSTM.create(2, 6, seed=1), CIRCLES, SHORT, progress=False)
    protocol = dataclasses.replace(SHORT, forcing=SparseTeacherForcing(1))
    same = train(LSTM.create(2, 6, seed=1), CIRCLES, protocol, progress=False)
    np.testing.assert_allclose(same.losses, ordinary.losses, rtol=1e-3)


# --- refinement ----------------------------------------------------------------------------


def test_readout_is_the_least_squares_solution():
    weights, x, y = problem(0, 30, 4, 2, 5, 3, False)
    _, _, solved = backpropagation._backpropagate(LSTM(**weights), x, y, 6, solve=True)
    states = [LSTM(**weights).initial_state(4)]
    for sample in x:
        states.append(LSTM(**weights).step(states[-1], sample))
    features = np.concatenate([state[:, :5] for state in states[7:]])
    features = np.column_stack([features, np.ones(len(features))])
    expected, *_ = np.linalg.lstsq(features, y[6:].numpy().reshape(-1, 3), rcond=None)
    found = np.vstack([solved.readout_kernel, solved.readout_bias])
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_gradient_with_the_readout_solved_for():
    weights, x, y = problem(1, 20, 4, 2, 4, 2, True)

    def loss(recurrent_kernel):
        network = LSTM(**weights | {"recurrent_kernel": recurrent_kernel})
        return backpropagation._backpropagate(network, x, y, 5, solve=True)

    kernel, direction = weights["recurrent_kernel"], np.random.default_rng(0).normal(size=(4, 16))
    _, gradient, _ = loss(kernel)
    step = 1e-5
    slope = (loss(kernel + step * direction)[0] - loss(kernel - step * direction)[0]) / (2 * step)
    expected = np.sum(gradient["recurrent_kernel"] * direction)
    np.testing.assert_allclose(slope, expected, rtol=1e-6)


def test_refinement_lowers_the_error_a_thousandfold_in_the_units_of_the_data():
    trajectory = 3 + CIRCLES[0]
    trained = train(LSTM.create(2, 6, seed=1), [trajectory], SHORT, progress=False).network
    refinement = RefinementConfig(iterations=60, window=40, burn_in=15)
    refined = refine(trained, [trajectory], refinement, progress=False)
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
        ({"noise": -1.0}, "noise: got -1.0"),
        ({"window": 400}, "expected at least 402 for windows of 400"),
    ],
)
def test_bad_refinements(change, message):
    with pytest.raises(ValueError, match=message):
        refine(LSTM.create(2, 4), CIRCLES, RefinementConfig(**change), progress=False)


def test_only_an_lstm_is_refined():
    with pytest.raises(ValueError, match=r"network: got Elman.*expected an LSTM"):
        refine(Elman.create(2, 4), CIRCLES, progress=False)


# --- increments ----------------------------------------------------------------------------


def test_an_increment_network_learns_increments():
    protocol = TrainingConfig(steps=800, batch=8, noise=(1e-3, 1e-4))
    trained = train(IncrementLSTM.create(2, 6, seed=1), CIRCLES, protocol, progress=False)
    assert trained.losses[-1] < 0.5  # repeating the last sample has loss 1
    error = one_step_error(trained.network, CIRCLES[0])
    assert error < 0.5 * np.mean(np.diff(CIRCLES[0], axis=0) ** 2)
    refined = refine(trained.network, CIRCLES, RefinementConfig(iterations=60), progress=False)
    assert isinstance(refined.network, IncrementLSTM)
    assert refined.losses[-1] < 0.1 * refined.losses[0]


def test_an_increment_network_hears_data_only():
    protocol = dataclasses.replace(SHORT, forcing=SparseTeacherForcing(4))
    with pytest.raises(ValueError, match="forcing: got Sparse"):
        train(IncrementLSTM.create(2, 6), CIRCLES, protocol, progress=False)


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
