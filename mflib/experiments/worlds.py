"""Worlds: chaotic systems brought to unit size in one place, and LSTMs that are to hold several."""

import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from mflib.book.sweeps import provenance
from mflib.experiments.records import DATA
from mflib.modelling.refinement import RefinementConfig
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality.identity import LONG_CUE, PERIOD, Templates, final_attractors
from mflib.multifunctionality.lifetimes import Residence, follow, residences
from mflib.multifunctionality.recipes import (
    chaos_training,
    train_tasks,
    train_where_runs_leave,
)
from mflib.multifunctionality.tasks import Attractor
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Network

#: Thirty-two different systems; the first eight and sixteen are those of smaller tasks.
THIRTY_TWO = (
    Attractor("lorenz", dt=0.02),
    Attractor("halvorsen", dt=0.02),
    Attractor("rossler", dt=0.15),
    Attractor("chua", dt=0.06),
    Attractor("thomas", dt=0.3, parameters=(("b", 0.18),)),
    Attractor("sprott_b", dt=0.12),
    Attractor("chen", dt=0.01),
    Attractor("aizawa", dt=0.05),
    Attractor("colpitts", dt=0.08),
    Attractor("blasius", dt=0.16),
    Attractor("lorenz84", dt=0.036),
    Attractor("muthuswamy_chua", dt=0.22),
    Attractor("burke_shaw", dt=0.016),
    Attractor("hopfield", dt=0.15),
    Attractor("cellular", dt=0.08),
    Attractor("anishchenko_astakhov", dt=0.17),
    Attractor("hastings_powell", dt=0.9),
    Attractor("sprott_e", dt=0.17),
    Attractor("chen_lee", dt=0.034),
    Attractor("rucklidge", dt=0.075),
    Attractor("finance", dt=0.13),
    Attractor("abooee", dt=0.018),
    Attractor("rikitake", dt=0.08),
    Attractor("sprott_g", dt=0.09),
    Attractor("leipnik_newton", dt=0.08),
    Attractor("beer", dt=0.6),
    Attractor("moore_spiegel", dt=0.027),
    Attractor("qi_chen", dt=0.012),
    Attractor("windmi", dt=0.14),
    Attractor("tigan", dt=0.024),
    Attractor("sprott_max", dt=0.125),
    Attractor("sprott_tanh", dt=0.15),
)
EIGHT, SIXTEEN = THIRTY_TWO[:8], THIRTY_TWO[:16]
WORLDS = {world.name: world for world in THIRTY_TWO}


def first_worlds(count: int) -> str:
    """The names of the first so many worlds, as :class:`Worlds` takes them."""
    return " ".join(list(WORLDS)[:count])


@dataclass(frozen=True)
class Worlds:
    """An LSTM that is to hold several chaotic attractors.

    Attributes:
        names: Keys of ``WORLDS`` with spaces between.
        distance: Between the centres of neighbours along the first coordinate, in standard
            deviations.
        steps, last_noise, window, batch: As for
            :func:`~mflib.multifunctionality.recipes.chaos_training`.
        iterations: Of the refinement, on inputs with as much noise; none by default.
    """

    names: str
    distance: float = 0.0
    units: int = 64
    seed: int = 0
    steps: int = 6000
    last_noise: float = 1e-3
    window: int = 200
    batch: int = 16
    iterations: int = 0

    @property
    def name(self) -> str:
        """Of the network's file."""
        names = self.names.split()
        which = "_".join(names) if len(names) < 3 else f"{len(names)}_worlds"
        return f"{which}_{self.distance:g}_{self.units}_{self.seed}"

    def tasks(self) -> list[Attractor]:
        """The worlds, in their places."""
        found = [WORLDS[name] for name in self.names.split()]
        apart, middle = self.distance, (len(found) - 1) / 2
        return [replace(w, centre=(apart * (k - middle), 0.0, 0.0)) for k, w in enumerate(found)]

    def trained(self, *, progress: bool = True) -> LSTM:
        """The network after training."""
        noise, refinement = self.last_noise, None
        options = {"window": self.window, "batch": self.batch}
        config = chaos_training(self.units, self.steps, last_noise=noise, **options)
        if self.iterations:
            refinement = RefinementConfig(self.iterations, window=60, burn_in=20, noise=noise)
        tasks, seed = self.tasks(), self.seed
        return train_tasks(tasks, self.units, config, refinement, seed=seed, progress=progress)


