"""Two chaotic attractors in one LSTM: worlds that share all weights, and one place."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import tensorflow as tf

from mflib.book.sweeps import provenance
from mflib.experiments.controls import WorldReservoir, kinds_of_cues, right
from mflib.experiments.lifetimes import fidelity
from mflib.experiments.records import DATA, load_or_train
from mflib.experiments.worlds import (
    EIGHT,
    ManyWorlds,
    WithoutMemory,
    Worlds,
    known_worlds,
    residence,
)
from mflib.multifunctionality.identity import LONG_CUE, PERIOD, late_run
from mflib.multifunctionality.lifetimes import follow
from mflib.networks.lstm import LSTM, stacked, unstacked
from mflib.networks.recurrent import cast

#: Of each world; how long runs of two worlds are followed, and one run of each, in turns.
CUES, FOLLOWED, LONGEST = 16, 25_000, 100_000


def two_worlds(configuration: Worlds) -> dict:
    """Measure of a recorded network with two worlds all that is claimed of one.

    Returns:
        dict: ``worlds``, as :func:`~mflib.experiments.worlds.residence`, of 16 runs and 25,000
        turns; ``longest``, for each world the hundreds of turns that one run of 100,000 is in it,
        and all; ``fidelity``, as :func:`~mflib.experiments.lifetimes.fidelity`; ``cues``, and of
        these, of each kind of :func:`~mflib.experiments.controls.kinds_of_cues`, how many are
        ``right``.
    """
    network, tasks = load_or_train(configuration), configuration.tasks()
    single = cast(network, "float32")
    cue = np.concatenate([task.orbits(1, LONG_CUE * PERIOD, seed=6) for task in tasks])
    runs = follow(single, cue, known_worlds(), LONGEST, progress=False)
    stays = zip(tasks, runs, strict=True)
    kinds = kinds_of_cues(tasks)
    return {
        "worlds": residence(single, tasks, cues=CUES, turns=FOLLOWED),
        "longest": {task.name: [names.count(task.name), len(names)] for task, names in stays},
        "fidelity": {task.name: fidelity(network, task) for task in tasks},
        "cues": len(kinds["clean"]),
        "right": {
            kind: right(lambda cues: late_run(single, cues), some, tasks)
            for kind, some in kinds.items()
        },
    }


#: Lorenz and Halvorsen on top of each other, kept in ``data/`` and measured in
#: ``data/two_worlds.jsonl``.
SEEDS = [Worlds("lorenz halvorsen", 0.0, 64, seed, 30_000, 1e-4, 60, 32, 200) for seed in range(10)]
#: The first of these, and the same with the attractors apart, kept in ``data/``.
DISTANCES = [replace(SEEDS[0], distance=distance) for distance in (0.0, 2.0, 4.0, 6.0)]
#: Controls for the first of these, kept in ``data/``.
WITHOUT_MEMORY = [WithoutMemory(seed) for seed in range(3)]


#: Networks of pairs, one by one as they are trained; and those of the first seed in one file.
PAIR_FOLDER, PAIR_FILE = DATA / "pair_networks", DATA / "pair_networks.npz"


def pair(configuration: Worlds | WorldReservoir) -> dict:
    """Train a network and keep it, or fit a reservoir's readout, on a pair of worlds.

    Returns:
        dict: ``worlds``, as :func:`~mflib.experiments.worlds.residence`, of 20 runs and 2,000
        turns.
    """
    if isinstance(configuration, Worlds):
        PAIR_FOLDER.mkdir(exist_ok=True)
        network = load_or_train(configuration, PAIR_FOLDER)
    else:
        network = configuration.trained()
    return {"worlds": residence(network, configuration.tasks(), cues=20, turns=2000)}


#: All pairs of the eight, on top of each other, recorded in ``data/pairs.jsonl``.
PAIRS = [
    ManyWorlds(f"{a.name} {b.name}", 0.0, 48, seed, 10_000, 3e-3, 200, 16)
    for seed in range(5)
    for a, b in combinations(EIGHT, 2)
]
#: Reservoirs with as many trained weights, one for each pair, recorded there too.
RESERVOIR_PAIRS = [WorldReservoir(f"{a.name} {b.name}", 1688, 0) for a, b in combinations(EIGHT, 2)]


def gather_pairs() -> None:
    """Put the networks of the first seed into one file; what is not in their folder is trained."""
    weights = stacked([load_or_train(one, PAIR_FOLDER) for one in PAIRS if one.seed == 0])
    arrays = {name: weight.numpy() for name, weight in weights.items()}
    np.savez_compressed(PAIR_FILE, about=np.array(json.dumps(provenance())), **arrays)


def pair_networks() -> list[LSTM]:
    """The recorded networks of the first seed, in the order of ``PAIRS``."""
    with np.load(PAIR_FILE) as file:
        return unstacked({name: tf.constant(file[name]) for name in file if name != "about"})
