"""Say on every fold of code what the code is for, and put folds that follow each other into one.

A cell with the tag `hide-input` is folded: "Code for Fig. 6.2" if it makes a figure, "Code for the
table below" if it makes a table, else "Code". Cells that show nothing and are followed by another
folded cell, such as imports, stand in the fold of that one.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class LabelFolds(SphinxPostTransform):
    """Name the folds of a page, once its figures have numbers."""

    default_priority = 198  # right before myst-nb makes the folds
    formats = ("html",)

    def run(self, **options: Any) -> None:
        """Join folded cells, then label what is left."""
        numbers = self.env.toc_fignumbers.get(self.env.docname, {}).get("figure", {})
        for cell in folded_cells(self.document):
            join_next(cell)
        for cell in folded_cells(self.document):
            cell["prompt_show"] = cell["prompt_hide"] = label(
                cell, numbers, self.config.numfig_format["figure"]
            )


def folded_cells(document: nodes.Element) -> list[nodes.container]:
    """The cells whose code is folded, in order."""
    return list(document.findall(is_folded))


def is_folded(node: nodes.Node | None) -> bool:
    """Whether this is a cell whose code is folded."""
    return (
        isinstance(node, nodes.container)
        and node.get("nb_element") == "cell_code"
        and node.get("hide_mode") == "input"
        and bool(node.children)
        and node[0].get("nb_element") == "cell_code_source"
    )


def join_next(cell: nodes.container) -> None:
    """Move the code of a cell without output into the fold of the folded cell that follows."""
    after = cell.next_node(descend=False, siblings=True)
    if len(cell) == 1 and is_folded(after):
        after[0].children[:0] = cell[0].children
        for code in cell[0].children:
            code.parent = after[0]
        cell.parent.remove(cell)


def label(cell: nodes.container, numbers: dict[str, tuple[int, ...]], form: str) -> str:
    """What the code of a cell is for.

    Args:
        cell: A folded cell.
        numbers: The figures' numbers, by their ids.
        form: How a figure is called, such as `Fig. %s`.
    """
    for figure in cell.findall(nodes.figure):
        for name in figure["ids"]:
            if name in numbers:
                return f"Code for {form % '.'.join(map(str, numbers[name]))}"
    if any(cell.findall(nodes.table)) or any(
        "<table" in raw.astext() for raw in cell.findall(nodes.raw)
    ):
        return "Code for the table below"
    return "Code"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_post_transform(LabelFolds)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
