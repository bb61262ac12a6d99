"""Listening, then closing the loop.

:func:`warm_up` drives a network with data; :func:`free_run` feeds it its own output from then
on, ``s' = F(s, G(s))``: an autonomous dynamical system. Each is one compiled XLA program, for
any :class:`~mflib.networks.Network`. Networks of one shape share it; a new batch size, length or
kind of network costs one compilation, about half a second.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mflib.networks import Network

__all__ = ["FreeRun", "compiled", "fold", "free_run", "jacobian", "warm_up"]

UNROLL = 8


class FreeRun(NamedTuple):
    """What a closed loop did.

    Attributes
    ----------
    outputs : tf.Tensor, shape (batch, steps, outputs)
        ``outputs[:, 0]`` is the readout of the state the run started from: the network's
        continuation of the cue it has just heard.
    state : tf.Tensor, shape (batch, state_dim)
        The state after the run; running on from it continues the trajectory.
    states : tf.Tensor or None, shape (batch, steps, state_dim)
        The states whose readouts the outputs are, if they were asked for.
    """

    outputs: tf.Tensor
    state: tf.Tensor
    states: tf.Tensor | None = None


def warm_up(network: Network, cue, state=None) -> tf.Tensor:
    """Drive the network with data and return the state it ends in.

    Parameters
    ----------
    network : Network
    cue : array_like, shape (batch, time, inputs)
        Data, in the units the network was made for.
    state : array_like, shape (batch, state_dim), optional
        State to start from; by default the network's initial state.

    Returns
    -------
    tf.Tensor, shape (batch, state_dim)

    Raises
    ------
    ValueError
        If the cue is empty, not finite, or of the wrong shape.

    Examples
    --------
    >>> from mflib.networks import LSTM
    >>> from mflib.tasks import cues, seeing_double
    >>> network = LSTM.create(inputs=2, units=8)
    >>> state = warm_up(network, cues(seeing_double()[0], length=20, dt=0.1, count=3))
    >>> free_run(network, state, steps=50).outputs.shape
    TensorShape([3, 50, 2])
    """
    cue = _tensor("cue", cue, ("batch", "time", "inputs"), network)
    if cue.shape[1] < 1 or cue.shape[2] != network.inputs:
        raise ValueError(
            f"cue: got shape {tuple(cue.shape)}, expected (batch, time, {network.inputs}) "
            "with at least one sample in time"
        )
    if state is None:
        state = network.initial_state(cue.shape[0])
    state = _state(network, state, batch=cue.shape[0])
    return _warm_up(network, cue, state)


def free_run(network: Network, state, steps: int, *, states: bool = False) -> FreeRun:
    """Close the loop and let the network run by itself.

    A run that leaves all bounds is returned as it is, with what infinities or NaNs it met:
    whether a run diverged is for :mod:`mflib.judge` to say.

    Parameters
    ----------
    network : Network
        With as many outputs as inputs.
    state : array_like, shape (batch, state_dim)
        Usually from :func:`warm_up`.
    steps : int
        At least 1.
    states : bool
        Whether to return the states along the way too.

    Returns
    -------
    FreeRun

    Raises
    ------
    ValueError
        If the loop cannot be closed, or an argument does not fit.
    """
    _closable(network)
    if steps != int(steps) or steps < 1:
        raise ValueError(f"steps: got {steps}, expected a whole number, at least 1")
    state = _state(network, state)
    return FreeRun(*_free_run(network, state, int(steps), bool(states)))


def jacobian(network: Network, state) -> tf.Tensor:
    r"""Jacobian :math:`\partial s' / \partial s` of one step of the closed loop.

    Parameters
    ----------
    network : Network
        With as many outputs as inputs.
    state : array_like, shape (batch, state_dim)

    Returns
    -------
    tf.Tensor, shape (batch, state_dim, state_dim)
        Row by component of the new state, column by component of the old one.

    Raises
    ------
    ValueError
        If the loop cannot be closed, or the state does not fit.

    Examples
    --------
    >>> from mflib.networks import LSTM
    >>> network = LSTM.create(inputs=2, units=8)
    >>> jacobian(network, network.initial_state(batch=3)).shape
    TensorShape([3, 16, 16])
    """
    _closable(network)
    return _jacobian(network, _state(network, state))


def compiled(function: Callable) -> Callable:
    """Make a function an XLA program, one for each kind, shape and value of its arguments.

    Networks and tensors stay arguments of the program; plain Python values become part of it.
    """
    programs = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*arguments):
        # a program asked for by its arguments may be new without a warning of retracing
        return programs.get_concrete_function(*arguments)(*arguments)

    call.count = programs.experimental_get_tracing_count
    return call


def fold(body: Callable, carry, steps: int, unroll: int = 1):
    """``carry = body(k, carry)`` for ``k = 0 .. steps - 1``, as one loop of a compiled program.

    With ``unroll`` above 1 that many steps stand in one turn of the loop. XLA fuses within a
    turn, not across, so the loop of a small network then spends less time copying its state.
    """
    turns = steps // unroll * unroll

    def turn(k, carry):
        for j in range(unroll):
            carry = body(k + j, carry)
        return k + unroll, carry

    _, carry = tf.while_loop(
        lambda k, _: k < turns, turn, (0, carry), maximum_iterations=steps // unroll
    )
    for k in range(turns, steps):
        carry = body(k, carry)
    return carry


@compiled
def _warm_up(network, cue, state):
    samples = tf.transpose(cue, (1, 0, 2))
    return fold(lambda k, state: network.step(state, samples[k]), state, cue.shape[1], UNROLL)


@compiled
def _free_run(network, state, steps, states):
    trajectory = tf.TensorArray(state.dtype, steps, element_shape=state.shape)

    def body(k, carry):
        state, trajectory = carry
        return network.closed_step(state), trajectory.write(k, state)

    state, trajectory = fold(body, (state, trajectory), steps, UNROLL)
    trajectory = trajectory.stack()
    # reading all outputs off at once is one large product instead of `steps` small ones
    outputs = network.readout(tf.reshape(trajectory, (-1, state.shape[1])))
    outputs = tf.reshape(outputs, (steps, state.shape[0], -1))
    outputs = tf.transpose(outputs, (1, 0, 2))
    return outputs, state, tf.transpose(trajectory, (1, 0, 2)) if states else None


@compiled
def _jacobian(network, state):
    with tf.GradientTape() as tape:
        tape.watch(state)
        after = network.closed_step(state)
    return tape.batch_jacobian(after, state)


def _closable(network: Network) -> None:
    if network.inputs != network.outputs:
        raise ValueError(
            f"network: got {network.inputs} inputs and {network.outputs} outputs, expected as "
            "many, so that the outputs can be fed back"
        )


def _state(network: Network, state, batch: int | None = None) -> tf.Tensor:
    state = _tensor("state", state, ("batch", "state_dim"), network)
    expected = (state.shape[0] if batch is None else batch, network.state_dim)
    if tuple(state.shape) != expected:
        raise ValueError(f"state: got shape {tuple(state.shape)}, expected {expected}")
    return state


def _tensor(name: str, array, axes: tuple[str, ...], network: Network) -> tf.Tensor:
    """``array`` as a finite tensor of the network's type with the named axes."""
    array = np.asarray(array)
    if array.ndim != len(axes) or array.shape[0] < 1:
        raise ValueError(f"{name}: got shape {array.shape}, expected ({', '.join(axes)})")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: got numbers of type {array.dtype}, expected real numbers")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: got values that are not finite, expected finite numbers")
    return tf.constant(array, network.dtype)
