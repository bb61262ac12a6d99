"""Serve MathJax from the book itself, so that no page asks the network for it.

The package `sphinx-mathjax-offline` carries all of MathJax (24 MB); a page needs one script,
one of its extensions and its fonts (1.6 MB). They are copied into the output and not into
`_static/`, because Jupyter Book would load every script it finds there once more in every page.
"""

from __future__ import annotations

import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

SCRIPT = "tex-chtml.js"
FONTS = "output/chtml/fonts/woff-v2"
CLASSES = "input/tex/extensions/html.js"  # for \class, which colours the gates


def copy_mathjax(app: Sphinx) -> None:
    """Copy the script and the fonts to the place where the pages look for them."""
    if app.builder.format != "html":
        return
    package = distribution("sphinx-mathjax-offline")
    source = Path(str(package.locate_file("sphinx-mathjax-offline/static/mathjax")))
    target = Path(app.outdir) / "_static" / "mathjax"
    shutil.copytree(source / FONTS, target / FONTS, dirs_exist_ok=True)
    (target / CLASSES).parent.mkdir(parents=True, exist_ok=True)
    for name in (SCRIPT, CLASSES):
        shutil.copy(source / name, target / name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("builder-inited", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
