"""Where flows and maps stand still, and whether they would return."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mflib import checks
from mflib.dynamics.systems import System, one_of_a_kind


class FixedPoint(NamedTuple):
    """Where a flow or map stands still.

    Attributes:
        point (dim,):
        eigenvalues ((dim,) of complex): Of the Jacobian; real parts (of a map, moduli) fall.
        kind: ``"stable"``, ``"unstable"`` or ``"saddle"``, then ``"node"``, or ``"focus"`` if
            eigenvalues are complex; ``"not hyperbolic"`` if linearisation does not decide.
    """

    point: np.ndarray
    eigenvalues: np.ndarray
    kind: str

    @property
    def stable(self) -> bool:
        """Whether all neighbours return."""
        return self.kind.startswith("stable")


def fixed_points(system: System, guesses: npt.ArrayLike) -> list[FixedPoint]:
    """Fixed points of a flow or map that Newton's method reaches from the guesses.

    Args:
        system: Without forcing.
        guesses (guesses, dim): A grid, say. There is no promise that all fixed points are found.

    Returns:
        list of FixedPoint: Each once, sorted by coordinates.

    Examples:
        >>> from mflib.dynamics.systems import system
        >>> for found in fixed_points(system("lorenz"), [[0, 0, 0], [9, 9, 25], [-9, -9, 25]]):
        ...     print(found.point.round(3) + 0.0, found.kind)
        [-8.485 -8.485 27.   ] saddle focus
        [0. 0. 0.] saddle node
        [ 8.485  8.485 27.   ] saddle focus
    """
    from scipy.optimize import root

    one_of_a_kind(system)
    if system.forcing is not None:
        raise ValueError(f"system: got {system.name}, which is forced, expected no forcing")
    moves = np.eye(system.dim) * (system.kind == "map")  # a map rests where f(x) = x

    def excess(x):
        return system.rhs(0, x) - moves @ x

    found: list[np.ndarray] = []
    for guess in checks.reals("guesses", guesses, ("guesses", system.dim)):
        point = root(excess, guess, jac=lambda x: system.jacobian(0, x) - moves, tol=1e-13).x
        size = 1 + np.linalg.norm(point)
        still = np.linalg.norm(excess(point)) < 1e-9 * size
        if still and all(np.linalg.norm(point - other) > 1e-6 * size for other in found):
            found.append(point)
    found.sort(key=lambda point: tuple(point.round(6) + 0.0))
    return [_fixed_point(system, point) for point in found]


def _fixed_point(system, point):
    eigenvalues = np.linalg.eigvals(system.jacobian(0, point)).astype(complex)
    rates = np.log(np.maximum(np.abs(eigenvalues), 1e-300))
    growth = rates if system.kind == "map" else eigenvalues.real
    order = np.argsort(-growth, kind="stable")
    eigenvalues, growth = eigenvalues[order], growth[order]
    if np.any(np.abs(growth) < 1e-9):
        kind = "not hyperbolic"
    else:
        kind = "stable" if growth[0] < 0 else "unstable" if growth[-1] > 0 else "saddle"
        kind += " focus" if np.any(np.abs(eigenvalues.imag) > 1e-12) else " node"
    return FixedPoint(point, eigenvalues, kind)
