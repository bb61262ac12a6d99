"""LSTMs that see double, asked with short, noisy and ambiguous cues, and from random states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mflib.dynamics.attractors import Census, find_attractors
from mflib.experiments.reservoir_computers import COARSE, TURN
from mflib.experiments.seeing_double import training_orbits
from mflib.modelling.closed_loop import drive, free_run
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.circuits import on_attractors, task_reached
from mflib.multifunctionality.judge import judge, strict
from mflib.multifunctionality.tasks import Circle, cues, seeing_double
from mflib.networks.lstm import LSTM

LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 21, 34, TURN)
"""Samples in a cue; the longest is one turn."""
NOISES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Standard deviation of the noise on every coordinate of a cue, in radii."""
MIXTURES = tuple(k / 10 for k in range(11))
"""Share of circle B in a mixed cue."""
STARTS = 16
"""Places on the circle at which cues begin."""
SETTLE, LOOK = 5040, 2520
"""Steps that a census waits, 80 turns, and that it looks at, 40 turns."""


def states_after_cues(network, cue, lengths, state=None) -> np.ndarray:
    """States in which the first so many samples of cues leave a network.

    Parameters
    ----------
    network : Network
    cue : array_like, shape (batch, time, inputs)
    lengths : sequence of int
        At least 1, at most ``time``.
    state : array_like, shape (batch, state_dim), optional
        In which it begins to listen; by default the network's initial state.

    Returns
    -------
    numpy.ndarray, shape (lengths, batch, state_dim)
    """
    states = drive(network, cue, state).numpy()
    return states[:, np.asarray(lengths) - 1].transpose(1, 0, 2)


def random_states(network: LSTM, visited, count: int, seed: int = 0) -> np.ndarray:
    """States of an LSTM drawn without regard to any task.

    Every ``h`` is uniform where it can be, between -1 and 1. A ``c`` has no bounds; every one is
    uniform between plus and minus the largest size that it has in the states ``visited``.

    Parameters
    ----------
    network : LSTM
    visited : array_like, shape (any, state_dim)
        States on the attractors of the tasks.
    count : int
    seed : int

    Returns
    -------
    numpy.ndarray, shape (count, state_dim)
    """
    largest = np.abs(np.asarray(visited, dtype=float)).max(axis=0)
    largest[: network.units] = 1
    return np.random.default_rng(seed).uniform(-largest, largest, (count, len(largest)))


def named_attractors(network, states, tasks, dt: float = COARSE) -> tuple[Census, list[str]]:
    """On how many attractors a closed loop ends, and which they are.

    Parameters
    ----------
    network : Network
    states : array_like, shape (batch, state_dim)
        From which it runs; after 80 turns it is looked at for 40.
    tasks : sequence of Circle
    dt : float

    Returns
    -------
    found : Census
    names : list of str
        For each attractor the task it does by the strict judge or, if it does none, its kind.
    """
    settled = free_run(network, states, SETTLE).state
    outputs = free_run(network, settled, LOOK).outputs.numpy()
    found = find_attractors(outputs, dt, scale=max(task.radius for task in tasks))

    def name(attractor):
        done = (t.name for t in tasks if strict(outputs[attractor.run], t, dt).passed)
        return next(done, attractor.behaviour.kind)

    return found, [name(attractor) for attractor in found.attractors]


def states_after_cues_ending(
    network, task: Circle, angles, lengths, dt: float = COARSE
) -> np.ndarray:
    """States in which cues that end at given angles leave a network.

    Parameters
    ----------
    network : Network
    task : Circle
    angles : array_like, shape (angles,)
        Of the last sample, radians about the task's centre.
    lengths : sequence of int
        Samples in a cue, each at least 1.
    dt : float

    Returns
    -------
    numpy.ndarray, shape (lengths, angles, state_dim)
    """
    angles, lengths = np.asarray(angles, dtype=float), np.asarray(lengths)
    starts = angles - task.omega * dt * (lengths[:, None] - 1)
    # all cues are as long as the longest, so that one program hears them; the rest is not looked at
    cue = np.stack([task.trajectory(lengths.max(), dt, start) for start in starts.ravel()])
    states = states_after_cues(network, cue, lengths).reshape(len(lengths), *starts.shape, -1)
    return states[np.arange(len(lengths)), np.arange(len(lengths))]


