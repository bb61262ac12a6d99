"""Attractors followed through a parameter, on networks whose bifurcations are known."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.perturbations import (
    interpolate_weights,
    residence_time,
    rotation,
    run_with_kicks,
    scale_recurrence,
    shift_forget_bias,
    sweep_parameter,
)
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM

ONE, ZERO = tf.ones((1, 1), tf.float64), tf.zeros((1, 1), tf.float64)


def unit(gain, bias=0.0):
    """``h' = tanh(gain * h + bias)``, which its readout does not drive."""
    return Elman(ZERO, gain * ONE, bias=bias * ONE[0], readout_kernel=ONE, readout_bias=ZERO[0])


def test_a_pitchfork_is_where_the_slope_at_zero_is_one():
    gains = np.linspace(1.5, 0.5, 101)
    branch = sweep_parameter(unit, gains, [[0.9], [-0.9]], settle=3000, steps=1)
    ends = branch.states[:, :, 0]
    clear = np.abs(gains - 1) > 0.015  # at the pitchfork itself nothing settles
    np.testing.assert_allclose(ends[clear], np.tanh(gains[:, None] * ends)[clear], atol=1e-6)
    assert np.all((np.abs(ends[clear, 0]) > 1e-2) == (gains[clear] > 1))
    np.testing.assert_allclose(ends[:, 0], -ends[:, 1])


def test_a_fold_is_passed_at_different_values_on_the_way_out_and_back():
    # fixed points of tanh(2 h + b) fold where 2 (1 - h^2) = 1
    h = np.sqrt(0.5)
    fold = 2 * h - np.arctanh(h)
    biases = np.linspace(1, -1, 401)
    out = sweep_parameter(lambda b: unit(2, b), biases, [[0.9]], settle=2000, steps=1)
    back = sweep_parameter(lambda b: unit(2, b), biases[::-1], out.states[-1], settle=2000, steps=1)
    for branch, sign in ((out, 1), (back, -1)):
        left = np.argmax(sign * branch.states[:, 0, 0] < 0)
        assert branch.values[left] == pytest.approx(-sign * fold, abs=0.006)


def test_a_branch_goes_on_from_its_own_states():
    network = LSTM.create(inputs=2, units=4, seed=3)
    whole = sweep_parameter(
        lambda g: scale_recurrence(network, g), [1, 1.1], np.ones((2, 8)), settle=3, steps=5
    )
    first = sweep_parameter(
        lambda g: scale_recurrence(network, g), [1], np.ones((2, 8)), settle=3, steps=5
    )
    second = sweep_parameter(
        lambda g: scale_recurrence(network, g), [1.1], first.states[0], settle=3, steps=5
    )
    assert whole.outputs.shape == (2, 2, 5, 2)
    np.testing.assert_allclose(whole.outputs[1], second.outputs[0], atol=1e-6)


def test_rotation_of_known_circles():
    orbits = np.array([task.trajectory(630, 0.1) for task in seeing_double(2.0)])
    found = rotation(orbits, 0.1)
    np.testing.assert_array_equal(found.direction, [1, -1])
    np.testing.assert_allclose(found.frequency, [1, -1], rtol=1e-5)
    np.testing.assert_allclose(found.radius, 5, rtol=1e-3)
    there_and_back = np.concatenate([orbits[0], orbits[0, ::-1]])
    assert rotation(there_and_back, 0.1).direction == 0
    assert rotation(1e-3 * orbits[0], 0.1).direction == 0
    assert rotation(np.full((9, 2), np.nan), 0.1).direction == 0


def test_only_the_forget_gates_are_shifted():
    network = LSTM.create(inputs=2, units=4, seed=3)
    difference = shift_forget_bias(network, 0.5).bias - network.bias
    np.testing.assert_allclose(difference, np.repeat([0, 0.5, 0, 0], 4))


def test_mixed_networks_are_the_ends_and_the_middle():
    first, second = (LSTM.create(inputs=2, units=4, seed=seed) for seed in (0, 1))
    for share, truth in (
        (0, first.kernel),
        (1, second.kernel),
        (0.5, (first.kernel + second.kernel) / 2),
    ):
        np.testing.assert_allclose(
            interpolate_weights(first, second, share).kernel, truth, atol=1e-7
        )
    with pytest.raises(ValueError, match="second: got"):
        interpolate_weights(first, LSTM.create(inputs=2, units=5), 0.5)


def test_kicks_are_as_large_as_asked():
    # with gain 0 the state is zero after every step, so all that is seen is the readout's bias
    network = Elman(ZERO, ZERO, bias=ZERO[0], readout_kernel=ONE, readout_bias=ZERO[0])
    runs = run_with_kicks(network, np.full((4000, 1), 2.0), kick=0.1, every=2, times=3)
    assert runs.shape == (4000, 3, 2, 1)
    assert np.std(runs[:, 0, 0] - 2) == pytest.approx(0.2, rel=0.05)
    assert np.std(runs[:, 1, 0]) == pytest.approx(0.2, rel=0.05)
    np.testing.assert_array_equal(runs[:, :, 1], 0)


def test_residence_of_a_coin():
    rng = np.random.default_rng(0)
    directions = np.cumprod(np.where(rng.random((50, 2000)) < 0.05, -1, 1), axis=1)
    assert residence_time(directions) == pytest.approx(20, rel=0.05)
    assert residence_time(np.ones((2, 5))) == np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": []}, "values: got"),
        ({"values": [np.nan]}, "values: got"),
        ({"settle": -1}, "settle: got -1"),
        ({"settle": 3.0}, "settle: got 3.0"),
        ({"steps": 0}, "steps: got 0"),
        ({"state": [[0.1, 0.2]]}, "state: got"),
    ],
)
def test_a_sweep_refuses(arguments, message):
    good = {"values": [1.0], "state": [[0.1]], "settle": 0, "steps": 1}
    with pytest.raises(ValueError, match=message):
        sweep_parameter(unit, **(good | arguments))


NETWORK = LSTM.create(2, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rotation(np.ones((2, 2)), 0.1), "outputs: got"),
        (lambda: rotation(np.ones((9, 3)), 0.1), "outputs: got"),
        (lambda: rotation(np.ones(9), 0.1), "outputs: got"),
        (lambda: rotation(np.ones((9, 2)), 0), "dt: got"),
        (lambda: rotation(np.ones((9, 2)), np.nan), "dt: got"),
        (lambda: rotation(np.ones((9, 2)), 0.1, least=-1), "least: got"),
        (lambda: scale_recurrence(NETWORK, np.nan), "gain: got nan"),
        (lambda: scale_recurrence(NETWORK, "1"), "gain: got '1'"),
        (lambda: shift_forget_bias(NETWORK, None), "shift: got None"),
        (lambda: shift_forget_bias(NETWORK, np.inf), "shift: got inf"),
        (lambda: interpolate_weights(NETWORK, NETWORK, np.nan), "share: got nan"),
        (lambda: run_with_kicks(unit(1), [[0.1]], kick=-1, every=1, times=1), "kick: got"),
        (lambda: run_with_kicks(unit(1), [[0.1]], kick=np.nan, every=1, times=1), "kick: got"),
        (lambda: run_with_kicks(unit(1), [[0.1]], kick=1, every=1, times=0), "times: got"),
        (lambda: run_with_kicks(unit(1), [[0.1]], kick=1, every=1.5, times=1), "steps: got 1.5"),
        (lambda: residence_time([1, -1]), "directions: got"),
    ],
)
def test_the_others_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()
