"""Drawings against the tape."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mflib.networks.tape import Tape, sigmoid, square, tanh, total
from mflib.networks.tape_drawing import draw

SVG = "{http://www.w3.org/2000/svg}"


def recurrent(steps, loss=False):
    """An Elman network of one unit, in groups of one step."""
    tape = Tape()
    w, u, v = (tape.variable(name, 0.5) for name in ("W_{xh}", "W_{hh}", "W_{hy}"))
    h, end = tape.variable("h_0", 0.0), 0.0
    for k in range(1, steps + 1):
        x = tape.variable(f"x_{k}", float(k))
        with tape.group(f"t = {k}"):
            h = tanh(x * w + h * u).named(f"h_{k}")
            y = (h * v).named(f"y_{k}")
        end = end + square(y) if loss else end
    if loss:
        end.backward()
    return tape


def overlaps(picture):
    boxes = np.array(list(picture.boxes.values()))
    width, height = (
        np.minimum(boxes[:, None, k + 2], boxes[None, :, k + 2])
        - np.maximum(boxes[:, None, k], boxes[None, :, k])
        for k in (0, 1)
    )
    return np.argwhere(np.triu((width > 1e-6) & (height > 1e-6), 1))


def pieces(picture, kind):
    """What Graphviz drew of a kind: cluster, node or edge."""
    groups = ET.fromstring(picture.svg).iter(f"{SVG}g")
    return [group for group in groups if group.get("class") == kind]


def frame(picture, region):
    """Left, top, right and bottom of a group's region, as of boxes."""
    moved = re.search(r"translate\((\S+) (\S+)\)", picture.svg).groups()
    drawn = re.findall(r"(-?[\d.]+),(-?[\d.]+)", region.find(f"{SVG}path").get("d"))
    points = np.array(drawn, float) + np.array(moved, float)
    return [*points.min(axis=0), *points.max(axis=0)]


def assert_regions_hold_their_own(tape, picture):
    """The region of a group covers the boxes of its nodes and no other."""
    groups = list(dict.fromkeys(node.groups for node in tape.nodes if node.groups))
    regions = pieces(picture, "cluster")
    assert len(regions) == len(groups)
    left, top, right, bottom = np.array([frame(picture, region) for region in regions]).T
    holds = np.array(
        [
            (left < x1) & (right > x0) & (top < y1) & (bottom > y0)
            for x0, y0, x1, y1 in picture.boxes.values()
        ]
    )
    owners = [tape.nodes[k].groups for k in picture.boxes]
    for column in holds.T:
        inside = {k for k, held in zip(picture.boxes, column, strict=True) if held}
        shown = {owner for owner, held in zip(owners, column, strict=True) if held and owner}
        attached = set(picture.boxes) - {n for edge in picture.edges for n in edge}
        assert len(shown) == 1
        assert inside - attached == {
            k for k in set(picture.boxes) - attached if {tape.nodes[k].groups} == shown
        }


def assert_is_drawn(tape, picture):
    """Every node is one box and every operand one edge, or a box at the side of its user."""
    assert set(picture.boxes) == set(range(len(tape.nodes)))
    place = {id(node): k for k, node in enumerate(tape.nodes)}
    expected = [(place[id(o)], k) for k, node in enumerate(tape.nodes) for o in node.operands]
    attached = set(expected) - set(picture.edges)
    assert sorted([*picture.edges, *attached]) == sorted(expected)
    for variable, user in attached:
        left, right = picture.boxes[user], picture.boxes[variable]
        assert not tape.nodes[variable].operands
        assert left[2] == right[0] and (left[1], left[3]) == (right[1], right[3])
    ends = len(tape.nodes) - len({source for source, _ in expected})
    arrowheads = [
        edge for edge in pieces(picture, "edge") if edge.find(f"{SVG}polygon") is not None
    ]
    assert len(arrowheads) == len(picture.edges) + ends
    assert len(overlaps(picture)) == 0
    left, top, right, bottom = np.array(list(picture.boxes.values())).T
    assert left.min() >= 0 and right.max() <= picture.size[0]
    assert top.min() >= 0 and bottom.max() <= picture.size[1]


MADE_FROM_TWO = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: tanh(a),
    lambda a, b: a - 1.0,
)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 14), st.integers(0, 2**20), st.booleans(), st.booleans())
def test_whatever_was_recorded_is_drawn_and_nothing_else(count, seed, values, attach):
    rng = np.random.default_rng(seed)
    tape = Tape()
    nodes = [tape.variable("x", 1.0), tape.variable("w", [0.5, -0.5])]
    for k in range(count):
        a, b = (nodes[n] for n in rng.integers(len(nodes), size=2))
        with tape.group(f"group {k // 4}"):
            nodes.append(MADE_FROM_TWO[k % 4](a, b))
    total(nodes[-1]).backward()
    assert_is_drawn(tape, draw(tape, values=values, attach_weights=attach))


