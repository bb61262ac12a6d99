"""What arguments of this package have to be."""

from __future__ import annotations

import numbers

import numpy as np
import numpy.typing as npt


def count(name: str, value: int, least: int = 1) -> int:
    """A whole number."""
    whole = isinstance(value, numbers.Real) and not isinstance(value, bool) and value % 1 == 0
    if not whole or value < least:
        raise ValueError(f"{name}: got {value!r}, expected a whole number, at least {least}")
    return int(value)


def reals(name: str, value: npt.ArrayLike, shape: tuple[int | str, ...]) -> np.ndarray:
    """Finite real numbers as doubles; axes named by a string may be of any length but none."""
    array = np.asarray(value)
    fits = array.ndim == len(shape) and array.size > 0
    fits = fits and all(isinstance(n, str) or n == m for n, m in zip(shape, array.shape))  # noqa: B905
    if array.dtype.kind not in "fiu" or not fits or np.ma.is_masked(value):
        expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(
            f"{name}: got shape {array.shape} of {array.dtype}, expected ({expected}), real numbers"
        )
    if not np.all(np.isfinite(array)):
        got = "values that are not finite" if array.ndim else f"{array}"
        raise ValueError(f"{name}: got {got}, expected finite numbers")
    return array.astype(float)


def real(name: str, value: float, least: float = -np.inf, *, above: float = -np.inf) -> float:
    """One finite real number, ``least`` or more, and more than ``above``."""
    value = float(reals(name, value, ()))
    if value < least or value <= above:
        bound = f"more than {above:g}" if value <= above else f"at least {least:g}"
        raise ValueError(f"{name}: got {value:g}, expected {bound}")
    return value


def units(location: npt.ArrayLike, scale: npt.ArrayLike, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Location and positive scale of data, each one number or ``dim``."""
    location, scale = (
        reals(name, value, (dim,) if np.ndim(value) else ())
        for name, value in (("location", location), ("scale", scale))
    )
    if not np.all(scale > 0):
        raise ValueError(f"scale: got {scale}, expected positive numbers")
    return location, scale
