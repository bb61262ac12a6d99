r"""Flows and maps whose behaviour is known, and trajectories of them.

The equations are code; parameters, initial conditions, time steps, reference values and
citations are in ``mflib/dynamics/systems.toml``. :func:`trajectory` is the reference, one orbit to nine
digits or more a step; :func:`ensemble` is fast, many orbits at once, for questions about where
orbits go and not about where exactly they are.

Error of :func:`ensemble`: one step of the natural ``dt`` is wrong by less than a
hundred-thousandth of the attractor's size, in most systems here by less than a millionth; where
Chua's orbit crosses a kink of its equations, by less than a ten-thousandth. A limit cycle or
fixed point keeps the error small; chaos multiplies it, like any other, by
:math:`e^{\lambda_1 t}`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mflib.dynamics._checks import _components


@dataclass(frozen=True, eq=False)
class System:
    r"""A flow :math:`\dot x = f(t, x)` or a map :math:`x_{n+1} = f(x_n)`.

    Made by :func:`system`. All methods take any number of points at once: the last axis of
    ``x`` holds the coordinates, axes before it are kept.

    Attributes
    ----------
    name, title : str
        As in the data file; as printed.
    kind : str
        ``"flow"`` or ``"map"``.
    variables : tuple of str
        Names of the coordinates.
    parameters : mapping of str to float or numpy.ndarray
    initial : numpy.ndarray, shape (dim,)
        An initial condition in the basin of the attractor meant.
    dt : float
        Natural time step, in units of time; 1 for a map.
    transient : float
        Time after which the attractor is reached from ``initial``.
    forcing : float or None
        Period of a forcing in time, if there is one.
    citation, doi : str
    """

    name: str
    title: str
    kind: str
    variables: tuple[str, ...]
    parameters: Mapping[str, float | np.ndarray]
    initial: np.ndarray
    dt: float
    transient: float
    forcing: float | None
    citation: str
    doi: str
    equations: Callable = field(repr=False)
    jacobian_rows: Callable = field(repr=False)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.variables)

    def rhs(self, t: float, x) -> np.ndarray:
        """The right-hand side ``f``: velocities of a flow, next points of a map.

        Parameters
        ----------
        t : float
            Time; only a forced flow looks at it.
        x : array_like, shape (..., dim)

        Returns
        -------
        numpy.ndarray, shape (..., dim)

        Examples
        --------
        >>> system("lorenz").rhs(0, [[1, 1, 1], [0, 0, 0]])
        array([[ 0.        , 26.        , -1.66666667],
               [ 0.        ,  0.        ,  0.        ]])
        """
        values = self.equations(t, _components(self, x))
        return np.stack(np.broadcast_arrays(*values), axis=-1)

    def jacobian(self, t: float, x) -> np.ndarray:
        """The matrix of partial derivatives of ``f``, row by equation, column by coordinate.

        Parameters
        ----------
        t : float
        x : array_like, shape (..., dim)

        Returns
        -------
        numpy.ndarray, shape (..., dim, dim)

        Examples
        --------
        >>> system("henon").jacobian(0, [0.5, 0.1])
        array([[-1.4,  1. ],
               [ 0.3,  0. ]])
        """
        rows = self.jacobian_rows(t, _components(self, x))
        entries = np.broadcast_arrays(
            *(entry for row in rows for entry in row), *_components(self, x)
        )
        entries = np.stack(entries[: self.dim**2], axis=-1)
        return entries.reshape(*entries.shape[:-1], self.dim, self.dim).astype(float)


# Each takes the time and the coordinates, numbers or arrays, and the parameters by name.
def lorenz(t, state, *, sigma, rho, beta):
    x, y, z = state
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def lorenz_jacobian_rows(t, state, *, sigma, rho, beta):
    x, y, z = state
    return (-sigma, sigma, 0), (rho - z, -1, -x), (y, x, -beta)


def rossler(t, state, *, a, b, c):
    x, y, z = state
    return -y - z, x + a * y, b + z * (x - c)


def rossler_jacobian_rows(t, state, *, a, b, c):
    x, _, z = state
    return (0, -1, -1), (1, a, 0), (z, 0, x - c)


def halvorsen(t, state, *, a):
    x, y, z = state
    return (
        -a * x - 4 * y - 4 * z - y * y,
        -a * y - 4 * z - 4 * x - z * z,
        -a * z - 4 * x - 4 * y - x * x,
    )


def halvorsen_jacobian_rows(t, state, *, a):
    x, y, z = state
    return (-a, -4 - 2 * y, -4), (-4, -a, -4 - 2 * z), (-4 - 2 * x, -4, -a)


def chua(t, state, *, alpha, beta, m0, m1):
    x, y, z = state
    diode = m1 * x + (m0 - m1) / 2 * (abs(x + 1) - abs(x - 1))
    return alpha * (y - x - diode), x - y + z, -beta * y


def chua_jacobian_rows(t, state, *, alpha, beta, m0, m1):
    x, _, _ = state
    slope = m1 + (m0 - m1) * (abs(x) < 1)
    return (-alpha * (1 + slope), alpha, 0), (1, -1, 1), (0, -beta, 0)


def thomas(t, state, *, b):
    x, y, z = state
    return np.sin(y) - b * x, np.sin(z) - b * y, np.sin(x) - b * z


def thomas_jacobian_rows(t, state, *, b):
    x, y, z = state
    return (-b, np.cos(y), 0), (0, -b, np.cos(z)), (np.cos(x), 0, -b)


def sprott_b(t, state):
    x, y, z = state
    return y * z, x - y, 1 - x * y


def sprott_b_jacobian_rows(t, state):
    x, y, z = state
    return (0, z, y), (1, -1, 0), (-y, -x, 0)


def chen(t, state, *, a, b, c):
    x, y, z = state
    return a * (y - x), (c - a) * x - x * z + c * y, x * y - b * z


def chen_jacobian_rows(t, state, *, a, b, c):
    x, y, z = state
    return (-a, a, 0), (c - a - z, c, -x), (y, x, -b)


def aizawa(t, state, *, a, b, c, d, e, f):
    x, y, z = state
    return (
        (z - b) * x - d * y,
        d * x + (z - b) * y,
        c + a * z - z * z * z / 3 - (x * x + y * y) * (1 + e * z) + f * z * x * x * x,
    )


def aizawa_jacobian_rows(t, state, *, a, b, c, d, e, f):
    x, y, z = state
    return (
        (z - b, -d, x),
        (d, z - b, y),
        (
            -2 * x * (1 + e * z) + 3 * f * z * x * x,
            -2 * y * (1 + e * z),
            a - z * z - e * (x * x + y * y) + f * x * x * x,
        ),
    )


def lorenz84(t, state, *, a, b, F, G):
    x, y, z = state
    return -y * y - z * z - a * (x - F), x * y - b * x * z - y + G, b * x * y + x * z - z


def lorenz84_jacobian_rows(t, state, *, a, b, F, G):
    x, y, z = state
    return (-a, -2 * y, -2 * z), (y - b * z, x - 1, -b * x), (b * y + z, b * x, x - 1)


def van_der_pol(t, state, *, mu):
    x, v = state
    return v, mu * (1 - x * x) * v - x


def van_der_pol_jacobian_rows(t, state, *, mu):
    x, v = state
    return (0, 1), (-2 * mu * x * v - 1, mu * (1 - x * x))


def _planar(growth, slope):
    """Equations with r' = r growth(r^2) and angle' = omega; ``slope`` is growth's derivative."""

    def equations(t, state, *, omega, **parameters):
        x, y = state
        g = growth(x * x + y * y, **parameters)
        return g * x - omega * y, g * y + omega * x

    def jacobian_rows(t, state, *, omega, **parameters):
        x, y = state
        s = x * x + y * y
        g, dg = growth(s, **parameters), 2 * slope(s, **parameters)
        return (g + dg * x * x, dg * x * y - omega), (dg * x * y + omega, g + dg * y * y)

    return equations, jacobian_rows


