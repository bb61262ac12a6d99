"""The verdict: did the closed loop do the task, and is it still doing it after a kick?

Two judges stand side by side. The **strict** one looks at the last 20 of 100 periods of a closed
curve, and again after a kick. The **historical** one looks at six periods of a circle in the middle
of 15, as the work with reservoir computers did. A network is multifunctional when every cue of
every task passes the strict judge.

The criteria are constants of this module: they were fixed before any network was trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import argrelmax
from scipy.spatial import cKDTree

from mflib import checks
from mflib.multifunctionality.tasks import Circle, ClosedCurve, cues

if TYPE_CHECKING:  # judging an orbit needs no TensorFlow
    from mflib.networks.recurrent import Network

#: Length of a free run, in periods of its task.
PERIODS = 100
#: How many of the last periods are judged.
WINDOW = 20
#: Largest error of roundness and of amplitude, in radii.
TOLERANCE = 0.1
#: Largest relative error of the frequency.
FREQUENCY_TOLERANCE = 0.02
#: Largest change of mean radius, or shift of centre, between the halves of the window, in radii.
DRIFT_TOLERANCE = 0.01
#: Size of the kick, in root mean squares of the state.
KICK = 0.1
#: Of a closed curve, with which an orbit is compared.
POINTS = 2000


class Verdict(NamedTuple):
    """What a judge says of one orbit, and why.

    Attributes:
        reason: ``"faithful"``, or the first criterion that failed: ``"diverged"``, ``"fixed
            point"``, ``"wrong direction"``, ``"reverses"``, ``"not round"``, ``"wrong size"``,
            ``"off the curve"``, ``"wrong frequency"``, ``"drifts"``, ``"not periodic"``.
        measures: What was measured; empty for a run that diverged.
    """

    passed: bool
    reason: str
    measures: Mapping[str, float]


def strict(outputs: npt.ArrayLike, task: ClosedCurve, dt: float) -> Verdict:
    r"""Judge the last 20 periods of a free run against a closed curve.

    Of a circle, about its centre, with distance :math:`r(t)` and angle :math:`\theta(t)`:

    - the angle always moves in the task's direction;
    - roundness: in every revolution, :math:`(\max r - \min r)/R \le 0.1`;
    - amplitude: :math:`|\langle r \rangle - R|/R \le 0.1`;
    - frequency: :math:`|\langle \dot\theta \rangle - \omega| / |\omega| \le 0.02`;
    - drift: between the two halves of the window, the mean radius and the mean position move by
      at most 0.01 R.

    Of any other curve, with the phase of its point nearest in position and velocity for the
    angle, and its size (root mean square distance from its centre) for R, the same of direction,
    frequency and the mean position; and shape: every point lies within 0.1 sizes of the curve.

    Args:
        outputs (steps, 2): A free run of at least 20 periods; only its end is looked at. Infinite
            or NaN values are a verdict, not an error.
        dt: Time between samples.

    Raises:
        ValueError: If the run is too short or of another shape, or the task is no closed curve.
    """
    outputs = _orbit(outputs, task, dt, WINDOW)
    if not np.all(np.isfinite(outputs)):
        return Verdict(False, "diverged", {})
    window = outputs[-round(WINDOW * task.period / dt) :]
    moved = max(np.ptp(x) for x in window.T)
    if isinstance(task, Circle):
        size, ahead = task.radius, 1
        distance, phase = _polar(window, task)
        first = [turn[0] for turn in np.array_split(np.arange(len(distance)), WINDOW)]
        reach = np.maximum.reduceat(distance, first) - np.minimum.reduceat(distance, first)
        measures = {
            "roundness": float(np.max(reach)) / size,
            "amplitude": float(np.mean(distance)) / size,
        }
    else:
        size, distance, phase = _along_the_curve(window, task, dt)
        window, ahead = window[1:-1], max(1, round(task.period / dt / 8))  # past the phases' grid
        measures = {"distance": float(np.max(distance)) / size}
    steps = phase[ahead:] - phase[:-ahead]
    measures |= {
        "forward": float(np.mean(steps * np.sign(task.omega) > 0)),
        "frequency": float(np.mean(np.diff(phase)) / dt / task.omega),
        "drift": _drift(window, distance, phase) / size,
    }
    criteria = {
        "fixed point": moved > 1e-3 * size,
        "wrong direction": measures["forward"] > 0.5,
        "reverses": measures["forward"] == 1,
        "not round": measures.get("roundness", 0) <= TOLERANCE,
        "wrong size": abs(measures.get("amplitude", 1) - 1) <= TOLERANCE,
        "off the curve": measures.get("distance", 0) <= TOLERANCE,
        "wrong frequency": abs(measures["frequency"] - 1) <= FREQUENCY_TOLERANCE,
        "drifts": measures["drift"] <= DRIFT_TOLERANCE,
    }
    return _verdict(criteria, measures)


def _along_the_curve(
    window: np.ndarray, task: ClosedCurve, dt: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Size of a curve; distances from it, and phases on it, of all points but those at the ends."""
    phases = 2 * np.pi * np.arange(POINTS) / POINTS
    curve = task.at(phases)
    size = float(np.sqrt(np.sum(np.var(curve, axis=0))))
    velocity = (task.at(phases + task.omega * dt) - task.at(phases - task.omega * dt)) / 2
    # velocities tell branches apart where a curve crosses itself, and never outweigh the position
    weight = 0.3 * size / np.sqrt(np.mean(np.sum(velocity**2, axis=1)))
    window, moved = window[1:-1], (window[2:] - window[:-2]) / 2
    nearest = cKDTree(np.hstack([curve, weight * velocity]))
    phase = phases[nearest.query(np.hstack([window, weight * moved]))[1]]
    return size, cKDTree(curve).query(window)[0], np.unwrap(phase)


