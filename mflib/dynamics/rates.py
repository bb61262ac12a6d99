"""Success rates and their intervals."""

from __future__ import annotations

from typing import NamedTuple


class Rate(NamedTuple):
    """A share of initial conditions, with its 95 % Wilson interval."""

    share: float
    low: float
    high: float


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a success rate.

    Examples
    --------
    >>> low, high = wilson(16, 16)
    >>> round(low, 3), high
    (0.806, 1.0)
    """
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
