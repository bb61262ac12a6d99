r"""Fixed points, cycles and closed curves of a closed loop, followed in a parameter.

An invariant set of points :math:`x_0, \dots, x_{n-1}` on which a step of the loop :math:`F` acts as
a shift :math:`S`,

.. math:: F(x_k) = (S x)_k ,

is a fixed point if :math:`n = 1` and a cycle if :math:`(S x)_k = x_{k+1}`, the last followed by the
first. The points of a closed curve :math:`x_k = K(k / n)` are shifted along the curve by its
rotation number :math:`\rho`, so that :math:`F(K(\theta)) = K(\theta + \rho)`, where :math:`K` is
the trigonometric polynomial through them, and :math:`\rho` is an unknown like the points. An orbit
of a loop that goes round and round meets no point twice, in general: its attractor is such a curve,
and a step too long to be a flow's is no obstacle.

:func:`invariant_curve` finds a curve near a run, :func:`continuation` follows all three in a
parameter, round folds, by Newton's method, which does not ask whether they are stable.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from tqdm import tqdm

from mflib import checks
from mflib.dynamics.lyapunov import random_frame
from mflib.modelling.closed_loop import _closable, free_run, jacobian
from mflib.modelling.skeleton import _slopes, _sorted_eigenvalues
from mflib.networks.recurrent import Network, cast

#: Newton steps at most, and the relative size of the last, after which a solution is exact.
CORRECTIONS, EXACT = 8, 1e-9
#: Of a curve's Fourier coefficients the last tenth is no larger, relative to the largest.
RESOLVED = 1e-5
#: Relative difference by which derivatives in the parameter are taken.
NUDGE = 1e-6
#: Longest step and shortest, for the first and for the longest; and least cosine of a turn in one.
LONGEST, SHORTEST, STRAIGHT = 10, 1e-8, 0.9
#: Points nearer to each other than this, relative to their size, are one.
ONE = 1e-4
#: Steps along a closed curve over which the growth of neighbours is averaged.
AVERAGED = 2000


class InvariantCurve(NamedTuple):
    """A closed curve of a loop's states, each of which is followed by one further along it.

    Attributes:
        states (points, state_dim): Equally far apart in the angle in which a step is a rotation.
        rotation: Share of a turn that a step takes.
        multipliers (state_dim - 1,): Factors by which neighbours beside the curve part in a step,
            on average, falling: the exponentials of Lyapunov exponents. That of neighbours along
            the curve, 1, is left out.
    """

    states: np.ndarray
    rotation: float
    multipliers: np.ndarray

    @property
    def unstable(self) -> int:
        """In how many directions neighbours move away."""
        return int(np.sum(self.multipliers > 1))


class SpecialPoint(NamedTuple):
    """Where something happens on a branch.

    Attributes:
        kind: ``"fold"``, where the branch turns round in the parameter; ``"branch point"``, a
            multiplier 1 without that, as in a pitchfork; ``"period doubling"``, a multiplier -1;
            ``"Neimark-Sacker"``, a complex pair of modulus 1; ``"birth"``, where a cycle or curve
            has shrunk to what it came from at one of these two; of a closed curve ``"stability"``,
            if the number of unstable directions changes otherwise than at a fold.
        value: Of the parameter.
        states (points, state_dim):
    """

    kind: str
    value: float
    states: np.ndarray


class SolutionBranch(NamedTuple):
    """A fixed point, cycle or closed curve, from solution to solution along its branch.

    Attributes:
        values (solutions,): Of the parameter.
        states (solutions, points, state_dim):
        rotations (solutions,): Of closed curves; otherwise NaN.
        multipliers ((solutions, count) of complex): As of
            :class:`~mflib.modelling.skeleton.PeriodicOrbits` or of :class:`InvariantCurve`.
        special: What happens on the way, in order.
        ended: ``"left"`` the interval; ``"most"`` solutions; a ``"birth"``; ``"stalled"``, Newton's
            method fails however short the step; ``"unresolved"``, a closed curve wants more points.
    """

    values: np.ndarray
    states: np.ndarray
    rotations: np.ndarray
    multipliers: np.ndarray
    special: list[SpecialPoint]
    ended: str

    @property
    def unstable(self) -> np.ndarray:
        """In how many directions neighbours of each solution move away, shape (solutions,)."""
        return np.sum(np.abs(self.multipliers) > 1, axis=1)


def invariant_curve(network: Network, run: ArrayLike, points: int = 65) -> InvariantCurve:
    """The closed curve of a closed loop along which a run goes, stable or not.

    The rotation number is the run's strongest frequency, and a first curve has the Fourier
    coefficients that weighted averages over the run give; Newton's method makes both exact.

    Args:
        network: With as many outputs as inputs. It is run in double precision.
        run (steps, state_dim): States one after the other, of some dozen turns, say. On an unstable
            curve, from an edge state, as long as they stay there.
        points: On the curve; an odd number. The rougher the curve, the more.

    Raises:
        ValueError: If the loop cannot be closed, an argument does not fit, or Newton's method finds
            no curve, or none that so many points resolve.

    References:
        Schilder, Osinga and Vogt (2005), SIAM Journal on Applied Dynamical Systems 4, 459-488,
        doi:10.1137/040611240. Averages: Das, Saiki, Sander and Yorke (2017), Nonlinearity 30, 4111,
        arXiv:1601.06051.
    """
    network = cast(network, "float64")
    _closable(network)
    run = checks.reals("run", run, ("steps", network.state_dim), least=8)
    points = checks.count("points", points, least=3)
    if points % 2 == 0:
        raise ValueError(f"points: got {points}, expected an odd number")
    rotation = _strongest_frequency(run)
    modes = np.fft.ifftshift(np.arange(points) - points // 2)
    phases = np.exp(-2j * np.pi * rotation * np.outer(modes, np.arange(len(run))))
    guess = np.fft.ifft(points * (phases * _averaging(len(run))) @ run, axis=0).real
    equations = _Equations(lambda _: network, guess.shape, curve=True)
    fixed = np.append(np.zeros(guess.size + 1), 1.0)  # the parameter that nothing depends on
    expected = "expected a run along a closed curve"
    try:
        found = equations.solution(np.concatenate([guess.ravel(), [rotation, 0.0]]), fixed)
    except ArithmeticError as error:
        raise ValueError(f"run: got one with no closed curve near it, {expected}") from error
    if not found.resolved:
        raise ValueError(f"run: got one that wants more than {points} points, {expected}")
    return InvariantCurve(found.states, float(found.rotation), found.multipliers.real)


def continuation(
    network_at: Callable[[float], Network],
    value: float,
    states: ArrayLike,
    rotation: float | None = None,
    *,
    step: float,
    within: tuple[float, float],
    most: int = 500,
    progress: bool = False,
) -> SolutionBranch:
    """Follow a fixed point, cycle or closed curve of a closed loop in a parameter, round folds.

    By pseudo-arclength: the next solution is looked for at right angles to the tangent, so far
    along it. Steps grow where Newton's method is quick and are halved where it fails. Where the
    branch turns round, or the number of unstable directions changes, the point is located by
    Brent's method.

    Args:
        network_at: ``network_at(value)`` is the network at a value of the parameter, in double
            precision, all of one shape.
        value: To start at.
        states (points, state_dim): At least near the solution there: a fixed point, the states of a
            cycle in their order, or those of a :class:`InvariantCurve`.
        rotation: Of the curve; None for a fixed point or cycle.
        step: Of the first, the length, and its sign the direction in the parameter to start in.
            Lengths are of the root mean square over the points of the change of state, of the
            change of rotation and of the parameter. None is ten times as long as the first.
        within: Least and largest value of the parameter to go to.
        most: Solutions.
        progress: Whether to show how many of the most there are.

    Raises:
        ValueError: If the loop cannot be closed, an argument does not fit, or there is no solution
            near the states.

    References:
        Kuznetsov (2004), Elements of Applied Bifurcation Theory, doi:10.1007/978-1-4757-3978-7. Of
        curves: Schilder, Osinga and Vogt (2005), SIAM Journal on Applied Dynamical Systems 4,
        459-488, doi:10.1137/040611240.

    Examples:
        Of ``h' = tanh(g h)`` rest loses its stability at g = 1, in a pitchfork.

        >>> from mflib.networks.elman import Elman
        >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
        >>> def unit(g):
        ...     return Elman(zero, g * one, bias=zero[0], readout_kernel=one, readout_bias=zero[0])
        >>> branch = continuation(unit, 0.5, [[0.0]], step=0.1, within=(0, 2))
        >>> [(point.kind, round(point.value, 9)) for point in branch.special]
        [('branch point', 1.0)]
    """
    network, value = network_at(checks.real("value", value)), float(value)
    _closable(network)
    if network.dtype != "float64":
        raise ValueError(f"network_at: got {network}, expected double precision, as of `cast`")
    states = checks.reals("states", states, ("points", network.state_dim))
    low, high = (checks.real("within", end) for end in within)
    if not low <= value <= high:
        raise ValueError(f"within: got {within}, expected an interval around {value}")
    length, most = abs(checks.real("step", step)), checks.count("most", most)
    if length == 0:
        raise ValueError("step: got 0, expected a length with a sign")
    unknown = [] if rotation is None else [checks.real("rotation", rotation)]
    equations = _Equations(network_at, states.shape, curve=bool(unknown))
    z = np.concatenate([states.ravel(), unknown, [value]])
    try:
        solutions = [equations.solution(z, np.append(np.zeros(len(z) - 1), np.sign(step)))]
    except ArithmeticError as error:
        expected = "a fixed point, cycle or closed curve nearby"
        raise ValueError(f"states: got none near a solution, expected {expected}") from error
    special: list[SpecialPoint] = []
    ended, longest = "most", LONGEST * length
    with tqdm(total=most, initial=1, unit="solution", disable=not progress) as bar:
        while len(solutions) < most:
            last = solutions[-1]
            try:
                new = last.next(length)
                passed = last.special_points(new, length)
            except ArithmeticError:
                length /= 2
                if length < SHORTEST * longest:
                    ended = "stalled"
                    break
                continue
            if not low <= new.value <= high or not new.resolved:
                ended = "left" if new.resolved else "unresolved"
                break
            special += passed
            if any(point.kind == "birth" for point in passed):
                ended = "birth"
                break
            solutions.append(new)
            length = min(length * (1.5 if new.turns < CORRECTIONS / 2 else 1), longest)
            bar.update()
    names = "value", "states", "rotation", "multipliers"
    parts = (np.array([getattr(solution, name) for solution in solutions]) for name in names)
    values, every, rotations, multipliers = parts
    return SolutionBranch(values, every, rotations, multipliers, special, ended)


class _Equations:
    """What unknowns have to fulfil: the points, of a curve its rotation, and the parameter."""

    def __init__(self, network_at, shape, curve):
        self.network_at, self.shape, self.curve = network_at, shape, curve
        self.weights = np.append(np.full(np.prod(shape), 1 / shape[0]), np.ones(1 + curve))

    def apart(self, z):
        """Points, rotation and value."""
        return z[: np.prod(self.shape)].reshape(self.shape), z[-2] if self.curve else np.nan, z[-1]

    def shifted(self, states, rotation, order=0):
        """The points after a step, if the shift were all; or the curve's derivative there."""
        if not self.curve:
            return np.roll(states, -1, axis=0)
        modes = 2j * np.pi * np.fft.fftfreq(len(states), 1 / len(states))[:, None]
        factors = modes**order * np.exp(modes * rotation)
        return np.fft.ifft(factors * np.fft.fft(states, axis=0), axis=0).real

    def excess(self, z):
        """By how much a step of the loop misses the shift."""
        states, rotation, value = self.apart(z)
        moved = free_run(self.network_at(value), states, 1).state.numpy()
        return (moved - self.shifted(states, rotation)).ravel()

    def matrix(self, z):
        """Derivative of the excess in all unknowns."""
        states, rotation, value = self.apart(z)
        (points, dim), each = self.shape, np.arange(len(states))
        matrix = -np.kron(self.shifted(np.eye(points), rotation), np.eye(dim))
        blocks = matrix.reshape(points, dim, points, dim)
        blocks[each, :, each] += jacobian(self.network_at(value), states).numpy()
        columns = [-self.shifted(states, rotation, 1).ravel()] if self.curve else []
        nudge = np.append(np.zeros(len(z) - 1), NUDGE * (1 + abs(value)))
        change = self.excess(z + nudge) - self.excess(z - nudge)
        return np.column_stack([matrix, *columns, change / (2 * nudge[-1])])

    def solution(self, guess, direction):
        """The solution at right angles to the direction, its points as near as can be to it."""
        states, *_ = self.apart(guess)
        fixed = [self.weights * direction]
        if self.curve:  # else its points could glide along the curve
            fixed = [np.append(self.shifted(states, 0.0, 1) / len(states), [0.0, 0.0]), *fixed]
        z, across = guess, np.array(fixed)
        for turns in range(CORRECTIONS):
            miss = np.append(self.excess(z), across @ (z - guess))
            right = np.stack([-miss, np.eye(len(z))[-1]], axis=1)
            change, tangent = _solve(np.vstack([self.matrix(z), across]), right).T
            z = z + change
            if self.length(change) < EXACT * (1 + self.length(z)):
                return _Solution(self, z, tangent / self.length(tangent), turns)
        raise ArithmeticError("Newton's method does not converge")

    def length(self, z):
        """Of a difference of unknowns."""
        return np.sqrt(self.weights @ z**2)


