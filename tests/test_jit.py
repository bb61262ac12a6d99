"""Compiled programs: shared, silent, and loops as in Python."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.closed_loop import free_run
from mflib.modelling.jit import fori_loop, jit
from mflib.networks.lstm import LSTM


def network(seed=0):
    return LSTM.create(2, 6, seed=seed)


def test_networks_of_one_shape_share_a_program():
    traced = []

    @jit
    def run(network, steps):
        traced.append(steps)
        return fori_loop(lambda _, s: network.closed_step(s), tf.ones((3, 12)), steps)

    ends = [run(network(seed), 21) for seed in range(3)]
    assert traced == [21]
    assert np.max(np.abs(ends[0] - ends[1])) > 1e-3
    run(network(), 22)
    assert traced == [21, 22]


def test_new_programs_are_no_reason_to_warn(caplog):
    for steps in range(60, 72):
        free_run(network(), np.ones((1, 12)), steps)
    assert not caplog.records


@pytest.mark.parametrize("differentiable", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 4, 11])
def test_a_loop_is_python_s(steps, differentiable):
    expected = 1
    for k in range(steps):
        expected = 3 * expected + k
    found = jit(lambda: fori_loop(lambda k, x: 3 * x + k, tf.constant(1), steps, differentiable))()
    assert found == expected


def test_options_go_by_name():
    program = jit(lambda x, *, double: 2 * x if double else x)
    assert program(tf.constant(3), double=True) == 6
    assert program(tf.constant(3), double=False) == 3
