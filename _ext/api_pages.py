"""Settle how the pages of the API look, which Sphinx makes from the library's docstrings."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.nodes import TextElement
from numpy.typing import ArrayLike
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import stringify_annotation


def skip_fields(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of a named tuple: Python documents them as aliases for numbers."""
    return True if type(member).__name__ == "_tuplegetter" else None


def split_attributes(
    app: Sphinx, what: str, name: str, member: Any, options: Any, lines: list[str]
) -> None:
    """Write `a, b: what they are` as two attributes, which napoleon does for parameters only."""
    head, title, attributes = "\n".join(lines).partition("\nAttributes:\n")
    shared = re.compile(r"^( +)(\w+(?:, \w+)+)( \(.*\))?(:.*(?:\n\1 .*)*)", re.MULTILINE)

    def apart(found: re.Match) -> str:
        indent, names, shape, text = found.groups("")
        return "\n".join(f"{indent}{name}{shape}{text}" for name in names.split(", "))

    lines[:] = (head + title + shared.sub(apart, attributes)).split("\n")


def shorten_signature(
    app: Sphinx, what: str, name: str, member: Any, options: Any, signature: str, returns: str
) -> tuple[str, str]:
    """Write `ArrayLike`, not all that NumPy takes for one; and defaults that Sphinx can parse."""
    for long, short in (
        (stringify_annotation(ArrayLike, "smart"), "ArrayLike"),
        ("<factory>", "..."),
    ):
        signature = signature and signature.replace(long, short)
    return signature, returns


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
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("autodoc-process-docstring", split_attributes, priority=400)  # before napoleon
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
