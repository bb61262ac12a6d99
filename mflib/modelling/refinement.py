"""Refinement: L-BFGS on all data, the readout solved for at every step.

Adam with noise finds a network whose closed loop is stable; :func:`refine` makes it exact. The
readout is linear, so the best one for given gates is a least-squares solution. With it inserted
(*variable projection*), the loss is a function of the other weights alone, much better
conditioned, and L-BFGS takes it down by orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from mflib.modelling.backpropagation import _backpropagate
from mflib.modelling.jit import jit
from mflib.modelling.training import Trained, TrainingConfig, _standardised, train
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import cast, replace


@dataclass(frozen=True)
class RefinementConfig:
    """How a trained network is made exact.

    Attributes
    ----------
    iterations : int
        Of L-BFGS.
    window, burn_in : int
        The trajectories are cut into windows of so many samples, which overlap in the burn-in,
        so that every sample counts about once. The network must forget its initial state within
        the burn-in.
    noise : float
        Standard deviation of noise on the inputs, in units of the data's scale, drawn once. It
        keeps what the network has learned beside the attractors.
    memory : int
        Steps that L-BFGS remembers.
    """

    iterations: int = 400
    window: int = 40
    burn_in: int = 10
    noise: float = 0.0
    memory: int = 100

    def __post_init__(self):
        for name in ("iterations", "window", "memory"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if not 0 <= self.burn_in < self.window:
            raise ValueError(
                f"burn_in: got {self.burn_in}, expected less than the window, {self.window}"
            )
        if not self.noise >= 0:
            raise ValueError(f"noise: got {self.noise}, expected a number that is not negative")


def refine(
    network: LSTM,
    trajectories: Sequence[np.ndarray],
    refinement: RefinementConfig = RefinementConfig(),
    *,
    seed: int = 0,
    progress: bool = True,
) -> Trained:
    """Make a trained network exact: L-BFGS on all data, the readout solved for at every step.

    It may be called again on its result to go on.

    Parameters
    ----------
    network : LSTM
        In the units of the data, usually from :func:`train`; not changed.
    trajectories
        As for :func:`train`.
    refinement : Refinement
    seed : int
        Of the noise.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Trained
        The network computes in double precision: single precision cannot tell it from its
        neighbours. ``losses`` has the loss after each iteration.

    Raises
    ------
    ValueError
        If the network is no LSTM, or the trajectories do not fit each other, the network or the
        refinement.

    References
    ----------
    Golub and Pereyra (1973), SIAM Journal on Numerical Analysis 10, 413-432, for variable
    projection; Liu and Nocedal (1989), Mathematical Programming B 45, 503-528, for L-BFGS, here
    SciPy's.
    """
    from scipy.optimize import minimize

    if not isinstance(network, LSTM):
        raise ValueError(f"network: got {network}, expected an LSTM")
    network = cast(network, "float64")
    data, location, scale = _standardised(network, trajectories, refinement)
    network = network.in_units(-location / scale, 1 / scale)
    inputs, targets = _windows(data, refinement, seed)
    weights = {k: w for k, w in network.weights().items() if not k.startswith("readout")}
    ends = np.cumsum([np.size(weight) for weight in weights.values()])[:-1]

    def unpacked(point):
        parts = zip(weights.items(), np.split(point, ends), strict=True)
        return replace(network, **{k: tf.reshape(part, w.shape) for (k, w), part in parts})

    def value(point):
        loss, gradient, _ = _solved(unpacked(point), inputs, targets, refinement.burn_in)
        return float(loss), np.concatenate([np.ravel(gradient[name]) for name in weights])

    losses = []
    bar = tqdm(total=refinement.iterations, unit="iteration", disable=not progress)
    with bar:

        def report(intermediate_result):
            losses.append(float(intermediate_result.fun))
            bar.set_postfix_str(f"loss {losses[-1]:.1e}")
            bar.update()

        found = minimize(
            value,
            np.concatenate([np.ravel(weight) for weight in weights.values()]),
            jac=True,
            method="L-BFGS-B",
            callback=report,
            options={
                "maxiter": refinement.iterations,
                "maxfun": 10 * refinement.iterations,
                "maxcor": refinement.memory,
                "ftol": 0,
                "gtol": 0,
            },
        )
    *_, network = _solved(unpacked(found.x), inputs, targets, refinement.burn_in)
    return Trained(network.in_units(location, scale), np.array(losses), seed)


@jit
def _solved(network, inputs, targets, burn_in):
    targets = network.target(inputs, targets)
    return _backpropagate(network, inputs, targets, burn_in, solve=True)


def _windows(data, refinement, seed):
    """All windows as inputs, with noise, and targets, each of shape (window, windows, dim)."""
    samples, dim = data.shape[1:]
    stride = refinement.window - refinement.burn_in
    first = np.arange(0, samples - refinement.window, stride)
    windows = data.numpy()[:, first + np.arange(refinement.window + 1)[:, None]]
    windows = windows.transpose(1, 0, 2, 3).reshape(refinement.window + 1, -1, dim)
    noise = np.random.default_rng(seed).normal(size=windows[:-1].shape)
    return tf.constant(windows[:-1] + refinement.noise * noise), tf.constant(windows[1:])


def train_and_refine(
    network: LSTM,
    trajectories: Sequence[np.ndarray],
    first: TrainingConfig,
    then: RefinementConfig,
    *,
    seed: int,
    progress: bool = True,
) -> LSTM:
    """Train a network in two stages: Adam finds a stable closed loop, L-BFGS makes it exact.

    Parameters
    ----------
    network : LSTM
        Where training starts from.
    trajectories : sequence of array_like, each of shape (samples, dim)
    first : Protocol
        Of :func:`mflib.modelling.training.train`.
    then : Refinement
        Of :func:`mflib.modelling.refinement.refine`.
    seed : int
        Of windows and noise.
    progress : bool

    Returns
    -------
    LSTM
        In double precision, in the units of the trajectories.
    """
    options = {"seed": seed, "progress": progress}
    network = train(network, trajectories, first, **options).network
    return refine(network, trajectories, then, **options).network
