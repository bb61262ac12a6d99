r"""Backpropagation through time, by hand-derived equations or automatic differentiation.

Backwards through equations (5)-(10): write :math:`\delta x = \partial L / \partial x`, and
:math:`a_i, a_f, a_g, a_o` for what stands inside the gates' sigmoids and the candidate's tanh.
How the new cell state and the new output depend on these, and on the old cell state, is known as
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

where :math:`\delta h'` is what comes from the readout, :math:`\delta y\, V^T`, plus what comes
from the next step. The weights' gradients are sums over time of outer products, so they wait
until the loop is done: one large product each.

The input may also be a mixture of the data and the network's own last output,
:math:`u_t = \alpha_t x_t + (1-\alpha_t)\, y_{t-1}`: all data is teacher forcing, no data the
closed loop. As :math:`y = hV + d`, this only adds :math:`(1-\alpha_t)\, V W` to the recurrent
kernel of step :math:`t`, forwards and backwards. Which mixture, in the course of a window and of
training, is the :mod:`~mflib.modelling.forcing`.

These equations are the LSTM's. Networks of other kinds get their gradient from TensorFlow's
automatic differentiation of the same loop, inside the same compiled program.
"""

from typing import NamedTuple

import tensorflow as tf

from mflib.modelling.jit import jit, scan
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Recurrent, replace

RIDGE = 1e-12


class ForwardPass(NamedTuple):
    r"""What the way back through a window needs of the way forwards.

    Attributes:
        inputs (time, batch, inputs): But for the state's share in a mixture, :math:`(1-\alpha_t)\,
            h V`.
        gates (time, batch, 4 * units): i, f, g and o, those that are sigmoids as the tanh they are
            computed from.
        hs (time, batch, units): h after each step.
        cs (time + 1, batch, units): c before each step, and after the last.
    """

    inputs: tf.Tensor
    gates: tf.Tensor
    hs: tf.Tensor
    cs: tf.Tensor


