"""Limit cycles of flows: period, Floquet multipliers and exponents."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mflib.dynamics._checks import _one_system
from mflib.dynamics.systems import System
from mflib.dynamics.trajectories import trajectory


class LimitCycle(NamedTuple):
    """A periodic orbit.

    Attributes
    ----------
    point : numpy.ndarray, shape (dim,)
        On the orbit.
    period : float
    multipliers : numpy.ndarray of complex, shape (dim,)
        Eigenvalues of the monodromy matrix, one of them 1, with an error of about 1e-12.
    exponents : numpy.ndarray, shape (dim,)
        Lyapunov exponents of the orbit, the Floquet exponents' real parts, in falling order.
    amplitude : float
        Largest size of the first coordinate on the orbit.
    """

    point: np.ndarray
    period: float
    multipliers: np.ndarray
    exponents: np.ndarray
    amplitude: float


def find_limit_cycle(
    system: System, initial=None, transient: float | None = None, longest: float | None = None
) -> LimitCycle:
    r"""The stable limit cycle an orbit ends on, to ten digits or so.

    After a transient the orbit is followed until it crosses, near where it began, the plane
    through its first point at right angles to the velocity. Newton's method on
    :math:`\Phi_T(x) = x` refines point and period; the derivative of :math:`\Phi_T` is the
    monodromy matrix. In the plane the second exponent is the mean trace along the orbit
    (Liouville), exact also where the multiplier is too small for a computer.

    Parameters
    ----------
    system : System
        An autonomous flow.
    initial : array_like, shape (dim,), optional
        By default the system's own.
    transient : float, optional
        By default the system's own.
    longest : float, optional
        Longest period looked for; by default the system's transient.

    Returns
    -------
    Cycle

    Raises
    ------
    ValueError
        If the orbit ends on no limit cycle: it is chaotic, a fixed point, or not settled.

    Examples
    --------
    >>> from mflib.dynamics.systems import system
    >>> found = cycle(system("van_der_pol", mu=1.0))
    >>> round(found.period, 6), found.exponents.round(5) + 0.0
    (6.663287, array([ 0.     , -1.05938]))
    """
    from scipy.integrate import solve_ivp

    _one_system(system)
    if system.kind != "flow" or system.forcing is not None:
        raise ValueError(f"system: got {system.name}, expected a flow without forcing")
    wait = system.transient if transient is None else transient
    longest = system.transient if longest is None else longest
    if not (np.isfinite(longest) and longest > 0):
        raise ValueError(f"longest: got {longest}, expected a positive time")
    x = trajectory(system, 1, initial=initial, transient=wait)[0]
    tight = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-12}
    velocity = system.rhs(0, x)
    if np.linalg.norm(velocity) < 1e-6 * (1 + np.linalg.norm(x)):
        raise ValueError(f"system: {system.name} ends on a fixed point, expected a limit cycle")

    def crossing(t, y):
        return velocity @ (y - x)

    crossing.direction = 1
    run = solve_ivp(system.rhs, (0, longest), x, events=crossing, **tight)
    size = np.max(np.linalg.norm(run.y.T - x, axis=1))
    gaps = np.linalg.norm(run.y_events[0] - x, axis=1) if len(run.t_events[0]) else np.array([])
    close = np.flatnonzero((gaps < 1e-3 * size) & (run.t_events[0] > 1e-6 * longest))
    problem = (
        f"system: {system.name} comes back to no point within {longest:g} units of time, expected "
        "a limit cycle; the orbit is chaotic, not settled, or its period longer"
    )
    if len(close) == 0:
        raise ValueError(problem)
    period = run.t_events[0][close[0]]

    def variational(t, y):
        at, matrix = y[: system.dim], y[system.dim : -1].reshape(system.dim, system.dim)
        jacobian = system.jacobian(t, at)
        return np.concatenate(
            [system.rhs(t, at), (jacobian @ matrix).ravel(), [np.trace(jacobian)]]
        )

    for _ in range(8):
        y = np.concatenate([x, np.eye(system.dim).ravel(), [0.0]])
        y = solve_ivp(variational, (0, period), y, **tight).y[:, -1]
        end, monodromy = y[: system.dim], y[system.dim : -1].reshape(system.dim, system.dim)
        if np.linalg.norm(end - x) < 1e-11 * size:
            break
        matrix = np.block(
            [
                [monodromy - np.eye(system.dim), system.rhs(0, end)[:, None]],
                [velocity[None], np.zeros((1, 1))],
            ]
        )
        change = np.linalg.solve(matrix, np.append(x - end, 0.0))
        x, period = x + change[:-1], period + change[-1]
    if not (period > 0 and np.linalg.norm(end - x) < 1e-8 * size):
        raise ValueError(problem)
    multipliers = np.linalg.eigvals(monodromy).astype(complex)
    multipliers = multipliers[np.argsort(np.abs(multipliers - 1))]
    others = np.abs(multipliers[1:])
    if np.any(others > 1 + 1e-6):
        raise ValueError(problem)
    if system.dim == 2:
        exponents = np.array([0.0, y[-1] / period])
    else:
        exponents = np.append(0.0, np.sort(np.log(np.maximum(others, 1e-300)) / period)[::-1])

    def turning(t, y):
        return system.rhs(t, y)[0]

    run = solve_ivp(system.rhs, (0, period * 1.01), x, events=turning, **tight)
    return LimitCycle(
        x, float(period), multipliers, exponents, float(np.abs(run.y_events[0][:, 0]).max())
    )
