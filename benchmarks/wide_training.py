"""The training loop of a wide network, for which two threads are faster than one."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import training
from benchmarks.timing import Comparison


def comparisons(sizes=((64, 64, 100),), steps=training.STEPS) -> Iterator[Comparison]:
    """As :func:`benchmarks.training.comparisons`, for 64 units."""
    return training.comparisons(sizes, steps)
