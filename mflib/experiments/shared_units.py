"""LSTMs that see double, taken apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mflib.experiments.reservoir_computers import COARSE, TURN
from mflib.experiments.seeing_double import training_orbits
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.circuits import (
    activity,
    decoding,
    lesions,
    matching_moments,
    on_attractors,
    overlap,
    selectivity,
    signals,
    task_reached,
    transplant,
)
from mflib.multifunctionality.judge import judge
from mflib.multifunctionality.tasks import cues, seeing_double
from mflib.networks.lstm import LSTM


@dataclass(frozen=True)
class SharedUnits:
    """An LSTM that is to see double at total overlap, and is then taken apart.

    Attributes
    ----------
    units : int
    seed : int
        Of its initial weights and its training.
    """

    units: int
    seed: int


def shared_units(configuration: SharedUnits) -> dict:
    """Train one network as in the chapter on seeing double, and measure who does what.

    Returns
    -------
    dict
        ``multifunctional``, of the strict judge; ``overlap`` of the spreads of h, from A to B and
        from B to A; ``selectivity``, by signal, averaged over units; ``whole_A``, ``whole_B``: for
        each unit whether the task survives its removal, from four cues; ``level_A``, ``level_B``:
        the same with h held at its mean over both attractors instead of 0; ``pair_A``,
        ``pair_B``: the same as the first for the 32 random ``pairs`` of units; ``constant``, the
        share of the difference between matched states that is the same at all of them;
        ``decoding`` of the direction from h and from c, in quarters of the turn not used for the
        fit; and ``switched``, the share of matched states that go over to the other circle when
        a part of the state is exchanged.
    """
    tasks, dt = seeing_double(), COARSE
    network = LSTM.create(inputs=2, units=configuration.units, seed=configuration.seed)
    network = train(network, training_orbits(), TrainingConfig(), seed=configuration.seed).network
    cue = np.stack([cues(task, TURN, dt, count=1)[0] for task in tasks])
    states, outputs = on_attractors(network, cue, settle=5040, steps=1260)
    per_task = [signals(network, run) for run in states]
    on_a, on_b = per_task
    spread_a, spread_b = (
        activity(s["h"], y).spread for s, y in zip(per_task, outputs, strict=True)
    )
    angle = np.arctan2(outputs[..., 1], outputs[..., 0])
    quarters = np.floor(2 * angle / np.pi).astype(int)
    at_a, at_b = matching_moments(*outputs, count=32)
    pair = states[0][at_a], states[1][at_b]
    difference = pair[0] - pair[1]
    constant = np.sum(difference.mean(axis=0) ** 2) / np.mean(np.sum(difference**2, axis=1))
    numbers, units = np.eye(network.state_dim), configuration.units
    parts = {"h": numbers[:units], "c": numbers[units:], "all": numbers}
    level = np.mean([s["h"].mean(axis=0) for s in per_task], axis=0)
    keep = 1 - np.eye(units)
    whole = lesions(network, tasks, dt, keep, cues_per_task=4)
    held = lesions(network, tasks, dt, keep, level, cues_per_task=4)
    rng = np.random.default_rng(configuration.seed)
    pairs = np.array([rng.choice(units, 2, replace=False) for _ in range(32)])
    two = lesions(network, tasks, dt, keep[pairs].prod(axis=1), cues_per_task=4)

    def switched(part):
        mixed = np.concatenate([transplant(*pair, part), transplant(*pair[::-1], part)])
        goal = np.repeat([1, 0], len(difference))
        return float(np.mean(task_reached(network, mixed, tasks, dt) == goal))

    return {
        "multifunctional": judge(network, tasks, dt).multifunctional,
        "overlap": [overlap(spread_a, spread_b), overlap(spread_b, spread_a)],
        "selectivity": {k: float(np.mean(selectivity(on_a[k], on_b[k]))) for k in on_a},
        "whole_A": whole[:, 0].tolist(),
        "whole_B": whole[:, 1].tolist(),
        "level_A": held[:, 0].tolist(),
        "level_B": held[:, 1].tolist(),
        "pairs": pairs.tolist(),
        "pair_A": two[:, 0].tolist(),
        "pair_B": two[:, 1].tolist(),
        "constant": float(constant),
        "decoding": {k: decoding(on_a[k], on_b[k], *quarters) for k in ("h", "c")},
        "switched": {name: switched(part) for name, part in parts.items()},
    }


SHARED_UNITS = [
    SharedUnits(units, seed)
    for seed in range(16)
    for units, seeds in ((8, 16), (16, 16), (32, 16), (64, 8))
    if seed < seeds
]
"""Sizes and seeds, recorded in ``data/shared_units.jsonl``."""
