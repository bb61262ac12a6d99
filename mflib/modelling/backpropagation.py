r"""Backpropagation through time, by hand-derived equations or automatic differentiation.

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
training, is its :mod:`~mflib.modelling.forcing`.

These equations are the LSTM's. Networks of other kinds get their gradient from TensorFlow's
automatic differentiation of the same loop, inside the same compiled program.
"""

from __future__ import annotations

import tensorflow as tf

from mflib.modelling.jit import fori_loop, jit
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Recurrent, replace

RIDGE = 1e-12


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
        By the names of :meth:`~mflib.networks.recurrent.Recurrent.weights`.
    """
    if alpha is not None and isinstance(network, IncrementLSTM):
        raise ValueError("alpha: got shares for an IncrementLSTM, which is trained on data only")
    return _gradient(network, inputs, network.target(inputs, targets), burn_in, alpha)


def _gradient(network, inputs, targets, burn_in, alpha):
    """Loss and gradient when ``h V + d`` is to be ``targets``."""
    if isinstance(network, LSTM):
        return _backpropagate(network, inputs, targets, burn_in, alpha)[:2]
    return _differentiate(network, inputs, targets, burn_in, alpha)


_compiled_gradient = jit(_gradient)


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
        _, states = fori_loop(forwards, (state, states), time)
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
    _, last_c, gates, hs, cs = fori_loop(forwards, carry, time)
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

    _, _, das = fori_loop(backwards, (zeros, zeros, sequence(4 * units)), time)
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
