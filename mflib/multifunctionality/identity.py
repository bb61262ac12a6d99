"""On which of many attractors a closed loop is, after a cue and a long run.

A run has the name of a task if it looks like true orbits of that task more than like those of any
other known one, no less than true orbits look like each other, and if each of its steps follows
the task's law. The first two are asked of a stretch of a hundred turns, by the sliced Wasserstein
distance of positions and velocities; the third, of flows only, by integrating from every point.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.distances import sliced_quantiles
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.multifunctionality.tasks import Task
from mflib.networks.recurrent import Network

#: Samples in a turn, about, of every world.
PERIOD = 40
#: Length of a free run, and how many of its last turns say where it has ended.
TURNS, LOOKED_AT = 400, 100
#: Turns.
LONG_CUE = 10
#: Cues of each world.
RUNS = 16
#: On so many directions positions and velocities are projected, with so many quantiles of each.
DIRECTIONS, LEVELS = 60, 100
#: True orbits from whose distances the reach of a template comes, and how many times their root
#: mean square it is; but never less than the last: closed curves have no spread.
ORBITS, SPREADS, LEAST = 128, 4.0, 0.02
#: Largest defect of a run that follows a law.
LAW = 0.1
#: What is said of a run that is on no known attractor.
NOWHERE = "none"


class Templates(NamedTuple):
    """What true orbits of tasks look like.

    Attributes:
        tasks: Those among which runs are named. A task's ``defect``, if it has one as
            :class:`~mflib.multifunctionality.tasks.Attractor` has, tells whether a run follows it.
        quantiles (tasks, directions, levels): Of their positions and velocities.
        reaches (tasks,): Largest distance of a run of that name.
        period: Samples in a turn.
    """

    tasks: tuple[Task, ...]
    quantiles: np.ndarray
    reaches: np.ndarray
    period: int

    @classmethod
    def of(cls, tasks: Sequence[Task], period: int = PERIOD) -> "Templates":
        """Templates of tasks, from their data; the reach is four times the spread of true orbits.

        Args:
            tasks: Of one dimension.
            period: Samples in a turn, about, of all of them.
        """
        quantiles, reaches = [], []
        for task in tasks:
            known = _quantiles(task.data(), period)
            orbits = task.orbits(ORBITS, LOOKED_AT * period, seed=11)
            gaps = [np.mean(np.abs(_quantiles(orbit[None], period) - known)) for orbit in orbits]
            quantiles.append(known)
            reaches.append(max(SPREADS * np.sqrt(np.mean(np.square(gaps))), LEAST))
        return cls(tuple(tasks), np.array(quantiles), np.array(reaches), period)

    def distances(self, run: npt.ArrayLike) -> np.ndarray:
        """Sliced Wasserstein distances of a run ``(steps, dim)`` from each task's attractor.

        In units of the data; infinite for a run that is not finite.
        """
        run = checks.reals("run", run, ("steps", "dim"), finite=False, least=3)
        if not np.all(np.isfinite(run)):
            return np.full(len(self.tasks), np.inf)
        return np.mean(np.abs(_quantiles(run[None], self.period) - self.quantiles), axis=(1, 2))

    def name(self, run: npt.ArrayLike) -> str:
        """The name of the task whose attractor a run ``(steps, dim)`` is on, or ``"none"``.

        Args:
            run: A hundred turns or more.
        """
        distances = self.distances(run)
        nearest = int(np.argmin(distances))
        task = self.tasks[nearest]
        follows = not hasattr(task, "defect") or task.defect(run) <= LAW
        return task.name if distances[nearest] <= self.reaches[nearest] and follows else NOWHERE


def _quantiles(orbits, period):
    """Of positions and velocities, which are as large where a turn takes 2 pi units of time."""
    speed = np.gradient(orbits, 2 * np.pi / period, axis=1)
    cloud = np.concatenate([orbits, speed], axis=2)
    return sliced_quantiles(cloud.reshape(-1, cloud.shape[2]), DIRECTIONS, LEVELS)


def legs(
    network: Network, cues: npt.ArrayLike, turns: int, period: int = PERIOD
) -> Iterator[np.ndarray]:
    """The closed loop after each cue, a hundred turns at a time: a long run fills the memory.

    Args:
        cues (batch, time, dim):
        turns: Of the free run.
        period: Samples in a turn.

    Yields:
        numpy.ndarray, shape (batch, 100 * period, dim)

    Raises:
        ValueError: If ``turns`` is not a multiple of 100.
    """
    if turns < LOOKED_AT or turns % LOOKED_AT:
        raise ValueError(f"turns: got {turns}, expected a multiple of {LOOKED_AT}")
    state = warm_up(network, cues)
    for _ in range(turns // LOOKED_AT):
        run = free_run(network, state, LOOKED_AT * period)
        state = run.state
        yield run.outputs.numpy()


def late_run(
    network: Network, cues: npt.ArrayLike, turns: int = TURNS, period: int = PERIOD
) -> np.ndarray:
    """The last of :func:`legs`, with the same arguments."""
    *_, last = legs(network, cues, turns, period)
    return last


def final_attractors(
    network: Network, cues: npt.ArrayLike, known: Templates, turns: int = TURNS
) -> list[str]:
    """The name of the attractor on which the closed loop is at last, after each cue.

    Args:
        cues (batch, time, dim):
        known: Between which to decide.
        turns: Of the free run. The last 100 are looked at.

    Returns:
        list of str: ``"none"`` for a run that is on none of them.

    Raises:
        ValueError: If ``turns`` is not a multiple of 100.
    """
    return [known.name(run) for run in late_run(network, cues, turns, known.period)]


def ask_for_attractors(
    network: Network, tasks: Sequence[Task], known: Templates, *, cues: int = RUNS
) -> dict:
    """Which attractors are in a network, and which a short cue finds.

    Args:
        tasks: Those the network was trained on.
        known: Among which runs are named, these and others.
        cues: Of each task.

    Returns:
        dict: ``stored``: for each task, after cues of ten turns and a free run of 400, where the
        runs have ended, with their numbers; ``selected``: the same after cues of one turn.
    """
    period = known.period
    stretches = np.stack([task.orbits(cues, LONG_CUE * period, seed=1) for task in tasks])

    def ends(turns):
        cue = stretches[:, :, -turns * period :].reshape(len(tasks) * cues, turns * period, -1)
        found = np.reshape(final_attractors(network, cue, known), (-1, cues))
        pairs = zip(tasks, found.tolist(), strict=True)
        return {task.name: dict(Counter(names)) for task, names in pairs}

    return {"stored": ends(LONG_CUE), "selected": ends(1)}
