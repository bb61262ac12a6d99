"""Ways to train for free running, at equal cost."""

import functools
import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from mflib.dynamics.attractors import identify
from mflib.dynamics.distances import state_space_divergence, valid_prediction_time
from mflib.dynamics.systems import reference_values, system
from mflib.dynamics.trajectories import ensemble, standardisation, trajectory
from mflib.experiments.learning_chaos import Model
from mflib.modelling import forcing
from mflib.modelling.closed_loop import drive, free_run
from mflib.modelling.exponents import network_spectrum
from mflib.modelling.refinement import RefinementConfig, train_and_refine
from mflib.modelling.training import STEPS_PER_CALL, TrainingConfig, train
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import cast

#: Time between samples, as published.
DT = 0.01
#: Samples of a cue, of a forecast, and of a long run.
CUE, AHEAD, LONG = 200, 2000, 20_000
#: How many forecasts, and how many long runs.
STARTS, RUNS = 64, 16
#: Steps of Adam with data only.
STEPS = 2500
#: What costs as much, steps with the network's own output among its inputs; or half, and L-BFGS.
MIXED, HALF = 2220, {"steps": STEPS // 2, "iterations": 30}


class Lorenz(NamedTuple):
    """The Lorenz system as a task.

    Attributes:
        data (20_000, 3): What a network is trained on.
        cues (STARTS, CUE, 3): From another orbit.
        ahead (STARTS, AHEAD, 3): How the orbit goes on after each.
        long (RUNS, LONG, 3): Independent orbits on the attractor.
    """

    data: np.ndarray
    cues: np.ndarray
    ahead: np.ndarray
    long: np.ndarray


@functools.cache
def lorenz() -> Lorenz:
    """The same data for every network."""
    flow, apart = system("lorenz"), AHEAD // 4
    steps = (STARTS - 1) * apart + CUE + AHEAD
    orbit = trajectory(flow, steps, DT, initial=[-5.0, 5.0, 20.0], transient=flow.transient)
    pieces = np.stack([orbit[apart * k :][: CUE + AHEAD] for k in range(STARTS)])
    begin = orbit[:: len(orbit) // RUNS][:RUNS] + 0.1
    long = ensemble(flow, begin, LONG + 2000, DT, keep=LONG).points
    return Lorenz(Model("lorenz", DT).data(), pieces[:, :CUE], pieces[:, CUE:], long)


@dataclass(frozen=True)
class LorenzTraining:
    """A way to train an LSTM on the Lorenz system, and how much of it.

    What costs as much as what was measured once, in a process with one thread, over 16 windows of
    120 samples, in seconds of the processor, best of three: a step of Adam with data only 3.2 ms,
    whether a network predicts increments or not; with its own output among its inputs 3.7 ms; an
    iteration of L-BFGS 0.138 s.

    Attributes:
        seed: Of weights, windows and noise.
        forcing: Name of a kind of forcing in :mod:`mflib.modelling.forcing`.
        parameters: Of the forcing.
        noise: On the inputs at the start and at the end, in units of the data's scale.
        increments: Whether the network predicts increments.
        steps: Of Adam.
        iterations: Of L-BFGS afterwards, on inputs with the noise that training ended with.
    """

    seed: int
    forcing: str = "TeacherForcing"
    parameters: tuple = ()
    noise: tuple[float, float] = (1e-6, 1e-6)
    increments: bool = False
    steps: int = STEPS
    iterations: int = 0
    learning_rate: float = 1e-2
    units: int = 30
    window: int = 120
    burn_in: int = 20
    batch: int = 16

    @property
    def config(self) -> TrainingConfig:
        """How Adam trains it."""
        rule = getattr(forcing, self.forcing)(*self.parameters)
        same = "steps", "batch", "window", "burn_in", "learning_rate", "noise"
        return TrainingConfig(**{name: getattr(self, name) for name in same}, forcing=rule)

    def trained(self) -> tuple[LSTM, float]:
        """The trained network and the processor's seconds it took, compilation left out."""
        replace(self, steps=STEPS_PER_CALL, iterations=min(self.iterations, 1)).network()
        begin = time.process_time()
        return self.network(), time.process_time() - begin

    def network(self) -> LSTM:
        """The trained network."""
        kind = IncrementLSTM if self.increments else LSTM
        network = kind.create(inputs=3, units=self.units, seed=self.seed)
        data, config, seed = [lorenz().data], self.config, self.seed
        if not self.iterations:
            return train(network, data, config, seed=seed, progress=False).network
        refinement = RefinementConfig(
            self.iterations, window=self.window, burn_in=self.burn_in, noise=self.noise[1]
        )
        return train_and_refine(network, data, config, refinement, seed=seed, progress=False)


def lorenz_training(configuration: LorenzTraining) -> dict:
    """Train a network on the Lorenz system and look at its closed loop.

    Returns:
        dict: ``training_seconds`` of the processor, and what :func:`lorenz_judged` measures.
    """
    network, seconds = configuration.trained()
    return {"training_seconds": seconds} | lorenz_judged(network)


def lorenz_judged(network: LSTM) -> dict:
    """What the closed loop of a network, in the units of the system, has of the Lorenz system.

    Returns:
        dict: ``one_step_error``, root mean square on data without noise, in units of the data's
        scale; ``vpt_mean``, the valid prediction time in Lyapunov times; of the long runs
        ``d_stsp``, all together, and ``kept``, the share that is on the Lorenz attractor at its
        end; and the two first ``exponents``, or None if a run left all bounds.
    """
    (data, cues, ahead, long), network = lorenz(), cast(network, "float64")
    driven = drive(network, np.concatenate([cues, ahead], axis=1)[:, :-1])[:, CUE - 1 :]
    error = network.readout(tf.reshape(driven, (-1, network.state_dim))) - ahead.reshape(-1, 3)
    forecasts = free_run(network, driven[:, 0], AHEAD).outputs.numpy()
    exponent = reference_values("lorenz")[0]["exponents"][0]
    vpt = valid_prediction_time(forecasts, ahead, data.std(axis=0), DT, exponent=exponent)
    states, exponents = driven[:: STARTS // RUNS, 0], None
    points = free_run(network, states, LONG + 2000).outputs.numpy()[:, 2000:]
    ends = [identify(orbit[-5000:], {"lorenz": long[0, :5000]}, dt=DT).name for orbit in points]
    if np.all(np.isfinite(points)):
        exponents = network_spectrum(network, states, steps=4000, dt=DT, count=2).exponents.tolist()
    return {
        "one_step_error": float(np.sqrt(np.mean(error**2))) / standardisation([data])[1],
        "vpt_mean": float(vpt.mean()),
        "d_stsp": state_space_divergence(points.reshape(-1, 3), long.reshape(-1, 3)),
        "kept": ends.count("lorenz") / RUNS,
        "exponents": exponents,
    }


NOISES = (5e-3, 2e-2, 1e-1)
#: The last is never reached in a window, so data come in the burn-in only.
TAUS = (5, 15, 40, 80, 200)
ABSOLUTE = {"noise": (3e-2, 1e-3)}
INCREMENTS = {"noise": (3e-3, 1e-6), "increments": True}
FORCINGS = [
    ("FreeRunning", (100,)),
    ("ScheduledSampling", (0.1,)),
    *(("SparseTeacherForcing", (tau,)) for tau in TAUS),
    *(("InputMixing", shares) for shares in ((1.0, 0.1), (0.1, 0.1))),
]
WAYS: list[dict[str, Any]] = [
    {},
    *({"noise": (sigma, sigma)} for sigma in NOISES),
    *(ABSOLUTE, ABSOLUTE | HALF, INCREMENTS, INCREMENTS | HALF),
    *({"forcing": kind, "parameters": numbers, "steps": MIXED} for kind, numbers in FORCINGS),
]
#: Ways to train at equal cost, recorded in ``data/training.jsonl``.
TRAININGS = [LorenzTraining(seed, **way) for seed in range(5) for way in WAYS]
