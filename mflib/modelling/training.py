r"""Training by backpropagation through time, the whole loop compiled.

One call of the compiled program draws windows of data, adds noise to the inputs, runs the
network over them, carries the error back by hand-derived equations, clips and applies Adam, a
hundred times over. Nothing returns to Python in between.
"""

import functools
import os
import threading
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tqdm import tqdm

from mflib import checks
from mflib.dynamics.trajectories import standardisation
from mflib.modelling.backpropagation import _gradient, _gradient_in_halves
from mflib.modelling.closed_loop import _closable
from mflib.modelling.forcing import TeacherForcing
from mflib.modelling.jit import fori_loop, jit
from mflib.networks.lstm import IncrementLSTM
from mflib.networks.recurrent import Recurrent, replace

STEPS_PER_CALL = 100
#: Units from which on two programs side by side are faster than one, half of the windows each.
WIDE = 64

#: Constants of Adam, as in Keras.
BETA_M, BETA_V, EPSILON = 0.9, 0.999, 1e-7

Weights = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
        steps: Steps of Adam.
        batch: Windows in a step.
        window: Samples a window asks the network to predict.
        burn_in: The first samples of a window, which drive the network and are not penalised, while
            the state forgets that it started from nothing.
        learning_rate: Of Adam at the start; a cosine takes it to zero at the end.
        noise: Standard deviation of the noise on the inputs at the start and at the end, in units
            of the data's scale; it falls geometrically. Noise puts the network into states beside
            the attractor and asks it to come back: it is what makes the closed loop contract.
        clip: Largest norm of the gradient of all weights together.
        forcing: What drives the network after the burn-in; by default data only.
    """

    steps: int = 2000
    batch: int = 32
    window: int = 63
    burn_in: int = 15
    learning_rate: float = 2e-2
    noise: tuple[float, float] = (0.1, 0.01)
    clip: float = 0.5
    forcing: TeacherForcing = field(default_factory=TeacherForcing)

    def __post_init__(self) -> None:
        _clean(self, "steps", "batch", "window")
        for name in ("learning_rate", "clip"):
            checks.real(name, getattr(self, name), above=0)
        if not np.all(checks.reals("noise", self.noise, (2,)) > 0):
            raise ValueError(f"noise: got {self.noise}, expected two numbers above 0")
        if not isinstance(self.forcing, TeacherForcing):
            raise ValueError(f"forcing: got {self.forcing!r}, expected a TeacherForcing")


def _clean(config, *counts):
    """Check the whole numbers of a configuration, with the burn-in in the window."""
    for name in counts:
        object.__setattr__(config, name, checks.count(name, getattr(config, name)))
    burn_in = checks.count("burn_in", config.burn_in, least=0, most=config.window - 1)
    object.__setattr__(config, "burn_in", burn_in)


class Trained(NamedTuple):
    """A trained network and how it got there.

    Attributes:
        network: In the units of the data, of the kind it was.
        losses (calls,): Mean squared one-step error, on standardised data, averaged over each call
            of the compiled program (100 steps of Adam). Of an IncrementLSTM in training, in units
            of the mean squared increment: repeating the last sample has loss 1.
    """

    network: Recurrent
    losses: np.ndarray
    seed: int


def train(
    network: Recurrent,
    trajectories: Sequence[ArrayLike],
    config: TrainingConfig = TrainingConfig(),
    *,
    seed: int = 0,
    progress: bool = True,
) -> Trained:
    """Train a network to continue trajectories, one or several, without a label of which it is.

    Every step of Adam takes windows at random from all trajectories. A window with noise on it
    drives the network, which predicts, at each sample, the next one without noise.

    Training computes with standardised data. A network that
    :meth:`~mflib.networks.recurrent.Recurrent.create` drew is meant for such data
    (``network.standardised``) and is taken as it is. Any other, trained before, loaded or taken
    over from elsewhere, is in the units of the data, and training goes on from what it does.

    Args:
        network: Where training starts from; not changed.
        trajectories (sequence of array_like, each of shape (samples, dim)): One per task, in the
            data's units, each longer than ``config.window``, as long as one another, and sampled at
            the same interval.
        seed: Of windows and noise.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: If the trajectories do not fit each other, the network or the configuration.

    References:
        Kingma and Ba (2015), arXiv:1412.6980, for Adam.
    """
    with tqdm(total=config.steps, desc=f"seed {seed}", unit="step", disable=not progress) as bar:
        return _train(network, trajectories, config, seed, bar.update)


def train_many(
    create: Callable[[int], Recurrent],
    trajectories: Sequence[ArrayLike],
    config: TrainingConfig = TrainingConfig(),
    *,
    seeds: Sequence[int],
    progress: bool = True,
) -> list[Trained]:
    """Train one network per seed, as many at a time as there are processors.

    Args:
        create: ``create(seed)`` returns the network where training starts from.
        trajectories, config: As for :func:`train`.
        seeds: Each seeds its network's weights, windows and noise: a network does not depend on
            which others are trained beside it.

    Returns:
        list of Trained: In the order of ``seeds``.
    """
    total, stopped = config.steps * len(seeds), threading.Event()
    bar = tqdm(total=total, desc=f"{len(seeds)} networks", unit="step", disable=not progress)

    def report(count):
        if stopped.is_set():
            raise CancelledError
        with bar.get_lock():
            bar.update(count)

    def job(network, seed):
        return _train(network, trajectories, config, seed, report)

    # the compiled program releases the interpreter, and one small network fills one core only
    with bar, ThreadPoolExecutor(processors()) as pool:
        try:
            return list(pool.map(job, map(create, seeds), seeds))  # which cancels if one fails
        finally:
            stopped.set()


def processors() -> int:
    """How many processors this process may use: in a container, fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _train(network, trajectories, config, seed, report):
    seed = checks.count("seed", seed, least=0, most=2**31 - 1)
    start, data, location, scale = _standardise(network, trajectories, config.window)
    if isinstance(start, IncrementLSTM) and type(config.forcing) is not TeacherForcing:
        raise ValueError(f"forcing: got {config.forcing}, expected TeacherForcing for increments")
    unit = start.target_scale(data)
    if not network.standardised:
        start = _scale_readout(start, 1 / unit)
    weights = start.weights()
    zeros = {name: tf.zeros_like(weight) for name, weight in weights.items()}
    carry, losses = (weights, zeros, zeros), []
    halves = start.units >= WIDE and config.batch % 2 == 0
    program, gradient = (_steps_in_halves, _gradient_in_halves) if halves else (_steps, _gradient)
    numbers = (config.steps, config.learning_rate, *config.noise, config.clip)
    tensors = [tf.constant(number, start.dtype) for number in numbers]
    plan = _Plan(
        config.batch, config.window, config.burn_in, _one(config.forcing), gradient, *tensors
    )
    for first in range(0, config.steps, STEPS_PER_CALL):
        count = min(STEPS_PER_CALL, config.steps - first)
        carry, loss = program(carry, start, data, plan, tf.constant([seed, first]), count)
        losses.append(float(loss))
        report(count)
    trained = _scale_readout(replace(start, **carry[0]), unit).in_units(location, scale)
    return Trained(trained, np.array(losses), seed)


