"""What a chapter measured, set against what the book claims.

`data/claims.toml` states every claim with its source and criterion. A chapter calls
`record(id, value)`; the verdict is computed here, shown as a finding or a check, and travels
inside the executed notebook as output metadata, so that the executed notebook is the
only place where a result is kept. The build collects these records into
`_build/results.json`, which :mod:`mflib.book.results` shows to the reader.
"""

import difflib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from IPython import get_ipython
from IPython.display import publish_display_data

from mflib import checks
from mflib.book.claims import Claim, format_number, load_claims, with_unit
from mflib.book.tables import Html
from mflib.dynamics.estimates import Estimate

METADATA_KEY = "mflib.record"
_SYMBOLS = {"holds": "✓", "fails": "✗", "inconclusive": "?", "not attempted": "–"}
_COUNTED = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "inconclusive": ("is inconclusive", "are inconclusive"),
    "not attempted": ("was not attempted", "were not attempted"),
}
_LEADS = {  # before the reason: if the verdict is another than expected, and if it is that
    "fails": ("Expected to fail", "Fails as stated"),
    "inconclusive": ("Expected to be inconclusive", "Inconclusive"),
}


@dataclass(frozen=True)
class Record:
    """A measured value beside its claim; what `record` returns.

    `value` is None where the measurement was not finite, so that a record is valid JSON. What the
    95 % `interval` runs over, seeds or cues say, is in `over`.
    """

    claim: Claim
    verdict: str
    value: float | bool | None = None
    interval: tuple[float, float] | None = None
    over: str | None = None
    seeds: int | None = None
    note: str | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """What the notebook keeps of the claim, its criterion in words, and the measurement."""
        keys = ("id", "statement", "source", "unit", "reason")
        stated = {key: getattr(self.claim, key) for key in keys}
        measured = {key: value for key, value in vars(self).items() if key != "claim"}
        return stated | {"criterion": self.claim.words} | measured

    @property
    def measured(self) -> str:
        """The value with its unit, its interval and what that runs over, and the seeds."""
        text = with_unit(format_number(self.value, self.claim.digits), self.claim.unit)
        if self.interval:
            low, high = (format_number(end, digits=3) for end in self.interval)
            text += f" (95 % interval over {self.over}: {low} to {high})"
        if self.seeds:
            text += f", {self.seeds} seed{'s' if self.seeds > 1 else ''}"
        return text

    @property
    def finding(self) -> str:
        """The claim's sentence with what was measured in it; without one, its statement."""
        claim, value = self.claim, self.value
        if claim.finding is None or value is None:
            return claim.statement
        digits = claim.digits if claim.tolerance else 3

        def shown(x: float | bool) -> str:
            x = float(f"{x:.{digits}g}") if isinstance(x, float) else x
            return format_number(x, max(digits, 4))

        low, high = self.interval or (value, value)
        share = min(round(100 * value, 1), 100 if value >= 1 else 99.9)
        names = {"value": with_unit(shown(value), claim.unit), "percent": f"{share:g} %"}
        names |= {"low": shown(low), "high": shown(high), "not": "" if value else " not"}
        count = f"{round(value * (self.seeds or 1))} of {self.seeds}"
        names |= {"count": count, "seeds": str(self.seeds)}
        return claim.finding.format(**names)

    @property
    def anchor(self) -> str:
        """The HTML id of the claim in its chapter."""
        return "claim-" + self.claim.id.replace(".", "-").replace("_", "-")

    @property
    def verdict_html(self) -> str:
        """The verdict as a badge."""
        name, symbol = self.verdict.replace(" ", "-"), _SYMBOLS[self.verdict]
        return f'<span class="verdict verdict-{name}">{symbol} {self.verdict}</span>'

    @property
    def remarks_html(self) -> str:
        """What the verdict alone does not say, notes and why a claim does not hold."""
        remarks = [self.note] if self.note else []
        if reason := self.claim.reason:
            expected = self.claim.verdict
            remarks.append(f"{_LEADS[expected][self.verdict == expected]}: {reason}")
        return "".join(f'<p class="claim-note">{escape(line)}</p>' for line in remarks)

    @property
    def card(self) -> Html:
        """What a reader of the chapter sees: a finding, or a check, which the book folds away."""
        claim, finding = self.claim, self.claim.finding
        details = (
            f'<p class="claim-result">measured <strong>{escape(self.measured)}</strong>; '
            f"criterion: {escape(claim.words)}</p>{self.remarks_html}"
            f'<p class="claim-source">{escape(claim.source)} · <code>{escape(claim.id)}</code></p>'
        )
        attributes = f'claim-{self.verdict}" id="{self.anchor}"'
        statement = f'<p class="claim-statement">{escape(claim.statement)}</p>'
        if finding is None:
            line = f"<p>{self.verdict_html} {escape(claim.statement)}</p>"
            return Html(f'<div class="claim check {attributes}>{line}{details}</div>')
        summary = f"<summary>{escape(self.finding)} {self.verdict_html}</summary>"
        inside = f"{summary}{statement}{details}"
        return Html(f'<details class="claim finding {attributes}>{inside}</details>')

    def _ipython_display_(self) -> None:
        """Stay silent as the last line of a cell: `record` has already shown it."""


