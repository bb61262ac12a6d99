"""Pictures of computational graphs: what a tape has recorded, and nothing else.

Graphviz draws boxes, regions and lines. Letters are written into its picture as outlines, so that
it looks the same on every machine.
"""

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
INK, GREY, LINE, PALE, CLEAR = "#333333", "#555555", "#8A8A8A", "#F1F1F1", "transparent"
TINTS = ("#DFF2EB", "#F9EAF3", "#FCF7D9", "#E8E8FA", "#EEEEEE")
OPERATIONS = "add subtract multiply matmul tanh sigmoid square total slice"
SYMBOLS = dict(zip(OPERATIONS.split(), r"+|−|$\odot$|@|tanh|σ|( )²|Σ|[ ]".split("|"), strict=True))
FONT = FontProperties(family="DejaVu Sans", math_fontfamily="stix")
# Lengths are in points; a picture 285 points wide fills a telephone of 390 pixels. Graphviz rounds
# heights that are odd, and lines would not meet.
LETTERS, SMALL, HEIGHT, NOTE, ROW, PAD = 11.5, 9.0, 20, 12, 11, 6


@dataclass(frozen=True, repr=False)
class Drawing:
    """A drawn graph, shown in a notebook as SVG.

    Attributes:
        size: Width and height in points.
        boxes: Left, top, right and bottom of each operation, variable and collapsed group, in
            points, by the node's place on the tape or the group's names.
        edges: Pairs of keys of ``boxes``, one for each value that is handed on.
    """

    svg: str
    size: tuple[float, ...]
    boxes: dict[Any, tuple[float, ...]]
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
    loops: Mapping[Node, Node] | None = None,
    highlight: Iterable[Node] = (),
) -> Drawing:
    """Draw what a tape has recorded, from top to bottom.

    Boxes are operations, pale boxes variables, coloured regions groups. The two numbers on an
    edge are the value that went down it (blue) and the share of the adjoint that came back up
    (orange, once there has been a reverse sweep). Adjoint shares add up where an edge forks. Of
    arrays with more than three elements the shape stands there instead.

    Args:
        values: Whether to print the numbers.
        attach_weights: Whether a variable that is used once, as the right-hand operand of an
            operation, is drawn at the side of this operation.
        collapse: Groups to draw as one box each.
        loops (mapping of Node to Node): From what a step hands to the next to the variable that it
            is there. A loop stands where the variable was.
        highlight: Nodes whose connections are drawn thick.

    Raises:
        ValueError: If a group or a node is not on the tape, or a loop does not end in a variable.
    """
    graph = _Graph(tape, attach_weights, set(collapse), loops or {})
    painter = _Painter(graph, values, {graph.place[node] for node in highlight})
    edges = tuple((edge.source, edge.target) for edge in graph.edges)
    return Drawing(painter.svg(), painter.size, painter.boxes, edges)


class _Edge(NamedTuple):
    """A value on its way from one box to another."""

    value: int  # the place on the tape of the node whose value it is
    source: Any
    target: Any
    loop: bool
    shares: list[np.ndarray]


