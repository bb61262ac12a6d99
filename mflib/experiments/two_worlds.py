"""Several chaotic attractors in one LSTM: worlds apart that share all weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mflib.attractors import identify_all
from mflib.closed_loop import free_run, warm_up
from mflib.experiments import learned
from mflib.networks import LSTM, Recurrent, cast
from mflib.tasks import Attractor
from mflib.training import Protocol, Refinement, train

__all__ = ["PERIOD", "WORLDS", "Worlds", "destinations", "templates", "worlds"]

PERIOD = 40
"""Samples in a turn, about, of every world."""
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
        Of the worlds, with spaces between.
    distance : float
        Between the centres of neighbours along the first coordinate, in standard deviations.
    units : int
    seed : int
        Of weights, windows and noise.
    steps : int
        Of Adam.
    last_noise : float
        On the inputs at the end of training, in units of the data's scale.
    iterations : int
        Of the refinement.
    """

    names: str
    distance: float = 0.0
    units: int = 64
    seed: int = 0
    steps: int = 6000
    last_noise: float = 2e-3
    iterations: int = 0

    @property
    def name(self) -> str:
        """Of the network's file."""
        worlds = self.names.split()
        which = "_".join(worlds) if len(worlds) < 3 else f"{len(worlds)}_worlds"
        return f"{which}_{self.distance:g}_{self.units}_{self.seed}"

    def tasks(self) -> list[Attractor]:
        """The worlds, in their places."""
        import dataclasses

        found = [WORLDS[name] for name in self.names.split()]
        first = -self.distance * (len(found) - 1) / 2
        return [
            dataclasses.replace(world, centre=(first + k * self.distance, 0.0, 0.0))
            for k, world in enumerate(found)
        ]

    def data(self) -> list[np.ndarray]:
        """Orbits to learn from, neighbours from different worlds."""
        return [
            orbit for orbits in zip(*(task.data() for task in self.tasks())) for orbit in orbits
        ]

    def untrained(self) -> LSTM:
        """The network before it is trained."""
        return LSTM.create(inputs=3, units=self.units, seed=self.seed)

    def protocol(self) -> Protocol:
        return Protocol(
            steps=self.steps,
            window=60,
            burn_in=10,
            learning_rate=1e-2,
            noise=(0.1, self.last_noise),
        )

    def trained(self, *, progress: bool = True) -> LSTM:
        """The network after training."""
        options = {"seed": self.seed, "progress": progress}
        if self.iterations:
            then = Refinement(self.iterations, window=60, burn_in=20, noise=self.last_noise)
            return learned(self.untrained(), self.data(), self.protocol(), then, **options)
        return train(self.untrained(), self.data(), self.protocol(), **options).network


def templates(tasks: Sequence[Attractor]) -> dict[str, np.ndarray]:
    """An orbit on each attractor, a hundred turns, to name others by."""
    return {task.name: task.orbits(1, 100 * PERIOD)[0] for task in tasks}


def destinations(network: Recurrent, cues, known, *, turns: int = 400) -> np.ndarray:
    """The name of the attractor on which the loop ends after each cue."""
    run = free_run(network, warm_up(network, cues), turns * PERIOD)
    ends = run.outputs[:, -50 * PERIOD :].numpy()
    return np.array([end.name or "none" for end in identify_all(ends, known, dt=1.0)])


def worlds(configuration: Worlds) -> dict:
    network = configuration.trained(progress=False)
    return judged(network, configuration.tasks())


def judged(network, tasks, runs: int = 32) -> dict:
    known = templates(tasks)
    heard = [task.orbits(runs, 400, seed=1) for task in tasks]
    out = {}
    for name, length in (("selected", PERIOD), ("stored", 400)):
        cue = np.concatenate([orbits[:, -length:] for orbits in heard])
        ends = destinations(network, cue, known).reshape(len(tasks), runs)
        out[name] = {
            task.name: float(np.mean(of_task == task.name))
            for task, of_task in zip(tasks, ends, strict=True)
        }
        out[name + "_ends"] = {
            task.name: dict(zip(*(x.tolist() for x in np.unique(of_task, return_counts=True))))
            for task, of_task in zip(tasks, ends, strict=True)
        }
    return out
