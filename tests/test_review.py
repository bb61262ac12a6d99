"""The table of the review: rows have addresses, numbers units, citations sources."""

import json
import math
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mflib.book.tables import Row, filtered_table

ROOT = Path(__file__).parents[1]
LITERATURE = tomllib.loads((ROOT / "data" / "literature.toml").read_text(encoding="utf-8"))
WORKS = LITERATURE["work"]
CHAPTER = (ROOT / "chapters" / "part4_modelling" / "review.ipynb").read_text(encoding="utf-8")
BIBLIOGRAPHY = (ROOT / "references.bib").read_text(encoding="utf-8")

TOLD = ("network", "training", "system", "observed", "noise", "metric", "result")
TEXTS = {"key", "work", "title", "address", *TOLD, "code", "kind", "several", "seen"}
KINDS = {"gradient", "reservoir", "both", "other"}
SELECTED = {"", "state", "index", "index or state", "context"}
SEEN = {"abstract", "text", "repository"}

DOI, ARXIV = r"doi:10\.\d{4,9}/\S+", r"arXiv:\d{4}\.\d{5}"
PAGES = r".*\D\d+(-\d+)?"  # of a journal or a book, where no number of either kind was seen

# What is no number of things: addresses, years of other works, systems named by a number.
NAMED = re.compile(rf"{ARXIV}|Lorenz-\d+|Cottrell \d{{4}}")
NUMBER = r"[−-]?\d[\d,]*(?:\.\d+)?"
UNIT = (
    "times|time units|per unit of time|samples|parameters|units|systems|tasks|points|seeds"
    "|attractors|pairs|metrics|methods|variables|steps|bit|%"
)
# A number, or several in a row, and the unit after at most two words of another kind.
COUNTED = re.compile(
    rf"{NUMBER}(?:(?:,| to| and|, and) {NUMBER})*[ -](?:[\w-]+ ){{0,2}}?(?:{UNIT})(?!\w)"
)


@pytest.fixture(params=WORKS, ids=lambda work: work["key"])
def work(request):
    return request.param


def unitless(text):
    """The numbers of a text that no unit follows."""
    return re.findall(NUMBER, COUNTED.sub("", NAMED.sub("", text)))


def test_units_are_asked_for():
    assert unitless("Between 32 and 105 Lyapunov times, 2,400 times, with 0.1 % of them.") == []
    assert (
        unitless("Exponents of 0.832, −0.001 and −14.06 per unit of time, 131 chaotic systems")
        == []
    )
    assert unitless("Lorenz-96 with 40 variables (arXiv:2605.28145)") == []
    assert unitless("It reaches 13 in earlier work, and 74.91.") == ["13", "74.91"]


def test_there_are_enough_works_from_1989_to_2026_in_order():
    years = [work["year"] for work in WORKS]
    assert len(WORKS) >= 25
    assert years == sorted(years)
    assert (years[0], years[-1]) == (1989, 2026)
    assert len({work["key"] for work in WORKS}) == len(WORKS)


def test_most_works_have_a_number_by_which_they_are_found():
    numbered = [w for w in WORKS if re.fullmatch(f"{DOI}|{ARXIV}", w["address"])]
    assert len(numbered) >= 0.9 * len(WORKS)


def test_a_row_is_whole(work):
    assert set(work) - {"horizon"} == TEXTS | {"year"}
    assert all(isinstance(work[field], str) for field in TEXTS)
    assert work["work"].endswith(f" {work['year']}")
    assert work["key"] == re.sub(r"\W", "", work["key"]) and work["key"].endswith(str(work["year"]))
    assert work["kind"] in KINDS and work["several"] in SELECTED and work["seen"] in SEEN
    assert work["network"] and work["result"].endswith(".")


def test_a_row_has_an_address(work):
    assert re.fullmatch(f"{DOI}|{ARXIV}|{PAGES}", work["address"])
    assert not work["code"] or work["code"].startswith("https://")


