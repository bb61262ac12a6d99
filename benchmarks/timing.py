"""Measuring two ways of doing one thing, in turn."""

from __future__ import annotations

import importlib
import json
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
from tqdm import tqdm

from mflib.book.claims import format_seconds
from mflib.book.sweeps import provenance
from mflib.modelling.training import processors

ROUNDS = 5
PEERS = ("torch", "jax", "numba", "onnx", "onnxruntime", "dysts")  # of requirements-bench.txt


@dataclass(frozen=True)
class Comparison:
    """One thing to do in two ways; each function returns how many units of work it did."""

    name: str
    peer: str
    unit: str
    ours: Callable[[], int]
    theirs: Callable[[], int]


@dataclass(frozen=True)
class Result:
    """Medians over rounds, and the ratio's median and range; above 1 ours is faster."""

    name: str
    peer: str
    unit: str
    ours: float
    peer_value: float
    ratio: float
    ratio_low: float
    ratio_high: float


def optional(name: str) -> ModuleType | None:
    """A peer's library; None where it is not installed, and then nothing is compared with it."""
    return importlib.import_module(name) if find_spec(name.split(".")[0]) else None


def run(name: str) -> list[Result]:
    """One of the benchmarks, by the name of its module."""
    return measure(importlib.import_module(f"benchmarks.{name}").comparisons())


def measure(comparisons: Iterable[Comparison], rounds: int = ROUNDS) -> list[Result]:
    """Time each comparison ``rounds`` times after a warm-up, the two sides in turn."""
    results = []
    bar = tqdm(list(comparisons), unit="comparison")
    for comparison in bar:
        bar.set_description(f"{comparison.name} / {comparison.peer}")
        sides = (comparison.ours, comparison.theirs)
        for side in sides:
            side()
        times = np.array([[_seconds(side) for side in sides] for _ in range(rounds)])
        ratios = times[:, 1] / times[:, 0]
        ours, theirs = np.median(times, axis=0)
        results.append(
            Result(
                name=comparison.name,
                peer=comparison.peer,
                unit=comparison.unit,
                ours=ours,
                peer_value=theirs,
                ratio=float(np.median(ratios)),
                ratio_low=float(ratios.min()),
                ratio_high=float(ratios.max()),
            )
        )
    return results


def _seconds(side: Callable[[], int]) -> float:
    begin = time.perf_counter()
    units = side()
    return (time.perf_counter() - begin) / units


def table(results: list[Result]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| what | peer | ours | peer's | ratio (least to largest of the rounds) |",
        "|---|---|---:|---:|---:|",
    ]
    for r in results:
        ours, theirs = (f"{format_seconds(x)}/{r.unit}" for x in (r.ours, r.peer_value))
        ratio = f"**{r.ratio:,.3g}** ({r.ratio_low:,.3g} to {r.ratio_high:,.3g})"
        lines.append(f"| {r.name} | {r.peer} | {ours} | {theirs} | {ratio} |")
    return "\n".join(lines)


def write(results: list[Result], path: Path) -> None:
    """The results as JSON, with what they were measured on and with."""
    peers = {name: version(name) for name in ("keras", *PEERS) if find_spec(name)}
    about = provenance()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    made = {
        "date": about["date"].partition("T")[0],
        "commit": commit.stdout.strip(),
        "machine": f"{_processor()}, {processors()} processors",
        "rounds": ROUNDS,
        "versions": about["versions"] | peers,
    }
    table = {"made": made, "results": [asdict(result) for result in results]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    names = (
        re.findall(r"^model name\s*: (.*)", listed.read_text(), re.M) if listed.is_file() else []
    )
    return names[0] if names else platform.processor()
