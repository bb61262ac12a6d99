"""Pictures of computational graphs: what a tape has recorded, and nothing else.

The drawing is in layers, as Sugiyama, Tagawa and Toda (1981) proposed,
doi:10.1109/TSMC.1981.4308636, with groups drawn as boxes within it.
"""

from __future__ import annotations

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from scipy.optimize import isotonic_regression

from mflib.book.plots import COLOURS
from mflib.networks.tape import Node, Tape

FORWARD, BACKWARD, ROAD = (COLOURS[name] for name in ("blue", "vermilion", "green"))
INK, LOOP = "#333333", "#AA3377"
TINTS = ("#DFF2EB", "#F9EAF3", "#FCF7D9", "#E8E8FA", "#EEEEEE")
SYMBOLS = {
    "add": "+",
    "subtract": "−",
    "multiply": r"$\odot$",
    "matmul": "@",
    "tanh": "tanh",
    "sigmoid": "σ",
    "square": "( )²",
    "total": "Σ",
    "slice": "[ ]",
}
# lengths in points; a picture 285 points wide fills a telephone of 380 pixels
LETTERS, SMALL = 9.5, 7.5
HEIGHT, PAD, STUB, FRAME = 17.0, 5.0, 13.0, 22.0
SHOWN = 1.2
STYLE = {"svg.hashsalt": "mflib.graphs", "svg.fonttype": "path", "mathtext.fontset": "stix"}


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawn graph, shown in a notebook as SVG.

    Attributes
    ----------
    svg : str
    size : tuple of float
        Width and height in points.
    boxes : dict
        Left, top, right and bottom of each operation, variable and folded-up group, in points,
        by the node's place on the tape or the group's names.
    edges : tuple of tuple
        Pairs of keys of ``boxes``, one for each value that is handed on.
    """

    svg: str
    size: tuple[float, float]
    boxes: dict[Any, tuple[float, float, float, float]]
    edges: tuple[tuple[Any, Any], ...]

    def __repr__(self) -> str:
        return f"Picture({len(self.boxes)} boxes, {len(self.edges)} edges)"

    def _repr_svg_(self) -> str:
        return self.svg


def draw(
    tape: Tape,
    *,
    values: bool = True,
    dock: bool = True,
    collapse: Iterable[str] = (),
    fold: Mapping[str, Sequence[str]] | None = None,
    road: Iterable[Node] = (),
    width: float = 285.0,
    spacing: float = 1.0,
) -> Picture:
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
    dock : bool
        Whether a variable that is used once, as the right-hand operand of an operation, is drawn
        at the side of this operation.
    collapse : iterable of str
        Groups to draw as one box each.
    fold : mapping of str to sequence of str, optional
        ``{"each step": ["step 1", "step 2", "step 3"]}`` draws three groups, in which the same
        operations must have run, as one. What a group hands to the next becomes a loop.
    road : iterable of Node
        Nodes whose connections are drawn thick.
    width : float
        The width to aim at, in points.
    spacing : float
        Stretches the room between boxes.

    Raises
    ------
    ValueError
        If a group named in ``collapse`` or ``fold`` is not on the tape, if groups to be folded
        differ or hand on a value from one open group within to another, or if a group cannot be
        a box because a value leaves it and comes back.
    """
    graph = _graph(tape, dock, set(collapse), dict(fold or {}))
    values = values and not fold
    block = _Layout(graph, values, spacing).block((), width)
    return _paint(graph, block, values, {graph.alias[tape.nodes.index(node)] for node in road})


@dataclass
class _Box:
    """Something to be drawn as a box: an operation, a variable, a collapsed group."""

    node: Node | None
    groups: tuple[str, ...]
    text: str
    docked: Node | None = None
    ends: list[int] = field(default_factory=list)  # results that nobody uses


@dataclass
class _Edge:
    """A value on its way from one box to another."""

    value: int  # the place on the tape of the node whose value it is
    source: Any
    target: Any
    shares: list[np.ndarray]
    loop: bool


@dataclass
class _Graph:
    """What a picture shows of a tape."""

    nodes: list[Node]
    boxes: dict[Any, _Box]
    edges: list[_Edge]
    alias: dict[int, int]
    names: dict[int, str]
    tints: dict[tuple[str, ...], str]


