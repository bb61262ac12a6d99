"""The closed loop of an LSTM as peers run it: each is ``loop(steps)``, the outputs of a run.

All compute the same, in single precision, from the weights of one network and one state.
"""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import keras
import numpy as np

from benchmarks.timing import optional
from mflib.networks.lstm import LSTM

torch, jax, numba = optional("torch"), optional("jax"), optional("numba")
onnx, onnxruntime = optional("onnx"), optional("onnxruntime")
COMPILER = shutil.which("cc")


def arrays(network: LSTM) -> dict[str, np.ndarray]:
    """The weights by name, and those of the loop closed in the recurrent matrix."""
    w = {name: weight.numpy() for name, weight in network.weights().items()}
    closed = w["readout_kernel"] @ w["kernel"] + w["recurrent_kernel"]
    bias, rows = w["readout_bias"] @ w["kernel"] + w["bias"], w["readout_kernel"].T.copy()
    return w | {"closed": closed, "closed_bias": bias, "readout_rows": rows}


def c_loop(network: LSTM, start: np.ndarray):
    """``closed_loop.c``, compiled here for this processor; of one trajectory."""
    source, folder = Path(__file__).with_name("closed_loop.c"), Path(tempfile.mkdtemp())
    options = ("-O3", "-march=native", "-ffast-math", "-fPIC", "-c")
    subprocess.run([COMPILER, *options, source, "-o", folder / "loop.o"], check=True)
    # linked without -ffast-math, which would change how this whole process rounds
    library = folder / "loop.so"
    subprocess.run([COMPILER, "-shared", folder / "loop.o", "-o", library, "-lm"], check=True)
    run, w = ctypes.CDLL(str(library)).run, arrays(network)
    weights = [w[name] for name in ("closed", "closed_bias", "readout_rows", "readout_bias")]

    def loop(steps):
        state, sums = start.copy(), np.empty(4 * network.units, "float32")
        outputs = np.empty((1, steps, network.outputs), "float32")
        h, c = np.split(state[0], 2)
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in (*weights, h, c, sums, outputs)]
        run(network.units, network.outputs, steps, *pointers)
        return outputs

    return loop


def numba_loop(network: LSTM, start: np.ndarray):
    """The lines of ``closed_loop.c`` in Python, compiled by numba."""
    w = arrays(network)
    arguments = w["closed"], w["closed_bias"], w["readout_rows"], w["readout_bias"]

    @numba.njit(fastmath=True)
    def run(closed, bias, readout, offset, h, c, outputs):
        units, sums = len(h), np.empty_like(bias)
        for step in range(len(outputs)):
            for k in range(len(offset)):
                y = offset[k]
                for j in range(units):
                    y += readout[k, j] * h[j]
                outputs[step, k] = y
            sums[:] = bias
            for j in range(units):
                for k in range(4 * units):
                    sums[k] += h[j] * closed[j, k]
            for k in range(units):
                i = 1 / (1 + np.exp(-sums[k]))
                f = 1 / (1 + np.exp(-sums[units + k]))
                o = 1 / (1 + np.exp(-sums[3 * units + k]))
                c[k] = f * c[k] + i * np.tanh(sums[2 * units + k])
                h[k] = o * np.tanh(c[k])

    def loop(steps):
        h, c = (part.copy() for part in np.split(start[0], 2))
        outputs = np.empty((steps, network.outputs), "float32")
        run(*arguments, h, c, outputs)
        return outputs[None]

    return loop


def onnx_loop(network: LSTM, start: np.ndarray):
    """ONNX's operator ``Loop`` around the closed step, in ONNX Runtime."""
    from onnx import TensorProto, helper, numpy_helper

    w, (h0, c0) = arrays(network), np.split(start, 2, axis=1)
    used = ("readout_kernel", "readout_bias", "closed", "closed_bias")
    constants = [numpy_helper.from_array(w[name], name) for name in used]
    lines = """
        MatMul h readout_kernel y0 / Add y0 readout_bias y / MatMul h closed a0 /
        Add a0 closed_bias a / Split a a_i a_f a_g a_o / Sigmoid a_i i / Sigmoid a_f f /
        Tanh a_g g / Sigmoid a_o o / Mul f c kept / Mul i g new / Add kept new c1 /
        Tanh c1 t / Mul o t h1 / Identity go go1
    """
    nodes = []
    for operator, *names in (line.split() for line in lines.split("/")):
        into = {"Split": 1, "Identity": 1, "Sigmoid": 1, "Tanh": 1}.get(operator, 2)
        extra = {"axis": 1, "num_outputs": 4} if operator == "Split" else {}
        nodes.append(helper.make_node(operator, names[:into], names[into:], **extra))

    def value(name, shape=None, kind=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, shape)

    whole, truth = TensorProto.INT64, TensorProto.BOOL
    inside = [value("k", [], whole), value("go", [], truth), value("h"), value("c")]
    after = [value("go1", [], truth), value("h1"), value("c1"), value("y")]
    body = helper.make_graph(nodes, "step", inside, after)
    outputs = ["h_end", "c_end", "ys"]
    loop_node = helper.make_node("Loop", ["steps", "", "h0", "c0"], outputs, body=body)
    given = [value("steps", [], whole), value("h0", h0.shape), value("c0", c0.shape)]
    graph = helper.make_graph([loop_node], "loop", given, [value("ys")], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())

    def loop(steps):
        (ys,) = session.run(["ys"], {"steps": np.array(steps), "h0": h0, "c0": c0})
        return ys.transpose(1, 0, 2)

    return loop