def historical(outputs: npt.ArrayLike, task: Circle, dt: float) -> Verdict:
    """Judge a free run of 15 periods as the reservoir computers of 2021 to 2023 were judged.

    The window runs from 50 to 10 units of time before the end of the 15 periods. In it the
    orbit must not be a fixed point, must be periodic (the highest local maxima of y, those
    within 1 % of the largest, are at least three and come at equal intervals in the list of all
    maxima), must always turn in the right direction, and must be round on average to 0.1 radii.
    Extremes of both coordinates must lie within a tenth of a radius of the circle's, under the
    published rule: the largest maximum above 0.9 R, the smallest below 1.1 R, the least negative
    minimum below -0.9 R, the most negative above -1.1 R.

    Args:
        outputs (steps, 2): A free run of at least 15 periods, of which the first 15 are judged.
        task: With angular velocity 1 or -1, for which the published times are meant.

    References:
        Flynn, Tsachouridis and Amann (2023), arXiv:2305.05799, and the public code of that work;
        two defects of the code are not repeated: the size of the second circle is checked too, and
        counts start at zero.
    """
    outputs = _orbit(outputs, task, dt, 15)[: round(15 * task.period / dt)]
    if not np.all(np.isfinite(outputs)):
        return Verdict(False, "diverged", {})
    window = outputs[-round(50 / dt) : -round(10 / dt)]
    radius, angle = _polar(window, task)
    revolutions = np.split(radius, _revolution_ends(angle))[1:-1]
    roundness = np.mean([np.ptp(r) for r in revolutions]) if revolutions else np.inf
    heights = window[argrelmax(window[:, 1])[0], 1]
    top = np.flatnonzero(heights > 0.99 * max(heights, default=0))
    measures = {
        "forward": float(np.mean(np.diff(angle) * np.sign(task.omega) > 0)),
        "roundness": float(roundness) / task.radius,
    }
    criteria = {
        "fixed point": np.max(np.ptp(window, axis=0)) > 1e-3 * task.radius,
        "not periodic": len(top) >= 3 and len(np.unique(np.diff(top))) == 1,
        "wrong direction": measures["forward"] > 0.5,
        "reverses": measures["forward"] == 1,
        "not round": measures["roundness"] <= TOLERANCE,
        "wrong size": all(_amplitudes_fit(x) for x in (window - task.centre).T / task.radius),
    }
    return _verdict(criteria, measures)


@dataclass(frozen=True)
class Judgement:
    """What the judges say of a network.

    Attributes:
        strict (dict of str to list of Verdict): By task, one verdict a cue, after 100 periods.
        recovered (dict of str to list of Verdict): The same after a kick and 100 more periods.
        historical (dict of str to list of Verdict): By task, one verdict a cue, after 15 periods;
            of circles only.
    """

    strict: Mapping[str, Sequence[Verdict]]
    recovered: Mapping[str, Sequence[Verdict]]
    historical: Mapping[str, Sequence[Verdict]]

    @property
    def multifunctional(self) -> bool:
        """Whether every cue of every task passes the strict judge, before and after the kick."""
        return all(self.passed(task) for task in self.strict)

    @property
    def historically_multifunctional(self) -> bool:
        """Whether every cue of every task passes the historical judge, which knows circles only."""
        verdicts = [v for of_task in self.historical.values() for v in of_task]
        return self.historical.keys() == self.strict.keys() and all(v.passed for v in verdicts)

    def passed(self, task: str) -> bool:
        """Whether every cue of one task passes the strict judge, before and after the kick."""
        return all(v.passed for v in (*self.strict[task], *self.recovered[task]))


