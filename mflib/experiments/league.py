"""A league of methods that forecast the Lorenz system: the same data, the same effort in tuning.

The truth comes from quadruple precision (:func:`orbits`). A :class:`Rival` is a method, the seed of
its weights and of its data, and what is made harder: noise, one coordinate, few samples, coarse
sampling. Seeds from 100 on are for tuning: there the data are another orbit, and forecasts begin
elsewhere. :data:`TRIALS` are the random draws of settings, as many for each method; :func:`chosen`
takes for each method and axis the one that forecast furthest and goes on to other data.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.linalg import qr, solve_triangular

from mflib import checks
from mflib.dynamics.distances import state_space_divergence, valid_prediction_time
from mflib.dynamics.systems import reference_values, system
from mflib.experiments.learning_chaos import ADAM_STAGE, LBFGS_STAGE
from mflib.experiments.records import DATA
from mflib.modelling.closed_loop import drive, free_run, warm_up
from mflib.modelling.exponents import network_spectrum
from mflib.modelling.refinement import train_and_refine
from mflib.networks.gru import IncrementGRU
from mflib.networks.lstm import IncrementLSTM
from mflib.networks.polynomials import Polynomial, polynomial
from mflib.networks.recurrent import Increments, Layer, Network, cast
from mflib.networks.recurrent import replace as changed
from mflib.networks.reservoirs import LeakyReservoir, random_weights

#: Time between samples, before any are left out.
DT = 0.01
#: Samples of a cue; of an orbit that is forecast, cue included; of one to learn from.
CUE, WHOLE, LONGEST = 200, 5800, 20_000
#: Forecasts, and more of them for tuning; orbits to learn from, of which the last is for tuning.
STARTS, TUNING, DATA_ORBITS = 64, 16, 6
#: Seeds from here on are for tuning. So many draws of settings for each method.
TUNED_FROM, DRAWS = 100, 16
#: Order of the power series in time.
ORDER = 18
#: Samples that only drive a reservoir.
WASHOUT = 100
#: What is fitted in fewer seconds is timed again when it has been compiled.
BRIEF = 10.0
#: Runs and units of time by which climates and exponents are judged, and of the delay of one
#: coordinate.
RUNS, LATE, DELAY = 32, 20.0, 0.1


def orbits(kind: str, members: slice, samples: int) -> np.ndarray:
    """True orbits of the Lorenz system, from quadruple precision, ``DT`` apart.

    ``data/lorenz_truth.npz`` holds them at every quarter of a unit of time, rounded to doubles.
    Between these Taylor's method fills in, in double precision: sums and products only, so that
    every machine gets the same numbers.

    Args:
        kind: "forecasts", 80 orbits of 5,801 samples, or "data", 6 orbits of 20,001.
        members: Which of them.
        samples: How many of each.

    Returns:
        numpy.ndarray, shape (members, samples, 3)

    Raises:
        ValueError: If there is no such kind, or orbits are not as long.
        FileNotFoundError: If the file is not there: it belongs to the repository.
    """
    with np.load(DATA / "lorenz_truth.npz") as file:
        if kind not in ("forecasts", "data"):
            raise ValueError(f"kind: got {kind!r}, expected 'forecasts' or 'data'")
        kept, apart = file[kind][members], round(float(file["apart"]) / DT)
    count = checks.count("samples", samples, most=(kept.shape[1] - 1) * apart + 1)
    kept = kept[:, : -(-count // apart)]
    x, between = np.moveaxis(kept, -1, 0), []
    for _ in range(apart):
        between.append(x)
        x = np.polyval(power_series(x)[::-1], DT)
    filled = np.moveaxis(np.array(between), (0, 1), (2, 3))
    return filled.reshape(len(kept), -1, 3)[:, :count]


def power_series(x: np.ndarray) -> np.ndarray:
    """Coefficients in time of Lorenz orbits from ``x``, shape (3, ...): (ORDER + 1, 3, ...)."""
    sigma, rho, beta = system("lorenz").parameters.values()
    c = np.zeros((ORDER + 1, *x.shape))
    c[0] = x
    for n in range(ORDER):
        xy, xz = (np.sum(c[: n + 1, 0] * c[n::-1, k], axis=0) for k in (1, 2))
        x, y, z = c[n]
        c[n + 1] = np.array([sigma * (y - x), rho * x - y - xz, xy - beta * z]) / (n + 1)
    return c


def trusted() -> dict[str, Any]:
    """For how long the truth can be trusted, in Lyapunov times, and how it was made.

    Returns:
        dict: ``about``, the program, versions and date; ``difference``, the largest between the two
        precisions within the stored orbits, in units of the system; ``window``, their length; and
        ``times``, of eight orbits, until the two are 0.4 of the attractor's size apart.
    """
    with np.load(DATA / "lorenz_truth.npz") as file:
        size = np.sqrt(np.mean(np.var(file["data"][0], axis=0)))
        steps = np.argmax(file["longer"] > 0.4 * size, axis=1)
        unit = float(file["apart"]) * _exponent()
        window = (file["forecasts"].shape[1] - 1) * unit
        found = {
            "difference": float(file["difference"].max()),
            "window": window,
            "times": steps * unit,
        }
        return found | {"about": json.loads(str(file["about"]))}


def _exponent() -> float:
    return reference_values("lorenz")[0]["exponents"][0]


def _log(rng, low, high):
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _polynomials(rng, coordinates):
    delays = 1 if coordinates == 3 else int(rng.integers(3, 7))
    sizes = {"degree": int(rng.integers(2, 7)), "delays": delays}
    return sizes | {"spacing": int(rng.integers(1, 16)), "ridge": _log(rng, 1e-16, 1e-2)}


def _autoregressions(rng, coordinates):
    sizes = {"degree": 2, "delays": int(rng.integers(2, 9))}
    return sizes | {"spacing": int(rng.integers(1, 16)), "ridge": _log(rng, 1e-16, 1e-2)}


def _reservoirs(rng, coordinates):
    ridge = {"ridge": _log(rng, 1e-16, 1e-2), "leak": _log(rng, 0.1, 1)}
    return ridge | {"radius": _log(rng, 0.1, 1.5), "strength": _log(rng, 0.05, 2)}


def _networks(rng, coordinates):
    first = _log(rng, 1e-4, 1e-1)
    stages = {"first_noise": first, "last_noise": _log(rng, 1e-6, first)}
    stages |= {"learning_rate": _log(rng, 3e-3, 3e-2), "window": int(rng.integers(40, 101))}
    return stages | {"kept_noise": _log(rng, 1e-8, 3e-2), "iterations": round(_log(rng, 40, 400))}


#: How settings are drawn for the methods that are tuned.
SPACES: dict[str, Callable[[np.random.Generator, int], dict]] = {
    "polynomial": _polynomials,
    "autoregression": _autoregressions,
    "reservoir": _reservoirs,
    "large reservoir": _reservoirs,
    "LSTM": _networks,
    "GRU": _networks,
}
#: Methods that have nothing to be tuned: a polynomial of degree 0 that is not even fitted, and the
#: ordinary least squares of the chapter.
FIXED = {"persistence": {"degree": 0}} | {
    f"degree {degree}": {"degree": degree, "ridge": 0.0} for degree in range(2, 7)
}
#: Sizes. An LSTM of 30 units has a state of 63 numbers, as the reservoir has, and 4,173 weights;
#: the large reservoir has 4,173 too, all in its readout, and the GRU 4,083.
UNITS = {"reservoir": 63, "large reservoir": 695, "LSTM": 30, "GRU": 34}


class Task(NamedTuple):
    """What a rival is given and asked, standardised by one mean and one scale.

    Attributes:
        data (samples, coordinates): To learn from, with noise.
        cues (starts, CUE, coordinates): With noise.
        ahead (starts, steps, coordinates): Without.
        spread (coordinates,): Standard deviations.
        dt: Time between samples.
    """

    data: np.ndarray
    cues: np.ndarray
    ahead: np.ndarray
    spread: np.ndarray
    dt: float


@dataclass(frozen=True)
class Rival:
    """A method, and what it has to learn from.

    Attributes:
        method: Of :data:`SPACES` or :data:`FIXED`.
        seed: Of weights, noise and data; from 100 on for tuning.
        draw: Which of the random settings it has; those that are fixed have none.
        noise: Standard deviation of noise on data and cues, in units of each coordinate's.
        coordinates: 3, or 1 for x only.
        samples: Of the data.
        every: So many steps of ``DT`` lie between samples. Coarser samples are fewer: the orbit is
            the same, 200 units of time at most.
    """

    method: str
    seed: int
    draw: int = -1
    noise: float = 0.0
    coordinates: int = 3
    samples: int = 20_000
    every: int = 1

    def __post_init__(self) -> None:
        if self.method not in SPACES | FIXED:
            raise ValueError(f"method: got {self.method!r}, expected one of {[*SPACES, *FIXED]}")
        checks.count("draw", self.draw, least=0 if self.method in SPACES else -1)
        checks.count("coordinates", self.coordinates, most=3)
        checks.count("samples", self.samples, least=2 * WASHOUT, most=LONGEST // self.every)

    @property
    def axis(self) -> str:
        """What is made harder; what is tuned at one point of an axis serves all of it."""
        default = Rival("persistence", 0)
        for name in ("every", "noise", "coordinates", "samples"):
            if getattr(self, name) != getattr(default, name):
                return name
        return "nothing"

    @property
    def settings(self) -> dict[str, Any]:
        """Of the method, by name."""
        if self.method in FIXED:
            return FIXED[self.method]
        rng = np.random.default_rng([TUNED_FROM + self.draw, list(SPACES).index(self.method)])
        return SPACES[self.method](rng, self.coordinates)

    def task(self) -> Task:
        """Data, cues and what follows, the same for every method."""
        tuning = self.seed >= TUNED_FROM
        which = DATA_ORBITS - 1 if tuning else self.seed % (DATA_ORBITS - 1)
        starts = slice(STARTS, STARTS + TUNING) if tuning else slice(STARTS)
        data = orbits("data", slice(which, which + 1), self.samples * self.every)[0, :: self.every]
        asked = orbits("forecasts", starts, WHOLE)[:, :: self.every]
        location, scale = data.mean(axis=0), np.sqrt(np.mean(data.var(axis=0)))
        data, asked = ((x - location)[..., : self.coordinates] / scale for x in (data, asked))
        spread, rng = data.std(axis=0), np.random.default_rng([self.seed, 7])
        data, cues = (
            x + self.noise * spread * rng.normal(size=x.shape) for x in (data, asked[:, :CUE])
        )
        return Task(data, cues, asked[:, CUE:], spread, DT * self.every)

    def untrained(self) -> Network:
        """The network whose readout, or all of whose weights, are still to be found."""
        dim, own = self.coordinates, self.settings
        if self.method in ("LSTM", "GRU"):
            kind = {"LSTM": IncrementLSTM, "GRU": IncrementGRU}[self.method]
            return kind.create(dim, UNITS[self.method], seed=self.seed)
        if self.method not in UNITS:
            return polynomial(dim, own["degree"], own.get("delays", 1), own.get("spacing", 1))
        units = UNITS[self.method]
        options = {name: own[name] for name in ("radius", "strength")} | {"seed": self.seed}
        options |= {"density": max(0.05, 6 / units), "dtype": "float64"}
        weights = random_weights(units, dim, **options)
        bias = np.random.default_rng([self.seed, 8]).uniform(-0.5, 0.5, units)
        return LeakyReservoir(**weights, bias=tf.constant(bias), leak=own["leak"])

    def trained(self) -> Network:
        """The network after training, in double precision."""
        network, data, own = self.untrained(), self.task().data, self.settings
        if self.method == "persistence":
            return network
        if self.method not in ("LSTM", "GRU"):
            return fit_exactly(network, data, own["ridge"])
        same = {"window": own["window"], "burn_in": 20}
        noise = own["first_noise"], own["last_noise"]
        first = replace(ADAM_STAGE, learning_rate=own["learning_rate"], noise=noise, **same)
        kept = {"noise": own["kept_noise"], "iterations": own["iterations"]}
        then = replace(LBFGS_STAGE, **kept, **same)
        return train_and_refine(network, [data], first, then, seed=self.seed, progress=False)


def fit_exactly(network: Polynomial | Layer, data: np.ndarray, ridge: float) -> Any:
    """A network with the readout that fits data best, by an orthogonal factorisation.

    Args:
        network: Not changed.
        data (samples, dim): Standardised.
        ridge: Penalty on the squares of the weights, for each sample; 0 for none.

    Raises:
        ValueError: If there are fewer samples than weights to be found, and no ridge.
    """
    terms = isinstance(network, Polynomial)
    first = network.span - 1 if terms else WASHOUT
    features = network.features(drive(network, data[None, :-1])[0, first:]).numpy()
    targets = data[first + 1 :]
    if isinstance(network, Polynomial | Increments):
        targets = targets - data[first:-1]
    if not terms:
        features = np.pad(features, ((0, 0), (0, 1)), constant_values=1)
    samples, size = features.shape
    if samples < size and ridge == 0:
        raise ValueError(f"ridge: got 0 for {size} weights and {samples} samples, expected more")
    both = np.hstack([features, targets])
    penalty = np.sqrt(ridge * samples) * np.eye(size, both.shape[1])
    (both,) = qr(np.vstack([both, penalty]), mode="r", overwrite_a=True, check_finite=False)
    found = tf.constant(solve_triangular(both[:size, :size], both[:size, size:]))
    if terms:
        return changed(network, readout_kernel=found)
    return changed(network, readout_kernel=found[:-1], readout_bias=found[-1])


def forecast(network: Network, cues: np.ndarray, steps: int, leg: int = 400) -> np.ndarray:
    """The free runs after cues, shape ``(starts, steps, dim)``, in legs for the memory's sake."""
    state, legs = warm_up(network, cues), []
    for _ in range(0, steps, leg):
        run = free_run(network, state, leg)
        state = run.state
        legs.append(run.outputs.numpy())
    return np.concatenate(legs, axis=1)[:, :steps]