def _graph(tape: Tape, dock: bool, collapse: set[str], fold: dict) -> _Graph:
    nodes = tape.nodes
    known = {name for node in nodes for name in node.groups}
    for name in [*collapse, *(step for steps in fold.values() for step in steps)]:
        if name not in known | set(fold):
            raise ValueError(f"group: got {name!r}, expected one of {sorted(known)}")
    place = {id(node): k for k, node in enumerate(nodes)}
    alias, titles, names, loops = _folded(nodes, place, fold)

    def groups(node):
        return tuple(titles.get(name, name) for name in node.groups)

    def key(k):
        path = groups(nodes[k])
        closed = [depth for depth, name in enumerate(path) if name in collapse]
        return path[: closed[0] + 1] if closed else k

    uses = defaultdict(dict)  # of a node: (by whom, as which operand, whether a step later)
    for k, node in enumerate(nodes):
        for position, operand in enumerate(node.operands):
            if place[id(operand)] in alias:
                use = (alias[k], position, (k, position) in loops)
                uses[alias[place[id(operand)]]][use] = node.shares[position : position + 1]

    boxes, edges, docked = {}, {}, {}
    for k in sorted(set(alias.values())):
        target, position, _ = next(iter(uses[k]), (None, 0, False))
        once = len(uses[k]) == 1 and position == 1 and key(target) == target
        if dock and once and not nodes[k].operands:
            docked[k] = target
    for k in sorted(set(alias.values()) - set(docked)):
        node, box = nodes[k], key(k)
        if box == k:
            text = SYMBOLS.get(node.operation) or _name(node, names)
            boxes[k] = _Box(node, groups(node), text)
        elif box not in boxes:
            boxes[box] = _Box(None, box[:-1], box[-1])
        if not uses[k]:
            boxes[box].ends.append(k)
    for k, target in docked.items():
        boxes[target].docked = nodes[k]
    for k in sorted(set(alias.values()) - set(docked)):
        for (target, position, loop), shares in uses[k].items():
            # a collapsed group shows each value that enters it once, with the sum of its shares
            name = (k, key(target), position if key(target) == target else None, loop)
            edge = edges.setdefault(name, _Edge(k, key(k), key(target), [], loop))
            edge.shares += [shares[0]] if shares else []
    kept = [edge for edge in edges.values() if edge.source != edge.target or edge.loop]
    if any(e.loop and boxes[e.source].groups != boxes[e.target].groups for e in kept):
        raise ValueError("fold: a loop joins two groups within a step; collapse them")
    paths = (groups(nodes[k]) for k in alias)
    paths = dict.fromkeys(path[: d + 1] for path in paths for d in range(len(path)))
    tints = {path: TINTS[n % len(TINTS)] for n, path in enumerate(paths)}
    return _Graph(nodes, boxes, kept, alias, names, tints)


def _folded(nodes, place, fold):
    """Who stands for whom; titles of groups; names of nodes that stand for others; loops."""
    alias = {k: k for k in range(len(nodes))}
    titles, names, loops = {}, {}, set()
    for title, steps in fold.items():
        members = {s: [k for k in alias if s in nodes[k].groups] for s in steps}
        first, others = members[steps[0]], [members[step] for step in steps[1:]]
        recorded = [[nodes[k].operation for k in group] for group in members.values()]
        differ = ValueError(f"fold: got groups {list(steps)} in which different operations ran")
        if any(operations != recorded[0] for operations in recorded):
            raise differ
        titles[steps[0]] = title
        before = first
        for group in others:
            alias |= dict(zip(group, first, strict=True))
            for k, model in zip(group, first, strict=True):
                pairs = zip(nodes[k].operands, nodes[model].operands, strict=True)
                for position, (operand, other) in enumerate(pairs):
                    here, there = place[id(operand)], place[id(other)]
                    if here in before:
                        loops.add((k, position))
                        if not nodes[there].operands:
                            alias.pop(there, None)  # the loop stands where the start was
                    elif here in group and alias[here] != there:
                        raise differ
                    elif here != there:
                        alias[here] = there
            before = group
    for here, there in alias.items():
        if here != there:
            names[id(nodes[there])] = re.sub(r"\d+", "t", nodes[there].name)
    return alias, titles, names, loops