def noisy_cues(tasks, level: float, seed: int, dt: float = COARSE) -> np.ndarray:
    """Cues of one turn with noise, ``level`` radii of it, ``(tasks * STARTS, TURN, 2)``."""
    return np.concatenate(
        [
            cues(task, TURN, dt, STARTS, level * task.radius, seed=len(tasks) * seed + k)
            for k, task in enumerate(tasks)
        ]
    )


def mixtures(tasks, shares, dt: float = COARSE, length: int = TURN, count: int = STARTS):
    """Cues between two tasks: the mean of their samples, so much of it from the second.

    Both cues start at the same angle, so two circles with a common centre make an ellipse, and in
    equal parts a line.

    Returns
    -------
    numpy.ndarray, shape (shares, count, length, 2)
    """
    first, second = (cues(task, length, dt, count) for task in tasks)
    share = np.reshape(shares, (-1, 1, 1, 1))
    return (1 - share) * first + share * second


def untrained_cues(dt: float = COARSE, length: int = TURN, count: int = STARTS) -> dict:
    """Cues of tasks that no network was taught, by name, each ``(count, length, 2)``."""
    circles = {
        "half the size": Circle("A", 2.5),
        "twice the size": Circle("A", 10.0),
        "half the speed": Circle("A", 5.0, omega=0.5),
        "twice the speed": Circle("A", 5.0, omega=2.0),
        "moved by a diameter": Circle("A", 5.0, centre=(10.0, 0.0)),
    }
    found = {name: cues(circle, length, dt, count) for name, circle in circles.items()}
    place = Circle("A", 5.0).starts(count)
    angle = place[:, None] + dt * np.arange(length)
    found["figure of eight"] = 5 * np.stack([np.sin(angle), np.sin(2 * angle) / 2], axis=-1)
    still = 5 * np.stack([np.cos(place), np.sin(place)], axis=-1)
    found["a still point"] = np.repeat(still[:, None], length, axis=1)
    return found


@dataclass(frozen=True)
class CuesAndBasins:
    """An LSTM that is to see double and is then asked in many ways.

    Attributes
    ----------
    seed : int
        Of its initial weights, its training, noise on cues, and random states.
    units : int
    x_cen : float
        Half the distance of the circles' centres.
    noise : tuple of float
        On the inputs in training, at its start and end, in units of the data's scale.
    """

    seed: int
    units: int = 8
    x_cen: float = 0.0
    noise: tuple[float, float] = TrainingConfig().noise

    def trained(self) -> LSTM:
        """The network after training."""
        data = training_orbits(self.x_cen)
        network = LSTM.create(inputs=2, units=self.units, seed=self.seed)
        protocol = TrainingConfig(noise=tuple(self.noise))
        return train(network, data, protocol, seed=self.seed, progress=False).network


