"""What arguments of this package have to be."""

from __future__ import annotations

import operator

import numpy as np


def _components(system, x):
    x = np.asarray(x, dtype=float)
    if x.ndim < 1 or x.shape[-1] != system.dim:
        raise ValueError(
            f"x: got shape {x.shape}, expected (..., {system.dim}), the coordinates "
            f"{', '.join(system.variables)} of {system.name} last"
        )
    return [x[..., i] for i in range(system.dim)]


def _initial(system, initial, ndim):
    initial = np.asarray(initial, dtype=float)
    if initial.ndim != ndim or initial.shape[-1] != system.dim or initial.size == 0:
        expected = f"({system.dim},)" if ndim == 1 else f"(members, {system.dim})"
        raise ValueError(f"initial: got shape {initial.shape}, expected {expected}")
    if not np.all(np.isfinite(initial)):
        raise ValueError("initial: got values that are not finite, expected finite numbers")
    return initial


def _one_system(system):
    for key, value in system.parameters.items():
        if np.ndim(value):
            raise ValueError(f"{key}: got {len(value)} values, expected one; see ensemble")


def _count(name, value, least=1):
    if value != int(value) or value < least:
        raise ValueError(f"{name}: got {value}, expected a whole number, at least {least}")
    return int(value)


def count(name, value, least=1, most=np.inf):
    """A whole number, at least ``least`` and at most ``most``."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = least - 1
    if isinstance(value, bool | np.bool) or not least <= whole <= most:
        limits = f"at least {least}" + f" and at most {most}" * bool(most < np.inf)
        raise ValueError(f"{name}: got {value}, expected a whole number, {limits}")
    return whole


def _step(system, dt):
    if dt is None:
        return system.dt
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt: got {dt}, expected a positive time")
    if system.kind == "map" and dt != 1:
        raise ValueError(f"dt: got {dt}, expected 1, because {system.name} is a map")
    return dt


def _points(name, points, dim=None, least=1, finite=True):
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or len(points) < least or (dim is not None and points.shape[1] != dim):
        raise ValueError(
            f"{name}: got shape {points.shape}, expected (points, {dim or 'dim'}) with {least} "
            "or more points"
        )
    if finite:
        _finite(name, points)
    return points


def _finite(name, values):
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name}: got values that are not finite, expected finite numbers")


def _range(points):
    """Range of each coordinate; 0 if it is only rounding."""
    width = np.ptp(points, axis=0)
    return np.where(width > 1e-12 * np.max(np.abs(points), axis=0), width, 0.0)


def _varies(truth):
    if not np.all(_range(truth) > 0):
        raise ValueError("truth: got a coordinate that is constant, expected all to vary")