def _name(node: Node, names: Mapping[int, str]) -> str:
    name = names.get(id(node), node.name)
    return f"${name}$" if name else _numbers(node.value)


def _numbers(array: np.ndarray) -> str:
    """One to three numbers, or the shape."""
    if array.size > 3:
        return "×".join(str(n) for n in array.shape)
    words = []
    for x in array.ravel() + 0.0:
        word = f"{x:.2f}" if 0.1 <= abs(x) < 100 else f"{x:.2g}"
        words.append(re.sub(r"e([+-])0*", r"e\1", word).replace("-", "−").replace("e+", "e"))
    return words[0] if array.size == 1 else f"({', '.join(words)})"


@dataclass
class _Block:
    """A box, a group of boxes or a wire, with its size around an anchor at the origin.

    ``inlets`` and ``outlets`` say where a value enters at the top and leaves at the bottom.
    ``parts`` is what there is to draw: a kind, what it belongs to, and its points.
    """

    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    inlets: dict[int, float] = field(default_factory=dict)
    outlets: dict[int, float] = field(default_factory=dict)
    parts: list[tuple[str, Any, np.ndarray]] = field(default_factory=list)
    mouth: float = 0.0  # over what width values enter it
    foot: float = 0.0  # how far down values leave it
    hangs: bool = False  # at the lower edge of its row, close to who uses it


class _Wire(NamedTuple):
    """Where a value passes a row on its way, or the lane of a loop to ``target``."""

    value: int
    target: Any = None


class _Line(NamedTuple):
    """A connection between neighbouring rows, and the edges that run along it."""

    upper: Any
    out: float
    lower: Any
    into: float
    edges: tuple[_Edge, ...]
    enters: bool = False  # whether an edge ends here


