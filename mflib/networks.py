"""Recurrent networks as driven dynamical systems ``s' = F(s, u)``, ``y = G(s)``.

A :class:`Network` is an immutable value: its fields are its weights, its methods are its
equations. The state is one tensor ``(batch, state_dim)``, so that everything that looks at
states (closed loops, exponents, basins, lesions) works for every kind of network. Networks are
TensorFlow extension types: they pass through compiled functions as arguments, and two networks
of the same shape share one compiled program.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Optional

import numpy as np
import tensorflow as tf

__all__ = ["LSTM", "Memoryless", "Network", "load", "save"]


class Network(tf.experimental.ExtensionType):
    """What every network offers: its sizes, ``inputs``, ``outputs`` and ``state_dim``, its
    ``dtype``, and the methods below.

    The state is ONE tensor of shape ``(batch, state_dim)``; inputs and outputs are
    ``(batch, inputs)`` and ``(batch, outputs)``. The loop can be closed when the outputs can be
    fed back as inputs, that is when ``inputs == outputs``.
    """

    def initial_state(self, batch: int) -> tf.Tensor:
        """State ``(batch, state_dim)`` of a network that has seen nothing."""
        raise NotImplementedError

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """One step driven by the input ``u``: ``s' = F(s, u)``, shape ``(batch, state_dim)``."""
        raise NotImplementedError

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """The output ``y = G(s)``, shape ``(batch, outputs)``."""
        raise NotImplementedError

    def closed_step(self, state: tf.Tensor) -> tf.Tensor:
        """One step of the closed loop, ``s' = F(s, G(s))``."""
        return self.step(state, self.readout(state))


