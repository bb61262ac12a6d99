"""Checks are folded at the end of their section; findings, figures and shown code stay."""

import importlib.util
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document

from mflib.book.claims import Claim
from mflib.book.record import Record

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def fold():
    """The extension, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("fold_claims", ROOT / "_ext/fold_claims.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def output(html):
    """An output as myst-nb makes it."""
    shown = nodes.container("", nodes.raw("", html, format="html"), mime_type="text/html")
    return nodes.container("", shown, nb_element="mime_bundle")


def card(id, verdict="holds", finding=None):
    claim = Claim(f"demo.{id}", "It works.", "this book", "result", "is", True, finding=finding)
    return output(Record(claim, verdict, verdict == "holds").card.html)


def cell(*outputs, hidden=True):
    source = nodes.container("", nodes.literal_block("", "code"), nb_element="cell_code_source")
    shown = nodes.container("", *outputs, nb_element="cell_code_output")
    made = nodes.container("", source, shown, nb_element="cell_code")
    if hidden:
        made["hide_mode"] = "input"
    return made


def section(title, *content):
    return nodes.section("", nodes.title("", title), *content, ids=[title])


def page(fold, *content):
    """A page of one section, folded."""
    document = new_document("page")
    document += section("page", *content)
    fold.FoldClaims(document).apply()
    return document[0]


def texts(node):
    return [raw.astext() for raw in node.findall(nodes.raw)]


def kinds(node):
    """Code, findings, checks, figures, and the ends of folds, in order."""
    found = []
    for one in node.findall(lambda n: isinstance(n, (nodes.raw, nodes.literal_block))):
        text = one.astext()
        words = ("<summary>Checks", "claim check", "claim finding", "</details>", "code")
        found.append(next((word for word in words if word in text), text))
    return found


def test_checks_go_to_the_end_of_their_section_with_their_hidden_code(fold):
    first = section("first", cell(card("a")), nodes.paragraph("", "text"))
    first += section("below", cell(card("b", "fails")), nodes.paragraph("", "more"))
    folded = page(fold, first, section("second", nodes.paragraph("", "none")))
    one, two = folded.findall(
        lambda n: isinstance(n, nodes.section) and n["ids"][0] in "first second"
    )
    expected = ["<summary>Checks", "code", "claim check", "code", "claim check", "</details>"]
    assert kinds(one) == kinds(one[-1]) == expected
    assert texts(one)[0] == '<details class="checks"><summary>Checks (1 holds, 1 fails)</summary>'
    assert kinds(two) == []


def test_what_a_reader_is_shown_stays(fold):
    finding = card("a", finding="It does{not} work.")
    shown = [
        cell(card("b"), hidden=False),
        cell(finding, card("c")),
        cell(card("d"), output("figure")),
    ]
    folded = page(fold, section("first", *shown))
    checks = ["<summary>Checks", *["claim check"] * 3, "</details>"]
    assert kinds(folded) == ["code", "code", "claim finding", "code", "figure", *checks]
    assert len(folded[1][1]) == 1, "no empty output is left below the code"


def test_checks_before_the_first_heading_stay_before_it(fold):
    folded = page(fold, cell(card("a")), section("first"))
    assert kinds(folded) == ["<summary>Checks", "code", "claim check", "</details>"]
    assert isinstance(folded[-1], nodes.section)


def test_a_page_without_checks_is_left_alone(fold):
    assert kinds(page(fold, cell(card("a", finding="It does{not} work.")))) == [
        "code",
        "claim finding",
    ]
