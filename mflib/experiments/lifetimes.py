"""Many chaotic worlds in one LSTM: which are attractors, how like the systems, and what leaks."""

from collections.abc import Callable, Iterable
from itertools import product

import numpy as np

from mflib.dynamics.distances import (
    return_map,
    sampling_floor,
    sliced_wasserstein,
    spectral_distance,
    state_space_divergence,
    valid_prediction_time,
)
from mflib.dynamics.lyapunov import spectrum
from mflib.experiments.records import load_or_train
from mflib.experiments.worlds import ManyWorlds, Worlds, first_worlds, known_worlds, residence
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.exponents import network_spectrum
from mflib.multifunctionality.identity import LONG_CUE, PERIOD, final_attractors, late_run
from mflib.multifunctionality.tasks import Attractor
from mflib.networks.recurrent import Network

#: Of each world in a large network; and how long its runs are followed.
CUES, FOLLOWED = 25, 10_000


def large(configuration: Worlds) -> dict:
    """For how long a recorded network stays in its worlds, and how like the systems they are.

    Returns:
        dict: ``worlds``, as :func:`~mflib.experiments.worlds.residence` with 25 cues and 10,000
        turns; ``late``, for each world where runs are 10,000 turns after cues of one turn, with
        their numbers; ``fidelity``, as :func:`fidelity`.
    """
    network, tasks = load_or_train(configuration), configuration.tasks()
    cue = np.concatenate([task.orbits(CUES, PERIOD, seed=2) for task in tasks])
    ends = np.reshape(final_attractors(network, cue, known_worlds(), turns=FOLLOWED), (-1, CUES))
    return {
        "worlds": residence(network, tasks, cues=CUES, turns=FOLLOWED),
        "late": {t.name: counted(names) for t, names in zip(tasks, ends, strict=True)},
        "fidelity": {task.name: fidelity(network, task) for task in tasks},
    }


def counted(names: np.ndarray) -> dict[str, int]:
    """How often each name is there."""
    found, counts = np.unique(names, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def fidelity(network: Network, task: Attractor) -> dict:
    """How like a system a network's world is.

    Returns:
        dict: ``horizon``, for how many turns it forecasts, the mean of 50 after cues of ten turns
        and at most 20; ``exponents``, the system's leading one and the network's, per unit of the
        system's time; and of sixteen runs, between 300 and 400 turns after their cues, the mean
        distance from sixteen true orbits over that of these from each other: of where they are,
        ``stsp``, of their power spectra, ``spectra``, and of the return map of each coordinate's
        maxima, the largest, ``maps``.
    """
    cue, orbits = LONG_CUE * PERIOD, forecast_orbits(task)
    state = warm_up(network, orbits[:, :cue])
    forecast = free_run(network, state, 2 * cue).outputs.numpy()
    own = network_spectrum(network, state[:16], steps=5000, dt=task.dt, count=1).exponents[0]
    runs = late_run(network, orbits[:16, :cue]).astype(float)
    true = task.orbits(16, 100 * PERIOD, seed=4, substeps=2)
    maps = [
        excess(_between, *([return_map(x[:, k]) for x in part] for part in (runs, true)))
        for k in range(3)
    ]
    return {
        "horizon": horizon(forecast, orbits),
        "exponents": [leading_exponent(task), float(own)],
        "stsp": excess(state_space_divergence, runs, true),
        "spectra": excess(spectral_distance, runs, true),
        "maps": max(maps),
    }


def forecast_orbits(task: Attractor) -> np.ndarray:
    """Fifty orbits of thirty turns: ten for a cue, the rest to be forecast."""
    return task.orbits(50, 3 * LONG_CUE * PERIOD, seed=3)


def horizon(forecast: np.ndarray, orbits: np.ndarray) -> float:
    """For how many turns forecasts of :func:`forecast_orbits` are good, on average."""
    truth = orbits[:, LONG_CUE * PERIOD :]
    return float(valid_prediction_time(forecast, truth, np.ones(3), dt=1 / PERIOD).mean())


def _between(map_: np.ndarray, other: np.ndarray) -> float:
    """Of two return maps; a run without maxima is infinitely far."""
    return sliced_wasserstein(map_, other) if len(map_) else np.inf


def excess(metric: Callable, runs: Iterable[np.ndarray], true: Iterable[np.ndarray]) -> float:
    """Mean distance of runs from true orbits, over the mean of these from each other."""
    orbits = list(true)
    found = [metric(run, orbit) for run, orbit in product(runs, orbits)]
    return float(np.mean(found) / sampling_floor(metric, orbits).mean)


def leading_exponent(task: Attractor) -> float:
    """The largest Lyapunov exponent of a task's system, per unit of its time."""
    flow = task.flow
    members = int(np.clip(1_000_000 * flow.dt / flow.transient, 8, 128))  # each a transient long
    return float(spectrum(flow, steps=1_000_000 // members, members=members, count=1).exponents[0])


def _many(count: int, units: int, seed: int) -> ManyWorlds:
    return ManyWorlds(first_worlds(count), 0.0, units, seed, 14_000, 3e-3, 200, 4 * count)


#: Sixteen worlds; networks in ``data/``, measured in ``data/large.jsonl``.
SIXTEEN = [_many(16, 256, seed) for seed in range(3)]
