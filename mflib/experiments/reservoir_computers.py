"""Continuous-time reservoirs that are to see double: the previous work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from mflib.modelling.closed_loop import drive, free_run
from mflib.multifunctionality.judge import PERIODS, historical, strict
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.recurrent import replace
from mflib.networks.reservoirs import ContinuousReservoir, fit_readout, random_weights

LISTEN, TRAIN, PREDICT = 6, 15, 15
"""Periods, as published."""
FINE = 0.01
"""Time step, as published."""
COARSE = 0.1
"""Time step of the closed loop where it is a differential equation, which any small step solves."""
TURN = 63
"""Coarse steps of a turn, nearly: 2 pi / 0.1."""


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
        samples = steps_in(LISTEN + TRAIN, FINE) + 1
        return np.stack([a.trajectory(samples, FINE), b.trajectory(samples, FINE, phase=np.pi)])


def steps_in(periods: int, dt: float) -> int:
    """Time steps in so many turns of a circle."""
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
    tasks, listen = seeing_double(configuration.x_cen), steps_in(LISTEN, FINE)
    states = drive(network, data[:, :-1])
    trained, targets = states[:, listen:], data[:, listen + 1 :]
    network = fit_readout(network, trained, targets, ridge=1e-2)
    error = network.readout(trained) - targets
    if configuration.held:
        judges, periods, dt = {"historical": historical}, PREDICT, FINE
    else:
        judges, periods, dt = {"historical": historical, "strict": strict}, PERIODS, COARSE
    run = free_run(replace(network, dt=dt), states[:, -1], steps_in(periods, dt))
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
