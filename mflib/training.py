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
step :math:`t`, forwards and backwards. When it hears which, in the course of a window and of
training, is its :class:`Forcing`.

These equations are the LSTM's. Networks of other kinds get their gradient from TensorFlow's
automatic differentiation of the same loop, inside the same compiled program.

Adam with noise finds a network whose closed loop is stable; :func:`refine` makes it exact. The
readout is linear, so the best one for given gates is a least-squares solution. With it inserted
(*variable projection*), the loss is a function of the other weights alone, much better
conditioned, and L-BFGS takes it down by orders of magnitude.
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
from mflib.networks import LSTM, IncrementLSTM, Recurrent, cast, replace
from mflib.tasks import standardisation

__all__ = [
    "Forcing",
    "FreeRunning",
    "Generalised",
    "Protocol",
    "Refinement",
    "Scheduled",
    "Sparse",
    "Trained",
    "adam",
    "backpropagate",
    "clipped",
    "refine",
    "train",
    "train_many",
]

STEPS_PER_CALL = 100
WIDE = 64
"""Units from which on two programs side by side are faster than one, half of the windows each."""
RIDGE = 1e-12


@dataclass(frozen=True)
class Forcing:
    r"""Teacher forcing: the network hears data at every step. Other kinds mix in its own output.

    What it hears is :math:`u_t = \alpha_t x_t + (1-\alpha_t)\, y_{t-1}`. In the burn-in of a
    window it always hears data, so that its state is one in which the loop may be closed.
    """

    def shares(self, time: int, done: tf.Tensor, seed: tf.Tensor) -> tf.Tensor | None:
        r"""Shares of data :math:`\alpha_t`.

        Parameters
        ----------
        time : int
            Steps of a window after its burn-in.
        done : tf.Tensor, scalar
            How much of the training is over, from 0 to 1.
        seed : tf.Tensor, shape (2,)
            For kinds that draw lots.

        Returns
        -------
        tf.Tensor or None, shape (time,)
            None if it is all data.
        """
        return None


@dataclass(frozen=True)
class FreeRunning(Forcing):
    """Data first, then the network by itself, over a stretch that grows in training.

    Attributes
    ----------
    longest : int
        Steps it runs by itself at the end of training; at the start it is 0.

    References
    ----------
    Teutsch and Mäder (2022), arXiv:2210.08959, for curricula of growing length.
    """

    longest: int

    def shares(self, time, done, seed):
        """1, and 0 over the last ``done * longest`` steps."""
        own = tf.cast(done * (self.longest + 1), tf.int32)
        return tf.cast(tf.range(time) < time - own, done.dtype)


@dataclass(frozen=True)
class Scheduled(Forcing):
    r"""Scheduled sampling: data or its own output, by lot, data less and less often.

    The chance of data is :math:`1 / (1 + e^{(d - 1/2)/w})`, with the share :math:`d` of training
    that is over. The lot is drawn for all windows of a step together.

    Attributes
    ----------
    width : float
        w; small for a sudden change in the middle of training.

    References
    ----------
    Bengio, Vinyals, Jaitly and Shazeer (2015), Scheduled sampling for sequence prediction with
    recurrent neural networks, Advances in Neural Information Processing Systems 28.
    """

    width: float = 0.1

    def shares(self, time, done, seed):
        """Zeros and ones, drawn anew in every step."""
        chance = tf.sigmoid((0.5 - done) / self.width)
        return tf.cast(tf.random.stateless_uniform((time,), seed) < chance, done.dtype)


@dataclass(frozen=True)
class Sparse(Forcing):
    """Sparse teacher forcing: data once in a while, its own output in between.

    Attributes
    ----------
    every : int
        Steps from one sample of data to the next. 1 is teacher forcing.

    References
    ----------
    Mikhaeil, Monfared and Durstewitz (2022), arXiv:2110.07238. There an LSTM hears nothing in
    between and has its state reset at the samples; here its output is fed back, as in the closed
    loop, and a sample replaces one output.
    """

    every: int

    def shares(self, time, done, seed):
        """1 at every so many steps, 0 in between."""
        return tf.cast(tf.range(1, time + 1) % self.every == 0, done.dtype)


