"""Grids of experiments, run in parallel, stored point by point, and resumed where they stopped.

An experiment is a plain function of a frozen configuration. :func:`sweep` runs it for every
configuration that is not in the table yet, in processes of this machine or, by the address of a
Dask scheduler, on any cluster. The table is a file of JSON lines, each with a checksum. A finished
point is one line, written at once and by one process: a run that is killed loses the points it
was working on and nothing else. Before its points each run leaves a line that says when and with
what it was done.
"""

import hashlib
import json
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mflib.modelling.training import processors

#: What a function of a configuration has to be.
Experiment = Callable[[Any], dict]
#: Whose versions a run notes.
PACKAGES = ("mflib", "tensorflow", "numpy", "scipy")


def sweep(
    experiment: Experiment, configurations: Iterable, path: str | Path, workers: int | None = None
) -> list[dict]:
    """Run an experiment for every configuration that the table does not hold yet.

    It runs in processes of this machine or, if the environment variable ``MFLIB_SCHEDULER`` holds
    the address of a Dask scheduler, ``"tcp://..."``, wherever that has its workers.

    Args:
        experiment: ``experiment(configuration)`` returns a dictionary of what JSON can hold;
            NumPy's numbers and arrays are made plain. Other processes must be able to import it,
            and it must depend on nothing but its configuration.
        configurations: Instances of a frozen dataclass, whose fields JSON can hold, each once.
        path: The table; continued if it exists.
        workers: How many processes on this machine; by default one for each processor.

    Returns:
        list of dict: A row for each configuration that succeeded, in their order: its fields, the
        results, and ``seconds``.

    Warns:
        UserWarning: If points failed. They are recorded with their traceback, in :func:`failures`,
            and stop nothing; the next sweep tries them again.

    Raises:
        ValueError: If a configuration comes twice, or the table is of another experiment or
            damaged.
    """
    path, name = Path(path), f"{experiment.__module__}.{experiment.__qualname__}"
    configurations = list(configurations)
    wanted = {_key(asdict(configuration)): configuration for configuration in configurations}
    if len(wanted) < len(configurations):
        raise ValueError("configurations: got some twice, expected each once")
    done = _points(path, name) if path.exists() else {}
    missing = [c for key, c in wanted.items() if key not in done or done[key]["error"]]
    if missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, {"run": {"experiment": name, **provenance()}})
        points = _run(experiment, missing, workers)
        for point in tqdm(points, total=len(missing), unit="point"):
            _append(path, point)
            done[_key(point["configuration"])] = point
    failed = [done[key] for key in wanted if done[key]["error"]]
    if failed:
        reason = failed[0]["error"].strip().splitlines()[-1]
        text = f"{len(failed)} of {len(wanted)} points failed, first: {reason}"
        warnings.warn(text, stacklevel=2)
    return _rows(done[key] for key in wanted)


def read(path: str | Path) -> list[dict]:
    """The rows of a table, in the order of their configurations' first appearance.

    Returns:
        list of dict: As from :func:`sweep`. Of a point that was tried again the last trial counts.

    Raises:
        ValueError: If a line is damaged.
    """
    return _rows(_points(Path(path)).values())


def in_parallel(function: Callable, *items: Iterable) -> list:
    """``map`` with a thread for each processor: compiled programs do not hold the interpreter.

    Examples:
        >>> in_parallel(pow, [2, 3], [5, 2])
        [32, 9]
    """
    with ThreadPoolExecutor(processors()) as pool:
        return list(pool.map(function, *items))


def failures(path: str | Path) -> list[dict]:
    """The points of a table that failed: ``configuration``, ``seconds``, and ``error``."""
    return [point for point in _points(Path(path)).values() if point["error"]]


def provenance() -> dict:
    """What a recorded result says of its making: the ``date``, and ``versions`` of packages."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": now, "versions": {package: version(package) for package in PACKAGES}}


def _points(path: Path, name: str | None = None) -> dict[str, dict]:
    """The points of a table by configuration, after a look at what it is a table of."""
    points = {}
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):  # what follows the last end of line is unfinished
        try:
            entry = json.loads(line)
            if entry.pop("checksum") != _checksum(entry):
                raise ValueError("its checksum does not fit")
            if "run" not in entry:
                points[_key(entry["configuration"])] = entry
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"path: line {number} of {path} is damaged") from error
        if "run" in entry and name not in (None, found := entry["run"]["experiment"]):
            raise ValueError(f"path: {path} is a table of {found}, expected {name}")
    return points


def _append(path: Path, entry: dict) -> None:
    """Add a line, whole or not at all as far as a reader can see."""
    line = json.dumps(entry | {"checksum": _checksum(entry)})
    with path.open("a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)  # a run may have been killed while it wrote
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _checksum(entry: dict) -> str:
    return hashlib.sha256(json.dumps(entry).encode()).hexdigest()[:16]


def _run(experiment: Experiment, missing: list, workers: int | None) -> Iterator[dict]:
    """Points as they finish."""
    from distributed import Client, as_completed

    here = {"n_workers": workers, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    one = {"threads_per_worker": 1, "env": {"TF_NUM_INTRAOP_THREADS": "1"}}  # processor to a point
    scheduler = os.environ.get("MFLIB_SCHEDULER")
    with Client(scheduler) if scheduler else Client(**here, **one) as client:
        futures = {client.submit(_attempt, experiment, c, pure=False): c for c in missing}
        for future in as_completed(futures):
            lost = future.exception()  # its workers died one after the other
            found = {"result": {}, "seconds": 0.0, "error": str(lost)} if lost else future.result()
            yield {"configuration": asdict(futures[future])} | found
            future.release()


def _attempt(experiment: Experiment, configuration: Any) -> dict:
    begin, result, error = time.perf_counter(), {}, ""
    try:
        found = experiment(configuration)
        if not isinstance(found, dict):
            raise TypeError(f"experiment: got {found!r}, expected it to return a dictionary")
        result = json.loads(json.dumps(found, default=_plain))
    except Exception:  # whatever happens to a point, the others go on
        error = traceback.format_exc()
    seconds = round(time.perf_counter() - begin, 3)
    return {"result": result, "seconds": seconds, "error": error}


def _plain(value):
    """What JSON cannot hold, if it is NumPy's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"experiment: got {value!r} of {type(value)}, expected what JSON can hold")


def _rows(points: Iterable[dict]) -> list[dict]:
    return [
        point["configuration"] | point["result"] | {"seconds": point["seconds"]}
        for point in points
        if not point["error"]
    ]


def _key(configuration: dict) -> str:
    return json.dumps(configuration, sort_keys=True)
