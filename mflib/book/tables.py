"""Tables, as HTML where it can be shown and as text where it cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape


@dataclass(frozen=True)
class Html:
    """A piece of a page: HTML where it can be shown, plain text where it cannot."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def scrolling_table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """A table of HTML cells that scrolls inside its own box on a narrow screen."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    name = escape(caption)
    html = f'<div class="table-scroll" role="region" aria-label="{name}" tabindex="0">'
    html += _table_of("table", columns, body, f"<caption>{name}</caption>") + "</div>"
    text = "\n".join([name, *map(" | ".join, rows)])
    return Html(html, unescape(re.sub("<[^>]*>", " ", text)))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: bool = False) -> Html:
    r"""A table whose rows a phone shows as cards, each headed by the row's first cell.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of sequences of str
        A cell for each column; ``\n`` begins a new line in a cell.
    wrap : bool
        Whether cells hold sentences: their lines are broken where the column ends, and a phone
        puts the cells of a card below one another.

    Raises
    ------
    ValueError
        If a row has too few or too many cells.

    Examples
    --------
    >>> print(table(["system", "exponent"], [["Lorenz", "0.906"], ["Rössler", "0.072"]]))
    system | exponent
    Lorenz | 0.906
    Rössler | 0.072
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"rows: got {len(row)} cells in {row}, expected {len(columns)}")
    lines = [[escape(cell).replace("\n", "<br>") for cell in row] for row in (columns, *rows)]
    heads, body = lines[0], ""
    for first, *rest in lines[1:]:
        labelled = zip(heads[1:], rest, strict=True)
        cells = "".join(f'<td data-label="{head}">{cell}</td>' for head, cell in labelled)
        body += f'<tr><th scope="row">{first}</th>{cells}</tr>'
    text = "\n".join(" | ".join(row).replace("\n", ", ") for row in [columns, *rows])
    return Html(_table_of("table cards" + " sentences" * wrap, heads, body), text)


def _table_of(kind: str, columns: Sequence[str], body: str, caption: str = "") -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    inside = f"{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="{kind}">{inside}</table>'
