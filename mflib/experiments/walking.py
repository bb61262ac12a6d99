"""LSTMs trained on recordings of a wrist that walks, runs or stands."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import distribution
from itertools import permutations
from typing import NamedTuple

import numpy as np

from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.recordings import Repertoire, Rhythm, Scaling, alikeness, even, rhythm
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality import circuits
from mflib.multifunctionality.recipes import train_tasks
from mflib.networks.lstm import LSTM
from mflib.networks.recurrent import Memoryless, Network

#: Of the package that brings the recordings, and where in it they are.
PACKAGE, FILES = "sktime", "sktime/datasets/data/BasicMotions/BasicMotions_{}.ts"
#: Samples a second as they were recorded, and as networks see them; samples of one recording.
RECORDED, RATE, SAMPLES = 10, 20, 197
#: Samples of a cue, and where in a recording the four cues begin.
CUE, STARTS = 2 * RATE, (0, 40, 80, 120)
#: Steps of a free run, of a long one, and how many at the end of either are looked at.
RUN, LONG, LATE = 60 * RATE, 600 * RATE, 20 * RATE
#: Lengths of cues, in seconds; and the standard deviation above which a unit's output is active.
LENGTHS, ACTIVE = (0.25, 0.5, 1, 3), 0.05
#: Share of a network's own cues from which on it is not trained anew.
ENOUGH = 0.975


@functools.cache
def wrists(part: str) -> dict[str, np.ndarray]:
    """The recordings, mended and at 20 samples a second, by behaviour.

    Args:
        part ("TRAIN" or "TEST"):

    Returns:
        dict of str to numpy.ndarray, shape (10, 197, 6): Three directions of acceleration, three
        of turning.

    Raises:
        ModuleNotFoundError: If the package with the data is not installed.
    """
    text = str(distribution(PACKAGE).locate_file(FILES.format(part)))
    found: dict[str, list] = {}
    with open(text, encoding="utf-8") as file:
        for line in file:
            if not line.startswith(("#", "@")):
                *channels, label = line.strip().split(":")
                samples = np.array([channel.split(",") for channel in channels], dtype=float).T
                times = np.arange(len(samples)) / RECORDED
                mended = even(times, samples, RATE, longest_gap=0.5)
                found.setdefault(label.lower(), []).append(mended[:SAMPLES])
    return {label: np.stack(some) for label, some in found.items()}


def known(behaviours: str, parts: Sequence[str] = ("TRAIN", "TEST")) -> Repertoire:
    """The ranges of rhythms and sizes of recordings, standing in any rhythm."""
    all_of = {name: np.concatenate([wrists(p)[name] for p in parts]) for name in behaviours.split()}
    return Repertoire.of(all_of, RATE, still=["standing"])


class Recorded(NamedTuple):
    """Scaled recordings of one behaviour as a task."""

    name: str
    samples: np.ndarray

    def data(self) -> np.ndarray:
        """All of them."""
        return self.samples

    def orbits(self, count: int, steps: int, seed: int = 0) -> np.ndarray:
        """Stretches of them, from random places on."""
        rng = np.random.default_rng(seed)
        first = rng.integers(self.samples.shape[1] - steps + 1, size=count)
        which = rng.integers(len(self.samples), size=count)
        return np.stack([self.samples[k, n : n + steps] for k, n in zip(which, first, strict=True)])


@dataclass(frozen=True)
class Walking:
    """An LSTM that is trained on recordings, without a label of what they are.

    Attributes:
        behaviours: With spaces between.
        noise: On the inputs, in units of the scaled data, the same during all of training.
        knee: Of the scaling.
        memory: Without it windows are single samples, and the state is reset before each.
        aside: Recordings for training that are left out, by number, to choose by.
    """

    seed: int
    behaviours: str = "walking running"
    units: int = 48
    steps: int = 1500
    noise: float = 0.3
    knee: float = 0.5
    memory: bool = True
    aside: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Of the network's file."""
        return f"{self.behaviours.replace(' ', '_')}_{self.units}_{self.seed}"

    @property
    def kept(self) -> dict[str, np.ndarray]:
        """The recordings that it is trained on."""
        names = self.behaviours.split()
        return {n: np.delete(wrists("TRAIN")[n], self.aside, axis=0) for n in names}

    @property
    def scaling(self) -> Scaling:
        """Of what it is trained on."""
        return Scaling.of(np.concatenate(list(self.kept.values())), self.knee)

    def tasks(self) -> list[Recorded]:
        """Scaled recordings, by behaviour."""
        return [Recorded(name, self.scaling.scaled(some)) for name, some in self.kept.items()]

    def trained(self) -> LSTM:
        """The network after training, which sees scaled data."""
        batch, window, burn_in = (20, 80, 20) if self.memory else (512, 1, 0)
        noise = (self.noise, self.noise)
        config = TrainingConfig(self.steps, batch, window, burn_in, learning_rate=1e-2, noise=noise)
        return train_tasks(self.tasks(), self.units, config, seed=self.seed, progress=False)