def test_every_number_has_a_unit(work):
    for field in TOLD:
        assert unitless(work[field]) == [], field


def test_a_horizon_is_one_that_the_result_states(work):
    for times in work.get("horizon", []):
        assert re.search(rf"(?<![\d.]){re.escape(str(times))}(?![\d.]*\d)", work["result"])
        assert "Lyapunov times" in work["result"]


def test_what_the_chapter_cites_is_in_the_bibliography():
    cited = re.findall(r"\{cite(?::t)?\}`([^`]+)`", CHAPTER)
    keys = {key.strip() for group in cited for key in group.split(",")}
    assert len(keys) > 20
    assert keys <= set(re.findall(r"^@\w+\{([^,]+),", BIBLIOGRAPHY, flags=re.MULTILINE))


def test_links_of_the_chapter_lead_to_rows_named_as_they_are():
    works = {work["key"]: work for work in WORKS}
    links = re.findall(r'<a href=\\"#work-(\w+)\\">([^<]+)</a>', CHAPTER)
    assert links
    for key, words in links:
        names, year = words.rsplit(", ", 1)
        assert year == str(works[key]["year"])
        first = re.split(r",| and ", works[key]["work"].removesuffix(f" {year}"))[0]
        assert f"{names} {year}" == works[key]["work"] or names == f"{first} and others"


def test_a_work_in_the_bibliography_has_its_address_there(work):
    found = re.search(
        rf"^@\w+\{{{work['key']},.*?^\}}", BIBLIOGRAPHY, flags=re.MULTILINE | re.DOTALL
    )
    if found and re.fullmatch(f"{DOI}|{ARXIV}", work["address"]):
        assert work["address"].partition(":")[2].lower() in found[0].lower()


def test_works_on_several_attractors_are_whole_too():
    assert len(LITERATURE["several"]) >= 16
    for work in LITERATURE["several"]:
        assert set(work) == {"work", "address", "shown", "question"} and all(work.values())


@pytest.mark.book
def test_figures_of_this_book_are_those_that_it_measured(built):
    results = json.loads((built / "results.json").read_text(encoding="utf-8"))
    measured = {result["id"]: result.get("value") for result in results}
    for here in LITERATURE["here"]:
        product = math.prod(measured[claim] for claim in here["claims"])
        assert here["horizon"] == pytest.approx(product, rel=0.1)


class Seen(HTMLParser):
    """What a browser without scripts, and without styles, shows of a table."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.hidden = 0, set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if "hidden" in dict(attrs):
            self.hidden.add(tag)
        self.rows += tag == "tr"


def test_without_a_script_all_rows_show_and_no_choice():
    rows = [
        Row(["<b>A</b>", "1 & 2"], ["x", "one"], id="work-a"),
        Row(["B", "2"], ["y", "one"]),
        Row(["C", "3"], ["x", "two"]),
    ]
    choices = {"kind": {"x": "ex", "y": "why"}, "size": {"one": "1", "two": "2"}}
    shown = filtered_table(["n & m", "o"], rows, choices, "things")
    html = shown._repr_html_()
    seen = Seen(html)
    assert seen.rows == len(rows) + 1
    assert seen.hidden == {"form"}
    assert '<tr id="work-a" data-groups="x|one"><th scope="row"><b>A</b></th>' in html
    assert '<option value="">all (3)</option><option value="x">ex (2)</option>' in html
    assert '<option value="one">1 (2)</option>' in html
    assert "ex (2)" not in repr(shown)


def test_a_group_that_nobody_can_choose_is_refused():
    with pytest.raises(ValueError, match=r"rows: got groups \['z'\], expected some of \['x'\]"):
        filtered_table(["a", "b"], [Row(["A", "1"], ["z"])], {"kind": {"x": "ex"}}, "things")
    with pytest.raises(ValueError, match="got 1 cells"):
        filtered_table(["a", "b"], [Row(["A"], ["x"])], {"kind": {"x": "ex"}}, "things")
