"""The training loop of wide networks, for which two threads are faster than one."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import training
from benchmarks.timing import Comparison


def comparisons(
    sizes=((64, 64, 100), (128, 64, 100)), steps=training.STEPS
) -> Iterator[Comparison]:
    """As :func:`benchmarks.training.comparisons`, for 64 and 128 units."""
    return training.comparisons(sizes, steps)
