"""Recordings of one's own, made ready for training, and runs judged beside them.

A recording is an array ``(samples, channels)``. :func:`even` mends it, :func:`split` sets some
recordings aside, :class:`Scaling` brings their channels to one size, :func:`continued` lets a
network go on from cues, and :class:`Repertoire` says which behaviour a run is, so that ways of
training can be chosen by what closed loops do on the recordings set aside.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.networks.recurrent import Network

#: Where a rhythm is looked for, in Hz, and frequencies that are compared in all.
RHYTHMS, GRID = (0.3, 2.5), 16_384


def even(
    times: npt.ArrayLike, samples: npt.ArrayLike, rate: float, longest_gap: float
) -> np.ndarray:
    """A recording at evenly spaced times: bad rows left out, gaps bridged by monotone cubics.

    A row is bad if something in it is not a finite number, or if it repeats the row before in all
    channels: then the sensor had nothing new.

    Args:
        times (samples,): Increasing, in seconds; evenly spaced or not.
        samples (samples, channels):
        rate: Samples a second that are wanted.
        longest_gap: Between good rows, in seconds, that may be bridged.

    Returns:
        numpy.ndarray, shape (new samples, channels): From the first good row on.

    Raises:
        ValueError: If the times do not increase, a channel is constant, or a gap is too long.

    References:
        Fritsch and Carlson (1980), doi:10.1137/0717021, for curves that do not overshoot.

    Examples:
        >>> even([0, 1, 2, 3], [[0.0], [1.0], [np.nan], [3.0]], rate=2, longest_gap=2).ravel()
        array([0. , 0.5, 1. , 1.5, 2. , 2.5, 3. ])
    """
    from scipy.interpolate import PchipInterpolator

    samples = checks.reals("samples", samples, ("samples", "channels"), finite=False, least=3)
    times = checks.reals("times", times, (len(samples),))
    rate = checks.real("rate", rate, above=0)
    if not np.all(late := np.diff(times) > 0):
        where = np.argmin(late)
        got = f"{times[where + 1]:g} after {times[where]:g}"
        raise ValueError(f"times: got {got}, expected times that increase")
    good = np.all(np.isfinite(samples), axis=1)
    good[1:] &= np.any(samples[1:] != samples[:-1], axis=1)
    if good.sum() < 3:
        raise ValueError(f"samples: got {good.sum()} good rows, expected 3 or more")
    times, samples = times[good], samples[good]
    if np.any(still := np.ptp(samples, axis=0) == 0):
        got = f"channels {np.flatnonzero(still).tolist()} that never change"
        raise ValueError(f"samples: got {got}, expected channels that move; leave these out")
    gaps = np.diff(times)
    if gaps.max() > longest_gap:
        got = f"a gap of {gaps.max():g} s at {times[np.argmax(gaps)]:g} s"
        expected = f"none above {longest_gap:g} s; cut the recording there"
        raise ValueError(f"samples: got {got}, expected {expected}")
    count = int(np.floor((times[-1] - times[0]) * rate * (1 + 1e-12))) + 1
    return PchipInterpolator(times, samples)(times[0] + np.arange(count) / rate)


def split(count: int, aside: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the recordings to train on, and of those set aside: always whole recordings.

    Examples:
        >>> split(5, aside=2)
        (array([0, 1, 3]), array([2, 4]))
    """
    aside = checks.count("aside", aside, most=checks.count("count", count, least=2) - 1)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[aside:]), np.sort(order[:aside])


class Scaling(NamedTuple):
    r"""What brings every channel to mean 0 and standard deviation 1, and back.

    .. math:: z = \frac{\operatorname{arsinh}(x / k) - m}{s}

    Values below the knee k stay as they are, larger ones count by their logarithm, so that quiet
    behaviours are not lost beside loud ones.
    """

    knee: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, recordings: Sequence[npt.ArrayLike] | np.ndarray, knee: float = 0.5) -> "Scaling":
        """From recordings for training, all together.

        Args:
            knee: In units of each channel's median size; a large one scales linearly.
        """
        alike = ("samples", np.shape(recordings[0])[-1])
        rows = np.concatenate([checks.reals("recordings", x, alike) for x in recordings])
        knees = checks.real("knee", knee, above=0) * np.median(np.abs(rows), axis=0)
        if not np.all(knees > 0):
            raise ValueError(
                "recordings: got channels that are mostly zero, expected ones that move"
            )
        bent = np.arcsinh(rows / knees)
        return cls(knees, bent.mean(axis=0), bent.std(axis=0))

    def scaled(self, samples: npt.ArrayLike) -> np.ndarray:
        """What a network sees."""
        return (np.arcsinh(np.asarray(samples) / self.knee) - self.mean) / self.spread

    def back(self, scaled: npt.ArrayLike) -> np.ndarray:
        """In the units of the recordings."""
        return self.knee * np.sinh(np.asarray(scaled, dtype=float) * self.spread + self.mean)


