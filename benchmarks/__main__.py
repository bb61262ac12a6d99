"""Run the benchmarks: ``python -m benchmarks [name ...]``, by default all of them."""

import argparse
import importlib
from pathlib import Path

from benchmarks.timing import measure, table, write

BENCHMARKS = ("free_run", "training", "systems", "reservoirs", "exponents")

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("names", nargs="*", metavar="name", help=" or ".join(BENCHMARKS))
names = parser.parse_args().names or BENCHMARKS
if unknown := set(names) - set(BENCHMARKS):
    parser.error(f"name: got {', '.join(unknown)}, expected {' or '.join(BENCHMARKS)}")

results = []
for name in names:
    results += measure(importlib.import_module(f"benchmarks.{name}").comparisons())
write(results, Path("_build/bench.json"))
print(table(results))
