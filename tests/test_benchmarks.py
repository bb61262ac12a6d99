"""Every benchmark runs, at tiny sizes: what is timed computes the same, and its table is whole."""

import importlib
import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.timing import Result, measure, table, write

TINY = {
    "free_run": {"sizes": ((1, 30), (3, 25)), "units": (4,), "all_peers": 4},
    "training": {"sizes": ((3, 4, 20),), "steps": 4},
    "wide_training": {"sizes": ((5, 4, 20),), "steps": 4},
    "systems": {"points": 200, "members": 10},
    "reservoirs": {"units": 20},
    "exponents": {"units": 4, "runs": ((3, 40, 20), (8, 40, 20))},
    "skeleton": {"units": 4, "starts": 5, "few": 2, "steps": 3},
    "sweeps": {"count": 3, "seconds": 0.01},
}

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.filterwarnings("ignore:The following arguments have no effect:UserWarning")
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs(name, tmp_path):
    comparisons = importlib.import_module(f"benchmarks.{name}").comparisons(**TINY[name])
    results = measure(comparisons, rounds=1)
    assert results
    assert np.float64(5e-324) * np.float64(1) > 0  # no peer has changed how this process rounds
    for result in map(asdict, results):
        assert all(result[text].strip() for text in ("name", "peer", "unit"))
        for number in ("ours", "peer_value", "ratio", "ratio_low", "ratio_high"):
            assert math.isfinite(result[number]) and result[number] > 0
        assert result["ratio_low"] <= result["ratio"] <= result["ratio_high"]
    assert len(table(results).splitlines()) == 2 + len(results)
    write(results, tmp_path / "bench.json")
    written = json.loads((tmp_path / "bench.json").read_text())
    assert [Result(**row) for row in written["results"]] == results
    assert written["made"]["machine"] and written["made"]["versions"]["tensorflow"]
