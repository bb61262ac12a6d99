"""What the chapters measured agrees with what `data/claims.toml` expects of them."""

import json

import pytest

from tools import check
from tools.execute import last_good

pytestmark = pytest.mark.book


@pytest.fixture(scope="session")
def results(built):
    items = json.loads((built / "results.json").read_text(encoding="utf-8"))
    return {item["id"]: item for item in items}


@pytest.fixture(scope="session")
def build(built):
    return json.loads((built / "build.json").read_text(encoding="utf-8"))


def test_no_claim_is_missing(project, results):
    assert set(results) == set(project.claims)


def test_every_verdict_is_the_expected_one(project, results, build):
    expected, found = {}, {}
    for id, claim in project.claims.items():
        expected[id] = claim.verdict if build["scale"] in claim.scales else "not attempted"
        found[id] = results[id]["verdict"]
    assert found == expected


def test_every_chapter_ran_well_as_it_stands(project, build):
    """Neither out of date nor in breach of a rule of the book."""
    scale = build["scale"]
    for chapter in project.chapters:
        notebook = last_good(project, chapter, scale)
        assert notebook is not None, f"{chapter.name} was never executed"
        meta = notebook.metadata["mflib"]
        current = project.key(chapter, meta["parameters"])
        assert meta["key"] == current, f"{chapter.name} changed since: run `make book`"
        assert check.executed(project, chapter, notebook, scale) == []
