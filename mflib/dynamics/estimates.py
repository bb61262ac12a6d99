"""Numbers with an interval that says what it runs over: rates of success, and means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mflib.dynamics import _checks as check


@dataclass(frozen=True)
class Estimate:
    """A number measured on independent trials, with its 95 % interval.

    Formatted, it shows its interval: ``f"{rate:.0%}"`` reads ``80% (49% to 94%)``.

    Attributes
    ----------
    value, low, high : float
    trials : int
    over : str
        What the trials are, and so what the interval runs over: ``"seeds"``, ``"cues"``,
        ``"initial conditions"``.
    """

    value: float
    low: float
    high: float
    trials: int
    over: str = "seeds"

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval."""
        return self.low, self.high

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def success_rate(
    passed: npt.ArrayLike, trials: int | None = None, *, over: str = "seeds"
) -> Estimate:
    """The share of trials that succeeded, with its Wilson score interval.

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

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212,
    doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> won = success_rate([True, True, False, True], over="cues")
    >>> won.value, won.trials, won.over
    (0.75, 4, 'cues')
    >>> f"{success_rate(16, 16):.1%}"
    '100.0% (80.6% to 100.0%)'
    """
    from scipy.stats import binomtest

    if trials is None:
        outcomes = np.asarray(passed)
        if outcomes.dtype != bool or outcomes.size == 0:
            raise ValueError(
                f"passed: got {outcomes.size} values of type {outcomes.dtype}, expected one or "
                "more, true or false"
            )
        passed, trials = int(outcomes.sum()), outcomes.size
    trials = check.count("trials", trials)
    passed = check.count("passed", passed, least=0, most=trials)
    interval = binomtest(passed, trials).proportion_ci(method="wilson")
    return Estimate(passed / trials, float(interval.low), float(interval.high), trials, over)


def mean_estimate(values: npt.ArrayLike, *, over: str = "seeds") -> Estimate:
    """The mean of independent values, with its interval by Student's t.

    Parameters
    ----------
    values : array_like, shape (trials,)
        Finite, at least two.
    over : str
        What the trials are.

    Raises
    ------
    ValueError
        If the values are anything else.

    Examples
    --------
    >>> f"{mean_estimate([1.0, 2.0, 3.0]):.2f}"
    '2.00 (-0.48 to 4.48)'
    """
    from scipy.stats import ttest_1samp

    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)):
        raise ValueError(f"values: got {values}, expected one axis of at least two finite numbers")
    low, high = ttest_1samp(values, 0).confidence_interval()
    return Estimate(float(values.mean()), float(low), float(high), len(values), over)