@dataclass(frozen=True)
class ManyWorlds(Worlds):
    """The same, trained on with more data from where orbits seldom are and where runs leave.

    Attributes:
        rounds: Of this second training.
    """

    rounds: int = 5

    def trained(self, *, progress: bool = True) -> LSTM:
        """The network after both trainings."""
        first = super().trained(progress=progress)
        return train_where_runs_leave(
            first,
            self.tasks(),
            known_worlds(),
            self.rounds,
            batch=self.batch,
            last_noise=self.last_noise,
            seed=self.seed,
            progress=progress,
        )


@dataclass(frozen=True)
class WithoutMemory:
    """A network trained on single samples of worlds in one place, its state reset for each."""

    seed: int
    names: str = "lorenz halvorsen"
    units: int = 64
    steps: int = 2000

    @property
    def name(self) -> str:
        """Of the network's file."""
        return f"memoryless_{self.units}_{self.seed}"

    def trained(self) -> LSTM:
        """The network after training; it is to be run without memory, too."""
        tasks = [WORLDS[name] for name in self.names.split()]
        config = TrainingConfig(self.steps, 512, window=1, burn_in=0, learning_rate=1e-2)
        return train_tasks(tasks, self.units, config, seed=self.seed, progress=False)


@functools.cache
def known_worlds() -> Templates:
    """What true orbits of all thirty-two worlds look like, from ``data/templates.npz``.

    They take a minute to make. If there is no such file, or it is of other worlds, it is made.

    Raises:
        FileNotFoundError: If there is no folder for it.
    """
    path, tasks = DATA / "templates.npz", json.dumps([asdict(world) for world in THIRTY_TWO])
    if path.exists():
        with np.load(path) as file:
            if str(file["tasks"]) == tasks:
                quantiles, reaches = file["quantiles"], file["reaches"]
                return Templates(THIRTY_TWO, quantiles, reaches, int(file["period"]))
    made = Templates.of(THIRTY_TWO)
    quantiles = made.quantiles.astype(np.float32)
    header = {"tasks": np.array(tasks), "about": np.array(json.dumps(provenance()))}
    arrays = {"quantiles": quantiles, "reaches": made.reaches, "period": np.array(made.period)}
    np.savez_compressed(path, allow_pickle=False, **header, **arrays)
    return made._replace(quantiles=quantiles)


def residence(network: Network, tasks: Sequence[Attractor], *, cues: int, turns: int) -> dict:
    """For how long a network stays in each of its worlds, and which of them a short cue finds.

    Args:
        cues: Of each world: of ten turns, after which runs are followed, and of one turn.
        turns: So long runs are followed.

    Returns:
        dict: For each world ``entered``, the runs that were in it after their long cue;
        ``departures``, of each run that left it after how many turns and for where; ``selected``:
        where runs are at last, 400 turns after a cue of one turn, with their numbers.
    """
    known = known_worlds()
    stretches = [task.orbits(cues, LONG_CUE * PERIOD, seed=1) for task in tasks]
    names = [task.name for task in tasks for _ in range(cues)]
    cue = np.concatenate(stretches)
    stays = residences(follow(network, cue, known, turns, progress=False), names)
    ends = np.array(final_attractors(network, cue[:, -PERIOD:], known))
    found = {}
    for task in tasks:
        own = [stay for stay in stays if stay.world == task.name]
        found[task.name] = {
            "entered": len(own),
            "departures": [[stay.turns, stay.after] for stay in own if stay.after],
            "selected": dict(Counter(ends[np.array(names) == task.name].tolist())),
        }
    return found


def stays_of(world: str, entry: Mapping, turns: int) -> list[Residence]:
    """The residences of a world's entry in what :func:`residence` returned."""
    left = [Residence(world, after, where) for after, where in entry["departures"]]
    return left + [Residence(world, turns, None)] * (entry["entered"] - len(left))
