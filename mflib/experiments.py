"""Experiments that are too long for a chapter: plain functions of a configuration, for sweeps.

A chapter does the same with a few configurations in front of the reader, and shows the recorded
rest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from mflib.closed_loop import drive, free_run
from mflib.judge import PERIODS, historical, judge, strict
from mflib.networks import GRU, LSTM, Elman, Recurrent, replace
from mflib.reservoirs import ContinuousReservoir, fit_readout, random_weights
from mflib.tasks import seeing_double
from mflib.training import Protocol, Trained, train

__all__ = [
    "DATA",
    "LESSON",
    "RESERVOIRS",
    "SEEING_DOUBLE",
    "ReservoirSeeingDouble",
    "SeeingDouble",
    "reservoir_seeing_double",
    "sees_double",
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


LESSON = Protocol(steps=4000, batch=16)
"""How every network that sees double is trained, chosen on seeds 100 to 129 where circles touch."""

LEARNERS = {
    "LSTM": LSTM.create,
    "LSTM with peepholes": partial(LSTM.create, peepholes=True),
    "GRU": GRU.create,
    "Elman": Elman.create,
}


@dataclass(frozen=True)
class SeeingDouble:
    """A network that is to see double.

    Attributes
    ----------
    kind : str
        A key of ``LEARNERS``.
    units : int
    x_cen : float
        Half the distance of the circles' centres.
    seed : int
        Of the first weights, of windows, noise and kicks.
    """

    kind: str = "LSTM"
    units: int = 8
    x_cen: float = 0.0
    seed: int = 0

    def untrained(self) -> Recurrent:
        """The network before training."""
        return LEARNERS[self.kind](2, self.units, seed=self.seed)

    def trained(self) -> Trained:
        """The network trained on both circles, 2,000 samples of each."""
        data = [task.trajectory(2000, COARSE) for task in seeing_double(self.x_cen)]
        return train(self.untrained(), data, LESSON, seed=self.seed, progress=False)


def sees_double(configuration: SeeingDouble) -> dict:
    """Train one network and judge it by :func:`~mflib.judge.judge`.

    Returns
    -------
    dict
        Whether it sees double by the strict judge, ``multifunctional``, and by the historical,
        ``historical``; ``passed``, how many of the sixteen cues pass the strict judge before and
        after the kick; ``reasons``, why the others do not; and ``training``, seconds that training
        took, in the first network of a shape in a process with its compilation.
    """
    begin = time.perf_counter()
    network = configuration.trained().network
    seconds = time.perf_counter() - begin
    tasks = seeing_double(configuration.x_cen)
    judgement = judge(network, tasks, COARSE, seed=configuration.seed)
    return _summary(judgement) | {"training": round(seconds, 3)}


def _summary(judgement) -> dict:
    pairs = [
        pair
        for name in judgement.strict
        for pair in zip(judgement.strict[name], judgement.recovered[name], strict=True)
    ]
    reasons = {verdict.reason for pair in pairs for verdict in pair if not verdict.passed}
    return {
        "multifunctional": judgement.multifunctional,
        "historical": judgement.historically_multifunctional,
        "passed": sum(first.passed and second.passed for first, second in pairs),
        "reasons": sorted(reasons),
    }


OVERLAPS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
UNITS = (1, 2, 3, 4, 6, 16, 32)

SEEING_DOUBLE = [
    *(SeeingDouble(x_cen=x_cen, seed=seed) for seed in range(100) for x_cen in OVERLAPS),
    *(SeeingDouble(units=units, seed=seed) for units in UNITS for seed in range(100)),
]
"""Overlap at 8 units, and units at total overlap, recorded in ``data/seeing_double.jsonl``."""
