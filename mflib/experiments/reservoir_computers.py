"""Continuous-time reservoirs that are to see double: the previous work."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mflib.modelling.closed_loop import drive, free_run
from mflib.multifunctionality.judge import PERIODS, historical, strict
from mflib.multifunctionality.tasks import COARSE, seeing_double
from mflib.networks.recurrent import Recurrent, replace
from mflib.networks.reservoirs import ContinuousReservoir, Reservoir, fit_readout, random_weights

#: Periods that drive a reservoir before training, train it, and are predicted, as published.
LISTEN, TRAIN, PREDICT = 6, 15, 15
#: Time step, as published; a closed loop that is a differential equation bears a coarser one.
FINE = 0.01


def steps_in(periods: int, dt: float) -> int:
    """Time steps in so many turns of a circle."""
    return round(periods * 2 * np.pi / dt)


def continuous_reservoir(
    units: int, seed: int, *, radius: float, density: float = 0.05, held: bool = False
) -> ContinuousReservoir:
    """A reservoir with random weights and the published values."""
    weights = random_weights(units, 2, radius=radius, strength=0.2, density=density, seed=seed)
    return ContinuousReservoir(**weights, gamma=5.0, dt=FINE, held=held)


class Fitted(NamedTuple):
    """A network with its readout, its states ``(tasks, state_dim)`` at the end of training, and
    the root mean square of its one-step error, in units of the data.
    """

    network: Reservoir | Recurrent
    states: np.ndarray
    one_step_error: float


def drive_and_fit(
    network: Reservoir | Recurrent,
    inputs: np.ndarray,
    targets: np.ndarray,
    dt: float,
    ridge: float,
    intercept: bool = False,
) -> Fitted:
    """Drive a network with random weights, and find the readout that gives the next samples.

    Args:
        inputs, targets (tasks, samples, dim): Of the same moments; the inputs may be noisy. The
            first 6 turns only drive.
    """
    states, listen = drive(network, inputs[:, :-1]), steps_in(LISTEN, dt)
    trained, following = states[:, listen:], targets[:, listen + 1 :]
    network = fit_readout(network, trained, following, ridge=ridge, intercept=intercept)
    error = network.readout(trained) - following
    return Fitted(network, states[:, -1].numpy(), float(np.sqrt(np.mean(error**2))))


@dataclass(frozen=True)
class ReservoirSeeingDouble:
    """A continuous-time reservoir that is to see double, with the published values.

    Attributes:
        x_cen: Half the distance of the circles' centres.
        radius: Spectral radius.
        held: Whether the closed loop holds its output during a step, as it held the data.
    """

    x_cen: float
    radius: float
    seed: int
    held: bool = False
    units: int = 500

    def trained(self) -> Fitted:
        """The reservoir after training on both circles, B from the opposite side."""
        network = continuous_reservoir(self.units, self.seed, radius=self.radius, held=self.held)
        data = self.data()
        return drive_and_fit(network, data, data, FINE, ridge=1e-2)

    def data(self) -> np.ndarray:
        """Both circles for driving and training, shape ``(2, samples, 2)``."""
        a, b = seeing_double(self.x_cen)
        samples = steps_in(LISTEN + TRAIN, FINE) + 1
        return np.stack([a.trajectory(samples, FINE), b.trajectory(samples, FINE, phase=np.pi)])


def reservoir_seeing_double(configuration: ReservoirSeeingDouble) -> dict:
    """Train one reservoir and judge both circles from the states in which training ended.

    Returns:
        dict: For A and B the historical judge's reason after 15 periods, ``historical_A``, and the
        strict judge's after 100, ``strict_A``; the readout's ``one_step_error``; and
        ``square``, the norm of the readout's share that acts on squares. A closed loop that
        holds its output needs the published step, ten times as small, and runs for 15 periods
        only.

    References:
        Flynn, Tsachouridis and Amann (2023), arXiv:2305.05799.
    """
    network, states, error = configuration.trained()
    judges, periods, dt = [historical, strict], PERIODS, COARSE
    if configuration.held:
        judges, periods, dt = [historical], PREDICT, FINE
    run = free_run(replace(network, dt=dt), states, steps_in(periods, dt))
    result = {
        f"{judge.__name__}_{task.name}": judge(orbit, task, dt).reason
        for judge in judges
        for task, orbit in zip(seeing_double(configuration.x_cen), run.outputs.numpy(), strict=True)
    }
    square = float(tf.norm(network.readout_kernel[configuration.units :]))
    return result | {"one_step_error": error, "square": square}


RADII = (0.2, 0.6, 0.9, 1.1, 1.25, 1.4, 1.55, 1.7, 1.85, 2.0)
#: The map of spectral radius and overlap, recorded in ``data/reservoirs.jsonl``.
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
