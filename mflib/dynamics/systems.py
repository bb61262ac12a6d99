"""Flows and maps: the catalogue of those whose behaviour is known, and one's own.

Equations are in :mod:`mflib.dynamics.equations`; parameters, initial conditions, time steps,
reference values and citations in ``systems.toml`` beside this file.
"""

import dataclasses
import functools
import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics import equations

#: Step of complex-step derivatives, so small that its square vanishes beside any number.
IMAGINARY = 1e-30
#: Natural time steps that a transient or a time step may last, so that every call ends.
LONGEST = 10**6


@dataclass(frozen=True, eq=False)
class System:
    r"""A flow :math:`\dot x = f(t, x)` or a map :math:`x_{n+1} = f(x_n)`.

    One of one's own needs a name, its equations and an initial condition, and is then like those
    of the catalogue, which :func:`system` makes. Methods take any number of points at once: the
    last axis of ``x`` holds the coordinates, axes before it are kept.

    Attributes:
        equations: ``equations(t, state, **parameters)`` returns a component for each coordinate;
            ``state`` has the coordinates, numbers or arrays. Parameters are bound:
            ``system.equations(t, state)``.
        initial (dim,): An initial condition in the basin of the attractor meant.
        parameters (mapping of str to float or numpy.ndarray): An array makes a family: its values
            go with the axis of the points just before the coordinates, one system a point.
        kind ("flow" or "map"):
        dt: Natural time step, in units of time, good for the Runge–Kutta method; 1 for a map.
        transient: Time after which the attractor is reached from ``initial``.
        frequency: The parameter that is the angular frequency of a forcing in time, if there is
            one.
        variables: Names of the coordinates.
        title, citation, doi: As printed; where it comes from.
        derivatives: ``derivatives(t, x)`` of coordinates ``(dim, ...)`` by these, shape ``(dim,
            dim, ...)``; not an argument. See :meth:`jacobian`.

    Raises:
        ValueError: If an argument is not of its kind, or the equations have another number of
            components.

    Examples:
        >>> def brusselator(t, state, *, a, b):
        ...     x, y = state
        ...     return a + x * x * y - (b + 1) * x, b * x - x * x * y
        >>> flow = System("brusselator", brusselator, initial=[1, 1], parameters={"a": 1, "b": 3})
        >>> flow.rhs(0, [1.0, 3.0]), flow.jacobian(0, [1.0, 3.0])
        (array([0., 0.]), array([[ 2.,  1.],
               [-3., -1.]]))
    """

    name: str
    equations: Callable = field(repr=False)
    initial: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "flow"
    dt: float = 0.01
    transient: float = 100.0
    frequency: str | None = None
    variables: tuple[str, ...] = ()
    title: str = ""
    citation: str = ""
    doi: str = ""
    derivatives: Callable = field(init=False, repr=False)

    def __post_init__(self):
        if self.kind not in ("flow", "map"):
            raise ValueError(f"kind: got {self.kind!r}, expected 'flow' or 'map'")
        initial = checks.reals("initial", self.initial, ("dim",))
        initial.flags.writeable = False
        dim = len(initial)
        usual = "xyz"[:dim] if dim <= 3 else [f"x{k + 1}" for k in range(dim)]
        parameters = {
            key: checks.reals(key, x, ("values",)) if np.ndim(x) else checks.real(key, x)
            for key, x in self.parameters.items()
        }
        omega = parameters.get(self.frequency) if self.frequency else 1.0
        if omega is None or np.ndim(omega) or omega <= 0:
            raise ValueError(f"{self.frequency}: got {omega}, expected one positive number")
        derivatives = self._tried(initial, parameters)
        bound = functools.partial(self.equations, **parameters)
        changed = {
            "initial": initial,
            "parameters": MappingProxyType(parameters),
            "equations": bound,
            "derivatives": functools.partial(derivatives, bound),
            "dt": 1.0 if self.kind == "map" else checks.real("dt", self.dt, above=0),
            "transient": checks.real("transient", self.transient, least=0),
            "variables": tuple(self.variables or usual),
            "title": self.title or self.name,
        }
        for name, value in changed.items():
            object.__setattr__(self, name, value)

    def _tried(self, initial: np.ndarray, parameters: Mapping) -> Callable:
        """The way to take derivatives that works near ``initial``, with arrays."""
        one = {key: np.ravel(value)[0] for key, value in parameters.items()}
        dim, centre = len(initial), initial[:, None]
        spread = np.random.default_rng(0).normal(size=(dim, 8))
        near = centre + 0.1 * (1 + np.abs(centre)) * spread
        try:
            function = functools.partial(self.equations, **one)
            with np.errstate(all="ignore"):
                found, later = (function(t, near) for t in (0.0, 0.1))
                moved = not np.array_equal(np.hstack(found), np.hstack(later), equal_nan=True)
        except Exception as error:
            call = ", ".join(["time", "arrays", *parameters])
            raise ValueError(f"equations: got {error!r} of ({call}), not components") from error
        if moved and self.frequency is None:
            raise ValueError("frequency: got None, but the equations depend on time, expected one")
        if len(found) != dim or len(self.variables) not in (0, dim):
            others = f"components, {len(found)}, and variables"
            raise ValueError(f"initial: got {dim} coordinates, expected as many as {others}")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            rough = differences(function, 0.3, near)
            try:
                apart = np.abs(complex_steps(function, 0.3, near) - rough)
            except TypeError:  # a function that takes no complex numbers
                return differences
        return differences if np.any(apart > 1e-4 * (1 + np.abs(rough))) else complex_steps

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.variables)

    @property
    def forcing(self) -> float | None:
        """Period of the forcing in time, if there is one."""
        return None if self.frequency is None else 2 * np.pi / self.parameters[self.frequency]

    def with_parameters(self, **parameters: Any) -> Self:
        """The same system with other parameters; the step of a forced flow follows its period.

        Raises:
            ValueError: If there is no such parameter, or it is not finite.
        """
        for key in parameters:
            if key not in self.parameters:
                expected = " or ".join(self.parameters) or "none"
                raise ValueError(f"{key}: not a parameter of {self.name}, expected {expected}")
        changed = dataclasses.replace(self, parameters={**self.parameters, **parameters})
        if self.forcing is not None and changed.forcing is not None:
            steps = round(self.forcing / self.dt)
            changed = dataclasses.replace(changed, dt=changed.forcing / steps)
        return changed

    def rhs(self, t: float, x: npt.ArrayLike) -> np.ndarray:
        """The right-hand side ``f``: velocities of a flow, next points of a map.

        Args:
            t: Time; only a forced flow looks at it.
            x (..., dim):

        Returns:
            numpy.ndarray, shape (..., dim)

        Examples:
            >>> system("lorenz").rhs(0, [[1, 1, 1], [0, 0, 0]])
            array([[ 0.        , 26.        , -1.66666667],
                   [ 0.        ,  0.        ,  0.        ]])
        """
        return np.moveaxis(components(self.equations, t, self._coordinates(x)), 0, -1)

    def jacobian(self, t: float, x: npt.ArrayLike) -> np.ndarray:
        """The matrix of partial derivatives of ``f``, row by equation, column by coordinate.

        Derivatives are taken by complex steps, exact to rounding; or, where equations are not
        analytic (``abs``) or take no complex numbers, by central differences, to about ten digits.

        Args:
            x (..., dim):

        Returns:
            numpy.ndarray, shape (..., dim, dim)

        Examples:
            >>> system("henon").jacobian(0, [0.5, 0.1])
            array([[-1.4,  1. ],
                   [ 0.3,  0. ]])
        """
        return np.moveaxis(self.derivatives(t, self._coordinates(x)), (0, 1), (-2, -1))

    def _coordinates(self, x: npt.ArrayLike) -> np.ndarray:
        x = checks.reals("x", x, ("...", self.dim), finite=False)
        return np.moveaxis(x, -1, 0)


