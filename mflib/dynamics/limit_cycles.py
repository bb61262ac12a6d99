"""Limit cycles of flows: period, Floquet multipliers and exponents."""

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.systems import LONGEST, System, autonomous_flow, waiting_time
from mflib.dynamics.trajectories import limited, tangent, trajectory

#: How orbits are integrated here.
TIGHT: dict[str, Any] = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-12}


class LimitCycle(NamedTuple):
    """A periodic orbit.

    Attributes:
        point (dim,): On the orbit.
        multipliers ((dim,) of complex): Eigenvalues of the monodromy matrix, one of them 1, with an
            error of about 1e-12.
        exponents (dim,): Lyapunov exponents of the orbit, the Floquet exponents' real parts, in
            falling order.
        amplitude: Largest size of the first coordinate on the orbit.
    """

    point: np.ndarray
    period: float
    multipliers: np.ndarray
    exponents: np.ndarray
    amplitude: float


def find_limit_cycle(
    system: System,
    initial: npt.ArrayLike | None = None,
    transient: float | None = None,
    longest: float | None = None,
) -> LimitCycle:
    r"""The stable limit cycle an orbit ends on, to ten digits or so.

    After a transient the orbit is followed until it crosses, near where it began, the plane
    through its first point at right angles to the velocity. Newton's method on
    :math:`\Phi_T(x) = x` refines point and period; the derivative of :math:`\Phi_T` is the
    monodromy matrix. In the plane the second exponent is the mean trace along the orbit
    (Liouville), exact also where the multiplier is too small for a computer.

    Args:
        system: An autonomous flow.
        initial (dim,): By default the system's own.
        transient: By default the system's own.
        longest: Longest period looked for; by default the system's transient.

    Raises:
        ValueError: If the orbit ends on no limit cycle: it is chaotic, a fixed point, or not
            settled.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> found = find_limit_cycle(system("van_der_pol", mu=1.0))
        >>> round(found.period, 6), found.exponents.round(5) + 0.0
        (6.663287, array([ 0.     , -1.05938]))
    """
    autonomous_flow(system)
    wait = waiting_time(system, transient)
    longest = system.transient if longest is None else longest
    longest = checks.real("longest", longest, above=0, most=LONGEST * system.dt)
    x = trajectory(system, 1, initial=initial, transient=wait)[0]
    if np.linalg.norm(system.rhs(0, x)) < 1e-6 * (1 + np.linalg.norm(x)):
        raise ValueError(f"system: {system.name} ends on a fixed point, expected a limit cycle")
    found = _closed(system, x, *_first_return(system, x, longest))
    if found is None or np.any(np.abs(found.multipliers[1:]) > 1 + 1e-6):
        raise ValueError(
            f"system: {system.name} comes back to no point within {longest:g} units of time, "
            "expected a limit cycle; the orbit is chaotic, not settled, or its period longer"
        )
    return found


def _first_return(system, x, longest):
    """The time until the orbit is back near ``x``, or NaN; and how far it goes from there."""
    from scipy.integrate import solve_ivp

    velocity = system.rhs(0, x)

    def crossing(t, y):
        return velocity @ (y - x)

    crossing.direction = 1  # type: ignore[attr-defined]
    with np.errstate(over="ignore", invalid="ignore"):
        run = solve_ivp(limited(system, longest), (0, longest), x, events=crossing, **TIGHT)
    size = np.max(np.linalg.norm(run.y.T - x, axis=1))
    times, places = run.t_events[0], run.y_events[0].reshape(-1, system.dim)
    near = (np.linalg.norm(places - x, axis=1) < 1e-3 * size) & (times > 1e-6 * longest)
    return (times[near][0] if near.any() else np.nan), size


def _closed(system, x, period, size):
    """The cycle near ``x``, or None: a point, a period and their variations, by Newton's method."""
    from scipy.integrate import solve_ivp

    dim, velocity = system.dim, system.rhs(0, x)
    variational = functools.partial(tangent, system)
    for _ in range(8):
        if not period > 0:
            return None
        y = np.concatenate([x, np.eye(dim).ravel(), [0.0]])
        y = solve_ivp(variational, (0, period), y, **TIGHT).y[:, -1]
        end, monodromy = y[:dim], y[dim:-1].reshape(dim, dim)
        if np.linalg.norm(end - x) < 1e-11 * size:
            break
        aside = np.append(velocity, 0.0)
        matrix = np.vstack([np.c_[monodromy - np.eye(dim), system.rhs(0, end)], aside])
        change = np.linalg.solve(matrix, np.append(x - end, 0.0))
        x, period = x + change[:-1], period + change[-1]
    if not np.linalg.norm(end - x) < 1e-8 * size:
        return None
    multipliers = np.linalg.eigvals(monodromy).astype(complex)
    multipliers = multipliers[np.argsort(np.abs(multipliers - 1))]
    others = np.log(np.maximum(np.abs(multipliers[1:]), 1e-300)) / period
    exponents = np.append(0.0, [y[-1] / period] if dim == 2 else np.sort(others)[::-1])
    turns = solve_ivp(
        system.rhs, (0, period * 1.01), x, events=lambda t, y: system.rhs(t, y)[0], **TIGHT
    )
    amplitude = float(np.abs(turns.y_events[0][:, 0]).max())
    return LimitCycle(x, float(period), multipliers, exponents, amplitude)