def continued(network: Network, scaling: Scaling, cues: npt.ArrayLike, steps: int) -> np.ndarray:
    """How a network goes on from cues ``(cues, time, channels)``, in the units of recordings."""
    run = free_run(network, warm_up(network, scaling.scaled(cues)), steps).outputs
    return scaling.back(run)


class Rhythm(NamedTuple):
    """What a stretch does at its own rhythm.

    Attributes:
        frequency: Of all channels together, in Hz.
        waves (channels,): Complex: size and phase of each channel at that frequency.
        sizes (channels,): Standard deviations.
    """

    frequency: float
    waves: np.ndarray
    sizes: np.ndarray


def rhythm(samples: npt.ArrayLike, rate: float) -> Rhythm:
    """The rhythm of a stretch ``(samples, channels)``, ``rate`` samples a second.

    It is where the channels' power spectra, each as large as the others, have the highest sum.
    """
    x = checks.reals("samples", samples, ("samples", "channels"), least=8)
    x = x - x.mean(axis=0)
    sizes, window = x.std(axis=0), np.hanning(len(x))
    spectra = np.fft.rfft(window[:, None] * x, GRID, axis=0) * 2 / window.sum()
    frequencies = np.fft.rfftfreq(GRID, 1 / rate)
    power = np.sum(np.abs(spectra / np.where(sizes > 0, sizes, 1)) ** 2, axis=1)
    inside = (frequencies >= RHYTHMS[0]) & (frequencies <= RHYTHMS[1])
    top = np.argmax(np.where(inside, power, -1))
    return Rhythm(float(frequencies[top]), spectra[top], sizes)


def alikeness(first: Rhythm, second: Rhythm, unit: npt.ArrayLike) -> float:
    r"""How alike two stretches are in which channels move, how far, and who leads whom, 0 to 1.

    :math:`|\langle a, b \rangle| / (|a|\,|b|)` of the complex waves; where a stretch begins does
    not matter. Channels are counted in units of ``unit``.
    """
    a, b = first.waves / np.asarray(unit), second.waves / np.asarray(unit)
    return float(abs(np.vdot(a, b)) / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))


class Repertoire(NamedTuple):
    """By rhythm and size, which behaviour a stretch is.

    Attributes:
        rhythms: For each behaviour the lowest and the highest frequency.
        sizes: And the least and the largest size: the root of the summed variances.
    """

    rhythms: dict[str, tuple[float, float]]
    sizes: dict[str, tuple[float, float]]
    rate: float

    @classmethod
    def of(
        cls,
        recordings: Mapping[str, Sequence[npt.ArrayLike] | np.ndarray],
        rate: float,
        still: Sequence[str] = (),
        slack: float = 0.3,
    ) -> "Repertoire":
        """The ranges of recordings, of sizes wider by ``slack``, that of ``still`` ones from 0."""
        rhythms, sizes = {}, {}
        for name, some in recordings.items():
            found = [rhythm(x, rate) for x in some]
            size = [float(np.linalg.norm(one.sizes)) for one in found]
            each = [one.frequency for one in found]
            rhythms[name] = RHYTHMS if name in still else (min(each), max(each))
            least = 0.0 if name in still else (1 - slack) * min(size)
            sizes[name] = (least, (1 + slack) * max(size))
        return cls(rhythms, sizes, rate)

    def name(self, samples: npt.ArrayLike) -> str:
        """The behaviour whose ranges a stretch is in, the first of several, or ``"none"``."""
        if not np.all(np.isfinite(samples)):
            return "none"
        found = rhythm(samples, self.rate)
        size = np.linalg.norm(found.sizes)
        for name, (low, high) in self.rhythms.items():
            least, most = self.sizes[name]
            if low <= found.frequency <= high and least <= size <= most:
                return name
        return "none"
