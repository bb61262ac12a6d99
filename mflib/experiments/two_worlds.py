"""Several chaotic attractors in one LSTM: worlds that share all weights, and one place."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mflib.attractors import identify_all
from mflib.closed_loop import free_run, warm_up
from mflib.experiments import learned
from mflib.networks import LSTM, Network
from mflib.tasks import Attractor
from mflib.training import Protocol, Refinement, train

__all__ = [
    "EIGHT",
    "PAIRS",
    "PERIOD",
    "TWO_WORLDS",
    "WORLDS",
    "Worlds",
    "asked",
    "destinations",
    "late",
    "named",
    "together",
    "worlds",
]

PERIOD = 40
"""Samples in a turn, about, of every world."""
TURNS, LOOKED_AT = 400, 100
"""Length of a free run, and how many of its last turns say where it has ended."""
FAR = 0.12
"""Largest distance from an attractor, relative to its size, of a run that is on it."""
LONG_CUE = 10
"""Turns."""
RUNS = 16
"""Cues of each world."""

EIGHT = (
    Attractor("lorenz", dt=0.02),
    Attractor("halvorsen", dt=0.02),
    Attractor("rossler", dt=0.15),
    Attractor("chua", dt=0.06),
    Attractor("thomas", dt=0.3, parameters=(("b", 0.18),)),
    Attractor("sprott_b", dt=0.12),
    Attractor("chen", dt=0.01),
    Attractor("aizawa", dt=0.05),
)
MIRRORED = tuple(dataclasses.replace(world, mirrored=True) for world in EIGHT)
WORLDS = {world.name: world for world in EIGHT + MIRRORED}
"""Sixteen chaotic attractors, eight and their mirror images, all of one size and in one place."""


@dataclass(frozen=True)
class Worlds:
    """An LSTM that is to hold several chaotic attractors.

    Attributes
    ----------
    names : str
        Keys of ``WORLDS`` with spaces between.
    distance : float
        Between the centres of neighbours along the first coordinate, in standard deviations.
    units : int
    seed : int
        Of weights, windows and noise.
    steps : int
        Of Adam.
    last_noise : float
        On the inputs at the end of training, in units of the data's scale.
    window, batch : int
        Samples in a window, and windows in a step.
    iterations : int
        Of the refinement, on inputs with as much noise; none by default.
    """

    names: str
    distance: float = 0.0
    units: int = 64
    seed: int = 0
    steps: int = 6000
    last_noise: float = 1e-3
    window: int = 200
    batch: int = 16
    iterations: int = 0

    @property
    def name(self) -> str:
        """Of the network's file."""
        names = self.names.split()
        which = "_".join(names) if len(names) < 3 else f"{len(names)}_worlds"
        return f"{which}_{self.distance:g}_{self.units}_{self.seed}"

    def tasks(self) -> list[Attractor]:
        """The worlds, in their places."""
        found = [WORLDS[name] for name in self.names.split()]
        places = self.distance * (np.arange(len(found)) - (len(found) - 1) / 2)
        return [
            dataclasses.replace(world, centre=(float(place), 0.0, 0.0))
            for world, place in zip(found, places, strict=True)
        ]

    def trained(self, *, progress: bool = True) -> LSTM:
        """The network after training."""
        data = together(self.tasks())
        network = LSTM.create(inputs=3, units=self.units, seed=self.seed)
        options = {"seed": self.seed, "progress": progress}
        first = Protocol(
            self.steps,
            self.batch,
            self.window,
            burn_in=10,
            learning_rate=1e-2 * min(1, (64 / self.units) ** 0.5),
            noise=(0.1, self.last_noise),
        )
        if not self.iterations:
            return train(network, data, first, **options).network
        then = Refinement(self.iterations, window=60, burn_in=20, noise=self.last_noise)
        return learned(network, data, first, then, **options)


def together(tasks: Sequence) -> list[np.ndarray]:
    """What there is to learn of all tasks, so that every step of Adam sees all of them.

    Parameters
    ----------
    tasks : sequence
        Of :class:`~mflib.tasks.Attractor` or :class:`~mflib.tasks.Lissajous`.

    Returns
    -------
    list of numpy.ndarray, each of shape (steps, dim)
        Orbits; neighbours in the list belong to different tasks.
    """
    orbits = (task.data() for task in tasks)
    return [orbit for neighbours in zip(*orbits, strict=True) for orbit in neighbours]


