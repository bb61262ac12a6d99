"""Networks in files."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Recurrent

FORMAT = "mflib network 1"
KINDS = {kind.__name__: kind for kind in (Elman, GRU, LSTM, IncrementLSTM)}


def save(path: str | os.PathLike, network: Recurrent, **about) -> None:
    """Write a network to one ``.npz`` file: its weights, what it is, and a checksum.

    Parameters
    ----------
    path : path-like
        Written whole or not at all.
    network : Elman, GRU, LSTM or IncrementLSTM
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


def load(path: str | os.PathLike) -> tuple[Recurrent, dict]:
    """Read a network that :func:`save` wrote, without pickle and with its checksum verified.

    Returns
    -------
    network : Elman, GRU, LSTM or IncrementLSTM
        Of the kind it was.
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
        kind = KINDS[header["kind"]]
        foreign = header["format"] != FORMAT
    except Exception as error:  # a damaged archive fails in a dozen ways, one for each layer
        raise ValueError(f"path: {path} is not a network file of mflib, or damaged") from error
    if foreign or _checksum(arrays) != checksum:
        raise ValueError(f"path: {path} is damaged: its checksum does not fit its content")
    del arrays["header"]
    return kind(**{name: tf.constant(array) for name, array in arrays.items()}), header["about"]


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
