r"""Which units a network uses for which task, and what happens without them.

For any :class:`~mflib.networks.recurrent.Recurrent` network and any tasks. *Activity* is measured
on the attractors, as it is in animals: by how far a signal moves (:func:`activity`), how much of it
is shared (:func:`shared`, :func:`overlap`) and how much its level depends on the task
(:func:`selectivity`). *Need* is measured by taking something away (:class:`Lesioned`,
:func:`lesions`). *Cause* is measured by putting a part of one attractor's state into another's
(:func:`matching_moments`, :func:`transplant`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.spatial import cKDTree

from mflib import checks
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.multifunctionality.judge import judge, strict
from mflib.multifunctionality.tasks import ClosedCurve
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Network, Recurrent, Wrapper

SHRINKAGE = 1e-6


def fisher_discriminant(first: npt.ArrayLike, second: npt.ArrayLike) -> np.ndarray:
    r"""The direction along which two sets of points are furthest apart for their spread.

    Fisher's linear discriminant, :math:`w \propto S^{-1}(\mu_1 - \mu_2)` with the within-set
    covariance :math:`S`. States of a network on a closed curve fill few dimensions of their
    space, so :math:`S` is lifted by a millionth of its mean variance in every direction.

    Args:
        first, second (points, dim): ``first`` gets the larger values of ``points @ direction``.

    Returns:
        numpy.ndarray, shape (dim,): A unit vector.

    Raises:
        ValueError: If the sets do not fit each other, are not finite, or have the same mean.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> cloud = rng.normal(size=(500, 3)) * [10, 10, 0.1]
        >>> fisher_discriminant(cloud + [0, 0, 1], cloud - [0, 0, 1]).round(2) + 0.0
        array([0., 0., 1.])
    """
    first, second = _two_sets(first, second)
    spread = np.atleast_2d(np.cov(first.T) + np.cov(second.T))
    spread += SHRINKAGE * np.trace(spread) / len(spread) * np.eye(len(spread))
    direction = np.linalg.solve(spread, first.mean(axis=0) - second.mean(axis=0))
    if not np.any(direction):
        raise ValueError("first, second: got sets with the same mean, expected different ones")
    return direction / np.linalg.norm(direction)


class Activity(NamedTuple):
    """What signals do on one attractor; each an array ``(units,)``.

    Attributes:
        spread: Standard deviation over time.
        followed: Share of the variance that is a linear function of the network's outputs, 0 to 1.
            On a circular orbit the outputs are the cosine and sine of the phase.
    """

    mean: np.ndarray
    spread: np.ndarray
    followed: np.ndarray


def on_attractors(
    network: Network, cue: npt.ArrayLike, settle: int, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """A stretch of each attractor: after a cue, and a free run until settled.

    Args:
        cue (tasks, time, inputs): A cue for each task.
        settle, steps: Steps that pass unseen, and steps that are returned.

    Returns:
        States, of shape (tasks, steps, state_dim), and their readouts (tasks, steps, outputs).
    """
    settled = free_run(network, warm_up(network, cue), settle).state
    run = free_run(network, settled, steps, states=True)
    return np.asarray(run.states), run.outputs.numpy()


def task_reached(
    network: Network, states: npt.ArrayLike, tasks: Sequence[ClosedCurve], dt: float
) -> np.ndarray:
    """Which task a network does when it is left alone in a state.

    Args:
        states (batch, state_dim):
        dt: Time between samples.

    Returns:
        numpy.ndarray of int, shape (batch,): The position of the task in ``tasks`` that
        :func:`~mflib.multifunctionality.judge.strict` sees at the end of 40 periods of the
        slowest, or -1 if it is none of them.
    """
    steps = round(40 * max(task.period for task in tasks) / dt)
    runs = free_run(network, states, steps).outputs.numpy()
    done = ((k for k, task in enumerate(tasks) if strict(run, task, dt).passed) for run in runs)
    return np.array([next(found, -1) for found in done])


def signals(network: Recurrent, states: npt.ArrayLike) -> dict[str, np.ndarray]:
    """Output and cell of every unit, and its gates, along a run of the closed loop.

    Args:
        states (steps, state_dim):

    Returns:
        dict of str to numpy.ndarray, shape (steps, units): ``"h"``; of an LSTM also ``"c"``, the
        gates ``"i"``, ``"f"``, ``"o"`` and the candidate ``"g"`` with which the network leaves
        each state.

    Examples:
        >>> network = LSTM.create(inputs=2, units=8)
        >>> sorted(signals(network, np.zeros((5, 16))))
        ['c', 'f', 'g', 'h', 'i', 'o']
    """
    checks.reals("states", states, ("steps", network.state_dim))
    state = tf.cast(np.asarray(states), network.dtype)
    found = {"h": network.features(state)}
    if isinstance(network, LSTM):
        h, c = found["h"], state[:, network.units : 2 * network.units]
        sums = network.readout(state) @ network.kernel + h @ network.recurrent_kernel
        found |= network.signals(sums + network.bias, c) | {"c": c}
    return {name: signal.numpy() for name, signal in found.items()}


def activity(signal: npt.ArrayLike, outputs: npt.ArrayLike) -> Activity:
    """Level, spread and agreement with the outputs, of each column of a signal.

    Args:
        signal (steps, units):
        outputs (steps, outputs): Of the same run.

    Raises:
        ValueError: If they do not fit each other.
    """
    signal = checks.reals("signal", signal, ("steps", "units"))
    outputs = checks.reals("outputs", outputs, (len(signal), "outputs"))
    mean, spread = signal.mean(axis=0), signal.std(axis=0)
    regressors = outputs - outputs.mean(axis=0)
    solution = np.linalg.lstsq(regressors, signal - mean, rcond=None)[0]
    explained = np.std(regressors @ solution, axis=0)
    moving = spread > 0
    return Activity(mean, spread, np.divide(explained, spread, where=moving, out=0 * spread) ** 2)


def shared(first: npt.ArrayLike, second: npt.ArrayLike, thresholds: npt.ArrayLike) -> np.ndarray:
    """Of the units active in the first task, the share that is active in the second.

    Args:
        first, second (units,): How far each unit moves in either task.
        thresholds (count,): A unit is active if it moves further than this.

    Returns:
        numpy.ndarray, shape (count,): NaN where no unit is active in the first task.

    Examples:
        >>> shared([3, 2, 1], [3, 1, 0], thresholds=[0.5, 1.5, 2.5])
        array([0.66666667, 0.5       , 1.        ])
    """
    first, second = _spreads(first, second)
    levels = np.asarray(thresholds, dtype=float)[:, None]
    active = np.sum(first > levels, axis=1)
    both = np.sum((first > levels) & (second > levels), axis=1)
    return np.divide(both, active, where=active > 0, out=np.full(len(levels), np.nan))


def overlap(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    r"""The shared fraction without a threshold: :math:`\sum_j \min(a_j, b_j) / \sum_j a_j`.

    Both sums are integrals over all thresholds: :math:`\min(a_j, b_j)` is the range of thresholds
    at which unit j is active in both tasks, :math:`a_j` that at which it is in the first.

    Args:
        first, second (units,): How far each unit moves in either task.

    Examples:
        >>> overlap([3, 2, 1], [3, 1, 0])
        0.6666666666666666
    """
    first, second = _spreads(first, second)
    if not first.sum() > 0:
        raise ValueError("first: got units that do not move, expected one that does")
    return float(np.minimum(first, second).sum() / first.sum())


def selectivity(*tasks: npt.ArrayLike) -> np.ndarray:
    r"""How much of a signal's variance is a difference of level between tasks, from 0 to 1.

    The correlation ratio :math:`\eta^2`: variance of the tasks' means over the variance of all
    values together, every task with the same weight. 0 is a unit whose mean is the same in all
    tasks; 1 one that is constant in each. NaN is a signal that never changes.

    Args:
        *tasks (steps, units): The signal on each task's attractor; two or more.

    Examples:
        >>> selectivity([[0.0, 1.0], [2.0, 1.0]], [[0.0, 5.0], [2.0, 5.0]])
        array([0., 1.])
    """
    if len(tasks) < 2:
        raise ValueError(f"tasks: got {len(tasks)} signals, expected two or more")
    units = np.shape(tasks[0])[-1]
    arrays = [checks.reals("tasks", task, ("steps", units)) for task in tasks]
    between = np.var([task.mean(axis=0) for task in arrays], axis=0)
    within = np.mean([task.var(axis=0) for task in arrays], axis=0)
    total = between + within
    return np.divide(between, total, where=total > 0, out=np.full(len(total), np.nan))


class Lesioned(Wrapper):
    r"""A network some of whose units are muted, in part or wholly.

    Wherever ``h`` is read, by the recurrent weights and by the readout, it is replaced by

    .. math:: k \odot h + (1 - k) \odot l

    with what is kept, ``keep``, and a level ``l`` that takes the place of the rest. A unit acts
    on others through ``h`` alone, so ``keep`` 0 removes it with its ``c`` and its gates.

    Attributes:
        network (Recurrent):
        keep (rows, units): 0 for a unit that is removed, 1 for one that is whole. A row for each
            member of the batch is a lesion of its own; fewer rows are repeated.
        level (units,): 0, or for instance a unit's mean.
    """

    keep: tf.Tensor
    level: tf.Tensor

    def muted(self, state: tf.Tensor) -> tf.Tensor:
        """The state with units muted."""
        units = self.keep.shape[1]
        h = tf.reshape(state[:, :units], (-1, *self.keep.shape))
        h = tf.reshape(self.keep * h + (1 - self.keep) * self.level, (-1, units))
        return tf.concat([h, state[:, units:]], axis=1)

    def step(self, state: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The network's own, from the muted state."""
        return self.network.step(self.muted(state), u)

    def readout(self, state: tf.Tensor) -> tf.Tensor:
        """The network's own, of the muted state."""
        return self.network.readout(self.muted(state))

    def closed_step(self, state: tf.Tensor) -> tf.Tensor:
        """The network's own, from the muted state."""
        return self.network.closed_step(self.muted(state))


