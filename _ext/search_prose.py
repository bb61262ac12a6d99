"""Index prose, so that a search finds what the book says and not what its code is called.

What `_static/search_prose.js` does for the excerpts, this does for the index.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

CODE = (nodes.literal_block, nodes.doctest_block, nodes.math, nodes.math_block)


def index_prose(app: Sphinx) -> None:
    """Give the index every page without its code and its formulas."""
    builder: Any = app.builder
    if builder.format != "html":
        return
    index = builder.index_page

    def index_page(page: str, doctree: nodes.document, title: str) -> None:
        prose = doctree.deepcopy()
        for node in [node for node in prose.findall() if isinstance(node, CODE)]:
            node.parent.remove(node)
        index(page, prose, title)

    builder.index_page = index_page


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("builder-inited", index_prose)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
