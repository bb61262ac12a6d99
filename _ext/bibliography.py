"""Cite and list works by author and year, as in `Flynn et al. 2021a`, with initials."""

from __future__ import annotations

from typing import Any

from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.style.formatting import unsrt
from pybtex.style.labels import alpha
from sphinx.application import Sphinx


class Labels(alpha.LabelStyle):
    """Labels of names and year; the parent adds a, b, ... where two are the same."""

    def format_label(self, entry: Entry) -> str:
        """Return up to two family names, or the first and *et al.*, and the year."""
        names = [
            " ".join(str(part) for part in person.rich_prelast_names + person.rich_last_names)
            for person in entry.persons["author"]
        ]
        several = len(names) > 2 or names[-1] == "others"
        return f"{f'{names[0]} et al.' if several else ' and '.join(names)} {entry.fields['year']}"


class Style(unsrt.Style):
    """Sorted by author, year and title, given names as initials."""

    default_label_style = Labels
    default_sorting_style = "author_year_title"

    def __init__(self) -> None:
        super().__init__(abbreviate_names=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the style under the name that `_config.yml` asks for."""
    register_plugin("pybtex.style.formatting", "names_and_year", Style)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
