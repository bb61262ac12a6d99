"""Put a drawing of `_static/diagrams` into a page, as a figure with a number and a caption.

The SVG stands in the page itself, so that it takes the page's font and the theme's colours
(`_static/diagrams.css`). Its title and description are its alternative text.

    ```{diagram} neuron
    :name: fig-networks-sketch
    The caption.
    ```
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Diagram(SphinxDirective):
    """A figure whose picture is a file of `_static/diagrams`, its name given without ending."""

    required_arguments = 1
    option_spec: ClassVar = {"name": directives.unchanged_required}
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the figure; numbers and references treat it like any other."""
        path = Path(self.env.srcdir) / "_static" / "diagrams" / f"{self.arguments[0]}.svg"
        self.env.note_dependency(str(path))
        figure = nodes.figure(classes=["diagram"])
        self.set_source_info(figure)
        figure += nodes.raw("", path.read_text(encoding="utf-8"), format="html")
        text, messages = self.parse_inline(" ".join(self.content))
        figure += nodes.caption("", "", *text)
        self.add_name(figure)
        return [figure, *messages]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("diagram", Diagram)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