def count_verdicts(verdicts: Iterable[str]) -> str:
    """How many there are of each verdict, in words: ``12 hold, 1 fails``."""
    counts = Counter(verdicts)
    there = (v for v in _COUNTED if v in counts)
    return ", ".join(f"{counts[v]} {_COUNTED[v][counts[v] > 1]}" for v in there)


def record(
    id: str,
    value: Any,
    *,
    interval: npt.ArrayLike | None = None,
    over: str | None = None,
    seeds: int | None = None,
    note: str | None = None,
) -> Record:
    """Set a measured value against its claim, and show the verdict.

    Args:
        id: The claim, ``chapter.quantity`` as in `data/claims.toml`.
        value (bool, number or Estimate): What was measured; NumPy scalars are welcome. A value that
            is not finite fails. A :class:`~mflib.dynamics.estimates.Estimate` brings its interval,
            what that runs over, and the seeds.
        interval: The 95 % interval ``(low, high)``. Where it reaches across the criterion the
            verdict is ``"inconclusive"``.
        over: What the interval runs over: ``"seeds"``, ``"cues"``, ``"starts"``.
        seeds: The number of independently trained networks, or repetitions, behind the value.
        note: One plain sentence that the reader needs beside the value.

    Returns:
        Record: Also shown when called in a notebook.

    Raises:
        ValueError: If there is no such claim, or an argument is not of the kind it expects.
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
    plain, truth = np.asarray(value), claim.criterion == "is"
    if plain.shape != () or plain.dtype.kind not in ("b" if truth else "fiu"):
        expected = "True or False" if truth else "one real number"
        raise ValueError(f"value: {id} expects {expected}, got {value!r}")
    ends = None if interval is None else _ends(interval)
    if (ends is None) != (over is None):
        raise ValueError(f"over: got {over!r} for {id} beside interval {ends}, expected both")
    number = plain.item()
    kept = number if math.isfinite(number) else None
    seeds = None if seeds is None else checks.count("seeds", seeds)
    result = Record(claim, claim.judge(number, ends), kept, ends, over, seeds, note)
    if get_ipython() is not None:
        data = {"text/html": result.card.html, "text/plain": repr(result.card)}
        publish_display_data(data, metadata={METADATA_KEY: result.entry})
    return result


def _ends(interval: npt.ArrayLike) -> tuple[float, float]:
    low, high = checks.reals("interval", interval, (2,)).tolist()
    if low > high:
        raise ValueError(f"interval: got {(low, high)}, expected low <= high")
    return low, high