def cues_of(recordings: np.ndarray, length: int = CUE) -> np.ndarray:
    """Four cues from each recording, one recording after the other."""
    return np.concatenate([[one[n : n + length] for n in STARTS] for one in recordings])


def ran(
    network: Network, scaling: Scaling, state: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The last 20 seconds of a free run, in the units of recordings, and its last state."""
    for _ in range(steps // LATE):  # one compiled program, whatever the length
        run = free_run(network, state, LATE)
        state = run.state
    return scaling.back(run.outputs), run.state.numpy()


def after_cues(
    network: Network, scaling: Scaling, cues: np.ndarray, state: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`ran`, a minute after cues in the units of recordings."""
    return ran(network, scaling, warm_up(network, scaling.scaled(cues), state).numpy(), RUN)


@dataclass(frozen=True)
class WalkingAgain(Walking):
    """The same, trained anew from other weights until its closed loop does what it was trained on.

    After training it goes on from cues of the recordings that it has seen. If fewer than 97.5 %
    of them are continued rightly, it is drawn and trained again; of five that all miss this, the
    best is kept. No other recording is asked.

    Attributes:
        draws: At most.
    """

    draws: int = 5

    @property
    def name(self) -> str:
        """Of the network's file."""
        return f"{super().name}_again"

    def score(self, network: Network) -> float:
        """Share of cues of the recordings it is trained on that are continued rightly."""
        kept, hits = self.kept, []
        repertoire = Repertoire.of(kept, RATE, still=["standing"])
        for name, recordings in kept.items():
            ends, _ = after_cues(network, self.scaling, cues_of(recordings))
            hits += [repertoire.name(x) == name for x in ends]
        return float(np.mean(hits))

    def trained(self) -> LSTM:
        """The network after the last training, or the best."""
        best, most = None, -1.0
        for draw in range(self.draws):
            network = super(WalkingAgain, replace(self, seed=1000 * draw + self.seed)).trained()
            if (score := self.score(network)) > most:
                best, most = network, score
            if most >= ENOUGH:
                break
        assert best is not None
        return best


def rank(found: Rhythm, rests: Sequence[Rhythm], own: int) -> int:
    """How many of several stretches are nearer to a run than the one that its cue came from.

    Nearer in the logarithms of the rhythm and of the channels' sizes, each in units of its spread
    over the stretches; the rhythm counts as much as all sizes together.
    """
    points = np.log([[x.frequency, *np.maximum(x.sizes, 1e-9)] for x in (*rests, found)])
    weights = np.append(1.0, np.full(points.shape[1] - 1, 1 / (points.shape[1] - 1)))
    apart = np.sum(weights / points[:-1].var(axis=0) * (points[:-1] - points[-1]) ** 2, axis=1)
    return int(np.sum(apart < apart[own]))


def likeness(found: Rhythm, others: Sequence[Rhythm], unit: np.ndarray) -> float:
    """Mean :func:`~mflib.modelling.recordings.alikeness` of one stretch to others."""
    return float(np.mean([alikeness(found, other, unit) for other in others]))


def by_cue(ends: np.ndarray, recordings: np.ndarray, repertoire: Repertoire) -> dict:
    """What runs of 20 seconds are like, after four cues from each of some recordings.

    Returns:
        dict: ``ends``, their names; ``rhythm`` and ``size``; ``alike``, to these
        recordings, in which channels move and when; ``rank`` of the first of four, among what
        follows the first cues.
    """
    whole, rests = ([rhythm(x[n:], RATE) for x in recordings] for n in (0, CUE))
    unit, found = recordings.std(axis=(0, 1)), [rhythm(x, RATE) for x in ends]
    return {
        "ends": [repertoire.name(x) for x in ends],
        "rhythm": [round(one.frequency, 4) for one in found],
        "size": [round(float(np.linalg.norm(one.sizes)), 3) for one in found],
        "alike": [round(likeness(one, whole, unit), 4) for one in found],
        "rank": [rank(one, rests, k) for k, one in enumerate(found[:: len(STARTS)])],
    }


def sharing(network: LSTM, states: np.ndarray) -> dict:
    """Which units are active, from states ``(2, steps, state_dim)`` of two behaviours.

    Returns:
        dict: ``active``, how many in the first, in the second and in both; ``overlap`` of the
        first with the second; ``selectivity`` of their outputs, averaged over units. As in the
        chapter *Shared units*.
    """
    levels = [circuits.signals(network, run)["h"] for run in states]
    first, second = (h.std(axis=0) for h in levels)
    one, other = first > ACTIVE, second > ACTIVE
    return {
        "active": [int(np.sum(which)) for which in (one, other, one & other)],
        "overlap": circuits.overlap(first, second),
        "selectivity": float(np.mean(circuits.selectivity(*levels))),
    }


def walking(configuration: Walking) -> dict:
    """Train one network and measure what it does after cues from held-out recordings.

    If recordings are left out to choose by, cues are from these, and the recordings for the test
    are not touched.

    Returns:
        dict: ``cues``, for each behaviour :func:`by_cue`, a minute after cues of two seconds;
        ``later``, the names of these runs after ten minutes; ``lengths``, by seconds of a cue, how
        many of the cues of all behaviours are right a minute later; ``switched``, how many runs
        of how many have gone over, a minute after a cue of two seconds of another behaviour; and
        :func:`sharing` of the first two behaviours.
    """
    network, scaling = configuration.trained(), configuration.scaling
    network = network if configuration.memory else Memoryless(network)
    names, aside = configuration.behaviours.split(), list(configuration.aside)
    repertoire = known(configuration.behaviours, ["TRAIN"] if aside else ["TRAIN", "TEST"])
    held = {n: wrists("TRAIN")[n][aside] if aside else wrists("TEST")[n] for n in names}
    row: dict = {"cues": {}, "later": {}, "lengths": {}, "switched": [0, 0]}
    states = {}
    for name, recordings in held.items():
        ends, states[name] = after_cues(network, scaling, cues_of(recordings))
        row["cues"][name] = by_cue(ends, recordings, repertoire)
        late, _ = ran(network, scaling, states[name], LONG - RUN)
        row["later"][name] = [repertoire.name(x) for x in late]
    for seconds in LENGTHS:
        right = 0
        for name, recordings in held.items():
            cues = cues_of(recordings, round(seconds * RATE))
            ends, _ = after_cues(network, scaling, cues)
            right += sum(repertoire.name(x) == name for x in ends)
        row["lengths"][str(seconds)] = right
    for first, second in permutations(names, 2):
        ends, _ = after_cues(network, scaling, cues_of(held[second]), states[first])
        row["switched"][0] += sum(repertoire.name(x) == second for x in ends)
        row["switched"][1] += len(ends)
    if len(names) > 1 and configuration.memory:
        begun = np.stack([states[name][0] for name in names[:2]])
        _, _, visited = free_run(network, begun, LATE, states=True)
        row |= sharing(network, np.asarray(visited))
    return row


#: Recorded in ``data/walking.jsonl``: ten networks, and ten drawn until their own cues go right,
#: the first of which is kept in ``data/recorded_networks``; so drawn, ten with standing and three
#: with each gait alone; as the first, three without memory, with less noise, with linear scaling.
WALKING = [
    *(Walking(seed) for seed in range(10)),
    *(WalkingAgain(seed) for seed in range(10)),
    *(WalkingAgain(seed, "walking running standing") for seed in range(10)),
    *(WalkingAgain(seed, alone) for alone in ("walking", "running") for seed in range(3)),
    *(Walking(seed, memory=False) for seed in range(3)),
    *(Walking(seed, noise=0.1) for seed in range(3)),
    *(Walking(seed, knee=1e6) for seed in range(3)),
]
