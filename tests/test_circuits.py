"""Activity, lesions and exchanged states, on networks whose circuits are known."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.closed_loop import free_run
from mflib.multifunctionality.circuits import (
    Lesioned,
    activity,
    decoding,
    fisher_discriminant,
    lesions,
    matching_moments,
    on_attractors,
    overlap,
    selectivity,
    shared,
    signals,
    task_reached,
    transplant,
)
from mflib.multifunctionality.tasks import Circle, cues
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Network, replace

RNG = np.random.default_rng(0)
DT = 0.1


class Pens(Network):
    """Four units: two turn a pen of radius 1, two hold their level. What is heard is ignored."""

    rate: tf.Tensor
    units = state_dim = property(lambda self: 4)
    inputs = outputs = property(lambda self: 2)
    dtype = property(lambda self: tf.float64)

    def initial_state(self, batch):
        return tf.tile(tf.constant([[1.0, 0.0, 1.0, 1.0]], self.dtype), (batch, 1))

    def step(self, state, u):
        radius = tf.norm(state[:, :2], axis=1, keepdims=True)
        x, y = tf.unstack(state[:, :2] / tf.maximum(radius, 1e-9), axis=1)
        turn = self.rate * tf.tanh(5 * state[:, 2])
        turned = [x * tf.cos(turn) - y * tf.sin(turn), x * tf.sin(turn) + y * tf.cos(turn)]
        return tf.concat([tf.stack(turned, axis=1), tf.sign(state[:, 2:])], axis=1)

    def readout(self, state):
        return state[:, :2]


PENS = Pens(tf.constant(DT / np.tanh(5.0), tf.float64))
TASKS = Circle("A", 1.0), Circle("B", 1.0, omega=-1.0)


def test_signals_are_those_of_the_equations():
    network = LSTM.create(inputs=2, units=5, peepholes=True, seed=1, dtype="float64")
    network = replace(network, peepholes=tf.constant(RNG.normal(size=(3, 5))))
    states = RNG.normal(size=(7, 10))
    found = signals(network, states)
    after = network.closed_step(tf.constant(states)).numpy()
    c = found["f"] * found["c"] + found["i"] * found["g"]
    np.testing.assert_allclose(after[:, 5:], c, atol=1e-12)
    np.testing.assert_allclose(after[:, :5], found["o"] * np.tanh(c), atol=1e-12)
    assert set(signals(Elman.create(inputs=2, units=3), np.zeros((4, 3)))) == {"h"}


def test_activity_knows_what_follows_the_outputs():
    outputs = TASKS[0].trajectory(630, 2 * np.pi / 630)
    signal = np.column_stack([3 + outputs @ [1, 2], outputs[:, 0] ** 2, np.ones(630)])
    found = activity(signal, outputs)
    np.testing.assert_allclose(found.mean, [3, 0.5, 1], atol=1e-12)
    np.testing.assert_allclose(found.spread, [np.sqrt(2.5), np.sqrt(1 / 8), 0], atol=1e-12)
    np.testing.assert_allclose(found.followed, [1, 0, 0], atol=1e-12)


def test_overlap_is_the_area_under_the_counts():
    first, second = RNG.uniform(0, 1, (2, 20))
    thresholds = (np.arange(20_000) + 0.5) / 20_000
    active = np.mean(first[:, None] > thresholds, axis=0)
    shares = np.nan_to_num(shared(first, second, thresholds))
    area = np.sum(shares * active) / np.sum(active)
    assert overlap(first, second) == pytest.approx(area, rel=1e-4)
    assert overlap(first, first) == 1


def test_selectivity_of_two_levels_with_noise():
    a, b = RNG.normal(size=(2, 100_000, 1)) + np.array([[[1.0]], [[-1.0]]])
    assert selectivity(a, b) == pytest.approx([0.5], abs=0.01)
    assert np.isnan(selectivity(np.ones((3, 1)), np.ones((3, 1))))


def test_a_removed_unit_is_a_unit_without_outgoing_weights():
    network = LSTM.create(inputs=2, units=6, seed=3, dtype="float64")
    without = np.ones((6, 1))
    without[2] = 0
    cut = replace(
        network,
        recurrent_kernel=network.recurrent_kernel * without,
        readout_kernel=network.readout_kernel * without,
    )
    lesioned = Lesioned(network, tf.constant(without.T), tf.zeros(6, tf.float64))
    state = RNG.normal(size=(3, 12))
    run, expected = (free_run(one, state, 50).outputs for one in (lesioned, cut))
    np.testing.assert_allclose(run, expected, atol=1e-12)
    u = tf.constant(RNG.normal(size=(3, 2)))
    np.testing.assert_allclose(lesioned.step(state, u), cut.step(state, u), atol=1e-12)


def test_a_unit_held_at_its_level_and_rows_of_patients():
    network = Elman.create(inputs=2, units=3, seed=0, dtype="float64")
    keep = tf.constant([[1.0, 0.0, 1.0], [0.5, 1.0, 1.0]], tf.float64)
    patients = Lesioned(network, keep, tf.constant([1.0, 2.0, 3.0], tf.float64))
    heard = patients.muted(tf.constant([[4.0, 4.0, 4.0]] * 4, tf.float64)).numpy()
    np.testing.assert_array_equal(heard[:2], [[4, 2, 4], [2.5, 4, 4]])
    np.testing.assert_array_equal(heard[2:], heard[:2])


def test_lesions_find_the_units_that_are_needed():
    keep = np.concatenate([np.ones((1, 4)), 1 - np.eye(4)])
    found = lesions(PENS, TASKS, DT, keep, cues_per_task=3)
    # a cut of the third unit stops the pen; the fourth does nothing; without one of its two
    # coordinates the pen is not round; and nothing makes it go backwards
    assert found[:, 0].tolist() == [True, False, False, False, True]
    assert not found[:, 1].any()
    at_level = lesions(PENS, TASKS, DT, keep, level=[0, 0, -1, 0], cues_per_task=3)
    assert at_level[:, 1].tolist() == [False, False, False, True, False]


def test_states_at_the_same_place_and_what_an_exchange_does():
    cue = np.stack([cues(task, 5, DT, 1)[0] for task in TASKS])
    states, outputs = on_attractors(PENS, cue, settle=10, steps=630)
    assert states.shape == (2, 630, 4) and outputs.shape == (2, 630, 2)
    other = free_run(PENS, states[1, -1:] * [1, 1, -1, 1], 630, states=True)
    backwards, places = other.states.numpy()[0], other.outputs.numpy()[0]
    at_a, at_b = matching_moments(outputs[0], places, count=16)
    assert np.abs(outputs[0][at_a] - places[at_b]).max() < DT
    a, b = states[0][at_a], backwards[at_b]
    third, fourth = np.eye(4)[2:]
    assert np.all(task_reached(PENS, a, TASKS, DT) == 0)
    assert np.all(task_reached(PENS, transplant(a, b, third), TASKS, DT) == 1)
    assert np.all(task_reached(PENS, transplant(a, b, fourth), TASKS, DT) == 0)
    assert np.all(task_reached(PENS, a * [1, 1, 0, 1], TASKS, DT) == -1)


def test_transplant_replaces_a_part_and_nothing_else():
    receiver, donor, basis = (RNG.normal(size=shape) for shape in ((4, 6), (4, 6), (2, 6)))
    mixed = transplant(receiver, donor, basis)
    np.testing.assert_allclose(mixed @ basis.T, donor @ basis.T)
    rest = np.linalg.svd(basis)[2][2:]
    np.testing.assert_allclose(mixed @ rest.T, receiver @ rest.T)


def test_a_flag_is_read_at_places_never_seen_and_a_velocity_is_not():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    quarter = (2 * angle / np.pi).astype(int)
    place = np.column_stack([np.cos(angle), np.sin(angle)])
    velocity = np.column_stack([-np.sin(angle), np.cos(angle)])
    flagged = [np.column_stack([place, np.full(400, flag)]) for flag in (1.0, -1.0)]
    moving = [np.column_stack([place, sign * velocity]) for sign in (1, -1)]
    assert decoding(*flagged, quarter, quarter) == 1
    assert decoding(*moving, quarter, quarter) < 0.6


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: activity(np.ones(3), np.ones((3, 2))), "signal"),
        (lambda: shared([1, 2], [1], [0.5]), "second"),
        (lambda: overlap([0, 0], [1, 1]), "first"),
        (lambda: selectivity(np.ones((3, 2))), "tasks"),
        (lambda: lesions(PENS, TASKS, DT, np.ones(4)), "keep"),
        (lambda: lesions(PENS, TASKS, DT, np.ones((1, 4)), level=[0]), "level"),
        (lambda: matching_moments(np.ones((5, 2)), np.ones((5, 2)), 6), "count"),
        (lambda: transplant(np.ones((2, 3)), np.ones((2, 3)), np.ones(2)), "basis"),
        (lambda: decoding(np.ones((2, 1)), np.ones((2, 1)), [0, 0], [1, 1]), "first_fold"),
        (lambda: signals(Elman.create(inputs=2, units=3), np.ones((4, 5))), "states"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        call()


def test_single_numbers_are_separated_by_their_sign():
    assert fisher_discriminant([[1.0], [2.0]], [[3.0], [5.0]]).tolist() == [-1.0]


SOME = np.random.default_rng(0).normal(size=(9, 2))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (SOME, "first, second: got sets with the same"),
        (np.ones((5, 3)), r"second: got shape \(5, 3\)"),
        (np.inf * SOME, "second: got values that are"),
    ],
)
def test_what_cannot_be_discriminated_is_refused(second, message):
    with pytest.raises(ValueError, match=message):
        fisher_discriminant(SOME, second)