hopf, hopf_jacobian_rows = _planar(lambda s, mu: mu - s, lambda s, mu: -1)
subcritical_hopf, subcritical_hopf_jacobian_rows = _planar(
    lambda s, mu: mu + s - s * s, lambda s, mu: 1 - 2 * s
)
nested_cycles, nested_cycles_jacobian_rows = _planar(
    lambda s, epsilon: epsilon * (1 - s) * (4 - s) * (9 - s),
    lambda s, epsilon: epsilon * (-49 + 28 * s - 3 * s * s),
)


def double_well(t, state, *, delta, alpha, beta):
    x, v = state
    return v, -delta * v - alpha * x - beta * x * x * x


def double_well_jacobian_rows(t, state, *, delta, alpha, beta):
    x, _ = state
    return (0, 1), (-alpha - 3 * beta * x * x, -delta)


def duffing(t, state, *, gamma, omega, **parameters):
    v, force = double_well(t, state, **parameters)
    return v, force + gamma * np.cos(omega * t)


def duffing_jacobian_rows(t, state, *, gamma, omega, **parameters):
    return double_well_jacobian_rows(t, state, **parameters)


def logistic(n, state, *, r):
    (x,) = state
    return (r * x * (1 - x),)


def logistic_jacobian_rows(n, state, *, r):
    (x,) = state
    return ((r * (1 - 2 * x),),)


