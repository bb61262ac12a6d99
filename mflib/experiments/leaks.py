"""Why runs leave a world: equilibria that a network has wrong, and a passage closed."""

import functools
from collections import Counter

import numpy as np
from scipy.spatial import KDTree

from mflib.experiments.lifetimes import CUES
from mflib.experiments.records import load_or_train
from mflib.experiments.worlds import WORLDS, Worlds, first_worlds, known_worlds, residence
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.skeleton import fixed_points
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.identity import LAW, LONG_CUE, LOOKED_AT, PERIOD
from mflib.multifunctionality.lifetimes import departures
from mflib.multifunctionality.recipes import orbits_beside, stretches
from mflib.multifunctionality.tasks import Attractor
from mflib.networks.recurrent import Network

#: Turns that runs of a leaking network are followed.
FOLLOWED = 2000
#: Size of kicks, in root mean squares of the state; turns with a kick in each.
KICK, KICKED = 0.05, 100
#: Turns of true orbits searched for passages near equilibria; the ranks of those taken, so many of
#: each; samples from the end of a cue to the nearest point; turns in which a run breaks the law.
SEARCHED, RANKS, EACH, BEFORE, PASSED = 40_000, (25, 250, 2500), 25, 10, 5
#: Starts of Newton's method for an equilibrium, scattered by this share of the state's size.
STARTS, SCATTER = 20, 0.02
#: Stretches of the leaking world that are added for a second training.
MORE = 80


def leaks(configuration: Worlds) -> dict:
    """Kick a recorded network, and close the passage through which most of its runs leave.

    Returns:
        dict: ``worlds``, as :func:`~mflib.experiments.worlds.residence`, of 25 runs and 2,000
        turns; ``kicked``, for each world how many of 25 runs are elsewhere after 100 turns with a
        kick in each and 100 without; ``expected``, for each world the departures a turn by
        :func:`expected_rate`; ``equilibria``, for each as :func:`own_equilibria`. If runs left: the
        ``passage``, from which world and to which most of them went; ``places`` of departure; and
        the entry of that world after a second training with more orbits of its flow that begin
        beside these places, ``closed``, and beside any of its data, ``anywhere``.
    """
    network, tasks = load_or_train(configuration), configuration.tasks()
    found = {"worlds": residence(network, tasks, cues=CUES, turns=FOLLOWED)}
    found["kicked"] = {task.name: kicked(network, task) for task in tasks}
    found["expected"] = {task.name: expected_rate(network, task) for task in tasks}
    found["equilibria"] = {task.name: own_equilibria(network, task) for task in tasks}
    left = {name: entry["departures"] for name, entry in found["worlds"].items()}
    routes = Counter((name, after) for name, runs in left.items() for _, after in runs)
    if not routes:
        return found
    passage, _ = routes.most_common(1)[0]
    world = WORLDS[passage[0]]
    cue = world.orbits(2 * CUES, LONG_CUE * PERIOD, seed=1)
    places = departures(network, world, cue, known_worlds(), FOLLOWED)
    samples, seed = np.concatenate(world.data()), configuration.seed
    closed, anywhere = (orbits_beside(world, x, MORE, seed) for x in (places, samples))
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


@functools.cache
def passages(task: Attractor) -> list[tuple[float, np.ndarray]]:
    """Cues that end shortly before a true orbit passes near an equilibrium of its system.

    Of 40,000 turns of true orbits those are taken that come nearest to any equilibrium: 25 of the
    first 25, of the next 225 and of the next 2,250.

    Returns:
        list of (float, numpy.ndarray): For each rank its share of all turns, and cues of ten turns,
        shape (25, 400, dim).
    """
    members, long = 80, LONG_CUE * PERIOD
    count = SEARCHED // members
    orbits = task.orbits(members, long + (count + 1) * PERIOD, seed=50)
    apart = np.min([np.linalg.norm(orbits - e, axis=2) for e in task.equilibria()], axis=0)
    turns = apart[:, long + PERIOD :].reshape(members, count, PERIOD)
    order, rng, found = np.argsort(turns.min(axis=2), axis=None), np.random.default_rng(0), []
    for low, high in zip((0, *RANKS), RANKS, strict=False):
        orbit, turn = np.unravel_index(rng.permutation(order[low:high])[:EACH], (members, count))
        nearest = long + (1 + turn) * PERIOD + turns[orbit, turn].argmin(axis=1)
        ends = zip(orbit, nearest - BEFORE, strict=True)
        found.append(
            ((high - low) / order.size, np.stack([orbits[k, t - long : t] for k, t in ends]))
        )
    return found


def expected_rate(network: Network, task: Attractor) -> float:
    """Departures from a world, a turn, if runs pass equilibria as often as true orbits do.

    Every cue of :func:`passages` is followed. A run fails there if it breaks the law within five
    turns and is in another world, or none, a hundred turns later; elsewhere none is thought to.
    """
    rate = 0.0
    for share, cues in passages(task):
        run = free_run(
            network, warm_up(network, cues), (PASSED + LOOKED_AT) * PERIOD
        ).outputs.numpy()
        turns = run[:, : PASSED * PERIOD].reshape(len(run), PASSED, PERIOD, -1)
        off = [any(task.defect(turn) > LAW for turn in one) for one in turns]
        ends = [known_worlds().name(one[PASSED * PERIOD :]) != task.name for one in run]
        rate += share * float(np.mean(np.logical_and(off, ends)))
    return rate


def own_equilibria(network: Network, task: Attractor) -> list[tuple[float, float | None, int, int]]:
    """How near a network's own fixed points are to the equilibria of a world's system.

    Newton's method starts from where constant input leads, and around.

    Returns:
        list of (float, float, int, int): For each equilibrium of the system the distance of the
        nearest sample of training; of the nearest output of a fixed point, None if none was found;
        and in how many directions neighbours leave, in the system and in the network.
    """
    samples, rng, found = KDTree(np.concatenate(task.data())), np.random.default_rng(0), []
    for point in task.equilibria():
        state = warm_up(network, np.tile(point, (1, 200, 1))).numpy()
        scatter = SCATTER * np.sqrt(np.mean(state**2)) * rng.normal(size=(STARTS, state.shape[1]))
        own = fixed_points(network, np.concatenate([state, state + scatter]))
        apart = np.linalg.norm(own.outputs - point, axis=1)
        nearest, unstable = (apart.min(), own.unstable[apart.argmin()]) if len(apart) else (None, 0)
        step = 1e-5 * np.concatenate([np.eye(len(point)), -np.eye(len(point))])
        plus, minus = np.split(task.orbits_from(point + step, 2)[:, 1], 2)
        moduli = np.abs(np.linalg.eigvals((plus - minus).T / 2e-5))
        found.append((samples.query(point)[0], nearest, int(np.sum(moduli > 1)), int(unstable)))
    return found


def _again(network, world, tasks, more, seed):
    """The world's entry of :func:`residence` after a second training with more data of it."""
    data = [stretches(task) for task in tasks]
    mixed = np.random.default_rng(seed).permutation(np.concatenate([*data, more]))
    config = TrainingConfig(2000, 32, 200, burn_in=10, learning_rate=1e-3, noise=(1e-3, 5e-4))
    again = train(network, list(mixed), config, seed=seed, progress=False)
    return residence(again.network, [world], cues=2 * CUES, turns=FOLLOWED)[world.name]


#: Eight worlds in networks that were trained with too little noise, kept in ``data/`` and measured
#: in ``data/leaks.jsonl``.
LEAKS = [Worlds(first_worlds(8), 0.0, 64, seed, 14_000, 5e-4, 200, 32) for seed in range(5)]
