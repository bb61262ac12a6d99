"""Why runs leave a world: kicks that show where a network is weak, and a passage closed."""

from collections import Counter

import numpy as np

from mflib.experiments.lifetimes import CUES
from mflib.experiments.records import load_or_train
from mflib.experiments.worlds import WORLDS, Worlds, first_worlds, known_worlds, residence
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.identity import LAW, LONG_CUE, LOOKED_AT, PERIOD, legs
from mflib.multifunctionality.tasks import Attractor
from mflib.networks.recurrent import Network

#: Turns that runs of a leaking network are followed.
FOLLOWED = 2000
#: Size of kicks, in root mean squares of the state; turns with a kick in each.
KICK, KICKED = 0.05, 100
#: A second training on stretches of so many samples, with so many more of the leaking world, which
#: begin beside places by so much in each coordinate.
STRETCH, MORE, BESIDE = 300, 80, 0.1


def leaks(configuration: Worlds) -> dict:
    """Kick a recorded network, and close the passage through which most of its runs leave.

    Returns:
        dict: ``worlds``, as :func:`~mflib.experiments.worlds.residence`, of 25 runs and 2,000
        turns; ``kicked``, for each world how many of 25 runs are elsewhere after 100 turns with a
        kick in each and 100 without. If runs left: the ``passage``, from which world and to which
        most of them went; ``places`` of departure; and the entry of that world after a second
        training with more orbits of its flow that begin beside these places, ``closed``, and beside
        any of its data, ``anywhere``.
    """
    network, tasks = load_or_train(configuration), configuration.tasks()
    found = {"worlds": residence(network, tasks, cues=CUES, turns=FOLLOWED)}
    found["kicked"] = {task.name: kicked(network, task) for task in tasks}
    left = {name: entry["departures"] for name, entry in found["worlds"].items()}
    routes = Counter((name, after) for name, runs in left.items() for _, after in runs)
    if not routes:
        return found
    passage, _ = routes.most_common(1)[0]
    world = WORLDS[passage[0]]
    places = departures(network, world)
    samples, seed = np.concatenate(world.data()), configuration.seed
    closed, anywhere = (orbits_near(world, begin, seed) for begin in (places, samples))
    return found | {
        "passage": passage,
        "places": places,
        "closed": _again(network, world, tasks, closed, seed),
        "anywhere": _again(network, world, tasks, anywhere, seed),
    }


def kicked(network: Network, task: Attractor) -> int:
    """How many of 25 runs are not in a task's world after kicks, and as long without."""
    state = warm_up(network, task.orbits(CUES, LONG_CUE * PERIOD, seed=1))
    rng, size = np.random.default_rng(0), KICK * np.sqrt(np.mean(state.numpy() ** 2))
    for _ in range(KICKED):
        state = free_run(network, state + size * rng.normal(size=state.shape), PERIOD).state
    ends = free_run(network, state, LOOKED_AT * PERIOD).outputs.numpy()
    return sum(known_worlds().name(end) != task.name for end in ends)


def departures(network: Network, world: Attractor) -> np.ndarray:
    """Where runs are when they leave a world.

    That is the first sample of the first turn whose steps miss the world's law by more than a
    tenth.

    Returns:
        numpy.ndarray, shape (runs that left, dim)
    """
    cue, places = world.orbits(2 * CUES, LONG_CUE * PERIOD, seed=1), {}
    for leg in legs(network, cue, FOLLOWED):
        for k, run in enumerate(leg):
            if k not in places and world.defect(run) > LAW:
                turns = run[: len(run) // PERIOD * PERIOD].reshape(-1, PERIOD, run.shape[1])
                off = [world.defect(turn) > LAW for turn in turns]
                places[k] = turns[int(np.argmax(off)), 0]
    return np.array(list(places.values()))


def orbits_near(world: Attractor, places: np.ndarray, seed: int) -> np.ndarray:
    """Orbits of the world's flow that begin beside places, shape (80, 300, dim)."""
    rng = np.random.default_rng(seed)
    start = places[rng.integers(len(places), size=MORE)]
    return world.orbits_from(start + BESIDE * rng.normal(size=start.shape), STRETCH)


def _again(network, world, tasks, more, seed):
    """The world's entry of :func:`residence` after a second training with more data of it."""
    cut = 1000 // STRETCH * STRETCH
    data = [task.data()[:, :cut].reshape(-1, STRETCH, 3) for task in tasks]
    mixed = np.random.default_rng(seed).permutation(np.concatenate([*data, more]))
    config = TrainingConfig(2000, 32, 200, burn_in=10, learning_rate=1e-3, noise=(1e-3, 5e-4))
    again = train(network, list(mixed), config, seed=seed, progress=False)
    return residence(again.network, [world], cues=2 * CUES, turns=FOLLOWED)[world.name]


#: Eight worlds in networks that were trained with too little noise, kept in ``data/`` and measured
#: in ``data/leaks.jsonl``.
LEAKS = [Worlds(first_worlds(8), 0.0, 64, seed, 14_000, 5e-4, 200, 32) for seed in range(10)]
