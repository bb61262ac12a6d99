"""Experiments that are too long for a chapter: plain functions of a configuration, for sweeps.

A chapter does the same with a few configurations in front of the reader, and shows the recorded
rest.
"""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf

from mflib.closed_loop import drive, free_run
from mflib.judge import PERIODS, historical, strict
from mflib.networks import IncrementLSTM, load, replace, save
from mflib.reservoirs import ContinuousReservoir, fit_readout, random_weights
from mflib.systems import system, trajectory
from mflib.tasks import seeing_double
from mflib.training import Protocol, Refinement, refine, train

__all__ = [
    "DATA",
    "MODELS",
    "RESERVOIRS",
    "Model",
    "ReservoirSeeingDouble",
    "learn_system",
    "reservoir_seeing_double",
    "trained_model",
]

DATA = Path(__file__).resolve().parents[1] / "data"
"""Where tables of sweeps are kept."""

LISTEN, TRAIN, PREDICT = 6, 15, 15
"""Periods, as published."""
FINE = 0.01
"""Time step, as published."""
COARSE = 0.1
"""Time step of the closed loop where it is a differential equation, which any small step solves."""


@dataclass(frozen=True)
class ReservoirSeeingDouble:
    """A continuous-time reservoir that is to see double, with the published values.

    Attributes
    ----------
    x_cen : float
        Half the distance of the circles' centres.
    radius : float
        Spectral radius.
    seed : int
        Of the random weights.
    held : bool
        Whether the closed loop holds its output during a step, as it held the data.
    units : int
    """

    x_cen: float
    radius: float
    seed: int
    held: bool = False
    units: int = 500

    def untrained(self) -> ContinuousReservoir:
        """The reservoir before its readout is found."""
        weights = random_weights(
            self.units, 2, radius=self.radius, strength=0.2, density=0.05, seed=self.seed
        )
        return ContinuousReservoir(**weights, gamma=5.0, dt=FINE, held=self.held)

    def data(self) -> np.ndarray:
        """Both circles for listening and training, shape ``(2, samples, 2)``."""
        a, b = seeing_double(self.x_cen)
        samples = _steps(LISTEN + TRAIN, FINE) + 1
        return np.stack([a.trajectory(samples, FINE), b.trajectory(samples, FINE, phase=np.pi)])


def _steps(periods: int, dt: float) -> int:
    return round(periods * 2 * np.pi / dt)


def reservoir_seeing_double(configuration: ReservoirSeeingDouble) -> dict:
    """Train one reservoir and judge both circles from the states in which training ended.

    Returns
    -------
    dict
        For A and B the historical judge's reason after 15 periods, ``historical_A``, and the
        strict judge's after 100, ``strict_A``; the readout's ``one_step_error``, root mean square
        in units of the data; and ``square``, the norm of the readout's share that acts on
        squares. A closed loop that holds its output needs the published step, ten times as
        small, and is asked for 15 periods only.

    References
    ----------
    Flynn, Tsachouridis and Amann (2023), arXiv:2305.05799.
    """
    network, data = configuration.untrained(), configuration.data()
    tasks, listen = seeing_double(configuration.x_cen), _steps(LISTEN, FINE)
    states = drive(network, data[:, :-1])
    trained, targets = states[:, listen:], data[:, listen + 1 :]
    network = fit_readout(network, trained, targets, ridge=1e-2)
    error = network.readout(trained) - targets
    if configuration.held:
        judges, periods, dt = {"historical": historical}, PREDICT, FINE
    else:
        judges, periods, dt = {"historical": historical, "strict": strict}, PERIODS, COARSE
    run = free_run(replace(network, dt=dt), states[:, -1], _steps(periods, dt))
    result = {
        f"{name}_{task.name}": judge(orbit, task, dt).reason
        for name, judge in judges.items()
        for task, orbit in zip(tasks, run.outputs.numpy(), strict=True)
    }
    square = network.readout_kernel[configuration.units :]
    return result | {
        "one_step_error": float(np.sqrt(np.mean(error**2))),
        "square": float(tf.norm(square)),
    }


RADII = (0.2, 0.6, 0.9, 1.1, 1.25, 1.4, 1.55, 1.7, 1.85, 2.0)

RESERVOIRS = [
    ReservoirSeeingDouble(x_cen, radius, seed, held)
    for x_cen, held, radii, seeds in (
        (0.0, False, RADII, 100),
        (0.0, True, RADII, 30),
        (4.0, False, RADII[::2], 100),
        (10.0, False, RADII[::2], 100),
    )
    for seed in range(seeds)
    for radius in radii
]
"""The map of spectral radius and overlap, recorded in ``data/reservoirs.jsonl``."""


# --- Part IV: an LSTM becomes a chaotic system ---------------------------------------------

FIRST = Protocol(
    steps=4000, batch=32, window=60, burn_in=10, learning_rate=1e-2, noise=(3e-3, 1e-6)
)
THEN = Refinement(iterations=400, window=40, burn_in=10)
"""How models are trained: Adam finds a stable closed loop, the refinement makes it exact."""


@dataclass(frozen=True)
class Model:
    """An LSTM of increments that is to become a chaotic system.

    Attributes
    ----------
    system : str
        Name in :func:`mflib.systems.names`.
    dt : float
        Time between samples.
    units : int
        30 have 4,173 parameters for a system of three coordinates.
    seed : int
        Of weights, windows and noise.
    samples : int
        Of the one orbit it learns from.
    iterations : int
        Of the refinement.
    """

    system: str
    dt: float
    units: int = 30
    seed: int = 0
    samples: int = 20_000
    iterations: int = THEN.iterations

    def data(self) -> np.ndarray:
        """The orbit, on the attractor, shape ``(samples, dim)``."""
        known = system(self.system)
        return trajectory(known, self.samples, self.dt, transient=known.transient)

    def untrained(self) -> IncrementLSTM:
        """The network before it is trained."""
        dim = system(self.system).dim
        return IncrementLSTM.create(inputs=dim, units=self.units, seed=self.seed)


def learn_system(model: Model, *, progress: bool = True) -> IncrementLSTM:
    """Train a model: minutes of work.

    Parameters
    ----------
    model : Model
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    IncrementLSTM
        In double precision, in the units of the system.
    """
    options = {"seed": model.seed, "progress": progress}
    data = [model.data()]
    found = train(model.untrained(), data, FIRST, **options)
    refinement = dataclasses.replace(THEN, iterations=model.iterations)
    return refine(found.network, data, refinement, **options).network


def trained_model(model: Model, folder: Path) -> IncrementLSTM:
    """The network of a model from its file; if there is none, it is trained and kept.

    Parameters
    ----------
    model : Model
    folder : path-like

    Returns
    -------
    IncrementLSTM

    Raises
    ------
    ValueError
        If the file is damaged, or of another model.
    """
    name = f"{model.system}_{model.units}_{model.iterations}_{model.seed}.npz"
    path = Path(folder) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        network = learn_system(model)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        versions = {package: version(package) for package in ("tensorflow", "numpy", "scipy")}
        save(path, network, model=asdict(model), date=when, versions=versions)
    network, about = load(path)
    if about.get("model") != asdict(model):
        raise ValueError(f"folder: {path} holds {about.get('model')}, expected {asdict(model)}")
    return network


MODELS = [
    *(Model("lorenz", 0.01, seed=seed) for seed in range(3)),
    Model("lorenz", 0.01, units=64),
    Model("lorenz", 0.01, units=64, iterations=1600),
    Model("halvorsen", 0.02),
    Model("rossler", 0.1),
]
"""The models of the chapter on learning chaos, recorded in ``data/``."""
