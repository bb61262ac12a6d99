"""How attractors change with a parameter."""

import numpy as np

from mflib import checks


def superstable(count: int = 11) -> tuple[np.ndarray, np.ndarray]:
    r"""Superstable parameters of the logistic map, and estimates of Feigenbaum's number.

    At :math:`R_n` the orbit of :math:`x = 1/2`, where the map is flat, has period
    :math:`2^n`. Newton's method finds each; the ratios of successive distances,

    .. math:: \delta_n = \frac{R_{n-1} - R_{n-2}}{R_n - R_{n-1}},

    tend to :math:`\delta = 4.6692\dots`.

    Args:
        count: From 3 to 12: beyond, a computer's 16 digits no longer hold the distances.

    Returns:
        The parameters :math:`R_0, R_1, \dots`, shape (count,), and the ratios
        :math:`\delta_2, \delta_3, \dots`, shape (count - 2,).

    References:
        Feigenbaum (1978), Journal of Statistical Physics 19, 25-52, doi:10.1007/BF01020332.

    Examples:
        >>> parameters, ratios = superstable()
        >>> parameters[:3].round(7)
        array([2.       , 3.236068 , 3.4985617])
        >>> float(ratios[-1].round(4))
        4.6692
    """
    count = checks.count("count", count, least=3, most=12)
    found, ratio = [2.0, 1 + np.sqrt(5.0)], 4.7
    for n in range(2, count):
        r = found[-1] + (found[-1] - found[-2]) / ratio
        for _ in range(20):
            x, slope = 0.5, 0.0
            for _ in range(2**n):
                x, slope = r * x * (1 - x), x * (1 - x) + r * (1 - 2 * x) * slope
            change = (x - 0.5) / slope
            r -= change
            if abs(change) < 1e-15:
                break
        found.append(r)
        ratio = (found[-2] - found[-3]) / (found[-1] - found[-2])
    parameters = np.array(found)
    distances = np.diff(parameters)
    return parameters, distances[:-1] / distances[1:]