def climate(task: Task, outputs: np.ndarray) -> float:
    """How far late forecasts are from other true orbits in state space, over the truth's distance.

    One coordinate is seen with its past, ``DELAY`` and twice ``DELAY`` before.
    """
    late, lag = round(LATE / task.dt), max(1, round(DELAY / task.dt))

    def points(x):
        x = x[:, -late:]
        if x.shape[2] == 1:
            x = np.concatenate([x[:, k * lag : late - (2 - k) * lag] for k in range(3)], axis=2)
        return x.reshape(-1, x.shape[2])

    other, same = points(task.ahead[-RUNS:]), points(task.ahead[:RUNS])
    own = state_space_divergence(points(outputs[:RUNS]), other)
    return own / state_space_divergence(same, other)


def league(rival: Rival) -> dict:
    """Fit a rival and see how it forecasts.

    Returns:
        dict: ``settings``; ``weights``, how many are fitted, and ``state``, how large its state is;
        ``training_seconds`` of the processor, of what takes long with the compilation; ``horizons``
        in Lyapunov times, one for each start. Of seeds below 100 also the ``climate`` and, where
        nothing is made harder, the two first ``exponents`` of the closed loop, None if a run left
        all bounds.
    """
    task, begin = rival.task(), time.process_time()
    network = rival.trained()
    seconds = time.process_time() - begin
    if seconds < BRIEF and rival.seed < TUNED_FROM:
        begin = time.process_time()
        rival.trained()
        seconds = time.process_time() - begin
    outputs = forecast(network, task.cues, task.ahead.shape[1])
    scale = {"dt": task.dt, "exponent": _exponent()}
    horizons = valid_prediction_time(outputs, task.ahead, task.spread, **scale)
    result = {
        "settings": rival.settings,
        "weights": _fitted(network, rival.method),
        "state": network.state_dim,
        "training_seconds": round(seconds, 2),
        "horizons": horizons.round(2),
    }
    if rival.seed >= TUNED_FROM:
        return result
    result["climate"] = round(climate(task, outputs), 2)
    return result | ({} if rival.axis != "nothing" else {"exponents": _exponents(network, task)})