class _Layout:
    """Boxes in rows, inside each group and then of groups."""

    def __init__(self, graph: _Graph, values: bool, spacing: float):
        self.graph, self.values = graph, values
        self.gap = spacing * (28.0 if values else 17.0)
        self.column = spacing * (26.0 if values else 11.0)

    def block(self, level: tuple[str, ...], width: float) -> _Block:
        """Lay out a group; the whole graph is the group ``()``."""
        boxes = self.graph.boxes
        inside = [key for key in boxes if boxes[key].groups[: len(level)] == level]
        child = {
            key: key if boxes[key].groups == level else boxes[key].groups[: len(level) + 1]
            for key in inside
        }
        width -= FRAME if level else 0
        blocks = {
            name: self.simple(name) if name in boxes else self.block(name, width)
            for name in dict.fromkeys(child.values())
        }
        rows, lines, loops = self.rows(level, child, blocks, width)
        rows = _ordered(rows, lines)
        x = _positions(rows, lines, blocks, self.column)
        return self.assembled(level, rows, lines, loops, blocks, x)

    def simple(self, key) -> _Block:
        """An operation, a variable or a collapsed group."""
        box, graph = self.graph.boxes[key], self.graph
        half = max(_extent(box.text, LETTERS) / 2 + PAD, HEIGHT / 2)
        right, height, parts = half, HEIGHT, []
        if box.docked is not None:
            wide = _extent(_name(box.docked, graph.names), LETTERS) + 2 * PAD
            if self.values and box.docked.name:
                wide = max(wide, *(_extent(word, SMALL) + 6 for word in _pair(box.docked)))
                height += 2 * SMALL + 2
            right += wide
            parts.append(("dock", key, np.array([[half, 0], [right, height]])))
        parts.append(("box", key, np.array([[-half, 0], [half, height]])))
        if box.node is not None and box.node.operands and box.node.name:
            parts.append(("name", key, np.array([[right + 3, height / 2]])))
            right += 4 + _extent(_name(box.node, graph.names), LETTERS)
        leaving = [edge.value for edge in graph.edges if edge.source == key]
        leaving = list(dict.fromkeys([*leaving, *box.ends]))
        apart = 34.0 if self.values else 20.0
        outlets = dict(zip(leaving, _spread(len(leaving), apart), strict=True))
        for k in box.ends:
            stub = [[outlets[k], height], [outlets[k], height + STUB]]
            parts.append(("stub", (key, k), np.array(stub)))
        below = STUB + LETTERS * (self.values or box.node is None)
        reach = max(outlets.values(), default=0.0)
        return _Block(
            left=max(half, reach),
            right=max(right, reach),
            height=height + below * bool(box.ends),
            outlets=outlets,
            parts=parts,
            mouth=2 * half - PAD,
            foot=height,
            hangs=box.node is not None and not box.node.operands,
        )

    def rows(self, level, child, blocks, width):
        """Put the children in rows, and wires where a value passes a row on its way."""
        nets, loops = {}, {}
        for edge in self.graph.edges:
            source, target = child.get(edge.source), child.get(edge.target)
            if edge.loop and (source, target) == (edge.source, edge.target):
                loops[_Wire(edge.value, target)] = (source, target, edge)
            elif source != target:
                nets.setdefault(edge.value, (source, []))[1].append((target, edge))
        # a group has a row at the top for what comes and one at the bottom for what goes
        comes = any(source is None for source, _ in nets.values())
        goes = any(target is None for _, targets in nets.values() for target, _ in targets)
        row = self.ranked(blocks, nets, width, int(comes))
        last = max(row.values()) + goes
        rows, lines = [[] for _ in range(last + 1)], [[] for _ in range(last)]
        for lane, (source, target, edge) in loops.items():
            for k in range(row[target], row[source] + 1):
                rows[k].append(lane)
            for k in range(row[target], row[source]):
                lines[k].append(_Line(lane, 0, lane, 0, (edge,)))
        entered = [target for _, target, _ in loops.values()]
        for name in sorted(blocks, key=lambda name: name not in entered):
            rows[row[name]].append(name)
        for value, (source, targets) in nets.items():
            wire, begin = _Wire(value), 0 if source is None else row[source]
            upper, out = wire, 0.0
            if source is None:
                rows[0].append(wire)
            else:
                upper, out = source, blocks[source].outlets[value]
            for k in range(begin, last):
                for name in dict.fromkeys(t for t, _ in targets if row.get(t) == k + 1):
                    here = [edge for target, edge in targets if target == name]
                    into = blocks[name].inlets.get(value, 0.0)
                    ends = [(edge,) for edge in here] if here[0].target == name else [here]
                    for edges in ends:
                        enters = here[0].target == name
                        lines[k].append(_Line(upper, out, name, into, tuple(edges), enters))
                on = tuple(edge for t, edge in targets if row.get(t, last + 1) > k + 1)
                if on:
                    rows[k + 1].append(wire)
                    lines[k].append(_Line(upper, out, wire, 0.0, on))
                upper, out = wire, 0.0
        return rows, lines, loops

    def ranked(self, blocks, nets, width, first) -> dict[Any, int]:
        """The row of each child: below all that it needs, and no row wider than the page."""
        before = {name: set() for name in blocks}
        for source, targets in nets.values():
            for target, _ in targets:
                if source is not None and target is not None:
                    before[target].add(source)
        row, used, todo = {}, defaultdict(float), list(blocks)
        while todo:
            name = next((n for n in todo if before[n] <= row.keys()), None)
            if name is None:
                raise ValueError(f"group: a value leaves {todo[0]!r} and comes back into it")
            wide = blocks[name].left + blocks[name].right + self.column
            k = max((row[other] + 1 for other in before[name]), default=first)
            while used[k] and used[k] + wide > width:
                k += 1
            row[name], used[k] = k, used[k] + wide
            todo.remove(name)
        for name in reversed(list(blocks)):
            users = [row[other] for other in blocks if name in before[other]]
            if blocks[name].hangs and users:
                row[name] = max(row[name], min(users) - 1)
        return row

    def assembled(self, level, rows, lines, loops, blocks, x) -> _Block:
        """Rows get their heights, connections their points, the group its frame."""
        turns = [self.gap * any(lane in rows[k] for lane in loops) for k in (0, -1)]
        height = [max((blocks[n].height for n in row if n in blocks), default=0.0) for row in rows]
        # where many connections enter one box there is more to tell apart
        entries = [Counter(line.lower for line in between if line.enters) for between in lines]
        gaps = [self.gap + 5 * max(0, max(n.values(), default=0) - 2) for n in entries]
        top = turns[0] + np.cumsum([0.0, *np.add(height[:-1], gaps)])
        bottom = top + height
        parts, left, right = [], [], []
        for k, row in enumerate(rows):
            for name in row:
                block, at = blocks.get(name, _Block()), x[k, name]
                left.append(at - block.left)
                right.append(at + block.right)
                y = bottom[k] - block.height if block.hangs else top[k]
                parts += _moved(block.parts, at, y)
        for k, between in enumerate(lines):
            entries = _entries(between, x, k, blocks)
            for line, entry in zip(between, entries, strict=True):
                start = x[k, line.upper] + line.out
                end = x[k + 1, line.lower] + line.into + entry
                # down to the end of the row, and over to the next
                block = blocks.get(line.upper, _Block())
                y = bottom[k] if block.hangs else top[k] + block.foot
                points = [[start, y], [start, bottom[k]], [end, top[k + 1]]]
                parts.append(("line", line, np.array(points)))
        for lane, (source, target, edge) in loops.items():
            span = [k for k, row in enumerate(rows) if lane in row]
            a, b = span[0], span[-1]
            out = x[b, source] + blocks[source].outlets[edge.value]
            down = top[b] + blocks[source].foot
            for k in span:
                straight = [[x[k, lane], bottom[k]], [x[k, lane], top[k]]]
                parts.append(("wire", edge, np.array(straight)))
            under = [[out, down], [out, bottom[b]], [x[b, lane], bottom[b]]]
            parts.append(("under", edge, np.array(under)))
            parts.append(("over", edge, np.array([[x[a, lane], top[a]], [x[a, target], top[a]]])))
        return self.framed(level, rows, x, parts, min(left), max(right), bottom[-1] + turns[1])

    def framed(self, level, rows, x, parts, left, right, height) -> _Block:
        """A group's frame with its title at the side; its anchor is its middle."""
        if level:
            left, right = left - 2 * FRAME / 3, right + FRAME / 3
            parts.insert(0, ("region", level, np.array([[left, 0], [right, height]])))
        middle, half = (left + right) / 2, (right - left) / 2
        ports = [
            {
                n.value: x[k, n] - middle
                for n in rows[k]
                if isinstance(n, _Wire) and n.target is None
            }
            for k in (0, len(rows) - 1)
        ]
        parts = _moved(parts, -middle, 0.0)
        return _Block(half, half, height, *ports, parts, foot=height)


