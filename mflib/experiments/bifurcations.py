"""LSTMs that see double, with a parameter turned until a circle is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mflib.modelling import perturbations
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.exponents import network_spectrum
from mflib.modelling.perturbations import Branch, rotation, sweep_parameter
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.judge import judge
from mflib.multifunctionality.tasks import COARSE, TURN, cues, seeing_double
from mflib.networks.lstm import LSTM

#: How a parameter is changed, and through which values.
PARAMETER_SWEEPS = {
    "gain up": (perturbations.scale_recurrence, np.linspace(1, 2, 51)),
    "gain down": (perturbations.scale_recurrence, np.linspace(1, 0.6, 41)),
    "bias up": (perturbations.shift_forget_bias, np.linspace(0, 2, 41)),
    "bias down": (perturbations.shift_forget_bias, np.linspace(0, -2, 41)),
}
#: Steps of a second training, each a whole training with its own fall of the rate.
LESSON_STEPS = 0, 5, 10, 20, 50, 100, 200, 500, 2000
#: Places on the straight line between two networks' weights.
SHARES = np.linspace(0, 1, 11)
#: Sizes of repeated kicks, in root mean squares of the state.
KICKS = 0.1, 0.15, 0.2, 0.3, 0.5


@dataclass(frozen=True)
class Bifurcation:
    """An LSTM at total overlap, and what is changed about it.

    Attributes:
        study ("edges" or "blending" or "sequence" or "again"): Parameters turned after training;
            shares of the tasks in training; one task trained after the other, and the weights of
            two networks mixed; the same task trained a second time.
        seed: Of its initial weights and its training.
        copies: How many of eight windows in training are of task A.
    """

    study: str
    units: int
    seed: int
    copies: int = 4

    def trained(
        self, tasks: Sequence[int] = (0, 1), start: LSTM | None = None, steps: int = 2000
    ) -> LSTM:
        """The network after training on tasks by position, 0 for A; or another trained further."""
        if start is None:
            start = LSTM.create(inputs=2, units=self.units, seed=self.seed)
        if not steps:
            return start
        data, config = [seeing_double()[k].data()[0] for k in tasks], TrainingConfig(steps=steps)
        return train(start, data, config, seed=self.seed, progress=False).network

    def passes(self, network: LSTM) -> list[bool]:
        """Whether A, and whether B, pass the strict judge."""
        found = judge(network, seeing_double(), COARSE, seed=self.seed)
        return [found.passed("A"), found.passed("B")]

    def retrained(self, network: LSTM, task: int) -> list[list[bool]]:
        """The same after each of the ``LESSON_STEPS`` of one task."""
        return [self.passes(self.trained([task], network, steps)) for steps in LESSON_STEPS]


def cued_states(network: LSTM, *, turns: int = 30, count: int = 1) -> np.ndarray:
    """States in which cues of A, then of B, leave the network after some turns by itself.

    Returns:
        numpy.ndarray, shape (2 * count, state_dim)
    """
    cue = np.concatenate([cues(task, TURN, COARSE, count=count) for task in seeing_double()])
    return free_run(network, warm_up(network, cue), TURN * turns).state.numpy()


def there_and_back(network: LSTM, way: str) -> tuple[Branch, Branch]:
    """Follow both circles along one of the ``PARAMETER_SWEEPS``, and the runs back again.

    Returns:
        Branch: Ten turns at each value, after thirty to settle; members are A and B.
    """
    change, values = PARAMETER_SWEEPS[way]
    follow = partial(sweep_parameter, partial(change, network), settle=30 * TURN, steps=10 * TURN)
    out = follow(values, cued_states(network))
    return out, follow(values[::-1], out.states[-1])


def loss_index(branch: Branch) -> list[int | None]:
    """The position of the first value at which A, B no longer turns its way, or None."""
    away = rotation(branch.outputs, COARSE).direction != [1, -1]
    return [int(np.argmax(one)) if one.any() else None for one in away.T]


def after_loss(network: LSTM, branch: Branch, position: int, member: int) -> str:
    """What a run does at a value of the parameter where its circle is lost.

    Args:
        network: At that value.
        position, member: Of the value in the branch, and 0 for A or 1 for B.

    Returns:
        str: ``"rest"``; ``"other"``, if it turns all the time, the other way; ``"chaos"``, if it
        reverses and the largest exponent is above 0.01 per unit of time; otherwise
        ``"reverses"``.
    """
    run = rotation(branch.outputs[position, member], COARSE)
    if run.radius < 0.05:
        return "rest"
    if run.direction:
        return "other"
    largest = _exponent(network, branch.states[position, [member]], 0)
    return "chaos" if largest > 0.01 else "reverses"


def bistable_region(network: LSTM, gains: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Which circles a cue still selects when gain and forget bias are changed.

    Returns:
        numpy.ndarray of bool, shape (shifts, gains, 2): Whether the run after a cue of A, of B
        turns its way all through the last ten of 40 turns.
    """

    def end(gain, shift):
        changed = perturbations.scale_recurrence(network, gain)
        changed = perturbations.shift_forget_bias(changed, shift)
        return free_run(changed, cued_states(changed), 10 * TURN).outputs.numpy()

    ends = [[end(gain, shift) for gain in gains] for shift in shifts]
    return rotation(ends, COARSE).direction == [1, -1]


