"""What arguments have to be: each check returns a clean value or says what came instead."""

from numbers import Integral

import numpy as np
import numpy.typing as npt


def count(name: str, value: int, least: int = 1, most: float = np.inf) -> int:
    """A whole number."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        limits = f"at least {least}" + f" and at most {most}" * bool(most < np.inf)
        raise ValueError(f"{name}: got {value!r}, expected a whole number, {limits}")
    return int(value)


def reals(
    name: str,
    value: npt.ArrayLike,
    shape: tuple[int | str, ...],
    finite: bool = True,
    least: int = 1,
) -> np.ndarray:
    """Real numbers as an array of doubles; an axis with a name may be of any length but none.

    The first axis has at least the length ``least``. A first ``"..."`` is any number of axes.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # rows of unequal lengths
        array = np.array(None)
    if shape[:1] == ("...",):
        shape = array.shape[: max(array.ndim - len(shape) + 1, 0)] + shape[1:]
    masked, long = np.ma.is_masked(value), array.ndim == 0 or len(array) >= least
    fits = len(shape) == array.ndim and all(
        n > 0 and (isinstance(m, str) or m == n) for n, m in zip(array.shape, shape, strict=True)
    )
    if array.dtype.kind not in "fiu" or masked or not long or not fits:
        got = f"shape {array.shape} of {array.dtype}" if array.ndim else f"{value!r}"
        wanted = f"real numbers, {shape}".replace("'", "") if shape else "a real number"
        more = f", {least} or more" * (least > 1)
        raise ValueError(f"{name}: got {got}{', masked' * masked}, expected {wanted}{more}")
    if finite and not np.all(np.isfinite(array)):
        got = "values that are not finite" if array.ndim else f"{array}"
        raise ValueError(f"{name}: got {got}, expected finite numbers")
    return array.astype(float)


def real(
    name: str, value: float, least: float = -np.inf, most: float = np.inf, *, above: float = -np.inf
) -> float:
    """One finite real number, from ``least`` to ``most`` and more than ``above``."""
    number = float(reals(name, value, ()))
    if not (least <= number <= most and number > above):
        limits = [("at least", least), ("more than", above), ("at most", most)]
        bounds = " and ".join(f"{words} {x:g}" for words, x in limits if np.isfinite(x))
        raise ValueError(f"{name}: got {number:g}, expected {bounds}")
    return number