@functools.cache
def _one(forcing):
    """Of equal ones always the same, kept alive: TensorFlow compiles anew for one that is gone."""
    return forcing


# A configuration as compiled programs take it. The last five are tensors and arguments of the
# programs, so that their values share one; the rest is part of it.
_Plan = namedtuple(
    "_Plan", "batch window burn_in forcing gradient steps learning_rate first_noise last_noise clip"
)


def _adam_steps(carry, network, data, plan, seed_and_first, count):
    """``count`` steps of Adam from step ``first`` on: new ``(weights, m, v)`` and mean loss."""
    target_scale = network.target_scale(data)

    def step(k, carry):
        (weights, m, v), total = carry
        current, seed_and_step = replace(network, **weights), seed_and_first + tf.stack([0, k])
        inputs, targets, alpha = _windows(current, data, plan, seed_and_step)
        targets /= target_scale
        loss, gradient = plan.gradient(current, inputs, targets, plan.burn_in, alpha)
        return _adam_step(weights, gradient, m, v, plan, seed_and_step[1]), total + loss

    carry, total = fori_loop(step, (carry, tf.zeros((), data.dtype)), count)
    return carry, total / count


_steps, _steps_in_halves = jit(_adam_steps), jit(_adam_steps, whole=False)


@jit
def _windows(network, data, plan, seed_and_step):
    """Windows as inputs, with noise, and their targets; and shares of the data, or None."""
    tasks, length, dim = data.shape
    samples, dtype = tf.reshape(data, (tasks * length, dim)), data.dtype
    # stateless random numbers: compiled programs ignore the seeds of stateful ones
    where, noise, lots = tf.unstack(tf.random.split(seed_and_step, 3))
    done = tf.cast(seed_and_step[1], dtype) / plan.steps

    task = (tf.range(plan.batch) + seed_and_step[1] * plan.batch) % tasks
    first = tf.random.stateless_uniform((plan.batch,), where, 0, length - plan.window, tf.int32)
    windows = tf.gather(samples, task * length + first + tf.range(plan.window + 1)[:, None])
    sigma = plan.first_noise * (plan.last_noise / plan.first_noise) ** done
    inputs = windows[:-1] + sigma * tf.random.stateless_normal(
        (plan.window, plan.batch, dim), noise, dtype=dtype, alg="threefry"
    )
    alpha = plan.forcing.shares(plan.window - plan.burn_in, done, lots)
    if alpha is not None:
        alpha = tf.concat([tf.ones(plan.burn_in, dtype), alpha], axis=0)
    return inputs, network.target(inputs, windows[1:]), alpha


