"""How many attractors fit into one LSTM: closed curves, then chaos."""

from dataclasses import dataclass

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


def selected(row: dict) -> tuple[int, int]:
    """Cues of one turn whose run is in the cue's world 400 turns later, and all cues."""
    ends = {name: entry["selected"] for name, entry in row["worlds"].items()}
    right = sum(counts.get(name, 0) for name, counts in ends.items())
    return right, sum(sum(counts.values()) for counts in ends.values())


def _asked(count: int, units: int, seed: int) -> Worlds:
    """Every world has as many windows in training, four in each of 14,000 steps."""
    return Worlds(first_worlds(count), 0.0, units, seed, 14_000, 3e-3, 200, 4 * count)


#: Numbers of worlds and of units, recorded in ``data/law.jsonl``.
LAW = [
    _asked(count, units, seed)
    for count, sizes in (
        (2, (6, 8, 12, 16, 24)),
        (4, (12, 16, 24, 32, 48)),
        (8, (24, 32, 48, 64, 96)),
        (16, (48, 64, 96, 128)),
    )
    for units in sizes
    for seed in range(10)
]
#: Left out when the law was found from the others, and predicted from it.
HELD_OUT = [_asked(12, 80, seed) for seed in range(10)]
