"""Settle how the pages of the API look, which Sphinx makes from the library's docstrings."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.nodes import TextElement
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment


def skip_fields(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of a named tuple: Python documents them as aliases for numbers."""
    return True if type(member).__name__ == "_tuplegetter" else None


def split_attributes(
    app: Sphinx, what: str, name: str, member: Any, options: Any, lines: list[str]
) -> None:
    """Write `a, b : float` as two attributes, which napoleon does for parameters only."""
    head, title, attributes = "\n".join(lines).partition("\nAttributes\n----------\n")
    shared = re.compile(r"^(\w+(?:, \w+)+)( : .*(?:\n .*)*)", re.MULTILINE)
    attributes = shared.sub(
        lambda found: "\n".join(name + found[2] for name in found[1].split(", ")), attributes
    )
    lines[:] = (head + title + attributes).split("\n")


def resolve_anywhere(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: TextElement
) -> nodes.reference | None:
    """Find what a docstring names, such as `train`, in whichever module of mflib it is."""
    if node.get("refdomain") != "py" or node.get("refspecific"):
        return None
    node["refspecific"] = True
    where = (env, node["refdoc"], app.builder, node["reftype"], node["reftarget"])
    return env.get_domain("py").resolve_xref(*where, node, shown)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension, and call the attributes of a class what their docstrings do."""
    for kind in PyObject.doc_field_types:
        if kind.name == "variable":
            kind.label = "Attributes"
    app.connect("missing-reference", resolve_anywhere)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-docstring", split_attributes, priority=400)  # before napoleon
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