def lesions(
    network: Recurrent,
    tasks: Sequence[ClosedCurve],
    dt: float,
    keep: npt.ArrayLike,
    level: npt.ArrayLike | None = None,
    *,
    cues_per_task: int = 8,
) -> np.ndarray:
    """Which tasks survive which lesions: each lesion before the judge, all in one run.

    Args:
        tasks: As the judge takes them.
        dt: Time between samples.
        keep (lesions, units): What is kept of each unit: ``1 - np.eye(units)`` removes every unit
            in turn.
        level (units,): What takes the place of the rest; 0 by default.
        cues_per_task: For each lesion. All of them must succeed, and again after the kick.

    Returns:
        numpy.ndarray of bool, shape (lesions, tasks)

    Examples:
        >>> from mflib.multifunctionality.tasks import seeing_double
        >>> network = LSTM.create(inputs=2, units=4)
        >>> lesions(network, seeing_double(), 0.1, 1 - np.eye(4)).any()
        np.False_
    """
    keep = checks.reals("keep", keep, ("lesions", network.units))
    level = checks.reals("level", 0 * keep[0] if level is None else level, keep[0].shape)
    # the judge's cues go round the orbit; they are dealt out to the lesions in turn
    rows = np.tile(keep, (len(tasks) * cues_per_task, 1))
    lesioned = Lesioned(network, tf.cast(rows, network.dtype), tf.cast(level, network.dtype))
    count = len(keep)
    found = judge(lesioned, tasks, dt, cues_per_task=cues_per_task * count)
    verdicts = [zip(found.strict[t.name], found.recovered[t.name], strict=True) for t in tasks]
    passed = [[before.passed and after.passed for before, after in pairs] for pairs in verdicts]
    return np.all(np.reshape(passed, (len(tasks), -1, count)), axis=1).T


