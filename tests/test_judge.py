"""The judge on orbits whose verdict is known, and on networks that cannot pass."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from mflib.modelling.closed_loop import warm_up
from mflib.multifunctionality.judge import (
    Judgement,
    Verdict,
    historical,
    judge,
    judge_states,
    strict,
)
from mflib.multifunctionality.tasks import (
    Attractor,
    Circle,
    ClosedCurve,
    Lissajous,
    cues,
    seeing_double,
)
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Network

DT = 0.1
A, B = seeing_double(x_cen=2.0)
TIME = DT * np.arange(6300)  # a hundred periods


def orbit(task, radius=None, omega=None, centre=None, squash=1.0):
    radius = task.radius if radius is None else radius
    angle = (task.omega if omega is None else omega) * TIME
    centre = np.asarray(task.centre if centre is None else centre)
    return centre.T + np.stack([radius * np.cos(angle), squash * radius * np.sin(angle)], axis=-1)


FAITHFUL = {
    "exact": orbit(A),
    "a little large": orbit(A, radius=5 * 1.08),
    "a little fast": orbit(A, omega=1.015),
    "a little oval": orbit(A, squash=0.95),
    "noisy": orbit(A) + np.random.default_rng(0).normal(0, 0.05, (6300, 2)),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_passes(name):
    verdict = strict(FAITHFUL[name], A, DT)
    assert verdict.passed, verdict
    assert verdict.reason == "faithful"


UNFAITHFUL = {
    "diverged": np.where(TIME[:, None] > 600, np.nan, orbit(A)),
    "fixed point": np.full((6300, 2), 3.0),
    "wrong direction": orbit(A, omega=-1.0),
    "reverses": orbit(A) + np.stack([np.zeros(6300), 2 * np.sin(9 * TIME)], axis=-1),
    "not round": orbit(A, squash=0.8),
    "wrong size": orbit(A, radius=4.4),
    "wrong frequency": orbit(A, omega=1.03),
    "drifts": orbit(A, centre=np.stack([2 + 0.0015 * (TIME - TIME[-1]), 0 * TIME])),
}


@pytest.mark.parametrize("reason", UNFAITHFUL)
def test_fails_for_the_right_reason(reason):
    verdict = strict(UNFAITHFUL[reason], A, DT)
    assert not verdict.passed
    assert verdict.reason == reason


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_one_bad_value_anywhere_is_divergence(value):
    outputs = orbit(A)
    outputs[10, 1] = value
    assert strict(outputs, A, DT) == Verdict(False, "diverged", {})
    assert historical(outputs, A, DT).reason == "diverged"


def test_the_other_circle_fails():
    assert not strict(orbit(B), A, DT).passed
    assert not historical(orbit(B), A, DT).passed


@pytest.mark.parametrize("task", [A, B, *seeing_double(0.0)])
def test_both_judges_pass_every_true_circle(task):
    assert strict(orbit(task), task, DT).passed
    assert historical(orbit(task), task, DT).passed


def test_a_slow_spiral_passes_15_periods_and_fails_100():
    spiral = orbit(A, radius=5 * np.exp(-0.0005 * TIME))
    assert historical(spiral, A, DT).passed
    assert not strict(spiral, A, DT).passed


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (np.full((6300, 2), 3.0), "fixed point"),
        (orbit(A, omega=-1.0), "wrong direction"),
        (orbit(A, radius=4.0), "wrong size"),
        (orbit(A, radius=6.0), "wrong size"),
        (orbit(A, squash=0.85), "not round"),
        (orbit(A, radius=5 * (1 + 0.05 * np.sin(0.55 * TIME))), "not periodic"),
    ],
)
def test_historical_failures(outputs, reason):
    verdict = historical(outputs, A, DT)
    assert not verdict.passed
    assert verdict.reason == reason


def test_shuffled_tasks_fail():
    """A judge told the wrong task says no: labels matter to the verdict."""
    swapped = {"A": orbit(B), "B": orbit(A)}
    assert not any(strict(swapped[task.name], task, DT).passed for task in (A, B))


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (orbit(A)[:500], "outputs: got shape"),
        (orbit(A)[:, :1], "outputs: got shape"),
        (orbit(A)[None], "outputs: got shape"),
    ],
)
def test_bad_orbits(outputs, message):
    with pytest.raises(ValueError, match=message):
        strict(outputs, A, DT)
    with pytest.raises(ValueError, match="dt: got 0"):
        strict(orbit(A), A, 0)


def test_an_untrained_network_is_judged_not_crashed():
    judgement = judge(LSTM.create(2, 4), (A, B), DT, cues_per_task=3)
    assert not judgement.multifunctional
    assert not judgement.historically_multifunctional
    assert not judgement.passed("A")
    assert {name: len(v) for name, v in judgement.recovered.items()} == {"A": 3, "B": 3}


class Spiral(Network):
    """A network that is its own last input, turned and stretched: it leaves all bounds."""

    stretch: float
    inputs = outputs = state_dim = property(lambda self: 2)
    dtype = property(lambda self: tf.float32)

    def initial_state(self, batch):
        return tf.zeros((batch, 2))

    def step(self, state, u):
        turn = [[np.cos(DT), np.sin(DT)], [-np.sin(DT), np.cos(DT)]]
        return self.stretch * u @ tf.constant(turn, tf.float32)

    def readout(self, state):
        return state


def test_a_network_that_diverges_is_judged_not_crashed():
    tasks = seeing_double(0.0)[:1]
    assert judge(Spiral(1.0), tasks, DT, cues_per_task=2).strict["A"][0].passed
    judgement = judge(Spiral(1.5), tasks, DT, cues_per_task=2)
    for verdicts in (judgement.strict, judgement.recovered, judgement.historical):
        assert {verdict.reason for verdict in verdicts["A"]} == {"diverged"}
    assert not judgement.multifunctional
    assert not judgement.historically_multifunctional


def test_every_cue_counts():
    good, bad = Verdict(True, "faithful", {}), Verdict(False, "drifts", {})
    passing = {"A": [good, good], "B": [good]}
    failing = {"A": [good, good], "B": [bad]}
    assert Judgement(passing, passing, failing).multifunctional
    assert not Judgement(passing, passing, failing).historically_multifunctional
    assert not Judgement(passing, failing, passing).multifunctional
    assert not Judgement(failing, passing, passing).multifunctional
    assert Judgement(failing, passing, passing).passed("A")


def test_states_are_judged_as_their_cues_are():
    cue = np.concatenate([cues(task, 63, DT, 2) for task in (A, B)])
    network = LSTM.create(2, 4, seed=1)
    by_cue = judge(network, (A, B), DT, cues_per_task=2, seed=3)
    assert judge_states(network, warm_up(network, cue), (A, B), DT, seed=3) == by_cue
    with pytest.raises(ValueError, match="states: got 3"):
        judge_states(network, np.zeros((3, 8)), (A, B), DT)


def test_tasks_need_names_of_their_own():
    with pytest.raises(ValueError, match="tasks: got names"):
        judge(LSTM.create(2, 4), (A, A), DT)


def test_circle_of_another_speed():
    fast = Circle("fast", 2.0, omega=-3.0)
    assert strict(orbit(fast), fast, 0.1).passed


@dataclass(frozen=True)
class Egg(ClosedCurve):
    """A curve of a user's own: an oval with a blunt end, somewhere off the origin."""

    name: str = "egg"
    omega: float = 0.7

    def at(self, phase):
        x = 3 * np.cos(phase)
        return np.stack([5 + x, 2 * np.sin(phase) * (1 + 0.1 * x)], axis=-1)


