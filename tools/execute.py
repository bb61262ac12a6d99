"""Execute chapters in parallel, one process each, and keep only what ran well."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import platform
import re
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
import psutil
from tqdm import tqdm

from tools import check, worker
from tools.project import BookError, Chapter, Project, write_atomically

UNKNOWN_SECONDS = 1.0  # of a cell that has never run: chapters with more cells start first


@dataclass(frozen=True)
class Limits:
    """How much a build may use.

    Attributes:
        processes: Chapters executed at once.
        cell, chapter: Seconds that one cell and one whole chapter may take.
    """

    processes: int
    cell: int
    chapter: int


@dataclass(frozen=True)
class Job:
    """A chapter to execute, with the weight of each of its code cells in seconds."""

    chapter: Chapter
    parameters: dict[str, Any]
    key: str
    weights: dict[str, float]


def execute(
    project: Project, chapters: list[Chapter], parameters: dict[str, Any], limits: Limits
) -> list[Chapter]:
    """Execute those chapters whose last good execution is out of date.

    Args:
        project: The book.
        chapters: The chapters that have to be up to date afterwards.
        parameters: The values to run with; every chapter declares all of them. `scale` is one.
        limits: Processes and time.

    Returns:
        list of Chapter: The chapters that were executed now. The first chapter that fails raises a
        `BookError` and stops the others; chapters already finished are kept.
    """
    jobs = []
    for chapter in chapters:
        key = project.key(chapter, parameters)
        last = last_good(project, chapter, parameters["scale"])
        if last is None or last.metadata["mflib"]["key"] != key:
            jobs.append(Job(chapter, parameters, key, _weights(chapter, last)))
    # The longest first, so that no process is left with a long chapter at the end.
    jobs.sort(key=lambda job: -sum(job.weights.values()))
    if jobs:
        try:
            asyncio.run(_execute_all(project, jobs, limits))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
    return [job.chapter for job in jobs]


def last_good(project: Project, chapter: Chapter, scale: str) -> nbformat.NotebookNode | None:
    """Return the last good execution of a chapter, out of date or not, or None."""
    path = project.executed(chapter, scale)
    return nbformat.read(path, as_version=4) if path.is_file() else None


def _weights(chapter: Chapter, last: nbformat.NotebookNode | None) -> dict[str, float]:
    """Guess the seconds that every code cell will take from the last execution."""
    cells = [cell.id for cell in chapter.read().cells if cell.cell_type == "code"]
    known = {c.id: c.metadata.papermill.duration for c in last.cells} if last else {}
    return {id: known.get(id) or UNKNOWN_SECONDS for id in cells}


async def _execute_all(project: Project, jobs: list[Job], limits: Limits) -> None:
    total = sum(sum(job.weights.values()) for job in jobs)
    layout = "{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left{postfix}"
    free = asyncio.Semaphore(limits.processes)
    with tqdm(total=total, desc="chapters", bar_format=layout, smoothing=0, disable=None) as bar:
        running: dict[str, None] = {}

        async def one(job: Job) -> None:
            async with free:
                running[job.chapter.name] = None
                await _execute_one(project, job, limits, bar)
                del running[job.chapter.name]

        async def tick() -> None:
            while True:
                bar.set_postfix_str(", ".join(running))
                await asyncio.sleep(1)

        ticking = asyncio.create_task(tick())
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(one(job))
        finally:
            ticking.cancel()


async def _execute_one(project: Project, job: Job, limits: Limits, bar: tqdm) -> None:
    """Execute one chapter into a temporary folder, check it, and move it into place."""
    target = project.executed(job.chapter, job.parameters["scale"])
    with tempfile.TemporaryDirectory() as folder:
        output, log = Path(folder) / "executed.ipynb", Path(folder) / "log"
        declared = job.chapter.parameters()
        order = {
            "source": str(job.chapter.source),
            "output": str(output),
            "folder": str(job.chapter.source.parent),
            # A value equal to the declared one would only repeat the parameters cell.
            "parameters": {k: v for k, v in job.parameters.items() if declared[k] != v},
            "cell_timeout": limits.cell,
            "log": str(log),
            "environment": _environment(project),
        }
        process, events = _start(order)
        cell, failure = None, {"reason": "its process died"}
        try:
            async with asyncio.timeout(limits.chapter):
                while event := await asyncio.to_thread(_next, events):
                    if event["event"] == "failed":
                        failure = event
                    elif event["event"] == "started":
                        cell = event["cell"]
                    else:
                        bar.update(job.weights.get(event["cell"], 0))
                await asyncio.to_thread(process.join)
        except TimeoutError:
            failure = {"reason": f"the chapter ran longer than {limits.chapter} s"}
        finally:
            await asyncio.to_thread(_stop, process, events)
        if process.exitcode != 0:
            lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
            details = failure.get("traceback") or "\n".join(lines[-15:])
            raise BookError(_describe(job.chapter, cell, failure["reason"], details))
        notebook = nbformat.read(output, as_version=4)
    notebook.metadata.papermill.input_path = f"{job.chapter.page}.ipynb"
    del notebook.metadata.papermill["output_path"]
    notebook.metadata["mflib"] = {"key": job.key, "parameters": job.parameters}
    verify(project, job.chapter, notebook, job.parameters["scale"])
    write_atomically(target, nbformat.writes(notebook))
    bar.write(f"  {job.chapter.name}: {notebook.metadata.papermill.duration:.1f} s")


def verify(project: Project, chapter: Chapter, notebook: nbformat.NotebookNode, scale: str) -> None:
    """Raise if an executed notebook breaks a rule of the book."""
    if problems := check.executed(project, chapter, notebook, scale):
        lines = "\n  ".join(problems)
        raise BookError(f"{chapter.page}.ipynb ran, but it breaks the book's rules:\n  {lines}")


def _start(order: dict[str, Any]) -> tuple[BaseProcess, Connection]:
    """Start a worker; return it, and the connection that brings its events."""
    context: Any = multiprocessing.get_context(worker.SERVED)
    context.set_forkserver_preload(worker.LIBRARIES)
    events, theirs = context.Pipe()
    process = context.Process(target=worker.main, args=(order, theirs))
    # libraries read how many threads they may use, and where figures go, when they are imported
    with patch.dict(os.environ, order["environment"]):
        process.start()
    theirs.close()
    return process, events


def _next(events: Connection) -> dict[str, Any] | None:
    """Wait for a worker's next event; None if it has ended."""
    try:
        return events.recv()
    except (EOFError, OSError):
        return None


