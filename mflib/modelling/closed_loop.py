"""A network driven by data, then its closed loop.

:func:`warm_up` drives a network with data; :func:`free_run` feeds it its own output from then
on, ``s' = F(s, G(s))``: an autonomous dynamical system. :func:`jacobian` and
:func:`propagate_tangents` tell what happens to neighbours of a state. Each is one compiled XLA
program, for any :class:`~mflib.networks.recurrent.Network`. Networks of one shape share it; a new
batch size, length or kind of network costs one compilation, about half a second.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from mflib import checks
from mflib.modelling.jit import jit, scan
from mflib.networks.recurrent import ConstantInputs, Network

ZERO = tf.UnconnectedGradients.ZERO
#: So many vectors are made orthonormal one by one; then they leave the rest in one product.
BLOCK = 16


class FreeRun(NamedTuple):
    """What a closed loop did.

    Attributes:
        outputs (batch, steps, outputs): ``outputs[:, 0]`` is the readout of the state the run
            started from: the network's continuation of the cue that led to it.
        state (batch, state_dim): The state after the run; running on from it continues the
            trajectory.
        states (batch, steps, state_dim): Those whose readouts the outputs are, if they were asked
            for.
    """

    outputs: tf.Tensor
    state: tf.Tensor
    states: tf.Tensor | None


class TangentRun(NamedTuple):
    """What became of states and of tangent vectors.

    Attributes:
        state (members, state_dim): After the last step.
        frame (members, state_dim, count): Orthonormal.
        logarithms (steps, members, count): Of the factors by which the vectors grew in each step.
        bounded ((steps,) of bool): Whether all states were finite after it.
        states (steps, members, state_dim): Before each step, if they were asked for.
    """

    state: tf.Tensor
    frame: tf.Tensor
    logarithms: tf.Tensor
    bounded: tf.Tensor
    states: tf.Tensor | None


def warm_up(network: Network, cue: ArrayLike, state: ArrayLike | None = None) -> tf.Tensor:
    """Drive the network with data and return the state it ends in.

    Args:
        cue (batch, time, inputs): Data, in the units the network was made for.
        state (batch, state_dim): State to start from; by default the network's initial state.

    Returns:
        tf.Tensor, shape (batch, state_dim)

    Raises:
        ValueError: If the cue is empty, not finite in the network's type, or of the wrong shape.

    Examples:
        >>> from mflib.networks.lstm import LSTM
        >>> network = LSTM.create(inputs=2, units=8)
        >>> state = warm_up(network, np.ones((3, 20, 2)))
        >>> free_run(network, state, steps=50).outputs.shape
        TensorShape([3, 50, 2])
    """
    return _drive(network, False, *_driven(network, "cue", cue, state))


def drive(network: Network, inputs: ArrayLike, state: ArrayLike | None = None) -> tf.Tensor:
    """Drive the network with data and return all states on the way.

    Args:
        inputs (batch, time, inputs):
        state (batch, state_dim): State to start from; by default the network's initial state.

    Returns:
        tf.Tensor, shape (batch, time, state_dim): ``[:, t]`` is the state after the input
        ``inputs[:, t]``.

    Raises:
        ValueError: If the inputs are empty, not finite in the network's type, or of the wrong
            shape.
    """
    return _drive(network, True, *_driven(network, "inputs", inputs, state))


def free_run(
    network: Network,
    state: ArrayLike,
    steps: int,
    *,
    exogenous: ArrayLike | None = None,
    states: bool = False,
) -> FreeRun:
    """Close the loop and let the network run by itself.

    A run that leaves all bounds is returned as it is, with the infinities or NaNs it met: that
    it diverged is a result, not an error.

    Args:
        network: With as many outputs as inputs; or fewer outputs, which are fed back as the first
            inputs, if the others are given.
        state (batch, state_dim): Usually from :func:`warm_up`.
        steps: At least 1.
        exogenous (batch, steps, inputs - outputs): The other inputs in each step. If they are
            constant, :class:`~mflib.networks.recurrent.ConstantInputs` makes the loop autonomous.
        states: Whether to return the states along the way too.

    Raises:
        ValueError: If the loop cannot be closed, or an argument does not fit.
    """
    steps, start = checks.count("steps", steps), _states(network, state)
    if exogenous is None:
        _closable(network)
        return _free_run(network, start, steps, None, bool(states))
    given = _tensor("exogenous", exogenous, (start.shape[0], steps, "exogenous"), network)
    given = tf.transpose(given, (1, 0, 2))
    _closable(ConstantInputs(network, given[0]))
    return _free_run(network, start, steps, given, bool(states))


def jacobian(network: Network, state: ArrayLike, u: ArrayLike | None = None) -> tf.Tensor:
    r"""Jacobian :math:`\partial s' / \partial s` of one step of the closed loop.

    Args:
        network: With as many outputs as inputs, if the loop is to be closed.
        state (batch, state_dim):
        u (batch, inputs): An input: the step is then driven by it.

    Returns:
        tf.Tensor, shape (batch, state_dim, state_dim): Row by component of the new state, column by
        component of the old one.

    Raises:
        ValueError: If the loop cannot be closed, or an argument does not fit.

    Examples:
        >>> from mflib.networks.lstm import LSTM
        >>> network = LSTM.create(inputs=2, units=8)
        >>> jacobian(network, network.initial_state(batch=3)).shape
        TensorShape([3, 16, 16])
    """
    start = _states(network, state)
    if u is None:
        _closable(network)
    else:
        u = _tensor("u", u, (start.shape[0], network.inputs), network)
    return _jacobian(network, start, u)


def propagate_tangents(
    network: Network,
    state: ArrayLike,
    frame: ArrayLike,
    *,
    steps: int,
    inputs: ArrayLike | None = None,
    states: bool = False,
) -> TangentRun:
    """Move states and frames of tangent vectors along, and note how fast the vectors grow.

    After each step the frame is made orthonormal again, by Gram–Schmidt. Everything happens in
    one compiled program. :func:`~mflib.modelling.exponents.network_spectrum` makes exponents
    of the growth.

    Args:
        state (members, state_dim):
        frame (members, state_dim, count):
        steps: At least 1.
        inputs (members, steps, inputs): What drives the network. By default the loop is closed.
        states: Whether to return the states along the way too.

    Raises:
        ValueError: If the loop cannot be closed, or an argument does not fit.

    Examples:
        >>> from mflib.networks.lstm import LSTM
        >>> network = LSTM.create(inputs=2, units=8)
        >>> start, vectors = np.ones((3, 16)), np.ones((3, 16, 1))
        >>> propagate_tangents(network, start, vectors, steps=50).logarithms.shape
        TensorShape([50, 3, 1])
    """
    steps = checks.count("steps", steps)
    if inputs is None:
        _closable(network)
        driving, start, u = None, _states(network, state), None
    else:
        driving, start = _driven(network, "inputs", inputs, state, time=steps)
        driving = tf.transpose(driving, (1, 0, 2))
        u = driving[0]
    vectors = tf.linalg.matrix_transpose(_tensor("frame", frame, (*start.shape, "count"), network))
    step = _linearised.get_concrete_function(network, start, vectors, u)
    run = _propagate_tangents(network, start, vectors, driving, steps, bool(states), step)
    return run._replace(frame=tf.linalg.matrix_transpose(run.frame))


@jit
def _drive(network, every, inputs, state):
    """Every state, or the last."""
    samples = tf.transpose(inputs, (1, 0, 2))

    def step(k, parts):
        parts = network.apart(network.step(tf.concat(parts, 1), samples[k]))
        return parts, parts if every else ()

    start = network.apart(state)
    end, visited = scan(step, start, inputs.shape[1], start if every else ())
    return tf.transpose(tf.concat(visited, 2), (1, 0, 2)) if every else tf.concat(end, 1)


@jit
def _free_run(network, state, steps, exogenous, states):
    def loop(k):
        held = network if exogenous is None else ConstantInputs(network, exogenous[k])
        return held.closed_loop(state.shape[0])

    # the parts of a state are carried apart: XLA copies none, and keeps those it needs
    axis, step = loop(0)
    start = tuple(part if axis else tf.transpose(part) for part in network.apart(state))
    like, _ = step(start)
    at_end = isinstance(like, tuple)
    kept = start if states or at_end else ()

    def forwards(k, parts):
        outputs, after = (step if exogenous is None else loop(k)[1])(parts)
        return after, (outputs, parts if kept else ())

    end, (outputs, visited) = scan(forwards, start, steps, (like, kept))
    if at_end:  # one large product instead of `steps` small ones
        flat = tf.concat([tf.reshape(part, (-1, part.shape[2])) for part in visited], 1)
        outputs = tf.reshape(network.readout(flat), (steps, state.shape[0], -1))
    by_run = (1, 0, 2) if axis else (2, 0, 1)
    return FreeRun(
        tf.transpose(outputs, by_run),
        tf.concat([part if axis else tf.transpose(part) for part in end], 1),
        tf.concat([tf.transpose(part, by_run) for part in visited], 2) if states else None,
    )


@jit
def _jacobian(network, state, u):
    with tf.GradientTape() as tape:
        tape.watch(state)
        after = network.closed_step(state) if u is None else network.step(state, u)
    return tape.batch_jacobian(after, state)


@tf.function(autograph=False)
def _linearised(network, state, frame, u):
    """One step of state and frame, its vectors in rows; the step is evaluated once for all.

    TensorFlow's forward mode moves one vector. Here the product with the Jacobian is the
    transpose of the product with its transpose, which is reverse mode, and linear. It has to be
    traced by itself: what XLA makes of reverse mode cannot be vectorised.
    """
    transposed = tf.zeros_like(state)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(transposed)
        with tf.GradientTape() as inner:
            inner.watch(state)
            after = network.closed_step(state) if u is None else network.step(state, u)
        pulled = inner.gradient(after, state, transposed, ZERO)
    rows = tf.transpose(frame, (1, 0, 2))
    moved = tf.vectorized_map(lambda row: outer.gradient(pulled, transposed, row, ZERO), rows)
    return after, tf.transpose(moved, (1, 0, 2))


@jit
def _propagate_tangents(network, state, frame, inputs, steps, states, step):
    def forwards(k, carry):
        before, frame = carry
        state, frame = step(network, before, frame, None if inputs is None else inputs[k])
        frame, lengths = _orthonormal(frame)
        bounded = tf.reduce_all(tf.math.is_finite(state))
        return (state, frame), (tf.math.log(lengths), bounded, before if states else ())

    like = frame[:, :, 0], tf.constant(True), state if states else ()
    (state, frame), (growth, bounded, visited) = scan(forwards, (state, frame), steps, like)
    return TangentRun(state, frame, growth, bounded, visited if states else None)


def _orthonormal(frame):
    """Modified Gram–Schmidt on the rows of ``(members, count, dim)``; and their lengths."""
    done = []
    while frame.shape[1]:
        done.append(_gram_schmidt(frame[:, :BLOCK]))
        block, rest = done[-1][0], frame[:, BLOCK:]
        frame = rest - tf.matmul(tf.matmul(rest, block, transpose_b=True), block)
    return [tf.concat(parts, axis=1) for parts in zip(*done, strict=True)]


def _gram_schmidt(block):
    count = block.shape[1]

    def step(j, rows):  # rows first, so that one can be exchanged in place
        row = rows[j]
        length = tf.norm(row, axis=1)
        row /= tf.where(length > 0, length, 1)[:, None]
        later = tf.cast(tf.range(count) > j, row.dtype)[:, None, None]
        rows -= later * tf.reduce_sum(rows * row, axis=2, keepdims=True) * row
        return tf.tensor_scatter_nd_update(rows, [[j]], row[None]), length

    rows, lengths = scan(step, tf.transpose(block, (1, 0, 2)), count, like=block[:, 0, 0])
    return tf.transpose(rows, (1, 0, 2)), tf.transpose(lengths)


def _closable(network: Network) -> None:
    got, fed = network.inputs, network.outputs
    if got != fed:
        hint = "; ConstantInputs holds further inputs" * (got > fed)
        expected = f"expected as many of both{hint}"
        raise ValueError(f"network: got {got} inputs and {fed} outputs, {expected}")


def _driven(network, name, inputs, state, time="time"):
    """Inputs, and the state to start from."""
    inputs = _tensor(name, inputs, ("batch", time, network.inputs), network)
    batch = inputs.shape[0]
    state = network.initial_state(batch) if state is None else _states(network, state, batch)
    return inputs, state


def _states(network, state, batch="batch"):
    return _tensor("state", state, (batch, network.state_dim), network)


def _tensor(name, array, shape, network):
    """A tensor of numbers that are finite in the network's type, too."""
    tensor = tf.cast(checks.reals(name, array, shape), network.dtype)
    if not np.all(np.isfinite(tensor)):
        raise ValueError(f"{name}: got values too large for {tensor.dtype.name}, expected finite")
    return tensor
