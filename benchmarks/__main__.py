"""Run the benchmarks: ``python -m benchmarks [name ...]``, by default all of them.

All of them write ``data/benchmarks.json``, which the book shows; some, ``_build/bench.json``.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

from benchmarks.timing import PEERS, Result, run, table, write

BENCHMARKS = (
    "free_run",
    "training",
    "wide_training",
    "systems",
    "reservoirs",
    "exponents",
    "skeleton",
    "sweeps",
)
ONE_THREAD = ("training", "reservoirs", "exponents", "skeleton")
"""Where one thread is the fastest for TensorFlow and NumPy; PyTorch takes all it likes."""


def in_its_own_process(name: str) -> list[Result]:
    """One benchmark; libraries read how many threads they may use when they are imported."""
    one = {"OPENBLAS_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    threads = one if name in ONE_THREAD else {}
    own = ProcessPoolExecutor(1, get_context("spawn"))
    with patch.dict(os.environ, threads), own as process:
        return process.submit(run, name).result()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=" or ".join(BENCHMARKS))
    names = parser.parse_args().names or BENCHMARKS
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"name: got {', '.join(unknown)}, expected {' or '.join(BENCHMARKS)}")
    for library in PEERS:
        if find_spec(library) is None:
            print(f"{library} is not installed: nothing is compared with it")
    results = []
    for name in names:  # what is measured is kept, whatever happens later
        results += in_its_own_process(name)
        write(results, Path("_build/bench.json"))
    if names == BENCHMARKS:
        write(results, Path("data/benchmarks.json"))
    print(table(results))


if __name__ == "__main__":
    main()
