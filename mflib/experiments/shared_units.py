"""LSTMs that see double, taken apart."""

from dataclasses import dataclass

import numpy as np

from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality import circuits
from mflib.multifunctionality.judge import judge
from mflib.multifunctionality.recipes import train_tasks
from mflib.multifunctionality.tasks import COARSE, TURN, cues, seeing_double
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
