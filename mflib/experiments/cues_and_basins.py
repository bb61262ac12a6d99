"""LSTMs that see double after short, noisy and ambiguous cues, and from random states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mflib.dynamics.attractors import Census, find_attractors
from mflib.modelling.closed_loop import drive, free_run
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality.circuits import on_attractors, task_reached
from mflib.multifunctionality.judge import judge, strict
from mflib.multifunctionality.recipes import train_tasks
from mflib.multifunctionality.tasks import COARSE, TURN, Circle, cues, seeing_double
from mflib.networks.lstm import LSTM

#: Samples in a cue; the longest is one turn.
LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 21, 34, TURN)
#: Standard deviation of the noise on every coordinate of a cue, in radii.
NOISES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
#: Share of circle B in a mixed cue.
MIXTURES = tuple(k / 10 for k in range(11))
#: Places on the circle at which cues begin.
STARTS = 16
#: Steps that a census waits, 80 turns, and that it looks at, 40 turns.
SETTLE, LOOK = 5040, 2520


def states_after_cues(
    network: LSTM, cue: npt.ArrayLike, lengths: Sequence[int], state: npt.ArrayLike | None = None
) -> np.ndarray:
    """States in which the first so many samples of cues leave a network.

    Args:
        cue (batch, time, inputs):
        lengths: At least 1, at most ``time``.
        state (batch, state_dim): In which the cues find it; by default the network's initial state.

    Returns:
        numpy.ndarray, shape (lengths, batch, state_dim)
    """
    states = drive(network, cue, state).numpy()
    return states[:, np.asarray(lengths) - 1].transpose(1, 0, 2)


def random_states(network: LSTM, visited: npt.ArrayLike, count: int, seed: int = 0) -> np.ndarray:
    """States of an LSTM drawn without regard to any task.

    Every ``h`` is uniform where it can be, between -1 and 1. A ``c`` has no bounds; every one is
    uniform between plus and minus the largest size that it has in the states ``visited``.

    Args:
        visited (any, state_dim): States on the attractors of the tasks.

    Returns:
        numpy.ndarray, shape (count, state_dim)
    """
    largest = np.abs(np.asarray(visited, dtype=float)).max(axis=0)
    largest[: network.units] = 1
    return np.random.default_rng(seed).uniform(-largest, largest, (count, len(largest)))


def named_attractors(
    network: LSTM, states: npt.ArrayLike, tasks: Sequence[Circle]
) -> tuple[Census, list[str]]:
    """On how many attractors a closed loop ends, and which they are.

    Args:
        states (batch, state_dim): From which it runs; after 80 turns it is looked at for 40.

    Returns:
        What was found, and for each attractor the task it does by the strict judge or, if it does
        none, its kind.
    """
    settled = free_run(network, states, SETTLE).state
    outputs = free_run(network, settled, LOOK).outputs.numpy()
    found = find_attractors(outputs, COARSE, scale=max(task.radius for task in tasks))

    def name(attractor):
        done = (t.name for t in tasks if strict(outputs[attractor.run], t, COARSE).passed)
        return next(done, attractor.behaviour.kind)

    return found, [name(attractor) for attractor in found.attractors]


def states_after_cues_ending(
    network: LSTM, task: Circle, angles: npt.ArrayLike, lengths: Sequence[int]
) -> np.ndarray:
    """States in which cues that end at given angles leave a network.

    Args:
        angles (angles,): Of the last sample, radians about the task's centre.
        lengths: Samples in a cue, each at least 1.

    Returns:
        numpy.ndarray, shape (lengths, angles, state_dim)
    """
    samples = np.asarray(lengths)
    starts = np.asarray(angles, dtype=float) - task.omega * COARSE * (samples[:, None] - 1)
    # all cues are as long as the longest, for one program; the rest is not looked at
    cue = np.stack([task.trajectory(samples.max(), COARSE, start) for start in starts.ravel()])
    states = states_after_cues(network, cue, lengths).reshape(len(lengths), *starts.shape, -1)
    return states[np.arange(len(lengths)), np.arange(len(lengths))]


def noisy_cues(tasks: Sequence[Circle], level: float, seed: int) -> np.ndarray:
    """Cues of one turn with noise, ``level`` radii of it, ``(tasks * STARTS, TURN, 2)``."""
    seeds = enumerate(tasks, len(tasks) * seed)
    return np.concatenate([cues(t, TURN, COARSE, STARTS, level * t.radius, s) for s, t in seeds])


def mixtures(tasks: Sequence[Circle], shares: npt.ArrayLike) -> np.ndarray:
    """Cues of one turn between two tasks: the mean of their samples, a share from the second.

    Both cues start at the same angle, so two circles with a common centre make an ellipse, and in
    equal parts a line.

    Returns:
        numpy.ndarray, shape (shares, STARTS, TURN, 2)
    """
    first, second = (cues(task, TURN, COARSE, STARTS) for task in tasks)
    share = np.reshape(shares, (-1, 1, 1, 1))
    return (1 - share) * first + share * second


def untrained_cues() -> dict[str, np.ndarray]:
    """Cues of one turn of tasks on which no network was trained, each ``(STARTS, TURN, 2)``."""
    circles = {
        "half the size": Circle("A", 2.5),
        "twice the size": Circle("A", 10.0),
        "half the speed": Circle("A", 5.0, omega=0.5),
        "twice the speed": Circle("A", 5.0, omega=2.0),
        "moved by a diameter": Circle("A", 5.0, centre=(10.0, 0.0)),
    }
    found = {name: cues(circle, TURN, COARSE, STARTS) for name, circle in circles.items()}
    circle = Circle("A", 5.0)
    angle = circle.starts(STARTS)[:, None] + COARSE * np.arange(TURN)
    found["figure of eight"] = 5 * np.stack([np.sin(angle), np.sin(2 * angle) / 2], axis=-1)
    found["a still point"] = np.repeat(cues(circle, 1, COARSE, STARTS), TURN, axis=1)
    return found


@dataclass(frozen=True)
class CuesAndBasins:
    """An LSTM that is to see double, then cued in many ways.

    Attributes:
        seed: Of its initial weights, its training, noise on cues, and random states.
        x_cen: Half the distance of the circles' centres.
        noise: On the inputs in training, at its start and end, in units of the data's scale.
    """

    seed: int
    units: int = 8
    x_cen: float = 0.0
    noise: tuple[float, float] = TrainingConfig().noise

    def trained(self) -> LSTM:
        """The network after training."""
        tasks, config = seeing_double(self.x_cen), TrainingConfig(noise=self.noise)
        return train_tasks(tasks, self.units, config, seed=self.seed, progress=False)


def cues_and_basins(configuration: CuesAndBasins) -> dict:
    """Train one network and see where cues and random states lead it.

    Returns:
        dict: ``multifunctional``, of the strict judge. For each task, how many of ``STARTS`` cues
        lead to it: ``right``, by ``LENGTHS``; ``switched``, by ``LENGTHS``, if the network was
        on the other task; ``noisy_13`` and ``noisy_63``, by ``NOISES``, with so many samples.
        ``crossing`` and ``outside``, by ``LENGTHS``: how many of four cues are right that end
        where the circles cross (those with a common centre do everywhere) and on their outer
        sides. ``mixed``: where mixed cues lead, ``[A, B, neither]``, by ``MIXTURES``; and
        ``untrained``, by name: where cues of untrained tasks lead. ``census``: name and share
        of the attractors met from 500 random states, and ``effective``, their effective number.
    """
    network, seed = configuration.trained(), configuration.seed
    tasks = seeing_double(configuration.x_cen)

    def ends_of(cue):
        """Where cues of one turn lead, ``[A, B, neither]``."""
        states = states_after_cues(network, cue, [TURN])[0]
        return np.bincount(task_reached(network, states, tasks, COARSE) % 3, minlength=3).tolist()

    def right(states, starts=STARTS):
        """How many of a task's cues lead to it, by task and measure; those of A come first."""
        ends = task_reached(network, states.reshape(-1, network.state_dim), tasks, COARSE)
        return np.sum(ends.reshape(-1, 2, starts) == [[0], [1]], axis=-1).T.tolist()

    def ending_at(angle):
        """How many of the four cues that end at an angle or its mirror image are right."""
        angles = [angle, -angle], [np.pi - angle, np.pi + angle]
        states = [states_after_cues_ending(network, tasks[k], angles[k], LENGTHS) for k in range(2)]
        return np.sum(right(np.stack(states, axis=1), 2), axis=0).tolist()

    cue = np.concatenate([cues(task, TURN, COARSE, STARTS) for task in tasks])
    visited, _ = on_attractors(network, cue[::STARTS], settle=SETTLE, steps=LOOK)
    moments = np.linspace(0, LOOK, STARTS, endpoint=False).astype(int)
    on_the_other = np.concatenate(visited[::-1, moments])
    noisy = np.concatenate([noisy_cues(tasks, level, seed) for level in NOISES])
    noisy_13, noisy_63 = states_after_cues(network, noisy, (13, TURN))
    states = random_states(network, np.concatenate(visited), 500, seed)
    census, names = named_attractors(network, states, tasks)
    met = zip(names, census.attractors, strict=True)
    return {
        "multifunctional": judge(network, tasks, COARSE, seed=seed).multifunctional,
        "right": right(states_after_cues(network, cue, LENGTHS)),
        "switched": right(states_after_cues(network, cue, LENGTHS, on_the_other)),
        "noisy_13": right(noisy_13),
        "noisy_63": right(noisy_63),
        "crossing": ending_at(np.arccos(-configuration.x_cen / tasks[0].radius)),
        "outside": ending_at(0.25),
        "mixed": [ends_of(mixed) for mixed in mixtures(tasks, MIXTURES)],
        "untrained": {name: ends_of(cue) for name, cue in untrained_cues().items()},
        "census": [{"name": name, "share": one.share.value} for name, one in met],
        "effective": census.effective,
    }


#: Of training with noise that does not fall, in units of the data's scale.
NOISE_LEVELS = (1e-6, 3e-3, 1e-2, 3e-2)
#: Networks as they are, at partial overlap, by noise in training, and larger ones.
CUES_AND_BASINS = [
    *(CuesAndBasins(seed) for seed in range(24)),
    *(CuesAndBasins(seed, x_cen=3.0) for seed in range(12)),
    *(CuesAndBasins(seed, noise=(level, level)) for seed in range(12) for level in NOISE_LEVELS),
    *(CuesAndBasins(seed, units=units) for units in (16, 32) for seed in range(8)),
]
