"""What a chapter measured, set against what the book claims.

`data/claims.toml` states every claim with its source and criterion. A chapter calls
`record(id, value)`; the verdict is computed here, shown as a small card, and travels
inside the executed notebook as output metadata, so that the executed notebook is the
only place where a result is kept. The build collects these records into
`_build/results.json`, which :mod:`mflib.book.results` shows to the reader.
"""

from __future__ import annotations

import difflib
import math
import numbers
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Self

from mflib.book.claims import Claim, format_number, load_claims, with_unit
from mflib.dynamics.estimates import Estimate

METADATA_KEY = "mflib.record"
_SYMBOLS = {"holds": "✓", "fails": "✗", "inconclusive": "?", "not attempted": "–"}
_UNEXPECTED = {"fails": "Expected to fail", "inconclusive": "Expected to be inconclusive"}


@dataclass(frozen=True)
class Record:
    """A measured value beside its claim; what `record` returns and the notebook keeps.

    `value` is None where the measurement was not finite, so that a record is valid JSON. What the
    95 % `interval` runs over, seeds or cues say, is in `over`.
    """

    id: str
    statement: str
    source: str
    unit: str | None
    criterion: str
    expected: str
    reason: str | None
    digits: int
    verdict: str
    value: float | bool | None = None
    interval: tuple[float, float] | None = None
    over: str | None = None
    seeds: int | None = None
    note: str | None = None

    @classmethod
    def of(cls, claim: Claim, **measurement: Any) -> Self:
        """A record of a claim, from the fields that a measurement adds to it."""
        return cls(
            id=claim.id,
            statement=claim.statement,
            source=claim.source,
            unit=claim.unit,
            criterion=claim.words,
            expected=claim.verdict,
            reason=claim.reason,
            digits=claim.digits,
            **measurement,
        )

    @property
    def measured(self) -> str:
        """The value with its unit, its interval and what that runs over, and the seeds."""
        text = with_unit(format_number(self.value, self.digits), self.unit)
        if self.interval:
            low, high = (format_number(end, digits=3) for end in self.interval)
            text += f" (95 % interval over {self.over}: {low} to {high})"
        if self.seeds:
            text += f", {self.seeds} seed{'s' if self.seeds > 1 else ''}"
        return text

    @property
    def anchor(self) -> str:
        """The HTML id of the card."""
        return "claim-" + self.id.replace(".", "-").replace("_", "-")

    @property
    def remarks(self) -> list[str]:
        """What the verdict alone does not say: notes, and why a claim does not hold."""
        remarks = [self.note] if self.note else []
        if self.reason:
            lead = {"fails": "Fails as stated", "inconclusive": "Inconclusive"}[self.expected]
            if self.verdict != self.expected:
                lead = _UNEXPECTED[self.expected]
            remarks.append(f"{lead}: {self.reason}")
        return remarks

    @property
    def verdict_html(self) -> str:
        """The verdict as a badge."""
        name = self.verdict.replace(" ", "-")
        return (
            f'<span class="verdict verdict-{name}">{_SYMBOLS[self.verdict]} {self.verdict}</span>'
        )

    @property
    def remarks_html(self) -> str:
        """The remarks, a paragraph each."""
        return "".join(f'<p class="claim-note">{escape(line)}</p>' for line in self.remarks)

    def __str__(self) -> str:
        text = f"{_SYMBOLS[self.verdict]} {self.verdict}: {self.statement} "
        text += f"Measured {self.measured}; criterion: {self.criterion}. [{self.id}]"
        return "\n".join([text, *self.remarks])

    def _repr_html_(self) -> str:
        return (
            f'<div class="claim claim-{self.verdict}" id="{self.anchor}">'
            f'<p class="claim-statement">{escape(self.statement)}</p>'
            f'<p class="claim-result">{self.verdict_html} measured '
            f"<strong>{escape(self.measured)}</strong>; "
            f"criterion: {escape(self.criterion)}</p>{self.remarks_html}"
            f'<p class="claim-source">{escape(self.source)} · <code>{escape(self.id)}</code></p>'
            "</div>"
        )

    def _ipython_display_(self) -> None:
        """Stay silent as the last line of a cell: `record` has already shown the card."""


def record(
    id: str,
    value: Any,
    *,
    interval: Iterable[float] | None = None,
    over: str | None = None,
    seeds: int | None = None,
    note: str | None = None,
) -> Record:
    """Set a measured value against its claim, and show the verdict.

    Parameters
    ----------
    id : str
        The claim, ``chapter.quantity`` as in `data/claims.toml`.
    value : bool, number or Estimate
        What was measured; NumPy scalars are welcome. A value that is not finite fails. A
        :class:`~mflib.dynamics.estimates.Estimate` brings its interval, what that runs over, and
        the seeds.
    interval : pair of float, optional
        The 95 % interval ``(low, high)``. Where it reaches across the criterion the verdict is
        ``"inconclusive"``.
    over : str
        What the interval runs over: ``"seeds"``, ``"cues"``, ``"starts"``.
    seeds : int, optional
        The number of independently trained networks, or repetitions, behind the value.
    note : str, optional
        One plain sentence that the reader needs beside the value.

    Returns
    -------
    Record
        Also shown as a card when called in a notebook.

    Raises
    ------
    ValueError
        If there is no such claim, or an argument is not of the kind it expects.
    """
    claims = load_claims()
    if id not in claims:
        close = difflib.get_close_matches(str(id), claims, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else "no claim has a similar id"
        raise ValueError(f"id: data/claims.toml has no claim {id!r}; {hint}")
    claim = claims[id]
    if isinstance(value, Estimate):
        interval, over = value.interval, value.over
        seeds = value.trials if over == "seeds" else seeds
        value = value.value
    value, interval = _value(claim, value), _interval(interval)
    if (interval is None) != (over is None):
        raise ValueError(f"over: got {over!r} for {id} beside interval {interval}, expected both")
    result = Record.of(
        claim,
        verdict=claim.judge(value, interval),
        value=value if math.isfinite(value) else None,
        interval=interval,
        over=over,
        seeds=_seeds(seeds),
        note=note,
    )
    _show(result)
    return result


def _value(claim: Claim, value: Any) -> float | bool:
    """A measured value as a plain bool, int or float of the kind the claim expects."""
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
