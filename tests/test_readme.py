"""The numbers of the README are those of the recorded tables, and of the built pages."""

import json
from pathlib import Path

import numpy as np
import pytest

from mflib.book.sweeps import read
from mflib.experiments.capacity import CUES, attractors, both, remaining, right, whole
from mflib.experiments.records import DATA

README = " ".join((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split())
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def test_seeing_double():
    rows = read(DATA / "seeing_double.jsonl")
    rows = [r for r in rows if (r["kind"], r["units"], r["x_cen"]) == ("LSTM", 8, 0.0)]
    assert f"trained for {np.median([r['training'] for r in rows]):.1f} seconds (median)" in README
    assert f"{sum(r['multifunctional'] for r in rows)} of {len(rows)} seeds" in README


def test_capacity():
    eight, sixteen = both()
    found, cues = right(sixteen)
    assert f"{found} of {cues} runs were right 400 turns later" in README
    again, fresh = right(sixteen, "fresh")
    assert f"{again:,} of {fresh:,} fresh ones" in README
    assert f"all of the {CUES} for {whole(sixteen)} of the 16 systems" in README
    assert f"for {whole(eight)} of 8 in the other network" in README
    lost = WORDS[16 - len(attractors(sixteen))].capitalize()
    assert f"{lost} of the sixteen are not attractors but long transients" in README
    left = sum(counts[-1] for counts in remaining(sixteen).values())
    assert f"{left} of 400 runs were still where they belong" in README


@pytest.mark.book
def test_controls(built):
    results = {r["id"]: r for r in json.loads((built / "results.json").read_text("utf-8"))}
    reset, quiet = (results[f"seeing_double.{x}"] for x in ("control_reset", "without_noise"))
    assert reset["value"] == quiet["value"] == 0
    assert f"reset at every step none of {reset['seeds']} does" in README
    assert f"without noise on the inputs none of {quiet['seeds']} does" in README