def _moved(parts: list, x: float, y: float) -> list:
    return [(kind, what, points + np.array([x, y])) for kind, what, points in parts]


def _entries(between: list[_Line], x, row: int, blocks) -> list[float]:
    """Operands enter an operation side by side, in the order in which they come."""
    shift = [0.0] * len(between)
    for name in {line.lower for line in between if line.enters}:
        order = [n for n, line in enumerate(between) if line.lower == name]
        order.sort(key=lambda n: x[row, between[n].upper] + between[n].out)
        apart = min(9.0, blocks[name].mouth / len(order))
        for n, offset in zip(order, _spread(len(order), apart), strict=True):
            shift[n] = offset
    return shift


def _spread(count: int, distance: float) -> list[float]:
    return [(k - (count - 1) / 2) * distance for k in range(count)]


def _crossings(rows, lines) -> int:
    """How many pairs of connections cross."""
    count = 0
    for k, between in enumerate(lines):
        above = {name: n for n, name in enumerate(rows[k])}
        below = {name: n for n, name in enumerate(rows[k + 1])}
        ends = np.array(
            [
                (above[line.upper] + 1e-3 * line.out, below[line.lower] + 1e-3 * line.into)
                for line in between
            ]
        ).reshape(-1, 2)
        apart = ends[:, None] - ends[None]
        count += np.sum(apart[..., 0] * apart[..., 1] < 0) // 2
    return int(count)


