"""Fixed points of closed loops, against networks whose fixed points are known."""

import numpy as np
import pytest

from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.skeleton import fixed_points
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import cast


def two_units(gain, turn=0.0):
    """Two units ``h' = tanh(W h)`` with a rotation in W, their output fed back as nothing."""
    kernel = gain * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    none = np.zeros((2, 2))
    return Elman(none, kernel, bias=none[0], readout_kernel=np.eye(2), readout_bias=none[0])


def test_uncoupled_units_have_the_fixed_points_of_one_unit_in_every_combination():
    axis = np.linspace(-1.2, 1.2, 9)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    found = fixed_points(two_units(2.0), grid)
    own = 0.957504024077
    known = [(x, y) for x in (-own, 0, own) for y in (-own, 0, own)]
    np.testing.assert_allclose(found.states, known, atol=1e-9)
    np.testing.assert_allclose(found.outputs, known, atol=1e-9)
    assert found.unstable.tolist() == [0, 1, 0, 1, 2, 1, 0, 1, 0]
    slopes = {0: 2.0, own: 2 * (1 - own**2)}
    for state, multipliers in zip(found.states, found.multipliers, strict=True):
        expected = sorted([slopes[0 if abs(x) < 0.1 else own] for x in state], reverse=True)
        np.testing.assert_allclose(multipliers, expected, atol=1e-8)


def test_multipliers_of_a_rotation_are_a_complex_pair():
    found = fixed_points(two_units(0.9, turn=0.3), [[0.5, 0.2]])
    assert len(found.states) == 1 and found.unstable.tolist() == [0]
    assert np.abs(found.multipliers[0]) == pytest.approx([0.9, 0.9])
    assert abs(np.angle(found.multipliers[0, 0])) == pytest.approx(0.3)


def test_at_a_fold_where_newton_has_a_singular_matrix():
    found = fixed_points(two_units(1.0), [[0.0, 0.0], [0.3, 0.0]])
    assert np.abs(found.states).max() < 1e-3
    assert len(found.states) >= 1


def test_what_newton_finds_is_where_the_loop_stands_still():
    network = LSTM.create(inputs=2, units=6, seed=3)
    cue = np.random.default_rng(0).normal(size=(10, 30, 2))
    found = fixed_points(network, warm_up(network, cue))
    assert len(found.states) >= 1
    run = free_run(cast(network, "float64"), found.states, 5)
    np.testing.assert_allclose(run.state, found.states, atol=1e-8)
    np.testing.assert_allclose(run.outputs[:, 0], found.outputs, atol=1e-12)


def test_a_cell_that_only_counts_has_no_fixed_point():
    shapes = LSTM.create(inputs=1, units=1).weights()
    weights = {name: np.zeros(weight.shape) for name, weight in shapes.items()}
    weights["bias"] = np.array([40.0, 40.0, 40.0, 0.0])  # input, forget and candidate are 1
    found = fixed_points(LSTM(**weights), [[0.0, 0.0], [0.5, 3.0]])
    assert found.states.shape == (0, 2)
    assert found.outputs.shape == (0, 1)
    assert found.multipliers.shape == (0, 2)
    assert found.unstable.shape == (0,)


def test_unfit_arguments_are_named():
    with pytest.raises(ValueError, match="starts"):
        fixed_points(two_units(1.0), [[np.nan, 0.0]])
    with pytest.raises(ValueError, match="network: got 2 inputs and 1 outputs"):
        fixed_points(LSTM.create(inputs=2, units=3, outputs=1), np.zeros((1, 6)))
