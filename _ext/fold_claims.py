"""Fold what a chapter checks away, at the end of the section that checks it.

At most three claims of a chapter are findings and stand in its text (mflib/book/record.py). The
others follow their section, in one block that a reader may open; with a check goes its cell, if
nothing else of it would be seen. Without a script the block still opens: it is a `<details>`.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from mflib.book.record import count_verdicts

CHECK = re.compile(r'<div class="claim check claim-(\w+)"')


class FoldClaims(SphinxTransform):
    """Gather the checks of each section of a page."""

    default_priority = 860  # once exercises and their solutions have found each other

    def apply(self, **options: Any) -> None:
        """Move the outputs that are checks."""
        gathered: dict[nodes.Element, tuple[list[str], list[nodes.Element]]] = {}
        for cell in list(self.document.findall(_is("cell_code"))):
            checks = {node: verdict for node in _outputs(cell) if (verdict := _verdict(node))}
            if checks:
                verdicts, folded = gathered.setdefault(_section(cell), ([], []))
                verdicts += checks.values()
                folded += _taken(cell, list(checks))
        for section, (verdicts, folded) in gathered.items():
            summary = f"<summary>Checks ({count_verdicts(verdicts)})</summary>"
            opened = nodes.raw("", f'<details class="checks">{summary}', format="html")
            closed = nodes.raw("", "</details>", format="html")
            parts = [k for k, node in enumerate(section) if isinstance(node, nodes.section)]
            at_top = isinstance(section.parent, nodes.document) and parts
            place = parts[0] if at_top else len(section)
            section.insert(place, nodes.container("", opened, *folded, closed))


def _is(element: str) -> Any:
    return lambda node: isinstance(node, nodes.container) and node.get("nb_element") == element


def _outputs(cell: nodes.Element) -> list[nodes.Element]:
    return [node for part in cell if _is("cell_code_output")(part) for node in part]


def _verdict(output: nodes.Element) -> str | None:
    """The verdict of an output that is a check."""
    for raw in output.findall(nodes.raw):
        if found := CHECK.match(raw.astext().strip()):
            return found[1]
    return None


def _section(node: nodes.Element) -> nodes.Element:
    """The section that has a heading of the second order or, before the first, the whole page."""
    above = [node]
    while not isinstance(above[-1], nodes.document):
        above.append(above[-1].parent)
    sections = [one for one in above if isinstance(one, nodes.section)]
    return sections[-2:][0]


def _taken(cell: nodes.Element, checks: list[nodes.Element]) -> list[nodes.Element]:
    """Take checks out of a cell; or the cell, if its code is hidden and it shows nothing else."""
    hidden = cell.get("hide_mode") or not any(map(_is("cell_code_source"), cell))
    if hidden and len(checks) == len(_outputs(cell)):
        cell.parent.remove(cell)
        return [cell]
    for node in checks:
        node.parent.remove(node)
    for part in [part for part in cell if not len(part)]:
        cell.remove(part)
    return checks


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_transform(FoldClaims)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
