r"""Reservoir computers: a recurrent network that is not trained, and a readout that is.

Two kinds stand behind the same interface as every other network: the continuous-time reservoir
of the Cork group, and the leaky echo state network. Their recurrent and input weights are drawn
at random and stay as they are. :func:`fit_readout` finds the output weights by ridge regression
on the states that data drive the reservoir through (:func:`mflib.modelling.closed_loop.drive`).

One readout for several tasks is found by *blending*: the reservoir is driven by each task on its
own, and one regression is done on all states together.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.linalg import solve

from mflib import checks
from mflib.networks.recurrent import Layer, replace


class Reservoir(Layer):
    r"""What the two kinds share: random weights, and a readout :math:`y = q(r)\, V + d`.

    The features :math:`q(r)` are the state itself or, with ``square``, the state and its
    squares, :math:`(r, r^2)`. Squares break the symmetry of the tanh: without them a closed
    loop that visits :math:`r` could as well visit :math:`-r`.

    Attributes:
        kernel, recurrent_kernel, readout_kernel, readout_bias: Of
            :class:`~mflib.networks.recurrent.Layer`; input weights have their strength
            :math:`\sigma` in them. The readout is zero until :func:`fit_readout` has found it.
    """

    square: bool

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape that each weight must have, by name."""
        features = (1 + self.square) * self.units
        return super().shapes() | {"readout_kernel": (features, self.outputs)}

    def features(self, state: tf.Tensor) -> tf.Tensor:
        """``q(r)``, shape ``(batch, units)`` or, with squares, ``(batch, 2 * units)``."""
        return tf.concat([state, state**2], axis=-1) if self.square else state


class ContinuousReservoir(Reservoir):
    r"""The continuous-time reservoir of Flynn, Tsachouridis and Amann.

    .. math:: \dot r = \gamma\,(-r + \tanh(r M + u W))

    A step is one of the classical Runge–Kutta method over ``dt``. While data drive it,
    the input is held during a step. With its loop closed, as published, :math:`u = q(r) V`
    changes with :math:`r` during the step too: what runs is the autonomous differential equation,
    and not quite what was trained. With ``held`` the output is held during a step as well.

    Attributes:
        gamma: Inverse time constant.
        dt: Units of time in a step.
        held: Whether the closed loop holds its output during a step.

    References:
        Flynn, Tsachouridis and Amann (2021), doi:10.1063/5.0019974, and (2023), arXiv:2305.05799.

    Examples:
        >>> weights = random_weights(units=50, inputs=2, radius=1.4, strength=0.2, seed=0)
        >>> network = ContinuousReservoir(**weights, gamma=5.0, dt=0.01)
        >>> network.step(network.initial_state(batch=3), tf.ones((3, 2))).shape
        TensorShape([3, 50])
    """

    gamma: float
    dt: float
    held: bool = False

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """One Runge–Kutta step with the input held."""
        driven = u @ self.kernel
        return self._runge_kutta(state, lambda r: driven)

    def closed_step(self, state: tf.Tensor) -> tf.Tensor:
        """One Runge–Kutta step of the autonomous equation or, if ``held``, of the driven one."""
        if self.held:
            return self.step(state, self.readout(state))
        return self._runge_kutta(state, lambda r: self.readout(r) @ self.kernel)

    def _runge_kutta(self, r, driven):
        def velocity(r):
            return self.gamma * (tf.tanh(r @ self.recurrent_kernel + driven(r)) - r)

        k1 = velocity(r)
        k2 = velocity(r + self.dt / 2 * k1)
        k3 = velocity(r + self.dt / 2 * k2)
        k4 = velocity(r + self.dt * k3)
        return r + self.dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


class LeakyReservoir(Reservoir):
    r"""The leaky echo state network.

    .. math:: r' = (1 - a)\, r + a \tanh(r M + u W + b)

    Attributes:
        bias (units,):
        leak: a, the share of the state that is replaced in a step.

    References:
        Jaeger, Lukoševičius, Popovici and Siewert (2007), Neural Networks 20, 335-352,
        doi:10.1016/j.neunet.2007.04.016.
    """

    bias: tf.Tensor
    leak: float

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """``(1 - a) r + a tanh(r M + u W + b)``."""
        target = tf.tanh(state @ self.recurrent_kernel + u @ self.kernel + self.bias)
        return (1 - self.leak) * state + self.leak * target