def _stop(process: BaseProcess, events: Connection) -> None:
    """End a worker and its kernel: ask, and insist after five seconds."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    with suppress(OSError):  # it has ended
        events.send("stop")
    process.join(5)
    process.kill()
    process.join()
    for relative in psutil.wait_procs(family, timeout=0)[1]:
        relative.send_signal(signal.SIGKILL)


def _environment(project: Project) -> dict[str, str]:
    """Return the environment of a worker and its kernel."""
    # A build runs as many chapters as there are processors, so each library keeps to one thread:
    # more would wait for one another, and small networks are faster on one even alone.
    threads = {"OPENBLAS_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    environment = {**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONNOUSERSITE": "1"}
    environment |= compiling(project)
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # Start-up files in a reader's own IPython profile must not change the book.
    environment["IPYTHONDIR"] = str(project.build / "ipython")
    return environment


def compiling(project: Project) -> dict[str, str]:
    """Return settings with which chapters and tests compile less; what they compute is the same.

    TensorFlow keeps what it has compiled, so that no process repeats the work of another. Compiled
    programs fit one version and one kind of processor: each has its folder. And LLVM tries less:
    in loops as small as ours its efforts take time and make them no faster.
    """
    listed = Path("/proc/cpuinfo")  # on Linux, with the features of the processor
    text = listed.read_text() if listed.is_file() else ""
    found = re.search(r"^(flags|Features).*", text, re.MULTILINE)
    processor = found[0] if found else platform.processor()
    name = hashlib.sha256(f"{version('tensorflow')} {processor}".encode()).hexdigest()[:16]
    flags = {
        "TF_XLA_FLAGS": f'--tf_xla_persistent_cache_directory="{project.build}/compiled/{name}"',
        "XLA_FLAGS": "--xla_backend_optimization_level=1",
    }
    # a later flag wins, so what is set already goes last
    return {key: f"{flag} {os.environ.get(key, '')}".strip() for key, flag in flags.items()}


def _describe(chapter: Chapter, cell_id: str | None, reason: str, details: str) -> str:
    """Say which chapter failed, in which cell, and why."""
    cells = chapter.read().cells
    for number, cell in enumerate(cells, 1):
        if cell.id == cell_id:
            source = "\n".join(f"    {line}" for line in cell.source.splitlines())
            where = f"in cell {number} of {len(cells)}:\n\n{source}\n"
            break
    else:
        where = "before its first cell ran"
    return f"{chapter.page}.ipynb failed {where}\n{reason}\n\n{details}".rstrip()
