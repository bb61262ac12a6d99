"""Describe every page to search engines, and to whoever shows a card for a shared link."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

PICTURE = "_static/card.png"


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add a description, the page's first paragraph, and Open Graph's properties.

    A picture needs a full address, so it waits for `html_baseurl` to be known.
    """
    first = next(doctree.findall(nodes.paragraph), None) if doctree else None
    if first is None:
        return
    text = first.astext().removeprefix("The question. ").replace("$", "")
    text = textwrap.shorten(text, 200, placeholder=" …")
    properties = {
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:title": app.env.titles[page].astext(),
        "og:description": text,
    }
    if base := app.config.html_baseurl:
        properties |= {"og:url": f"{base}{page}.html", "og:image": base + PICTURE}
    tags = [f'<meta property="{name}" content="{escape(x)}">' for name, x in properties.items()]
    context["metatags"] += "\n".join([f'<meta name="description" content="{escape(text)}">', *tags])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("html-page-context", describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
