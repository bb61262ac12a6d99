"""Networks from PyTorch: the loops that PyTorch ran itself, recorded by `record_torch.py`.

PyTorch is not needed. Where it is installed, its modules are taken over live too.
"""

from pathlib import Path

import numpy as np
import pytest

from mflib.modelling.closed_loop import free_run, warm_up
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


def nonlinearity(name):
    return {"nonlinearity": "relu" if name.endswith("relu") else "tanh"}


def taken(name):
    return from_torch(weights(name), **nonlinearity(name))


@pytest.mark.parametrize("name", NAMES)
def test_runs_as_in_pytorch(name):
    network, cue, expected = taken(name), RECORD[f"{name}/cue"], RECORD[f"{name}/outputs"]
    assert type(network) is LAYERS.get(name, KerasNetwork)
    assert network.dtype == cue.dtype
    run = free_run(network, warm_up(network, cue), expected.shape[1])
    tolerance = 1e-10 if network.dtype == "float64" else 1e-5
    assert np.max(np.ptp(expected, axis=1)) > 0.05
    np.testing.assert_allclose(run.outputs, expected, rtol=0, atol=tolerance)


ONE = weights("LSTM, 1 layer")
TWO = weights("GRU, 2 layers")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, r"weights: got NoneType .*, expected a state_dict\(\)"),
        ({}, r"weights: got 0 recurrent layers and beside them \[\], expected LSTM"),
        ({k: w for k, w in ONE.items() if "readout" not in k}, "and one Linear"),
        (ONE | {"more.weight": np.ones((2, 3))}, "and one Linear"),
        (ONE | {"rnn.weight_hr_l0": np.ones((3, 5))}, "without projection"),
        (ONE | {"rnn.weight_ih_l0_reverse": np.ones((20, 3))}, "reverse.* in one direction"),
        (ONE | {"rnn.weight_hh_l0": np.ones((10, 5))}, r"shape \(10, 5\), expected 1, 3 or 4"),
        (ONE | {"rnn.weight_ih_l0": np.ones((5, 3))}, r"rnn\.weight_ih_l0: got shape \(5, 3\)"),
        (TWO | {"rnn.weight_ih_l1": np.ones((15, 4))}, r"rnn\.weight_ih_l1: got shape"),
        ({k: w for k, w in ONE.items() if "_hh" not in k}, "weight_hh_l0: got None"),
        (ONE | {"readout.weight": np.ones((3, 4))}, r"readout.weight: got shape \(3, 4\)"),
        (
            ONE | {"readout.bias": np.full(3, np.nan)},
            "readout.bias: got values that are not finite",
        ),
        (
            ONE | {"rnn.bias_ih_l0": np.full(20, np.inf)},
            "bias_ih_l0: got values that are not finite",
        ),
        (ONE | {"rnn.bias_ih_l0": np.ones(20, complex)}, "bias_ih_l0: got shape .* of complex128"),
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
    assert repr(network) == "KerasNetwork(3 inputs, SimpleRNN(4), LSTM(5), 3 outputs, float64)"
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
    def test_tensors_are_those_of_the_record(self, name):
        state = self.record.create(name).state_dict()
        for key, weight in weights(name).items():
            np.testing.assert_array_equal(state[key], weight)
        assert repr(from_torch(state, **nonlinearity(name))) == repr(taken(name))

    def test_numbers_that_numpy_does_not_have(self):
        import torch

        module = self.record.create("GRU, 2 layers").to(torch.bfloat16)
        with pytest.raises(ValueError, match=r"weights: got .*BFloat16"):
            from_torch(module.state_dict())
