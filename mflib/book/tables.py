"""Tables, as HTML where it can be shown and as text where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Html:
    """A piece of a page: HTML where it can be shown, plain text where it cannot."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def scrolling_table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of HTML cells that scrolls inside its own box on a narrow screen."""
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    label = escape(caption, quote=True)
    return (
        f'<div class="table-scroll" role="region" aria-label="{label}" tabindex="0">'
        f'<table class="table"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


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

    def lines(content):
        return escape(content).replace("\n", "<br>")

    def cell(column, content):
        return f'<td data-label="{escape(column)}">{lines(content)}</td>'

    kind = "table cards sentences" if wrap else "table cards"
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{lines(first)}</th>{"".join(map(cell, columns[1:], rest))}</tr>'
        for first, *rest in rows
    )
    return Html(
        f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>',
        "\n".join(" | ".join(row).replace("\n", ", ") for row in [columns, *rows]),
    )
