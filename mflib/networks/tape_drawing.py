"""Pictures of computational graphs: what a tape has recorded, and nothing else.

Graphviz' ``dot`` finds the places; letters, boxes and lines are painted here, so that a picture
looks the same on every machine.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from pygraphviz import AGraph

from mflib.networks.tape import Node, Tape

FORWARD, BACKWARD, HIGHLIGHT, LOOP = "#0072B2", "#D55E00", "#009E73", "#AA3377"
INK, LINE, EDGE, PALE = "#333333", "#8A8A8A", "#9A9A9A", "#F1F1F1"
TINTS = ("#DFF2EB", "#F9EAF3", "#FCF7D9", "#E8E8FA", "#EEEEEE")
OPERATIONS = "add subtract multiply matmul tanh sigmoid square total slice"
SYMBOLS = dict(zip(OPERATIONS.split(), r"+|−|$\odot$|@|tanh|σ|( )²|Σ|[ ]".split("|"), strict=True))
FONT = FontProperties(family="DejaVu Sans", math_fontfamily="stix")
# lengths in points; a picture 285 points wide fills a telephone of 390 pixels
LETTERS, SMALL, HEIGHT, PAD, MARGIN, SHOWN = 9.5, 7.5, 17, 5, 4, 1.2


@dataclass(frozen=True, repr=False)
class Drawing:
    """A drawn graph, shown in a notebook as SVG.

    Attributes
    ----------
    svg : str
    size : tuple of float
        Width and height in points.
    boxes : dict
        Left, top, right and bottom of each operation, variable and collapsed group, in points,
        by the node's place on the tape or the group's names.
    edges : tuple of tuple
        Pairs of keys of ``boxes``, one for each value that is handed on.
    """

    svg: str
    size: tuple[float, float]
    boxes: dict[Any, tuple[float, float, float, float]]
    edges: tuple[tuple[Any, Any], ...]

    def __repr__(self) -> str:
        return f"Drawing({len(self.boxes)} boxes, {len(self.edges)} edges)"

    def _repr_svg_(self) -> str:
        return self.svg


def draw(
    tape: Tape,
    *,
    values: bool = True,
    attach_weights: bool = True,
    collapse: Iterable[str] = (),
    fold: Mapping[str, Sequence[str]] | None = None,
    highlight: Iterable[Node] = (),
) -> Drawing:
    """Draw what a tape has recorded, from top to bottom.

    Boxes are operations, pale boxes variables, coloured regions groups. The two numbers on an
    edge are the value that went down it (blue) and the share of the adjoint that came back up
    (orange, once there has been a reverse sweep). Adjoint shares add up where an edge forks. Of
    arrays with more than three elements the shape stands there instead. A folded drawing has no
    numbers, because they differ from step to step.

    Parameters
    ----------
    tape : Tape
    values : bool
        Whether to print the numbers.
    attach_weights : bool
        Whether a variable that is used once, as the right-hand operand of an operation, is drawn
        at the side of this operation.
    collapse : iterable of str
        Groups to draw as one box each.
    fold : mapping of str to sequence of str, optional
        ``{"each step": ["step 1", "step 2", "step 3"]}`` draws three groups, in which the same
        operations must have run, as one. What a group hands to the next becomes a loop.
    highlight : iterable of Node
        Nodes whose connections are drawn thick.

    Raises
    ------
    ValueError
        If a group named in ``collapse`` or ``fold`` is not on the tape, or if groups to be folded
        differ.
    """
    graph = _Graph(tape, attach_weights, set(collapse), dict(fold or {}))
    painter = _Painter(graph, values and not fold, {graph.place[node] for node in highlight})
    edges = tuple((edge.source, edge.target) for edge in graph.edges)
    return Drawing(painter.svg(), tuple(painter.size.tolist()), painter.boxes, edges)


class _Edge(NamedTuple):
    """A value on its way from one box to another."""

    value: int  # the place on the tape of the node whose value it is
    source: Any
    target: Any
    loop: bool
    shares: list[np.ndarray]


class _Graph:
    """What a picture shows of a tape."""

    def __init__(self, tape: Tape, attach_weights: bool, collapse: set[str], fold: dict):
        known = {name for node in tape.nodes for name in node.groups}
        for name in [*collapse, *(step for steps in fold.values() for step in steps)]:
            if name not in known | set(fold):
                raise ValueError(f"group: got {name!r}, expected one of {sorted(known)}")
        self.nodes, self.collapse = tape.nodes, collapse
        nodes = tape.nodes
        self.place = place = {node: k for k, node in enumerate(nodes)}
        self.stands, self.titles, loops = _folded(nodes, fold)
        # value, user, as which operand, a step later? -> shares
        uses: dict[tuple, list] = defaultdict(list)
        for node, model in self.stands.items():
            user = self.box(place[model])
            for k, operand in enumerate(node.operands):
                if operand in self.stands:
                    which = None if isinstance(user, tuple) else k
                    use = place[self.stands[operand]], user, which, (node, k) in loops
                    uses[use] += node.shares[k : k + 1]
        count = Counter(use[0] for use in uses)
        single = {k for k in count if count[k] == 1 and not nodes[k].operands and attach_weights}
        self.attached = {user: k for k, user, which, _ in uses if which == 1 and k in single}
        shown = {place[model] for model in self.stands.values()} - set(self.attached.values())
        self.boxes = list(dict.fromkeys(self.box(k) for k in sorted(shown)))
        self.ends = [k for k in sorted(shown) if not count[k]]
        edges = [_Edge(k, self.box(k), user, loop, s) for (k, user, _, loop), s in uses.items()]
        self.edges = [e for e in edges if e.value in shown and (e.loop or e.source != e.target)]
        self.paths: list[tuple[str, ...]] = []  # of groups
        for path in [self.groups(k) for k in sorted(shown)]:
            paths = [path[: d + 1] for d in range(len(path))]
            self.paths += [path for path in paths if path not in self.paths]

    def groups(self, box: Any) -> tuple[str, ...]:
        """The groups that a box stands in."""
        names: tuple[str, ...] = box[:-1] if isinstance(box, tuple) else self.nodes[box].groups
        return tuple(self.titles.get(name, name) for name in names)

    def box(self, k: int) -> Any:
        """A node's place on the tape, or the outermost collapsed group that it is in."""
        path = self.groups(k)
        closed = [path[: d + 1] for d, name in enumerate(path) if name in self.collapse]
        return closed[0] if closed else k

    def name(self, box: Any) -> str:
        """As in a formula; where a node stands for those of all steps, the number is a t."""
        if isinstance(box, tuple) or not self.nodes[box].name:
            return ""
        name, models = self.nodes[box].name, list(self.stands.values())
        return f"${re.sub('[0-9]+', 't', name) if models.count(self.nodes[box]) > 1 else name}$"

    def text(self, box: Any) -> str:
        if isinstance(box, tuple):
            return box[-1]
        node = self.nodes[box]
        return SYMBOLS.get(node.operation, "") or self.name(box) or _numbers(node.value)

    def pair(self, k: int, shares: Sequence[np.ndarray] | None = None) -> tuple[str, str]:
        """A value and its adjoint, or the sum of shares of it, in print."""
        value, adjoint = self.nodes[k].value, self.nodes[k].adjoint
        if shares is not None:
            adjoint = np.sum(shares, axis=0) if shares else None
        return _numbers(value), "" if adjoint is None or value.size > 3 else _numbers(adjoint)


