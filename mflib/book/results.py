"""What the build collected: results, times and versions, for the back matter."""

from __future__ import annotations

import json
from dataclasses import fields
from html import escape
from typing import Any

from mflib.book.claims import project_root
from mflib.book.record import Record
from mflib.book.tables import Html, scrolling_table

_WORDS = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "inconclusive": ("is inconclusive", "are inconclusive"),
    "not attempted": ("was not attempted", "were not attempted"),
}


def results_summary() -> Html:
    """Count the verdicts of the whole book in one line."""
    items = _collected("results.json")
    if items is None:
        return _not_built("results.json")
    counts = {verdict: sum(item["verdict"] == verdict for item in items) for verdict in _WORDS}
    *parts, last = (f"{n} {_WORDS[verdict][n != 1]}" for verdict, n in counts.items())
    text = f"Of {len(items)} claims, {', '.join(parts)} and {last}."
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
    names = [field.name for field in fields(Record)]
    html, text = [], []
    for name in dict.fromkeys(item["chapter"] for item in items):
        chapter = chapters.get(name, {"title": name, "page": ""})
        own = [Record(**{k: item[k] for k in names}) for item in items if item["chapter"] == name]
        rows = [_result_row(result, chapter["page"]) for result in own]
        heads = ["Claim", "Verdict", "Measured", "Criterion"]
        html.append(scrolling_table(chapter["title"], heads, rows))
        text.append(chapter["title"])
        text += [f"  {result.verdict}: {result.id} ({result.criterion})" for result in own]
    return Html("".join(html), "\n".join(text))


def _result_row(result: Record, page: str) -> list[str]:
    attempted = result.verdict != "not attempted"
    statement = escape(result.statement)
    if attempted and page:
        statement = f'<a href="../../{page}.html#{result.anchor}">{statement}</a>'
    source = f'<span class="claim-source">{escape(result.source)}</span>'
    return [
        f"{statement}<br>{source}{result.remarks_html}",
        result.verdict_html,
        escape(result.measured) if attempted else "–",
        escape(result.criterion),
    ]


def build_table() -> Html:
    """Show how long every chapter took when this book was built."""
    build = _collected("build.json")
    if build is None:
        return _not_built("build.json")
    rows, text = [], []
    for entry in build["chapters"]:
        link = f'<a href="../../{entry["page"]}.html">{escape(entry["title"])}</a>'
        time = f"{entry['seconds']:.1f}&nbsp;s"
        rows.append([link, str(entry["cells"]), time, entry["scale"], entry["executed"]])
        text.append(f"{entry['title']}: {entry['cells']} code cells in {entry['seconds']:.1f} s")
    heads = ["Chapter", "Code cells", "Time", "Scale", "Executed (UTC)"]
    return Html(scrolling_table("Execution of every chapter", heads, rows), "\n".join(text))


def versions_table() -> Html:
    """Show what software this book was built with."""
    build = _collected("build.json")
    if build is None:
        return _not_built("build.json")
    versions = {**build["versions"], "platform": build["platform"]}
    rows = [[escape(name), escape(version)] for name, version in versions.items()]
    text = "\n".join(f"{name} {version}" for name, version in versions.items())
    table = scrolling_table("Software behind this build", ["Package", "Version"], rows)
    return Html(table, text)


def _collected(name: str) -> Any:
    path = project_root() / "_build" / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _not_built(name: str) -> Html:
    text = f"Nothing to show yet: `make book` collects _build/{name} from the executed chapters."
    return Html(f"<p>{escape(text)}</p>", text)
