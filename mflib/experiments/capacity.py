"""How many attractors fit into one LSTM: closed curves, then chaos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from mflib.experiments.controls import WorldReservoir
from mflib.experiments.worlds import Worlds, first_worlds, residence, stays_of
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality.identity import Templates, ask_for_attractors
from mflib.multifunctionality.lifetimes import ATTRACTOR_TURNS, lifetime
from mflib.multifunctionality.recipes import train_tasks
from mflib.multifunctionality.tasks import TURN, Lissajous
from mflib.networks.lstm import LSTM
from mflib.networks.reservoirs import Reservoir

#: Sixteen closed curves in one place, circles, eights and Lissajous figures, in both directions.
FIGURES = [
    Lissajous(a, b, backwards=backwards)
    for a, b in ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2), (3, 4))
    for backwards in (False, True)
]


@dataclass(frozen=True)
class Curves:
    """An LSTM that is to draw several closed curves in one place.

    Attributes:
        count: How many, from the first of ``FIGURES`` on.
        steps: Of Adam.
    """

    count: int
    units: int
    seed: int
    steps: int = 4000

    def tasks(self) -> list[Lissajous]:
        """The curves."""
        return FIGURES[: self.count]

    def trained(self, *, progress: bool = True) -> LSTM:
        """The network after training."""
        config = TrainingConfig(self.steps, batch=32, window=2 * TURN, learning_rate=1e-2)
        return train_tasks(self.tasks(), self.units, config, seed=self.seed, progress=progress)


def curves(configuration: Curves) -> dict:
    """Train a network and see on which curves it ends.

    Returns:
        dict: As :func:`~mflib.multifunctionality.identity.ask_for_attractors`.
    """
    network, tasks = configuration.trained(progress=False), configuration.tasks()
    return ask_for_attractors(network, tasks, Templates.of(tasks, TURN))


#: Numbers of curves and of units, recorded in ``data/curves.jsonl``.
CURVES = [
    Curves(count, units, seed)
    for seed in range(3)
    for units in (8, 16, 32, 64)
    for count in (2, 3, 5, 8, 12, 16)
]


#: Of each world; and how long runs are followed: if none leaves, long enough for an attractor.
CUES, FOLLOWED = 20, 2000


def law(configuration: Worlds | WorldReservoir) -> dict:
    """Train a network, and see for how long it stays in each of its worlds.

    Returns:
        dict: ``weights``, how many are trained; ``worlds``, as
        :func:`~mflib.experiments.worlds.residence`.
    """
    network, tasks = configuration.trained(progress=False), configuration.tasks()
    only = "readout" if isinstance(network, Reservoir) else ""
    weights = [w for name, w in network.weights().items() if name.startswith(only)]
    return {
        "weights": sum(weight.shape.num_elements() for weight in weights),
        "worlds": residence(network, tasks, cues=CUES, turns=FOLLOWED),
    }


def attractors(row: dict, turns: int = FOLLOWED) -> list[str]:
    """The worlds of a row whose mean lifetime, by its lower bound, makes them attractors.

    Args:
        row: With ``worlds``, as of :func:`law`.
        turns: That runs were followed.
    """
    found = {name: stays_of(name, entry, turns) for name, entry in row["worlds"].items()}
    return [
        name for name, stays in found.items() if stays and lifetime(stays).low > ATTRACTOR_TURNS
    ]


def right(ends: Mapping[str, Mapping[str, int]]) -> tuple[int, int]:
    """How many runs are where their cue belongs, and how many there are.

    Args:
        ends: For each attractor, where the runs cued for it are, with their numbers.
    """
    found = sum(counts.get(name, 0) for name, counts in ends.items())
    return found, sum(sum(counts.values()) for counts in ends.values())


def selected(row: dict) -> tuple[int, int]:
    """As :func:`right`, of a row with ``worlds``, after cues of one turn."""
    return right({name: entry["selected"] for name, entry in row["worlds"].items()})


class Law(NamedTuple):
    r"""How the share of worlds that are attractors depends on their number K and a size H.

    .. math:: p(K, H) = \frac{1}{1 + (H_c / H)^s}, \qquad H_c = a K^\alpha

    Attributes:
        exponent (draws,): alpha; the first is the fit, the others of resampled networks.
        size (draws,): a, the size needed for one world.
        sharpness (draws,): s.
    """

    exponent: np.ndarray
    size: np.ndarray
    sharpness: np.ndarray

    def share(self, count: float, size: float) -> np.ndarray:
        """Of K worlds in a network of size H, the share that are attractors, for each draw."""
        return expit(self.sharpness * np.log(size / (self.size * count**self.exponent)))


def fit_law(rows: Sequence[dict], size: str = "units", draws: int = 200) -> Law:
    """The law that makes the recorded attractors most likely, as if worlds were independent.

    They are not: worlds of one network are lost together. So the spread comes from networks, which
    are drawn again, with replacement, among those of their number of worlds and size.

    Args:
        rows: Of :func:`law`.
        size ("units" or "weights"): What H is.
        draws: How often networks are drawn again.
    """
    held = np.array([len(attractors(row)) for row in rows])
    count = np.array([len(row["worlds"]) for row in rows])
    sizes = np.array([row[size] for row in rows], dtype=float)
    points = np.unique(np.stack([count, sizes]), axis=1, return_inverse=True)[1]
    groups = [np.flatnonzero(points == k) for k in range(points.max() + 1)]
    rng, start = np.random.default_rng(0), np.array([1.0, np.log(np.median(sizes / count)), 4.0])

    def fit(chosen, start):
        def loss(x):
            alpha, log_a, log_s = x
            z = np.exp(log_s) * (np.log(sizes[chosen]) - log_a - alpha * np.log(count[chosen]))
            gained, lost = held[chosen], count[chosen] - held[chosen]
            return -np.sum(gained * log_expit(z) + lost * log_expit(-z))

        return minimize(loss, start, method="Nelder-Mead", options={"maxiter": 2000}).x

    whole = fit(np.arange(len(rows)), start * [1, 1, 0.3])
    again = [
        fit(np.concatenate([rng.choice(group, len(group)) for group in groups]), whole)
        for _ in range(draws)
    ]
    alpha, log_a, log_s = np.transpose([whole, *again])
    return Law(alpha, np.exp(log_a), np.exp(log_s))


def _asked(count: int, units: int, seed: int) -> Worlds:
    """Every world has as many windows in training, four in each of 14,000 steps."""
    return Worlds(first_worlds(count), 0.0, units, seed, 14_000, 3e-3, 200, 4 * count)


#: For each number of worlds the units of an LSTM, of ten reservoirs with a state as large, and of
#: three with as many trained weights, if that is below a thousand units.
BESIDE = {2: (16, 32, 221), 4: (32, 64, 784), 8: (64, 128, None)}
RESERVOIRS = [
    WorldReservoir(first_worlds(count), size, seed)
    for count, (_, state, weights) in BESIDE.items()
    for size, seeds in ((state, 10), (weights, 3))
    if size
    for seed in range(seeds)
]

#: Numbers of worlds and of units, recorded in ``data/law.jsonl``.
LAW = [
    _asked(count, units, seed)
    for count, sizes in (
        (2, (6, 8, 12, 16, 24)),
        (4, (16, 24, 32, 48)),
        (8, (32, 48, 64, 96)),
        (16, (96, 128)),
    )
    for units in sizes
    for seed in range(10 if count < 16 else 3)
]
#: Eight worlds in 64 units, trained with more noise at the end; five of ``LAW`` belong to them.
NOISE = [replace(_asked(8, 64, seed), last_noise=2e-2) for seed in range(5)]
#: Left out when the law was found from the others, and predicted from it.
HELD_OUT = [_asked(12, 80, seed) for seed in range(5)]