@dataclass(frozen=True)
class Generalised(Forcing):
    """Generalised teacher forcing: a mixture of data and its own output at every step.

    Attributes
    ----------
    first, last : float
        Share of data at the start and at the end of training; between them it changes linearly.

    References
    ----------
    Hess, Brenner, Monfared and Durstewitz (2023), Generalized teacher forcing for learning
    chaotic dynamics, International Conference on Machine Learning. There the state is mixed;
    here it is the input.
    """

    first: float
    last: float

    def shares(self, time, done, seed):
        """The same share at all steps."""
        return tf.fill((time,), self.first + done * (self.last - self.first))


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
    forcing: Forcing = Forcing()

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


def backpropagate(network: Recurrent, inputs, targets, burn_in: int = 0, alpha=None):
    """Loss of a window and its gradient, of an LSTM by the equations at the head of this module.

    The network starts each window from its initial state and is driven by ``inputs``, or by a
    mixture of them and its own outputs.

    Parameters
    ----------
    network : Recurrent
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
        By the names of :meth:`~mflib.networks.Recurrent.weights`.
    """
    if alpha is not None and isinstance(network, IncrementLSTM):
        raise ValueError("alpha: got shares for an IncrementLSTM, which is trained on data only")
    return _gradient(network, inputs, network.target(inputs, targets), burn_in, alpha)


def _gradient(network, inputs, targets, burn_in, alpha):
    """Loss and gradient when ``h V + d`` is to be ``targets``."""
    if isinstance(network, LSTM):
        return _backpropagate(network, inputs, targets, burn_in, alpha)[:2]
    return _differentiate(network, inputs, targets, burn_in, alpha)


_compiled_gradient = compiled(_gradient)


def _in_halves(network, inputs, targets, burn_in, alpha):
    """As :func:`_gradient`, by two programs with half of the windows each."""
    first, second = (
        _compiled_gradient(network, *half, burn_in, alpha)
        for half in zip(tf.split(inputs, 2, axis=1), tf.split(targets, 2, axis=1), strict=True)
    )
    return tf.nest.map_structure(lambda a, b: (a + b) / 2, first, second)


def _differentiate(network, inputs, targets, burn_in, alpha):
    """Loss and gradient by automatic differentiation, for any kind of network."""
    time, batch, _ = inputs.shape
    if alpha is not None:
        alpha = _shares(network, alpha, time)
    weights = network.weights()
    with tf.GradientTape() as tape:
        tape.watch(weights)
        network = replace(network, **weights)

        def forwards(t, carry):
            state, states = carry
            heard = inputs[t]
            if alpha is not None:
                heard = alpha[t] * heard + (1 - alpha[t]) * network.readout(state)
            state = network.step(state, heard)
            return state, states.write(t, state)

        state = network.initial_state(batch)
        states = tf.TensorArray(network.dtype, time, element_shape=state.shape)
        _, states = fold(forwards, (state, states), time)
        features = network.features(states.stack()[burn_in:])
        outputs = features @ network.readout_kernel + network.readout_bias
        loss = tf.reduce_mean((outputs - targets[burn_in:]) ** 2)
    return loss, tape.gradient(loss, weights)