class _Graph:
    """What a picture shows of a tape."""

    def __init__(
        self, tape: Tape, attach_weights: bool, collapse: set[str], loops: Mapping[Node, Node]
    ):
        known = {name for node in tape.nodes for name in node.groups}
        if unknown := collapse - known:
            raise ValueError(f"collapse: got {unknown}, expected some of {sorted(known)}")
        self.nodes, self.collapse = tape.nodes, collapse
        nodes = tape.nodes
        self.place = place = {node: k for k, node in enumerate(nodes)}
        before = {start: end for end, start in loops.items()}
        if not place.keys() >= {*before, *before.values()} or any(x.operands for x in before):
            raise ValueError(f"loops: got {loops}, expected nodes of the tape to variables of it")
        # value, user, as which operand, a step later? -> shares
        uses: dict[tuple, list] = defaultdict(list)
        for node in nodes:
            user = self.box(place[node])
            for k, operand in enumerate(node.operands):
                which = None if isinstance(user, tuple) else k
                use = place[before.get(operand, operand)], user, which, operand in before
                uses[use] += node.shares[k : k + 1]
        count = Counter(use[0] for use in uses)
        single = {k for k in count if count[k] == 1 and not nodes[k].operands and attach_weights}
        self.attached = {user: k for k, user, which, _ in uses if which == 1 and k in single}
        self.shown = [k for node, k in place.items() if node not in before]
        shown = set(self.shown) - set(self.attached.values())
        self.boxes = list(dict.fromkeys(self.box(k) for k in sorted(shown)))
        self.ends = [k for k in sorted(shown) if not count[k]]
        # loops last
        ordered = sorted(uses.items(), key=lambda use: use[0][-1])
        edges = [_Edge(k, self.box(k), user, loop, s) for (k, user, _, loop), s in ordered]
        self.edges = [e for e in edges if e.value in shown and (e.loop or e.source != e.target)]
        inner = (self.groups(k) for k in sorted(shown))
        paths = dict.fromkeys(path[: d + 1] for path in inner for d in range(len(path)))
        self.paths = {path: n for n, path in enumerate(paths)}  # of groups, outer ones first

    def groups(self, box: Any) -> tuple[str, ...]:
        """The groups that a box stands in."""
        return box[:-1] if isinstance(box, tuple) else self.nodes[box].groups

    def box(self, k: int) -> Any:
        """A node's place on the tape, or the outermost collapsed group that it is in."""
        path = self.groups(k)
        closed = [path[: d + 1] for d, name in enumerate(path) if name in self.collapse]
        return closed[0] if closed else k

    def name(self, box: Any) -> str:
        """As in a formula."""
        name = "" if isinstance(box, tuple) else self.nodes[box].name
        return f"${name}$" if name else ""

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
def _outline(text: str, color: str) -> tuple[str, float, float]:
    """A text's letters as an SVG path, their size and the text's width."""
    size = SMALL if color in (FORWARD, BACKWARD) else LETTERS
    if not text:
        return "", size, 0.0
    path = TextPath((0, 0), text, size=size, prop=FONT)
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    drawn = "".join(
        letters[int(code)] + " ".join(f"{x:.4g}" for x in points if code < 79)
        for points, code in path.iter_segments(simplify=False)
    )
    return drawn, size, float(path.get_extents().x1)


