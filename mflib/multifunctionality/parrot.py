"""Going on from a cue without a network: what followed the stretch of data most like it.

Whatever a trained network does with a cue, this does without any training; what the network adds
is what it does better. It is called parroting, and is a strong rival of models that forecast from
a context.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.multifunctionality.identity import PERIOD
from mflib.multifunctionality.tasks import Task

#: Copied at least, if nothing else is said.
LEAST = 5 * PERIOD


class Nearest(NamedTuple):
    """The stretch of data most like a cue.

    Attributes:
        task (cues,): Position of its task.
        orbit (cues,): And of the orbit among the task's.
        after (cues,): The sample that follows it.
        distance (cues,): Root mean square over samples, in units of the data.
    """

    task: np.ndarray
    orbit: np.ndarray
    after: np.ndarray
    distance: np.ndarray


class Parrot:
    """A memory of all data of several tasks, which answers a cue by what came next.

    Args:
        tasks: Whose data are remembered. Nothing says later which task a stretch is of.
        length: Samples of the stretches that are compared.
        least: Samples that are copied at least, before the next stretch is looked for.

    References:
        Zhang and Gilpin (2025), arXiv:2505.11349: context parroting.

    Examples:
        >>> from mflib.multifunctionality.tasks import Lissajous
        >>> circle, eight = Lissajous(1, 1), Lissajous(1, 2)
        >>> parrot = Parrot([circle, eight], length=20)
        >>> parrot.nearest(eight.orbits(3, 20, seed=5)).task
        array([1, 1, 1])
        >>> parrot.run(eight.orbits(3, 20, seed=5), steps=500).shape
        (3, 500, 2)
    """

    def __init__(self, tasks: Sequence[Task], length: int = PERIOD, least: int = LEAST):
        self.length, least = checks.count("length", length), checks.count("least", least)
        self.data = np.stack([task.data() for task in tasks]).astype(np.float32)
        count = self.data.shape[2] - self.length - least
        if count < 1:
            wanted = self.length + least + 1
            raise ValueError(
                f"tasks: got orbits of {self.data.shape[2]}, expected {wanted} or more"
            )
        windows = np.lib.stride_tricks.sliding_window_view(self.data, self.length, axis=2)
        windows = np.swapaxes(windows[:, :, :count], 3, 4)  # samples before coordinates
        self._shape = windows.shape[:3]
        self._windows = windows.reshape(np.prod(self._shape), -1)
        self._squares = np.sum(self._windows**2, axis=1)

    def nearest(self, cues: npt.ArrayLike) -> Nearest:
        """The stretch nearest to each cue ``(cues, length, dim)``, a longer cue's last samples."""
        dim = self.data.shape[3]
        cues = checks.reals("cues", cues, ("cues", "time", dim))
        checks.count("time of cues", cues.shape[1], least=self.length)
        flat = cues[:, -self.length :].reshape(len(cues), -1).astype(np.float32)
        squares = self._squares - 2 * flat @ self._windows.T
        best = np.argmin(squares, axis=1)
        apart = np.sum((self._windows[best] - flat) ** 2, axis=1) / self.length
        task, orbit, first = np.unravel_index(best, self._shape)
        return Nearest(task, orbit, first + self.length, np.sqrt(apart))

    def run(self, cues: npt.ArrayLike, steps: int) -> np.ndarray:
        """Copy what followed; where a copied orbit ends, look again.

        Returns:
            numpy.ndarray, shape (cues, steps, dim)
        """
        steps, out = checks.count("steps", steps), np.asarray(cues, dtype=np.float32)
        cue = out.shape[1]
        out = np.concatenate([out, np.zeros((len(out), steps, out.shape[2]), np.float32)], axis=1)
        done = np.full(len(out), cue)
        while len(rest := np.flatnonzero(done < cue + steps)):
            last = done[rest, None] + np.arange(-self.length, 0)
            task, orbit, after, _ = self.nearest(out[rest[:, None], last])
            for k, *place, first in zip(rest, task, orbit, after, strict=True):
                copied = self.data[tuple(place)][first : first + cue + steps - done[k]]
                out[k, done[k] : done[k] + len(copied)] = copied
                done[k] += len(copied)
        return out[:, cue:]
