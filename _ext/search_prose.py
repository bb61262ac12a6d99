"""Index prose, so that a search finds what the book says and not what its code is called.

What `_static/search_prose.js` does for the excerpts, this does for the index.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.search import WordCollector

CODE = (nodes.literal_block, nodes.math, nodes.math_block)
_visit = WordCollector.dispatch_visit


def visit_prose(collector: WordCollector, node: Node) -> None:
    """Pass by code and formulas."""
    if isinstance(node, CODE):
        raise nodes.SkipNode
    _visit(collector, node)


def setup(app: Sphinx) -> dict[str, Any]:
    """Replace Sphinx's way to collect words."""
    WordCollector.dispatch_visit = visit_prose  # type: ignore[method-assign]
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
