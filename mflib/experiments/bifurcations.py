"""LSTMs that see double, with a parameter turned until a circle is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mflib.experiments.reservoir_computers import COARSE, TURN
from mflib.experiments.seeing_double import training_orbits
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.exponents import network_spectrum
from mflib.modelling.perturbations import (
    Branch,
    interpolate_weights,
    residence_time,
    rotation,
    run_with_kicks,
    scale_recurrence,
    shift_forget_bias,
    sweep_parameter,
)
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.judge import judge
from mflib.multifunctionality.tasks import cues, seeing_double
from mflib.networks.lstm import LSTM

PARAMETER_SWEEPS = {
    "gain up": (scale_recurrence, np.linspace(1, 2, 51)),
    "gain down": (scale_recurrence, np.linspace(1, 0.6, 41)),
    "bias up": (shift_forget_bias, np.linspace(0, 2, 41)),
    "bias down": (shift_forget_bias, np.linspace(0, -2, 41)),
}
"""How a parameter is changed, and through which values."""
LESSON_STEPS = 0, 5, 10, 20, 50, 100, 200, 500, 2000
"""Steps of the second task's lesson, each a whole lesson with its own fall of the rate."""
SHARES = np.linspace(0, 1, 11)
"""Places on the straight line between two networks' weights."""
GRID = np.linspace(0.8, 2, 13), np.linspace(-1, 1, 13)
"""Gains and shifts of the forget bias."""
KICKS = 0.1, 0.15, 0.2, 0.3, 0.5
"""Sizes of repeated kicks, in root mean squares of the state."""


@dataclass(frozen=True)
class Bifurcation:
    """An LSTM at total overlap, and what is changed about it.

    Attributes
    ----------
    study : {"edges", "blending", "sequence", "again"}
        Parameters turned after training; shares of the tasks in training; one task trained after
        the other, and the weights of two networks mixed; the same task trained a second time.
    units : int
    seed : int
        Of its initial weights and its training.
    copies : int
        How many of eight windows in training are of task A.
    """

    study: str
    units: int
    seed: int
    copies: int = 4


def cued_states(network, *, turns: int = 30, count: int = 1) -> np.ndarray:
    """States in which cues of A, then of B, leave the network after some turns by itself.

    Returns
    -------
    numpy.ndarray, shape (2 * count, state_dim)
    """
    cue = np.concatenate([cues(task, TURN, COARSE, count=count) for task in seeing_double()])
    return free_run(network, warm_up(network, cue), TURN * turns).state.numpy()


def there_and_back(network, way: str) -> tuple[Branch, Branch]:
    """Follow both circles along one of the ``WAYS``, and the runs back again.

    Returns
    -------
    out, back : Branch
        Ten turns at each value, after thirty to settle; members are A and B.
    """
    change, values = PARAMETER_SWEEPS[way]
    times = {"settle": 30 * TURN, "steps": 10 * TURN}
    out = sweep_parameter(
        lambda value: change(network, value), values, cued_states(network), **times
    )
    back = sweep_parameter(
        lambda value: change(network, value), values[::-1], out.states[-1], **times
    )
    return out, back


def loss_index(branch: Branch) -> list[int | None]:
    """The position of the first value at which A, B no longer turns its way, or None."""
    away = rotation(branch.outputs, COARSE).direction != [1, -1]
    return [int(np.argmax(one)) if one.any() else None for one in away.T]


def after_loss(network, branch: Branch, position: int, member: int) -> str:
    """What a run does at a value of the parameter where its circle is lost.

    Parameters
    ----------
    network : LSTM
        At that value.
    branch : Branch
    position, member : int
        Of the value in the branch, and 0 for A or 1 for B.

    Returns
    -------
    str
        ``"rest"``; ``"other"``, if it turns all the time, the other way; ``"chaos"``, if it
        reverses and the largest exponent is above 0.01 per unit of time; otherwise ``"reverses"``.
    """
    run = rotation(branch.outputs[position, member], COARSE)
    if run.radius < 0.05:
        return "rest"
    if run.direction:
        return "other"
    state = branch.states[position, [member]]
    largest = network_spectrum(network, state, steps=200 * TURN, dt=COARSE, count=1).exponents[0]
    return "chaos" if largest > 0.01 else "reverses"