@jit
def _adam_step(weights, gradient, m, v, plan, number):
    done = tf.cast(number, plan.steps.dtype) / plan.steps
    rate = plan.learning_rate * (1 + tf.cos(np.pi * done)) / 2
    return adam(weights, clip_gradient(gradient, plan.clip), m, v, rate, number + 1)


def clip_gradient(gradient: Weights, largest: float | tf.Tensor) -> dict[str, tf.Tensor]:
    """A gradient, by name, made shorter where all of it together is longer than ``largest``."""
    norm = tf.linalg.global_norm(list(gradient.values()))
    return {name: g * largest / tf.maximum(norm, largest) for name, g in gradient.items()}


def adam(
    weights: Weights, gradient: Weights, m: Weights, v: Weights, rate: tf.Tensor, step: tf.Tensor
) -> tuple[Weights, Weights, Weights]:
    """One step of Adam for dictionaries of tensors, with the constants of Keras.

    Args:
        m, v: Running means of the gradient and of its square; zeros at the start.
        rate (tf.Tensor, scalar): Learning rate.
        step: Counted from 1.

    Returns:
        weights, m, v

    References:
        Kingma and Ba (2015), arXiv:1412.6980.
    """
    m = {name: BETA_M * m[name] + (1 - BETA_M) * g for name, g in gradient.items()}
    v = {name: BETA_V * v[name] + (1 - BETA_V) * g**2 for name, g in gradient.items()}
    step = tf.cast(step, rate.dtype)
    rate = rate * tf.sqrt(1 - BETA_V**step) / (1 - BETA_M**step)
    moved = {k: w - rate * m[k] / (tf.sqrt(v[k]) + EPSILON) for k, w in weights.items()}
    return moved, m, v


def _scale_readout(network, factor):
    readout = {name: getattr(network, name) * factor for name in ("readout_kernel", "readout_bias")}
    return replace(network, **readout)


def _standardise(network, trajectories, window):
    """Network and data, (tasks, samples, dim), as training sees them; location and scale."""
    if not isinstance(network, Recurrent):
        raise ValueError(f"network: got {network!r}, expected an Elman network, a GRU or an LSTM")
    _closable(network)
    if getattr(trajectories, "ndim", None) == 2:
        got = f"one array of shape {trajectories.shape}"
        raise ValueError(f"trajectories: got {got}, expected a list of arrays, as [trajectory]")
    shape = ("samples", network.inputs)
    arrays = [checks.reals("trajectories", x, shape) for x in trajectories]
    lengths = sorted({len(x) for x in arrays})
    if len(lengths) != 1 or lengths[0] < window + 2:
        expected = f"one for all, at least {window + 2} for windows of {window}"
        raise ValueError(f"trajectories: got lengths {lengths}, expected {expected}")
    location, scale = standardisation(arrays)
    if not scale > 0:
        raise ValueError("trajectories: got one point only, expected data that moves")
    if not network.standardised:
        network = replace(network.in_units(-location / scale, 1 / scale), standardised=True)
    data = (np.stack(arrays) - location) / scale
    return network, tf.constant(data, network.dtype), location, scale