def _backpropagate(network, inputs, targets, burn_in, alpha=None, solve=False):
    """Loss, gradient and the network, whose readout is first fitted to the window if asked."""
    time, batch, _ = inputs.shape
    units, dtype, peepholes = network.units, network.dtype, network.peepholes

    def sequence(width):
        return tf.TensorArray(dtype, time, element_shape=(batch, width))

    def flat(x):
        return tf.reshape(x, (time * batch, -1))

    # sigmoid(x) = (1 + tanh(x / 2)) / 2: one tanh serves three gates and the candidate
    half = tf.repeat(tf.constant([0.5, 0.5, 1, 0.5], dtype), units)
    heard, own, closed = inputs, network.recurrent_kernel, 0
    if alpha is not None:
        alpha = _shares(network, alpha, time)
        closed = network.readout_kernel @ network.kernel
        heard = alpha * inputs + (1 - alpha) * network.readout_bias
    halved, half_closed = half * own, half * closed

    # what is heard, but for the state's share, enters the weighted sums as one product
    driven = half * (flat(heard) @ network.kernel + network.bias)
    driven = tf.reshape(driven, (time, batch, 4 * units))

    def forwards(t, carry):
        h, c, gates, hs, cs = carry
        cs = cs.write(t, c)
        a = driven[t] + h @ (halved if alpha is None else halved + (1 - alpha[t]) * half_closed)
        if peepholes is not None:
            p_i, p_f, p_o = tf.unstack(peepholes / 2)
            a += tf.concat([p_i * c, p_f * c, tf.zeros((batch, 2 * units), dtype)], axis=1)
        gate = tf.tanh(a)
        i, f, g, o = tf.split(gate, 4, axis=1)
        c = ((1 + f) * c + (1 + i) * g) / 2
        if peepholes is not None:
            o = tf.tanh(a[:, 3 * units :] + p_o * c)
            gate = tf.concat([gate[:, : 3 * units], o], axis=1)
        h = (1 + o) / 2 * tf.tanh(c)
        return h, c, gates.write(t, gate), hs.write(t, h), cs

    zeros = tf.zeros((batch, units), dtype)
    carry = (zeros, zeros, sequence(4 * units), sequence(units), sequence(units))
    _, last_c, gates, hs, cs = fold(forwards, carry, time)
    gates, hs, cs = gates.stack(), hs.stack(), cs.stack()
    next_cs = tf.concat([cs[1:], last_c[None]], axis=0)

    if solve:
        network = _readout_solved(network, hs[burn_in:], targets[burn_in:])
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
    a_i, a_f = g * (1 - i**2) / 4, cs * (1 - f**2) / 4
    a_g, a_o = (1 + i) * (1 - g**2) / 2, tanh_c * (1 - o**2) / 4
    h_by_c, c_by_c = (1 + o) * (1 - tanh_c**2) / 2, (1 + f) / 2
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
        back = own if alpha is None else own + (1 - alpha[t]) * closed
        dh = tf.matmul(da, back, transpose_b=True)
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
    return loss, gradient, network


def _readout_solved(network, hs, targets):
    """The network with the readout that fits the targets best, by least squares."""
    features = tf.reshape(hs, (-1, network.units))
    features = tf.concat([features, tf.ones_like(features[:, :1])], axis=1)
    gram = tf.matmul(features, features, transpose_a=True)
    lift = RIDGE * tf.linalg.diag(tf.linalg.diag_part(gram))  # units may say nearly the same
    factor = tf.linalg.cholesky(gram + lift)
    targets = tf.reshape(targets, (-1, network.outputs))
    solution = tf.zeros((features.shape[1], network.outputs), network.dtype)
    for _ in range(3):  # what is left over is fitted again: rounding would mislead L-BFGS
        left = tf.matmul(features, targets - features @ solution, transpose_a=True)
        solution += tf.linalg.cholesky_solve(factor, left)
    return replace(network, readout_kernel=solution[:-1], readout_bias=solution[-1])


def _shares(network, alpha, time):
    alpha = tf.cast(alpha, network.dtype)
    if alpha.shape != (time,) or network.inputs != network.outputs:
        raise ValueError(
            f"alpha: got shape {tuple(alpha.shape)} for {network.inputs} inputs and "
            f"{network.outputs} outputs, expected ({time},) and as many inputs as outputs"
        )
    return tf.reshape(alpha, (time, 1, 1))