class _Painter:
    """Tells Graphviz what there is to be drawn, and writes into what comes back.

    A number is a node through which its edge runs. As soon as one group is open, each has rows of
    its own; and a value that passes an open group on its way to others does so as one line.
    """

    def __init__(self, graph: _Graph, values: bool, highlight: set[int]):
        self.graph, self.values, self.highlight = graph, values, highlight
        self.boxes: dict[Any, tuple[float, ...]] = {}
        self.names = {box: f"b{n}" for n, box in enumerate(graph.boxes)}
        # what is to be written where: box, side, lines; the regions of groups come first
        self.cells: list[tuple] = [(None, None, [(path[-1], GREY)]) for path in graph.paths]
        # of each outermost group the first and last place on the tape
        self.span: dict[Any, list[int]] = {}
        for k in graph.shown:
            if path := graph.groups(k)[:1]:
                self.span.setdefault(path, [k, k])[1] = k
        self.open = [path for path in self.span if path not in self.names]
        most = max([2, *Counter(edge.target for edge in graph.edges).values()])
        gaps = (0.14, 0.04) if values else (0.04 + 0.1 * most, 0.14)
        self.dot = [
            "digraph { bgcolor=white newrank=true outputorder=edgesfirst",
            "ranksep={} nodesep={} ".format(*gaps) + "ordering=in" * (not self.open),
            'node [shape=plain] edge [arrowsize=.5 tailport="o:s" headport="o:n"]',
        ]
        for box in graph.boxes:
            self.add_box(box)
        self.add_edges()
        self.add_groups()
        for k in graph.ends:
            box = graph.box(k)
            self.add_note(f"e{k}", k, None, box, CLEAR)
            self.edge(self.names[box], f"e{k}", LINE, 4)
            if path := graph.groups(box)[:1]:
                self.order(f"e{k}", f"foot{graph.paths[path]}", 0)

    def cell(self, *lines, key=None, side=0.5, height=NOTE, fill=CLEAR, style=""):
        """A cell of a table with room for lines of text, in the middle or at a side."""
        width = math.ceil(max(_outline(*line)[2] for line in lines)) + 4
        if key is not None:
            width = max(width + 2 * PAD - 4, HEIGHT)
            style += ' BORDER="1" STYLE="ROUNDED"'
        self.cells.append((key, side, lines))
        return _cell(fill, width, height, f'HREF="#" TITLE="{len(self.cells) - 1}" {style}')

    def node(self, name: str, path: tuple[str, ...], *cells: str) -> None:
        opened = "".join(
            f'subgraph cluster_{n} {{style="rounded,filled" fillcolor="{TINTS[n % len(TINTS)]}" '
            f'color="#C8C8C8" margin=14 href="#" tooltip="{n}" '
            for n in (self.graph.paths[path[: d + 1]] for d in range(len(path)))
        )
        label = (
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{"".join(cells)}</TR></TABLE>'
        )
        self.dot.append(f"{opened}{name} [label=<{label}>]" + "}" * len(path))

    def add_box(self, box: Any) -> None:
        """A box, the variable attached to it and its name."""
        graph, height, beside = self.graph, HEIGHT, []
        if (k := graph.attached.get(box)) is not None:
            lines = [(graph.text(k), INK)]
            if self.values and graph.nodes[k].name:
                lines += zip(graph.pair(k), (FORWARD, BACKWARD), strict=True)
                height += 2 * ROW
            beside = [self.cell(*lines, key=k, height=height, fill=PALE, style=f'COLOR="{LINE}"')]
        fill, stroke = PALE, LINE
        if isinstance(box, tuple):
            fill, stroke = TINTS[graph.paths[box] % len(TINTS)], INK
        elif graph.nodes[box].operands:
            fill, stroke = "white", INK
            beside += [self.cell((graph.name(box), INK))]
        options = {"height": height, "fill": fill, "style": f'PORT="o" COLOR="{stroke}"'}
        shown = self.cell((graph.text(box), INK), key=box, **options)
        self.node(self.names[box], graph.groups(box), shown, *beside)

    def add_note(self, name: str, k: int, shares: Any, box: Any, color: str) -> None:
        """A name and a value at the left of a line, and the adjoint at the right."""
        title = self.graph.name(k) if isinstance(self.graph.box(k), tuple) else ""
        cells = [self.cell((title, INK), style="" if self.values else 'PORT="o"')]
        if self.values:
            value, adjoint = self.graph.pair(k, shares)
            cells = cells if title else []
            cells += [self.cell((value, FORWARD), side=1), _line(color, NOTE)]
            cells += [self.cell((adjoint, BACKWARD), side=0)]
        self.node(name, self.graph.groups(box), *cells)

    def add_edges(self) -> None:
        """Lines; and what a group is entered by, for its rows to begin below where that is from."""
        graph = self.graph
        tails: dict[int, tuple] = {}  # where a value's line goes on, and the last open group it met
        self.entries: dict[Any, list[str]] = defaultdict(list)
        for n, edge in enumerate(graph.edges):
            source, target = self.names[edge.source], self.names[edge.target]
            color = self.color(edge)
            inner, path = (graph.groups(box) for box in (edge.source, edge.target))
            if edge.loop:
                side = "e" if source == target else "w"
                more = f"dir=back minlen=2 tailport={side} headport={side}"
                self.edge(target, source, LOOP, more=more)
                continue
            tail, passed = tails.get(edge.value, (source, ()))
            first = self.span[edge.target[:1]][0] if isinstance(edge.target, tuple) else edge.target
            if passed and passed != path[:1] and first > self.span[passed][1]:
                ahead = {self.color(e) for e in graph.edges[n:] if e.value == edge.value}
                on = HIGHLIGHT if HIGHLIGHT in ahead else LINE
                self.node(f"j{n}", (), _line(on))
                self.edge(tail, f"j{n}", on, more="arrowhead=none")
                self.order(f"foot{graph.paths[passed]}", f"j{n}")
                tail, passed = f"j{n}", ()
            tails[edge.value] = tail, path[:1] or passed
            weight = 20 if inner == path and graph.nodes[edge.value].operands else 1
            if path[:1] != inner[:1] and path and edge.value < self.span[path[:1]][0]:
                self.order(tail, f"top{graph.paths[path[:1]]}")
            if self.values:
                self.add_note(f"n{n}", edge.value, edge.shares, edge.target, color)
                self.edge(tail, f"n{n}", color, weight, "arrowhead=none")
                tail, weight = f"n{n}", 8
            self.edge(tail, target, color, weight)
            self.entries[edge.target].append(tail if self.values else target)

    def add_groups(self) -> None:
        """Groups below each other in the order of the tape, as soon as one is open."""
        graph = self.graph
        for path in self.open:
            for end in ("top", "foot"):
                self.node(f"{end}{graph.paths[path]}", path, _line(CLEAR))
        for box in graph.boxes:
            if path := graph.groups(box)[:1]:
                for name in self.entries[box] or [self.names[box]]:
                    self.order(f"top{graph.paths[path]}", name, 0)
                self.order(self.names[box], f"foot{graph.paths[path]}", 0)
        for before, after in pairwise(self.span if self.open else []):
            if self.span[before][1] < self.span[after][0]:
                upper = self.names.get(before, f"foot{graph.paths[before]}")
                lower = self.names.get(after, f"top{graph.paths[after]}")
                for name in self.entries[after] or [lower]:
                    self.order(upper, name)

    def color(self, edge: _Edge) -> str:
        return HIGHLIGHT if {edge.value, edge.target} <= self.highlight else LINE

    def order(self, upper: str, lower: str, rows: int = 1) -> None:
        self.dot.append(f"{upper}->{lower} [style=invis weight={1 - rows} minlen={rows}]")

    def edge(self, tail: str, head: str, color: str, weight: int = 1, more: str = "") -> None:
        width = 2.6 if color == HIGHLIGHT else 1
        style = f'[color="{color}" penwidth={width} weight={weight} {more}]'
        self.dot.append(f"{tail}->{head} {style}")

    def svg(self) -> str:
        drawn = AGraph("\n".join([*self.dot, "}"])).draw(format="svg", prog="dot").decode()
        self.size = tuple(map(float, re.findall(r'(?:width|height)="(\S+)pt"', drawn)))
        self.origin = np.array(re.findall(r"translate\((\S+) (\S+)\)", drawn)[0], float)
        drawn = drawn.replace('class="graph"', 'class="graph" stroke-linecap="square"')
        anchor = r'<g id="a_\w+"><a .*?title="(\d+)">\n(.*?)</a>\n</g>'
        return re.sub(anchor, self.fill, drawn, flags=re.DOTALL)

    def fill(self, found: re.Match) -> str:
        """The frame of a cell, which Graphviz has drawn, and the letters in it."""
        key, side, lines = self.cells[int(found[1])]
        corners = np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", found[2]), float)
        (x0, y0), (x1, y1) = low, high = corners.min(axis=0), corners.max(axis=0)
        if key is not None:
            self.boxes[key] = tuple(np.ravel([low + self.origin, high + self.origin]).tolist())
        if side is None:  # the region of a group: upwards from its lower left corner
            turn, side, x, y = -90, 0, x0 + 8, y1 - 8
        else:
            turn, x, y = 0, x0 + 2 + side * (x1 - x0 - 4), (y0 + y1 - ROW * (len(lines) - 1)) / 2
        letters = []
        for row, (text, color) in enumerate(lines):
            drawn, size, width = _outline(text, color)
            place = f"translate({x:.1f} {y + ROW * row:.1f}) rotate({turn}) scale(1 -1)"
            shift = f"translate({-side * width:.2f} {-0.36 * size:.2f})"
            letters.append(f'<path transform="{place} {shift}" fill="{color}" d="{drawn}"/>\n')
        return found[2] + "".join(letters)


def _cell(fill: str, width: int, height: int, more: str) -> str:
    size = f'FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
    return f'<TD BGCOLOR="{fill}" {size} {more}></TD>'


def _line(color: str, height: int = 2) -> str:
    """A cell in which a line goes on."""
    return _cell(color, 3 if color == HIGHLIGHT else 1, height, 'PORT="o"')