def time_step(system: System, dt: float | None) -> float:
    """The time step given, or else the natural one."""
    dt = checks.real("dt", system.dt if dt is None else dt, above=0, most=LONGEST * system.dt)
    if system.kind == "map" and dt != 1:
        raise ValueError(f"dt: got {dt}, expected 1, because {system.name} is a map")
    return dt


def waiting_time(system: System, transient: float | None) -> float:
    """The transient given, or else the system's own."""
    transient = system.transient if transient is None else transient
    return checks.real("transient", transient, least=0, most=LONGEST * system.dt)


def one_of_a_kind(system: System) -> None:
    """A system and no family."""
    for key, value in system.parameters.items():
        if np.ndim(value):
            raise ValueError(f"{key}: got {len(value)} values, expected one; see ensemble")


def autonomous_flow(system: System) -> None:
    """A flow without forcing, and no family."""
    one_of_a_kind(system)
    if system.kind != "flow" or system.forcing is not None:
        raise ValueError(f"system: got {system.name}, expected a flow without forcing")


def components(function: Callable, t: float, x: np.ndarray) -> np.ndarray:
    """The equations' components as one array of the shape of ``x``, (dim, ...)."""
    out = np.empty_like(x)
    for i, component in enumerate(function(t, x)):
        out[i] = component  # which may be a constant
    return out


