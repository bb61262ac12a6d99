"""Pages of the back matter name things that exist."""

import re
from pathlib import Path

import nbformat

from tools.project import Project

ROOT = Path(__file__).parents[1]
PROJECT = Project.open(ROOT)
BACK = {path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("chapters/back/*.md")}
CLAIM = re.compile(r"\{claim\}`(.+?)`")


def chapters_text():
    for chapter in PROJECT.chapters:
        yield "\n".join(c.source for c in chapter.read().cells if c.cell_type == "markdown")


def test_what_is_new_rests_on_claims_and_tells_failures_apart():
    held, failed = BACK["whats_new"].split("## What did not come out")
    verdicts = {id: claim.verdict for id, claim in PROJECT.claims.items()}
    assert {verdicts[id] for id in CLAIM.findall(held)} <= {"holds", "inconclusive"}
    assert {verdicts[id] for id in CLAIM.findall(failed)} == {"fails"}


def test_equations_of_the_notation_are_in_chapters():
    labels = {name for text in chapters_text() for name in re.findall(r"\$\$ \(([\w-]+)\)", text)}
    assert set(re.findall(r"\{eq\}`([^`]+)`", BACK["notation"])) <= labels


def test_terms_are_sorted_and_defined_once():
    terms = re.findall(r"^(?![` ])(.+)\n  ", BACK["glossary"], flags=re.MULTILINE)
    assert len(terms) > 40 and len(set(terms)) == len(terms)
    assert terms == sorted(terms, key=str.lower)
    used = [text for text in (*chapters_text(), *BACK.values())]
    names = re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", "\n".join(used))
    assert set(names) <= set(terms)


def test_the_example_of_a_change_is_no_part_of_the_book():
    page = BACK["how_to_change"]
    [cell] = re.findall(r"```python\n(cube.*?)```", page, flags=re.DOTALL)
    assert 'record("networks.three_inputs"' in cell and "[networks.three_inputs]" in page
    assert "networks.three_inputs" not in PROJECT.claims
    notebook = nbformat.read(PROJECT.chapter("networks").source, as_version=4)
    assert any("from mflib.book.record import record" in c.source for c in notebook.cells)
