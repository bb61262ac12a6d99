"""LSTMs that see double, taken apart."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from mflib.dynamics.systems import System
from mflib.experiments.worlds import WORLDS
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality import circuits
from mflib.multifunctionality.identity import LONG_CUE, PERIOD, Templates, late_run
from mflib.multifunctionality.judge import judge
from mflib.multifunctionality.recipes import chaos_training, train_tasks
from mflib.multifunctionality.tasks import COARSE, TURN, Attractor, cues, seeing_double
from mflib.networks.lstm import LSTM


@dataclass(frozen=True)
class SharedUnits:
    """An LSTM that is to see double at total overlap, and is then taken apart.

    It is trained as :class:`~mflib.modelling.training.TrainingConfig` has it, with half the steps
    of the recorded table of seeing double and twice the windows in each.
    """

    units: int
    seed: int

    @property
    def name(self) -> str:
        """Of the network's file."""
        return f"seeing_double_{self.units}_{self.seed}"

    def trained(self) -> LSTM:
        """The network after training."""
        config = TrainingConfig()
        return train_tasks(seeing_double(), self.units, config, seed=self.seed, progress=False)


def shared_units(configuration: SharedUnits) -> dict:
    """Train one network, and measure which units do what.

    Returns:
        dict: ``multifunctional``, of the strict judge; ``selectivity``, by signal, averaged over
        units; ``whole_A``, ``whole_B``: for each unit whether the task survives its removal,
        from four cues; ``level_A``, ``level_B``: the same with h held at its mean over both
        attractors instead of 0; ``pair_A``, ``pair_B``: the same as the first for the 32 random
        ``pairs`` of units; ``constant``, the share of the difference between matched states
        that is the same at all of them; ``decoding`` of the direction from c, in quarters of
        the turn not used for the fit; and ``switched``, the share of matched states that go
        over to the other circle when their c are exchanged.
    """
    network, tasks, units = configuration.trained(), seeing_double(), configuration.units
    cue = np.stack([cues(task, TURN, COARSE, count=1)[0] for task in tasks])
    states, outputs = circuits.on_attractors(network, cue, settle=5040, steps=1260)
    on_a, on_b = (circuits.signals(network, run) for run in states)
    quarters = np.floor(2 * np.arctan2(outputs[..., 1], outputs[..., 0]) / np.pi).astype(int)
    at_a, at_b = circuits.matching_moments(outputs[0], outputs[1], count=32)
    a, b = states[0][at_a], states[1][at_b]
    constant = np.sum((a - b).mean(axis=0) ** 2) / np.mean(np.sum((a - b) ** 2, axis=1))
    keep = 1 - np.eye(units)
    rng = np.random.default_rng(configuration.seed)
    pairs = np.array([rng.choice(units, 2, replace=False) for _ in range(32)])
    removed = {
        "whole": (keep,),
        "level": (keep, np.mean([on_a["h"].mean(axis=0), on_b["h"].mean(axis=0)], axis=0)),
        "pair": (keep[pairs].prod(axis=1),),
    }
    survive: dict[str, list] = {}
    for kind, lesion in removed.items():
        alive = circuits.lesions(network, tasks, COARSE, *lesion, cues_per_task=4)
        survive |= {f"{kind}_{task.name}": alive[:, k].tolist() for k, task in enumerate(tasks)}
    cells = np.eye(network.state_dim)[units:]
    mixed = [circuits.transplant(a, b, cells), circuits.transplant(b, a, cells)]
    ends = circuits.task_reached(network, np.concatenate(mixed), tasks, COARSE)
    return {
        "multifunctional": judge(network, tasks, COARSE).multifunctional,
        "selectivity": {k: float(np.mean(circuits.selectivity(on_a[k], on_b[k]))) for k in on_a},
        **survive,
        "pairs": pairs.tolist(),
        "constant": float(constant),
        "decoding": {"c": circuits.decoding(on_a["c"], on_b["c"], *quarters)},
        "switched": {"c": float(np.mean(ends == np.repeat([1, 0], len(a))))},
    }


#: Sizes and seeds, recorded in ``data/shared_units.jsonl``.
SHARED_UNITS = [
    SharedUnits(units, seed)
    for seed in range(16)
    for units, seeds in ((8, 16), (16, 16), (32, 16), (64, 8))
    if seed < seeds
]


def _tilted(t, state):
    """A circle as a limit cycle, in a plane that is not one of two coordinates."""
    x, y, z = state
    r2 = x * x + y * y
    return x * (1 - r2) - y, y * (1 - r2) + x, x - z


#: A closed orbit in space, of unit size like the chaotic worlds, and as fast.
ROUND = Attractor(System("round", _tilted, [1.0, 0.0, 0.5], dt=0.05), dt=2 * np.pi / PERIOD)


@dataclass(frozen=True)
class UnlikeTasks:
    """An LSTM that is to hold Lorenz' attractor and a closed orbit, in one place."""

    units: int
    seed: int

    def tasks(self) -> list[Attractor]:
        """Chaos, and a closed orbit."""
        return [WORLDS["lorenz"], ROUND]

    def trained(self) -> LSTM:
        """The network after training."""
        config = chaos_training(self.units, 10_000, last_noise=3e-3)
        return train_tasks(self.tasks(), self.units, config, seed=self.seed, progress=False)


def unlike(configuration: UnlikeTasks) -> dict:
    """Train one network on two tasks that are not alike, and measure which units do what.

    Returns:
        dict: ``holds``, whether runs of both tasks are where they belong 400 turns after a cue of
        ten turns; ``moves``, for each task the standard deviations of the units' outputs on it;
        ``selectivity`` of the outputs, averaged over units; ``survives``, for each task whether it
        is still there, 400 turns after its cue, when each unit is removed.
    """
    network, tasks, units = configuration.trained(), configuration.tasks(), configuration.units
    known = Templates.of(tasks)
    cue = np.concatenate([task.orbits(1, LONG_CUE * PERIOD, seed=1) for task in tasks])
    states, _ = circuits.on_attractors(network, cue, settle=100 * PERIOD, steps=100 * PERIOD)
    outputs = [circuits.signals(network, run)["h"] for run in states]
    keep = np.concatenate([np.ones((1, units)), 1 - np.eye(units)])
    rows = tf.constant(np.tile(keep, (len(tasks), 1)), network.dtype)
    removed = circuits.Lesioned(network, rows, tf.zeros(units, network.dtype))
    ends = [known.name(run) for run in late_run(removed, np.repeat(cue, len(keep), axis=0))]
    alive = np.reshape(ends, (len(tasks), -1)) == [[task.name] for task in tasks]
    return {
        "holds": alive[:, 0].all(),
        "moves": {t.name: x.std(axis=0) for t, x in zip(tasks, outputs, strict=True)},
        "selectivity": np.mean(circuits.selectivity(*outputs)),
        "survives": {t.name: one[1:] for t, one in zip(tasks, alive, strict=True)},
    }


#: Recorded in ``data/unlike.jsonl``.
UNLIKE = [UnlikeTasks(32, seed) for seed in range(10)]
