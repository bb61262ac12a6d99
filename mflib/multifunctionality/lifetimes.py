"""For how long a closed loop stays on an attractor it was led to, and where it goes then.

A network may hold an attractor, or only follow it for a while: a *transient* looks the same for
hundreds of turns. What tells them apart is the rate at which runs leave. If they forget when they
came, that rate is constant, and one number says everything: the mean lifetime.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import CensoredData, ecdf
from tqdm import tqdm

from mflib.dynamics.estimates import Estimate, mean_lifetime
from mflib.multifunctionality.identity import LAW, LOOKED_AT, PERIOD, Templates, legs
from mflib.multifunctionality.tasks import Attractor
from mflib.networks.recurrent import Network

#: A world is an attractor if its mean lifetime, by the lower bound of its interval, is longer.
ATTRACTOR_TURNS = 10_000


class Residence(NamedTuple):
    """How long one run stayed.

    Attributes:
        world: Where it began.
        turns: Until it left, or until the end.
        after: Where it was next; None if it never left.
    """

    world: str
    turns: int
    after: str | None


def follow(
    network: Network, cues: npt.ArrayLike, known: Templates, turns: int, *, progress: bool = True
) -> list[list[str]]:
    """Where the closed loop is after each cue, in every hundred turns.

    Args:
        cues (batch, time, dim):
        known: Between which to decide.
        turns: Of the free run.
        progress: Whether to show a progress bar.

    Returns:
        list of list of str: For each run, the attractors it is on in the first hundred turns, the
        second and so on; ``"none"`` where it is on none of them.

    Raises:
        ValueError: If ``turns`` is not a multiple of 100.
    """
    parts = tqdm(
        legs(network, cues, turns, known.period),
        total=turns // LOOKED_AT,
        unit="hundred turns",
        disable=not progress,
    )
    return np.transpose([[known.name(run) for run in leg] for leg in parts]).tolist()


def residences(histories: Sequence[Sequence[str]], worlds: Sequence[str]) -> list[Residence]:
    """When each run left its world, and for which.

    A run has left at the first of two hundred turns in a row that are not its world's: within one
    hundred even a true orbit is unlike its attractor now and then. A run that was never there
    counts for nothing here; that is a matter of selection.

    Args:
        histories: From :func:`follow`.
        worlds: Of each run, where it was led.

    Returns:
        list of Residence: In the order of runs.
    """
    found = []
    for names, world in zip(histories, worlds, strict=True):
        off = np.array(names) != world
        left = np.flatnonzero(off[:-1] & off[1:])
        gone = int(left[0]) if len(left) else len(off)
        if gone:
            after = names[gone + 1] if len(left) else None
            found.append(Residence(world, gone * LOOKED_AT, after))
    return found


def departures(
    network: Network, world: Attractor, cues: npt.ArrayLike, known: Templates, turns: int
) -> np.ndarray:
    """Where runs are when they leave a world, each once.

    A run has left if its steps miss the world's law by more than a tenth: at the first sample of
    the first turn in which they do. Or if it keeps the law but is not in the world in its last
    hundred turns, as on a small attractor that the system has not; then at the first of these.

    Args:
        cues (runs, time, dim): Of the world.
        known: Between which to decide.
        turns: So long each run is followed.

    Returns:
        numpy.ndarray, shape (runs that left, dim)

    Raises:
        ValueError: If ``turns`` is not a multiple of 100.
    """
    places: dict[int, np.ndarray] = {}
    for leg in legs(network, cues, turns):
        for k, run in enumerate(leg):
            if k not in places and world.defect(run) > LAW:
                parts = run.reshape(-1, PERIOD, run.shape[1])
                off = [world.defect(part) > LAW for part in parts]
                places[k] = parts[int(np.argmax(off)), 0]
    for k, run in enumerate(leg):
        if k not in places and known.name(run) != world.name:
            places[k] = run[0]
    return np.reshape(list(places.values()), (-1, world.flow.dim))


def lifetime(stays: Sequence[Residence]) -> Estimate:
    """Mean lifetime of a world, from runs that left it and runs that had not left at their end.

    See :func:`~mflib.dynamics.estimates.mean_lifetime`.

    Args:
        stays: In one world.

    Returns:
        Estimate: In turns.

    Raises:
        ValueError: If there are no runs.

    Examples:
        >>> stays = [Residence("lorenz", 10_000, None)] * 9 + [Residence("lorenz", 4_000, "chen")]
        >>> found = lifetime(stays)
        >>> found.value, found.interval[0] > ATTRACTOR_TURNS
        (94000.0, True)
    """
    if not stays:
        raise ValueError("stays: got none, expected one or more")
    turns, left = sum(one.turns for one in stays), sum(one.after is not None for one in stays)
    return mean_lifetime(turns, left, trials=len(stays))


def survival(stays: Sequence[Residence]) -> tuple[np.ndarray, np.ndarray]:
    """The share of runs that are still there, whatever the law of leaving.

    This is SciPy's ``ecdf`` of censored data, the estimate of Kaplan and Meier.

    Args:
        stays: In one world, some of them not censored.

    Returns:
        Turns at which runs left, and the share that is left from then on, each of shape (times,).

    Raises:
        ValueError: If no run left.
    """
    left = [one.turns for one in stays if one.after is not None]
    if not left:
        raise ValueError(f"stays: got {len(stays)}, none of which ended, expected one or more")
    censored = [one.turns for one in stays if one.after is None]
    curve = ecdf(CensoredData(uncensored=left, right=censored)).sf
    return curve.quantiles, curve.probabilities


def escapes(stays: Sequence[Residence]) -> dict[str, dict[str, float]]:
    """The directed graph of escapes: from each world, how many a turn go where.

    Args:
        stays: In any worlds.

    Returns:
        dict: ``escapes(stays)[world][after]`` is the rate per turn; a world that none left has an
        empty dictionary.
    """
    graph = {}
    for world in dict.fromkeys(one.world for one in stays):
        own = [one for one in stays if one.world == world]
        counts = Counter(one.after for one in own if one.after is not None)
        turns = sum(one.turns for one in own)
        graph[world] = {after: count / turns for after, count in counts.items()}
    return graph
