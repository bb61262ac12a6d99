"""What the build collected: results, times and versions, for the back matter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from mflib.book.claims import VERDICTS, project_root
from mflib.book.record import _remarks_html, _verdict_html, anchor, measured
from mflib.book.tables import Html, _table


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