def henon(n, state, *, a, b):
    x, y = state
    return 1 - a * x * x + y, b * x


def henon_jacobian_rows(n, state, *, a, b):
    x, _ = state
    return (-2 * a * x, 1), (b, 0)


@functools.cache
def _catalogue() -> dict:
    path = Path(__file__).with_name("systems.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def names(kind: str | None = None) -> list[str]:
    """Names of all systems, of flows (``"flow"``) or of maps (``"map"``).

    Examples
    --------
    >>> names("map")
    ['logistic', 'henon']
    """
    if kind not in (None, "flow", "map"):
        raise ValueError(f"kind: got {kind!r}, expected 'flow', 'map' or None")
    return [name for name, entry in _catalogue().items() if kind in (None, entry["kind"])]


def system(name: str, **parameters) -> System:
    """A system by its name, with its usual parameters or others.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    **parameters : float or array_like
        Parameters that are to differ from the usual ones. An array makes a family: its values
        go with the axis of the points just before the coordinates, one system a point.

    Returns
    -------
    System

    Raises
    ------
    ValueError
        If there is no such system or parameter, or a parameter is not finite.

    Examples
    --------
    >>> lorenz = system("lorenz", rho=24.4)
    >>> lorenz.dim, lorenz.parameters["rho"]
    (3, 24.4)
    """
    entry = _entry(name)
    usual = entry["parameters"]
    for key, value in parameters.items():
        if key not in usual:
            expected = " or ".join(usual) or "none"
            raise ValueError(f"{key}: not a parameter of {name}, expected {expected}")
        try:
            values = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            values = np.array(np.nan)
        if values.ndim > 1 or values.size == 0 or not np.all(np.isfinite(values)):
            raise ValueError(f"{key}: got {value!r}, expected a finite number or a list of them")
    merged = {
        key: np.array(value, dtype=float) if np.ndim(value) else float(value)
        for key, value in (usual | parameters).items()
    }
    dt, forcing = entry["dt"], None
    if "forcing" in entry:
        omega = merged[entry["forcing"]]
        if np.ndim(omega) or omega <= 0:
            raise ValueError(f"{entry['forcing']}: got {omega}, expected one positive number")
        forcing = 2 * np.pi / omega
        dt = forcing / entry["dt"]
    initial = np.array(entry["initial"], dtype=float)
    initial.flags.writeable = False
    code = globals()
    return System(
        name=name,
        title=entry["title"],
        kind=entry["kind"],
        variables=tuple(entry["variables"]),
        parameters=MappingProxyType(merged),
        initial=initial,
        dt=dt,
        transient=entry["transient"],
        forcing=forcing,
        citation=entry["citation"],
        doi=entry.get("doi", ""),
        equations=functools.partial(code[name], **merged),
        jacobian_rows=functools.partial(code[f"{name}_jacobian_rows"], **merged),
    )


def reference_values(name: str) -> list[dict]:
    """Values to compare with, one dictionary for each choice of parameters and attractor.

    Each has ``parameters`` (only those that differ from the usual ones), ``initial`` and
    ``source``, and what is known of ``exponents``, ``dimension``, ``period``, ``floquet``,
    ``amplitude``, ``mean`` and ``std``; the header of ``mflib/dynamics/systems.toml`` says what they are.

    Examples
    --------
    >>> references("lorenz")[0]["exponents"]
    [0.9056, 0.0, -14.572]
    """
    entry = _entry(name)
    usual = {"parameters": {}, "initial": entry["initial"]}
    return [usual | reference for reference in entry.get("reference", [])]


def _entry(name: str) -> dict:
    catalogue = _catalogue()
    if name not in catalogue:
        close = get_close_matches(str(name).lower().replace(" ", "_"), catalogue, n=3, cutoff=0.5)
        raise ValueError(f"name: no system {name!r}, expected {' or '.join(close or catalogue)}")
    return catalogue[name]
