"""Leave out of every page the scripts that the book does not use.

Jupyter Book always loads `sphinx-thebe`, which can run cells on a remote server and names
its address in every page, twice: the second time is an error in the browser's console.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def drop_thebe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Remove Thebe's scripts from the list that a page will load."""
    context["script_files"] = [
        script for script in context["script_files"] if "thebe" not in str(script).lower()
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension, after those that add scripts of their own."""
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
