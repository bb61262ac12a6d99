"""Experiments that are too long for a chapter: plain functions of a configuration, for sweeps.

A chapter does the same with a few configurations in front of the reader, and shows the recorded
rest.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mflib import training
from mflib.attractors import identify
from mflib.circuits import (
    activity,
    arrivals,
    decoding,
    lesions,
    matched,
    on_attractors,
    overlap,
    selectivity,
    signals,
    transplant,
)
from mflib.closed_loop import drive, free_run, warm_up
from mflib.judge import PERIODS, historical, judge, judge_states, strict
from mflib.lyapunov import network_spectrum
from mflib.metrics import spectral_distance, state_space_divergence, valid_prediction_time
from mflib.networks import (
    GRU,
    LSTM,
    Elman,
    IncrementLSTM,
    Network,
    Recurrent,
    cast,
    load,
    replace,
    save,
)
from mflib.reservoirs import ContinuousReservoir, LeakyReservoir, fit_readout, random_weights
from mflib.systems import ensemble, system, trajectory
from mflib.tasks import cues, seeing_double, standardisation
from mflib.training import Protocol, Refinement, refine, train

__all__ = [
    "DATA",
    "LESSON",
    "MODELS",
    "RESERVOIRS",
    "SEEING_DOUBLE",
    "SHARED_UNITS",
    "TRAININGS",
    "Lorenz",
    "LorenzTraining",
    "Model",
    "ReservoirSeeingDouble",
    "SeeingDouble",
    "SharedUnits",
    "learn_system",
    "lorenz",
    "lorenz_judged",
    "lorenz_training",
    "reservoir_seeing_double",
    "sees_double",
    "shared_units",
    "trained_model",
]

DATA = Path(__file__).resolve().parents[1] / "data"
"""Where tables of sweeps are kept."""

LISTEN, TRAIN, PREDICT = 6, 15, 15
"""Periods, as published."""
FINE = 0.01
"""Time step, as published."""
COARSE = 0.1
"""Time step of the closed loop where it is a differential equation, which any small step solves."""


@dataclass(frozen=True)
class ReservoirSeeingDouble:
    """A continuous-time reservoir that is to see double, with the published values.

    Attributes
    ----------
    x_cen : float
        Half the distance of the circles' centres.
    radius : float
        Spectral radius.
    seed : int
        Of the random weights.
    held : bool
        Whether the closed loop holds its output during a step, as it held the data.
    units : int
    """

    x_cen: float
    radius: float
    seed: int
    held: bool = False
    units: int = 500

    def untrained(self) -> ContinuousReservoir:
        """The reservoir before its readout is found."""
        weights = random_weights(
            self.units, 2, radius=self.radius, strength=0.2, density=0.05, seed=self.seed
        )
        return ContinuousReservoir(**weights, gamma=5.0, dt=FINE, held=self.held)

    def data(self) -> np.ndarray:
        """Both circles for listening and training, shape ``(2, samples, 2)``."""
        a, b = seeing_double(self.x_cen)
        samples = _steps(LISTEN + TRAIN, FINE) + 1
        return np.stack([a.trajectory(samples, FINE), b.trajectory(samples, FINE, phase=np.pi)])


def _steps(periods: int, dt: float) -> int:
    return round(periods * 2 * np.pi / dt)


def reservoir_seeing_double(configuration: ReservoirSeeingDouble) -> dict:
    """Train one reservoir and judge both circles from the states in which training ended.

    Returns
    -------
    dict
        For A and B the historical judge's reason after 15 periods, ``historical_A``, and the
        strict judge's after 100, ``strict_A``; the readout's ``one_step_error``, root mean square
        in units of the data; and ``square``, the norm of the readout's share that acts on
        squares. A closed loop that holds its output needs the published step, ten times as
        small, and is asked for 15 periods only.

    References
    ----------
    Flynn, Tsachouridis and Amann (2023), arXiv:2305.05799.
    """
    network, data = configuration.untrained(), configuration.data()
    tasks, listen = seeing_double(configuration.x_cen), _steps(LISTEN, FINE)
    states = drive(network, data[:, :-1])
    trained, targets = states[:, listen:], data[:, listen + 1 :]
    network = fit_readout(network, trained, targets, ridge=1e-2)
    error = network.readout(trained) - targets
    if configuration.held:
        judges, periods, dt = {"historical": historical}, PREDICT, FINE
    else:
        judges, periods, dt = {"historical": historical, "strict": strict}, PERIODS, COARSE
    run = free_run(replace(network, dt=dt), states[:, -1], _steps(periods, dt))
    result = {
        f"{name}_{task.name}": judge(orbit, task, dt).reason
        for name, judge in judges.items()
        for task, orbit in zip(tasks, run.outputs.numpy(), strict=True)
    }
    square = network.readout_kernel[configuration.units :]
    return result | {
        "one_step_error": float(np.sqrt(np.mean(error**2))),
        "square": float(tf.norm(square)),
    }


RADII = (0.2, 0.6, 0.9, 1.1, 1.25, 1.4, 1.55, 1.7, 1.85, 2.0)

RESERVOIRS = [
    ReservoirSeeingDouble(x_cen, radius, seed, held)
    for x_cen, held, radii, seeds in (
        (0.0, False, RADII, 100),
        (0.0, True, RADII, 30),
        (4.0, False, RADII[::2], 100),
        (10.0, False, RADII[::2], 100),
    )
    for seed in range(seeds)
    for radius in radii
]
"""The map of spectral radius and overlap, recorded in ``data/reservoirs.jsonl``."""


# --- Part IV: an LSTM becomes a chaotic system ---------------------------------------------

FIRST = Protocol(
    steps=4000, batch=32, window=60, burn_in=10, learning_rate=1e-2, noise=(3e-3, 1e-6)
)
THEN = Refinement(iterations=400, window=60, burn_in=20)
"""How models are trained: Adam finds a stable closed loop, the refinement makes it exact."""


@dataclass(frozen=True)
class Model:
    """An LSTM of increments that is to become a chaotic system.

    Attributes
    ----------
    system : str
        Name in :func:`mflib.systems.names`.
    dt : float
        Time between samples.
    units : int
        30 have 4,173 parameters for a system of three coordinates.
    seed : int
        Of weights, windows and noise.
    samples : int
        Of the one orbit it learns from.
    iterations : int
        Of the refinement.
    """

    system: str
    dt: float
    units: int = 30
    seed: int = 0
    samples: int = 20_000
    iterations: int = THEN.iterations

    def data(self) -> np.ndarray:
        """The orbit, on the attractor, shape ``(samples, dim)``."""
        known = system(self.system)
        return trajectory(known, self.samples, self.dt, transient=known.transient)

    def untrained(self) -> IncrementLSTM:
        """The network before it is trained."""
        dim = system(self.system).dim
        return IncrementLSTM.create(inputs=dim, units=self.units, seed=self.seed)


def learn_system(model: Model, *, progress: bool = True) -> IncrementLSTM:
    """Train a model: minutes of work.

    Parameters
    ----------
    model : Model
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    IncrementLSTM
        In double precision, in the units of the system.
    """
    options = {"seed": model.seed, "progress": progress}
    data = [model.data()]
    found = train(model.untrained(), data, FIRST, **options)
    refinement = dataclasses.replace(THEN, iterations=model.iterations)
    return refine(found.network, data, refinement, **options).network


def trained_model(model: Model, folder: Path) -> IncrementLSTM:
    """The network of a model from its file; if there is none, it is trained and kept.

    Parameters
    ----------
    model : Model
    folder : path-like

    Returns
    -------
    IncrementLSTM

    Raises
    ------
    ValueError
        If the file is damaged, or of another model.
    """
    name = f"{model.system}_{model.units}_{model.iterations}_{model.seed}.npz"
    path = Path(folder) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        network = learn_system(model)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        versions = {package: version(package) for package in ("tensorflow", "numpy", "scipy")}
        save(path, network, model=asdict(model), date=when, versions=versions)
    network, about = load(path)
    if about.get("model") != asdict(model):
        raise ValueError(f"folder: {path} holds {about.get('model')}, expected {asdict(model)}")
    return network


MODELS = [
    *(Model("lorenz", 0.01, seed=seed) for seed in range(3)),
    Model("lorenz", 0.01, units=64),
    Model("lorenz", 0.01, units=64, iterations=1600),
    Model("halvorsen", 0.02),
    Model("rossler", 0.1),
]
"""The models of the chapter on learning chaos, recorded in ``data/``."""
# --- Part IV: ways to train, at equal cost --------------------------------------------------

DT = 0.01
"""Time between samples, as published."""
EXPONENT = 0.9056
"""Largest Lyapunov exponent of Lorenz' system, as in ``data/systems.toml``."""
CUE, AHEAD, LONG = 200, 2000, 20_000
"""Samples of a cue, of a forecast, and of a long run."""
STARTS, RUNS = 64, 16
"""How many forecasts, and how many long runs."""
NONE = (1e-6, 1e-6)
"""Noise too small to matter."""
STEPS = 2500
"""Steps of Adam with data only."""
MIXED, HALF = 2220, {"steps": STEPS // 2, "iterations": 30}
"""What costs as much: steps of Adam in which a network hears its own output too; or half the steps
with data only, and iterations of L-BFGS. Measured once, in a process with one thread, over 16
windows of 120 samples, seconds of the processor, best of three: with data only 3.2 ms a step,
whether a network predicts increments or not; with its own output 3.7 ms; 0.138 s an iteration."""


class Lorenz(NamedTuple):
    """Lorenz' system as a task.

    Attributes
    ----------
    data : numpy.ndarray, shape (20_000, 3)
        What a network is trained on.
    cues : numpy.ndarray, shape (STARTS, CUE, 3)
        From another orbit.
    ahead : numpy.ndarray, shape (STARTS, AHEAD, 3)
        How the orbit goes on after each.
    long : numpy.ndarray, shape (RUNS, LONG, 3)
        Independent orbits on the attractor.
    """

    data: np.ndarray
    cues: np.ndarray
    ahead: np.ndarray
    long: np.ndarray


@functools.cache
def lorenz() -> Lorenz:
    """The same data for every network."""
    flow, apart = system("lorenz"), AHEAD // 4
    data = trajectory(flow, 20_000, DT, transient=flow.transient)
    steps = (STARTS - 1) * apart + CUE + AHEAD
    orbit = trajectory(flow, steps, DT, initial=[-5.0, 5.0, 20.0], transient=flow.transient)
    pieces = np.stack([orbit[apart * k :][: CUE + AHEAD] for k in range(STARTS)])
    begin = orbit[:: len(orbit) // RUNS][:RUNS] + 0.1
    long = ensemble(flow, begin, LONG + 2000, DT, keep=LONG).points
    return Lorenz(data, pieces[:, :CUE], pieces[:, CUE:], long)


@dataclass(frozen=True)
class LorenzTraining:
    """A way to train an LSTM on Lorenz' system, and how much of it.

    Attributes
    ----------
    seed : int
        Of weights, windows and noise.
    forcing : str
        Name of a kind of forcing in :mod:`mflib.training`.
    parameters : tuple of float
        Of the forcing.
    noise : tuple of float
        On the inputs at the start and at the end, in units of the data's scale.
    increments : bool
        Whether the network predicts increments.
    steps : int
        Of Adam.
    iterations : int
        Of L-BFGS afterwards, on inputs with the noise that training ended with.
    learning_rate : float
    units, window, burn_in, batch : int
    """

    seed: int
    forcing: str = "Forcing"
    parameters: tuple = ()
    noise: tuple[float, float] = NONE
    increments: bool = False
    steps: int = STEPS
    iterations: int = 0
    learning_rate: float = 1e-2
    units: int = 30
    window: int = 120
    burn_in: int = 20
    batch: int = 16

    def untrained(self) -> LSTM:
        """The network before training."""
        kind = IncrementLSTM if self.increments else LSTM
        return kind.create(inputs=3, units=self.units, seed=self.seed)

    def protocol(self, steps: int | None = None) -> training.Protocol:
        """How Adam trains it, for all steps or so many."""
        return training.Protocol(
            steps=steps or self.steps,
            batch=self.batch,
            window=self.window,
            burn_in=self.burn_in,
            learning_rate=self.learning_rate,
            noise=tuple(self.noise),
            forcing=getattr(training, self.forcing)(*self.parameters),
        )

    def refinement(self, iterations: int | None = None) -> training.Refinement:
        """How L-BFGS goes on, for all iterations or so many."""
        return training.Refinement(
            iterations=iterations or self.iterations,
            window=self.window,
            burn_in=self.burn_in,
            noise=self.noise[1],
        )

    def trained(self) -> tuple[LSTM, float]:
        """The trained network and the processor's seconds it took, compilation left out."""
        self._train(training.STEPS_PER_CALL, min(self.iterations, 1))
        begin = time.process_time()
        network = self._train(self.steps, self.iterations)
        return network, time.process_time() - begin

    def _train(self, steps, iterations):
        data, options = [lorenz().data], {"seed": self.seed, "progress": False}
        network = training.train(self.untrained(), data, self.protocol(steps), **options).network
        if iterations:
            network = training.refine(network, data, self.refinement(iterations), **options).network
        return network


def lorenz_training(configuration: LorenzTraining) -> dict:
    """Train a network on Lorenz' system and look at its closed loop.

    Returns
    -------
    dict
        ``training_seconds`` of the processor, and what :func:`lorenz_judged` measures.
    """
    network, seconds = configuration.trained()
    return {"training_seconds": seconds} | lorenz_judged(network)


def lorenz_judged(network: LSTM) -> dict:
    """What the closed loop of a network has of Lorenz' system.

    Parameters
    ----------
    network : LSTM
        In the units of the system.

    Returns
    -------
    dict
        ``one_step_error``, root mean square on data without noise, in units of the data's scale;
        the valid prediction times' ``vpt_mean``, ``vpt_median`` and ``vpt_least``, in Lyapunov
        times; of the long runs ``d_stsp``, all together, ``d_h``, their mean, ``bounded``,
        whether all stayed finite, and ``kept``, the share that is on Lorenz' attractor at its
        end; and the two first ``exponents``, or None if a run left all bounds.
    """
    task, network = lorenz(), cast(network, "float64")
    _, scale = standardisation([task.data])
    heard = np.concatenate([task.cues, task.ahead], axis=1)[:, :-1]
    driven = drive(network, heard)[:, CUE - 1 :]
    following = network.readout(tf.reshape(driven, (-1, network.state_dim)))
    error = following - task.ahead.reshape(-1, 3)
    states = driven[:, 0]
    forecasts = free_run(network, states, AHEAD).outputs.numpy()
    deviations = task.data.std(axis=0)
    vpt = valid_prediction_time(forecasts, task.ahead, deviations, DT, exponent=EXPONENT)
    return {
        "one_step_error": float(np.sqrt(np.mean(error**2))) / scale,
        "vpt_mean": float(vpt.mean()),
        "vpt_median": float(np.median(vpt)),
        "vpt_least": float(vpt.min()),
        **_climate(network, tf.gather(states, range(0, STARTS, STARTS // RUNS))),
    }


def _climate(network, states):
    """What long runs have of the attractor."""
    truth, points = lorenz().long, free_run(network, states, LONG + 2000).outputs.numpy()[:, 2000:]
    ends = [identify(orbit[-5000:], {"lorenz": truth[0, :5000]}, dt=DT).name for orbit in points]
    distances = [spectral_distance(a, b) for a, b in zip(points, truth, strict=True)]
    bounded = bool(np.all(np.isfinite(points)))
    exponents = None
    if bounded:
        found = network_spectrum(network, states, steps=4000, dt=DT, count=2)
        exponents = [float(exponent) for exponent in found.exponents]
    return {
        "d_stsp": state_space_divergence(points.reshape(-1, 3), truth.reshape(-1, 3)),
        "d_h": float(np.mean(distances)),
        "bounded": bounded,
        "kept": ends.count("lorenz") / RUNS,
        "exponents": exponents,
    }


NOISES = (5e-3, 2e-2, 1e-1)
TAUS = (5, 15, 40, 80, 200)
"""The last is never reached in a window: data in the burn-in only."""
SHARES = ((1.0, 0.1), (0.1, 0.1))
ABSOLUTE = {"noise": (3e-2, 1e-3)}
INCREMENTS = {"noise": (3e-3, 1e-6), "increments": True}
WAYS = [
    {},
    *({"noise": (sigma, sigma)} for sigma in NOISES),
    ABSOLUTE,
    ABSOLUTE | HALF,
    INCREMENTS,
    INCREMENTS | HALF,
    *(
        {"forcing": forcing, "parameters": parameters, "steps": MIXED}
        for forcing, parameters in (
            ("FreeRunning", (100,)),
            ("Scheduled", (0.1,)),
            *(("Sparse", (tau,)) for tau in TAUS),
            *(("Generalised", shares) for shares in SHARES),
        )
    ),
]

TRAININGS = [LorenzTraining(seed, **way) for seed in range(5) for way in WAYS]
"""Ways to train at equal cost, recorded in ``data/training.jsonl``."""


# --- Part V: seeing double, and its rivals ---------------------------------------------------

LESSON = Protocol(steps=4000, batch=16)
"""How every network that sees double is trained, chosen on seeds 100 to 123 where circles touch."""

LEARNERS = {
    "LSTM": LSTM.create,
    "LSTM with peepholes": partial(LSTM.create, peepholes=True),
    "GRU": GRU.create,
    "Elman": Elman.create,
}


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
    orbits = [task.trajectory(63, COARSE) for task in seeing_double()]
    return network.in_units(*standardisation(orbits))


@dataclass(frozen=True)
class Reservoir:
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
        tasks, listen = seeing_double(x_cen), _steps(LISTEN, self.dt)
        samples = listen + _steps(TRAIN, self.dt) + 1
        data = np.stack([task.trajectory(samples, self.dt) for task in tasks])
        noise = self.noise * standardisation(data)[1]
        heard = data + noise * np.random.default_rng(seed).normal(size=data.shape)
        network = self.create(units, seed)
        states = drive(network, heard[:, :-1])[:, listen:]
        return fit_readout(
            network, states, data[:, listen + 1 :], ridge=self.ridge, intercept=self.dt == COARSE
        )


RANDOM = {
    ("leaky reservoir", 16): Reservoir(
        partial(_leaky, radius=1.2, strength=0.3, density=0.625, bias=0.0, leak=0.1),
        noise=0.06,
        ridge=1e-5,
    ),
    ("leaky reservoir", 200): Reservoir(
        partial(_leaky, radius=0.8, strength=0.1, density=0.05, bias=0.2, leak=0.3),
        noise=0.06,
        ridge=1e-4,
    ),
    ("continuous reservoir", 16): Reservoir(
        partial(_continuous, radius=1.55, density=1.0), noise=0.0, ridge=1e-2, dt=FINE
    ),
    ("continuous reservoir", 500): Reservoir(  # as published, and at the best radius
        partial(_continuous, radius=1.55, density=0.05), noise=0.0, ridge=1e-2, dt=FINE
    ),
    ("random LSTM", 8): Reservoir(
        partial(_random_lstm, recurrent=1.0, inputs=2.0, forget=2.0), noise=0.03, ridge=1e-6
    ),
    ("random LSTM", 100): Reservoir(
        partial(_random_lstm, recurrent=1.0, inputs=2.0, forget=2.0), noise=0.03, ridge=1e-6
    ),
}
"""Reservoirs by kind and size, with settings chosen at total overlap on seeds 100 and up."""


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
        return LEARNERS[self.kind](2, self.units, seed=self.seed)

    def trained(self) -> Network:
        """The network after training: of all its weights or, if it is random, of its readout."""
        if self.kind not in LEARNERS:
            return RANDOM[self.kind, self.units].fitted(self.units, self.x_cen, self.seed)
        data = [task.trajectory(2000, COARSE) for task in seeing_double(self.x_cen)]
        return train(self.untrained(), data, LESSON, seed=self.seed, progress=False).network

    def cued(self, network: Network) -> tf.Tensor:
        """States after eight cues of each circle: one turn or, if it is random, six."""
        turns, dt = 1, COARSE
        if self.kind not in LEARNERS:
            turns, dt = LISTEN, RANDOM[self.kind, self.units].dt
        heard = [cues(task, _steps(turns, dt), dt) for task in seeing_double(self.x_cen)]
        return warm_up(network, np.concatenate(heard))


def sees_double(configuration: SeeingDouble) -> dict:
    """Train one network and judge it, as :func:`~mflib.judge.judge` does.

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


# --- Part V: shared units ---------------------------------------------------------------------


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
    trajectories = [task.trajectory(2000, dt) for task in tasks]
    network = LSTM.create(inputs=2, units=configuration.units, seed=configuration.seed)
    network = train(network, trajectories, Protocol(), seed=configuration.seed).network
    cue = np.stack([cues(task, 63, dt, count=1)[0] for task in tasks])
    states, outputs = on_attractors(network, cue, settle=5040, steps=1260)
    per_task = [signals(network, run) for run in states]
    on_a, on_b = per_task
    spread_a, spread_b = (
        activity(s["h"], y).spread for s, y in zip(per_task, outputs, strict=True)
    )
    angle = np.arctan2(outputs[..., 1], outputs[..., 0])
    quarters = np.floor(2 * angle / np.pi).astype(int)
    at_a, at_b = matched(*outputs, count=32)
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
        return float(np.mean(arrivals(network, mixed, tasks, dt) == goal))

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