def _folded(
    nodes: Sequence[Node], fold: Mapping[str, Sequence[str]]
) -> tuple[dict[Node, Node], dict[str, str], set]:
    """Who stands for whom; titles of groups; operands that come from the step before."""
    stands, titles, loops = {node: node for node in nodes}, {}, set()
    for title, steps in fold.items():
        members = [[node for node in nodes if step in node.groups] for step in steps]
        titles[steps[0]] = title
        recorded = [[node.operation for node in group] for group in members]
        alike = all(operations == recorded[0] for operations in recorded)
        for before, group in pairwise(members if alike else []):
            stands |= dict(zip(group, members[0], strict=True))
            for node, model in zip(group, members[0], strict=True):
                for k, (here, there) in enumerate(zip(node.operands, model.operands, strict=True)):
                    if here in before:
                        loops.add((node, k))
                        if not there.operands:
                            stands.pop(there, None)  # the loop stands where the start was
                    elif here in group:
                        alike &= stands[here] is there
                    else:
                        stands[here] = there
        if not alike:
            raise ValueError(f"fold: got groups {list(steps)} in which different operations ran")
    return stands, titles, loops


def _numbers(array: np.ndarray) -> str:
    """One to three numbers, or the shape."""
    if array.size > 3:
        return "×".join(str(n) for n in array.shape)
    words = []
    for x in array.ravel() + 0.0:
        word = f"{x:.2f}" if 0.1 <= abs(x) < 100 else f"{x:.2g}"
        words.append(re.sub(r"e([+-])0*", r"e\1", word).replace("-", "−").replace("e+", "e"))
    return words[0] if array.size == 1 else f"({', '.join(words)})"