def _exponents(network, task):
    """The two first ones of the closed loop; None if a run left all bounds."""
    options = {"steps": round(LATE / task.dt), "dt": task.dt, "count": 2}
    try:
        found = network_spectrum(network, warm_up(network, task.cues), **options).exponents
    except ValueError:
        return None
    return found.round(4).tolist() if np.all(np.isfinite(found)) else None


def _fitted(network, method):
    """How many weights were found by fitting."""
    if method == "persistence":
        return 0
    if isinstance(network, Polynomial):
        return int(tf.size(network.readout_kernel))
    weights = network.weights()
    kept = {"kernel", "recurrent_kernel", "bias"} if isinstance(network, LeakyReservoir) else set()
    return sum(int(tf.size(weight)) for name, weight in weights.items() if name not in kept)


#: What is made harder; the first point of each axis is the one where settings are drawn.
AXES: dict[str, list[dict[str, Any]]] = {
    "nothing": [{}],
    "noise": [{"noise": 0.01}, {"noise": 0.001}, {"noise": 0.05}],
    "coordinates": [{"coordinates": 1}],
    "samples": [{"samples": 2000}, {"samples": 500}, {"samples": 5000}],
    "every": [{"samples": 4000, "every": 5}, {"samples": 2000, "every": 10}],
}
#: Data orbits and weights of what is shown.
SEEDS = range(3)
#: The draws of settings, for tuning.
TRIALS = [
    Rival(method, TUNED_FROM + draw, draw, **points[0])
    for method in SPACES
    for points in AXES.values()
    for draw in range(DRAWS)
]
#: What has no settings to be drawn, on the axes only persistence.
WITHOUT = [
    Rival(method, seed, **point)
    for method in FIXED
    for points in AXES.values()
    for point in points
    for seed in SEEDS
    if method == "persistence" or not point
]


