"""What a chapter measured, set against what the book claims.

`data/claims.toml` states every claim with its source and criterion. A chapter calls
`record(id, value)`; the verdict is computed here, shown as a small card, and travels
inside the executed notebook as output metadata, so that the executed notebook is the
only place where a result is kept. The build collects these records into
`_build/results.json`, which the tables at the end of this module show to the reader.
"""

from __future__ import annotations

import difflib
import json
import math
import numbers
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

METADATA_KEY = "mflib.record"
SCALES = ("quick", "full")
VERDICTS = ("holds", "fails", "not attempted")
_SYMBOLS = {"holds": "✓", "fails": "✗", "not attempted": "–"}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CRITERIA = ("at_least", "at_most", "between", "value", "is")
_KEYS = {"statement", "source", "unit", "scales", "verdict", "reason", "abs", "rel", *_CRITERIA}


def project_root() -> Path:
    """Return the folder that holds `data/claims.toml`.

    A chapter runs in its own folder, so the folders above the working directory are
    tried first; the checkout that this file belongs to is the fallback.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "data" / "claims.toml").is_file():
            return folder
    return Path(__file__).resolve().parents[1]


# --- claims ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """One entry of `data/claims.toml`; the file's header explains the fields."""

    id: str
    statement: str
    source: str
    criterion: str
    bound: Any
    tolerance: tuple[str, float] | None = None
    unit: str | None = None
    scales: tuple[str, ...] = SCALES
    verdict: str = "holds"
    reason: str | None = None

    @property
    def chapter(self) -> str:
        """The file name (without suffix) of the chapter that measures this claim."""
        return self.id.split(".")[0]

    @property
    def digits(self) -> int:
        """Digits that show how a value stands to the tolerance; four where there is none."""
        if self.tolerance is None or self.bound == 0:
            return 4
        kind, width = self.tolerance
        relative = width if kind == "rel" else width / abs(self.bound)
        return max(4, math.ceil(-math.log10(relative)) + 1) if relative > 0 else 4

    @property
    def words(self) -> str:
        """The criterion as a reader would say it, for example ``at least 0.95``."""
        if self.criterion == "is":
            return "true" if self.bound else "false"
        if self.criterion == "between":
            low, high = map(format_number, self.bound)
            return _with_unit(f"between {low} and {high}", self.unit)
        bound = _with_unit(format_number(self.bound, self.digits), self.unit)
        if self.tolerance is None:
            return f"{self.criterion.replace('_', ' ')} {bound}"
        kind, width = self.tolerance
        if kind == "rel":
            return f"{bound}, within {format_number(100 * width)} %"
        return f"{bound}, within {_with_unit(format_number(width), self.unit)}"

    def holds(self, value: float | bool) -> bool:
        """Tell whether a measured value meets the criterion; a non-finite one never does."""
        if self.criterion == "is":
            return value is self.bound
        if not math.isfinite(value):
            return False
        if self.criterion == "at_least":
            return value >= self.bound
        if self.criterion == "at_most":
            return value <= self.bound
        if self.criterion == "between":
            return self.bound[0] <= value <= self.bound[1]
        kind, width = self.tolerance
        return abs(value - self.bound) <= (width * abs(self.bound) if kind == "rel" else width)


def load_claims(path: str | Path | None = None) -> dict[str, Claim]:
    """Read and validate the claims file.

    Parameters
    ----------
    path : path, optional
        The file to read; the project's `data/claims.toml` by default.

    Returns
    -------
    dict of str to Claim
        The claims in the order of the file, keyed by ``chapter.quantity``.
    """
    path = project_root() / "data" / "claims.toml" if path is None else Path(path)
    try:
        chapters = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}") from error
    claims = {}
    for chapter, quantities in chapters.items():
        if not isinstance(quantities, dict):
            raise ValueError(f"{path.name}: '{chapter}' is not a table [chapter.quantity]")
        for quantity, entry in quantities.items():
            claim_id = f"{chapter}.{quantity}"
            try:
                claims[claim_id] = _claim(claim_id, entry)
            except ValueError as error:
                raise ValueError(f"{path.name}, [{claim_id}]: {error}") from error
    return claims


