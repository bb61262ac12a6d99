"""Where recorded tables and networks are kept, and how they are read or made anew."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mflib.networks.files import load, save
from mflib.networks.recurrent import Recurrent

DATA = Path(__file__).resolve().parents[2] / "data"
"""Where tables of sweeps are kept."""
NETWORKS = DATA / "recorded_networks"
"""Where recorded networks are kept."""


def load_or_train(configuration, folder: Path = NETWORKS) -> Recurrent:
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