def chosen(rows: Iterable[dict], methods: Iterable[str] = SPACES) -> list[Rival]:
    """What is shown: each method with the settings that did best in tuning on each axis.

    Args:
        rows: Of the table, with those of :data:`TRIALS`; best is the largest mean horizon.
        methods: Which of the methods that are tuned.

    Returns:
        list of Rival: Of methods and axes all of whose draws are there.
    """
    scores: dict[tuple[str, str], dict[int, float]] = {}
    fields = Rival.__dataclass_fields__
    for row in rows:
        rival = Rival(**{name: row[name] for name in fields})
        if rival.seed >= TUNED_FROM:
            own = scores.setdefault((rival.method, rival.axis), {})
            own[rival.draw] = float(np.mean(row["horizons"]))
    return [
        Rival(method, seed, max(own, key=own.__getitem__), **point)
        for (method, axis), own in scores.items()
        if method in methods and len(own) == DRAWS
        for point in AXES[axis]
        for seed in SEEDS
    ]


@dataclass(frozen=True)
class Limit:
    """An LSTM that is trained for long, to see what limits its forecasts.

    Attributes:
        iterations: Of the refinement.
    """

    iterations: int
    units: int = 64
    seed: int = 0


def limit(configuration: Limit) -> dict:
    """Train an LSTM on data without noise, and take away one thing after the other.

    Returns:
        dict: ``training_seconds``; ``error``, the root mean square error of one step on data it has
        not seen, in units of the root mean square increment; and the mean ``horizons`` in Lyapunov
        times: ``as it is``; with its readout fitted anew by an orthogonal factorisation
        (``orthogonal``); with weights ``rounded`` to single precision that run in double; and in
        single precision altogether (``single``).
    """
    task, begin = Rival("persistence", configuration.seed).task(), time.process_time()
    network = IncrementLSTM.create(3, configuration.units, seed=configuration.seed)
    then = replace(LBFGS_STAGE, iterations=configuration.iterations)
    options = {"seed": configuration.seed, "progress": False}
    network = train_and_refine(network, [task.data], ADAM_STAGE, then, **options)
    seconds = time.process_time() - begin
    driven = drive(network, np.concatenate([task.cues, task.ahead[:, :400]], axis=1))
    driven = driven[:, CUE - 1 : -1]
    error = network.readout(tf.reshape(driven, (-1, network.state_dim)))
    error = error.numpy().reshape(len(driven), -1, 3) - task.ahead[:, :400]
    unit = np.sqrt(np.mean(np.diff(task.data, axis=0) ** 2))
    single = cast(network, "float32")
    variants = {"as it is": network, "orthogonal": fit_exactly(network, task.data, 0.0)}
    variants |= {"rounded": cast(single, "float64"), "single": single}
    scale = {"dt": task.dt, "exponent": _exponent()}
    horizons = {
        name: valid_prediction_time(
            forecast(one, task.cues, task.ahead.shape[1]), task.ahead, task.spread, **scale
        ).mean()
        for name, one in variants.items()
    }
    error = float(np.sqrt(np.mean(error**2)) / unit)
    return {"training_seconds": round(seconds), "error": error, "horizons": horizons}


#: Recorded in ``data/league_limits.jsonl``.
LIMITS = [Limit(iterations) for iterations in (100, 400, 1600, 6400)]