def backpropagate(
    network: Recurrent,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    burn_in: int = 0,
    alpha: tf.Tensor | None = None,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Loss of a window and its gradient, of an LSTM by the equations at the head of this module.

    Each window starts from the network's initial state.

    Args:
        inputs (time, batch, inputs):
        targets (time, batch, outputs):
        burn_in: Steps at the start whose error does not count.
        alpha (time,): Share of ``inputs`` in the input of each step; the rest is the readout of the
            state before the step. By default all.

    Returns:
        The mean squared error over the steps that count, and its gradient by the names of
        :meth:`~mflib.networks.recurrent.Layer.weights`.

    Raises:
        ValueError: If ``alpha`` does not fit the window or the network.
    """
    if alpha is not None:
        alpha, time = tf.cast(alpha, network.dtype), inputs.shape[0]
        if isinstance(network, IncrementLSTM):
            raise ValueError("alpha: got shares for an IncrementLSTM, expected None: data only")
        if alpha.shape != (time,) or network.inputs != network.outputs:
            got = f"shape {tuple(alpha.shape)} for {network}"
            raise ValueError(f"alpha: got {got}, expected ({time},) and as many inputs as outputs")
    return _gradient(network, inputs, network.target(inputs, targets), burn_in, alpha)


def _gradient(network, inputs, targets, burn_in, alpha):
    """Loss and gradient when ``h V + d`` is to be ``targets``."""
    if alpha is not None:
        alpha = alpha[:, None, None]
    if not isinstance(network, LSTM):
        return _differentiate(network, inputs, targets, burn_in, alpha)
    return _way_back(network, forward_pass(network, inputs, alpha), targets, burn_in, alpha)


_compiled_gradient = jit(_gradient)


def _gradient_in_halves(network, inputs, targets, burn_in, alpha):
    """As :func:`_gradient`, by two programs with half of the windows each."""
    halves = zip(tf.split(inputs, 2, axis=1), tf.split(targets, 2, axis=1), strict=True)
    first, second = (_compiled_gradient(network, *half, burn_in, alpha) for half in halves)
    return tf.nest.map_structure(lambda a, b: (a + b) / 2, first, second)


def _differentiate(network, inputs, targets, burn_in, alpha):
    """Loss and gradient by automatic differentiation, for any kind of network."""
    time, batch, _ = inputs.shape
    weights = network.weights()
    with tf.GradientTape() as tape:
        tape.watch(weights)
        network = replace(network, **weights)

        def forwards(t, state):
            u = inputs[t]
            if alpha is not None:
                u = alpha[t] * u + (1 - alpha[t]) * network.readout(state)
            state = network.step(state, u)
            return state, state

        state = network.initial_state(batch)
        _, states = scan(forwards, state, time, like=state, differentiable=True)
        features = network.features(states[burn_in:])
        outputs = features @ network.readout_kernel + network.readout_bias
        loss = tf.reduce_mean((outputs - targets[burn_in:]) ** 2)
    return loss, tape.gradient(loss, weights)


def _way_back(network, run, targets, burn_in, alpha=None):
    """Loss and gradient of an LSTM after its forward pass, by its equations."""
    loss, dy = _loss(network, run.hs, targets, burn_in)
    return loss, _weight_gradient(network, run, dy, backward_pass(network, run, dy, alpha), alpha)


@jit
def backpropagate_solved(
    network: LSTM, inputs: tf.Tensor, targets: tf.Tensor, burn_in: int
) -> tuple[tf.Tensor, dict[str, tf.Tensor], LSTM]:
    """As :func:`backpropagate`, the readout first fitted to the window by least squares.

    Where the readout is at its best its own gradient is zero, so that of the other weights is
    the gradient of the loss with the readout inserted, too.

    Returns:
        Loss and gradient, and the network with this readout.
    """
    run, targets = forward_pass(network, inputs), network.target(inputs, targets)
    network = _solve_readout(network, run.hs[burn_in:], targets[burn_in:])
    return *_way_back(network, run, targets, burn_in), network


def forward_pass(network: LSTM, inputs: tf.Tensor, alpha: tf.Tensor | None = None) -> ForwardPass:
    """Run an LSTM over a window ``(time, batch, inputs)``; ``alpha`` has shape (time, 1, 1)."""
    time, batch, _ = inputs.shape
    units, dtype, peepholes = network.units, network.dtype, network.peepholes
    # sigmoid(x) = (1 + tanh(x / 2)) / 2: one tanh serves three gates and the candidate
    half = tf.repeat(tf.constant([0.5, 0.5, 1, 0.5], dtype), units)
    own = half * network.recurrent_kernel
    if alpha is not None:
        closed = half * (network.readout_kernel @ network.kernel)
        inputs = alpha * inputs + (1 - alpha) * network.readout_bias
    # inputs, but for the state's share, enter the weighted sums as one product
    driven = half * (_flat(inputs) @ network.kernel + network.bias)
    driven = tf.reshape(driven, (time, batch, 4 * units))

    def forwards(t, state):
        h, c = state
        a = driven[t] + h @ (own if alpha is None else own + (1 - alpha[t]) * closed)
        if peepholes is not None:
            p_i, p_f, p_o = tf.unstack(peepholes / 2)
            a += tf.concat([p_i * c, p_f * c, tf.zeros((batch, 2 * units), dtype)], axis=1)
        gate = tf.tanh(a)
        i, f, g, o = tf.split(gate, 4, axis=1)
        after = ((1 + f) * c + (1 + i) * g) / 2
        if peepholes is not None:
            o = tf.tanh(a[:, 3 * units :] + p_o * after)
            gate = tf.concat([gate[:, : 3 * units], o], axis=1)
        h = (1 + o) / 2 * tf.tanh(after)
        return (h, after), (gate, h, c)

    zeros = tf.zeros((batch, units), dtype)
    like = driven[0], zeros, zeros
    (_, c), (gates, hs, cs) = scan(forwards, (zeros, zeros), time, like)
    return ForwardPass(inputs, gates, hs, tf.concat([cs, c[None]], axis=0))


def backward_pass(
    network: LSTM, run: ForwardPass, dy: tf.Tensor, alpha: tf.Tensor | None = None
) -> tf.Tensor:
    """Adjoints of all weighted sums, ``(time, batch, 4 * units)``, from those of the outputs."""
    i, f, g, o = tf.split(run.gates, 4, axis=2)
    c, tanh_c = run.cs[:-1], tf.tanh(run.cs[1:])
    a_i, a_f = g * (1 - i**2) / 4, c * (1 - f**2) / 4
    a_g, a_o = (1 + i) * (1 - g**2) / 2, tanh_c * (1 - o**2) / 4
    h_by_c, c_by_c = (1 + o) * (1 - tanh_c**2) / 2, (1 + f) / 2
    if network.peepholes is not None:
        p_i, p_f, p_o = tf.unstack(network.peepholes)
        h_by_c += p_o * a_o
        c_by_c += p_i * a_i + p_f * a_f
    a_all = tf.concat([a_i, a_f, a_g, a_o], axis=2)
    from_readout = tf.matmul(_flat(dy), network.readout_kernel, transpose_b=True)
    from_readout = tf.reshape(from_readout, run.hs.shape)
    own = network.recurrent_kernel
    if alpha is not None:
        closed = network.readout_kernel @ network.kernel

    def backwards(t, carry):
        dh, dc = carry
        dh += from_readout[t]
        dc += dh * h_by_c[t]
        da = tf.concat([dc, dc, dc, dh], axis=1) * a_all[t]
        back = own if alpha is None else own + (1 - alpha[t]) * closed
        dh = tf.matmul(da, back, transpose_b=True)
        return (dh, dc * c_by_c[t]), da

    zeros = tf.zeros_like(run.hs[0])
    return scan(backwards, (zeros, zeros), a_all.shape[0], like=a_all[0], reverse=True)[1]


def _loss(network, hs, targets, burn_in):
    """Mean squared error over the steps that count, and its derivative by the outputs."""
    time, batch, _ = targets.shape
    outputs = tf.reshape(_flat(hs) @ network.readout_kernel + network.readout_bias, targets.shape)
    counts = tf.reshape(tf.cast(tf.range(time) >= burn_in, network.dtype), (time, 1, 1))
    error = (outputs - targets) * counts
    size = tf.cast((time - burn_in) * batch * network.outputs, network.dtype)
    return tf.reduce_sum(error**2) / size, 2 * error / size


def _weight_gradient(network, run, dy, das, alpha=None):
    """Sums over time of outer products, each as one product of two tall matrices."""
    inputs, da, hs, dy = (_flat(x) for x in (run.inputs, das, run.hs, dy))
    hs_before = _flat(tf.concat([tf.zeros_like(run.hs[:1]), run.hs[:-1]], axis=0))
    if alpha is not None:  # the readout acts twice, on the error and on the next input
        share = tf.repeat(1 - alpha[:, 0], run.hs.shape[1], axis=0)
        inputs += share * (hs_before @ network.readout_kernel)
        du = tf.matmul(da, network.kernel, transpose_b=True)
        dy, hs = tf.concat([dy, share * du], 0), tf.concat([hs, hs_before], 0)
    gradient = {
        "kernel": tf.matmul(inputs, da, transpose_a=True),
        "recurrent_kernel": tf.matmul(hs_before, da, transpose_a=True),
        "bias": tf.reduce_sum(da, axis=0),
        "readout_kernel": tf.matmul(hs, dy, transpose_a=True),
        "readout_bias": tf.reduce_sum(dy, axis=0),
    }
    if network.peepholes is not None:
        da_i, da_f, _, da_o = tf.split(das, 4, axis=2)
        products = (da_i * run.cs[:-1], da_f * run.cs[:-1], da_o * run.cs[1:])
        gradient["peepholes"] = tf.stack([tf.reduce_sum(x, axis=(0, 1)) for x in products])
    return gradient


def _solve_readout(network, hs, targets):
    """The network with the readout that fits the targets best, by least squares."""
    features = tf.concat([_flat(hs), tf.ones_like(_flat(hs)[:, :1])], axis=1)
    gram = tf.matmul(features, features, transpose_a=True)
    ridge = RIDGE * tf.linalg.diag(tf.linalg.diag_part(gram))  # units may be nearly the same
    factor = tf.linalg.cholesky(gram + ridge)
    targets = _flat(targets)
    solution = tf.zeros((features.shape[1], network.outputs), network.dtype)
    for _ in range(3):  # what is left over is fitted again: rounding would mislead L-BFGS
        left = tf.matmul(features, targets - features @ solution, transpose_a=True)
        solution += tf.linalg.cholesky_solve(factor, left)
    return replace(network, readout_kernel=solution[:-1], readout_bias=solution[-1])


def _flat(x):
    """Time and batch as one axis."""
    return tf.reshape(x, (-1, x.shape[-1]))
