"""What the build collected: results, times and versions, for the back matter."""

import json
from dataclasses import fields
from html import escape
from typing import Any

from mflib.book.claims import format_seconds, load_claims, project_root
from mflib.book.record import Record, count_verdicts
from mflib.book.tables import Html, scrolling_table

_NOT_BUILT = Html("<p>Nothing to show yet: `make book` collects it from the executed chapters.</p>")


def results_summary() -> Html:
    """Count the verdicts of the whole book in one line."""
    if (items := _collected("results.json")) is None:
        return _NOT_BUILT
    counts = count_verdicts(item["verdict"] for item in items)
    return Html(f'<p class="claims-count">Of {len(items)} claims, {counts}.</p>')


def results() -> list[tuple[Record, dict[str, Any]]]:
    """Every claim with what was measured, in reading order; none if nothing was built.

    Beside each record is what the build knows of its chapter: `title`, `part`, and `page`.
    """
    claims = load_claims()
    _, *names = (field.name for field in fields(Record))  # the claim comes from its file
    items = _collected("results.json") or []
    return [(Record(claims[item["id"]], **{k: item[k] for k in names}), item) for item in items]


def build_table() -> Html:
    """Show how long every chapter took when this book was built."""
    if (build := _collected("build.json")) is None:
        return _NOT_BUILT
    rows = []
    for entry in build["chapters"]:
        link = f'<a href="../../{entry["page"]}.html">{escape(entry["title"])}</a>'
        time = f"{entry['seconds']:.1f}&nbsp;s"
        rows.append([link, str(entry["cells"]), time, entry["scale"], entry["executed"]])
    columns = ["Chapter", "Code cells", "Time", "Scale", "Executed (UTC)"]
    return scrolling_table("Execution of every chapter", columns, rows)


def versions_table() -> Html:
    """Show what software this book was built with."""
    if (build := _collected("build.json")) is None:
        return _NOT_BUILT
    versions = {**build["versions"], "platform": build["platform"]}
    rows = [[escape(name), escape(version)] for name, version in versions.items()]
    return scrolling_table("Software behind this build", ["Package", "Version"], rows)


def benchmarks() -> dict[str, Any]:
    """What ``make bench`` last recorded: how it was ``made``, and a list of ``results``."""
    text = (project_root() / "data" / "benchmarks.json").read_text(encoding="utf-8")
    return json.loads(text)


def benchmarks_table(caption: str, *kinds: str) -> Html:
    """Show the measurements whose names begin with one of some words, slower ones marked.

    Args:
        caption: Of the table.
        kinds: Such as ``"free run"`` or ``"training"``.
    """
    rows = []
    for one in benchmarks()["results"]:
        if one["name"].startswith(kinds):
            low, ratio, high = (one[key] for key in ("ratio_low", "ratio", "ratio_high"))
            word = "faster" if low > 1 else "slower" if high < 1 else "about equal"
            both = (format_seconds(one[key]) for key in ("ours", "peer_value"))
            times = (f"{time.replace(' ', '&nbsp;')} a {one['unit']}" for time in both)
            spread = f"{_three(ratio)} ({_three(low)} to {_three(high)})"
            rows.append([escape(one["name"]), escape(one["peer"]), *times, spread, word])
    columns = ["What", "Beside", "mflib", "The other", "Ratio (least, largest)", "mflib is"]
    return scrolling_table(caption, columns, rows)


def _three(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{float(f'{value:.3g}'):,.10g}"


def _collected(name: str) -> Any:
    path = project_root() / "_build" / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
