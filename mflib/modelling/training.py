r"""Training by backpropagation through time, the whole loop compiled.

One call of the compiled program draws windows of data, adds noise to the inputs, runs the
network over them, carries the error back by hand-derived equations, clips and applies Adam, a
hundred times over. Nothing returns to Python in between.
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

from mflib.dynamics.trajectories import standardisation
from mflib.modelling.backpropagation import _gradient, _in_halves
from mflib.modelling.forcing import TeacherForcing
from mflib.modelling.jit import fori_loop, jit
from mflib.networks.lstm import IncrementLSTM
from mflib.networks.recurrent import Recurrent, replace

STEPS_PER_CALL = 100
WIDE = 64
"""Units from which on two programs side by side are faster than one, half of the windows each."""


@dataclass(frozen=True)
class TrainingConfig:
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
    forcing : Forcing
        What the network hears after the burn-in; by default data only.
    """

    steps: int = 2000
    batch: int = 32
    window: int = 63
    burn_in: int = 15
    learning_rate: float = 2e-2
    noise: tuple[float, float] = (0.1, 0.01)
    clip: float = 0.5
    forcing: TeacherForcing = TeacherForcing()

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
    network : Recurrent
        In the units of the data, of the kind it was.
    losses : numpy.ndarray, shape (calls,)
        Mean squared one-step error, on standardised data, averaged over each call of the
        compiled program (100 steps of Adam). Of an IncrementLSTM in training, in units of the
        mean squared increment: repeating the last sample has loss 1.
    seed : int
    """

    network: Recurrent
    losses: np.ndarray
    seed: int


def train(
    network: Recurrent,
    trajectories: Sequence[np.ndarray],
    protocol: TrainingConfig = TrainingConfig(),
    *,
    seed: int = 0,
    progress: bool = True,
) -> Trained:
    """Teach a network to continue trajectories, one or several, without telling it which.

    Every step of Adam takes windows at random from all trajectories. The network hears a window
    with noise on it and predicts, at each sample, the next one without noise.

    Parameters
    ----------
    network : Recurrent
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
    protocol: TrainingConfig = TrainingConfig(),
    *,
    seeds: Sequence[int],
    progress: bool = True,
) -> list[Trained]:
    """Train one network per seed, as many at a time as there are processors.

    Parameters
    ----------
    create : callable
        ``create(seed)`` returns the untrained :class:`~mflib.networks.recurrent.Recurrent`.
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
    if isinstance(network, IncrementLSTM) and type(protocol.forcing) is not TeacherForcing:
        raise ValueError(
            f"forcing: got {protocol.forcing} for an IncrementLSTM, expected {TeacherForcing()}"
        )
    zeros = {name: tf.zeros_like(weight) for name, weight in network.weights().items()}
    carry = (network, zeros, zeros)
    numbers = tf.constant(
        [protocol.steps, protocol.learning_rate, *protocol.noise, protocol.clip], network.dtype
    )
    wide = network.units >= WIDE and protocol.batch % 2 == 0
    losses = []
    for start in range(0, protocol.steps, STEPS_PER_CALL):
        count = min(STEPS_PER_CALL, protocol.steps - start)
        carry, loss = (_wide_steps if wide else _steps)(
            carry,
            data,
            numbers,
            tf.constant([seed, start]),
            protocol.batch,
            protocol.window,
            protocol.burn_in,
            protocol.forcing,
            _in_halves if wide else _gradient,
            count,
        )
        losses.append(float(loss))
        report(count)
    network, unit = carry[0], network.target_scale(data)
    readout = {name: getattr(network, name) * unit for name in ("readout_kernel", "readout_bias")}
    return Trained(replace(network, **readout).in_units(location, scale), np.array(losses), seed)


def _adam_steps(
    carry, data, numbers, seed_and_start, batch, window, burn_in, forcing, gradient_of, count
):
    """``count`` steps of Adam, from step ``start`` on: new ``(network, m, v)`` and mean loss."""
    network, m, v = carry
    seed, start = tf.unstack(seed_and_start)
    target_scale = network.target_scale(data)

    def step(k, carry):
        weights, m, v, total = carry
        seed_and_step = tf.stack([seed, start + k])
        current = replace(network, **weights)
        inputs, targets, alpha = _lesson(
            current, data, target_scale, numbers, seed_and_step, batch, window, burn_in, forcing
        )
        loss, gradient = gradient_of(current, inputs, targets, burn_in, alpha)
        return *_adam_step(weights, gradient, m, v, numbers, start + k), total + loss

    carry = (network.weights(), m, v, tf.zeros((), data.dtype))
    weights, m, v, total = fori_loop(step, carry, count)
    return (replace(network, **weights), m, v), total / count


@jit
def _lesson(network, data, target_scale, numbers, seed_and_step, batch, window, burn_in, forcing):
    """Windows as inputs, with noise, and their targets; and shares of the data, or None."""
    steps, _, first_noise, last_noise, _ = tf.unstack(numbers)
    tasks, length, dim = data.shape
    samples, dtype = tf.reshape(data, (tasks * length, dim)), data.dtype
    # stateless random numbers: compiled programs ignore the seeds of stateful ones
    where, noise, lots = tf.unstack(tf.random.split(seed_and_step, 3))
    done = tf.cast(seed_and_step[1], dtype) / steps

    task = (tf.range(batch) + seed_and_step[1] * batch) % tasks
    first = tf.random.stateless_uniform((batch,), where, 0, length - window, tf.int32)
    windows = tf.gather(samples, task * length + first + tf.range(window + 1)[:, None])
    sigma = first_noise * (last_noise / first_noise) ** done
    inputs = windows[:-1] + sigma * tf.random.stateless_normal(
        (window, batch, dim), noise, dtype=dtype, alg="threefry"
    )
    alpha = forcing.shares(window - burn_in, done, lots)
    if alpha is not None:
        alpha = tf.concat([tf.ones((burn_in,), dtype), alpha], axis=0)
    return inputs, network.target(inputs, windows[1:]) / target_scale, alpha


@jit
def _adam_step(weights, gradient, m, v, numbers, number):
    steps, learning_rate, *_, clip = tf.unstack(numbers)
    done = tf.cast(number, learning_rate.dtype) / steps
    rate = learning_rate * (1 + tf.cos(np.pi * done)) / 2
    return adam(weights, clip_gradient(gradient, clip), m, v, rate, number + 1)


_steps, _wide_steps = jit(_adam_steps), jit(_adam_steps, whole=False)


def clip_gradient(gradient: dict, largest) -> dict:
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