def judge(
    network: Network,
    tasks: Sequence[ClosedCurve],
    dt: float,
    *,
    cue_length: int = 63,
    cues_per_task: int = 8,
    seed: int = 0,
) -> Judgement:
    """Ask a network for every task, and judge what its closed loop does.

    The network is driven by a cue, and its loop is closed for 100 periods. Then its state is kicked
    by Gaussian noise of a tenth of the state's root mean square, and it runs for 100 periods more.

    Args:
        network: Any network in the units of the tasks.
        dt: Time between samples.
        cue_length: Samples in a cue.
        cues_per_task: Cues begin at places spread evenly over the orbit.
        seed: Of the kicks.

    Examples:
        >>> from mflib.networks.lstm import LSTM
        >>> from mflib.multifunctionality.tasks import seeing_double
        >>> judgement = judge(LSTM.create(inputs=2, units=4), seeing_double(), dt=0.1)
        >>> judgement.multifunctional
        False
    """
    from mflib.modelling.closed_loop import warm_up

    _named(tasks)
    cue = np.concatenate([cues(task, cue_length, dt, cues_per_task) for task in tasks])
    return judge_states(network, warm_up(network, cue), tasks, dt, seed=seed)


def judge_states(
    network: Network, states: npt.ArrayLike, tasks: Sequence[ClosedCurve], dt: float, seed: int = 0
) -> Judgement:
    """Judge what the closed loop does from states in which cues have left the network.

    This is the second half of :func:`judge`, for networks that are driven with another time step
    than the one their loop is run with.

    Args:
        states (tasks * cues, state_dim): Those of the first task first, as many for each.
        tasks, dt, seed: As for :func:`judge`.
    """
    from mflib.modelling.closed_loop import free_run

    _named(tasks)
    states = np.asarray(states)
    if len(states) % len(tasks) or not len(states):
        raise ValueError(f"states: got {len(states)}, expected as many for each of the tasks")
    steps = round(PERIODS * max(task.period for task in tasks) / dt)
    first = free_run(network, states, steps)
    outputs, settled = first.outputs.numpy(), first.state.numpy()
    alive = np.all(np.isfinite(settled), axis=1)
    settled[~alive] = 0  # a run that diverged cannot be kicked: it has diverged in the second too
    second = free_run(network, kicked_states(settled, seed), steps).outputs.numpy()
    second[~alive] = np.nan

    def verdicts(judge_orbit, outputs):
        runs = outputs.reshape(len(tasks), -1, *outputs.shape[1:])
        return {
            task.name: [judge_orbit(run, task, dt) for run in of_task]
            for task, of_task in zip(tasks, runs, strict=True)
            if isinstance(task, Circle) or judge_orbit is strict
        }

    before, after = verdicts(strict, outputs), verdicts(strict, second)
    return Judgement(before, after, verdicts(historical, outputs))


def kicked_states(states: np.ndarray, seed: int = 0) -> np.ndarray:
    """States with Gaussian noise added, of a tenth of each state's own root mean square."""
    rms = np.sqrt(np.mean(states**2, axis=1, keepdims=True))
    return states + KICK * rms * np.random.default_rng(seed).normal(size=states.shape)


def _named(tasks: Sequence[ClosedCurve]) -> None:
    names = [task.name for task in tasks]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"tasks: got names {names}, expected one or more, all different")


def _verdict(criteria: Mapping[str, bool], measures: Mapping[str, float]) -> Verdict:
    failed = [reason for reason, holds in criteria.items() if not holds]
    return Verdict(not failed, failed[0] if failed else "faithful", measures)


def _orbit(outputs: npt.ArrayLike, task: ClosedCurve, dt: float, periods: int) -> np.ndarray:
    if not isinstance(task, ClosedCurve):
        raise ValueError(f"task: got {task!r}, expected a closed curve")
    needed = round(periods * task.period / checks.real("dt", dt, above=0))
    return checks.reals("outputs", outputs, ("steps", 2), finite=False, least=needed)


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
    halves = np.split(np.column_stack([window, radius]), [ends[len(ends) // 2], ends[-1]])
    change = halves[1].mean(axis=0) - halves[0].mean(axis=0)
    return max(float(np.linalg.norm(change[:2])), float(abs(change[2])))


def _amplitudes_fit(x: np.ndarray) -> bool:
    """The published rule on the local extremes of one coordinate, in radii about the centre."""
    top, bottom = x[argrelmax(x)[0]], x[argrelmax(-x)[0]]
    if not len(top) or not len(bottom):
        return False
    low, high = 1 - TOLERANCE, 1 + TOLERANCE
    return top.max() > low and top.min() < high and bottom.max() < -low and bottom.min() > -high