def decoding(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    first_fold: npt.ArrayLike,
    second_fold: npt.ArrayLike,
) -> float:
    """How well a linear rule tells two attractors apart where it was not fitted.

    Fisher's discriminant with its threshold halfway between the means, fitted to all folds but
    one and tested on that one.

    Args:
        first, second (steps, dim): Signals on the two attractors.
        first_fold, second_fold ((steps,) of int): The part of its orbit that each sample belongs
            to.

    Returns:
        float: Share of right answers, both attractors with the same weight; a coin has 0.5.
    """
    first, second = _two_sets(first, second)
    first_fold, second_fold = np.asarray(first_fold), np.asarray(second_fold)
    right = []
    for fold in np.intersect1d(first_fold, second_fold):
        fit = first[first_fold != fold], second[second_fold != fold]
        direction = fisher_discriminant(*fit)
        threshold = np.mean([part.mean(axis=0) @ direction for part in fit])
        right.append(np.mean(first[first_fold == fold] @ direction > threshold))
        right.append(np.mean(second[second_fold == fold] @ direction < threshold))
    if not right:
        raise ValueError("first_fold, second_fold: got no fold in common, expected at least two")
    return float(np.mean(right))


def matching_moments(
    first: npt.ArrayLike, second: npt.ArrayLike, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Moments of two runs at which their outputs agree.

    Args:
        first, second (steps, outputs): Outputs of two runs.
        count: How many moments of the first, evenly spread over it.

    Returns:
        numpy.ndarray of int, shape (count,): For each moment of the first run the one of the second
        with the nearest output.
    """
    first, second = _two_sets(first, second)
    count = checks.count("count", count, most=len(first))
    moments = np.linspace(0, len(first), count, endpoint=False).astype(int)
    return moments, cKDTree(second).query(first[moments])[1]


def transplant(receiver: npt.ArrayLike, donor: npt.ArrayLike, basis: npt.ArrayLike) -> np.ndarray:
    r"""Replace a part of each state by the same part of another: :math:`s + P(s' - s)`.

    Args:
        receiver, donor (batch, state_dim):
        basis (rank, state_dim): Spans the part; rows of the identity are single numbers of the
            state.

    Returns:
        numpy.ndarray, shape (batch, state_dim)

    Examples:
        >>> transplant([[1.0, 2.0]], [[5.0, 6.0]], basis=[[0.0, 1.0]])
        array([[1., 6.]])
    """
    receiver = checks.reals("receiver", receiver, ("batch", "state_dim"))
    donor = checks.reals("donor", donor, receiver.shape)
    basis = checks.reals("basis", np.atleast_2d(basis), ("rank", receiver.shape[1]))
    return receiver + (donor - receiver) @ np.linalg.pinv(basis) @ basis


def _spreads(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first = checks.reals("first", first, ("units",))
    second = checks.reals("second", second, first.shape)
    if min(first.min(), second.min()) < 0:
        raise ValueError("first, second: got numbers below 0, expected spreads")
    return first, second


def _two_sets(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first = checks.reals("first", first, ("points", "dim"))
    return first, checks.reals("second", second, ("points", first.shape[1]))
