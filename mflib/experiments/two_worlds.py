"""Several chaotic attractors in one LSTM: worlds that share all weights, and one place."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
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
    "PAIRS",
    "PERIOD",
    "TWO_WORLDS",
    "WORLDS",
    "Worlds",
    "destinations",
    "templates",
    "worlds",
]

PERIOD = 40
"""Samples in a turn, about, of every world."""
TURNS, LOOKED_AT = 400, 50
"""Length of a free run, and how many of its last turns say where it has ended."""
LONG_CUE = 10
"""Turns."""
RUNS = 16
"""Cues of each world."""

WORLDS = {
    world.name: world
    for world in (
        Attractor("lorenz", dt=0.02),
        Attractor("halvorsen", dt=0.02),
        Attractor("rossler", dt=0.15),
        Attractor("chua", dt=0.06),
        Attractor("thomas", dt=0.3, parameters=(("b", 0.18),)),
        Attractor("sprott_b", dt=0.12),
        Attractor("chen", dt=0.01),
        Attractor("aizawa", dt=0.05),
    )
}
"""Eight chaotic attractors, all of one size and in one place."""


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
        return f"{'_'.join(self.names.split())}_{self.distance:g}_{self.units}_{self.seed}"

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
        orbits = [task.data() for task in self.tasks()]
        # neighbours in the list are of different worlds, so every step of Adam sees all of them
        data = [orbit for together in zip(*orbits, strict=True) for orbit in together]
        network = LSTM.create(inputs=3, units=self.units, seed=self.seed)
        options = {"seed": self.seed, "progress": progress}
        first = Protocol(
            self.steps,
            self.batch,
            self.window,
            burn_in=10,
            learning_rate=1e-2,
            noise=(0.1, self.last_noise),
        )
        if not self.iterations:
            return train(network, data, first, **options).network
        then = Refinement(self.iterations, window=60, burn_in=20, noise=self.last_noise)
        return learned(network, data, first, then, **options)


def templates(tasks: Sequence[Attractor]) -> dict[str, np.ndarray]:
    """An orbit of a hundred turns on each attractor, to name others by."""
    return {task.name: task.orbits(1, 100 * PERIOD)[0] for task in tasks}


def destinations(
    network: Network, cues, known: Mapping[str, np.ndarray], turns: int = TURNS
) -> list[str]:
    """The name of the attractor on which the closed loop is at last, after each cue.

    Parameters
    ----------
    network : Network
    cues : array_like, shape (batch, time, 3)
    known : mapping of str to array_like
        From :func:`templates`. Velocities count too: worlds share one place.
    turns : int
        Of the free run. The last 50 are looked at.

    Returns
    -------
    list of str
        ``"none"`` for a run that is on none of them.
    """
    run = free_run(network, warm_up(network, cues), turns * PERIOD)
    ends = run.outputs[:, -LOOKED_AT * PERIOD :].numpy()
    return [end.name or "none" for end in identify_all(ends, known, dt=1.0)]


def worlds(configuration: Worlds) -> dict:
    """Train a network and see which worlds are in it, and which a short cue finds.

    Returns
    -------
    dict
        ``stored``: for each world, after cues of ten turns and 400 turns of free run, on how many
        of 16 runs the network is still in it; ``selected``: the same after cues of one turn. Both
        name all destinations of the runs that began in a world, with their numbers.
    """
    network, tasks = configuration.trained(progress=False), configuration.tasks()
    known = templates(tasks)
    heard = np.stack([task.orbits(RUNS, LONG_CUE * PERIOD, seed=1) for task in tasks])

    def ends(turns):
        cue = heard[:, :, -turns * PERIOD :].reshape(len(tasks) * RUNS, -1, 3)
        of_task = np.reshape(destinations(network, cue, known), (len(tasks), RUNS))
        return {
            task.name: dict(Counter(found.tolist()))
            for task, found in zip(tasks, of_task, strict=True)
        }

    return {"stored": ends(LONG_CUE), "selected": ends(1)}


PAIRS = [Worlds(" ".join(pair)) for pair in combinations(WORLDS, 2)]
"""All pairs of the eight, on top of each other, recorded in ``data/pairs.jsonl``."""

TWO_WORLDS = [
    Worlds("lorenz halvorsen", distance, 64, seed, 30_000, 1e-4, 60, 32, 200)
    for distance, seed in ((0.0, 0), (0.0, 1), (0.0, 2), (2.0, 0), (4.0, 0), (6.0, 0))
]
"""Lorenz and Halvorsen from on top of each other to apart, kept in ``data/``."""