def destinations(
    network: Network,
    cues,
    tasks: Sequence,
    turns: int = TURNS,
    period: int = PERIOD,
) -> list[str]:
    """The name of the attractor on which the closed loop is at last, after each cue.

    Parameters
    ----------
    network : Network
    cues : array_like, shape (batch, time, dim)
    tasks : sequence
        Of :class:`~mflib.tasks.Attractor` or :class:`~mflib.tasks.Lissajous`, between which to
        decide. Velocities count too: the attractors share one place.
    turns : int
        Of the free run. The last 100 are looked at.
    period : int
        Samples in a turn.

    Returns
    -------
    list of str
        ``"none"`` for a run that is on none of them.

    Raises
    ------
    ValueError
        If ``turns`` is not a multiple of 100.
    """
    return named(late(network, cues, turns, period), tasks)


def late(network: Network, cues, turns: int = TURNS, period: int = PERIOD) -> np.ndarray:
    """The last hundred turns of the closed loop after each cue.

    Parameters
    ----------
    network : Network
    cues : array_like, shape (batch, time, dim)
    turns : int
        Of the free run.
    period : int
        Samples in a turn.

    Returns
    -------
    numpy.ndarray, shape (batch, 100 * period, dim)

    Raises
    ------
    ValueError
        If ``turns`` is not a multiple of 100.
    """
    if turns < LOOKED_AT or turns % LOOKED_AT:
        raise ValueError(f"turns: got {turns}, expected a multiple of {LOOKED_AT}")
    state = warm_up(network, cues)
    # in legs, of which only the last is kept: a run's states fill the memory otherwise
    for _ in range(turns // LOOKED_AT):
        run = free_run(network, state, LOOKED_AT * period)
        state = run.state
    return run.outputs.numpy()


def named(runs, tasks: Sequence) -> list[str]:
    """The name of the task's attractor that each run is on, or ``"none"``.

    Parameters
    ----------
    runs : array_like, shape (batch, steps, dim)
        A hundred turns or more: in fewer even true orbits of Lorenz' system may be taken for
        Chen's, which has wings as it has.
    tasks : sequence

    Returns
    -------
    list of str
    """
    known = {task.name: task.data() for task in tasks}
    return [end.name or "none" for end in identify_all(runs, known, dt=1.0, reject=FAR)]


def asked(network: Network, tasks: Sequence, period: int = PERIOD, *, cues: int = RUNS) -> dict:
    """Which attractors are in a network, and which a short cue finds.

    Parameters
    ----------
    network : Network
    tasks : sequence
        Of :class:`~mflib.tasks.Attractor` or :class:`~mflib.tasks.Lissajous`.
    period : int
        Samples in a turn.
    cues : int
        Of each task.

    Returns
    -------
    dict
        ``stored``: for each task, after cues of ten turns and a free run of 400, where the runs
        have ended, with their numbers; ``selected``: the same after cues of one turn.
    """
    heard = np.stack([task.orbits(cues, LONG_CUE * period, seed=1) for task in tasks])

    def ends(turns):
        cue = heard[:, :, -turns * period :].reshape(len(tasks) * cues, turns * period, -1)
        found = np.reshape(destinations(network, cue, tasks, period=period), (-1, cues))
        return {
            task.name: dict(Counter(names.tolist()))
            for task, names in zip(tasks, found, strict=True)
        }

    return {"stored": ends(LONG_CUE), "selected": ends(1)}


def worlds(configuration: Worlds) -> dict:
    """Train a network and ask it for its worlds, as :func:`asked` does."""
    return asked(configuration.trained(progress=False), configuration.tasks())


PAIRS = [
    Worlds(f"{a.name} {b.name}", units=48, steps=20_000, last_noise=5e-4)
    for a, b in combinations(EIGHT, 2)
]
"""All pairs of the eight, on top of each other, recorded in ``data/pairs.jsonl``."""

TWO_WORLDS = [
    Worlds("lorenz halvorsen", distance, 64, seed, 30_000, 1e-4, 60, 32, 200)
    for distance, seed in ((0.0, 0), (0.0, 1), (0.0, 2), (2.0, 0), (4.0, 0), (6.0, 0))
]
"""Lorenz and Halvorsen from on top of each other to apart, kept in ``data/``."""
