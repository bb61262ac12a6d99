"""Two chaotic attractors in one LSTM: worlds that share all weights, and one place."""

from itertools import combinations

from mflib.experiments.worlds import EIGHT, WithoutMemory, Worlds, known_worlds
from mflib.multifunctionality.identity import ask_for_attractors


def worlds(configuration: Worlds) -> dict:
    """Train a network and see on which worlds it ends, as :func:`ask_for_attractors` does."""
    network = configuration.trained(progress=False)
    return ask_for_attractors(network, configuration.tasks(), known_worlds())


#: All pairs of the eight, on top of each other, recorded in ``data/pairs.jsonl``.
PAIRS = [
    Worlds(f"{a.name} {b.name}", units=48, steps=20_000, last_noise=5e-4)
    for a, b in combinations(EIGHT, 2)
]
#: Lorenz and Halvorsen from on top of each other to apart, kept in ``data/``.
TWO_WORLDS = [
    Worlds("lorenz halvorsen", distance, 64, seed, 30_000, 1e-4, 60, 32, 200)
    for distance, seed in ((0.0, 0), (0.0, 1), (0.0, 2), (2.0, 0), (4.0, 0), (6.0, 0))
]
#: Controls for the first of these, kept in ``data/``.
WITHOUT_MEMORY = [WithoutMemory(seed) for seed in range(3)]
