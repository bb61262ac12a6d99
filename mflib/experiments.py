"""Experiments that are too long for a chapter: plain functions of a configuration, for sweeps.

A chapter does the same with a few configurations in front of the reader, and shows the recorded
rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from mflib.circuits import (
    activity,
    arrivals,
    decoding,
    lesions,
    matched,
    on_attractors,
    overlap,
    selectivity,
    signals,
    transplant,
)
from mflib.closed_loop import drive, free_run
from mflib.judge import PERIODS, historical, judge, strict
from mflib.networks import LSTM, replace
from mflib.reservoirs import ContinuousReservoir, fit_readout, random_weights
from mflib.tasks import cues, seeing_double
from mflib.training import Protocol, train

__all__ = [
    "DATA",
    "RESERVOIRS",
    "SHARED_UNITS",
    "ReservoirSeeingDouble",
    "SharedUnits",
    "reservoir_seeing_double",
    "shared_units",
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


@dataclass(frozen=True)
class SharedUnits:
    """An LSTM that is to see double at total overlap, and is then taken apart.

    Attributes
    ----------
    units : int
    seed : int
        Of its initial weights and its training.
    """

    units: int
    seed: int


def shared_units(configuration: SharedUnits) -> dict:
    """Train one network as in the chapter on seeing double, and measure who does what.

    Returns
    -------
    dict
        ``multifunctional``, of the strict judge; ``overlap`` of the spreads of h, from A to B and
        from B to A; ``selectivity``, by signal, averaged over units; ``whole_A``, ``whole_B``: for
        each unit whether the task survives its removal, from four cues; ``level_A``, ``level_B``:
        the same with h held at its mean over both attractors instead of 0; ``pair_A``,
        ``pair_B``: the same as the first for the 32 random ``pairs`` of units; ``constant``, the
        share of the difference between matched states that is the same at all of them;
        ``decoding`` of the direction from h and from c, in quarters of the turn not used for the
        fit; and ``switched``, the share of matched states that go over to the other circle when
        a part of the state is exchanged.
    """
    tasks, dt = seeing_double(), COARSE
    trajectories = [task.trajectory(2000, dt) for task in tasks]
    network = LSTM.create(inputs=2, units=configuration.units, seed=configuration.seed)
    network = train(network, trajectories, Protocol(), seed=configuration.seed).network
    cue = np.stack([cues(task, 63, dt, count=1)[0] for task in tasks])
    states, outputs = on_attractors(network, cue, settle=5040, steps=1260)
    per_task = [signals(network, run) for run in states]
    on_a, on_b = per_task
    spread_a, spread_b = (
        activity(s["h"], y).spread for s, y in zip(per_task, outputs, strict=True)
    )
    angle = np.arctan2(outputs[..., 1], outputs[..., 0])
    quarters = np.floor(2 * angle / np.pi).astype(int)
    at_a, at_b = matched(*outputs, count=32)
    pair = states[0][at_a], states[1][at_b]
    difference = pair[0] - pair[1]
    constant = np.sum(difference.mean(axis=0) ** 2) / np.mean(np.sum(difference**2, axis=1))
    numbers, units = np.eye(network.state_dim), configuration.units
    parts = {"h": numbers[:units], "c": numbers[units:], "all": numbers}
    level = np.mean([s["h"].mean(axis=0) for s in per_task], axis=0)
    keep = 1 - np.eye(units)
    whole = lesions(network, tasks, dt, keep, cues_per_task=4)
    held = lesions(network, tasks, dt, keep, level, cues_per_task=4)
    rng = np.random.default_rng(configuration.seed)
    pairs = np.array([rng.choice(units, 2, replace=False) for _ in range(32)])
    two = lesions(network, tasks, dt, keep[pairs].prod(axis=1), cues_per_task=4)

    def switched(part):
        mixed = np.concatenate([transplant(*pair, part), transplant(*pair[::-1], part)])
        goal = np.repeat([1, 0], len(difference))
        return float(np.mean(arrivals(network, mixed, tasks, dt) == goal))

    return {
        "multifunctional": judge(network, tasks, dt).multifunctional,
        "overlap": [overlap(spread_a, spread_b), overlap(spread_b, spread_a)],
        "selectivity": {k: float(np.mean(selectivity(on_a[k], on_b[k]))) for k in on_a},
        "whole_A": whole[:, 0].tolist(),
        "whole_B": whole[:, 1].tolist(),
        "level_A": held[:, 0].tolist(),
        "level_B": held[:, 1].tolist(),
        "pairs": pairs.tolist(),
        "pair_A": two[:, 0].tolist(),
        "pair_B": two[:, 1].tolist(),
        "constant": float(constant),
        "decoding": {k: decoding(on_a[k], on_b[k], *quarters) for k in ("h", "c")},
        "switched": {name: switched(part) for name, part in parts.items()},
    }


SHARED_UNITS = [
    SharedUnits(units, seed)
    for seed in range(16)
    for units, seeds in ((8, 16), (16, 16), (32, 16), (64, 8))
    if seed < seeds
]
"""Sizes and seeds, recorded in ``data/shared_units.jsonl``."""
