"""What else answers a cue with the right world, and what should not: controls for many worlds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from mflib.experiments.lifetimes import forecast_orbits, horizon
from mflib.experiments.records import load_or_train
from mflib.experiments.worlds import WORLDS, WithoutMemory, Worlds, known_worlds
from mflib.modelling.closed_loop import drive
from mflib.multifunctionality.identity import LONG_CUE, PERIOD, TURNS, late_run
from mflib.multifunctionality.parrot import Parrot
from mflib.multifunctionality.tasks import Attractor
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Layer, Memoryless, Network, replace
from mflib.networks.reservoirs import LeakyReservoir, fit_readout, random_weights

#: Cues of each world and kind.
CUES = 25
#: Samples of every orbit that only drive a network whose readout is fitted.
LISTEN = 100


@dataclass(frozen=True)
class WorldReservoir:
    """A leaky reservoir that is to hold several chaotic attractors.

    Attributes:
        names: Keys of ``WORLDS`` with spaces between.
        radius, strength: As for :func:`~mflib.networks.reservoirs.random_weights`; biases are as
            strong as inputs.
        leak: The share of the state that is replaced in a step.
        noise: Standard deviation of the noise on the inputs while the readout is fitted.
        ridge: Of the fit.
    """

    names: str
    units: int
    seed: int
    radius: float = 0.9
    strength: float = 0.5
    leak: float = 0.7
    noise: float = 1e-3
    ridge: float = 1e-6

    def tasks(self) -> list[Attractor]:
        """The worlds."""
        return [WORLDS[name] for name in self.names.split()]

    def trained(self, *, progress: bool = False) -> LeakyReservoir:
        """The reservoir with its readout; it takes too little time to show progress."""
        weights = random_weights(
            self.units, 3, radius=self.radius, strength=self.strength, density=0.1, seed=self.seed
        )
        rng = np.random.default_rng(self.seed)
        bias = tf.constant(rng.uniform(-self.strength, self.strength, self.units), tf.float32)
        network = LeakyReservoir(**weights, bias=bias, leak=self.leak)
        return fitted(network, self.tasks(), self.noise, self.ridge, self.seed)


def fitted(network: Layer, tasks: list[Attractor], noise: float, ridge: float, seed: int) -> Layer:
    """A network whose other weights stay as they were drawn, with the readout that fits best."""
    data, rng = [task.data() for task in tasks], np.random.default_rng(seed)
    states = [drive(network, x + noise * rng.normal(size=x.shape))[:, LISTEN:-1] for x in data]
    visited = [np.reshape(x, (-1, network.state_dim)) for x in states]
    following = [x[:, LISTEN + 1 :].reshape(-1, 3) for x in data]
    return fit_readout(network, np.stack(visited), np.stack(following), ridge=ridge, intercept=True)


def shuffled(network: LSTM, seed: int = 0) -> LSTM:
    """The same network with the entries of each weight in another order."""
    rng = np.random.default_rng(seed)
    weights = {k: rng.permuted(w.numpy().ravel()) for k, w in network.weights().items()}
    shapes = {k: w.shape for k, w in network.weights().items()}
    return replace(network, **{k: tf.constant(w.reshape(shapes[k])) for k, w in weights.items()})


#: Cues of a turn or shorter, by samples; with noise of this standard deviation; of one coordinate.
KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "clean": lambda cue, rng: cue,
    "1 sample": lambda cue, rng: cue[:, -1:],
    "3 samples": lambda cue, rng: cue[:, -3:],
    "10 samples": lambda cue, rng: cue[:, -10:],
    "20 samples": lambda cue, rng: cue[:, -20:],
    "noise 0.03": lambda cue, rng: cue + 0.03 * rng.normal(size=cue.shape),
    "noise 0.1": lambda cue, rng: cue + 0.1 * rng.normal(size=cue.shape),
    "noise 0.3": lambda cue, rng: cue + 0.3 * rng.normal(size=cue.shape),
    "first coordinate": lambda cue, rng: cue * [1, 0, 0],
}


def kinds_of_cues(tasks: list[Attractor], seed: int = 0) -> dict[str, np.ndarray]:
    """Cues of all ``KINDS``, and from beside the attractor; those of the first task first."""
    rng = np.random.default_rng(seed)
    orbits = np.concatenate([task.orbits(CUES, PERIOD, seed=20 + seed) for task in tasks])
    found = {kind: change(orbits, rng) for kind, change in KINDS.items()}
    beside = [task.approaches(CUES, PERIOD, seed=20 + seed) for task in tasks]
    return found | {"beside the attractor": np.nan_to_num(np.concatenate(beside))}


def right(run: Callable[[np.ndarray], np.ndarray], cues: np.ndarray, tasks: list[Attractor]) -> int:
    """How many cues, those of the first task first, have a run that ends in their world."""
    names = np.repeat([task.name for task in tasks], len(cues) // len(tasks))
    known = known_worlds()
    return int(
        np.sum([known.name(end) == name for end, name in zip(run(cues), names, strict=True)])
    )


def controls(configuration: Worlds) -> dict:
    """Ask a recorded network with strange cues, and its rivals with the same.

    Returns:
        dict: ``cues``, of each kind; how many are right, of the ``network``, of the ``parrot``
        that copies its training data, and by the parrot's first choice alone (``nearest``);
        ``parrot_horizons``, for how many turns it forecasts each world; and of clean cues how many
        of networks ``shuffled``, ``untrained`` with a readout fitted, and trained and run without
        memory (``memoryless``).
    """
    network, tasks = load_or_train(configuration), configuration.tasks()
    kinds = kinds_of_cues(tasks)
    clean, whole = kinds["clean"], Parrot(tasks)
    owner = np.repeat(np.arange(len(tasks)), CUES)

    def loop(one: Network) -> Callable[[np.ndarray], np.ndarray]:
        return lambda cues: late_run(one, cues)

    answers: dict[str, dict[str, int]] = {"network": {}, "parrot": {}, "nearest": {}}
    for kind, cues in kinds.items():
        parrot = whole if cues.shape[1] == PERIOD else Parrot(tasks, cues.shape[1])
        answers["network"][kind] = right(loop(network), cues, tasks)
        answers["parrot"][kind] = right(partial(_copied, parrot), cues, tasks)
        answers["nearest"][kind] = int(np.sum(parrot.nearest(cues).task == owner))
    drawn = LSTM.create(inputs=3, units=network.units, seed=configuration.seed)
    without = WithoutMemory(configuration.seed, configuration.names, network.units)
    rivals = {
        "shuffled": shuffled(network, configuration.seed),
        "untrained": fitted(drawn, tasks, 1e-3, 1e-6, configuration.seed),
        "memoryless": Memoryless(without.trained()),
    }
    ahead = {}
    for task in tasks:
        orbits = forecast_orbits(task)
        copied = whole.run(orbits[:, : LONG_CUE * PERIOD], 2 * LONG_CUE * PERIOD)
        ahead[task.name] = horizon(copied, orbits)
    hits = {name: right(loop(one), clean, tasks) for name, one in rivals.items()}
    return {"cues": len(clean), "parrot_horizons": ahead} | answers | hits


def _copied(parrot: Parrot, cues: np.ndarray) -> np.ndarray:
    """The last hundred turns of what a parrot copies."""
    return parrot.run(cues, TURNS * PERIOD)[:, -100 * PERIOD :]
