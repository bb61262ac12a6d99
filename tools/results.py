"""Collect what the chapters measured and how long they took, for readers and for tests."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mflib.book.claims import Claim
from mflib.book.record import Record
from tools import check
from tools.execute import last_good
from tools.project import Chapter, Project, write_atomically

PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "jupyter-book", "mflib")


def collect(project: Project, scale: str) -> list[dict[str, Any]]:
    """Return every claim of the book with what was measured, in reading order.

    A claim that no executed chapter has recorded is listed as not attempted. The chapter's title,
    part and page stand beside each.
    """
    about = {chapter.name: _about(project, chapter) for chapter in project.chapters}
    unknown = {"title": "", "part": "", "page": ""}
    records = {}
    for chapter in project.chapters:
        if notebook := last_good(project, chapter, scale):
            records.update({record["id"]: record for record in check.records(notebook)})
    order = [chapter.name for chapter in project.chapters]
    claims = sorted(
        project.claims.values(),
        key=lambda claim: order.index(claim.chapter) if claim.chapter in order else len(order),
    )
    return [
        {
            **(records.get(claim.id) or _not_attempted(claim, scale).entry),
            "chapter": claim.chapter,
            **about.get(claim.chapter, unknown),
            "scale": scale,
        }
        for claim in claims
    ]


def write(project: Project, scale: str) -> list[dict[str, Any]]:
    """Write `_build/results.json` and `_build/build.json`; return the results.

    Both name only what the chapters before the back matter did, and change only when one of
    them has run again: the back matter is executed after them and depends on both files.
    """
    results = collect(project, scale)
    chapters = [chapter for chapter in project.chapters if not chapter.is_back_matter]
    build = {
        "scale": scale,
        "chapters": [entry for c in chapters if (entry := _execution(project, c, scale))],
        "versions": {"python": platform.python_version(), **_versions()},
        "platform": f"{platform.system()} {platform.machine()}",
    }
    for name, content in (("results.json", results), ("build.json", build)):
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(project.build / name, text + "\n")
    return results


def _not_attempted(claim: Claim, scale: str) -> Record:
    note = None if scale in claim.scales else f"Measured only at scale {claim.scales[0]}."
    return Record(claim, "not attempted", note=note)


def _about(project: Project, chapter: Chapter) -> dict[str, str]:
    """Name a chapter and its part as the reader sees them."""
    cells = chapter.read().cells
    heading = next(cell.source for cell in cells if cell.cell_type == "markdown")
    part = next((name for name, pages in project.parts.items() if chapter.page in pages), "")
    return {"title": heading.splitlines()[0].lstrip("# "), "part": part, "page": chapter.page}


def _execution(project: Project, chapter: Chapter, scale: str) -> dict[str, Any] | None:
    """Describe the last good execution of a chapter."""
    notebook = last_good(project, chapter, scale)
    if notebook is None:
        return None
    return {
        "name": chapter.name,
        **_about(project, chapter),
        "scale": scale,
        "cells": sum(cell.cell_type == "code" for cell in notebook.cells),
        "seconds": round(notebook.metadata.papermill.duration, 1),
        "executed": notebook.metadata.papermill.end_time[:19].replace("T", " "),
        "key": notebook.metadata["mflib"]["key"],
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
