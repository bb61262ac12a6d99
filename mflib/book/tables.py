"""Tables, as HTML where it can be shown and as text where it cannot."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape


@dataclass(frozen=True)
class Html:
    """A piece of a page: HTML where it can be shown, plain text where it cannot."""

    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        text = self.html
        for pattern, plain in _PLAIN.items():
            text = re.sub(pattern, plain, text)
        return unescape(text).strip()


# What stands in plain text for pieces of HTML.
_PLAIN = {
    r"</t[hd]><t[hd][^>]*>": " | ",
    r"<br>": ", ",
    r"</p>|</tr>|</caption>": "\n",
    r'<img [^>]*alt="([^"]*)"[^>]*>': r"\1",
    r"<[^>]*>": "",
}


def scrolling_table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """A table of HTML cells that scrolls inside its own box on a narrow screen."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    name = escape(caption)
    html = f'<div class="table-scroll" role="region" aria-label="{name}" tabindex="0">'
    return Html(html + _table("table", columns, body, f"<caption>{name}</caption>") + "</div>")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: bool = False) -> Html:
    r"""A table whose rows a phone shows as cards, each headed by the row's first cell.

    Args:
        rows (sequence of sequences of str): A cell for each column; ``\n`` begins a new line in a
            cell.
        wrap: Whether cells hold sentences: their lines are broken where the column ends, and a
            phone puts the cells of a card below one another.

    Raises:
        ValueError: If a row has too few or too many cells.

    Examples:
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
    return Html(_table("table cards" + " sentences" * wrap, heads, body))


def _table(kind: str, columns: Sequence[str], body: str, caption: str = "") -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    inside = f"{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="{kind}">{inside}</table>'
