"""Say at the head of every chapter how long it takes to read: 200 words and a figure a minute."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from sphinx.application import Sphinx

WORDS_A_MINUTE = 200
HEAD = re.compile(r"(^:class: chapter-head\n.*?)(?=\n```)", re.DOTALL | re.MULTILINE)
EXERCISES = re.compile(r"^## Exercises$.*", re.DOTALL | re.MULTILINE)
# not read as words: displayed formulas, directives and their options, roles
SILENT = re.compile(r"\$\$.*?\$\$[^\n]*|^```[^\n]*|^:[\w-]+:[^\n]*|\{\w+\}`[^`]*`", re.M | re.S)


def minutes(notebook: dict[str, Any]) -> int:
    """Return the time for the text and the figures of a notebook, without its exercises.

    An inline formula is a word. A figure's minute includes its caption, and claims and code are
    looked at by whoever wants to.
    """
    text, figures = "", 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text += "\n" + "".join(cell["source"])
        figures += "figure" in cell["metadata"].get("mystnb", {}) and not EXERCISES.search(text)
    text = re.sub(r"\$[^$]+\$", "formula", SILENT.sub(" ", EXERCISES.sub("", text)))
    words = [word for word in text.split() if re.search(r"\w", word)]
    return math.ceil(len(words) / WORDS_A_MINUTE + figures)


def state(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the time to the box that opens a chapter."""
    if app.env.doc2path(page).endswith(".ipynb"):
        notebook = json.loads(source[0])
        sentence = f"\n\n**Reading time.** About {minutes(notebook)} minutes, exercises apart."
        for cell in notebook["cells"][:2]:
            cell["source"] = HEAD.sub(lambda found: found[0] + sentence, "".join(cell["source"]))
        source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("source-read", state)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
