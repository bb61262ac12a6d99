"""How many attractors fit into one LSTM: closed curves, then chaos."""

from __future__ import annotations

from dataclasses import dataclass

from mflib.experiments.reservoir_computers import TURN
from mflib.experiments.two_worlds import WORLDS, Worlds, asked, together
from mflib.networks import LSTM
from mflib.tasks import Lissajous
from mflib.training import Protocol, train

__all__ = ["CHAOS", "CURVES", "FIGURES", "LARGE", "TURN", "Curves", "curves"]

FIGURES = [
    Lissajous(a, b, backwards=backwards)
    for a, b in ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2), (3, 4))
    for backwards in (False, True)
]
"""Sixteen closed curves in one place: circles, eights and Lissajous figures, in both directions."""


@dataclass(frozen=True)
class Curves:
    """An LSTM that is to draw several closed curves in one place.

    Attributes
    ----------
    count : int
        How many, from the first of ``FIGURES`` on.
    units : int
    seed : int
        Of weights, windows and noise.
    """

    count: int
    units: int
    seed: int

    def tasks(self) -> list[Lissajous]:
        """The curves."""
        return FIGURES[: self.count]

    def trained(self, *, progress: bool = True) -> LSTM:
        """The network after training."""
        network = LSTM.create(inputs=2, units=self.units, seed=self.seed)
        protocol = Protocol(steps=4000, batch=32, window=2 * TURN, learning_rate=1e-2)
        return train(
            network, together(self.tasks()), protocol, seed=self.seed, progress=progress
        ).network


def curves(configuration: Curves) -> dict:
    """Train a network and ask it for its curves, as :func:`~mflib.experiments.two_worlds.asked`."""
    return asked(configuration.trained(progress=False), configuration.tasks(), TURN)


CURVES = [
    Curves(count, units, seed)
    for seed in range(3)
    for units in (8, 16, 32, 64)
    for count in (2, 3, 5, 8, 12, 16)
]
"""Numbers of curves and of units, recorded in ``data/curves.jsonl``."""


def _chaos(count, units, seed, steps=14_000):
    names = " ".join(list(WORLDS)[:count])
    return Worlds(names, units=units, seed=seed, steps=steps, last_noise=5e-4)


CHAOS = [_chaos(count, units, 0) for units in (16, 32, 64, 128) for count in (2, 4, 8, 16)]
"""Numbers of chaotic attractors and of units, recorded in ``data/chaos.jsonl``."""

LARGE = [_chaos(8, 128, 0), _chaos(16, 192, 0, steps=20_000)]
"""Eight and sixteen chaotic attractors, kept in ``data/``."""
