"""Networks from PyTorch: the loops that PyTorch ran itself, recorded by `record_torch.py`.

PyTorch is not needed. Where it is installed, its modules are taken over live too.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.closed_loop import drive, free_run, warm_up
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.keras import KerasNetwork
from mflib.networks.lstm import LSTM
from mflib.networks.torch import from_torch

with np.load(Path(__file__).with_name("torch.npz")) as archive:
    RECORD = {name: archive[name] for name in archive.files}
NAMES = sorted({name.split("/")[0] for name in RECORD} - {"made"})
LAYERS = {"LSTM, 1 layer": LSTM, "GRU, 1 layer, without biases": GRU}


def weights(name):
    start = f"{name}/weights/"
    return {k.removeprefix(start): w for k, w in RECORD.items() if k.startswith(start)}


def taken(name, **changes):
    return from_torch(
        weights(name) | changes, nonlinearity="relu" if name.endswith("relu") else "tanh"
    )


@pytest.mark.parametrize("name", NAMES)
def test_runs_as_in_pytorch(name):
    network, cue, expected = taken(name), RECORD[f"{name}/cue"], RECORD[f"{name}/outputs"]
    assert type(network) is LAYERS.get(name, KerasNetwork)
    assert network.dtype == cue.dtype
    run = free_run(network, warm_up(network, cue), expected.shape[1])
    tolerance = 1e-10 if network.dtype == "float64" else 1e-5
    assert np.std(expected[:, -20:]) > 0.05
    np.testing.assert_allclose(run.outputs, expected, rtol=0, atol=tolerance)


class Module:
    """What a module offers, without PyTorch: the record's network, and what follows it."""

    def __init__(self, name="LSTM, 1 layer", after=lambda x: x, time_first=False):
        self.name, self.after, self.time_first = name, after, time_first

    def state_dict(self):
        return {k: SimpleNamespace(detach=lambda w=w: w) for k, w in weights(self.name).items()}

    def parameters(self):
        return iter([SimpleNamespace(new_tensor=np.array)])

    def __call__(self, x):
        network = taken(self.name)
        states = drive(network, x.swapaxes(0, 1) if self.time_first else x)
        y = np.stack([network.readout(state) for state in tf.unstack(states, axis=1)], axis=1)
        return self.after(y.swapaxes(0, 1) if self.time_first else y)


@pytest.mark.parametrize(
    "module",
    [
        Module(),
        Module(after=lambda y: (y, "state")),
        Module(after=lambda y: y[:, -1]),
        Module(time_first=True),
        Module(time_first=True, after=lambda y: ((y, "h"), "c")),
    ],
    ids=["batch first", "with its state", "last output", "time first", "time first, with state"],
)
def test_a_module_is_run_beside_the_network(module):
    assert type(from_torch(module)) is LSTM


def fails(y):
    raise TypeError("missing a positional argument")


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (np.tanh, "differ by .* of their size from those of its layers"),
        (lambda y: y[:, :, :1], "differ by inf"),
        (fails, r"it fails: missing a positional argument"),
    ],
)
def test_a_module_that_does_more_is_refused(after, message):
    with pytest.raises(ValueError, match=message):
        from_torch(Module(after=after))


ONE = weights("LSTM, 1 layer")
TWO = weights("GRU, 2 layers")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "module: got NoneType, expected a module of PyTorch"),
        ({}, r"module: got weights \[\], expected those of LSTM"),
        ({k: w for k, w in ONE.items() if "readout" not in k}, "of one Linear layer"),
        (ONE | {"more.weight": np.ones((2, 3))}, "of one Linear layer"),
        (ONE | {"rnn.weight_hr_l0": np.ones((3, 5))}, "without projection"),
        (ONE | {"rnn.weight_ih_l0_reverse": np.ones((20, 3))}, "in one direction"),
        (ONE | {"rnn.weight_hh_l0": np.ones((10, 5))}, r"shape \(10, 5\), expected 1, 3 or 4"),
        (ONE | {"rnn.weight_ih_l0": np.ones((5, 3))}, r"rnn\.l0: weight_ih: got shape \(5, 3\)"),
        (TWO | {"rnn.weight_ih_l1": np.ones((15, 4))}, r"rnn\.l1: weight_ih: got shape"),
        ({k: w for k, w in ONE.items() if "_hh" not in k}, "weight_hh: got None"),
        (ONE | {"readout.weight": np.ones((3, 4))}, r"readout: got shape \(3, 4\)"),
        (ONE | {"readout.bias": np.full(3, np.nan)}, "readout: got values that are not finite"),
        (ONE | {"rnn.bias_ih_l0": np.full(20, np.inf)}, "bias_ih: got values that are not finite"),
        (ONE | {"rnn.bias_ih_l0": np.ones(20, complex)}, "bias_ih: got shape .* of complex128"),
    ],
)
def test_refusals(state, message):
    with pytest.raises(ValueError, match=message):
        from_torch(state)


def test_the_nonlinearity_is_one_of_two():
    with pytest.raises(ValueError, match="nonlinearity: got 'elu', expected 'tanh' or 'relu'"):
        from_torch(ONE, nonlinearity="elu")


def test_a_cell_and_a_layer_after_it_are_taken_in_order():
    rng = np.random.default_rng(0)
    shapes = {
        "first.weight_ih": (4, 3),
        "first.weight_hh": (4, 4),
        "second.weight_ih_l0": (20, 4),
        "second.weight_hh_l0": (20, 5),
        "out.weight": (3, 5),
    }
    network = from_torch({name: rng.normal(size=shape) for name, shape in shapes.items()})
    assert repr(network) == ("KerasNetwork(3 inputs, SimpleRNN(4), LSTM(5), 3 outputs, float64)")
    del shapes["second.weight_ih_l0"], shapes["second.weight_hh_l0"]
    shapes["out.weight"] = (3, 4)
    assert type(from_torch({n: rng.normal(size=s) for n, s in shapes.items()})) is Elman


class TestLive:
    """With PyTorch itself: `make bench` installs it."""

    @pytest.fixture(autouse=True)
    def record(self):
        pytest.importorskip("torch")
        from tests import record_torch

        self.record = record_torch

    @pytest.mark.parametrize("name", NAMES)
    def test_modules_are_those_of_the_record(self, name):
        network = from_torch(
            self.record.create(name), nonlinearity="relu" if name.endswith("relu") else "tanh"
        )
        assert repr(network) == repr(taken(name))

    def test_what_has_no_weights_is_found_out(self):
        import torch

        module = self.record.create("LSTM, 2 layers")
        module.readout.register_forward_hook(lambda *arguments: torch.tanh(arguments[-1]))
        with pytest.raises(ValueError, match="differ by"):
            from_torch(module)
        with pytest.raises(ValueError, match=r"rnn.weight_ih_l0 .*BFloat16"):
            from_torch(self.record.create("GRU, 2 layers").to(torch.bfloat16))
