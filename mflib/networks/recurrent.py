"""Recurrent networks as driven dynamical systems ``s' = F(s, u)``, ``y = G(s)``.

A :class:`Network` is an immutable value: its fields are its weights, its methods are its
equations. The state is one tensor ``(batch, state_dim)``, so that everything that looks at
states (closed loops, exponents, basins, lesions) works for every kind of network. Networks are
TensorFlow extension types: they pass through compiled functions as arguments, and two networks
of the same shape share one compiled program.
"""

from collections.abc import Callable
from typing import Any, Self, get_type_hints

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mflib import checks

#: What stands side by side in a state, each part of shape (batch, size).
Parts = tuple[tf.Tensor, ...]


class Network(tf.experimental.ExtensionType):
    """What every network offers: its sizes, ``inputs``, ``outputs`` and ``state_dim``, its
    ``dtype``, and the methods below.

    The state is ONE tensor of shape ``(batch, state_dim)``; inputs and outputs are
    ``(batch, inputs)`` and ``(batch, outputs)``. The loop can be closed when the outputs can be
    fed back as inputs, that is when ``inputs == outputs``.

    A network of one's own is a subclass with its weights as annotated fields, its three sizes,
    :meth:`step` and :meth:`readout`, in operations of TensorFlow. All that looks at closed loops
    takes it.

    Examples:
        A leaky integrator with a cubic readout; at rest, and at 1 and -1, its loop stands still.

        >>> class Integrator(Network):
        ...     leak: tf.Tensor
        ...
        ...     inputs = outputs = state_dim = property(lambda self: 1)
        ...
        ...     def step(self, state, u):
        ...         return (1 - self.leak) * state + self.leak * u
        ...
        ...     def readout(self, state):
        ...         return 2 * state - state**3

        >>> from mflib.modelling.closed_loop import free_run
        >>> from mflib.modelling.skeleton import fixed_points
        >>> network = Integrator(tf.constant(0.5))
        >>> free_run(network, [[0.1]], steps=100).state.numpy().round(4)
        array([[1.]], dtype=float32)
        >>> found = fixed_points(network, [[-2.0], [0.1], [2.0]])
        >>> found.states.ravel().round(4) + 0.0, found.unstable
        (array([-1.,  0.,  1.]), array([0, 1, 0]))
    """

    @property
    def dtype(self) -> tf.DType:
        """Of weights, states and outputs: that of the first weight."""
        return tf.nest.flatten(self, expand_composites=True)[0].dtype

    @property
    def parts(self) -> tuple[int, ...]:
        """Sizes of what stands side by side in the state, such as ``h`` and ``c`` of an LSTM."""
        return (self.state_dim,)

    def initial_state(self, batch: int) -> tf.Tensor:
        """State ``(batch, state_dim)`` of a network that has seen nothing: all zeros."""
        return tf.zeros((batch, self.state_dim), self.dtype)

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """One step driven by the input ``u``: ``s' = F(s, u)``, shape ``(batch, state_dim)``."""
        raise NotImplementedError

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """The output ``y = G(s)``, shape ``(batch, outputs)``."""
        raise NotImplementedError

    def closed_step(self, state: tf.Tensor) -> tf.Tensor:
        """One step of the closed loop, ``s' = F(s, G(s))``."""
        return self.step(state, self.readout(state))

    def apart(self, state: tf.Tensor) -> Parts:
        """What stands side by side in the state, each of shape ``(batch, size)``."""
        return tuple(tf.split(state, self.parts, axis=1))

    def closed_loop(self, batch: int) -> tuple[int, Callable]:
        """The closed loop as compiled programs run it: the fastest form for so many states.

        Returns:
            int: The axis along which parts of the state, and outputs, have their units; the other
                is the batch.
            Callable: From the parts of a state its output, or ``()`` if outputs are best read off
                all states at once, and the parts of the next.
        """
        return 1, lambda parts: ((), self.apart(self.closed_step(tf.concat(parts, 1))))


