"""Build the book: `python -m tools.book --help`."""

from __future__ import annotations

import argparse
import ast
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mflib.book.claims import SCALES
from tools import check, results
from tools.execute import Limits, execute, last_good, verify
from tools.project import BookError, Project
from tools.render import render

# What this process may use: in a container, fewer than the machine has.
PROCESSORS = (
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
)

# Seconds allowed for one cell and for one chapter.
TIMEOUTS = {"quick": (600, 1200), "full": (6 * 3600, 12 * 3600)}


def build(
    root: str | Path, parameters: dict[str, Any], limits: Limits, only: str | None = None
) -> str:
    """Execute what is out of date, check everything, and render the book.

    Args:
        root: The folder that holds `_toc.yml`.
        parameters: The values every chapter runs with; `scale` is one of them.
        limits: Processes and time.
        only: The one chapter to execute. The others are shown as they last ran, or unexecuted;
            warnings do not stop the rendering then.

    Returns:
        str: What was done, in a few lines.

    Raises:
        BookError: If a chapter does not run or keep the rules, or another build is at work.
    """
    project = Project.open(root)
    project.build.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(project.build / "lock", timeout=0):
            return _build(project, parameters, limits, only)
    except Timeout as error:
        raise BookError(f"Another build is at work in {project.build}: wait for it.") from error


def _build(project: Project, parameters: dict[str, Any], limits: Limits, only: str | None) -> str:
    scale = parameters["scale"]
    chapters = [project.chapter(only)] if only else list(project.chapters)
    check.parameters(chapters, parameters)
    start = time.monotonic()
    executed = execute(project, [c for c in chapters if not c.is_back_matter], parameters, limits)
    found = results.write(project, scale)
    executed += execute(project, [c for c in chapters if c.is_back_matter], parameters, limits)
    seconds = time.monotonic() - start
    for chapter in chapters:
        notebook = last_good(project, chapter, scale)
        assert notebook is not None  # it has just been executed
        verify(project, chapter, notebook, scale)
    start = time.monotonic()
    rendered = render(project, scale, strict=only is None)
    took = f"rendered in {time.monotonic() - start:.0f} s" if rendered else "nothing to render"
    counts = Counter(item["verdict"] for item in found)
    failing = ", ".join(item["id"] for item in found if item["verdict"] == "fails")
    return (
        f"chapters  {len(executed)} of {len(chapters)} executed in {seconds:.0f} s, {took}\n"
        f"claims    {counts['holds']} hold, {counts['fails']} fail"
        f"{f' ({failing})' if failing else ''}, {counts['inconclusive']} are inconclusive, "
        f"{counts['not attempted']} not attempted\n"
        f"open      {os.path.relpath(project.build / 'html' / 'index.html')}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.book", description=__doc__)
    parser.add_argument("--root", default=".", help="folder with _toc.yml")
    parser.add_argument("--scale", default="quick", choices=SCALES)
    parser.add_argument("--chapter", metavar="NAME", help="execute this chapter only")
    parser.add_argument(
        "--parameter", metavar="NAME=VALUE", action="append", default=[], help="as in seed=3"
    )
    parser.add_argument("--processes", type=int, default=PROCESSORS)
    parser.add_argument("--cell-timeout", type=int, metavar="SECONDS")
    parser.add_argument("--chapter-timeout", type=int, metavar="SECONDS")
    options = parser.parse_args(arguments)
    cell, chapter = TIMEOUTS[options.scale]
    limits = Limits(
        processes=max(1, min(options.processes, PROCESSORS)),
        cell=options.cell_timeout or cell,
        chapter=options.chapter_timeout or chapter,
    )
    try:
        parameters = {"scale": options.scale, **dict(map(_parameter, options.parameter))}
        print(build(options.root, parameters, limits, options.chapter or None))
    except BookError as error:
        print(f"\n{error}\n\nThe book was not built.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Chapters that had finished are kept.", file=sys.stderr)
        return 130
    return 0


def _parameter(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        raise BookError(f"--parameter: expected NAME=VALUE with a literal, got {text!r}") from error


if __name__ == "__main__":
    sys.exit(main())