def _ordered(rows, lines, sweeps: int = 12):
    """Orders within the rows with few crossings: barycentres, then swaps of neighbours."""
    best, fewest = rows, _crossings(rows, lines)
    rows = [list(row) for row in rows]
    for sweep in range(sweeps):
        down = sweep % 2 == 0
        for k in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = {name: n for n, name in enumerate(rows[k - 1 if down else k + 1])}
            pulls = defaultdict(list)
            for line in lines[k - 1 if down else k]:
                ends = (line.lower, line.upper) if down else (line.upper, line.lower)
                pulls[ends[0]].append(fixed[ends[1]] + 1e-3 * (line.out if down else line.into))
            place = {name: np.mean(pulls.get(name, n)) for n, name in enumerate(rows[k])}
            rows[k] = sorted(rows[k], key=place.get)
        if (count := _crossings(rows, lines)) < fewest:
            best, fewest = [list(row) for row in rows], count
    rows, better = [list(row) for row in best], True
    while better:
        better = False
        for row in rows:
            for n in range(len(row) - 1):
                row[n : n + 2] = row[n : n + 2][::-1]
                if (count := _crossings(rows, lines)) < fewest:
                    fewest, better = count, True
                else:
                    row[n : n + 2] = row[n : n + 2][::-1]
    return rows


def _positions(rows, lines, blocks, column, sweeps: int = 400) -> dict[tuple[int, Any], float]:
    """Where to put each block: connections short and wires straight, in the sense of squares.

    Row by row this is an isotonic regression, because the order in a row is given; sweeping over
    the rows converges, because the rows share no constraint.
    """
    pulls = defaultdict(list)
    for k, between in enumerate(lines):
        for line in between:
            wires = (line.upper not in blocks) + (line.lower not in blocks)
            a, b, weight = (k, line.upper), (k + 1, line.lower), (1.0, 4.0, 40.0)[wires]
            pulls[a].append((b, line.into - line.out, weight))
            pulls[b].append((a, line.out - line.into, weight))
    x, offsets = {}, []
    for k, row in enumerate(rows):
        sizes = [blocks.get(name, _Block()) for name in row]
        # numbers stand at connections that end in the next row; wires passing by have none
        passing = [k > 0 and name not in blocks for name in row]
        gaps = [12.0 if a or b else column for a, b in pairwise(passing)]
        steps = [g + a.right + b.left for g, (a, b) in zip(gaps, pairwise(sizes), strict=True)]
        offsets.append(np.cumsum([0.0, *steps]))
        offsets[k] -= offsets[k].mean()
        x |= {(k, name): float(offset) for name, offset in zip(row, offsets[k], strict=True)}
    for sweep in range(sweeps):
        for k in range(len(rows))[:: 1 if sweep % 2 else -1]:
            goals, weights = [], []
            for name in rows[k]:
                pull = pulls.get((k, name), [((k, name), 0.0, 1e-3)])
                weights.append(sum(weight for _, _, weight in pull))
                goals.append(sum(w * (x[at] + d) for at, d, w in pull) / weights[-1])
            fit = isotonic_regression(goals - offsets[k], weights=weights).x + offsets[k]
            x |= {(k, name): float(at) for name, at in zip(rows[k], fit, strict=True)}
    return x


def _extent(text: str, size: float) -> float:
    with mpl.rc_context(STYLE):
        return float(TextPath((0, 0), text, size=size).get_extents().x1) if text else 0.0


def _pair(node: Node, value=None, shares=None) -> tuple[str, str]:
    """The value and the adjoint, or the sum of shares of it, in print."""
    adjoint = node.adjoint if shares is None else sum(shares) if len(shares) else None
    words = _numbers(node.value)
    return words, "" if adjoint is None or node.value.size > 3 else _numbers(adjoint)


def _paint(graph: _Graph, block: _Block, values: bool, road: set[int]) -> Picture:
    margin = 4.0
    width, height = block.left + block.right + 2 * margin, block.height + 2 * margin
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width / 72, height / 72), facecolor="white", layout="none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        parts = _moved(block.parts, block.left + margin, margin)
        painter = _Painter(axes, graph, values, road)
        for kind in ("region", "line", "wire", "under", "over", "stub", "dock", "box", "name"):
            for part, what, points in parts:
                if part == kind:
                    getattr(painter, kind)(what, points)
        painter.numbers()
        left, right = painter.reach(width)
        axes.set(xlim=(left, right))
        figure.set_size_inches((right - left) / 72, height / 72)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    # shown larger than laid out where the page has room; it shrinks where it has not
    sizes = (f'width="{SHOWN * (right - left):.1f}pt"', f'height="{SHOWN * height:.1f}pt"')
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', " ".join(sizes), stream.getvalue(), count=1)
    edges = tuple((edge.source, edge.target) for edge in graph.edges)
    return Picture(svg, (right - left, height), painter.boxes, edges)


