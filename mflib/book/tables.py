"""Tables, as HTML where it can be shown and as text where it cannot."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
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
    r"(?s)<(form|script|style).*?</\1>": "",
    r"</t[hd]><t[hd][^>]*>": " | ",
    r"<br>": ", ",
    r"</p>|</tr>|</caption>|</summary>": "\n",
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
    lines = [[escape(cell).replace("\n", "<br>") for cell in row] for row in (columns, *rows)]
    heads, body = lines[0], "".join(_card(lines[0], row) for row in lines[1:])
    return Html(_table("table cards" + " sentences" * wrap, heads, body))


@dataclass(frozen=True)
class Row:
    """A row of a table that can be filtered.

    Attributes:
        cells: Pieces of HTML, the first of which heads the row.
        groups: What a reader may choose it by, one for each choice of the table.
        id: By which other places may link to it, if it has one.
    """

    cells: Sequence[str]
    groups: Sequence[str]
    id: str = ""


def filtered_table(
    columns: Sequence[str], rows: Sequence[Row], choices: Mapping[str, Mapping[str, str]], noun: str
) -> Html:
    """A table of sentences, above it a choice of its rows by words and by their groups.

    The choice is the work of `_static/filter.js`; where no script runs, all rows are shown, and
    nothing to choose by. So many columns of sentences have no room beside each other: a row is a
    card, with its first cell above and its last below the others.

    Args:
        columns: Heads of the columns, plain text.
        rows: In the order in which they are shown.
        choices: By what stands above each choice: what the reader sees of its groups, in order.
        noun: What rows are, in the plural.

    Raises:
        ValueError: If a row has too few or too many cells, or a group that nobody can choose.

    Examples:
        >>> rows = [Row(["<b>Elman</b>", "80"], ["plain"]), Row(["LSTM", "320"], ["gated"])]
        >>> gates = {"plain": "without gates", "gated": "with gates"}
        >>> print(filtered_table(["cell", "weights"], rows, {"gates": gates}, "cells"))
        cell | weights
        Elman | 80
        LSTM | 320
    """
    heads, body, selects = [escape(column) for column in columns], "", ""
    for k, (by, groups) in enumerate(choices.items()):
        counts = Counter(row.groups[k] for row in rows)
        if strange := sorted(set(counts) - set(groups)):
            raise ValueError(f"rows: got groups {strange}, expected some of {list(groups)}")
        options = f'<option value="">all ({len(rows)})</option>' + "".join(
            f'<option value="{escape(group)}">{escape(shown)} ({counts[group]})</option>'
            for group, shown in groups.items()
        )
        selects += f"<label>{escape(by)} <select>{options}</select></label>"
    for row in rows:
        name = f' id="{escape(row.id)}"' if row.id else ""
        body += _card(heads, row.cells, f'{name} data-groups="{escape("|".join(row.groups))}"')
    form = (
        f'<form class="filter" role="search" aria-label="Choose among the {escape(noun)}" hidden>'
        '<label>words <input type="search" name="words" autocomplete="off"></label>'
        f'{selects}<p role="status" aria-live="polite" data-noun="{escape(noun)}"></p></form>'
    )
    return Html(f'<div class="filtered">{form}{_table("table", heads, body)}</div>')


def _card(heads: Sequence[str], cells: Sequence[str], attributes: str = "") -> str:
    """A row that a phone shows as a card; all of it is HTML."""
    if len(cells) != len(heads):
        raise ValueError(f"rows: got {len(cells)} cells in {cells}, expected {len(heads)}")
    first, *rest = cells
    labelled = zip(heads[1:], rest, strict=True)
    data = "".join(f'<td data-label="{head}">{cell}</td>' for head, cell in labelled)
    return f'<tr{attributes}><th scope="row">{first}</th>{data}</tr>'


def _table(kind: str, columns: Sequence[str], body: str, caption: str = "") -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    inside = f"{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="{kind}">{inside}</table>'
