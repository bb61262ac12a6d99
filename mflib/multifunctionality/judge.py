"""The verdict: did the closed loop do the task, and does it keep doing it?

Two judges of a circular orbit stand side by side. The **strict** one looks at the last 20 of 100
periods, and again after a kick. The **historical** one looks at six periods in the middle of 15,
as the work with reservoir computers did. A network is multifunctional when every cue of every
task passes.

The criteria are constants of this module: they were fixed before any network was trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.signal import argrelmax

from mflib.multifunctionality.tasks import Circle, cues

PERIODS = 100
"""Length of a free run, in periods of its task."""
WINDOW = 20
"""How many of the last periods are judged."""
TOLERANCE = 0.1
"""Largest error of roundness and of amplitude, in radii."""
FREQUENCY_TOLERANCE = 0.02
"""Largest relative error of the frequency."""
DRIFT_TOLERANCE = 0.01
"""Largest change of mean radius, or shift of centre, between the halves of the window, in radii."""
KICK = 0.1
"""Size of the kick, in root mean squares of the state."""


class Verdict(NamedTuple):
    """What a judge says of one orbit, and why.

    Attributes
    ----------
    passed : bool
    reason : str
        ``"faithful"``, or the first criterion that failed: ``"diverged"``, ``"fixed point"``,
        ``"wrong direction"``, ``"reverses"``, ``"not round"``, ``"wrong size"``,
        ``"wrong frequency"``, ``"drifts"``, ``"not periodic"``.
    measures : dict of str to float
        What was measured; empty for a run that diverged.
    """

    passed: bool
    reason: str
    measures: Mapping[str, float]


def strict(outputs, task: Circle, dt: float) -> Verdict:
    r"""Judge the last 20 periods of a free run against a circular orbit.

    About the task's centre, with distance :math:`r(t)` and angle :math:`\theta(t)`:

    - the angle always moves in the task's direction;
    - roundness: in every revolution, :math:`(\max r - \min r)/R \le 0.1`;
    - amplitude: :math:`|\langle r \rangle - R|/R \le 0.1`;
    - frequency: :math:`|\langle \dot\theta \rangle - \omega| / |\omega| \le 0.02`;
    - drift: between the two halves of the window, the mean radius and the mean position move by
      at most 0.01 R.

    Parameters
    ----------
    outputs : array_like, shape (steps, 2)
        A free run of at least 20 periods; only its end is looked at. Infinite or NaN values are
        a verdict, not an error.
    task : Circle
    dt : float
        Time between samples.

    Returns
    -------
    Verdict
    """
    outputs = _orbit(outputs, task, dt, WINDOW)
    window = outputs[-round(WINDOW * task.period / dt) :]
    if not np.all(np.isfinite(outputs)):
        return Verdict(False, "diverged", {})
    radius, angle = _polar(window, task)
    turned = np.diff(angle) * np.sign(task.omega)
    frequency = np.mean(np.diff(angle)) / dt
    revolutions = np.array_split(radius, WINDOW)
    measures = {
        "forward": float(np.mean(turned > 0)),
        "roundness": max(float(np.ptp(r)) for r in revolutions) / task.radius,
        "amplitude": float(np.mean(radius)) / task.radius,
        "frequency": float(frequency / task.omega),
        "drift": _drift(window, radius, angle) / task.radius,
    }
    checks = {
        "fixed point": np.max(np.ptp(window, axis=0)) > 1e-3 * task.radius,
        "wrong direction": measures["forward"] > 0.5,
        "reverses": measures["forward"] == 1,
        "not round": measures["roundness"] <= TOLERANCE,
        "wrong size": abs(measures["amplitude"] - 1) <= TOLERANCE,
        "wrong frequency": abs(measures["frequency"] - 1) <= FREQUENCY_TOLERANCE,
        "drifts": measures["drift"] <= DRIFT_TOLERANCE,
    }
    return _verdict(checks, measures)


def historical(outputs, task: Circle, dt: float) -> Verdict:
    """Judge a free run of 15 periods as the reservoir computers of 2021 to 2023 were judged.

    The window runs from 50 to 10 units of time before the end of the 15 periods. In it the
    orbit must not be a fixed point, must be periodic (the highest local maxima of y, those
    within 1 % of the largest, are at least three and come at equal intervals in the list of all
    maxima), must always turn in the right direction, and must be round on average to 0.1 radii.
    Extremes of both coordinates must lie within a tenth of a radius of the circle's, under the
    published rule: the largest maximum above 0.9 R, the smallest below 1.1 R, the least negative
    minimum below -0.9 R, the most negative above -1.1 R.

    Parameters
    ----------
    outputs : array_like, shape (steps, 2)
        A free run of at least 15 periods, of which the first 15 are judged.
    task : Circle
        With angular velocity 1 or -1, for which the published times are meant.
    dt : float

    Returns
    -------
    Verdict

    References
    ----------
    Flynn, Tsachouridis and Amann (2023), arXiv:2305.05799, and the public code of that work;
    two defects of the code are not repeated: the size of the second circle is checked too, and
    counts start at zero.
    """
    outputs = _orbit(outputs, task, dt, 15)[: round(15 * task.period / dt)]
    if not np.all(np.isfinite(outputs)):
        return Verdict(False, "diverged", {})
    window = outputs[-round(50 / dt) : -round(10 / dt)]
    radius, angle = _polar(window, task)
    turned = np.diff(angle) * np.sign(task.omega)
    revolutions = np.split(radius, _revolution_ends(angle))[1:-1]
    heights = window[argrelmax(window[:, 1])[0], 1]
    top = np.flatnonzero(heights > heights.max() * 0.99) if len(heights) else np.array([])
    measures = {
        "forward": float(np.mean(turned > 0)),
        "roundness": float(np.mean([np.ptp(r) for r in revolutions])) / task.radius
        if revolutions
        else np.inf,
    }
    checks = {
        "fixed point": np.max(np.ptp(window, axis=0)) > 1e-3 * task.radius,
        "not periodic": len(top) >= 3 and len(np.unique(np.diff(top))) == 1,
        "wrong direction": measures["forward"] > 0.5,
        "reverses": measures["forward"] == 1,
        "not round": measures["roundness"] <= TOLERANCE,
        "wrong size": all(_amplitudes_fit(x) for x in (window - task.centre).T / task.radius),
    }
    return _verdict(checks, measures)


@dataclass(frozen=True)
class Judgement:
    """What the judges say of a network.

    Attributes
    ----------
    strict : dict of str to list of Verdict
        By task, one verdict a cue, after 100 periods.
    recovered : dict of str to list of Verdict
        The same after a kick and 100 more periods.
    historical : dict of str to list of Verdict
        By task, one verdict a cue, after 15 periods.
    """

    strict: Mapping[str, Sequence[Verdict]]
    recovered: Mapping[str, Sequence[Verdict]]
    historical: Mapping[str, Sequence[Verdict]]

    @property
    def multifunctional(self) -> bool:
        """Whether every cue of every task passes the strict judge, before and after the kick."""
        return _all_passed(self.strict) and _all_passed(self.recovered)

    @property
    def historically_multifunctional(self) -> bool:
        """Whether every cue of every task passes the historical judge."""
        return _all_passed(self.historical)

    def passed(self, task: str) -> bool:
        """Whether every cue of one task passes the strict judge, before and after the kick."""
        return all(v.passed for v in (*self.strict[task], *self.recovered[task]))


def judge(
    network,
    tasks: Sequence[Circle],
    dt: float,
    *,
    cue_length: int = 63,
    cues_per_task: int = 8,
    seed: int = 0,
) -> Judgement:
    """Ask a network for every task, and judge what its closed loop does.

    The network hears a cue, and its loop is closed for 100 periods. Then its state is kicked by
    Gaussian noise of a tenth of the state's root mean square, and it runs for 100 periods more.

    Parameters
    ----------
    network : Network
        Any network in the units of the tasks.
    tasks : sequence of Circle
    dt : float
        Time between samples.
    cue_length : int
        Samples in a cue.
    cues_per_task : int
        Cues begin at places spread evenly over the orbit.
    seed : int
        Of the kicks.

    Returns
    -------
    Judgement

    Examples
    --------
    >>> from mflib.networks import LSTM
    >>> from mflib.tasks import seeing_double
    >>> judgement = judge(LSTM.create(inputs=2, units=4), seeing_double(), dt=0.1)
    >>> judgement.multifunctional
    False
    """
    from mflib.modelling.closed_loop import warm_up

    _named(tasks)
    cue = np.concatenate([cues(task, cue_length, dt, cues_per_task) for task in tasks])
    return judge_states(network, warm_up(network, cue), tasks, dt, seed=seed)


def judge_states(
    network, states, tasks: Sequence[Circle], dt: float, *, seed: int = 0
) -> Judgement:
    """Judge what the closed loop does from states in which cues have left the network.

    This is the second half of :func:`judge`, for networks that listen with another time step
    than the one their loop is run with.

    Parameters
    ----------
    network : Network
    states : array_like, shape (tasks * cues, state_dim)
        Those of the first task first, as many for each.
    tasks, dt, seed
        As for :func:`judge`.

    Returns
    -------
    Judgement
    """
    from mflib.modelling.closed_loop import free_run

    _named(tasks)
    if len(states) % len(tasks) or not len(states):
        raise ValueError(f"states: got {len(states)}, expected as many for each of the tasks")
    cues_per_task = len(states) // len(tasks)
    steps = round(PERIODS * max(task.period for task in tasks) / dt)
    first = free_run(network, states, steps)
    outputs, settled = first.outputs.numpy(), first.state.numpy()
    alive = np.all(np.isfinite(settled), axis=1)
    settled[~alive] = 0  # a run that diverged cannot be kicked: it has diverged in the second too
    rms = np.sqrt(np.mean(settled**2, axis=1, keepdims=True))
    kick = KICK * rms * np.random.default_rng(seed).normal(size=settled.shape)
    second = free_run(network, settled + kick, steps).outputs.numpy()
    second[~alive] = np.nan

    def verdicts(judge_orbit, outputs):
        runs = outputs.reshape(len(tasks), cues_per_task, steps, -1)
        return {
            task.name: [judge_orbit(run, task, dt) for run in of_task]
            for task, of_task in zip(tasks, runs, strict=True)
        }

    return Judgement(
        strict=verdicts(strict, outputs),
        recovered=verdicts(strict, second),
        historical=verdicts(historical, outputs),
    )


def _named(tasks: Sequence[Circle]) -> None:
    names = [task.name for task in tasks]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"tasks: got names {names}, expected one or more, all different")


def _verdict(checks, measures) -> Verdict:
    failed = [reason for reason, holds in checks.items() if not holds]
    return Verdict(not failed, failed[0] if failed else "faithful", measures)


def _orbit(outputs, task: Circle, dt: float, periods: int) -> np.ndarray:
    outputs = np.asarray(outputs, dtype=float)
    if not dt > 0:
        raise ValueError(f"dt: got {dt}, expected a positive time")
    needed = round(periods * task.period / dt)
    if outputs.ndim != 2 or outputs.shape[1] != 2 or len(outputs) < needed:
        raise ValueError(
            f"outputs: got shape {outputs.shape}, expected (steps, 2) with at least {needed} "
            f"steps, {periods} periods"
        )
    return outputs


def _polar(window: np.ndarray, task: Circle) -> tuple[np.ndarray, np.ndarray]:
    x, y = (window - np.asarray(task.centre)).T
    return np.hypot(x, y), np.unwrap(np.arctan2(y, x))


def _revolution_ends(angle: np.ndarray) -> np.ndarray:
    turns = np.floor(np.abs(angle - angle[0]) / (2 * np.pi)).astype(int)
    return np.flatnonzero(np.diff(turns) > 0) + 1


def _drift(window: np.ndarray, radius: np.ndarray, angle: np.ndarray) -> float:
    """How far the orbit's centre and mean radius move from one half of the window to the other.

    The halves are cut where the orbit itself closes: over parts of a revolution means differ.
    """
    ends = _revolution_ends(angle)
    if len(ends) < 3:
        return np.inf
    first, second = np.split(np.column_stack([window, radius]), [ends[len(ends) // 2], ends[-1]])[
        :2
    ]
    change = second.mean(axis=0) - first.mean(axis=0)
    return max(float(np.linalg.norm(change[:2])), float(abs(change[2])))


def _amplitudes_fit(x: np.ndarray) -> bool:
    """The published rule on the local extremes of one coordinate, in radii about the centre."""
    maxima, minima = x[argrelmax(x)[0]], x[argrelmax(-x)[0]]
    if len(maxima) == 0 or len(minima) == 0:
        return False
    low, high = 1 - TOLERANCE, 1 + TOLERANCE
    return (
        maxima.max() > low and maxima.min() < high and minima.max() < -low and minima.min() > -high
    )


def _all_passed(verdicts: Mapping[str, Sequence[Verdict]]) -> bool:
    return all(verdict.passed for of_task in verdicts.values() for verdict in of_task)
