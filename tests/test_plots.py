"""Colours and markers tell attractors apart; tables hold what they are given."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mflib.book.plots import ATTRACTORS, COLOURS, GREY, draw_skeleton
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


@pytest.mark.parametrize("dim", [2, 3])
def test_a_skeleton_is_drawn_by_stability(dim):
    angle = np.linspace(0, 2 * np.pi, 9)[:-1]
    circle = np.column_stack([np.cos(angle), np.sin(angle), np.zeros((8, 1))])[:, :dim]
    _, axes = plt.subplots()
    draw_skeleton(axes, [(circle, 0), (0 * circle[:1], 4), (circle / 2, 1), (circle / 3, 1)])
    colours = [line.get_color() for line in axes.get_lines()]
    assert colours == [GREY, *[COLOURS["vermilion"]] * 2, COLOURS["blue"]]
    assert sorted(len(line.get_xdata()) for line in axes.get_lines()) == [2, 9, 9, 9]
    radius = np.hypot(*axes.get_lines()[-1].get_data())
    np.testing.assert_allclose(radius, 1)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(texts) == ["more", "one unstable direction", "stable"]
    plt.close()