class Layer(Network):
    """Units with a linear readout: what recurrent networks and reservoirs share.

    Attributes:
        kernel (inputs, gates * units): Input weights; a reservoir has no gates, which counts as
            one.
        recurrent_kernel (units, gates * units):
        readout_kernel (features, outputs):
        readout_bias (outputs,):

    Raises:
        ValueError: If a weight's shape or type does not fit the others.
    """

    kernel: tf.Tensor
    recurrent_kernel: tf.Tensor
    readout_kernel: tf.Tensor
    readout_bias: tf.Tensor

    units = property(lambda self: self.recurrent_kernel.shape[0], doc="Their number.")
    inputs = property(lambda self: self.kernel.shape[0], doc="Size of the input.")
    outputs = property(lambda self: self.readout_bias.shape[0], doc="Size of the output.")
    parts = property(lambda self: (self.units,), doc="Sizes of the state's parts, of ``h`` first.")
    state_dim = property(lambda self: sum(self.parts), doc="Size of the state.")
    dtype = property(lambda self: self.kernel.dtype, doc="Of weights, states and outputs.")

    @staticmethod
    def gates() -> int:
        """How many weighted sums a unit has."""
        return 1

    @classmethod
    def layout(cls, inputs: int, units: int, outputs: int) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, by name, in Keras' order."""
        columns = cls.gates() * units
        return {
            "kernel": (inputs, columns),
            "recurrent_kernel": (units, columns),
            "bias": (columns,),
            "readout_kernel": (units, outputs),
            "readout_bias": (outputs,),
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape that each weight must have, by name, in a fixed order."""
        return self.layout(self.inputs, self.units, self.outputs)

    def weights(self) -> dict[str, tf.Tensor]:
        """The weights by name, in a fixed order."""
        weights = {name: getattr(self, name, None) for name in self.shapes()}
        return {name: weight for name, weight in weights.items() if weight is not None}

    def __validate__(self):
        expected = self.shapes()
        for name, weight in self.weights().items():
            got = tuple(weight.shape)
            if got != expected[name]:
                raise ValueError(f"{name}: got shape {got}, expected {expected[name]}")
            if weight.dtype != self.dtype or not weight.dtype.is_floating:
                raise ValueError(f"{name}: got {weight.dtype.name}, expected one floating type")

    def __repr__(self) -> str:
        sizes = f"{self.inputs} inputs, {self.units} units, {self.outputs} outputs"
        return f"{type(self).__name__}({sizes}, {self.dtype.name})"

    def features(self, state: tf.Tensor) -> tf.Tensor:
        """What the readout sees: ``h``, shape ``(batch, units)``."""
        return state[..., : self.units]

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """``y = q V + d`` of the features ``q``."""
        return self.features(state) @ self.readout_kernel + self.readout_bias


class Recurrent(Layer):
    """One layer of units with a linear readout: what Elman's network, GRU and LSTM share.

    Each unit has one or more weighted sums of the input and of all units' last outputs,
    ``a = u W + h U + b``; :meth:`Layer.gates` gives their number. What a unit makes of them is the
    kind of network, its :meth:`cell`. Vectors are rows, as in Keras. The first ``units`` numbers of
    the state are ``h``, which the readout sees: ``y = h V + d``.

    Attributes:
        kernel (inputs, gates * units):
        recurrent_kernel (units, gates * units):
        bias (gates * units,): Of a :class:`GRU` (2, gates * units).
        readout_kernel (units, outputs):
        readout_bias (outputs,):
        standardised: Whether the network is meant for data of mean 0 and scale 1, as one that
            :meth:`create` drew is. :meth:`in_units` makes of it one for data as they are, and
            training does so with what it returns.

    Raises:
        ValueError: If a weight's shape or type does not fit the others.
    """

    bias: tf.Tensor
    standardised: bool = False

    def cell(self, a: tf.Tensor, parts: Parts, axis: int = 1) -> Parts:
        """The parts of the new state from the weighted sums ``a`` and the parts of the old one.

        Args:
            a (batch, sums):
            parts: As from :meth:`Network.apart`.
            axis: That of the units; 0 if all these are transposed.
        """
        raise NotImplementedError

    @staticmethod
    def target(inputs: tf.Tensor, following: tf.Tensor) -> tf.Tensor:
        """What ``h V + d`` is to be after ``inputs`` for the output to be ``following``: that."""
        return following

    @staticmethod
    def target_scale(data: tf.Tensor) -> tf.Tensor:
        """What targets are divided by in training, from ``data`` of shape (tasks, samples, dim)."""
        return tf.ones((), data.dtype)

    @classmethod
    def create(
        cls,
        inputs: int,
        units: int,
        outputs: int | None = None,
        *,
        seed: int = 0,
        dtype: str = "float32",
    ) -> Self:
        """A freshly initialised network, the way Keras does it.

        Kernels are Glorot-uniform, the recurrent kernel is orthogonal as one
        ``(units, gates * units)`` matrix, biases are zero.

        Args:
            inputs, units, outputs: Sizes; ``outputs`` defaults to ``inputs``, as a closed loop
                needs.
            dtype ("float32" or "float64"):
        """
        inputs, units = checks.count("inputs", inputs), checks.count("units", units)
        outputs = inputs if outputs is None else checks.count("outputs", outputs)
        shapes, rng = cls.layout(inputs, units, outputs), np.random.default_rng(seed)
        weights = {name: np.zeros(shape) for name, shape in shapes.items()}
        q, r = np.linalg.qr(rng.normal(size=shapes["recurrent_kernel"][::-1]))
        weights["recurrent_kernel"] = (q * np.sign(np.diag(r))).T
        for name in ("kernel", "readout_kernel"):
            limit = np.sqrt(6 / sum(shapes[name]))
            weights[name] = rng.uniform(-limit, limit, shapes[name])
        tensors = {name: tf.constant(weight, dtype) for name, weight in weights.items()}
        return cls(**tensors, standardised=True)

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The weighted sums, then the cell."""
        kernel, recurrent_kernel, bias = self._sums()
        parts = self.apart(state)
        return tf.concat(self.cell(u @ kernel + parts[0] @ recurrent_kernel + bias, parts), 1)

    def closed_step(self, state: tf.Tensor) -> tf.Tensor:
        """``step(state, readout(state))`` in one product."""
        # u = h V + d makes u W + h U + b = h (V W + U) + (d W + b): closing the loop adds V W to
        # the recurrent kernel.
        kernel, recurrent_kernel, bias = self._sums()
        closed = self.readout_kernel @ kernel + recurrent_kernel
        bias = tf.linalg.matvec(kernel, self.readout_bias, transpose_a=True) + bias
        parts = self.apart(state)
        return tf.concat(self.cell(parts[0] @ closed + bias, parts), 1)

    def closed_loop(self, batch: int) -> tuple[int, Callable]:
        """Of several states as columns: what is done to each number runs along the batch."""
        if batch == 1:
            return super().closed_loop(batch)
        kernel, recurrent_kernel, bias = self._sums()
        closed = tf.matmul(kernel, self.readout_kernel, transpose_a=True, transpose_b=True)
        closed += tf.transpose(recurrent_kernel)
        weights = tf.concat([closed, tf.transpose(self.readout_kernel)], 0)
        bias = tf.linalg.matvec(kernel, self.readout_bias, transpose_a=True) + bias
        bias = tf.concat([bias, self.readout_bias], 0)[:, None]
        sizes = closed.shape[0], self.outputs

        def step(parts):
            sums, outputs = tf.split(weights @ parts[0] + bias, sizes)
            return outputs, self.cell(sums, parts, axis=0)

        return 0, step

    def _sums(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """``W, U, b`` of all weighted sums."""
        return self.kernel, self.recurrent_kernel, self.bias

    def in_units(self, location: npt.ArrayLike, scale: npt.ArrayLike) -> Self:
        """The same network for data ``location + scale * u`` instead of ``u``.

        Networks are trained on standardised data. This folds the affine map into the weights,
        so that cues and outputs are in the data's own units and no step pays for it.

        Args:
            location, scale (number or inputs,): Of the data; ``scale`` must be positive.
        """
        shape = (self.outputs,)
        if self.inputs != self.outputs:
            raise ValueError(f"in_units: got {self}, expected as many inputs as outputs")
        origin, unit = (
            tf.constant(checks.reals(name, value, shape[: np.ndim(value)]), self.dtype, shape)
            for name, value in (("location", location), ("scale", scale))
        )
        if not np.all(unit > 0):
            raise ValueError(f"scale: got {scale!r}, expected positive numbers")
        kernel = self.kernel / unit[:, None]
        return replace(
            self,
            kernel=kernel,
            bias=self.bias - tf.linalg.matvec(kernel, origin, transpose_a=True),
            readout_kernel=self.readout_kernel * unit,
            readout_bias=self.readout_bias * unit + origin,
            standardised=False,
        )


class Wrapper(Network):
    """A network that does what another does, but for what its kind changes."""

    network: Network

    inputs = property(lambda self: self.network.inputs)
    outputs = property(lambda self: self.network.outputs)
    state_dim = property(lambda self: self.network.state_dim)
    parts = property(lambda self: self.network.parts)
    dtype = property(lambda self: self.network.dtype)

    def initial_state(self, batch: int) -> tf.Tensor:
        """The network's own."""
        return self.network.initial_state(batch)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """The network's own."""
        return self.network.readout(state)


class Memoryless(Wrapper):
    """A network whose state is reset before every step: the control that must fail.

    What is left is a function of the last input alone, ``y = G(F(s_0, u))``.
    """

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """``F(s_0, u)``, whatever the state was."""
        return self.network.step(self.network.initial_state(state.shape[0]), u)


class ConstantInputs(Wrapper):
    """A network whose last inputs are held: what is left can be an autonomous system.

    Of a network with more inputs than outputs the rest are exogenous. With constants for these its
    loop has attractors, exponents and fixed points like any other; inputs that vary are given to
    :func:`~mflib.modelling.closed_loop.free_run`.

    Attributes:
        values (exogenous,) or (batch, exogenous): What the last inputs get in every step.

    Raises:
        ValueError: If the values have another shape, or leave no input.
    """

    values: tf.Tensor

    inputs = property(lambda self: self.network.inputs - self.values.shape[-1])

    def __validate__(self):
        shape, inputs = self.values.shape, self.network.inputs
        if shape.rank not in (1, 2) or not 0 < shape[-1] < inputs:
            expected = f"(exogenous,) or (batch, exogenous), fewer than all {inputs} inputs"
            raise ValueError(f"values: got shape {tuple(shape)}, expected {expected}")

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The network's step with these inputs after ``u``."""
        values = tf.cast(self.values, self.dtype)
        values = tf.broadcast_to(values, (u.shape[0], values.shape[-1]))
        return self.network.step(state, tf.concat([u, values], 1))


def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """The logistic function, by the tanh: a polynomial in compiled programs, no exponential."""
    return 0.5 + 0.5 * tf.tanh(0.5 * x)


def replace(network: Network, /, **changes: Any) -> Any:
    """The same network with some fields changed.

    A continuous reservoir's closed loop, for instance, may be run with another step than the
    one it was driven with: ``replace(reservoir, dt=0.05)``.
    """
    fields = {name: getattr(network, name) for name in get_type_hints(type(network))}
    return type(network)(**fields | changes)


def cast(network: Network, dtype: str) -> Any:
    """The same network with its weights as numbers of another floating type.

    Networks are trained in single precision, and small differences (Lyapunov exponents of
    directions that contract strongly, finite differences) want double: ``cast(network,
    "float64")``.

    Args:
        network: Of any kind.
        dtype ("float32" or "float64"):

    Examples:
        >>> from mflib.networks.elman import Elman
        >>> cast(Elman.create(inputs=2, units=8), "float64")
        Elman(2 inputs, 8 units, 2 outputs, float64)
    """
    return tf.nest.map_structure(
        lambda weight: tf.cast(weight, dtype), network, expand_composites=True
    )
