r"""Training by backpropagation through time, the whole loop compiled.

One call of the compiled program draws windows of data, adds noise to the inputs, runs the
network over them, carries the error back by hand-derived equations, clips and applies Adam, a
hundred times over. Nothing returns to Python in between.

Backwards through equations (5)-(10): write :math:`\delta x = \partial L / \partial x`, and
:math:`a_i, a_f, a_g, a_o` for what stands inside the gates' sigmoids and the candidate's tanh.
How the new cell state and the new output answer to these, and to the old cell state, is known as
soon as the forward pass is done:

.. math::
    A_i &= g \odot i(1-i), \quad A_f = c \odot f(1-f), \quad A_g = i \odot (1-g^2), \quad
    A_o = \tanh c' \odot o(1-o) \\
    K &= \partial h' / \partial c' = o \odot (1-\tanh^2 c') + p_o \odot A_o \\
    F &= \partial c' / \partial c = f + p_i \odot A_i + p_f \odot A_f .

What is left for the loop over time is linear:

.. math::
    \delta c' &\mathrel{+}= \delta h' \odot K \\
    \delta a &= (\delta c', \delta c', \delta c', \delta h') \odot (A_i, A_f, A_g, A_o) \\
    \delta h &= \delta a\, U^T, \qquad \delta c = \delta c' \odot F ,

where :math:`\delta h'` is what the readout sends, :math:`\delta y\, V^T`, plus what comes from the
next step. The weights' gradients are sums over time of outer products, so they wait until the
loop is done: one large product each.

A network may also hear a mixture of the data and its own last output,
:math:`u_t = \alpha_t x_t + (1-\alpha_t)\, y_{t-1}`: all data is teacher forcing, no data the closed
loop. As :math:`y = hV + d`, this only adds :math:`(1-\alpha_t)\, V W` to the recurrent kernel of
step :math:`t`, forwards and backwards.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from mflib.closed_loop import compiled, fold
from mflib.networks import LSTM
from mflib.tasks import standardisation

__all__ = ["Protocol", "Trained", "adam", "backpropagate", "clipped", "train", "train_many"]

STEPS_PER_CALL = 100


@dataclass(frozen=True)
class Protocol:
    """How a network is trained.

    Attributes
    ----------
    steps : int
        Steps of Adam.
    batch : int
        Windows in a step.
    window : int
        Samples a window asks the network to predict.
    burn_in : int
        The first samples of a window, heard but not penalised, while the state forgets that it
        started from nothing.
    learning_rate : float
        Of Adam at the start; a cosine takes it to zero at the end.
    noise : tuple of float
        Standard deviation of the noise on the inputs at the start and at the end, in units of
        the data's scale; it falls geometrically. Noise shows the network states beside the
        attractor and asks it to come back: it is what makes the closed loop contract.
    clip : float
        Largest norm of the gradient of all weights together.
    """

    steps: int = 2000
    batch: int = 32
    window: int = 63
    burn_in: int = 15
    learning_rate: float = 2e-2
    noise: tuple[float, float] = (0.1, 0.01)
    clip: float = 0.5

    def __post_init__(self):
        for name in ("steps", "batch", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if not 0 <= self.burn_in < self.window:
            raise ValueError(
                f"burn_in: got {self.burn_in}, expected less than the window, {self.window}"
            )
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected more than 0")
        if len(self.noise) != 2 or not min(self.noise) > 0:
            raise ValueError(f"noise: got {self.noise}, expected two numbers above 0")


class Trained(NamedTuple):
    """A trained network and how it got there.

    Attributes
    ----------
    network : LSTM
        In the units of the data.
    losses : numpy.ndarray, shape (calls,)
        Mean squared one-step error, on standardised data, averaged over each call of the
        compiled program (100 steps of Adam).
    seed : int
    """

    network: LSTM
    losses: np.ndarray
    seed: int


def backpropagate(network: LSTM, inputs, targets, burn_in: int = 0, alpha=None):
    """Loss of a window and its gradient, by the equations at the head of this module.

    The network starts each window from its initial state and is driven by ``inputs``, or by a
    mixture of them and its own outputs.

    Parameters
    ----------
    network : LSTM
    inputs : tf.Tensor, shape (time, batch, inputs)
    targets : tf.Tensor, shape (time, batch, outputs)
    burn_in : int
        Steps at the start whose error does not count.
    alpha : tf.Tensor, shape (time,), optional
        Share of the inputs in what the network hears at each step; the rest is the readout of
        its state before the step. By default all.

    Returns
    -------
    loss : tf.Tensor, scalar
        Mean squared error over the steps that count.
    gradient : dict of str to tf.Tensor
        By the names of :meth:`~mflib.networks.LSTM.weights`.
    """
    time, batch, _ = inputs.shape
    units, dtype, peepholes = network.units, network.dtype, network.peepholes

    def sequence(width):
        return tf.TensorArray(dtype, time, element_shape=(batch, width))

    def flat(x):
        return tf.reshape(x, (time * batch, -1))

    # tanh(x) = 2 sigmoid(2 x) - 1, so that one sigmoid serves two gates and the candidate
    one_one_two = tf.repeat(tf.constant([1, 1, 2], dtype), units)
    heard = inputs
    if alpha is not None:
        alpha = _shares(network, alpha, time)
        closed = network.readout_kernel @ network.kernel
        heard = alpha * inputs + (1 - alpha) * network.readout_bias

    def recurrent_kernel(t):
        own = network.recurrent_kernel
        return own if alpha is None else own + (1 - alpha[t]) * closed

    # what is heard, but for the state's share, enters the weighted sums as one product
    driven = tf.reshape(flat(heard) @ network.kernel + network.bias, (time, batch, 4 * units))

    def forwards(t, carry):
        h, c, gates, hs, cs = carry
        cs = cs.write(t, c)
        a_ifg, a_o = tf.split(driven[t] + h @ recurrent_kernel(t), [3 * units, units], axis=1)
        if peepholes is not None:
            a_ifg += tf.concat([peepholes[0] * c, peepholes[1] * c, tf.zeros_like(c)], axis=1)
        ifg = one_one_two * tf.sigmoid(one_one_two * a_ifg) - (one_one_two - 1)
        i, f, g = tf.split(ifg, 3, axis=1)
        c = f * c + i * g
        if peepholes is not None:
            a_o += peepholes[2] * c
        o = tf.sigmoid(a_o)
        h = o * tf.tanh(c)
        return h, c, gates.write(t, tf.concat([ifg, o], axis=1)), hs.write(t, h), cs

    zeros = tf.zeros((batch, units), dtype)
    carry = (zeros, zeros, sequence(4 * units), sequence(units), sequence(units))
    _, last_c, gates, hs, cs = fold(forwards, carry, time)
    gates, hs, cs = gates.stack(), hs.stack(), cs.stack()
    next_cs = tf.concat([cs[1:], last_c[None]], axis=0)

    outputs = tf.reshape(flat(hs) @ network.readout_kernel + network.readout_bias, targets.shape)
    counts = tf.reshape(tf.cast(tf.range(time) >= burn_in, dtype), (time, 1, 1))
    error = (outputs - targets) * counts
    size = tf.cast((time - burn_in) * batch * network.outputs, dtype)
    loss = tf.reduce_sum(error**2) / size
    dy = flat(2 * error / size)
    from_readout = tf.matmul(dy, network.readout_kernel, transpose_b=True)
    from_readout = tf.reshape(from_readout, (time, batch, units))

    i, f, g, o = tf.split(gates, 4, axis=2)
    tanh_c = tf.tanh(next_cs)
    a_i, a_f, a_g = g * i * (1 - i), cs * f * (1 - f), i * (1 - g**2)
    a_o = tanh_c * o * (1 - o)
    h_by_c, c_by_c = o * (1 - tanh_c**2), f
    if peepholes is not None:
        h_by_c += peepholes[2] * a_o
        c_by_c += peepholes[0] * a_i + peepholes[1] * a_f
    a_all = tf.concat([a_i, a_f, a_g, a_o], axis=2)

    def backwards(k, carry):
        dh, dc, das = carry
        t = time - 1 - k
        dh += from_readout[t]
        dc += dh * h_by_c[t]
        da = tf.concat([dc, dc, dc, dh], axis=1) * a_all[t]
        dh = tf.matmul(da, recurrent_kernel(t), transpose_b=True)
        return dh, dc * c_by_c[t], das.write(t, da)

    _, _, das = fold(backwards, (zeros, zeros, sequence(4 * units)), time)
    das = das.stack()
    da = flat(das)
    previous_hs = flat(tf.concat([zeros[None], hs[:-1]], axis=0))
    heard, sent, received = flat(heard), dy, flat(hs)
    if alpha is not None:  # the readout acts twice, on the error and on what is heard next
        back = tf.repeat(1 - alpha[:, 0], batch, axis=0)
        heard += back * (previous_hs @ network.readout_kernel)
        du = tf.matmul(da, network.kernel, transpose_b=True)
        sent, received = tf.concat([dy, back * du], 0), tf.concat([received, previous_hs], 0)
    gradient = {
        "kernel": tf.matmul(heard, da, transpose_a=True),
        "recurrent_kernel": tf.matmul(previous_hs, da, transpose_a=True),
        "bias": tf.reduce_sum(da, axis=0),
        "readout_kernel": tf.matmul(received, sent, transpose_a=True),
        "readout_bias": tf.reduce_sum(sent, axis=0),
    }
    if peepholes is not None:
        da_i, da_f, _, da_o = tf.split(das, 4, axis=2)
        gradient["peepholes"] = tf.stack(
            [tf.reduce_sum(x, axis=(0, 1)) for x in (da_i * cs, da_f * cs, da_o * next_cs)]
        )
    return loss, gradient


def _shares(network, alpha, time):
    alpha = tf.cast(alpha, network.dtype)
    if alpha.shape != (time,) or network.inputs != network.outputs:
        raise ValueError(
            f"alpha: got shape {tuple(alpha.shape)} for {network.inputs} inputs and "
            f"{network.outputs} outputs, expected ({time},) and as many inputs as outputs"
        )
    return tf.reshape(alpha, (time, 1, 1))


def train(
    network: LSTM,
    trajectories: Sequence[np.ndarray],
    protocol: Protocol = Protocol(),
    *,
    seed: int = 0,
    progress: bool = True,
) -> Trained:
    """Teach a network to continue trajectories, one or several, without telling it which.

    Every step of Adam takes windows at random from all trajectories. The network hears a window
    with noise on it and predicts, at each sample, the next one without noise.

    Parameters
    ----------
    network : LSTM
        Where training starts from; not changed.
    trajectories : sequence of array_like, each of shape (samples, dim)
        One per task, in the data's units, each longer than ``protocol.window``, as long as one
        another, and sampled at the same interval.
    protocol : Protocol
    seed : int
        Of windows and noise.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        If the trajectories do not fit each other, the network or the protocol.
    """
    bar = tqdm(total=protocol.steps, desc=f"seed {seed}", unit="step", disable=not progress)
    with bar:
        return _train(network, trajectories, protocol, seed, bar.update)


def train_many(
    create,
    trajectories: Sequence[np.ndarray],
    protocol: Protocol = Protocol(),
    *,
    seeds: Sequence[int],
    progress: bool = True,
) -> list[Trained]:
    """Train one network per seed, as many at a time as there are processors.

    Parameters
    ----------
    create : callable
        ``create(seed)`` returns the untrained :class:`~mflib.networks.LSTM`.
    trajectories, protocol
        As for :func:`train`.
    seeds : sequence of int
        Each seeds its network's weights, windows and noise: a network does not depend on which
        others are trained beside it.
    progress : bool

    Returns
    -------
    list of Trained
        In the order of ``seeds``.
    """
    total = protocol.steps * len(seeds)
    bar = tqdm(total=total, desc=f"{len(seeds)} networks", unit="step", disable=not progress)
    stopped = threading.Event()

    def report(count):
        if stopped.is_set():
            raise CancelledError
        with bar.get_lock():
            bar.update(count)

    # the compiled program releases the interpreter, and one small network fills one core only
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            jobs = [
                pool.submit(_train, create(seed), trajectories, protocol, seed, report)
                for seed in seeds
            ]
            return [job.result() for job in jobs]
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _train(network, trajectories, protocol, seed, report) -> Trained:
    data, location, scale = _standardised(network, trajectories, protocol)
    weights = network.weights()
    zeros = {name: tf.zeros_like(weight) for name, weight in weights.items()}
    carry = (weights, zeros, zeros)
    numbers = tf.constant(
        [protocol.steps, protocol.learning_rate, *protocol.noise, protocol.clip], network.dtype
    )
    losses = []
    for start in range(0, protocol.steps, STEPS_PER_CALL):
        count = min(STEPS_PER_CALL, protocol.steps - start)
        carry, loss = _steps(
            carry,
            data,
            numbers,
            tf.constant([seed, start]),
            protocol.batch,
            protocol.window,
            protocol.burn_in,
            count,
        )
        losses.append(float(loss))
        report(count)
    return Trained(LSTM(**carry[0]).in_units(location, scale), np.array(losses), seed)


@compiled
def _steps(carry, data, numbers, seed_and_start, batch, window, burn_in, count):
    """``count`` steps of Adam, from step ``start`` on: new ``(weights, m, v)`` and mean loss."""
    steps, learning_rate, first_noise, last_noise, clip = tf.unstack(numbers)
    seed, start = tf.unstack(seed_and_start)
    tasks, length, dim = data.shape
    samples = tf.reshape(data, (tasks * length, dim))
    dtype = data.dtype

    def step(k, carry):
        weights, m, v, total = carry
        # stateless random numbers: compiled programs ignore the seeds of stateful ones
        where, noise = tf.unstack(tf.random.split(tf.stack([seed, start + k]), 2))
        done = tf.cast(start + k, dtype) / steps

        task = (tf.range(batch) + (start + k) * batch) % tasks
        first = tf.random.stateless_uniform((batch,), where, 0, length - window, tf.int32)
        windows = tf.gather(samples, task * length + first + tf.range(window + 1)[:, None])
        sigma = first_noise * (last_noise / first_noise) ** done
        inputs = windows[:-1] + sigma * tf.random.stateless_normal(
            (window, batch, dim), noise, dtype=dtype, alg="threefry"
        )
        loss, gradient = backpropagate(LSTM(**weights), inputs, windows[1:], burn_in)

        gradient = clipped(gradient, clip)
        rate = learning_rate * (1 + tf.cos(np.pi * done)) / 2
        return *adam(weights, gradient, m, v, rate, start + k + 1), total + loss

    *carry, total = fold(step, (*carry, tf.zeros((), dtype)), count)
    return tuple(carry), total / count


def clipped(gradient: dict, largest) -> dict:
    """A gradient, by name, made shorter where all of it together is longer than ``largest``."""
    norm = tf.linalg.global_norm(list(gradient.values()))
    return {name: g * largest / tf.maximum(norm, largest) for name, g in gradient.items()}


def adam(weights, gradient, m, v, rate, step, beta_m=0.9, beta_v=0.999, epsilon=1e-7):
    """One step of Adam for dictionaries of tensors, with Keras' constants.

    Parameters
    ----------
    weights, gradient : dict of str to tf.Tensor
    m, v : dict of str to tf.Tensor
        Running means of the gradient and of its square; zeros at the start.
    rate : tf.Tensor, scalar
        Learning rate.
    step : tf.Tensor or int
        Counted from 1.

    Returns
    -------
    weights, m, v

    References
    ----------
    Kingma and Ba (2015), arXiv:1412.6980.
    """
    m = {name: beta_m * m[name] + (1 - beta_m) * g for name, g in gradient.items()}
    v = {name: beta_v * v[name] + (1 - beta_v) * g**2 for name, g in gradient.items()}
    step = tf.cast(step, rate.dtype)
    rate = rate * tf.sqrt(1 - beta_v**step) / (1 - beta_m**step)
    weights = {
        name: weight - rate * m[name] / (tf.sqrt(v[name]) + epsilon)
        for name, weight in weights.items()
    }
    return weights, m, v


def _standardised(network, trajectories, protocol):
    """All trajectories as one tensor ``(tasks, samples, dim)`` of unit scale, and the scale."""
    trajectories = [np.asarray(x) for x in trajectories]
    shapes = sorted({x.shape for x in trajectories})
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise ValueError(f"trajectories: got shapes {shapes}, expected one shape (samples, dim)")
    samples, dim = shapes[0]
    if dim != network.inputs or dim != network.outputs:
        raise ValueError(
            f"trajectories: got {dim} coordinates, expected the network's {network.inputs} "
            f"inputs and {network.outputs} outputs"
        )
    if samples < protocol.window + 2:
        raise ValueError(
            f"trajectories: got {samples} samples, expected at least {protocol.window + 2} for "
            f"windows of {protocol.window}"
        )
    if not all(np.all(np.isfinite(x)) for x in trajectories):
        raise ValueError("trajectories: got values that are not finite, expected finite numbers")
    location, scale = standardisation(trajectories)
    if not scale > 0:
        raise ValueError("trajectories: got one point only, expected data that moves")
    data = (np.stack(trajectories) - location) / scale
    return tf.constant(data, network.dtype), location, scale
