"""Networks in files."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mflib import checks
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Recurrent

FORMAT = "mflib network 2"
KINDS = {kind.__name__: kind for kind in (Elman, GRU, LSTM, IncrementLSTM)}


def save(path: str | os.PathLike, network: Recurrent, **about: Any) -> None:
    """Write a network to one ``.npz`` file: its weights, and what it is.

    Args:
        path: Written whole or not at all.
        **about: Anything JSON can hold that a later reader should know, seed, task, date; or
            arrays, such as the mean and scale of the data.

    Raises:
        ValueError: If the network is of another kind, or has weights that are not finite.
    """
    if type(network) not in KINDS.values():
        raise ValueError(f"network: got {network}, expected Elman, GRU, LSTM or IncrementLSTM")
    arrays = {name: weight.numpy() for name, weight in network.weights().items()}
    for name, array in arrays.items():
        checks.reals(name, array, array.shape)
    kind, standardised = type(network).__name__, network.standardised
    header = {"format": FORMAT, "kind": kind, "standardised": standardised, "about": about}
    arrays["header"] = np.array(json.dumps(header, default=lambda x: np.asarray(x).tolist()))
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(path)


def load(path: str | os.PathLike) -> tuple[Recurrent, dict]:
    """Read a network that :func:`save` wrote, without pickle; the archive's checksums are verified.

    Returns:
        The network, of the kind it was, and what was noted when it was saved, arrays as lists.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or not one of ours.
    """
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with np.load(content, allow_pickle=False) as archive:
            arrays = dict(archive.items())
        header = json.loads(str(arrays.pop("header")))
        if header["format"] != FORMAT:
            raise ValueError(f"format: got {header['format']}, expected {FORMAT}")
        weights = {name: tf.constant(array) for name, array in arrays.items()}
        standardised = header.get("standardised", False)
        return KINDS[header["kind"]](**weights, standardised=standardised), header["about"]
    except Exception as error:  # a damaged archive fails in a dozen ways, one for each layer
        raise ValueError(f"path: {path} is not a network file of mflib, or damaged") from error
