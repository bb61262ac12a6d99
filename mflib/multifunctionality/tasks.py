"""Tasks: what a network is asked to do, and the cues that ask for it.

A task is one attractor the network must reproduce when its loop is closed. A set of tasks is
asked of one network with one set of weights and no label; only the cue, a stretch of data,
says which task is meant.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mflib.dynamics.systems import System, system
from mflib.dynamics.trajectories import ensemble

ORIGIN = (0.0, 0.0)
SEGMENTS, SEGMENT = 20, 1000
"""Of what a network learns an attractor from: orbits, and samples in each."""
SUBSTEPS = 5
"""Steps of the integrator in a sample."""
APART = 200
"""Samples after which orbits that began side by side are independent."""


@dataclass(frozen=True)
class Circle:
    r"""A circular orbit travelled at constant speed.

    .. math:: u(t) = (x_c + R \cos\theta,\; y_c + R \sin\theta), \qquad \theta = \phi + \omega t

    Parameters
    ----------
    name : str
        Names the task in verdicts and figures.
    radius : float
        R, positive.
    centre : tuple of float
    omega : float
        Angular velocity, radians per unit of time; positive is anticlockwise.
    """

    name: str
    radius: float
    centre: tuple[float, float] = ORIGIN
    omega: float = 1.0

    def __post_init__(self):
        if not (np.isfinite(self.radius) and self.radius > 0):
            raise ValueError(f"radius: got {self.radius}, expected a positive number")
        if not (np.isfinite(self.omega) and self.omega != 0):
            raise ValueError(f"omega: got {self.omega}, expected a finite number, not zero")
        if len(self.centre) != 2 or not np.all(np.isfinite(self.centre)):
            raise ValueError(f"centre: got {self.centre}, expected two finite numbers")

    @property
    def period(self) -> float:
        """Time of one turn, in units of time."""
        return 2 * np.pi / abs(self.omega)

    def trajectory(self, steps: int, dt: float, phase: float = 0.0) -> np.ndarray:
        """Samples ``(steps, 2)``, ``dt`` apart, from the angle ``phase`` (radians)."""
        angle = phase + self.omega * dt * np.arange(steps)
        return np.asarray(self.centre) + self.radius * np.stack(
            [np.cos(angle), np.sin(angle)], axis=-1
        )

    def starts(self, count: int) -> np.ndarray:
        """``count`` phases, evenly spread over the orbit, at which a cue can begin."""
        return 2 * np.pi * np.arange(count) / count


@dataclass(frozen=True)
class Attractor:
    """The attractor of a known flow, brought to unit size and put in its place.

    Every coordinate has mean ``centre`` and standard deviation 1, over what there is to learn
    from. Orbits are integrated by the classical Runge–Kutta method with five steps a sample.

    Parameters
    ----------
    system : str
        Name in :func:`mflib.dynamics.systems.names`.
    dt : float
        Time between samples, in the system's units.
    parameters : tuple of (str, float)
        Of the system, where they are not the usual ones.
    centre : tuple of float
        One number for each coordinate; by default the origin.
    mirrored : bool
        Whether the sign of the first coordinate is changed: another attractor, just as chaotic.
        (To change all signs would not do. Some systems do not notice.)

    Examples
    --------
    >>> task = Attractor("lorenz", dt=0.02, centre=(1.0, 0.0, 0.0))
    >>> task.data().shape, task.data().mean(axis=(0, 1)).round(6) + 0.0
    ((20, 1000, 3), array([1., 0., 0.]))
    """

    system: str
    dt: float
    parameters: tuple[tuple[str, float], ...] = ()
    centre: tuple[float, ...] = (0.0, 0.0, 0.0)
    mirrored: bool = False

    def __post_init__(self):
        if not (np.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt: got {self.dt}, expected a positive time")
        if len(self.centre) != self.flow.dim or not np.all(np.isfinite(self.centre)):
            raise ValueError(f"centre: got {self.centre}, expected {self.flow.dim} finite numbers")

    @property
    def name(self) -> str:
        """Names the task in verdicts and figures."""
        return f"mirrored_{self.system}" if self.mirrored else self.system

    @property
    def flow(self) -> System:
        """The system in its own units."""
        return system(self.system, **dict(self.parameters))

    def data(self) -> np.ndarray:
        """What there is to learn from: independent orbits, shape ``(20, 1000, dim)``."""
        return self._placed(_orbits(self.system, self.dt, self.parameters))

    def orbits(self, count: int, steps: int, seed: int = 0) -> np.ndarray:
        """More independent orbits on the attractor.

        Parameters
        ----------
        count, steps : int
        seed : int
            Of where they start.

        Returns
        -------
        numpy.ndarray, shape (count, steps, dim)
        """
        points = np.concatenate(_orbits(self.system, self.dt, self.parameters))
        rng = np.random.default_rng(seed)
        start = points[rng.integers(len(points), size=count)]
        start = start + 1e-2 * points.std(axis=0) * rng.normal(size=start.shape)
        return self._placed(_sampled(self.flow, start, self.dt, steps))

    def _placed(self, points):
        known = _orbits(self.system, self.dt, self.parameters)
        unit = (points - known.mean(axis=(0, 1))) / known.std(axis=(0, 1))
        if self.mirrored:
            unit = unit * np.where(np.arange(unit.shape[-1]) == 0, -1, 1)
        return np.asarray(self.centre) + unit


@functools.cache
def _orbits(name, dt, parameters):
    flow = system(name, **dict(parameters))
    start = flow.initial + 1e-3 * np.random.default_rng(0).normal(size=(SEGMENTS, flow.dim))
    settled = ensemble(flow, start, round(flow.transient / flow.dt)).points[:, -1]
    return _sampled(flow, settled, dt, SEGMENT)


def _sampled(flow, start, dt, steps):
    total = SUBSTEPS * (APART + steps - 1)
    return ensemble(flow, start, total, dt / SUBSTEPS, keep=steps, every=SUBSTEPS).points


@dataclass(frozen=True)
class Lissajous:
    r"""A closed curve drawn by two oscillations, each with mean 0 and standard deviation 1.

    .. math:: u(t) = \sqrt 2\, (\sin(a t + \phi),\; \sin(b t))

    The phase is a quarter of a turn if both frequencies are odd, else none: then no curve runs
    back on itself. :math:`a = b = 1` is a circle.

    Parameters
    ----------
    a, b : int
        Frequencies, without a common divisor, in turns per period of the curve.
    dt : float
        Time between samples; the curve's period is :math:`2\pi`.
    backwards : bool
        Whether it is drawn in the opposite direction.

    Examples
    --------
    >>> eight = Lissajous(1, 2)
    >>> eight.name, eight.data().shape
    ('1:2', (20, 1000, 2))
    """

    a: int
    b: int
    dt: float = 0.1
    backwards: bool = False

    def __post_init__(self):
        if min(self.a, self.b) < 1 or math.gcd(self.a, self.b) != 1:
            raise ValueError(
                f"a, b: got {self.a} and {self.b}, expected positive integers without a "
                "common divisor"
            )
        if not (np.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt: got {self.dt}, expected a positive time")

    @property
    def name(self) -> str:
        """Names the task in verdicts and figures."""
        return f"{self.a}:{self.b}" + " backwards" * self.backwards

    def data(self) -> np.ndarray:
        """What there is to learn from: stretches from anywhere, shape ``(20, 1000, 2)``."""
        return self.orbits(SEGMENTS, SEGMENT)

    def orbits(self, count: int, steps: int, seed: int = 0) -> np.ndarray:
        """Stretches that start at random places, shape ``(count, steps, 2)``."""
        start = np.random.default_rng(seed).uniform(0, 2 * np.pi, size=(count, 1))
        t = start + (-1 if self.backwards else 1) * self.dt * np.arange(steps)
        phase = np.pi / 2 if self.a % 2 and self.b % 2 else 0.0
        return np.sqrt(2) * np.stack([np.sin(self.a * t + phase), np.sin(self.b * t)], axis=-1)


def seeing_double(x_cen: float = 0.0, radius: float = 5.0) -> tuple[Circle, Circle]:
    """The two circles of the "seeing double" problem, travelled in opposite directions.

    ``C_A`` is centred at ``(x_cen, 0)`` and runs anticlockwise, ``C_B`` at ``(-x_cen, 0)`` and
    runs clockwise. At ``x_cen = 0`` they are the same set of points, and nothing but memory can
    tell them apart.

    Parameters
    ----------
    x_cen : float
        Half the distance between the centres. The circles overlap for ``|x_cen| < radius``.
    radius : float

    References
    ----------
    Flynn, Tsachouridis and Amann, Seeing double with a multifunctional reservoir computer,
    Chaos 33, 113115 (2023), arXiv:2305.05799.

    Examples
    --------
    >>> a, b = seeing_double(x_cen=0)
    >>> a.period == b.period, a.omega == -b.omega
    (True, True)
    """
    return (
        Circle("A", radius, (x_cen, 0.0), omega=1.0),
        # the published C_B starts at (-R - x_cen, 0): the phase pi of this circle
        Circle("B", radius, (-x_cen, 0.0), omega=-1.0),
    )


def cues(
    task: Circle,
    length: int,
    dt: float,
    count: int = 8,
    noise: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Stretches of a task's data, to be listened to before the loop is closed.

    Parameters
    ----------
    task : Circle
    length : int
        Samples in a cue, at least 1.
    dt : float
        Time between samples, positive.
    count : int
        How many, starting at places spread evenly over the orbit.
    noise : float
        Standard deviation of Gaussian noise added to every sample, in the data's units.
    seed : int
        Of that noise.

    Returns
    -------
    numpy.ndarray, shape (count, length, 2)
    """
    for name, number in (("length", length), ("count", count)):
        if number < 1:
            raise ValueError(f"{name}: got {number}, expected at least 1")
    if not dt > 0:
        raise ValueError(f"dt: got {dt}, expected a positive time")
    if not noise >= 0:
        raise ValueError(f"noise: got {noise}, expected a standard deviation, at least 0")
    clean = np.stack([task.trajectory(length, dt, phase) for phase in task.starts(count)])
    return clean + noise * np.random.default_rng(seed).normal(size=clean.shape)


def interleaved_orbits(tasks: Sequence) -> list[np.ndarray]:
    """What there is to learn of all tasks, so that every step of Adam sees all of them.

    Parameters
    ----------
    tasks : sequence
        Of :class:`~mflib.multifunctionality.tasks.Attractor` or :class:`~mflib.multifunctionality.tasks.Lissajous`.

    Returns
    -------
    list of numpy.ndarray, each of shape (steps, dim)
        Orbits; neighbours in the list belong to different tasks.
    """
    orbits = (task.data() for task in tasks)
    return [orbit for neighbours in zip(*orbits, strict=True) for orbit in neighbours]
