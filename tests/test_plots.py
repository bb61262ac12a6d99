"""Colours and markers tell attractors apart; tables hold what they are given."""

from itertools import combinations

import pytest

from mflib.book.plots import ATTRACTORS, COLOURS, GREY
from mflib.book.tables import table
from mflib.dynamics import systems

CHAOTIC = ("lorenz", "rossler", "halvorsen", "chua", "thomas", "sprott_b", "chen", "aizawa")


def luminance(colour):
    """Relative luminance of a colour, as in WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_no_two_attractors_look_the_same():
    assert len(set(ATTRACTORS.values())) == len(ATTRACTORS)


@pytest.mark.parametrize("group", [("A", "B"), ("rest", "cycle", "chaos"), CHAOTIC])
def test_attractors_that_meet_differ_in_colour_and_in_marker(group):
    for one, other in combinations([*group, "none", "diverged"], 2):
        assert all(a != b for a, b in zip(ATTRACTORS[one], ATTRACTORS[other], strict=True))


def test_systems_have_the_names_of_the_catalogue():
    assert set(CHAOTIC) <= set(systems.names("flow"))


def test_every_colour_is_seen_on_white():
    for colour in [*COLOURS.values(), GREY]:
        assert 1.05 / (luminance(colour) + 0.05) > 2


def test_table_escapes_and_counts():
    html = table(["a", "b & c"], [["1", "x\ny"]])._repr_html_()
    assert '<th scope="row">1</th><td data-label="b &amp; c">x<br>y</td>' in html
    assert 'class="table cards"' in html
    wrapped = table(["a", "b"], [["1", "x"]], wrap=True)._repr_html_()
    assert 'class="table cards sentences"' in wrapped
    with pytest.raises(ValueError, match="got 1 cells"):
        table(["a", "b"], [["1"]])