CURVES = [
    Egg(),
    Egg(omega=-2.0),
    *(Lissajous(a, b, backwards=back) for a, b in ((1, 2), (3, 2), (3, 4)) for back in (0, 1)),
]


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_the_strict_judge_knows_any_closed_curve(curve):
    run = curve.trajectory(round(25 * curve.period / 0.1), 0.1, phase=1.0)
    noise = np.random.default_rng(0).normal(size=run.shape)
    assert strict(run, curve, 0.1).reason == "faithful"
    assert strict(run + 0.01 * noise, curve, 0.1).passed
    assert strict(run[::-1], curve, 0.1).reason in ("wrong direction", "reverses")
    assert strict(curve.at(np.zeros(len(run))), curve, 0.1).reason == "fixed point"
    centre = run.mean(axis=0)
    assert strict(centre + 1.3 * (run - centre), curve, 0.1).reason == "off the curve"
    slow = curve.trajectory(len(run), 0.097, phase=1.0)
    assert strict(slow, curve, 0.1).reason == "wrong frequency"
    drifting = run + np.linspace(0, 0.1, len(run))[:, None]
    assert strict(drifting, curve, 0.1).reason == "drifts"


def test_a_circle_judged_as_any_curve_gets_the_verdicts_of_a_circle():
    class Plain(ClosedCurve):
        name, omega, at = A.name, A.omega, A.at

    for name, run in FAITHFUL.items():
        assert strict(run, Plain(), DT).passed, name
    for reason in ("diverged", "fixed point", "wrong direction", "wrong frequency"):
        assert strict(UNFAITHFUL[reason], Plain(), DT).reason == reason


def test_curves_that_are_no_circles_have_no_historical_verdict():
    judgement = judge(LSTM.create(inputs=2, units=4), [Lissajous(1, 2), A], DT)
    assert judgement.historical.keys() == {"A"}
    assert not judgement.historically_multifunctional
    assert judgement.strict.keys() == judgement.recovered.keys() == {"1:2", "A"}


def test_what_is_no_closed_curve_is_named():
    with pytest.raises(ValueError, match=r"task: got Attractor\(.*expected a closed curve"):
        strict(orbit(A), Attractor("lorenz", dt=0.02), DT)
