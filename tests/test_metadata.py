"""What describes the book to machines says the same everywhere."""

import json
import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CODEMETA = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOW_TO_CITE = (ROOT / "chapters" / "back" / "how_to_cite.md").read_text(encoding="utf-8")


def test_codemeta_is_the_citation_file_and_the_package():
    assert CODEMETA["name"] == CITATION["title"]
    assert CODEMETA["version"] == str(CITATION["version"]) == PROJECT["version"]
    assert CODEMETA["dateModified"] == str(CITATION["date-released"])
    assert CODEMETA["license"] == f"https://spdx.org/licenses/{CITATION['license']}"
    assert [x["name"] for x in CODEMETA["author"]] == [x["name"] for x in CITATION["authors"]]
    assert CODEMETA["keywords"] == CITATION["keywords"]
    assert CODEMETA["identifier"] == PROJECT["name"]
    assert CODEMETA["description"] == PROJECT["description"]
    assert CODEMETA["runtimePlatform"] == f"Python {PROJECT['requires-python']}"


def test_the_thesis_is_cited_alike():
    [thesis], publication = CITATION["references"], CODEMETA["referencePublication"]
    [author], [person] = thesis["authors"], publication["author"]
    assert publication["name"] == thesis["title"]
    assert person["familyName"] == author["family-names"]
    assert person["givenName"] == author["given-names"]
    assert publication["sourceOrganization"]["name"] == thesis["institution"]["name"]
    assert publication["datePublished"] == str(thesis["year"])


def test_the_page_says_what_the_citation_file_says():
    [thesis] = CITATION["references"]
    words = " ".join(re.sub(r"[{}]", "", HOW_TO_CITE).split())
    for said in (CITATION["title"], CITATION["version"], thesis["title"], thesis["year"]):
        assert str(said) in words
    assert str(CITATION["date-released"])[:4] in words
