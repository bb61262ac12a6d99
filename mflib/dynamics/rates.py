"""Success rates and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mflib.dynamics import _checks as check


@dataclass(frozen=True)
class Rate:
    """A share of independent trials that succeeded, with its 95 % Wilson interval.

    Formatted, it shows its interval: ``f"{rate:.0%}"`` reads ``80% (49% to 94%)``.

    Attributes
    ----------
    rate, low, high : float
        The share and the ends of its interval, all from 0 to 1.
    successes, trials : int
    over : str
        What the trials are, and so what the interval runs over: ``"seeds"``, ``"cues"``,
        ``"initial conditions"``.
    """

    rate: float
    low: float
    high: float
    successes: int
    trials: int
    over: str = "seeds"

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval."""
        return self.low, self.high

    def __format__(self, spec: str) -> str:
        return f"{self.rate:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def success_rate(passed: npt.ArrayLike, trials: int | None = None, *, over: str = "seeds") -> Rate:
    """The rate of success of independent trials.

    Parameters
    ----------
    passed : array_like of bool, of any shape, or int
        Which trials succeeded; or, if ``trials`` is given, how many.
    trials : int, optional
    over : str
        What the trials are.

    Raises
    ------
    ValueError
        If there are no trials, more successes than trials, or what passed is not true or false.

    Examples
    --------
    >>> won = success_rate([True, True, False, True], over="cues")
    >>> won.rate, won.successes, won.trials, won.over
    (0.75, 3, 4, 'cues')
    >>> f"{success_rate(16, 16):.1%}"
    '100.0% (80.6% to 100.0%)'
    """
    if trials is None:
        outcomes = np.asarray(passed)
        if outcomes.dtype != bool or outcomes.size == 0:
            raise ValueError(
                f"passed: got {outcomes.size} values of type {outcomes.dtype}, expected one or "
                "more, true or false"
            )
        passed, trials = int(outcomes.sum()), outcomes.size
    low, high = wilson_interval(passed, trials)
    return Rate(int(passed) / int(trials), low, high, int(passed), int(trials), over)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a success rate.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212,
    doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> low, high = wilson_interval(16, 16)
    >>> round(low, 3), high
    (0.806, 1.0)
    """
    from scipy.stats import binomtest

    trials = check.count("trials", trials)
    successes = check.count("successes", successes, least=0, most=trials)
    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: npt.ArrayLike) -> tuple[float, float]:
    """The 95 % interval of a mean by Student's t.

    Parameters
    ----------
    values : array_like, shape (n,)
        Independent and finite, at least two.

    Raises
    ------
    ValueError
        If `values` is anything else.
    """
    from scipy.stats import ttest_1samp

    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)):
        raise ValueError(f"values: got {values}, expected one axis of at least two finite numbers")
    low, high = ttest_1samp(values, 0).confidence_interval()
    return float(low), float(high)
