"""On which of many attractors a closed loop is, after a cue and a long run."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mflib.dynamics.attractors import identify_all
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.multifunctionality.tasks import Task
from mflib.networks.recurrent import Network

#: Samples in a turn, about, of every world.
PERIOD = 40
#: Length of a free run, and how many of its last turns say where it has ended.
TURNS, LOOKED_AT = 400, 100
#: Largest distance from an attractor, relative to its size, of a run that is on it.
FAR = 0.12
#: Turns.
LONG_CUE = 10
#: Cues of each world.
RUNS = 16


def final_attractors(
    network: Network,
    cues: npt.ArrayLike,
    tasks: Sequence[Task],
    turns: int = TURNS,
    period: int = PERIOD,
) -> list[str]:
    """The name of the attractor on which the closed loop is at last, after each cue.

    Args:
        cues (batch, time, dim):
        tasks: Between which to decide. Velocities count too: the attractors share one place.
        turns: Of the free run. The last 100 are looked at.
        period: Samples in a turn.

    Returns:
        list of str: ``"none"`` for a run that is on none of them.

    Raises:
        ValueError: If ``turns`` is not a multiple of 100.
    """
    return name_attractors(late_run(network, cues, turns, period), tasks)


def late_run(
    network: Network, cues: npt.ArrayLike, turns: int = TURNS, period: int = PERIOD
) -> np.ndarray:
    """The last hundred turns of the closed loop after each cue.

    Args:
        cues (batch, time, dim):
        turns: Of the free run.
        period: Samples in a turn.

    Returns:
        numpy.ndarray, shape (batch, 100 * period, dim)

    Raises:
        ValueError: If ``turns`` is not a multiple of 100.
    """
    if turns < LOOKED_AT or turns % LOOKED_AT:
        raise ValueError(f"turns: got {turns}, expected a multiple of {LOOKED_AT}")
    state = warm_up(network, cues)
    # in legs, of which only the last is kept: a run's states fill the memory otherwise
    for _ in range(turns // LOOKED_AT):
        run = free_run(network, state, LOOKED_AT * period)
        state = run.state
    return run.outputs.numpy()


def name_attractors(runs: np.ndarray | Sequence[np.ndarray], tasks: Sequence[Task]) -> list[str]:
    """The name of the task's attractor that each run is on, or ``"none"``.

    Args:
        runs (batch, steps, dim): A hundred turns or more: in fewer even true orbits of the Lorenz
            system may be taken for Chen's, which has wings as it has.

    Returns:
        list of str
    """
    known = {task.name: task.data() for task in tasks}
    return [end.name or "none" for end in identify_all(list(runs), known, dt=1.0, reject=FAR)]


def ask_for_attractors(
    network: Network, tasks: Sequence[Task], period: int = PERIOD, *, cues: int = RUNS
) -> dict:
    """Which attractors are in a network, and which a short cue finds.

    Args:
        period: Samples in a turn.
        cues: Of each task.

    Returns:
        dict: ``stored``: for each task, after cues of ten turns and a free run of 400, where the
        runs have ended, with their numbers; ``selected``: the same after cues of one turn.
    """
    stretches = np.stack([task.orbits(cues, LONG_CUE * period, seed=1) for task in tasks])

    def ends(turns):
        cue = stretches[:, :, -turns * period :].reshape(len(tasks) * cues, turns * period, -1)
        found = np.reshape(final_attractors(network, cue, tasks, period=period), (-1, cues))
        pairs = zip(tasks, found.tolist(), strict=True)
        return {task.name: dict(Counter(names)) for task, names in pairs}

    return {"stored": ends(LONG_CUE), "selected": ends(1)}
