"""What a chapter measured, set against what the book claims.

`data/claims.toml` states every claim with its source and criterion. A chapter calls
`record(id, value)`; the verdict is computed here, shown as a small card, and travels
inside the executed notebook as output metadata, so that the executed notebook is the
only place where a result is kept. The build collects these records into
`_build/results.json`, which the tables at the end of this module show to the reader.
"""

from __future__ import annotations

import difflib
import math
import numbers
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from mflib.book.claims import Claim, _with_unit, format_number, load_claims

METADATA_KEY = "mflib.record"
_SYMBOLS = {"holds": "✓", "fails": "✗", "not attempted": "–"}


@dataclass(frozen=True)
class Record:
    """A measured value beside its claim; what `record` returns and the notebook keeps.

    `value` is None where the measurement was not finite, so that a record is valid JSON.
    """

    id: str
    statement: str
    source: str
    value: float | bool | None
    unit: str | None
    interval: tuple[float, float] | None
    seeds: int | None
    criterion: str
    verdict: str
    expected: str
    reason: str | None
    note: str | None
    digits: int

    def __str__(self) -> str:
        text = f"{_SYMBOLS[self.verdict]} {self.verdict}: {self.statement} "
        text += f"Measured {measured(asdict(self))}; criterion: {self.criterion}. [{self.id}]"
        return "\n".join([text, *_remarks(asdict(self))])

    def _repr_html_(self) -> str:
        remarks = _remarks_html(asdict(self))
        return (
            f'<div class="claim claim-{self.verdict}" id="{anchor(self.id)}">'
            f'<p class="claim-statement">{escape(self.statement)}</p>'
            f'<p class="claim-result">{_verdict_html(self.verdict)} measured '
            f"<strong>{escape(measured(asdict(self)))}</strong>; "
            f"criterion: {escape(self.criterion)}</p>{remarks}"
            f'<p class="claim-source">{escape(self.source)} · <code>{escape(self.id)}</code></p>'
            "</div>"
        )

    def _ipython_display_(self) -> None:
        """Stay silent as the last line of a cell: `record` has already shown the card."""


def record(
    id: str,
    value: Any,
    *,
    seeds: int | None = None,
    interval: Iterable[float] | None = None,
    note: str | None = None,
) -> Record:
    """Set a measured value against its claim, and show the verdict.

    Parameters
    ----------
    id : str
        The claim, ``chapter.quantity`` as in `data/claims.toml`.
    value : bool or number
        What was measured; NumPy scalars are welcome. A value that is not finite fails.
    seeds : int, optional
        The number of independent repetitions behind the value.
    interval : pair of float, optional
        The 95 % interval ``(low, high)``.
    note : str, optional
        One plain sentence that the reader needs beside the value.

    Returns
    -------
    Record
        The record, also shown as a card when called in a notebook.
    """
    claims = load_claims()
    if id not in claims:
        close = difflib.get_close_matches(str(id), claims, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else "no claim has a similar id"
        raise ValueError(f"id: data/claims.toml has no claim {id!r}; {hint}")
    claim = claims[id]
    value = _value(claim, value)
    result = Record(
        id=claim.id,
        statement=claim.statement,
        source=claim.source,
        value=value if math.isfinite(value) else None,
        unit=claim.unit,
        interval=_interval(interval),
        seeds=_seeds(seeds),
        criterion=claim.words,
        verdict="holds" if claim.holds(value) else "fails",
        expected=claim.verdict,
        reason=claim.reason,
        note=note,
        digits=claim.digits,
    )
    _show(result)
    return result


def _value(claim: Claim, value: Any) -> float | bool:
    """Turn a measured value into a plain bool, int or float of the kind the claim expects."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    plain = value.item() if is_scalar else value
    wants_bool = claim.criterion == "is"
    if isinstance(plain, bool) != wants_bool or not isinstance(plain, numbers.Real):
        expected = "True or False" if wants_bool else "one real number"
        raise ValueError(f"value: {claim.id} expects {expected}, got {value!r}")
    return plain if isinstance(plain, bool | int) else float(plain)


def _interval(interval: Iterable[float] | None) -> tuple[float, float] | None:
    if interval is None:
        return None
    ends = tuple(float(end) for end in interval)
    if len(ends) != 2 or not all(map(math.isfinite, ends)) or ends[0] > ends[1]:
        raise ValueError(f"interval: expected finite (low, high) with low <= high, got {ends}")
    return ends


def _seeds(seeds: Any) -> int | None:
    if seeds is None:
        return None
    if isinstance(seeds, bool) or not isinstance(seeds, numbers.Integral) or seeds < 1:
        raise ValueError(f"seeds: expected how many repetitions there were, got {seeds!r}")
    return int(seeds)


def _show(result: Record) -> None:
    """Publish the card, with the record as its metadata, when a notebook is listening."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return
    from IPython.display import publish_display_data

    data = {"text/html": result._repr_html_(), "text/plain": str(result)}
    publish_display_data(data, metadata={METADATA_KEY: asdict(result)})


def measured(item: Mapping[str, Any]) -> str:
    """Write the measured value of a record with unit, interval and number of seeds."""
    text = _with_unit(format_number(item["value"], item.get("digits", 4)), item["unit"])
    if item["interval"]:
        low, high = (format_number(end, digits=3) for end in item["interval"])
        text += f" (95 % interval {low} to {high})"
    if item["seeds"]:
        text += f", {item['seeds']} seed{'s' if item['seeds'] > 1 else ''}"
    return text


def anchor(claim_id: str) -> str:
    """Return the HTML id of a claim's card."""
    return "claim-" + claim_id.replace(".", "-").replace("_", "-")


def _remarks(item: Mapping[str, Any]) -> list[str]:
    """Say what a verdict alone does not: notes, and failures expected or not."""
    remarks = [item["note"]] if item["note"] else []
    if item["expected"] == "fails":
        lead = "Fails as stated" if item["verdict"] == "fails" else "Expected to fail"
        remarks.append(f"{lead}: {item['reason']}")
    return remarks


def _verdict_html(verdict: str) -> str:
    name = verdict.replace(" ", "-")
    return f'<span class="verdict verdict-{name}">{_SYMBOLS[verdict]} {verdict}</span>'


def _remarks_html(item: Mapping[str, Any]) -> str:
    return "".join(f'<p class="claim-note">{escape(line)}</p>' for line in _remarks(item))