def cues_and_basins(configuration: CuesAndBasins) -> dict:
    """Train one network and see where cues and random states lead it.

    Returns
    -------
    dict
        ``multifunctional``, of the strict judge. For each task, how many of ``STARTS`` cues lead to
        it: ``right``, by ``LENGTHS``; ``switched``, by ``LENGTHS``, if the network was on the
        other task; ``noisy_13`` and ``noisy_63``, by ``NOISES``, with so many samples.
        ``crossing`` and ``outside``, by ``LENGTHS``: how many of four cues are right that end
        where the circles cross (those with a common centre do everywhere) and on their outer
        sides. ``mixed``: where mixed cues lead, ``[A, B, neither]``, by ``MIXTURES``; and
        ``untrained``, by name: where cues of untrained tasks lead. ``exchanged``: of the cues of
        one turn, how many the judge of the other task accepts. ``census``: name, share, centre and
        radius of the attractors met from 500 random states, and ``effective``, their effective
        number.
    """
    tasks, dt = seeing_double(configuration.x_cen), COARSE
    network, seed = configuration.trained(), configuration.seed

    def led(states):
        """Where states lead, ``[A, B, neither]``."""
        return np.bincount(task_reached(network, states, tasks, dt) % 3, minlength=3).tolist()

    def right(states):
        """How many of a task's cues lead to it, by task and measure."""
        shape = states.shape[:-1]  # measures, tasks, cues
        ends = task_reached(network, states.reshape(-1, network.state_dim), tasks, dt)
        return np.sum(ends.reshape(shape) == [[0], [1]], axis=-1).T.tolist()

    def by_task(states, measures):
        return states.reshape(measures, len(tasks), STARTS, network.state_dim)

    cue = np.concatenate([cues(task, TURN, dt, STARTS) for task in tasks])
    fresh = by_task(states_after_cues(network, cue, LENGTHS), len(LENGTHS))
    visited, _ = on_attractors(network, cue[::STARTS], settle=SETTLE, steps=LOOK)
    moments = np.linspace(0, LOOK, STARTS, endpoint=False).astype(int)
    busy = np.concatenate(visited[::-1, moments])
    again = by_task(states_after_cues(network, cue, LENGTHS, busy), len(LENGTHS))
    loud = np.concatenate([noisy_cues(tasks, level, seed) for level in NOISES])
    spoiled = [
        by_task(states, len(NOISES)) for states in states_after_cues(network, loud, (13, TURN))
    ]
    states = random_states(network, np.concatenate(visited), 500, seed)
    found, names = named_attractors(network, states, tasks)
    between = np.concatenate(mixtures(tasks, MIXTURES))
    mixed = states_after_cues(network, between, [TURN])[0].reshape(len(MIXTURES), STARTS, -1)
    untrained = {
        name: states_after_cues(network, cue, [TURN])[0] for name, cue in untrained_cues().items()
    }
    crossing = np.arccos(-configuration.x_cen / tasks[0].radius)

    def ending_at(angle):
        """How many of the four cues that end at an angle or its mirror image are right."""
        angles = [angle, -angle], [np.pi - angle, np.pi + angle]
        heard_of = [
            states_after_cues_ending(network, task, at, LENGTHS)
            for task, at in zip(tasks, angles, strict=True)
        ]
        return np.sum(right(np.stack(heard_of, axis=1)), axis=0).tolist()

    return {
        "multifunctional": judge(network, tasks, dt, seed=seed).multifunctional,
        "right": right(fresh),
        "switched": right(again),
        "noisy_13": right(spoiled[0]),
        "noisy_63": right(spoiled[1]),
        "crossing": ending_at(crossing),
        "outside": ending_at(0.25),
        "mixed": [led(states) for states in mixed],
        "untrained": {name: led(states) for name, states in untrained.items()},
        "exchanged": int(np.sum(right(fresh[-1:, ::-1]))),
        "census": [
            {"name": name, "share": one.share.rate, "radius": one.radius}
            | {"centre": one.centre.tolist()}
            for name, one in zip(names, found.attractors, strict=True)
        ],
        "effective": found.effective,
    }


NOISE_LEVELS = (1e-6, 3e-3, 1e-2, 3e-2)
"""Of training with noise that does not fall, in units of the data's scale."""
CUES_AND_BASINS = [
    *(CuesAndBasins(seed) for seed in range(24)),
    *(CuesAndBasins(seed, x_cen=3.0) for seed in range(12)),
    *(CuesAndBasins(seed, noise=(level, level)) for seed in range(12) for level in NOISE_LEVELS),
    *(CuesAndBasins(seed, units=units) for units in (16, 32) for seed in range(8)),
]
"""Networks as they are, at partial overlap, by noise in training, and larger ones."""
