"""What arguments have to be: each check returns a clean value or says what came instead."""

from __future__ import annotations

import operator

import numpy as np
import numpy.typing as npt


def count(name: str, value: int, least: int = 1, most: float = np.inf) -> int:
    """A whole number."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = least - 1
    if isinstance(value, bool | np.bool) or not least <= whole <= most:
        limits = f"at least {least}" + f" and at most {most}" * bool(most < np.inf)
        raise ValueError(f"{name}: got {value!r}, expected a whole number, {limits}")
    return whole


def reals(
    name: str,
    value: npt.ArrayLike,
    shape: tuple[int | str, ...],
    finite: bool = True,
    least: int = 1,
) -> np.ndarray:
    """Real numbers as an array of doubles; an axis with a name may be of any length but none.

    The first axis has at least the length ``least``.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # rows of unequal lengths
        array = np.array(None)
    fits = array.ndim == len(shape) and array.size > 0
    fits = fits and all(isinstance(n, str) or n == m for n, m in zip(shape, array.shape))  # noqa: B905
    fits = fits and (array.ndim == 0 or len(array) >= least)
    if array.dtype.kind not in "fiu" or not fits or np.ma.is_masked(value):
        expected = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        got = f"{value!r}" if array.ndim == 0 else f"shape {array.shape} of {array.dtype}"
        got += ", masked" * bool(np.ma.is_masked(value))
        more = f", {least} or more {shape[0]}" if least > 1 else ""
        raise ValueError(
            f"{name}: got {got}, expected "
            + (f"real numbers, ({expected}){more}" if shape else "a real number")
        )
    if finite and not np.all(np.isfinite(array)):
        got = "values that are not finite" if array.ndim else f"{array}"
        raise ValueError(f"{name}: got {got}, expected finite numbers")
    return array.astype(float)


def real(
    name: str,
    value: float,
    least: float = -np.inf,
    most: float = np.inf,
    *,
    above: float = -np.inf,
) -> float:
    """One finite real number, from ``least`` to ``most`` and more than ``above``."""
    number = float(reals(name, value, ()))
    if not (least <= number <= most and number > above):
        limits = [("at least", least), ("more than", above), ("at most", most)]
        bounds = " and ".join(f"{words} {x:g}" for words, x in limits if np.isfinite(x))
        raise ValueError(f"{name}: got {number:g}, expected {bounds}")
    return number
