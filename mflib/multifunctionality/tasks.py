"""Tasks: what a network is asked to do, and the cues that ask for it.

A task is one attractor the network must reproduce when its loop is closed. A set of tasks is
asked of one network with one set of weights and no label; only the cue, a stretch of data,
says which task is meant.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics import systems
from mflib.dynamics.systems import System
from mflib.dynamics.trajectories import ensemble

#: Time step on closed curves, whose period is 2 pi.
COARSE = 0.1
#: Coarse steps of a turn, nearly.
TURN = 63
#: Orbits from which a network learns an attractor, and samples in each.
SEGMENTS, SEGMENT = 20, 1000
#: Steps of the integrator in a sample; and where only one sample is followed.
SUBSTEPS, LED = 5, 2
#: Samples after which orbits that began side by side are independent.
APART = 200


class Task(Protocol):
    """What training and naming many attractors need of a task, a task of one's own too.

    Attributes:
        name: Names the task in verdicts and figures.
    """

    @property
    def name(self) -> str: ...

    def data(self) -> np.ndarray:
        """What there is to learn from: independent orbits, shape ``(orbits, steps, dim)``."""

    def orbits(self, count: int, steps: int, seed: int = 0) -> np.ndarray:
        """More independent orbits on the attractor, shape ``(count, steps, dim)``."""


class ClosedCurve:
    r"""A closed curve travelled at constant phase velocity.

    A curve of one's own needs a ``name``, its angular velocity ``omega`` in radians per unit of
    time, negative if it is travelled backwards, and :meth:`at`; ``dt``, the time between samples
    of its data, is 0.1 if nothing else is said.
    """

    name: str
    omega: float
    dt: float = COARSE

    def at(self, phase: np.ndarray) -> np.ndarray:
        r"""Points ``(..., 2)`` of the curve at phases ``(...)``, of period :math:`2\pi`."""
        raise NotImplementedError

    @property
    def period(self) -> float:
        """Time of one turn, in units of time."""
        return 2 * np.pi / abs(self.omega)

    def trajectory(self, steps: int, dt: float, phase: float = 0.0) -> np.ndarray:
        """Samples ``(steps, 2)``, ``dt`` apart, from ``phase`` (radians) on."""
        return self.at(phase + self.omega * dt * np.arange(steps))

    def starts(self, count: int) -> np.ndarray:
        """``count`` phases, evenly spread over the curve, at which a cue can begin."""
        return 2 * np.pi * np.arange(count) / count

    def data(self) -> np.ndarray:
        """What there is to learn from: stretches from anywhere, shape ``(20, 1000, 2)``."""
        return self.orbits(SEGMENTS, SEGMENT)

    def orbits(self, count: int, steps: int, seed: int = 0) -> np.ndarray:
        """Stretches that start at random places, shape ``(count, steps, 2)``."""
        start = np.random.default_rng(seed).uniform(0, 2 * np.pi, size=(count, 1))
        return self.at(start + self.omega * self.dt * np.arange(steps))


@dataclass(frozen=True)
class Circle(ClosedCurve):
    r"""A circular orbit.

    .. math:: u(t) = (x_c + R \cos\theta,\; y_c + R \sin\theta), \qquad \theta = \phi + \omega t

    Attributes:
        radius: R, positive.
        omega: Positive is anticlockwise.
    """

    name: str
    radius: float
    centre: tuple[float, float] = (0.0, 0.0)
    omega: float = 1.0

    def __post_init__(self):
        checks.real("radius", self.radius, above=0)
        if checks.real("omega", self.omega) == 0:
            raise ValueError(f"omega: got {self.omega}, expected a finite number, not zero")
        checks.reals("centre", self.centre, (2,))

    def at(self, phase: np.ndarray) -> np.ndarray:
        unit = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
        return np.asarray(self.centre) + self.radius * unit

    def data(self) -> np.ndarray:
        """What there is to learn from: one stretch, about 32 turns, shape ``(1, 2000, 2)``."""
        return self.trajectory(2000, self.dt)[None]


@dataclass(frozen=True)
class Lissajous(ClosedCurve):
    r"""A closed curve drawn by two oscillations, each with mean 0 and standard deviation 1.

    .. math:: u(t) = \sqrt 2\, (\sin(a t + \phi),\; \sin(b t))

    The phase is a quarter of a turn if both frequencies are odd, else none: then no curve runs
    back on itself. :math:`a = b = 1` is a circle.

    Attributes:
        a, b: Frequencies, without a common divisor, in turns per period of the curve.
        dt: Time between samples of its data; the curve's period is :math:`2\pi`.
        backwards: Whether it is drawn in the opposite direction.

    Examples:
        >>> eight = Lissajous(1, 2)
        >>> eight.name, eight.data().shape
        ('1:2', (20, 1000, 2))
    """

    a: int
    b: int
    dt: float = 0.1
    backwards: bool = False

    def __post_init__(self):
        if math.gcd(checks.count("a", self.a), checks.count("b", self.b)) != 1:
            raise ValueError(f"a, b: got {self.a} and {self.b}, expected no common divisor")
        checks.real("dt", self.dt, above=0)

    @property
    def name(self) -> str:  # type: ignore[override]  # read-only, as all of a frozen task
        return f"{self.a}:{self.b}" + " backwards" * self.backwards

    @property
    def omega(self) -> float:  # type: ignore[override]
        return -1.0 if self.backwards else 1.0

    def at(self, phase: np.ndarray) -> np.ndarray:
        shift = np.pi / 2 if self.a % 2 and self.b % 2 else 0.0
        x, y = np.sin(self.a * phase + shift), np.sin(self.b * phase)
        return np.sqrt(2) * np.stack([x, y], axis=-1)


@dataclass(frozen=True)
class Attractor:
    """The attractor of a flow, brought to unit size and put in its place.

    Every coordinate has mean ``centre`` and standard deviation 1, over what there is to learn
    from. Orbits are integrated by the classical Runge–Kutta method with five steps a sample.

    Attributes:
        system (str or System): Name in the catalogue, or a flow of one's own.
        dt: Time between samples, in the system's units; about a fortieth of a turn.
        parameters (tuple of (str, float)): Of the system, where they are not the usual ones.
        centre: One number for each coordinate; by default the origin.
        mirrored: Whether the sign of the first coordinate is changed: another attractor, just as
            chaotic. (To change all signs would not do. Some systems do not notice.)

    Examples:
        >>> task = Attractor("lorenz", dt=0.02, centre=(1.0, 0.0, 0.0))
        >>> task.data().shape, task.data().mean(axis=(0, 1)).round(6) + 0.0
        ((20, 1000, 3), array([1., 0., 0.]))
    """

    system: str | System
    dt: float
    parameters: tuple[tuple[str, float], ...] = ()
    centre: tuple[float, ...] = (0.0, 0.0, 0.0)
    mirrored: bool = False

    def __post_init__(self):
        checks.real("dt", self.dt, above=0)
        checks.reals("centre", self.centre, (self.flow.dim,))

    @property
    def name(self) -> str:
        return "mirrored_" * self.mirrored + self.flow.name

    @property
    def flow(self) -> System:
        """The system in its own units."""
        return _flow(self.system, self.parameters)

    def data(self) -> np.ndarray:
        """What there is to learn from: independent orbits, shape ``(20, 1000, dim)``."""
        return self._placed(_orbits(self.flow, self.dt))

    def orbits(self, count: int, steps: int, seed: int = 0, substeps: int = SUBSTEPS) -> np.ndarray:
        """More independent orbits on the attractor, shape ``(count, steps, dim)``.

        Two ``substeps`` of the integrator in a sample are enough where no orbit is to be forecast.
        """
        points = np.concatenate(_orbits(self.flow, self.dt))
        rng = np.random.default_rng(seed)
        start = points[rng.integers(len(points), size=checks.count("count", count))]
        start = start + 1e-2 * points.std(axis=0) * rng.normal(size=start.shape)
        steps, substeps = checks.count("steps", steps), checks.count("substeps", substeps)
        return self._placed(_sampled(self.flow, start, self.dt, steps, substeps))

    def orbits_from(self, start: npt.ArrayLike, steps: int) -> np.ndarray:
        """Orbits from given points, on the attractor or not, shape ``(points, steps, dim)``.

        Args:
            start (points, dim): In the units of the data. An orbit that leaves all bounds is NaN.
        """
        steps, begin = checks.count("steps", steps), self._unplaced(start)
        kept = {"keep": steps, "every": LED}
        run = ensemble(self.flow, begin, LED * (steps - 1), self.dt / LED, **kept)
        return self._placed(run.points)

    def units(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation ``(dim,)`` of the system's data in its own units."""
        known = _orbits(self.flow, self.dt)
        return known.mean(axis=(0, 1)), known.std(axis=(0, 1))

    def _unplaced(self, points: npt.ArrayLike) -> np.ndarray:
        mean, std = self.units()
        unit = checks.reals("points", points, ("points", self.flow.dim)) - np.asarray(self.centre)
        return mean + self._sides * std * unit

    def _placed(self, points: np.ndarray) -> np.ndarray:
        mean, std = self.units()
        return np.asarray(self.centre) + self._sides * (points - mean) / std

    @property
    def _sides(self) -> np.ndarray:
        return np.array([-1.0 if self.mirrored else 1.0, *np.ones(self.flow.dim - 1)])


