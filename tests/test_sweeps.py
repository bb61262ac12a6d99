"""Sweeps: nothing is lost, nothing is done twice, and who did it does not matter."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mflib.book.sweeps import failures, read, sweep


@dataclass(frozen=True)
class Point:
    x: float
    name: str = "a"
    folder: str = ""
    seconds: float = 0.0


def double(point):
    """Twice x; leaves a mark each time it runs."""
    if point.folder:
        with (Path(point.folder) / "marks").open("a") as marks:
            marks.write(f"{point.x}\n")
    time.sleep(point.seconds)
    if point.x < 0:
        raise ArithmeticError("x is negative")
    return {"twice": 2 * point.x}


def deadly(point):
    """Kills its process, once."""
    mark = Path(point.folder) / f"killed_{point.x}"
    if point.x == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"twice": 2 * point.x}


def where(point):
    """The process that did it."""
    return {"process": os.getpid()}


def test_a_sweep_gives_rows_in_order_and_a_table_that_can_be_read(tmp_path):
    path = tmp_path / "table.jsonl"
    points = [Point(x, name) for name in "ba" for x in (3.0, 1.0)]
    rows = sweep(double, points, path, workers=2)
    assert [(row["name"], row["x"], row["twice"]) for row in rows] == [
        ("b", 3, 6),
        ("b", 1, 2),
        ("a", 3, 6),
        ("a", 1, 2),
    ]
    assert sorted(map(str, read(path))) == sorted(map(str, rows))
    run = json.loads(path.read_text().splitlines()[0])["run"]
    assert run["experiment"] == "test_sweeps.double"
    assert set(run) == {"experiment", "date", "versions"}


@pytest.mark.slow
def test_what_is_finished_is_not_done_again_and_what_failed_is(tmp_path):
    path = tmp_path / "table.jsonl"
    points = [Point(x, folder=str(tmp_path)) for x in (-1.0, 1.0)]
    with pytest.warns(UserWarning, match="1 of 2 points failed, first: ArithmeticError: x is neg"):
        (good,) = sweep(double, points, path, workers=1)
    assert good["twice"] == 2
    (bad,) = failures(path)
    assert bad["configuration"]["x"] == -1
    assert "ArithmeticError: x is negative" in bad["error"]
    more = [*points, Point(2.0, folder=str(tmp_path))]
    with pytest.warns(UserWarning, match="1 of 3 points failed"):
        rows = sweep(double, more, path, workers=1)
    assert [row["twice"] for row in rows] == [2, 4]
    marks = (tmp_path / "marks").read_text().split()
    assert sorted(marks) == ["-1.0", "-1.0", "1.0", "2.0"]
    assert read(path) == rows
    before = path.read_bytes()
    assert sweep(double, more[1:], path, workers=1) == rows
    assert path.read_bytes() == before


def of_numpy(point):
    """What people return: NumPy's numbers, or nothing that fits."""
    if point.x == 1:
        return 3
    if point.x == 2:
        return {"y": object()}
    return {"y": np.float32(1.5), "n": np.int64(3), "yes": np.bool_(True), "all": np.arange(2)}


def test_numpy_is_welcome_and_what_cannot_be_kept_costs_one_point_only(tmp_path):
    path = tmp_path / "table.jsonl"
    with pytest.warns(UserWarning, match="2 of 3 points failed"):
        (row,) = sweep(of_numpy, map(Point, (0.0, 1.0, 2.0)), path, workers=1)
    assert (row["y"], row["n"], row["yes"], row["all"]) == (1.5, 3, True, [0, 1])
    assert read(path) == [row]
    reasons = [point["error"].strip().splitlines()[-1] for point in failures(path)]
    assert "TypeError: experiment: got 3, expected it to return a dictionary" in reasons


def test_every_damaged_byte_of_a_table_is_noticed(tmp_path):
    path = tmp_path / "table.jsonl"
    rows = sweep(double, [Point(1.0), Point(2.0, "ä")], path, workers=1)
    content = path.read_bytes()
    for position in range(len(content) - 1):
        for bit in (1, 2, 32, 128):
            damaged = bytearray(content)
            damaged[position] ^= bit
            path.write_bytes(damaged)
            try:
                assert read(path) == rows  # a byte that carries nothing, such as a space
            except ValueError as error:
                assert re.search(r"path: line \d of .* is damaged", str(error))


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_workers(tmp_path):
    points = [Point(x) for x in range(6)]
    tables = [sweep(double, points, tmp_path / f"{n}.jsonl", workers=n) for n in (1, 3)]
    assert [row["twice"] for row in tables[0]] == [row["twice"] for row in tables[1]]


def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    points = [Point(x, folder=str(tmp_path)) for x in range(6)]
    rows = sweep(deadly, points, tmp_path / "table.jsonl", workers=2)
    assert (tmp_path / "killed_3").exists()
    assert [row["twice"] for row in rows] == [0, 2, 4, 6, 8, 10]
    assert len(read(tmp_path / "table.jsonl")) == 6


@pytest.mark.slow
def test_a_scheduler_is_found_by_its_address(tmp_path, monkeypatch):
    """A cluster that is there already does the work, and is left alone afterwards."""
    from distributed import Client, LocalCluster

    points = [Point(x) for x in range(3)]
    local = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(host="127.0.0.1", **local) as cluster:
        monkeypatch.setenv("MFLIB_SCHEDULER", cluster.scheduler_address)
        rows = sweep(where, points, tmp_path / "table.jsonl")
        with Client(cluster) as client:
            (worker,) = client.run(os.getpid).values()
    assert {row["process"] for row in rows} == {worker}


RUN = """
import sys
sys.path.insert(0, {tests!r})
from test_sweeps import Point, double
from mflib.book.sweeps import sweep
if __name__ == "__main__":
    points = [Point(x, folder={folder!r}, seconds=0.3) for x in range(8)]
    sweep(double, points, {path!r}, workers=2)
"""


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path):
    path = tmp_path / "table.jsonl"
    script = tmp_path / "run.py"
    tests = str(Path(__file__).parent)
    script.write_text(RUN.format(tests=tests, folder=str(tmp_path), path=str(path)))
    first = subprocess.Popen([sys.executable, script], start_new_session=True)
    while not path.exists() or len(path.read_bytes().splitlines()) < 4:
        time.sleep(0.05)
        assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    finished = {row["x"] for row in read(path)}
    with path.open("a") as file:
        file.write('{"configuration": {"x": 7')  # as if it had been killed while it wrote
    (tmp_path / "marks").unlink()
    subprocess.run([sys.executable, script], check=True)
    again = {float(x) for x in (tmp_path / "marks").read_text().split()}
    assert 0 < len(finished) < 8
    assert again == set(range(8)) - finished
    assert sorted(row["twice"] for row in read(path)) == [2 * x for x in range(8)]


def test_refusals(tmp_path):
    path = tmp_path / "table.jsonl"
    with pytest.raises(ValueError, match="configurations: got some twice"):
        sweep(double, [Point(1.0), Point(1.0)], path)
    sweep(double, [Point(1.0)], path, workers=1)
    with pytest.raises(ValueError, match=r"is a table of test_sweeps.double, expected .*deadly"):
        sweep(deadly, [Point(1.0)], path)
    path.write_text("nonsense\n")
    with pytest.raises(ValueError, match=r"line 1 of .* is damaged"):
        read(path)


def test_every_file_of_data_says_how_it_was_made():
    data = Path(__file__).parents[1] / "data"
    described = (data / "README.md").read_text(encoding="utf-8")
    for path in data.iterdir():
        assert path.name == "README.md" or f"`{path.name}`" in described, path.name