class LSTM(Network):
    r"""The LSTM of the thesis, equations (5)-(10), with a linear readout.

    With the state :math:`s = (h, c)` and the input :math:`u`,

    .. math::
        i &= \sigma(u W_i + h U_i + p_i \odot c + b_i)  &
        f &= \sigma(u W_f + h U_f + p_f \odot c + b_f)  \\
        g &= \tanh(u W_g + h U_g + b_g)                 &
        c' &= f \odot c + i \odot g                     \\
        o &= \sigma(u W_o + h U_o + p_o \odot c' + b_o) &
        h' &= o \odot \tanh(c'), \qquad y = h' V + d .

    Without ``peepholes`` (:math:`p = 0`) this is the layer ``keras.layers.LSTM``. Vectors are
    rows, as in Keras; the gates stand in Keras' order *i, f, g, o* along the last axis.

    Attributes
    ----------
    kernel : tf.Tensor, shape (inputs, 4 * units)
        Input weights, :math:`W_{ix}, W_{fx}, W_{\tilde c x}, W_{ox}` of the thesis.
    recurrent_kernel : tf.Tensor, shape (units, 4 * units)
        Recurrent weights :math:`W_{ih}, W_{fh}, W_{\tilde c h}, W_{oh}`.
    bias : tf.Tensor, shape (4 * units,)
    readout_kernel : tf.Tensor, shape (units, outputs)
    readout_bias : tf.Tensor, shape (outputs,)
    peepholes : tf.Tensor or None, shape (3, units)
        :math:`P_i, P_f, P_o`; ``None`` for a cell without them.

    Raises
    ------
    ValueError
        If a weight's shape or type does not fit the others.

    References
    ----------
    Thesis, equations (5)-(10). Hochreiter and Schmidhuber (1997),
    doi:10.1162/neco.1997.9.8.1735; Gers, Schmidhuber and Cummins (2000) for the forget gate;
    Yu et al. (2019), doi:10.1162/neco_a_01199, for this form.

    Examples
    --------
    >>> network = LSTM.create(inputs=2, units=8, seed=0)
    >>> network.step(network.initial_state(batch=3), tf.zeros((3, 2))).shape
    TensorShape([3, 16])
    """

    kernel: tf.Tensor
    recurrent_kernel: tf.Tensor
    bias: tf.Tensor
    readout_kernel: tf.Tensor
    readout_bias: tf.Tensor
    peepholes: Optional[tf.Tensor] = None  # noqa: UP045 (extension types do not read `X | None`)

    def __validate__(self):
        units = self.recurrent_kernel.shape[0]
        expected = {
            "kernel": (self.kernel.shape[0], 4 * units),
            "recurrent_kernel": (units, 4 * units),
            "bias": (4 * units,),
            "readout_kernel": (units, self.readout_bias.shape[0]),
            "readout_bias": (self.readout_bias.shape[0],),
            "peepholes": (3, units),
        }
        for name, weight in self.weights().items():
            if tuple(weight.shape) != expected[name]:
                raise ValueError(
                    f"{name}: got shape {tuple(weight.shape)}, expected {expected[name]} "
                    f"for {units} units"
                )
            if weight.dtype != self.kernel.dtype or not weight.dtype.is_floating:
                raise ValueError(
                    f"{name}: got {weight.dtype.name}, expected one floating type for all "
                    f"weights (kernel is {self.kernel.dtype.name})"
                )

    @classmethod
    def create(
        cls,
        inputs: int,
        units: int,
        outputs: int | None = None,
        *,
        peepholes: bool = False,
        seed: int = 0,
        dtype: str = "float32",
    ) -> LSTM:
        """A freshly initialised network, the way Keras does it.

        Kernels are Glorot-uniform, the recurrent kernel is orthogonal as one
        ``(units, 4 * units)`` matrix, biases are zero but for the forget gate's, which is one.
        Peepholes start at zero.

        Parameters
        ----------
        inputs, units, outputs : int
            Sizes; ``outputs`` defaults to ``inputs``, as a closed loop needs.
        peepholes : bool
        seed : int
        dtype : {"float32", "float64"}
        """
        outputs = inputs if outputs is None else outputs
        for name, size in (("inputs", inputs), ("units", units), ("outputs", outputs)):
            if size < 1:
                raise ValueError(f"{name}: got {size}, expected at least 1")
        rng = np.random.default_rng(seed)

        def glorot(rows, columns):
            limit = np.sqrt(6 / (rows + columns))
            return rng.uniform(-limit, limit, (rows, columns))

        q, r = np.linalg.qr(rng.normal(size=(4 * units, units)))
        bias = np.zeros(4 * units)
        bias[units : 2 * units] = 1
        weights = {
            "kernel": glorot(inputs, 4 * units),
            "recurrent_kernel": (q * np.sign(np.diag(r))).T,
            "bias": bias,
            "readout_kernel": glorot(units, outputs),
            "readout_bias": np.zeros(outputs),
        }
        if peepholes:
            weights["peepholes"] = np.zeros((3, units))
        return cls(**{name: tf.constant(weight, dtype) for name, weight in weights.items()})

    @property
    def units(self) -> int:
        """H, the dimension of ``h`` and of ``c``."""
        return self.recurrent_kernel.shape[0]

    @property
    def inputs(self) -> int:
        """Size of the input."""
        return self.kernel.shape[0]

    @property
    def outputs(self) -> int:
        """Size of the output."""
        return self.readout_bias.shape[0]

    @property
    def state_dim(self) -> int:
        """Size of the state ``(h, c)``, twice the number of units."""
        return 2 * self.units

    @property
    def dtype(self) -> tf.DType:
        """The type of weights, states and outputs."""
        return self.kernel.dtype

    def __repr__(self) -> str:
        peepholes = "" if self.peepholes is None else ", peepholes"
        return (
            f"LSTM({self.inputs} inputs, {self.units} units{peepholes}, {self.outputs} outputs, "
            f"{self.dtype.name})"
        )

    def weights(self) -> dict[str, tf.Tensor]:
        """The weights by name, in a fixed order."""
        names = ["kernel", "recurrent_kernel", "bias", "readout_kernel", "readout_bias"]
        names += ["peepholes"] if self.peepholes is not None else []
        return {name: getattr(self, name) for name in names}

    def initial_state(self, batch: int) -> tf.Tensor:
        """``h = c = 0``, as the thesis begins."""
        return tf.zeros((batch, 2 * self.units), self.dtype)

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Equations (5)-(10)."""
        h, c = tf.split(state, 2, axis=1)
        return self.cell(u @ self.kernel + h @ self.recurrent_kernel + self.bias, c)

    def cell(self, a: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
        """The new state from the four weighted sums ``a = u W + h U + b`` and the old ``c``."""
        a_i, a_f, a_g, a_o = tf.split(a, 4, axis=1)
        if self.peepholes is not None:
            p_i, p_f, p_o = tf.unstack(self.peepholes)
            a_i, a_f = a_i + p_i * c, a_f + p_f * c
        c = tf.sigmoid(a_f) * c + tf.sigmoid(a_i) * tf.tanh(a_g)
        if self.peepholes is not None:
            a_o += p_o * c
        return tf.concat([tf.sigmoid(a_o) * tf.tanh(c), c], axis=1)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """``y = h V + d``."""
        return state[:, : self.units] @ self.readout_kernel + self.readout_bias

    def closed_step(self, state: tf.Tensor) -> tf.Tensor:
        """``step(state, readout(state))`` in one product."""
        # u = h V + d makes u W + h U + b = h (V W + U) + (d W + b): closing the loop adds V W to
        # the recurrent kernel.
        h, c = tf.split(state, 2, axis=1)
        recurrent_kernel = self.readout_kernel @ self.kernel + self.recurrent_kernel
        bias = tf.linalg.matvec(self.kernel, self.readout_bias, transpose_a=True) + self.bias
        return self.cell(h @ recurrent_kernel + bias, c)

    def in_units(self, location, scale) -> LSTM:
        """The same network for data ``location + scale * u`` instead of ``u``.

        Networks are trained on standardised data. This folds the affine map into the weights,
        so that cues and outputs are in the data's own units and no step pays for it.

        Parameters
        ----------
        location, scale : float or array_like, shape (inputs,)
            Of the data; ``scale`` must be positive.
        """
        if self.inputs != self.outputs:
            raise ValueError(
                f"in_units: got {self.inputs} inputs and {self.outputs} outputs, expected as many"
            )
        location = tf.broadcast_to(tf.cast(location, self.dtype), [self.inputs])
        scale = tf.broadcast_to(tf.cast(scale, self.dtype), [self.inputs])
        if not np.all(np.isfinite(location)) or not np.all(np.isfinite(scale) & (scale > 0)):
            raise ValueError(
                f"location, scale: got {location.numpy()}, {scale.numpy()}, expected finite "
                "numbers and a positive scale"
            )
        kernel = self.kernel / scale[:, None]
        return LSTM(
            kernel=kernel,
            recurrent_kernel=self.recurrent_kernel,
            bias=self.bias - tf.linalg.matvec(kernel, location, transpose_a=True),
            readout_kernel=self.readout_kernel * scale,
            readout_bias=self.readout_bias * scale + location,
            peepholes=self.peepholes,
        )

    @classmethod
    def from_keras(cls, model) -> LSTM:
        """Take over a trained Keras model made of one LSTM layer and one linear Dense layer.

        Parameters
        ----------
        model : keras.Model
            For instance ``keras.Sequential([keras.layers.LSTM(32), keras.layers.Dense(3)])``,
            built or trained.

        Raises
        ------
        ValueError
            If the layers are others, or use an option under which they are not equations
            (5)-(10) without peepholes.
        """
        import keras

        layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
        kinds = [type(layer) for layer in layers]
        if kinds != [keras.layers.LSTM, keras.layers.Dense]:
            raise ValueError(
                f"model: got layers {[k.__name__ for k in kinds]}, expected one LSTM, one Dense"
            )
        lstm, dense = layers
        options = {
            "activation": (lstm.activation, keras.activations.tanh),
            "recurrent_activation": (lstm.recurrent_activation, keras.activations.sigmoid),
            "go_backwards": (lstm.go_backwards, False),
            "Dense activation": (dense.activation, keras.activations.linear),
        }
        for name, (got, expected) in options.items():
            if got != expected:
                raise ValueError(f"model: {name} is {got}, expected {expected}")
        if not (lstm.built and dense.built):
            raise ValueError("model: got layers without weights, expected a built model")

        kernel, recurrent_kernel, *bias = lstm.get_weights()
        readout_kernel, *readout_bias = dense.get_weights()
        return cls(
            kernel=tf.constant(kernel),
            recurrent_kernel=tf.constant(recurrent_kernel),
            bias=tf.constant(bias[0] if bias else np.zeros_like(recurrent_kernel[0])),
            readout_kernel=tf.constant(readout_kernel),
            readout_bias=tf.constant(readout_bias[0] if readout_bias else readout_kernel[0] * 0),
        )

    def to_keras(self):
        """The same network as a Keras model: ``(batch, time, inputs) -> (batch, time, outputs)``.

        Raises
        ------
        ValueError
            If the network has peepholes, which ``keras.layers.LSTM`` does not.
        """
        import keras

        if self.peepholes is not None:
            raise ValueError("to_keras: got a network with peepholes; Keras' LSTM has none")
        dtype = self.dtype.name
        lstm = keras.layers.LSTM(self.units, return_sequences=True, dtype=dtype)
        dense = keras.layers.Dense(self.outputs, dtype=dtype)
        model = keras.Sequential([keras.Input((None, self.inputs), dtype=dtype), lstm, dense])
        model.set_weights([weight.numpy() for weight in self.weights().values()])
        return model


class Memoryless(Network):
    """A network whose state is reset before every step: the control that must fail.

    What is left is a function of the last input alone, ``y = G(F(s_0, u))``.
    """

    network: Network

    inputs = property(lambda self: self.network.inputs)
    outputs = property(lambda self: self.network.outputs)
    state_dim = property(lambda self: self.network.state_dim)
    dtype = property(lambda self: self.network.dtype)

    def initial_state(self, batch: int) -> tf.Tensor:
        """The network's own."""
        return self.network.initial_state(batch)

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """``F(s_0, u)``, whatever the state was."""
        return self.network.step(self.network.initial_state(state.shape[0]), u)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """The network's own."""
        return self.network.readout(state)