def bistable_region(network, gains, shifts) -> np.ndarray:
    """Which circles a cue still calls up when the gain and the forget bias are changed.

    Parameters
    ----------
    network : LSTM
    gains, shifts : array_like
        Of the recurrent kernel, and of the forget gates' biases.

    Returns
    -------
    numpy.ndarray of bool, shape (shifts, gains, 2)
        Whether the run after a cue of A, of B turns its way all through the last ten of 40 turns.
    """
    changed = [[shift_forget_bias(scale_recurrence(network, g), b) for g in gains] for b in shifts]
    ends = [
        [free_run(one, cued_states(one), 10 * TURN).outputs.numpy() for one in row]
        for row in changed
    ]
    return rotation(ends, COARSE).direction == [1, -1]


def half_turn_directions(outputs) -> np.ndarray:
    """Which way planar runs turn, by half turns.

    Returns
    -------
    numpy.ndarray of int, shape (batch, half turns)
        1 or -1 if the run moves at least a quarter turn about the origin in 32 steps, else 0.
    """
    outputs = np.asarray(outputs, dtype=float)
    halves = outputs[:, : outputs.shape[1] // 32 * 32].reshape(len(outputs), -1, 32, 2)
    angle = np.unwrap(np.arctan2(halves[..., 1], halves[..., 0]), axis=-1)
    moved = angle[..., -1] - angle[..., 0]
    return np.where(np.abs(moved) > np.pi / 2, np.sign(moved), 0).astype(int)


def bisect_loss(network_at, good, bad, state, sign: int, rounds: int = 12) -> Branch:
    """Come as near as possible to the value at which a circle is lost, and never lose it.

    Each round goes half the way that is left; where the circle would be lost, the run is taken
    back, and this value is the new end of the way.

    Parameters
    ----------
    network_at : callable
    good, bad : float
        Values of the parameter at which the circle is there and at which it is not.
    state : array_like, shape (1, state_dim)
        On the circle at ``good``.
    sign : int
        Its direction.
    rounds : int

    Returns
    -------
    Branch
        At the values where the circle was there, after 200 turns each, with ten turns.
    """
    values, outputs, states = [], [], []
    for _ in range(rounds):
        middle = (good + bad) / 2
        step = sweep_parameter(network_at, [middle], state, settle=200 * TURN, steps=10 * TURN)
        if rotation(step.outputs, COARSE).direction[0, 0] != sign:
            bad = middle
            continue
        good, state = middle, step.states[0]
        values.append(middle)
        outputs.append(step.outputs[0])
        states.append(state)
    return Branch(np.array(values), np.array(outputs), np.array(states))


def bifurcation(configuration: Bifurcation) -> dict:
    """Measure what a configuration's study asks for."""
    network = LSTM.create(inputs=2, units=configuration.units, seed=configuration.seed)
    return STUDIES[configuration.study](network, configuration)


def _lesson(network, trajectories, seed, steps=2000):
    if not steps:
        return network
    return train(
        network, trajectories, TrainingConfig(steps=steps), seed=seed, progress=False
    ).network


def _does(network, seed=0) -> list[bool]:
    """Whether A, and whether B, pass the strict judge."""
    found = judge(network, seeing_double(), COARSE, seed=seed)
    return [found.passed("A"), found.passed("B")]


def _edges(network, configuration) -> dict:
    """Where the circles are lost, what follows, what comes back; and residence under kicks.

    For each way and circle: ``lost``, the value of the parameter, or None if it is never lost;
    ``after``, in a word; ``returned``, whether the run is on its circle again when the parameter
    is back; ``direction``, ``frequency`` and ``radius`` at all values, out and back. For each
    size of kicks ``residence``, in turns, of 16 runs and 400 turns. ``switching``: where both
    circles are lost for the first time, the shares of half turns, of 300 turns, in which the run
    from A turns one way and the other. ``exponents``: of A and of B, the second exponent with the
    gain at 1 and turned down as far as the circle bears. ``island``: the share of the ``GRID`` in
    which cues call up A, B, both and either.
    """
    network = _lesson(network, training_orbits(), configuration.seed)
    result = {"does": _does(network, configuration.seed), "ways": {}}
    for way, (change, values) in PARAMETER_SWEEPS.items():
        out, back = there_and_back(network, way)
        found = [rotation(branch.outputs, COARSE) for branch in (out, back)]
        ends = loss_index(out)
        result["ways"][way] = {
            "lost": [None if k is None else float(values[k]) for k in ends],
            "after": [
                None if k is None else after_loss(change(network, values[k]), out, k, member)
                for member, k in enumerate(ends)
            ],
            "switching": _switching(network, way, out, ends),
            "returned": (found[1].direction[-1] == [1, -1]).tolist(),
            "direction": [x.direction.T.tolist() for x in found],
            "frequency": [x.frequency.T.round(3).tolist() for x in found],
            "radius": [x.radius.T.round(3).tolist() for x in found],
        }
    downwards = result["ways"]["gain down"]["lost"]
    result["exponents"] = [_contraction(network, m, end) for m, end in enumerate(downwards)]
    a, b = np.moveaxis(bistable_region(network, *GRID), -1, 0)
    result["island"] = [float(np.mean(x)) for x in (a, b, a & b, a | b)]
    states = cued_states(network, count=8)
    result["residence"] = []
    for kick in KICKS:
        runs = run_with_kicks(
            network, states, kick=kick, every=TURN, times=400, seed=configuration.seed
        )
        time = residence_time(rotation(runs, COARSE).direction)
        result["residence"].append(time if np.isfinite(time) else None)
    return result


def _switching(network, way, out, ends):
    if None in ends:
        return None
    change, values = PARAMETER_SWEEPS[way]
    last = max(ends)
    run = free_run(change(network, values[last]), out.states[last, [0]], 300 * TURN)
    halves = half_turn_directions(run.outputs)
    return [float(np.mean(halves == sign)) for sign in (1, -1)]


def _contraction(network, member, end):
    if end is None:
        return None
    change, states = PARAMETER_SWEEPS["gain down"][0], cued_states(network)[[member]]
    edge = bisect_loss(lambda g: change(network, g), 1, end, states, (1, -1)[member], rounds=9)
    ends = [(1.0, states), *list(zip(edge.values, edge.states, strict=True))[-1:]]
    options = {"steps": 200 * TURN, "dt": COARSE, "count": 2}
    return [
        float(network_spectrum(change(network, g), state, **options).exponents[1])
        for g, state in ends
    ]


def _blending(network, configuration) -> dict:
    """Whether A and B pass after training on ``copies`` windows of A and the rest of B."""
    a, b = training_orbits()
    copies = configuration.copies
    network = _lesson(network, [a] * copies + [b] * (8 - copies), configuration.seed)
    return {"does": _does(network, configuration.seed)}


def _sequence(network, configuration) -> dict:
    """Whether A and B pass after A alone and a lesson of B; and on the line to B's weights.

    ``after``: for each of the ``LESSONS``. ``rehearsed``: after the longest with one window of
    eight of A. ``same``, ``different``: at each of the ``SHARES`` of
    the way from the network of A to one of B, from the same and from other initial weights.
    """
    (a, b), seed = training_orbits(), configuration.seed
    first = _lesson(network, [a], seed)
    other = LSTM.create(inputs=2, units=configuration.units, seed=1000 + seed)
    second, third = _lesson(network, [b], seed), _lesson(other, [b], seed)

    def on_the_line(end):
        return [_does(interpolate_weights(first, end, share), seed) for share in SHARES]

    return {
        "after": [_does(_lesson(first, [b], seed, steps), seed) for steps in LESSON_STEPS],
        "rehearsed": _does(_lesson(first, [a] + 7 * [b], seed), seed),
        "same": on_the_line(second),
        "different": on_the_line(third),
    }


def _again(network, configuration) -> dict:
    """Whether A and B pass after A alone and each of the ``LESSONS`` of A once more."""
    (a, _), seed = training_orbits(), configuration.seed
    first = _lesson(network, [a], seed)
    return {"after": [_does(_lesson(first, [a], seed, steps), seed) for steps in LESSON_STEPS]}


STUDIES = {"edges": _edges, "blending": _blending, "sequence": _sequence, "again": _again}
BIFURCATIONS = [
    *(Bifurcation("sequence", 8, seed) for seed in range(20)),
    *(Bifurcation("edges", 8, seed) for seed in range(20)),
    *(Bifurcation("blending", 8, seed, copies) for seed in range(10) for copies in range(9)),
    *(Bifurcation("again", 8, seed) for seed in range(20)),
]
"""Studies and seeds, recorded in ``data/bifurcations.jsonl``."""