def jax_loop(network: LSTM, start: np.ndarray, unroll: int):
    """As an expert would write it: closed in the recurrent matrix, one product for all outputs."""
    weights = {name: jax.numpy.asarray(w) for name, w in arrays(network).items()}
    h0, c0 = np.split(start, 2, axis=1)
    sigmoid, tanh = jax.nn.sigmoid, jax.numpy.tanh

    @functools.partial(jax.jit, static_argnums=3)
    def run(w, h, c, steps):
        def step(carry, _):
            h, c = carry
            i, f, g, o = jax.numpy.split(h @ w["closed"] + w["closed_bias"], 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            return (sigmoid(o) * tanh(c), c), h

        _, hs = jax.lax.scan(step, (h, c), None, length=steps, unroll=unroll)
        return (hs @ w["readout_kernel"] + w["readout_bias"]).transpose(1, 0, 2)

    return lambda steps: np.asarray(run(weights, h0, c0, steps))


def torch_cell(network: LSTM):
    """PyTorch's cell with the network's weights, and those of the readout."""
    weights = {name: torch.tensor(w.numpy()) for name, w in network.weights().items()}
    kernel, bias = weights["readout_kernel"], weights["readout_bias"]
    cell = torch.nn.LSTMCell(network.inputs, network.units, dtype=kernel.dtype)
    with torch.no_grad():
        cell.weight_ih.copy_(weights["kernel"].T)
        cell.weight_hh.copy_(weights["recurrent_kernel"].T)
        cell.bias_ih.copy_(weights["bias"])
        cell.bias_hh.zero_()
    return cell, kernel, bias


def torch_loop(network: LSTM, start: np.ndarray, *, compiled: bool = False):
    """The loop most PyTorch users write, in inference mode; its step compiled or not."""
    cell, kernel, bias = torch_cell(network)
    h0, c0 = (torch.tensor(x) for x in np.split(start, 2, axis=1))

    def step(h, c):
        y = torch.addmm(bias, h, kernel)
        return y, *cell(y, (h, c))

    if compiled:
        step = torch.compile(step)

    def loop(steps):
        h, c, outputs = h0, c0, []
        with torch.inference_mode():
            for _ in range(steps):
                y, h, c = step(h, c)
                outputs.append(y)
            return torch.stack(outputs, dim=1).numpy()

    return loop


def numpy_loop(network: LSTM, start: np.ndarray):
    """The same equations in NumPy."""
    w = arrays(network)
    h0, c0 = np.split(start, 2, axis=1)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def loop(steps):
        h, c, outputs = h0, c0, []
        for _ in range(steps):
            y = h @ w["readout_kernel"] + w["readout_bias"]
            outputs.append(y)
            i, f, g, o = np.split(
                y @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, axis=1
            )
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return np.stack(outputs, axis=1)

    return loop


def keras_loop(network: LSTM, cue: np.ndarray, *, call: bool):
    """A stateful Keras model fed one sample at a time, by ``model(x)`` or ``model.predict(x)``."""
    batch = len(cue)
    layer = keras.layers.LSTM(network.units, stateful=True)
    inputs = keras.Input((1, network.inputs), batch_size=batch)
    model = keras.Sequential([inputs, layer, keras.layers.Dense(network.outputs)])
    model.set_weights([weight.numpy() for weight in network.weights().values()])

    def step(u):
        u = u[:, None]
        return model(u).numpy() if call else model.predict(u, batch_size=batch, verbose=0)

    def loop(steps):
        layer.reset_state()
        for sample in cue.transpose(1, 0, 2)[:-1]:
            model(sample[:, None])
        y, outputs = step(cue[:, -1]), []
        for _ in range(steps):
            outputs.append(y)
            y = step(y)
        return np.stack(outputs, axis=1)

    return loop
