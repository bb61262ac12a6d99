"""Several chaotic attractors in one LSTM: worlds that share all weights, and one place."""

from dataclasses import dataclass, replace
from itertools import combinations

from mflib.modelling.refinement import RefinementConfig
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality.identity import ask_for_attractors
from mflib.multifunctionality.recipes import chaos_training, train_tasks
from mflib.multifunctionality.tasks import Attractor
from mflib.networks.lstm import LSTM

EIGHT = (
    Attractor("lorenz", dt=0.02),
    Attractor("halvorsen", dt=0.02),
    Attractor("rossler", dt=0.15),
    Attractor("chua", dt=0.06),
    Attractor("thomas", dt=0.3, parameters=(("b", 0.18),)),
    Attractor("sprott_b", dt=0.12),
    Attractor("chen", dt=0.01),
    Attractor("aizawa", dt=0.05),
)
#: Sixteen chaotic attractors, eight and their mirror images, all of one size and in one place.
WORLDS = {w.name: w for w in (*EIGHT, *(replace(world, mirrored=True) for world in EIGHT))}


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
class WithoutMemory:
    """A network trained on single samples of two worlds in one place, its state reset for each."""

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


def worlds(configuration: Worlds) -> dict:
    """Train a network and see on which worlds it ends, as :func:`ask_for_attractors` does."""
    return ask_for_attractors(configuration.trained(progress=False), configuration.tasks())


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
