"""What tells attractors apart."""

from __future__ import annotations

import numpy as np

__all__ = ["separating_direction"]

SHRINKAGE = 1e-6


def separating_direction(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    r"""The direction along which two sets of points are furthest apart for their spread.

    Fisher's linear discriminant, :math:`w \propto S^{-1}(\mu_1 - \mu_2)` with the within-set
    covariance :math:`S`. States of a network on a closed curve fill few dimensions of their
    space, so :math:`S` is lifted by a millionth of its mean variance in every direction.

    Parameters
    ----------
    first, second : array_like, shape (points, dim)
        ``first`` gets the larger values of ``points @ direction``.

    Returns
    -------
    numpy.ndarray, shape (dim,)
        A unit vector.

    Raises
    ------
    ValueError
        If the sets do not fit each other, are not finite, or have the same mean.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cloud = rng.normal(size=(500, 3)) * [10, 10, 0.1]
    >>> separating_direction(cloud + [0, 0, 1], cloud - [0, 0, 1]).round(2) + 0.0
    array([0., 0., 1.])
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    for name, points in (("first", first), ("second", second)):
        if points.ndim != 2 or len(points) < 2 or points.shape[1] != first.shape[1]:
            raise ValueError(
                f"{name}: got shape {points.shape}, expected (points, dim) with two points or "
                "more and the same dim for both sets"
            )
        if not np.all(np.isfinite(points)):
            raise ValueError(f"{name}: got values that are not finite, expected finite numbers")
    spread = np.cov(first.T) + np.cov(second.T)
    spread += SHRINKAGE * np.trace(spread) / len(spread) * np.eye(len(spread))
    direction = np.linalg.solve(spread, first.mean(axis=0) - second.mean(axis=0))
    if not np.any(direction):
        raise ValueError("first, second: got sets with the same mean, expected different ones")
    return direction / np.linalg.norm(direction)