@functools.cache
def _flow(system: str | System, parameters: tuple) -> System:
    flow = systems.system(system) if isinstance(system, str) else system
    return flow.with_parameters(**dict(parameters)) if parameters else flow


@functools.cache
def _orbits(flow: System, dt: float) -> np.ndarray:
    start = flow.initial + 1e-3 * np.random.default_rng(0).normal(size=(SEGMENTS, flow.dim))
    settled = ensemble(flow, start, round(flow.transient / flow.dt)).points[:, -1]
    return _sampled(flow, settled, dt, SEGMENT)


def _sampled(
    flow: System, start: np.ndarray, dt: float, steps: int, substeps: int = SUBSTEPS
) -> np.ndarray:
    total = substeps * (APART + steps - 1)
    return ensemble(flow, start, total, dt / substeps, keep=steps, every=substeps).points


def seeing_double(x_cen: float = 0.0, radius: float = 5.0) -> tuple[Circle, Circle]:
    """The two circles of the "seeing double" problem, travelled in opposite directions.

    ``C_A`` is centred at ``(x_cen, 0)`` and runs anticlockwise, ``C_B`` at ``(-x_cen, 0)`` and
    runs clockwise. At ``x_cen = 0`` they are the same set of points, and nothing but memory can
    tell them apart.

    Args:
        x_cen: Half the distance between the centres. The circles overlap for ``|x_cen| < radius``.

    References:
        Flynn, Tsachouridis and Amann, Seeing double with a multifunctional reservoir computer,
        Chaos 33, 113115 (2023), arXiv:2305.05799.

    Examples:
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
    task: ClosedCurve, length: int, dt: float, count: int = 8, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Stretches of a closed curve's data, to drive a network with before the loop is closed.

    Args:
        length: Samples in a cue, at least 1.
        dt: Time between samples, positive.
        count: How many, starting at places spread evenly over the curve.
        noise: Standard deviation of Gaussian noise added to every sample, in the data's units.
        seed: Of that noise.

    Returns:
        numpy.ndarray, shape (count, length, 2)

    Raises:
        ValueError: If a number is not of its kind or range.
    """
    length, count = checks.count("length", length), checks.count("count", count)
    dt, noise = checks.real("dt", dt, above=0), checks.real("noise", noise, least=0)
    clean = np.stack([task.trajectory(length, dt, phase) for phase in task.starts(count)])
    return clean + noise * np.random.default_rng(seed).normal(size=clean.shape)


def interleaved_orbits(tasks: Sequence[Task]) -> list[np.ndarray]:
    """What there is to learn of all tasks, so that every step of training sees all of them.

    Returns:
        list of numpy.ndarray, each of shape (steps, dim): Orbits; neighbours in the list belong to
        different tasks.
    """
    orbits = (task.data() for task in tasks)
    return [orbit for neighbours in zip(*orbits, strict=True) for orbit in neighbours]
