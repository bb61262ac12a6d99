"""Experiments that are too long for a chapter, a module for each chapter that has some.

An experiment is a plain function of a frozen configuration, for :func:`mflib.sweeps.sweep`. Its
rows are kept in tables, and networks that take long to train in files. A chapter does the same
with a few configurations in front of the reader, and shows the recorded rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mflib.networks import LSTM, Recurrent, load, save
from mflib.training import Protocol, Refinement, refine, train

__all__ = ["DATA", "NETWORKS", "learned", "recorded"]

DATA = Path(__file__).resolve().parents[2] / "data"
"""Where tables of sweeps are kept."""
NETWORKS = DATA / "recorded_networks"
"""Where recorded networks are kept."""


def learned(
    network: LSTM,
    trajectories: Sequence[np.ndarray],
    first: Protocol,
    then: Refinement,
    *,
    seed: int,
    progress: bool = True,
) -> LSTM:
    """Train a network in two stages: Adam finds a stable closed loop, L-BFGS makes it exact.

    Parameters
    ----------
    network : LSTM
        Where training starts from.
    trajectories : sequence of array_like, each of shape (samples, dim)
    first : Protocol
        Of :func:`mflib.training.train`.
    then : Refinement
        Of :func:`mflib.training.refine`.
    seed : int
        Of windows and noise.
    progress : bool

    Returns
    -------
    LSTM
        In double precision, in the units of the trajectories.
    """
    options = {"seed": seed, "progress": progress}
    network = train(network, trajectories, first, **options).network
    return refine(network, trajectories, then, **options).network


def recorded(configuration, folder: Path = NETWORKS) -> Recurrent:
    """The network of a configuration from its file; if there is none, it is trained and kept.

    Parameters
    ----------
    configuration : dataclass
        With the file's ``name`` and a method ``trained()`` that returns the network.
    folder : path-like

    Returns
    -------
    Recurrent

    Raises
    ------
    ValueError
        If the file is damaged, or of another configuration.
    """
    path = Path(folder) / f"{configuration.name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        network = configuration.trained()
        when = datetime.now(UTC).isoformat(timespec="seconds")
        versions = {package: version(package) for package in ("tensorflow", "numpy", "scipy")}
        save(path, network, model=asdict(configuration), date=when, versions=versions)
    network, about = load(path)
    if about.get("model") != asdict(configuration):
        raise ValueError(
            f"folder: {path} holds {about.get('model')}, expected {asdict(configuration)}"
        )
    return network
