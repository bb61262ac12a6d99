"""Where recorded tables and networks are kept, and how they are read or made anew."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mflib.book.sweeps import in_parallel, provenance, read, sweep
from mflib.networks.files import load, save
from mflib.networks.recurrent import Recurrent

#: Where tables of sweeps are kept.
DATA = Path(__file__).resolve().parents[2] / "data"
#: Where recorded networks are kept.
NETWORKS = DATA / "recorded_networks"
_CHECKOUT = "what is recorded belongs to the repository and is not installed with the package"


def table(
    experiment: Callable[[Any], dict], configurations: Iterable, name: str, scale: str
) -> list[dict]:
    """The rows of a recorded table; at scale ``"full"`` what it lacks is made first.

    Args:
        experiment, configurations: As for :func:`mflib.book.sweeps.sweep`.
        name: Of the file in ``data/``, without suffix.
        scale ("quick" or "full"):

    Returns:
        list of dict: At ``"quick"`` all rows that are there.

    Raises:
        FileNotFoundError: If there is no such table, or at ``"full"`` no folder for it.
    """
    path = DATA / f"{name}.jsonl"
    if not (path.parent.is_dir() if scale == "full" else path.exists()):
        raise FileNotFoundError(f"name: there is no {path}; {_CHECKOUT}")
    return sweep(experiment, configurations, path) if scale == "full" else read(path)


def train_seeds(configuration: Any, seeds: Iterable[int]) -> list[Any]:
    """What ``trained()`` of a configuration returns with each of the seeds, several at a time."""
    return in_parallel(lambda seed: replace(configuration, seed=seed).trained(), seeds)


def recorded_networks(configurations: Iterable, scale: str) -> list[Any]:
    """Recorded networks; at scale ``"full"`` they are trained again. Several at a time.

    Args:
        configurations: As for :func:`load_or_train`.
        scale ("quick" or "full"):
    """
    again = scale == "full"
    return in_parallel(lambda one: one.trained() if again else load_or_train(one), configurations)


def load_or_train(configuration: Any, folder: Path = NETWORKS) -> Recurrent:
    """The network of a configuration from its file; if there is none, it is trained and kept.

    Args:
        configuration: With the file's ``name`` and a method ``trained()`` that returns the network.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the file is damaged, or of another configuration.
    """
    path = Path(folder) / f"{configuration.name}.npz"
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder: there is no {path.parent}; {_CHECKOUT}")
    if not path.exists():
        save(path, configuration.trained(), model=asdict(configuration), **provenance())
    network, about = load(path)
    expected = json.loads(json.dumps(asdict(configuration)))  # a tuple is a list in a file
    if about.get("model") != expected:
        raise ValueError(f"folder: {path} holds {about.get('model')}, expected {expected}")
    return network
