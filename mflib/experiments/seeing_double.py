"""Seeing double: networks that learn, and their rivals with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from mflib.dynamics.trajectories import standardisation
from mflib.experiments.reservoir_computers import COARSE, FINE, LISTEN, TRAIN, TURN, steps_in
from mflib.modelling.closed_loop import drive, warm_up
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.judge import judge_states
from mflib.multifunctionality.tasks import cues, seeing_double
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Network, Recurrent, replace
from mflib.networks.reservoirs import (
    ContinuousReservoir,
    LeakyReservoir,
    fit_readout,
    random_weights,
)

SEEING_DOUBLE_TRAINING = TrainingConfig(steps=4000, batch=16)
"""How networks learn to see double, chosen on seeds 100 to 123 where circles touch."""
BRIEF_TRAINING = TrainingConfig(
    steps=1000, batch=8, window=48, burn_in=15, learning_rate=5e-2, noise=(0.2, 0.02)
)
"""The cheapest way found at total overlap, on seeds 100 to 163; half fail where circles touch."""
LEARNERS = {
    "LSTM": (LSTM.create, SEEING_DOUBLE_TRAINING),
    "LSTM in brief": (LSTM.create, BRIEF_TRAINING),
    "LSTM with peepholes": (partial(LSTM.create, peepholes=True), SEEING_DOUBLE_TRAINING),
    "GRU": (GRU.create, SEEING_DOUBLE_TRAINING),
    "Elman": (Elman.create, SEEING_DOUBLE_TRAINING),
}
"""How networks of each kind are made, and how they are trained."""


def _leaky(units, seed, *, radius, strength, density, bias, leak) -> LeakyReservoir:
    weights = random_weights(
        units, 2, radius=radius, strength=strength, density=density, square=False, seed=seed
    )
    bias = np.random.default_rng(seed).uniform(-bias, bias, units)
    return LeakyReservoir(**weights, bias=tf.constant(bias, tf.float32), leak=leak)


def _continuous(units, seed, *, radius, density) -> ContinuousReservoir:
    weights = random_weights(units, 2, radius=radius, strength=0.2, density=density, seed=seed)
    return ContinuousReservoir(**weights, gamma=5.0, dt=FINE)


def _random_lstm(units, seed, *, recurrent, inputs, forget) -> LSTM:
    network = LSTM.create(2, units, seed=seed)
    network = replace(
        network,
        kernel=inputs * network.kernel,
        recurrent_kernel=recurrent * network.recurrent_kernel,
        bias=forget * network.bias,
    )
    orbits = [task.trajectory(TURN, COARSE) for task in seeing_double()]
    return network.in_units(*standardisation(orbits))


@dataclass(frozen=True)
class RandomRecipe:
    """A network with random weights, of which the readout alone is found, by ridge regression.

    Attributes
    ----------
    create : callable
        ``create(units, seed)``.
    noise : float
        Standard deviation of noise on what it listens to, in units of the data's scale.
    ridge : float
    dt : float
        Time step with which it listens.
    """

    create: Callable
    noise: float
    ridge: float
    dt: float = COARSE

    def fitted(self, units: int, x_cen: float, seed: int) -> Network:
        """The reservoir with its readout, after listening to 6 turns and training on 15."""
        tasks, listen = seeing_double(x_cen), steps_in(LISTEN, self.dt)
        samples = listen + steps_in(TRAIN, self.dt) + 1
        data = np.stack([task.trajectory(samples, self.dt) for task in tasks])
        noise = self.noise * standardisation(data)[1]
        heard = data + noise * np.random.default_rng(seed).normal(size=data.shape)
        network = self.create(units, seed)
        states = drive(network, heard[:, :-1])[:, listen:]
        return fit_readout(
            network, states, data[:, listen + 1 :], ridge=self.ridge, intercept=self.dt == COARSE
        )


RANDOM = {
    ("leaky reservoir", 16): RandomRecipe(
        partial(_leaky, radius=1.2, strength=0.3, density=0.625, bias=0.0, leak=0.1),
        noise=0.06,
        ridge=1e-5,
    ),
    ("leaky reservoir", 200): RandomRecipe(
        partial(_leaky, radius=0.8, strength=0.1, density=0.05, bias=0.2, leak=0.3),
        noise=0.06,
        ridge=1e-4,
    ),
    ("continuous reservoir", 16): RandomRecipe(
        partial(_continuous, radius=1.55, density=1.0), noise=0.0, ridge=1e-2, dt=FINE
    ),
    ("continuous reservoir", 500): RandomRecipe(  # as published, and at the best radius
        partial(_continuous, radius=1.55, density=0.05), noise=0.0, ridge=1e-2, dt=FINE
    ),
    ("random LSTM", 8): RandomRecipe(
        partial(_random_lstm, recurrent=1.0, inputs=2.0, forget=2.0), noise=0.03, ridge=1e-6
    ),
    ("random LSTM", 100): RandomRecipe(
        partial(_random_lstm, recurrent=1.0, inputs=2.0, forget=2.0), noise=0.03, ridge=1e-6
    ),
}
"""Reservoirs by kind and size, with settings chosen at total overlap on seeds 100 and up."""


def training_orbits(x_cen: float = 0.0) -> list[np.ndarray]:
    """What networks learn the two circles from, each of shape ``(2000, 2)``."""
    return [task.trajectory(2000, COARSE) for task in seeing_double(x_cen)]


@dataclass(frozen=True)
class SeeingDouble:
    """A network that is to see double.

    Attributes
    ----------
    kind : str
        A key of ``LEARNERS`` or, with the units, of ``RANDOM``.
    units : int
    x_cen : float
        Half the distance of the circles' centres.
    seed : int
        Of the first weights, of windows, noise and kicks.
    """

    kind: str = "LSTM"
    units: int = 8
    x_cen: float = 0.0
    seed: int = 0

    def untrained(self) -> Recurrent:
        """A network that is to learn, before it does."""
        create, _ = LEARNERS[self.kind]
        return create(2, self.units, seed=self.seed)

    def trained(self) -> Network:
        """The network after training: of all its weights or, if it is random, of its readout."""
        if self.kind not in LEARNERS:
            return RANDOM[self.kind, self.units].fitted(self.units, self.x_cen, self.seed)
        data = training_orbits(self.x_cen)
        _, lesson = LEARNERS[self.kind]
        return train(self.untrained(), data, lesson, seed=self.seed, progress=False).network

    def cued(self, network: Network) -> tf.Tensor:
        """States after eight cues of each circle: one turn or, if it is random, six."""
        turns, dt = 1, COARSE
        if self.kind not in LEARNERS:
            turns, dt = LISTEN, RANDOM[self.kind, self.units].dt
        heard = [cues(task, steps_in(turns, dt), dt) for task in seeing_double(self.x_cen)]
        return warm_up(network, np.concatenate(heard))


def sees_double(configuration: SeeingDouble) -> dict:
    """Train one network and judge it, as :func:`~mflib.multifunctionality.judge.judge` does.

    Returns
    -------
    dict
        Whether it sees double by the strict judge, ``multifunctional``, and by the historical,
        ``historical``; ``passed``, how many of the sixteen cues pass the strict judge before and
        after the kick; ``reasons``, why the others do not; and ``training``, seconds that training
        took, in the first network of a shape in a process with its compilation.
    """
    begin = time.perf_counter()
    network = configuration.trained()
    seconds = time.perf_counter() - begin
    states = configuration.cued(network)
    if isinstance(network, ContinuousReservoir):
        network = replace(network, dt=COARSE)
    tasks = seeing_double(configuration.x_cen)
    judgement = judge_states(network, states, tasks, COARSE, seed=configuration.seed)
    return _summary(judgement) | {"training": round(seconds, 3)}


def _summary(judgement) -> dict:
    pairs = [
        pair
        for name in judgement.strict
        for pair in zip(judgement.strict[name], judgement.recovered[name], strict=True)
    ]
    reasons = {verdict.reason for pair in pairs for verdict in pair if not verdict.passed}
    return {
        "multifunctional": judgement.multifunctional,
        "historical": judgement.historically_multifunctional,
        "passed": sum(first.passed and second.passed for first, second in pairs),
        "reasons": sorted(reasons),
    }


OVERLAPS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
UNITS = (1, 2, 3, 4, 6, 16, 32)
RIVALS = {
    ("LSTM in brief", 8): 100,
    # as many numbers of state as the LSTM with 8 units has
    ("LSTM with peepholes", 8): 30,
    ("Elman", 16): 30,
    ("GRU", 16): 30,
    ("random LSTM", 8): 100,
    ("leaky reservoir", 16): 100,
    ("continuous reservoir", 16): 100,
    # at their best
    ("random LSTM", 100): 100,
    ("leaky reservoir", 200): 100,
    ("continuous reservoir", 500): 12,
    # as small as can be
    **{(kind, units): 20 for kind in ("Elman", "GRU") for units in (2, 3, 4)},
}
"""Kinds and units beside the LSTM, and how many seeds of each."""
SEEING_DOUBLE = [
    *(SeeingDouble(x_cen=x_cen, seed=seed) for seed in range(100) for x_cen in OVERLAPS),
    *(SeeingDouble(units=units, seed=seed) for seed in range(100) for units in UNITS),
    *(
        SeeingDouble(kind, units, seed=seed)
        for (kind, units), seeds in RIVALS.items()
        for seed in range(seeds)
    ),
]
"""Overlap at 8 units, units at total overlap, and rivals, for ``data/seeing_double.jsonl``."""
