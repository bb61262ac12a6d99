"""Networks on disk: exact, without pickle, and checked."""

import numpy as np
import pytest
import tensorflow as tf

from mflib.networks.elman import Elman
from mflib.networks.files import load, save
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Memoryless
from mflib.networks.reservoirs import LeakyReservoir, random_weights

NETWORKS = {
    "LSTM": lambda dtype: LSTM.create(3, 7, 2, dtype=dtype),
    "LSTM with peepholes": lambda dtype: LSTM.create(3, 7, 2, peepholes=True, dtype=dtype),
    "IncrementLSTM": lambda dtype: IncrementLSTM.create(3, 7, dtype=dtype),
    "Elman": lambda dtype: Elman.create(3, 7, 2, dtype=dtype),
    "GRU": lambda dtype: GRU.create(3, 7, 2, dtype=dtype),
}


@pytest.mark.parametrize("create", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip_is_exact(tmp_path, create, dtype):
    network = create(dtype)
    save(tmp_path / "n.npz", network, seed=9, task="seeing double")
    back, about = load(tmp_path / "n.npz")
    assert about == {"seed": 9, "task": "seeing double"}
    assert type(back) is type(network)
    assert back.weights().keys() == network.weights().keys()
    for name, weight in network.weights().items():
        np.testing.assert_array_equal(weight, back.weights()[name])
    assert [path.name for path in tmp_path.iterdir()] == ["n.npz"]


def test_every_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "n.npz"
    save(path, LSTM.create(1, 2))
    network, content = load(path)[0], path.read_bytes()
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            back, _ = load(path)
        except ValueError as error:
            assert "path" in str(error)
        else:  # a byte that carries nothing, such as a time stamp
            for name, weight in network.weights().items():
                np.testing.assert_array_equal(weight, back.weights()[name])


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + bytes(50)])
def test_foreign_bytes(tmp_path, content):
    (tmp_path / "n.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"not a network file|damaged"):
        load(tmp_path / "n.npz")


def test_foreign_archive(tmp_path):
    np.savez(tmp_path / "n.npz", weights=np.zeros(3))
    with pytest.raises(ValueError, match="not a network file"):
        load(tmp_path / "n.npz")


class Other(Elman):
    """A kind of network that mflib does not know."""


def leaky():
    weights = random_weights(8, 2, radius=0.9, strength=0.1, density=1.0)
    return LeakyReservoir(**weights, bias=tf.zeros(8), leak=0.5)


@pytest.mark.parametrize(
    "create",
    [leaky, lambda: Other.create(1, 2), lambda: Memoryless(Elman.create(1, 2)), lambda: None],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, create):
    with pytest.raises(ValueError, match=r"network: got .*, expected Elman, GRU, LSTM or Incr"):
        save(tmp_path / "n.npz", create())
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    network = Elman(**Elman.create(1, 2).weights() | {"bias": tf.constant([0.0, np.nan])})
    with pytest.raises(ValueError, match="bias: got values that are not finite"):
        save(tmp_path / "n.npz", network)


def test_a_scaler_is_what_people_note(tmp_path):
    save(tmp_path / "n.npz", Elman.create(2, 2), mean=np.array([1.0, 2.0]), scale=np.float32(3))
    assert load(tmp_path / "n.npz")[1] == {"mean": [1.0, 2.0], "scale": 3.0}


@pytest.mark.parametrize("change", [{"bias": None}, {"more": np.zeros(2)}, {"bias": np.zeros(9)}])
def test_weights_that_make_no_network(tmp_path, change):
    save(tmp_path / "n.npz", Elman.create(2, 2))
    with np.load(tmp_path / "n.npz") as archive:
        arrays = dict(archive) | change
    np.savez(tmp_path / "n.npz", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(ValueError, match="not a network file"):
        load(tmp_path / "n.npz")


def test_pickles_are_not_read(tmp_path):
    np.savez(tmp_path / "n.npz", header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a network file"):
        load(tmp_path / "n.npz")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.npz")
