"""The numbers of the README are those of the recorded tables, and of the built pages."""

import json
from pathlib import Path

import numpy as np
import pytest

from mflib.book.sweeps import read
from mflib.experiments.records import DATA

README = " ".join((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split())


def right(row):
    """Cues that were right, cues, and systems of which all were."""
    ends = row["selected"]
    cues = sum(sum(numbers.values()) for numbers in ends.values())
    found = sum(numbers.get(name, 0) for name, numbers in ends.items())
    return found, cues, sum(set(numbers) == {name} for name, numbers in ends.items())


def test_seeing_double():
    rows = read(DATA / "seeing_double.jsonl")
    rows = [r for r in rows if (r["kind"], r["units"], r["x_cen"]) == ("LSTM", 8, 0.0)]
    assert f"trained for {np.median([r['training'] for r in rows]):.1f} seconds (median)" in README
    assert f"{sum(r['multifunctional'] for r in rows)} of {len(rows)} seeds" in README


def test_capacity():
    few, many = sorted(read(DATA / "large.jsonl"), key=lambda row: row["units"])
    found, cues, systems = right(many)
    assert f"{found} of {cues} runs were right 400 turns later" in README
    assert f"for {systems} of the {len(many['selected'])} systems" in README
    assert f"for {right(few)[2]} of {len(few['selected'])} in the other network" in README


def test_survival():
    _, many = sorted(read(DATA / "survival.jsonl"), key=lambda row: row["units"])
    last = {name: [stay[-1] == name for stay in stays] for name, stays in many["stays"].items()}
    words = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    lost = words[sum(not all(kept) for kept in last.values())]
    assert f"{lost.capitalize()} of the sixteen are not attractors but long transients" in README
    kept = np.ravel(list(last.values()))
    assert f"{kept.sum()} of {kept.size} runs were still where they belong" in README


@pytest.mark.book
def test_controls(built):
    results = {r["id"]: r for r in json.loads((built / "results.json").read_text("utf-8"))}
    reset, quiet = (results[f"seeing_double.{x}"] for x in ("control_reset", "without_noise"))
    assert reset["value"] == quiet["value"] == 0
    assert f"reset at every step none of {reset['seeds']} does" in README
    assert f"without noise on the inputs none of {quiet['seeds']} does" in README