def test_the_unrolled_network_is_drawn():
    tape = recurrent(3, loss=True)
    picture = draw(tape)
    assert_is_drawn(tape, picture)
    assert_regions_hold_their_own(tape, picture)
    assert ET.fromstring(picture.svg).tag.endswith("svg")
    operations = [node.operation for node in tape.nodes if node.operands]
    assert operations.count("matmul") == 0 and operations.count("tanh") == 3


def test_edges_run_downwards():
    picture = draw(recurrent(3))
    for source, target in picture.edges:
        assert picture.boxes[source][3] < picture.boxes[target][1]


def test_a_collapsed_group_is_one_box():
    tape = recurrent(3)
    picture = draw(tape, collapse=["t = 2"])
    inside = {k for k, node in enumerate(tape.nodes) if node.groups == ("t = 2",)}
    assert set(picture.boxes) == (set(range(len(tape.nodes))) - inside) | {("t = 2",)}
    # three weights, the input and the state go in, the new state goes to the next step
    assert sum(target == ("t = 2",) for _, target in picture.edges) == 5
    assert sum(source == ("t = 2",) for source, _ in picture.edges) == 1
    assert len(overlaps(picture)) == 0


def test_what_a_step_hands_to_the_next_is_a_loop():
    tape = recurrent(1)
    named = {node.name: node for node in tape.nodes}
    loops = {named["h_1"]: named["h_0"]}
    picture = draw(tape, loops=loops)
    kinds = sorted(tape.nodes[k].operation for k in picture.boxes)
    assert kinds == ["add", "multiply", "multiply", "multiply", "tanh"] + 4 * ["variable"]
    upwards = [e for e in picture.edges if picture.boxes[e[0]][1] > picture.boxes[e[1]][1]]
    [(source, target)] = upwards
    assert tape.nodes[source].operation == "tanh" and tape.nodes[target].operation == "multiply"
    one = draw(tape, loops=loops, collapse=["t = 1"])
    assert (("t = 1",), ("t = 1",)) in one.edges


def test_the_same_tape_gives_the_same_picture_in_any_style():
    plain = draw(recurrent(2, loss=True)).svg
    with mpl.rc_context({"font.family": "serif", "mathtext.fontset": "cm", "svg.fonttype": "none"}):
        assert draw(recurrent(2, loss=True)).svg == plain


def test_what_cannot_be_drawn_is_named():
    tape = recurrent(2)
    with pytest.raises(ValueError, match=r"collapse: got \{'t = 3'\}, expected some of"):
        draw(tape, collapse=["t = 3"])
    x, *_, y = tape.nodes
    other = Tape().variable("x", 1.0)
    for loops in ({x: y}, {y: other}, {other: x}):
        with pytest.raises(ValueError, match=r"loops: got .* expected nodes of the tape"):
            draw(tape, loops=loops)


def test_a_loop_may_join_two_groups_within_a_step():
    tape = Tape()
    h = tape.variable("h", 1.0)
    with tape.group("a"):
        with tape.group("in"):
            u = tanh(h)
        with tape.group("out"):
            end = sigmoid(u)
    for collapse in ([], ["in", "out"]):
        picture = draw(tape, loops={end: h}, collapse=collapse)
        one, other = picture.boxes
        assert set(picture.edges) == {(one, other), (other, one)}
        assert len(overlaps(picture)) == 0


def test_a_value_may_leave_a_group_and_come_back():
    tape = Tape()
    x = tape.variable("x", 1.0)
    with tape.group("in and out"):
        y = tanh(x)
    z = y + 1.0
    with tape.group("in and out"):
        z * y
    assert_is_drawn(tape, draw(tape))
    box = ("in and out",)
    add = next(k for k, node in enumerate(tape.nodes) if node.operation == "add")
    assert {(box, add), (add, box)} < set(draw(tape, collapse=["in and out"]).edges)


def test_highlighted_values_are_thick():
    tape = recurrent(2)
    states = [node for node in tape.nodes if node.name in ("h_0", "h_1", "h_2")]
    chain = [node for node in tape.nodes if node.operation in ("add", "tanh")]

    def thick(nodes):
        edges = pieces(draw(tape, values=False, highlight=nodes), "edge")
        return sum(edge.find(f"{SVG}path").get("stroke-width") == "2.6" for edge in edges)

    # of the states one leads nowhere without the operations between; two sums each lead to a tanh
    assert (thick([]), thick(states), thick(chain)) == (0, 0, 2)


def test_nothing_is_written_to_the_screen():
    program = """
from mflib.networks.tape import Tape, tanh
from mflib.networks.tape_drawing import draw
tape = Tape()
with tape.group("g"):
    tanh(tape.variable("x_{1}", [0.5, 2.0])).backward([1.0, 1.0])
draw(tape), draw(tape, collapse=["g"])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