def half_turn_directions(outputs: npt.ArrayLike) -> np.ndarray:
    """Which way planar runs turn, by half turns.

    Returns:
        numpy.ndarray of int, shape (batch, half turns): 1 or -1 if the run moves at least a quarter
        turn about the origin in 32 steps, else 0.
    """
    outputs = np.asarray(outputs, dtype=float)
    halves = outputs[:, : outputs.shape[1] // 32 * 32].reshape(len(outputs), -1, 32, 2)
    angle = np.unwrap(np.arctan2(halves[..., 1], halves[..., 0]), axis=-1)
    moved = angle[..., -1] - angle[..., 0]
    return np.where(np.abs(moved) > np.pi / 2, np.sign(moved), 0).astype(int)


def bifurcation(configuration: Bifurcation) -> dict:
    """Measure what a configuration's study asks for.

    Returns:
        dict: ``does``, whether A and B pass: of ``"blending"``, after training on ``copies``
        windows of A and the rest of B. ``after``, the same for each of the ``LESSON_STEPS``: of
        ``"again"``, of a second training on A, after A alone. Of the other two more.
    """
    if configuration.study == "blending":
        tasks = configuration.copies * [0] + (8 - configuration.copies) * [1]
        return {"does": configuration.passes(configuration.trained(tasks))}
    if configuration.study == "again":
        return {"after": configuration.retrained(configuration.trained([0]), 0)}
    return {"edges": _edges, "sequence": _sequence}[configuration.study](configuration)


def _edges(configuration: Bifurcation) -> dict:
    """Where the circles are lost, what follows, what comes back; and residence under kicks.

    For each of the ``ways``, as :func:`_way`. For each size of kicks ``residence``, in turns, of
    16 runs and 400 turns. ``exponents``: of A and of B, the second exponent with the gain at 1 and
    turned down as far as the circle bears. ``island``: the share of a grid of gains and shifts of
    the forget bias in which cues select A, B, both and either.
    """
    network = configuration.trained()
    ways = {way: _way(network, way) for way in PARAMETER_SWEEPS}
    region = bistable_region(network, np.linspace(0.8, 2, 13), np.linspace(-1, 1, 13))
    a, b = np.moveaxis(region, -1, 0)
    states = cued_states(network, count=8)
    options = {"every": TURN, "times": 400, "seed": configuration.seed}
    runs = [perturbations.run_with_kicks(network, states, kick=kick, **options) for kick in KICKS]
    residence = [perturbations.residence_time(rotation(run, COARSE).direction) for run in runs]
    return {
        "does": configuration.passes(network),
        "ways": ways,
        "exponents": [
            None if end is None else _contraction(network, member, end)
            for member, end in enumerate(ways["gain down"]["lost"])
        ],
        "island": [float(np.mean(x)) for x in (a, b, a & b, a | b)],
        "residence": [time if np.isfinite(time) else None for time in residence],
    }


def _way(network: LSTM, way: str) -> dict:
    """What happens along one way, and back.

    For each circle ``lost``, the value of the parameter, or None if it is never lost; ``after``,
    in a word; ``returned``, whether the run is on its circle again when the parameter is back.
    ``switching``: where both circles are lost for the first time, the shares of half turns, of 300
    turns, in which the run from A turns one way and the other.
    """
    change, values = PARAMETER_SWEEPS[way]
    out, back = there_and_back(network, way)
    ends, switching = loss_index(out), None
    lost = {member: k for member, k in enumerate(ends) if k is not None}
    if len(lost) == len(ends):
        last = max(lost.values())
        run = free_run(change(network, values[last]), out.states[last, [0]], 300 * TURN)
        halves = half_turn_directions(run.outputs)
        switching = [float(np.mean(halves == sign)) for sign in (1, -1)]
    after = {m: after_loss(change(network, values[k]), out, k, m) for m, k in lost.items()}
    return {
        "lost": [None if k is None else float(values[k]) for k in ends],
        "after": [after.get(member) for member in range(len(ends))],
        "switching": switching,
        "returned": (rotation(back.outputs[-1], COARSE).direction == [1, -1]).tolist(),
    }


def _contraction(network: LSTM, member: int, lost: float) -> list[float]:
    """The second exponent of a circle with the gain at 1, and as near as can be to its loss.

    Each round goes half the way that is left; where the circle would be lost, the run is taken
    back, and this gain is the new end of the way.
    """
    change, _ = PARAMETER_SWEEPS["gain down"]
    gain, state = 1.0, cued_states(network)[[member]]
    second = [_exponent(network, state, 1)]
    for _ in range(9):
        middle = (gain + lost) / 2
        run = free_run(change(network, middle), state, 210 * TURN)
        if rotation(run.outputs[0, 200 * TURN :], COARSE).direction == (1, -1)[member]:
            gain, state = middle, run.state.numpy()
        else:
            lost = middle
    return [*second, _exponent(change(network, gain), state, 1)]


def _exponent(network: LSTM, state: npt.ArrayLike, which: int) -> float:
    found = network_spectrum(network, state, steps=200 * TURN, dt=COARSE, count=which + 1)
    return float(found.exponents[which])


def _sequence(configuration: Bifurcation) -> dict:
    """Whether A and B pass after A alone and a training on B; and on the line to B's weights.

    ``after``: for each of the ``LESSON_STEPS``. ``rehearsed``: after the longest with one window
    of eight of A. ``same``, ``different``: at each of the ``SHARES`` of the way from the network
    of A to one of B, from the same and from other initial weights.
    """
    first, second = configuration.trained([0]), configuration.trained([1])
    other = LSTM.create(inputs=2, units=configuration.units, seed=1000 + configuration.seed)

    def on_the_line(end):
        between = [perturbations.interpolate_weights(first, end, share) for share in SHARES]
        return [configuration.passes(network) for network in between]

    return {
        "after": configuration.retrained(first, 1),
        "rehearsed": configuration.passes(configuration.trained([0] + 7 * [1], first)),
        "same": on_the_line(second),
        "different": on_the_line(configuration.trained([1], other)),
    }


#: Studies and seeds, recorded in ``data/bifurcations.jsonl``.
BIFURCATIONS = [
    *(Bifurcation("sequence", 8, seed) for seed in range(20)),
    *(Bifurcation("edges", 8, seed) for seed in range(20)),
    *(Bifurcation("blending", 8, seed, copies) for seed in range(10) for copies in range(9)),
    *(Bifurcation("again", 8, seed) for seed in range(20)),
]
