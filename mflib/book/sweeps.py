"""Grids of experiments, run in parallel, stored point by point, and resumed where they stopped.

An experiment is a plain function of a frozen configuration. :func:`sweep` runs it for every
configuration that is not in the table yet, in processes of this machine or, by the address of a
Dask scheduler, on any cluster. The table is a file of JSON lines, each with a checksum. A finished
point is one line, written at once and by one process: a run that is killed loses the points it
was working on and nothing else. Before its points each run leaves a line that says when and with
what it was done.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mflib.modelling.training import processors

PACKAGES = ("mflib", "tensorflow", "numpy", "scipy")
"""Whose versions a run notes."""


def sweep(
    experiment: Callable[[Any], dict],
    configurations: Iterable,
    path: str | os.PathLike,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> list[dict]:
    """Run an experiment for every configuration that the table does not hold yet.

    Parameters
    ----------
    experiment : callable
        ``experiment(configuration)`` returns a dictionary of what JSON can hold; NumPy's numbers
        and arrays are made plain. Other processes must be able to import it, and it must depend on
        nothing but its configuration.
    configurations : iterable
        Instances of a frozen dataclass, whose fields JSON can hold, each once.
    path : path-like
        The table; continued if it exists.
    scheduler : str, optional
        Address of a Dask scheduler, ``"tcp://..."``. By default that in the environment variable
        ``MFLIB_SCHEDULER`` or, if there is none, processes of this machine.
    workers : int, optional
        How many processes on this machine; by default one for each processor.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of dict
        A row for each configuration that succeeded, in their order: its fields, the results, and
        ``seconds``.

    Warns
    -----
    UserWarning
        If points failed. They are recorded with their traceback, in :func:`failures`, and stop
        nothing; the next sweep tries them again.

    Raises
    ------
    ValueError
        If a configuration comes twice, or the table is of another experiment or damaged.
    """
    path, name = Path(path), f"{experiment.__module__}.{experiment.__qualname__}"
    configurations = list(configurations)
    wanted = {_key(asdict(configuration)): configuration for configuration in configurations}
    if len(wanted) < len(configurations):
        raise ValueError("configurations: got some twice, expected each once")
    done = _points(path, name) if path.exists() else {}
    missing = {k: c for k, c in wanted.items() if k not in done or done[k]["error"]}
    if missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, {"run": _provenance(name)})
    total = len(wanted)
    bar = tqdm(total=total, initial=total - len(missing), unit="point", disable=not progress)
    with bar:
        scheduler = scheduler or os.environ.get("MFLIB_SCHEDULER")
        for point in _run(experiment, list(missing.values()), scheduler, workers):
            _append(path, point)
            done[_key(point["configuration"])] = point
            bar.update()
    failed = [done[key] for key in wanted if done[key]["error"]]
    if failed:
        reason = failed[0]["error"].strip().splitlines()[-1]
        warnings.warn(f"{len(failed)} of {total} points failed, first: {reason}", stacklevel=2)
    return [_row(done[key]) for key in wanted if not done[key]["error"]]


def read(path: str | os.PathLike) -> list[dict]:
    """The rows of a table, in the order of their configurations' first appearance.

    Returns
    -------
    list of dict
        As from :func:`sweep`. Of a point that was tried again the last trial counts.

    Raises
    ------
    ValueError
        If a line is damaged.
    """
    return [_row(point) for point in _points(Path(path)).values() if not point["error"]]


def in_parallel(function: Callable, *items: Iterable) -> list:
    """``map`` with a thread for each processor: compiled programs do not hold the interpreter.

    Examples
    --------
    >>> in_parallel(pow, [2, 3], [5, 2])
    [32, 9]
    """
    with ThreadPoolExecutor(processors()) as pool:
        return list(pool.map(function, *items))


def failures(path: str | os.PathLike) -> list[dict]:
    """The points of a table that failed: ``configuration``, ``seconds``, and ``error``."""
    return [point for point in _points(Path(path)).values() if point["error"]]


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
        if "run" in entry and name not in (None, entry["run"]["experiment"]):
            raise ValueError(
                f"path: {path} is a table of {entry['run']['experiment']}, expected {name}"
            )
    return points


def _append(path: Path, entry: dict) -> None:
    """Add a line, whole or not at all as far as a reader can see."""
    line = json.dumps(entry | {"checksum": _checksum(entry)})
    with path.open("a+b") as file:
        if size := file.tell():
            file.seek(size - 1)
            if file.read() != b"\n":  # a run was killed while it wrote
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _checksum(entry: dict) -> str:
    return hashlib.sha256(json.dumps(entry).encode()).hexdigest()[:16]


def _run(
    experiment: Callable[[Any], dict],
    configurations: list[Any],
    scheduler: str | None,
    workers: int | None,
) -> Iterator[dict]:
    """Points as they finish."""
    if not configurations:
        return
    from distributed import Client, LocalCluster, as_completed

    local = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    local["env"] = {"TF_NUM_INTRAOP_THREADS": "1"}  # each point has one processor to itself
    with ExitStack() as stack:
        if scheduler is None:  # Dask counts the processors that this process may use
            scheduler = stack.enter_context(LocalCluster(n_workers=workers, **local))
        client = stack.enter_context(Client(scheduler))
        futures = {
            client.submit(_attempt, experiment, configuration, pure=False): configuration
            for configuration in configurations
        }
        for future in as_completed(futures):
            lost = future.exception()  # its workers died one after the other
            yield _point(futures[future], {}, 0.0, str(lost)) if lost else future.result()
            future.release()


def _attempt(experiment: Callable[[Any], dict], configuration: Any) -> dict:
    begin, result, error = time.perf_counter(), {}, ""
    try:
        found = experiment(configuration)
        if not isinstance(found, dict):
            raise TypeError(f"experiment: got {found!r}, expected it to return a dictionary")
        result = json.loads(json.dumps(found, default=_plain))
    except Exception:  # whatever happens to a point, the others go on
        error = traceback.format_exc()
    return _point(configuration, result, time.perf_counter() - begin, error)


def _plain(value):
    """What JSON cannot hold, if it is NumPy's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"experiment: got {value!r} of {type(value)}, expected what JSON can hold")


def _point(configuration: Any, result: dict, seconds: float, error: str) -> dict:
    return {
        "configuration": asdict(configuration),
        "result": result,
        "seconds": round(seconds, 3),
        "error": error,
    }


def _row(point: dict) -> dict:
    return point["configuration"] | point["result"] | {"seconds": point["seconds"]}


def _key(configuration: dict) -> str:
    return json.dumps(configuration, sort_keys=True)


def _provenance(name: str) -> dict:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"experiment": name, "date": now, "versions": {p: version(p) for p in PACKAGES}}