def _claim(claim_id: str, entry: Any) -> Claim:
    """Validate one table of the claims file."""
    if not isinstance(entry, dict):
        raise ValueError(f"expected a table, got {entry!r}")
    if unknown := set(entry) - _KEYS:
        raise ValueError(f"unknown key {sorted(unknown)}; expected some of {sorted(_KEYS)}")
    for key in ("statement", "source"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ValueError(f"'{key}' must be a non-empty text, got {entry.get(key)!r}")
    present = [key for key in _CRITERIA if key in entry]
    if len(present) != 1:
        raise ValueError(f"expected exactly one criterion out of {_CRITERIA}, got {present}")
    criterion = present[0]
    bound = _bound(criterion, entry[criterion])
    tolerances = [(key, entry[key]) for key in ("abs", "rel") if key in entry]
    if len(tolerances) != (criterion == "value"):
        raise ValueError("'value' needs one tolerance, 'abs' or 'rel'; other criteria take none")
    if tolerances and not (_is_finite(tolerances[0][1]) and tolerances[0][1] >= 0):
        raise ValueError(f"'{tolerances[0][0]}' must be a number >= 0, got {tolerances[0][1]!r}")
    scales = entry.get("scales", list(SCALES))
    if not isinstance(scales, list) or not scales or set(scales) - set(SCALES):
        raise ValueError(f"'scales' must be a list out of {list(SCALES)}, got {scales!r}")
    verdict, reason = entry.get("verdict", "holds"), entry.get("reason")
    if verdict not in ("holds", "fails"):
        raise ValueError(f"'verdict' must be 'holds' or 'fails', got {verdict!r}")
    if (verdict == "fails") != (isinstance(reason, str) and bool(reason.strip())):
        raise ValueError("'reason' must say why a claim fails, and stands only with 'fails'")
    unit = entry.get("unit")
    if unit is not None and not isinstance(unit, str):
        raise ValueError(f"'unit' must be a text, got {unit!r}")
    return Claim(
        id=claim_id,
        statement=entry["statement"].strip(),
        source=entry["source"].strip(),
        criterion=criterion,
        bound=bound,
        tolerance=tolerances[0] if tolerances else None,
        unit=unit,
        scales=tuple(scales),
        verdict=verdict,
        reason=reason,
    )


def _bound(criterion: str, bound: Any) -> Any:
    """Validate the value of a criterion key."""
    if criterion == "is":
        if not isinstance(bound, bool):
            raise ValueError(f"'is' must be true or false, got {bound!r}")
    elif criterion == "between":
        if not (isinstance(bound, list) and len(bound) == 2 and all(map(_is_finite, bound))):
            raise ValueError(f"'between' must be [low, high], got {bound!r}")
        if bound[0] > bound[1]:
            raise ValueError(f"'between' must have low <= high, got {bound!r}")
        return tuple(bound)
    elif not _is_finite(bound):
        raise ValueError(f"'{criterion}' must be a finite number, got {bound!r}")
    return bound


def _is_finite(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


# --- records --------------------------------------------------------------------------


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


# --- words and numbers ----------------------------------------------------------------


def format_number(value: float | bool | None, digits: int = 4) -> str:
    """Write a number with the digits a reader needs, or all digits of an integer."""
    if value is None:
        return "not finite"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    if 1e4 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


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


def _with_unit(text: str, unit: str | None) -> str:
    return f"{text} {unit}" if unit else text


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


# --- what the build collected ---------------------------------------------------------


@dataclass(frozen=True)
class Html:
    """A piece of a page: HTML where it can be shown, plain text where it cannot."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def results_summary() -> Html:
    """Count the verdicts of the whole book in one line."""
    items = _collected("results.json")
    if items is None:
        return _not_built("results.json")
    counts = {verdict: sum(item["verdict"] == verdict for item in items) for verdict in VERDICTS}
    parts = [f"{counts['holds']} hold", f"{counts['fails']} fail"]
    missing = counts["not attempted"]
    parts.append(f"{missing} {'was' if missing == 1 else 'were'} not attempted")
    text = f"Of {len(items)} claims, {parts[0]}, {parts[1]} and {parts[2]}."
    return Html(f'<p class="claims-count">{text}</p>', text)


def results_tables() -> Html:
    """Show every claim of the book with what was measured, one table per chapter.

    The links assume that the calling page lies two folders deep, as those of
    `chapters/back` do.
    """
    items, build = _collected("results.json"), _collected("build.json")
    if items is None or build is None:
        return _not_built("results.json")
    chapters = {entry["name"]: entry for entry in build["chapters"]}
    html, text = [], []
    for name in dict.fromkeys(item["chapter"] for item in items):
        own = [item for item in items if item["chapter"] == name]
        chapter = chapters.get(name)
        title = chapter["title"] if chapter else name
        rows = [
            _result_row(item, f"../../{chapter['page']}.html" if chapter else "") for item in own
        ]
        html.append(_table(title, ["Claim", "Verdict", "Measured", "Criterion"], rows))
        text += [
            title,
            *(f"  {item['verdict']}: {item['id']} ({item['criterion']})" for item in own),
        ]
    return Html("".join(html), "\n".join(text))


def _result_row(item: Mapping[str, Any], page: str) -> list[str]:
    attempted = item["verdict"] != "not attempted"
    statement = escape(item["statement"])
    if attempted and page:
        statement = f'<a href="{page}#{anchor(item["id"])}">{statement}</a>'
    return [
        f'{statement}<br><span class="claim-source">{escape(item["source"])}</span>'
        + _remarks_html(item),
        _verdict_html(item["verdict"]),
        escape(measured(item)) if attempted else "–",
        escape(item["criterion"]),
    ]


def build_table() -> Html:
    """Show how long every chapter took when this book was built."""
    build = _collected("build.json")
    if build is None:
        return _not_built("build.json")
    rows, text = [], []
    for entry in build["chapters"]:
        seconds = f"{entry['seconds']:.1f} s"
        link = f'<a href="../../{entry["page"]}.html">{escape(entry["title"])}</a>'
        time = seconds.replace(" ", "&nbsp;")
        rows.append([link, str(entry["cells"]), time, entry["scale"], entry["executed"]])
        text.append(f"{entry['title']}: {entry['cells']} code cells in {seconds}")
    heads = ["Chapter", "Code cells", "Time", "Scale", "Executed (UTC)"]
    return Html(_table("Execution of every chapter", heads, rows), "\n".join(text))


def versions_table() -> Html:
    """Show what software this book was built with."""
    build = _collected("build.json")
    if build is None:
        return _not_built("build.json")
    versions = {**build["versions"], "platform": build["platform"]}
    rows = [[escape(name), escape(version)] for name, version in versions.items()]
    text = "\n".join(f"{name} {version}" for name, version in versions.items())
    return Html(_table("Software behind this build", ["Package", "Version"], rows), text)


def _collected(name: str) -> Any:
    path = project_root() / "_build" / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _not_built(name: str) -> Html:
    text = f"Nothing to show yet: `make book` collects _build/{name} from the executed chapters."
    return Html(f"<p>{escape(text)}</p>", text)


def _table(caption: str, heads: list[str], rows: list[list[str]]) -> str:
    """Write an HTML table that scrolls inside its own box on a narrow screen."""
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    label = escape(caption, quote=True)
    return (
        f'<div class="table-scroll" role="region" aria-label="{label}" tabindex="0">'
        f'<table class="table"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
