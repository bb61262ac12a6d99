"""How several attractors are put into one LSTM: recipes for tasks of any kind."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from mflib.modelling.refinement import RefinementConfig, train_and_refine
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.identity import LONG_CUE, PERIOD, Templates
from mflib.multifunctionality.lifetimes import departures
from mflib.multifunctionality.tasks import Attractor, Task, interleaved_orbits
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Recurrent

#: Samples in a stretch of a second training; how many stretches of each task are added; out of how
#: many times as many they are chosen; and the neighbour whose distance says how thin data are.
STRETCH, ADDED, CHOICE, NEIGHBOUR = 300, 30, 20, 20
#: Runs followed in each world in a round, for so many turns; stretches added for a world that some
#: left, and how far beside these places they begin, in each coordinate.
RUNS, RUN, BACK, BESIDE = 50, 1000, 60, 0.1


def chaos_training(
    units: int, steps: int = 6000, *, last_noise: float = 1e-3, window: int = 200, batch: int = 16
) -> TrainingConfig:
    """How chaotic attractors of unit size are trained, sampled about forty times a turn.

    Windows of five turns, so that the loss sees slow drift; noise that falls from a tenth of the
    attractors' size, so that the loop comes back to them; smaller steps for wider networks.

    Args:
        units: Of the network: 48 bear a pair, 128 eight worlds.
        steps: Of Adam: 20,000 for a pair.
        last_noise: On the inputs at the end of training, in units of the data's scale.
        window, batch: Samples in a window, and windows in a step.
    """
    rate, noise = 1e-2 * min(1, (64 / units) ** 0.5), (0.1, last_noise)
    return TrainingConfig(steps, batch, window, burn_in=10, learning_rate=rate, noise=noise)


def train_tasks(
    tasks: Sequence[Task],
    units: int,
    config: TrainingConfig,
    refinement: RefinementConfig | None = None,
    *,
    seed: int = 0,
    progress: bool = True,
) -> LSTM:
    """Train one LSTM on several tasks, without a label that says which is which.

    Args:
        tasks: Of one dimension.
        config: :func:`chaos_training`, say.
        refinement: If given, L-BFGS goes on where Adam ends.
        seed: Of weights, windows and noise.

    Returns:
        LSTM: In the units of the tasks; refined, in double precision.
    """
    data = interleaved_orbits(tasks)
    network = LSTM.create(inputs=data[0].shape[1], units=units, seed=seed)
    if refinement is None:
        return train(network, data, config, seed=seed, progress=progress).network
    return train_and_refine(network, data, config, refinement, seed=seed, progress=progress)


def thin_orbits(task: Task, count: int = ADDED, steps: int = STRETCH, seed: int = 0) -> np.ndarray:
    """Orbits of a task that pass where its data are thinnest, shape ``(count, steps, dim)``.

    Of twenty times as many orbits those are taken whose middle half comes furthest from all but
    twenty samples of the data: past a saddle, say, where orbits seldom are and stay long.
    """
    orbits = task.orbits(CHOICE * count, steps, seed=seed)
    middle = orbits[:, steps // 4 : -(steps // 4)]
    known = KDTree(np.concatenate(task.data()))
    apart = known.query(middle.reshape(-1, middle.shape[2]), k=[NEIGHBOUR])[0]
    farthest = apart.reshape(len(orbits), -1).max(axis=1)
    return orbits[np.argsort(-farthest)[:count]]


def stretches(task: Task) -> np.ndarray:
    """A task's data in shorter pieces, shape ``(pieces, 300, dim)``."""
    data = task.data()
    whole = data[:, : data.shape[1] // STRETCH * STRETCH]
    return whole.reshape(-1, STRETCH, data.shape[2])


def orbits_beside(world: Attractor, places: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Orbits of a world's flow that begin beside places, shape ``(count, 300, dim)``."""
    rng = np.random.default_rng(seed)
    start = places[rng.integers(len(places), size=count)]
    return world.orbits_from(start + BESIDE * rng.normal(size=start.shape), STRETCH)


def train_where_runs_leave(
    network: Recurrent,
    worlds: Sequence[Attractor],
    known: Templates,
    rounds: int = 5,
    *,
    batch: int,
    last_noise: float = 3e-3,
    seed: int = 0,
    progress: bool = True,
) -> Recurrent:
    """Train a network on, in rounds, with orbits from where its own runs leave its worlds.

    In each round runs are followed in every world. If none leaves, that is all. If some do, the
    network is trained on with the worlds' data, stretches from where these are thin, and orbits of
    the flow from beside all places at which runs have left so far.

    Args:
        network: Trained on the worlds, as by :func:`train_tasks`.
        known: Among which runs are named, the worlds and others.
        rounds: At most.
        batch, last_noise: As for :func:`chaos_training`. The first steps and the first noise are
            much smaller than there.
        seed: Of cues, added orbits, windows and noise.

    References:
        To add data from where a model's own runs go is dataset aggregation: Ross, Gordon and
        Bagnell (2011), arXiv:1011.0686.
    """
    data = [stretches(world) for world in worlds]
    data += [thin_orbits(world, seed=2000 + seed) for world in worlds]
    noise = (1e-2, last_noise)
    config = TrainingConfig(2000, batch, 200, burn_in=10, learning_rate=2e-3, noise=noise)
    for k in range(rounds):
        again, before = 1000 * (k + 3) + seed, len(data)
        for world in worlds:
            cues = world.orbits(RUNS, LONG_CUE * PERIOD, seed=again)
            places = departures(network, world, cues, known, RUN)
            if len(places):
                more = orbits_beside(world, places, BACK, again)
                data.append(more[np.all(np.isfinite(more), axis=(1, 2))])
        if len(data) == before:
            break
        # every step of training is to see all worlds
        mixed = np.random.default_rng(again).permutation(np.concatenate(data))
        network = train(network, list(mixed), config, seed=again, progress=progress).network
    return network