class _Solution:
    """A solution, the branch's direction there, and how soon Newton's method was there."""

    def __init__(self, equations, z, tangent, turns):
        self.equations, self.z, self.tangent, self.turns = equations, z, tangent, turns
        self.states, self.rotation, self.value = equations.apart(z)

    def next(self, length):
        """The solution so far along the tangent, if the branch is not too crooked for that."""
        found = self.equations.solution(self.z + length * self.tangent, self.tangent)
        if self.equations.weights @ (found.tangent * self.tangent) < STRAIGHT:
            raise ArithmeticError("the branch turns too much in a step")
        return found

    @functools.cached_property
    def multipliers(self):
        """Of a fixed point or cycle, or of neighbours beside a closed curve."""
        network = self.equations.network_at(self.value)
        if not self.equations.curve:
            return _sorted_eigenvalues(_slopes(network, self.states[None]))[0]
        dim, angles = self.states.shape[1], self.rotation * np.arange(AVERAGED)
        modes = 2j * np.pi * np.fft.fftfreq(len(self.states), 1 / len(self.states))
        orbit = (
            np.exp(np.outer(angles, modes)) @ np.fft.fft(self.states, axis=0, norm="forward")
        ).real
        frame, growth = random_frame(np.random.default_rng(0), 1, dim, dim)[0], []
        for matrix in jacobian(network, orbit).numpy():
            frame, triangle = np.linalg.qr(matrix @ frame)
            growth.append(np.log(np.abs(np.diag(triangle))))
        late = np.array(growth[AVERAGED // 4 :])
        rates = np.sort(_averaging(len(late)) @ late)[::-1]
        return np.exp(np.delete(rates, np.argmin(np.abs(rates)))).astype(complex)

    @property
    def unstable(self):
        """In how many directions neighbours move away."""
        return int(np.sum(np.abs(self.multipliers) > 1))

    @property
    def resolved(self):
        """Whether the last Fourier coefficients of a closed curve are small."""
        sizes = np.linalg.norm(np.fft.rfft(self.states, axis=0), axis=1)[1:]
        last = sizes[-max(1, len(sizes) // 10) :]
        return not self.equations.curve or bool(last.max() <= RESOLVED * sizes.max())

    @property
    def one(self):
        """Whether points of a cycle or curve are the same: it is nothing but where it was born."""
        apart = np.linalg.norm(self.states[1:] - self.states[0], axis=1)
        return len(apart) > 0 and apart.min() < ONE * (1 + np.linalg.norm(self.states[0]))

    def special_points(self, other, length):
        """What happens between this solution and the next, which is so far away."""
        turns, found = self.tangent[-1] * other.tangent[-1] < 0, []

        def locate(test):
            root = brentq(lambda s: test(self.next(s)), 0, length, xtol=1e-12, rtol=1e-12)
            return root, self.next(root)

        if turns:
            at, there = locate(lambda solution: solution.tangent[-1])
            found.append((at, there, "birth" if there.one else "fold"))
        few, many = sorted([self.unstable, other.unstable])
        while few < many:
            at, there = locate(lambda solution, k=few: np.log(np.abs(solution.multipliers[k])))
            kind, few = self._kind(there.multipliers[few]), few + 1
            few += kind == "Neimark-Sacker"  # which takes two
            if not (turns and kind in ("branch point", "stability")):  # which is that
                found.append((at, there, kind))
        found.sort(key=lambda one: one[0])
        return [SpecialPoint(kind, float(there.value), there.states) for _, there, kind in found]

    def _kind(self, multiplier):
        if self.equations.curve:
            return "stability"
        if abs(multiplier.imag) > 1e-6:
            return "Neimark-Sacker"
        return "branch point" if multiplier.real > 0 else "period doubling"


def _solve(matrix, right):
    """The solution of linear equations, if they have one."""
    try:
        found = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError as error:
        raise ArithmeticError("the equations are singular") from error
    if not np.all(np.isfinite(found)):
        raise ArithmeticError("the unknowns leave all bounds")
    return found


def _averaging(count):
    """Weights of averages along quasiperiodic orbits that converge faster than any power."""
    t = np.arange(1, count + 1) / (count + 1)
    weights = np.exp(-1 / (t * (1 - t)))
    return weights / weights.sum()


def _strongest_frequency(run):
    """In turns per step, up to a half, of all numbers of the states together."""
    weights, steps = _averaging(len(run)), np.arange(len(run))
    tapered = weights[:, None] * (run - weights @ run)
    power = np.sum(np.abs(np.fft.rfft(tapered, 4 * len(run), axis=0)) ** 2, axis=1)
    peak = np.argmax(power) / (4 * len(run))

    def less(frequency):
        return -np.sum(np.abs(np.exp(-2j * np.pi * frequency * steps) @ tapered) ** 2)

    around = peak - 0.5 / len(run), peak + 0.5 / len(run)
    return minimize_scalar(less, bounds=around, method="bounded", options={"xatol": 1e-13}).x
