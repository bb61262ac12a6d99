"""Refinement: L-BFGS on all data, the readout solved for at every step.

Adam with noise finds a network whose closed loop is stable; :func:`refine` makes it exact. The
readout is linear, so the best one for given gates is a least-squares solution. With it inserted
(*variable projection*), the loss is a function of the other weights alone, much better
conditioned, and L-BFGS takes it down by orders of magnitude.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tqdm import tqdm

from mflib import checks
from mflib.modelling.backpropagation import backpropagate_solved
from mflib.modelling.training import Trained, TrainingConfig, _clean, _standardise, train
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import cast, replace

#: Steps that L-BFGS remembers.
MEMORY = 100


@dataclass(frozen=True)
class RefinementConfig:
    """How a trained network is made exact.

    Attributes:
        iterations: Of L-BFGS.
        window, burn_in: The trajectories are cut into windows of so many samples, which overlap in
            the burn-in, so that every sample counts about once. The network must forget its initial
            state within the burn-in.
        noise: Standard deviation of noise on the inputs, in units of the data's scale, drawn once.
            It keeps what the network has learned beside the attractors.
    """

    iterations: int = 400
    window: int = 40
    burn_in: int = 10
    noise: float = 0.0

    def __post_init__(self) -> None:
        _clean(self, "iterations", "window")
        checks.real("noise", self.noise, least=0)


def refine(
    network: LSTM,
    trajectories: Sequence[ArrayLike],
    config: RefinementConfig = RefinementConfig(),
    *,
    seed: int = 0,
    progress: bool = True,
) -> Trained:
    """Make a trained network exact: L-BFGS on all data, the readout solved for at every step.

    It may be called again on its result to go on.

    Args:
        network: Usually from :func:`~mflib.modelling.training.train`, in units as there; not
            changed.
        trajectories: As for :func:`~mflib.modelling.training.train`.
        seed: Of the noise.
        progress: Whether to show a progress bar.

    Returns:
        Trained: The network computes in double precision: single precision cannot tell it from its
        neighbours. ``losses`` has the loss after each iteration.

    Raises:
        ValueError: If the network is no LSTM, or the trajectories do not fit each other, the
            network or the configuration.

    References:
        Golub and Pereyra (1973), SIAM Journal on Numerical Analysis 10, 413-432, for variable
        projection; Liu and Nocedal (1989), Mathematical Programming B 45, 503-528, for L-BFGS, here
        SciPy's.
    """
    from scipy.optimize import minimize

    if not isinstance(network, LSTM):
        raise ValueError(f"network: got {network!r}, expected an LSTM")
    network, seed = cast(network, "float64"), checks.count("seed", seed, least=0)
    start, data, location, scale = _standardise(network, trajectories, config.window)
    inputs, targets = _all_windows(data, config, seed)
    weights = {k: w for k, w in start.weights().items() if not k.startswith("readout")}
    ends = np.cumsum([np.size(weight) for weight in weights.values()])[:-1]

    def packed(tensors):
        return np.concatenate([np.ravel(tensors[name]) for name in weights])

    def solved(point):
        parts = zip(weights.items(), np.split(point, ends), strict=True)
        there = replace(start, **{k: tf.reshape(part, w.shape) for (k, w), part in parts})
        return backpropagate_solved(there, inputs, targets, config.burn_in)

    def value(point):
        loss, gradient, _ = solved(point)
        return float(loss), packed(gradient)

    losses, count = [], config.iterations

    def report(intermediate_result):
        losses.append(float(intermediate_result.fun))
        bar.set_postfix_str(f"loss {losses[-1]:.1e}")
        bar.update()

    options = {"maxiter": count, "maxfun": 10 * count, "maxcor": MEMORY, "ftol": 0, "gtol": 0}
    with tqdm(total=count, unit="iteration", disable=not progress) as bar:
        found = minimize(
            value, packed(weights), jac=True, method="L-BFGS-B", callback=report, options=options
        )
    *_, refined = solved(found.x)
    return Trained(refined.in_units(location, scale), np.array(losses), seed)


def _all_windows(data, config, seed):
    """All windows as inputs, with noise, and targets, each of shape (window, windows, dim)."""
    samples, dim = data.shape[1:]
    first = np.arange(0, samples - config.window, config.window - config.burn_in)
    windows = data.numpy()[:, first + np.arange(config.window + 1)[:, None]]
    windows = windows.transpose(1, 0, 2, 3).reshape(config.window + 1, -1, dim)
    noise = np.random.default_rng(seed).normal(size=windows[:-1].shape)
    return tf.constant(windows[:-1] + config.noise * noise), tf.constant(windows[1:])


def train_and_refine(
    network: LSTM,
    trajectories: Sequence[ArrayLike],
    first: TrainingConfig,
    then: RefinementConfig,
    **options: Any,
) -> LSTM:
    """Train a network in two stages: Adam finds a stable closed loop, L-BFGS makes it exact.

    Args:
        network, trajectories: As for :func:`~mflib.modelling.training.train`.
        first: Of :func:`~mflib.modelling.training.train`.
        then: Of :func:`refine`.
        options: ``seed`` and ``progress``, of both.

    Returns:
        LSTM: In double precision, in the units of the trajectories.
    """
    trained = train(network, trajectories, first, **options).network
    return refine(trained, trajectories, then, **options).network