def random_weights(
    units: int,
    inputs: int,
    *,
    radius: float,
    strength: float,
    density: float = 0.05,
    square: bool = True,
    seed: int = 0,
    dtype: str = "float32",
) -> dict[str, tf.Tensor | bool]:
    """Weights of an untrained reservoir, by the names of :class:`Reservoir`.

    Each recurrent weight is there with a probability, uniform between -1 and 1, and all are
    scaled together to the spectral radius. Each unit has one input, with a weight uniform
    between ``-strength`` and ``strength``. The readout is zero.

    Args:
        units, inputs: Sizes; there are as many outputs as inputs.
        radius: Largest modulus of the recurrent kernel's eigenvalues.
        strength: Of the inputs.
        density: Probability that a recurrent weight is there.
        square: See :class:`Reservoir`.
        dtype ("float32" or "float64"):

    Examples:
        >>> weights = random_weights(units=100, inputs=2, radius=1.4, strength=0.2, dtype="float64")
        >>> round(float(np.max(np.abs(np.linalg.eigvals(weights["recurrent_kernel"])))), 6)
        1.4
    """
    units, inputs = checks.count("units", units), checks.count("inputs", inputs)
    radius, strength = checks.real("radius", radius, 0), checks.real("strength", strength, 0)
    density = checks.real("density", density, most=1, above=0)
    rng = np.random.default_rng(seed)
    recurrent = rng.uniform(-1, 1, (units, units)) * (rng.random((units, units)) < density)
    largest = np.max(np.abs(np.linalg.eigvals(recurrent)))
    if largest == 0 and radius > 0:
        raise ValueError(f"density: got {density} for {units} units, expected enough for a loop")
    kernel = np.zeros((inputs, units))
    kernel[rng.integers(inputs, size=units), np.arange(units)] = rng.uniform(-1, 1, units)
    return {
        "recurrent_kernel": tf.constant(recurrent * (radius / max(largest, 1e-300)), dtype),
        "kernel": tf.constant(strength * kernel, dtype),
        "readout_kernel": tf.zeros(((1 + square) * units, inputs), dtype),
        "readout_bias": tf.zeros(inputs, dtype),
        "square": square,
    }


def fit_readout(
    reservoir: Layer,
    states: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    ridge: float,
    weights: Sequence[float] | None = None,
    intercept: bool = False,
) -> Layer:
    r"""Find the readout that turns states into the samples that come next.

    With the features :math:`q` of the states that task :math:`k` drove the reservoir through, and
    the samples :math:`x` that come next,

    .. math:: V = \Big(\sum_k w_k^2\, Q_k^T Q_k + \beta I\Big)^{-1} \sum_k w_k^2\, Q_k^T X_k .

    With an intercept, a feature that is always 1 and is not penalised gives ``readout_bias``.

    Args:
        reservoir: Not changed. A recurrent network whose weights are left as they were drawn is a
            reservoir too: its features are ``h``.
        states (tasks, samples, state_dim): From :func:`mflib.modelling.closed_loop.drive`, without
            the first ones, which depend on where the reservoir began.
        targets (tasks, samples, outputs): For each state the sample that comes next.
        ridge: :math:`\beta`, positive.
        weights: How much each task counts, :math:`w_k`: the blending of two tasks has
            :math:`(\alpha, 1-\alpha)`. By default all count the same and the weights' sum is 1.

    Returns:
        Reservoir or Recurrent: Of the kind it was.

    Raises:
        ValueError: If an argument does not fit the reservoir or another.

    References:
        Flynn, Tsachouridis and Amann (2021), doi:10.1063/5.0019974, for the blending.

    Examples:
        >>> from mflib.modelling.closed_loop import drive
        >>> from mflib.multifunctionality.tasks import seeing_double
        >>> data = np.stack([task.trajectory(600, dt=0.1) for task in seeing_double(2.0)])
        >>> weights = random_weights(units=50, inputs=2, radius=1.4, strength=0.2)
        >>> network = ContinuousReservoir(**weights, gamma=5.0, dt=0.1)
        >>> states = drive(network, data[:, :-1])
        >>> network = fit_readout(network, states[:, 200:], data[:, 201:], ridge=1e-2)
        >>> bool(np.abs(network.readout(states[:, 200:]) - data[:, 201:]).max() < 0.1)
        True
    """
    states = np.asarray(states)  # their type stays: features are computed in it
    shape = ("tasks", "samples", reservoir.state_dim)
    tasks, samples, _ = checks.reals("states", states, shape).shape
    targets = checks.reals("targets", targets, (tasks, samples, reservoir.outputs))
    ridge = checks.real("ridge", ridge, above=0)
    equal = np.full(tasks, 1 / tasks)
    blend = checks.reals("weights", equal if weights is None else weights, (tasks,))
    if np.any(blend < 0) or not np.any(blend):
        raise ValueError(f"weights: got {weights}, expected none negative and one positive")
    gram, cross = np.zeros(()), np.zeros(())
    for visited, following, weight in zip(states, targets, blend, strict=True):
        features = np.asarray(reservoir.features(visited), dtype=float)
        features = np.pad(features, [(0, 0), (0, intercept)], constant_values=1)
        gram = gram + weight**2 * (features.T @ features)  # a symmetric product: half the work
        cross = cross + weight**2 * (features.T @ following)
    size = reservoir.readout_kernel.shape[0]
    penalty = np.where(np.arange(len(gram)) < size, ridge, 0)
    solution = solve(gram + np.diag(penalty), cross, assume_a="pos")
    kernel, bias = np.split(solution, [size])
    return replace(
        reservoir,
        readout_kernel=tf.constant(kernel, reservoir.dtype),
        readout_bias=tf.constant(bias.sum(axis=0), reservoir.dtype),
    )