class _Painter:
    """Draws the parts of a layout on axes, and keeps where the boxes are."""

    def __init__(self, axes, graph: _Graph, values: bool, road: set[int]):
        self.axes, self.graph, self.values, self.road = axes, graph, values, road
        self.boxes: dict[Any, tuple[float, float, float, float]] = {}
        self.taken: list[np.ndarray] = []  # left, top, right, bottom of what no number may cover
        self.waiting: list[tuple[_Edge, np.ndarray]] = []

    def write(self, x, y, text, size=LETTERS, **options):
        options = {"ha": "center", "va": "center_baseline", "color": INK, "zorder": 5} | options
        self.axes.text(x, y, text, fontsize=size, **options)

    def region(self, level, points):
        (x0, y0), (x1, y1) = points
        tint = self.graph.tints[level]
        self.axes.add_patch(_rounded(x0, y0, x1, y1, 7, fc=tint, ec="#c8c8c8", zorder=1))
        half = _extent(level[-1], 8.5) / 2
        self.taken.append(np.array([x0, (y0 + y1) / 2 - half, x0 + 14, (y0 + y1) / 2 + half]))
        options = {"rotation": 90, "color": "#555555"}
        self.write(x0 + 8, (y0 + y1) / 2, level[-1], 8.5, va="center", **options)

    def line(self, line, points):
        on = any(e.value in self.road and e.target in self.road for e in line.edges)
        (x0, y0), (_, y1), (x2, y2) = points
        bend = (y2 - y1) * 0.55
        curve = [(x0, y0), (x0, y1), (x0, y1 + bend), (x2, y2 - bend), (x2, y2)]
        codes = [Path.MOVETO, Path.LINETO, *[Path.CURVE4] * 3]
        color = LOOP if isinstance(line.lower, _Wire) and line.lower.target is not None else None
        self.path(curve, codes, on, line.enters, color)
        if line.enters:
            (edge,) = line.edges
            self.waiting.append((edge, np.array(curve)))

    def path(self, points, codes, on=False, arrow=False, color=None):
        width, color = (2.6, ROAD) if on else (1.0, color or "#8a8a8a")
        options = {"facecolor": "none", "edgecolor": color, "linewidth": width}
        self.axes.add_patch(PathPatch(Path(points, codes), zorder=3 if on else 2, **options))
        if arrow:
            x, y = points[-1]
            tip = [(x, y), (x - 2.6, y - 5), (x + 2.6, y - 5), (x, y)]
            self.axes.add_patch(PathPatch(Path(tip, closed=True), fc=color, ec="none", zorder=3))

    def wire(self, edge, points):
        self.path(points, [Path.MOVETO, Path.LINETO], color=LOOP)

    def under(self, edge, points):
        (x0, y0), (_, y1), (x2, y2) = points
        curve = [(x0, y0), (x0, y1), (x0, y1 + 17), (x2, y2 + 17), (x2, y2)]
        self.path(curve, [Path.MOVETO, Path.LINETO, *[Path.CURVE4] * 3], color=LOOP)

    def over(self, edge, points):
        (x0, y0), (x1, y1) = points
        curve = [(x0, y0), (x0, y0 - 17), (x1, y1 - 17), (x1, y1)]
        self.path(curve, [Path.MOVETO, *[Path.CURVE4] * 3], arrow=True, color=LOOP)

    def stub(self, what, points):
        key, k = what
        x, y1 = points[1]
        node, box = self.graph.nodes[k], self.graph.boxes[key]
        self.path(points, [Path.MOVETO, Path.LINETO], arrow=True)
        shown = "" if box.node is not None else _name(node, self.graph.names)
        self.taken.append(np.array([x - 26, y1, x + 26, y1 + 9]) if self.values else points.ravel())
        self.pair(x, y1 + 5, shown, *(_pair(node) if self.values else ("", "")))

    def pair(self, x, y, name, value, adjoint):
        """Name and value at the left of x, the adjoint at the right."""
        if not (value or adjoint):
            self.write(x, y, name)
            return
        gap = 2.5
        self.write(x - gap, y, value, SMALL, ha="right", color=FORWARD)
        self.write(x + gap, y, adjoint, SMALL, ha="left", color=BACKWARD)
        self.write(x - 2 * gap - _extent(value, SMALL), y, name, SMALL + 1, ha="right")

    def dock(self, key, points):
        (x0, y0), (x1, y1) = points
        node = self.graph.boxes[key].docked
        self.boxes[self.graph.nodes.index(node)] = (x0, y0, x1, y1)
        self.axes.add_patch(_rounded(x0 - 6, y0, x1, y1, 4, fc="#F1F1F1", ec="#9a9a9a"))
        self.taken.append(np.array([x0, y0, x1, y1]))
        middle, full = (x0 + x1) / 2, self.values and node.name
        self.write(middle, y0 + HEIGHT / 2, _name(node, self.graph.names))
        if full:
            value, adjoint = _pair(node)
            self.write(middle, y1 - SMALL - 6, value, SMALL, color=FORWARD)
            self.write(middle, y1 - 5, adjoint, SMALL, color=BACKWARD)

    def box(self, key, points):
        (x0, y0), (x1, y1) = points
        box = self.graph.boxes[key]
        self.boxes[key] = (x0, y0, x1, y1)
        self.taken.append(np.array([x0, y0, x1, y1]))
        face, edge, corner = "white", INK, 4
        if box.node is None:
            face, corner = self.graph.tints[key], 8
        elif not box.node.operands:
            face, edge = "#F1F1F1", "#9a9a9a"
        self.axes.add_patch(_rounded(x0, y0, x1, y1, corner, fc=face, ec=edge))
        self.write((x0 + x1) / 2, (y0 + y1) / 2, box.text)

    def name(self, key, points):
        ((x, y),) = points
        text = _name(self.graph.boxes[key].node, self.graph.names)
        self.taken.append(np.array([x, y - 6, x + _extent(text, LETTERS), y + 6]))
        self.write(x, y, text, ha="left")

    def numbers(self) -> None:
        """Print value and share on each edge, where they cover nothing."""
        for edge, curve in self.waiting if self.values else ():
            node = self.graph.nodes[edge.value]
            value, share = _pair(node, shares=edge.shares)
            name = (
                _name(node, self.graph.names) if self.graph.boxes[edge.source].node is None else ""
            )
            left = _extent(value, SMALL) + (_extent(name, SMALL + 1) + 3) * bool(name) + 2.5
            right = _extent(share, SMALL) + 2.5
            best = None
            for t in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82, 0.1, 0.9):
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                x, y = np.dot(weights, curve[1:])
                place = np.array([x - left - 1.5, y - 4, x + right + 1.5, y + 4])
                lap = sum(_overlap(place, other) for other in self.taken)
                if best is None or lap < best[0] - 1e-9:
                    best = lap, x, y, place
            _, x, y, place = best
            self.taken.append(place)
            tint = self.graph.tints.get(self.graph.boxes[edge.target].groups, "white")
            ground = {"facecolor": tint, "alpha": 0.8, "edgecolor": "none", "zorder": 4}
            x0, y0, x1, y1 = place
            self.axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, **ground))
            self.pair(x, y, name, value, share)

    def reach(self, width: float) -> tuple[float, float]:
        """From where to where the picture has to go for no number to be cut."""
        left, right = np.array(self.taken)[:, [0, 2]].T
        return min(0.0, left.min() - 3), max(width, right.max() + 3)


def _rounded(x0, y0, x1, y1, corner, **options):
    shape = f"round,pad=0,rounding_size={corner}"
    options = {"linewidth": 0.8, "zorder": 4} | options
    return FancyBboxPatch((x0, y0), x1 - x0, y1 - y0, boxstyle=shape, **options)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Area that two rectangles share."""
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(max(width, 0) * max(height, 0))
