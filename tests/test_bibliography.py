"""Works are listed with all that a reader needs to find them."""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

from _ext.bibliography import Style

ROOT = Path(__file__).parents[1]
LIBRARY = parse_file(str(ROOT / "references.bib"))
# Reports and books of before such addresses, and the thesis itself.
WITHOUT_ADDRESS = {
    "getting1989",
    "rumelhart1985",
    "jordan1986",
    "leko2022",
    "flynn2021b",
    "tsung1994",
}


@pytest.fixture(scope="module")
def listed():
    return list(Style().format_bibliography(LIBRARY))


def test_every_author_has_a_first_name_or_initials():
    people = [p for entry in LIBRARY.entries.values() for p in entry.persons["author"]]
    assert [str(p) for p in people if not p.first_names and str(p) != "others"] == []


def test_every_work_has_an_address():
    wanting = {k for k, e in LIBRARY.entries.items() if not {"doi", "eprint", "url"} & {*e.fields}}
    assert wanting == WITHOUT_ADDRESS


def test_labels_are_names_and_a_year_and_each_is_one_work(listed):
    labels = {entry.key: entry.label for entry in listed}
    assert len(set(labels.values())) == len(labels)
    assert all(re.fullmatch(r"\D+ \d{4}[a-z]?", label) for label in labels.values())
    assert labels["cho2014"] == "Cho et al. 2014"
    assert labels["hochreiter1997"] == "Hochreiter and Schmidhuber 1997"
    assert labels["vanderpol1926"] == "van der Pol 1926"
    assert {labels["flynn2021"], labels["flynn2021b"]} == {f"Flynn et al. 2021{x}" for x in "ab"}


def test_first_names_are_initials_and_addresses_are_links(listed):
    [text] = [entry.text.render_as("html") for entry in listed if entry.key == "flynn2021"]
    assert text.startswith("A.&nbsp;Flynn, V.&nbsp;A. Tsachouridis, and A.&nbsp;Amann.")
    assert 'href="https://doi.org/10.1063/5.0019974"' in text
    assert 'href="https://arxiv.org/abs/2008.06348"' in text
