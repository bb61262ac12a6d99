"""Networks in files."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import tensorflow as tf

from mflib import checks
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.keras import KerasNetwork
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Network
from mflib.networks.reservoirs import ContinuousReservoir, LeakyReservoir

FORMAT = "mflib network 2"
LAYERS = (Elman, GRU, LSTM, IncrementLSTM, ContinuousReservoir, LeakyReservoir)
KINDS = {kind.__name__: kind for kind in (*LAYERS, KerasNetwork)}


def save(path: str | os.PathLike, network: Network, **about: Any) -> None:
    """Write a network to one ``.npz`` file: its weights, and what it is.

    Args:
        path: Written whole or not at all.
        network: Of a kind in this package; of a wrapped one, save what is inside.
        **about: Anything JSON can hold that a later reader should know, seed, task, date; or
            arrays, such as the mean and scale of the data.

    Raises:
        ValueError: If the network is of another kind, or has weights that are not finite.
    """
    if type(network) not in KINDS.values():
        raise ValueError(f"network: got {network}, expected one of {', '.join(KINDS)}")
    arrays = {name: weight.numpy() for name, weight in network.weights().items()}
    for name, array in arrays.items():
        checks.reals(name, array, array.shape)
    fields = {name: getattr(network, name) for name in get_type_hints(type(network))}
    plain = {name: x for name, x in fields.items() if isinstance(x, bool | float | str)}
    header = {"format": FORMAT, "kind": type(network).__name__, **plain, "about": about}
    arrays["header"] = np.array(json.dumps(header, default=lambda x: np.asarray(x).tolist()))
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(path)


def load(path: str | os.PathLike) -> tuple[Network, dict]:
    """Read a network that :func:`save` wrote, without pickle; the archive's checksums are verified.

    Returns:
        The network, of the kind it was, and what was noted when it was saved, arrays as lists.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or not one of ours.
    """
    content = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > len(content):
                raise ValueError("compressed, which save does not do")  # it may fill the memory
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive.items())
        header = json.loads(str(arrays.pop("header")))
        made_by, kind, about = (header.pop(name) for name in ("format", "kind", "about"))
        if made_by != FORMAT:
            raise ValueError(f"format: got {made_by}, expected {FORMAT}")
        weights = {name: tf.constant(array) for name, array in arrays.items()}
        if kind == KerasNetwork.__name__:
            weights = {"variables": tuple(weights.values())}
        return KINDS[kind](**weights, **header), about
    except Exception as error:  # a damaged archive fails in a dozen ways, one for each layer
        raise ValueError(f"path: {path} is not a network file of mflib, or damaged") from error
