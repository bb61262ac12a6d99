"""Rules that every chapter keeps: before it runs, and once it has run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

from nbformat import NotebookNode

from mflib.book.record import METADATA_KEY
from tools.project import BookError, Chapter, Project

MAX_OUTPUT = 3_000_000  # characters of one output; a page has to load on a phone

# What TensorFlow says on starting, whatever its log level, and progress bars. Everything else
# on stderr counts as a warning that the rendered book would hide.
HARMLESS = re.compile(
    r"WARNING: All log messages before absl::InitializeLog"
    r"|To enable the following instructions:"
    r"|(?:[IWE]\d{4} |\d{4}-\d\d-\d\d ).*\b(?:port|cudart_stub|cpu_feature_guard|cuda_\w+"
    r"|computation_placer|service|device_compiler|dump_mlir_util)\.(?:cc|h):\d+\]"
    r"|.*\d+%\|"
    r"|.*\d+it \["
)


def parameters(chapters: Iterable[Chapter], given: dict[str, Any]) -> None:
    """Raise unless every chapter declares every parameter that is given."""
    for chapter in chapters:
        declared = chapter.parameters()
        if unknown := sorted(set(given) - set(declared)):
            raise BookError(
                f"{chapter.page}.ipynb does not declare the parameter {', '.join(unknown)}; "
                f"it declares: {', '.join(declared) or 'none'}"
            )


def executed(project: Project, chapter: Chapter, notebook: NotebookNode, scale: str) -> list[str]:
    """Return what is wrong with an executed chapter, one sentence per problem."""
    problems = []
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            problems += [f"cell {number}: {problem}" for problem in _cell_problems(cell)]
    recorded = [record["id"] for record in records(notebook)]
    claims = project.claims_of(chapter)
    for id in sorted(set(recorded)):
        if id not in claims:
            problems.append(f"{id} is recorded here but belongs to another chapter")
        elif scale not in claims[id].scales:
            problems.append(f"{id} is recorded at scale {scale}, which its claim does not list")
        elif recorded.count(id) > 1:
            problems.append(f"{id} is recorded more than once")
    for id, claim in claims.items():
        if scale in claim.scales and id not in recorded:
            problems.append(f"{id} is claimed at scale {scale} but never recorded")
    return problems


def records(notebook: NotebookNode) -> list[dict[str, Any]]:
    """Return the records that travel in the output metadata of a notebook."""
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    return [o.metadata[METADATA_KEY] for o in outputs if METADATA_KEY in o.get("metadata", {})]


class _Images(HTMLParser):
    """Collects the attributes of every <img> it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an image."""
        if tag == "img":
            self.found.append(dict(attrs))


def _cell_problems(cell: NotebookNode) -> list[str]:
    """Return what is wrong with the outputs of one code cell."""
    problems = []
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "").strip()
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "error":
            problems.append(f"it raised {output.ename}: {output.evalue}")
        if len(json.dumps(output)) > MAX_OUTPUT:
            problems.append(f"an output is larger than {MAX_OUTPUT / 1e6:g} MB")
        text = output.get("text", "") + data.get("text/plain", "")
        if address := re.search(r".{0,60} at 0x[0-9a-f]{6,}", text):
            problems.append(f"an output shows a memory address: {address[0]}")
        if any(kind.startswith("image/") for kind in data) and not alt:
            problems.append('it shows an image without "mystnb": {"image": {"alt": ...}}')
        images = _Images()
        images.feed(data.get("text/html", ""))
        if not all((image.get("alt") or "").strip() for image in images.found):
            problems.append("it shows an <img> without alternative text")
    stderr, stdout = (
        "".join(output.text for output in cell.outputs if output.get("name") == name)
        for name in ("stderr", "stdout")
    )
    for line in re.split(r"[\r\n]+", stderr):
        if line.strip() and not HARMLESS.match(line):
            problems.append(f"a warning that the book would hide: {line.strip()}")
    # In a notebook, TensorFlow's Python side warns on stdout.
    problems += [f"a warning: {line}" for line in re.findall(r"(?m)^WARNING:.*", stdout)]
    return problems
