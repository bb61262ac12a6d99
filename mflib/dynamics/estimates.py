"""Numbers with an interval that says what it runs over: rates of success, means, medians."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mflib import checks


@dataclass(frozen=True)
class Estimate:
    """A number measured on independent trials, with its 95 % interval.

    Formatted, it shows its interval: ``f"{rate:.0%}"`` reads ``80% (49% to 94%)``.

    Attributes:
        over: What the trials are, and so what the interval runs over: ``"seeds"``, ``"cues"``,
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

    Args:
        passed (array_like of bool, of any shape, or int): Which trials succeeded; or, if ``trials``
            is given, how many.
        over: What the trials are.

    Raises:
        ValueError: If there are no trials, more successes than trials, or what passed is not true
            or false.

    References:
        Wilson (1927), Journal of the American Statistical Association 22, 209-212,
        doi:10.1080/01621459.1927.10502953.

    Examples:
        >>> won = success_rate([True, True, False, True], over="cues")
        >>> won.value, won.trials, won.over
        (0.75, 4, 'cues')
        >>> f"{success_rate(16, 16):.1%}"
        '100.0% (80.6% to 100.0%)'
    """
    from scipy.stats import binomtest

    if trials is None:
        which = np.asarray(passed)
        if which.dtype != bool or which.size == 0:
            raise ValueError(f"passed: got {which.size} values of {which.dtype}, expected bool")
        passed, trials = int(which.sum()), which.size
    trials = checks.count("trials", trials)
    won = checks.count("passed", passed, least=0, most=trials)  # type: ignore[arg-type]
    interval = binomtest(won, trials).proportion_ci(method="wilson")
    return Estimate(won / trials, float(interval.low), float(interval.high), trials, over)


def mean_lifetime(total: float, ended: int, *, trials: int, over: str = "runs") -> Estimate:
    r"""The mean time until something ends, if it does so at a constant rate.

    The likelihood of :math:`d` ends in a time :math:`T`, of all trials together, is largest for a
    mean of :math:`T / d`, also where some had not ended when they were left. The interval is that
    of the mean of a Poisson distribution from which :math:`d` was drawn:

    .. math:: \frac{2T}{\chi^2_{0.975}(2d + 2)} \quad\text{to}\quad \frac{2T}{\chi^2_{0.025}(2d)} .

    If none ended, the value and the upper end are infinite.

    Args:
        total: The time of all trials together.
        ended: How many ends there were in it.
        trials: How many trials.
        over: What the trials are.

    Raises:
        ValueError: If an argument does not fit.

    Examples:
        >>> f"{mean_lifetime(94_000, 1, trials=10):.0f}"
        '94000 (16871 to 3712802)'
    """
    from scipy.stats import chi2

    total, ended = checks.real("total", total, above=0), checks.count("ended", ended, least=0)
    trials = checks.count("trials", trials)
    low = 2 * total / float(chi2.ppf(0.975, 2 * ended + 2))
    high = 2 * total / float(chi2.ppf(0.025, 2 * ended)) if ended else np.inf
    return Estimate(total / ended if ended else np.inf, low, high, trials, over)


def mean_estimate(
    values: npt.ArrayLike, *, over: str = "seeds", within: tuple[float, float] = (-np.inf, np.inf)
) -> Estimate:
    """The mean of independent values, with its interval by Student's t.

    Args:
        values (trials,): Finite, at least two.
        over: What the trials are.
        within: What the mean cannot leave, 0 and 1 if it is one of shares. The interval ends there.

    Raises:
        ValueError: If the values are anything else.

    Examples:
        >>> f"{mean_estimate([1.0, 2.0, 3.0]):.2f}"
        '2.00 (-0.48 to 4.48)'
    """
    from scipy.stats import t

    values = checks.reals("values", np.asarray(values, dtype=float), ("trials",), least=2)
    mean, count = float(values.mean()), len(values)
    reach = float(t.ppf(0.975, count - 1) * values.std(ddof=1)) / count**0.5
    low, high = np.clip((mean - reach, mean + reach), *within)
    return Estimate(mean, float(low), float(high), count, over)


def median_estimate(values: npt.ArrayLike, *, over: str = "seeds") -> Estimate:
    """The median of independent values, with its interval from one of them to another.

    Whatever their distribution, each lies below the median with probability one half, so that the
    binomial distribution tells which ordered values enclose it in at least 95 % of all cases.

    Args:
        values (trials,): At least six; infinite ones have their place in the order.
        over: What the trials are.

    Raises:
        ValueError: If the values are anything else.

    Examples:
        >>> f"{median_estimate([3, 1, 2, 5, 4, 6, 7]):.0f}"
        '4 (1 to 7)'
    """
    from scipy.stats import binom

    values = checks.reals("values", np.sort(np.asarray(values, dtype=float)), ("trials",), False, 6)
    if np.isnan(values[-1]):  # sorted last
        raise ValueError("values: got NaN, expected numbers")
    count = len(values)
    outside = int(binom.ppf(0.025, count, 0.5)) - 1
    low, high = values[outside], values[count - 1 - outside]
    return Estimate(float(np.median(values)), float(low), float(high), count, over)