FORMAT = "mflib network 1"


def save(path: str | os.PathLike, network: LSTM, **about) -> None:
    """Write a network to one ``.npz`` file: its weights, what it is, and a checksum.

    Parameters
    ----------
    path : path-like
        Written whole or not at all.
    network : LSTM
    **about
        Anything JSON can hold that a later reader should know: seed, task, date.
    """
    arrays = {name: weight.numpy() for name, weight in network.weights().items()}
    header = json.dumps({"format": FORMAT, "kind": type(network).__name__, "about": about})
    arrays["header"] = np.array(header)
    arrays["sha256"] = np.array(_checksum(arrays))
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(path)


def load(path: str | os.PathLike) -> tuple[LSTM, dict]:
    """Read a network that :func:`save` wrote, without pickle and with its checksum verified.

    Returns
    -------
    network : LSTM
    about : dict
        What was noted when it was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or not one of ours.
    """
    path = Path(path)
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive.items())
        checksum = str(arrays.pop("sha256"))
        header = json.loads(str(arrays["header"]))
        foreign = header["format"] != FORMAT
    except Exception as error:  # a damaged archive fails in a dozen ways, one for each layer
        raise ValueError(f"path: {path} is not a network file of mflib, or damaged") from error
    if foreign or _checksum(arrays) != checksum:
        raise ValueError(f"path: {path} is damaged: its checksum does not fit its content")
    del arrays["header"]
    return LSTM(**{name: tf.constant(array) for name, array in arrays.items()}), header["about"]


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