@cache
def _outline(text: str, size: float) -> tuple[str, float]:
    """A text's letters as an SVG path, and its width."""
    if not text:
        return "", 0.0
    path = TextPath((0, 0), text, size=size, prop=FONT)
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    parts = path.iter_segments(simplify=False)
    drawn = [letters[int(code)] + (_list(points) if code < 79 else "") for points, code in parts]
    return "".join(drawn), float(path.get_extents().x1)


def _list(numbers):
    return " ".join(f"{x:.4g}" if abs(x) < 100 else f"{x:.1f}" for x in np.ravel(numbers) + 0.0)


def _extent(text: str, size: float = LETTERS) -> int:
    return math.ceil(_outline(text, size)[1])


class _Painter:
    """Tells Graphviz what there is to be placed, and paints what comes back.

    A number is a node through which its edge runs. As soon as one group is open, each has rows of
    its own; and a value that passes an open group on its way to others does so as one line.
    """

    def __init__(self, graph: _Graph, values: bool, highlight: set[int]):
        self.graph, self.values, self.highlight = graph, values, highlight
        self.dot: list[str] = []
        self.painted: list[str] = []
        self.cells: dict[str, tuple] = {}
        self.notes: dict[str, tuple[str, str, str]] = {}
        self.boxes: dict[Any, tuple[float, float, float, float]] = {}
        self.names = {box: f"b{n}" for n, box in enumerate(graph.boxes)}
        for box in graph.boxes:
            self.measure(box)
        # of each outermost group the first and last place on the tape
        self.span: dict[Any, tuple[int, int]] = {}
        for k in sorted({graph.place[model] for model in graph.stands.values()}):
            if path := graph.groups(k)[:1]:
                self.span[path] = self.span.get(path, (k, k))[0], k
        self.lay_edges()
        self.lay_groups()
        for k in graph.ends:
            self.measure_note(f"e{k}", k, None, graph.box(k))
            self.edge(self.names[graph.box(k)], f"e{k}", "weight=4")
        many = max([2, *Counter(edge.target for edge in graph.edges).values()]) - 2
        flat = all(path in self.names for path in self.span)
        gaps = (0.1, 0.06) if values else (0.2 + 0.08 * many, 0.12 + 0.03 * many * flat)
        settings = "ranksep={} nodesep={} newrank=true ".format(*gaps) + "ordering=in" * flat
        ports = 'node [shape=plain] edge [tailport="o:s" headport="o:n" arrowsize=.5]'
        dot = "\n".join(["digraph {", settings, ports, *self.dot, "}"])
        self.placed = json.loads(AGraph(dot).draw(format="json", prog="dot"))
        self.size = np.array(self.placed["bb"].split(",")[2:], float) + 2 * MARGIN

    def lay_edges(self) -> None:
        """Lines; and what a group is entered by, for its rows to begin below where that is from."""
        graph = self.graph
        tails: dict[int, tuple] = {}  # where a value's line goes on, and the last open group it met
        self.entries: dict[Any, list[str]] = defaultdict(list)
        for n, edge in enumerate(graph.edges):
            source, target = self.names[edge.source], self.names[edge.target]
            inner, path = (graph.groups(box) for box in (edge.source, edge.target))
            if edge.loop:
                self.loop(n, source, target, path)
                continue
            tail, passed = tails.get(edge.value, (source, ()))
            if passed and passed != path[:1] and self.first(edge.target) > self.span[passed][1]:
                ahead = [e for e in graph.edges[n:] if e.value == edge.value]
                self.node(f"j{n}", (), [1], 3)
                self.edge(tail, f"j{n}", "arrowhead=none", on=any(map(self.lit, ahead)))
                self.order(f"foot{graph.paths.index(passed)}", f"j{n}")
                tail, passed = f"j{n}", ()
            tails[edge.value] = tail, path[:1] or passed
            more = f"weight={20 if inner == path and graph.nodes[edge.value].operands else 1}"
            start, entry = tail, target
            if self.values:
                start = entry = f"n{n}"
                self.measure_note(entry, edge.value, edge.shares, edge.target)
                self.edge(tail, entry, f"arrowhead=none {more}", on=self.lit(edge))
                more = "weight=8"
            self.edge(start, target, more, on=self.lit(edge))
            self.entries[edge.target].append(entry)
            if path[:1] != inner[:1] and path and edge.value < self.span[path[:1]][0]:
                self.order(tail, f"top{graph.paths.index(path[:1])}")
                self.order(f"top{graph.paths.index(path[:1])}", entry, 0)

    def first(self, box):
        return self.span[box[:1]][0] if isinstance(box, tuple) else box

    def lay_groups(self) -> None:
        """Groups below each other in the order of the tape, as soon as one is open."""
        graph = self.graph
        closed = [box for box in graph.boxes if isinstance(box, tuple)]
        for path in [path for path in self.span if path not in closed]:
            n = graph.paths.index(path)
            for end in ("top", "foot"):
                self.node(f"{end}{n}", path, [1], 1)
            inside = [box for box in graph.boxes if graph.groups(box)[:1] == path]
            for box in inside:
                if not self.entries[box]:
                    self.order(f"top{n}", self.names[box], 0)
                self.order(self.names[box], f"foot{n}", 0)
            for k in graph.ends:
                if graph.box(k) in inside:
                    self.order(f"e{k}", f"foot{n}", 0)
        for before, after in pairwise(self.span if self.span.keys() - set(closed) else []):
            if self.span[before][1] < self.span[after][0]:
                upper = self.names.get(before) or f"foot{graph.paths.index(before)}"
                lower = [self.names.get(after) or f"top{graph.paths.index(after)}"]
                for name in self.entries[after] or lower:
                    self.order(upper, name)

    def order(self, upper: str, lower: str, rows: int = 1) -> None:
        self.dot.append(f"{upper}->{lower} [style=invis weight={1 - rows} minlen={rows}]")

    def lit(self, edge: _Edge) -> bool:
        return edge.value in self.highlight and edge.target in self.highlight

    def loop(self, n: int, source: str, target: str, path: tuple[str, ...]) -> None:
        if source == target:
            self.edge(source, target, color=LOOP)
            return
        self.node(f"l{n}", path, [14], 3)
        self.edge(target, f"l{n}", "dir=back tailport=w", color=LOOP)
        self.edge(f"l{n}", source, "arrowhead=none headport=w", color=LOOP)

    def edge(self, tail, head, more="", on=False, color=LINE):
        style = f'color="{HIGHLIGHT if on else color}" penwidth={2.6 if on else 1}'
        self.dot.append(f"{tail}->{head} [{style} {more}]")

    def node(self, name, path, widths, height, port=0):
        self.cells[name] = widths, height
        size = 'FIXEDSIZE="TRUE" WIDTH="{}" HEIGHT="{}"'.format
        cells = [
            f'<TD PORT="{"o" if k == port else k}" {size(w, height)}></TD>'
            for k, w in enumerate(widths)
            if w
        ]
        table = (
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{"".join(cells)}</TR></TABLE>'
        )
        within = [self.graph.paths.index(path[: d + 1]) for d in range(len(path))]
        opened = "".join(f"subgraph cluster_{k} {{margin=12 " for k in within)
        self.dot.append(f"{opened}{name} [label=<{table}>]{'}' * len(path)}")

    def measure(self, box):
        """Room for a box, the variable attached to it and its name."""
        graph, height = self.graph, HEIGHT
        widths = [max(_extent(graph.text(box)) + 2 * PAD, HEIGHT), 0, 0]
        if box in graph.attached:
            k = graph.attached[box]
            widths[1] = _extent(graph.text(k)) + 2 * PAD
            if self.values and graph.nodes[k].name:
                height += 16
                widths[1] = max(widths[1], *(_extent(word, SMALL) + 6 for word in graph.pair(k)))
        if graph.name(box) and graph.nodes[box].operands:
            widths[2] = _extent(graph.name(box)) + 4
        self.node(self.names[box], graph.groups(box), widths, height)

    def measure_note(self, name, k, shares, box):
        """Room for a name and a value at the left of a line, and the adjoint at the right."""
        title = self.graph.name(k) if isinstance(self.graph.box(k), tuple) else ""
        pair = self.graph.pair(k, shares) if self.values else ("", "")
        left, right = (_extent(word, SMALL) + 2 for word in pair)
        left += _extent(title)
        self.notes[name] = title, *pair
        height = 9 if self.values else 12 if title else 1
        self.node(
            name, self.graph.groups(box), [left, 1, right if self.values else left], height, 1
        )

    def svg(self) -> str:
        """The picture: regions, lines, and then what stands on them."""
        objects = self.placed["objects"]
        for item in objects:
            if item["name"].startswith("cluster"):
                path = self.graph.paths[int(item["name"][8:])]
                x0, y0, x1, y1 = map(float, item["bb"].split(","))
                self.frame(x0, y0, x1, y1, self.tint(path), "#C8C8C8", 7)
                self.write(x0 + 7, (y0 + y1) / 2, path[-1], 8.5, "#555555", turned=True)
        self.paint_lines()
        for item in objects:
            name = item["name"]
            if name in self.notes or name in self.names.values():
                x, y = map(float, item["pos"].split(","))
                widths, height = self.cells[name]
                x -= sum(widths) / 2
                if name in self.notes:
                    self.paint_note(x + widths[0] + 0.5, y, *self.notes[name])
                else:
                    self.paint_box(self.graph.boxes[int(name[1:])], x, y, widths, height)
        width, height = self.size
        # shown larger than laid out where the page has room; it shrinks where it has not
        start = (
            f'<?xml version="1.0" encoding="utf-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" '
            f'width="{SHOWN * width:.1f}pt" height="{SHOWN * height:.1f}pt" '
            f'viewBox="0 0 {width:.1f} {height:.1f}">\n<rect width="100%" height="100%" '
            f'fill="white"/>\n<g transform="matrix(1 0 0 -1 {MARGIN} {height - MARGIN:.1f})">'
        )
        return "\n".join([start, *self.painted, "</g>\n</svg>\n"])

    def tint(self, path):
        return TINTS[self.graph.paths.index(path) % len(TINTS)]

    def frame(self, x0, y0, x1, y1, fill, stroke=INK, corner=4):
        place = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
        style = f'rx="{corner}" fill="{fill}" stroke="{stroke}" stroke-width="0.8"'
        self.painted.append(f"<rect {place} {style}/>")

    def write(self, x, y, text, size=LETTERS, fill=INK, side=0.5, turned=False):
        """A text in the middle of x, or at its left (side 1) or right (side 0)."""
        drawn, width = _outline(text, size)
        turn = f"translate({x:.1f} {y:.1f}) " + "rotate(90) " * turned
        shift = f"translate({-side * width:.2f} {-0.36 * size:.2f})"
        self.painted.append(f'<path transform="{turn}{shift}" fill="{fill}" d="{drawn}"/>')

    def paint_box(self, key, x0, y, widths, tall):
        graph, turn = self.graph, self.size[1] - MARGIN
        x1, x2, y0, y1 = x0 + widths[0], x0 + sum(widths[:2]), y - tall / 2, y + tall / 2
        self.boxes[key] = x0 + MARGIN, turn - y1, x1 + MARGIN, turn - y0
        if widths[1]:
            k, middle = graph.attached[key], (x1 + x2) / 2
            self.boxes[k] = x1 + MARGIN, turn - y1, x2 + MARGIN, turn - y0
            self.frame(x1 - 6, y0, x2, y1, PALE, EDGE)
            self.write(middle, y1 - HEIGHT / 2, graph.text(k))
            if self.values and graph.nodes[k].name:
                value, adjoint = graph.pair(k)
                self.write(middle, y0 + SMALL + 6, value, SMALL, FORWARD)
                self.write(middle, y0 + 5, adjoint, SMALL, BACKWARD)
        if isinstance(key, tuple):
            style = self.tint(key), INK, 8
        else:
            style = ("white", INK, 4) if graph.nodes[key].operands else (PALE, EDGE, 4)
        self.frame(x0, y0, x1, y1, *style)
        self.write((x0 + x1) / 2, y, graph.text(key))
        if widths[2]:
            self.write(x2 + 3, y, graph.name(key), side=0)

    def paint_note(self, x, y, title, value, adjoint):
        self.write(x - 2.5, y, value, SMALL, FORWARD, 1)
        self.write(x + 2.5, y, adjoint, SMALL, BACKWARD, 0)
        left = x - 5 - _outline(value, SMALL)[1]
        self.write(left if value else x, y, title, SMALL + 1, side=1 if value else 0.5)

    def paint_lines(self) -> None:
        """Graphviz' curves; those that enter one box do so side by side."""
        items = [item for item in self.placed["edges"] if item.get("style") != "invis"]
        curves, enter = [], defaultdict(list)
        for item in items:
            points = np.array([p.lstrip("es,").split(",") for p in item["pos"].split()], float)
            if item["pos"][0] == "e":
                points = np.vstack([points[1:], points[:1]])  # Graphviz names the tip first
                enter[item["head"]].append(points)
            curves.append(points)
        for head, ends in enter.items():
            room = self.cells[self.placed["objects"][head]["name"]][0][0] - PAD
            for k, points in enumerate(sorted(ends, key=lambda points: points[-4, 0])):
                points[-3:, 0] += (k - (len(ends) - 1) / 2) * min(9.0, room / len(ends))
        for item, points in sorted(
            zip(items, curves, strict=True), key=lambda pair: float(pair[0]["penwidth"])
        ):
            self.paint_line(item, points)

    def paint_line(self, item, points):
        backward, pointed = item["pos"][0] == "s", item["pos"][0] in "es"
        tip = points[0] if backward else points[-1]
        curve = points[1:] if backward else points[: len(points) - pointed]
        ends = [curve[0, 1], curve[-1, 1]]
        for k, end in enumerate(("tail", "head")):  # up to the middle of a number or a joint
            other = self.placed["objects"][item[end]]
            if other["name"][0] in "njl":
                ends[k] = float(other["pos"].split(",")[1])
        drawn = f"M{_list((curve[0, 0], ends[0]))}V{_list(curve[0, 1:])}C{_list(curve[1:])}"
        drawn += f"V{_list(ends[1:])}"
        color = item["color"]
        if pointed:
            foot = curve[0] if backward else curve[-1]
            ahead = (tip - foot) / max(np.hypot(*(tip - foot)), 1e-9)
            side = 2.6 * ahead[::-1] * (1, -1)
            wedge = tip, tip - 5 * ahead + side, tip - 5 * ahead - side
            drawn += f"M{_list(foot)}L{_list(tip - 4 * ahead)}"
            self.painted.append(
                f'<path fill="{color}" d="M{_list(wedge[0])}L{_list(wedge[1:])}Z"/>'
            )
        style = f'fill="none" stroke="{color}" stroke-width="{item["penwidth"]}"'
        self.painted.append(f'<path {style} d="{drawn}"/>')
