"""The role `{claim}`: a link to the card where a claim was measured."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.nodes import Node, system_message
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole


class ClaimRole(SphinxRole):
    """Write `chapter.quantity`, as in `data/claims.toml`, and link to its card."""

    def run(self) -> tuple[list[Node], list[system_message]]:
        """Return the link; a claim of no chapter is a warning, and so ends a strict build."""
        chapter = self.text.split(".")[0]
        pages = [page for page in self.env.found_docs if page.split("/")[-1] == chapter]
        if len(pages) != 1:
            return [], [self.inliner.reporter.warning(f"no chapter has the claim {self.text}")]
        page = self.env.app.builder.get_relative_uri(self.env.docname, pages[0])
        anchor = f"{page}#claim-{self.text.replace('.', '-').replace('_', '-')}"
        text = nodes.literal("", self.text)
        return [nodes.reference("", "", text, refuri=anchor, classes=["claim-link"])], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role."""
    app.add_role("claim", ClaimRole())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