def train(
    network: Recurrent,
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
    protocol: Protocol = Protocol(),
    *,
    seeds: Sequence[int],
    progress: bool = True,
) -> list[Trained]:
    """Train one network per seed, as many at a time as there are processors.

    Parameters
    ----------
    create : callable
        ``create(seed)`` returns the untrained :class:`~mflib.networks.Recurrent`.
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


@dataclass(frozen=True)
class Refinement:
    """How a trained network is made exact.

    Attributes
    ----------
    iterations : int
        Of L-BFGS.
    window, burn_in : int
        The trajectories are cut into windows of so many samples, which overlap in the burn-in,
        so that every sample counts about once. The network must forget its initial state within
        the burn-in.
    noise : float
        Standard deviation of noise on the inputs, in units of the data's scale, drawn once. It
        keeps what the network has learned beside the attractors.
    memory : int
        Steps that L-BFGS remembers.
    """

    iterations: int = 400
    window: int = 40
    burn_in: int = 10
    noise: float = 0.0
    memory: int = 100

    def __post_init__(self):
        for name in ("iterations", "window", "memory"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if not 0 <= self.burn_in < self.window:
            raise ValueError(
                f"burn_in: got {self.burn_in}, expected less than the window, {self.window}"
            )
        if not self.noise >= 0:
            raise ValueError(f"noise: got {self.noise}, expected a number that is not negative")


def refine(
    network: LSTM,
    trajectories: Sequence[np.ndarray],
    refinement: Refinement = Refinement(),
    *,
    seed: int = 0,
    progress: bool = True,
) -> Trained:
    """Make a trained network exact: L-BFGS on all data, the readout solved for at every step.

    It may be called again on its result to go on.

    Parameters
    ----------
    network : LSTM
        In the units of the data, usually from :func:`train`; not changed.
    trajectories
        As for :func:`train`.
    refinement : Refinement
    seed : int
        Of the noise.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Trained
        The network computes in double precision: single precision cannot tell it from its
        neighbours. ``losses`` has the loss after each iteration.

    Raises
    ------
    ValueError
        If the network is no LSTM, or the trajectories do not fit each other, the network or the
        refinement.

    References
    ----------
    Golub and Pereyra (1973), SIAM Journal on Numerical Analysis 10, 413-432, for variable
    projection; Liu and Nocedal (1989), Mathematical Programming B 45, 503-528, for L-BFGS, here
    SciPy's.
    """
    from scipy.optimize import minimize

    if not isinstance(network, LSTM):
        raise ValueError(f"network: got {network}, expected an LSTM")
    network = cast(network, "float64")
    data, location, scale = _standardised(network, trajectories, refinement)
    network = network.in_units(-location / scale, 1 / scale)
    inputs, targets = _windows(data, refinement, seed)
    weights = {k: w for k, w in network.weights().items() if not k.startswith("readout")}
    ends = np.cumsum([np.size(weight) for weight in weights.values()])[:-1]

    def unpacked(point):
        parts = zip(weights.items(), np.split(point, ends), strict=True)
        return replace(network, **{k: tf.reshape(part, w.shape) for (k, w), part in parts})

    def value(point):
        loss, gradient, _ = _solved(unpacked(point), inputs, targets, refinement.burn_in)
        return float(loss), np.concatenate([np.ravel(gradient[name]) for name in weights])

    losses = []
    bar = tqdm(total=refinement.iterations, unit="iteration", disable=not progress)
    with bar:

        def report(intermediate_result):
            losses.append(float(intermediate_result.fun))
            bar.set_postfix_str(f"loss {losses[-1]:.1e}")
            bar.update()

        found = minimize(
            value,
            np.concatenate([np.ravel(weight) for weight in weights.values()]),
            jac=True,
            method="L-BFGS-B",
            callback=report,
            options={
                "maxiter": refinement.iterations,
                "maxfun": 10 * refinement.iterations,
                "maxcor": refinement.memory,
                "ftol": 0,
                "gtol": 0,
            },
        )
    *_, network = _solved(unpacked(found.x), inputs, targets, refinement.burn_in)
    return Trained(network.in_units(location, scale), np.array(losses), seed)


@compiled
def _solved(network, inputs, targets, burn_in):
    targets = network.target(inputs, targets)
    return _backpropagate(network, inputs, targets, burn_in, solve=True)


def _windows(data, refinement, seed):
    """All windows as inputs, with noise, and targets, each of shape (window, windows, dim)."""
    samples, dim = data.shape[1:]
    stride = refinement.window - refinement.burn_in
    first = np.arange(0, samples - refinement.window, stride)
    windows = data.numpy()[:, first + np.arange(refinement.window + 1)[:, None]]
    windows = windows.transpose(1, 0, 2, 3).reshape(refinement.window + 1, -1, dim)
    noise = np.random.default_rng(seed).normal(size=windows[:-1].shape)
    return tf.constant(windows[:-1] + refinement.noise * noise), tf.constant(windows[1:])


def _train(network, trajectories, protocol, seed, report) -> Trained:
    data, location, scale = _standardised(network, trajectories, protocol)
    if isinstance(network, IncrementLSTM) and type(protocol.forcing) is not Forcing:
        raise ValueError(
            f"forcing: got {protocol.forcing} for an IncrementLSTM, expected {Forcing()}"
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
    weights, m, v, total = fold(step, carry, count)
    return (replace(network, **weights), m, v), total / count


@compiled
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


@compiled
def _adam_step(weights, gradient, m, v, numbers, number):
    steps, learning_rate, *_, clip = tf.unstack(numbers)
    done = tf.cast(number, learning_rate.dtype) / steps
    rate = learning_rate * (1 + tf.cos(np.pi * done)) / 2
    return adam(weights, clipped(gradient, clip), m, v, rate, number + 1)


_steps, _wide_steps = compiled(_adam_steps), compiled(_adam_steps, whole=False)


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