def complex_steps(function: Callable, t: float, x: np.ndarray) -> np.ndarray:
    """Derivatives of components by coordinates, shape (dim, dim, ...), of ``x``, (dim, ...)."""
    moved = x[:, None] + IMAGINARY * 1j * _axes(len(x), x.ndim)
    return components(function, t, moved).imag / IMAGINARY


def differences(function: Callable, t: float, x: np.ndarray) -> np.ndarray:
    """As :func:`complex_steps`, for any function, by central differences."""
    step = np.cbrt(np.finfo(float).eps) * (1 + np.abs(x))
    ahead, behind = (
        components(function, t, x[:, None] + side * _axes(len(x), x.ndim) * step)
        for side in (1, -1)
    )
    return (ahead - behind) / (2 * step)


@functools.cache
def _axes(dim: int, axes: int) -> np.ndarray:
    """Unit vectors, shape (dim, dim, 1, ...), to move points of shape (dim, ...) along."""
    return np.eye(dim).reshape(dim, dim, *[1] * (axes - 1))


@functools.cache
def _catalogue() -> dict:
    path = Path(__file__).with_name("systems.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def names(kind: str | None = None) -> list[str]:
    """Names of all systems of the catalogue, of flows (``"flow"``) or of maps (``"map"``).

    Examples:
        >>> names("map")
        ['logistic', 'henon']
    """
    if kind not in (None, "flow", "map"):
        raise ValueError(f"kind: got {kind!r}, expected 'flow', 'map' or None")
    return [name for name, entry in _catalogue().items() if kind in (None, entry["kind"])]


def system(name: str, **parameters: Any) -> System:
    """A system of the catalogue by its name, with its usual parameters or others.

    Args:
        name: One of :func:`names`.
        **parameters (float or array_like): Parameters that are to differ from the usual ones;
            arrays make families, see :class:`System`.

    Raises:
        ValueError: If there is no such system or parameter, or a parameter is not finite.

    Examples:
        >>> lorenz = system("lorenz", rho=24.4)
        >>> lorenz.dim, lorenz.parameters["rho"]
        (3, 24.4)
    """
    entry = {key: value for key, value in _entry(name).items() if key != "reference"}
    if "frequency" in entry:  # steps in a period
        entry["dt"] = 2 * np.pi / entry["parameters"][entry["frequency"]] / entry["dt"]
    known = System(name, getattr(equations, name), **entry)
    return known.with_parameters(**parameters) if parameters else known


def reference_values(name: str) -> list[dict]:
    """Values to compare with, one dictionary for each choice of parameters and attractor.

    Each has ``parameters`` (only those that differ from the usual ones), ``initial`` and
    ``source``, and what is known of ``exponents``, ``dimension``, ``period``, ``floquet``,
    ``amplitude``, ``mean`` and ``std``; the header of ``systems.toml`` says what they are.

    Examples:
        >>> reference_values("lorenz")[0]["exponents"]
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
