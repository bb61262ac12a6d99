"""A sweep with two workers beside the same with one: here the peer is ourselves."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import Comparison
from mflib.book.sweeps import sweep

POINTS, SECONDS = 16, 0.5


@dataclass(frozen=True)
class Work:
    """A point that keeps a processor busy."""

    number: int
    seconds: float = SECONDS


def work(configuration: Work) -> dict:
    """Count until so much processor time is gone."""
    begin, count = time.process_time(), 0
    while time.process_time() - begin < configuration.seconds:
        count += 1
    return {"number": configuration.number}


def comparisons(count=POINTS, seconds=SECONDS) -> Iterator[Comparison]:
    """Starting and ending the workers is counted too."""

    def run(workers):
        with tempfile.TemporaryDirectory() as folder:
            points = [Work(number, seconds) for number in range(count)]
            sweep(work, points, Path(folder) / "table.jsonl", workers=workers)
        return count

    yield Comparison(
        name=f"sweep of {count} points, two workers",
        peer="one worker",
        unit="point",
        ours=lambda: run(2),
        theirs=lambda: run(1),
    )
