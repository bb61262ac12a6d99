"""One look for every figure: an attractor keeps its colour and marker throughout the book.

Colours are those of Okabe and Ito, which readers with any kind of colour vision can tell apart;
a marker repeats what the colour says. Figures are drawn on white; the book turns them over for
its dark theme. A phone shows the rows of a table as cards.
"""

from __future__ import annotations

import base64
import inspect
import io
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from mflib.record import Html
from mflib.tasks import Circle

__all__ = [
    "ATTRACTORS",
    "COLOURS",
    "GREY",
    "Movie",
    "draw_run",
    "draw_task",
    "movie",
    "plane",
    "source",
    "table",
    "two_runs_movie",
    "use_style",
]

COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "pink": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "brown": "#7F3C00",
    "navy": "#1F1A5A",
}
"""The palette by name. Yellow, too faint on white, and black are replaced by two dark shades."""

GREY = "#6e6e6e"

ATTRACTORS = {
    # the two attractors of a system that has two
    "A": (COLOURS["blue"], "o"),
    "B": (COLOURS["vermilion"], "^"),
    # kinds of attractors in one system
    "rest": (COLOURS["orange"], "o"),
    "cycle": (COLOURS["green"], "s"),
    "chaos": (COLOURS["pink"], "*"),
    # chaotic systems
    "lorenz": (COLOURS["blue"], "s"),
    "halvorsen": (COLOURS["green"], "^"),
    "rossler": (COLOURS["vermilion"], "o"),
    "chua": (COLOURS["pink"], "D"),
    "thomas": (COLOURS["orange"], "v"),
    "sprott_b": (COLOURS["sky"], "P"),
    "chen": (COLOURS["brown"], "X"),
    "aizawa": (COLOURS["navy"], "*"),
    # and orbits on none of them
    "none": (GREY, "."),
    "diverged": ("#000000", "x"),
}
"""Colour and marker by the attractor's name, or its system's.

No two pairs are the same, and within a group neither two colours nor two markers are.
"""

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.labelsize": 11,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (6.4, 3.2),
    "font.size": 11,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}


def use_style() -> None:
    """Give every figure of a chapter the book's look, sharp on fine screens.

    Widths and letters are chosen so that a figure can still be read on a phone.
    """
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("retina")
    plt.rcParams.update(STYLE)


def source(function) -> Markdown:
    """The library's own code of a function or method, without its docstring."""
    code = textwrap.dedent(inspect.getsource(function))
    code = re.sub(r'\n *r?""".*?"""', "", code, count=1, flags=re.DOTALL)
    return Markdown(f"```python\n{code}```")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: bool = False) -> Html:
    r"""A table whose rows a phone shows as cards, each headed by the row's first cell.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of sequences of str
        A cell for each column; ``\n`` begins a new line in a cell.
    wrap : bool
        Whether cells hold sentences: their lines are broken where the column ends, and a phone
        puts the cells of a card below one another.

    Raises
    ------
    ValueError
        If a row has too few or too many cells.

    Examples
    --------
    >>> print(table(["system", "exponent"], [["Lorenz", "0.906"], ["Rössler", "0.072"]]))
    system | exponent
    Lorenz | 0.906
    Rössler | 0.072
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"rows: got {len(row)} cells in {row}, expected {len(columns)}")

    def lines(content):
        return escape(content).replace("\n", "<br>")

    def cell(column, content):
        return f'<td data-label="{escape(column)}">{lines(content)}</td>'

    kind = "table cards sentences" if wrap else "table cards"
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{lines(first)}</th>{"".join(map(cell, columns[1:], rest))}</tr>'
        for first, *rest in rows
    )
    return Html(
        f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>',
        "\n".join(" | ".join(row).replace("\n", ", ") for row in [columns, *rows]),
    )


def plane(axes: Axes, reach: float, title: str = "") -> Axes:
    """Prepare axes for orbits in the plane: equal scales, ``reach`` to each side."""
    axes.set(
        aspect="equal",
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        xlabel="$x$",
        ylabel="$y$",
        title=title,
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    return axes


def draw_task(axes: Axes, task: Circle) -> None:
    """The orbit a task asks for, as a broad pale line with an arrow for its direction."""
    colour, _ = ATTRACTORS[task.name]
    orbit = task.trajectory(200, task.period / 199)
    axes.plot(*orbit.T, color=colour, linewidth=7, alpha=0.3, solid_capstyle="round")
    # opposite directions get their arrows at opposite places, or two circles would share one
    start, end = task.trajectory(2, 0.05, phase=np.pi / 4 if task.omega > 0 else -3 * np.pi / 4)
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 22, "alpha": 0.6},
    )


def draw_run(axes: Axes, outputs: np.ndarray, name: str, *, label: str | None = None) -> None:
    """A stretch of a free run, with its attractor's marker where it ends."""
    colour, marker = ATTRACTORS[name]
    axes.plot(*outputs.T, color=colour, linewidth=1.4)
    axes.plot(*outputs[-1], marker, color=colour, markersize=8, label=label)


@dataclass(frozen=True)
class Movie:
    """An animated picture and one still of it, shown in a notebook as HTML.

    Readers who ask their system for reduced motion see the still.

    Attributes
    ----------
    animation : bytes
        Animated WebP.
    still : bytes
        WebP of one frame.
    alt : str
        What the picture shows, in words.
    width : int
        In CSS pixels.
    """

    animation: bytes
    still: bytes
    alt: str
    width: int

    def _repr_html_(self) -> str:
        def uri(content):
            return f"data:image/webp;base64,{base64.b64encode(content).decode()}"

        return (
            '<figure class="animation"><picture>'
            f'<source srcset="{uri(self.still)}" media="(prefers-reduced-motion: reduce)">'
            f'<img src="{uri(self.animation)}" alt="{self.alt}" width="{self.width}">'
            "</picture></figure>"
        )


def movie(
    figure: Figure,
    draw: Callable[[int], None],
    frames: Sequence[int],
    alt: str,
    *,
    milliseconds: int = 50,
    still: int = -1,
) -> Movie:
    """Draw a figure once per frame and keep the pictures as one animated WebP.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Closed when done.
    draw : callable
        ``draw(frame)`` changes the figure's artists.
    frames : sequence of int
    alt : str
        What the picture shows, in words.
    milliseconds : int
        Between frames.
    still : int
        Position in ``frames`` of the frame that stands for the whole.
    """
    pictures = []
    for frame in frames:
        draw(frame)
        figure.canvas.draw()
        pictures.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB"))
    width = round(figure.get_figwidth() * 100)
    plt.close(figure)

    def webp(pictures, **options):
        content = io.BytesIO()
        first, *rest = pictures
        if rest:
            options |= {"save_all": True, "append_images": rest, "loop": 0}
        first.save(content, "webp", quality=60, method=4, **options)
        return content.getvalue()

    return Movie(
        webp(pictures, duration=milliseconds), webp([pictures[still]]), alt=alt, width=width
    )


def two_runs_movie(
    tasks: Sequence[Circle],
    cues: np.ndarray,
    outputs: np.ndarray,
    alt: str,
    *,
    stride: int = 2,
    dpi: int = 150,
) -> Movie:
    """Two free runs of one network, side by side, each after its own cue.

    Parameters
    ----------
    tasks : sequence of Circle
    cues : array_like, shape (2, length, 2)
        What the network hears, drawn in grey.
    outputs : array_like, shape (2, steps, 2)
        What it does then, drawn in the task's colour.
    alt : str
    stride : int
        Steps of the run from frame to frame.
    dpi : int
    """
    cues, outputs = np.asarray(cues), np.asarray(outputs)
    length = cues.shape[1]
    runs = np.concatenate([cues, outputs], axis=1)
    figure, panels = plt.subplots(1, len(tasks), figsize=(6.4, 3.5), dpi=dpi, sharey=True)
    artists = []
    for axes, task in zip(panels, tasks, strict=True):
        colour, marker = ATTRACTORS[task.name]
        reach = 1.15 * max(np.abs(runs).max(), task.radius)
        plane(axes, reach)
        axes.set(xlabel="", ylabel="", xticks=[], yticks=[])
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        (heard,) = axes.plot([], [], color="#9a9a9a", linewidth=4, solid_capstyle="round")
        (drawn,) = axes.plot([], [], color=colour, linewidth=2.4, solid_capstyle="round")
        (pen,) = axes.plot([], [], marker, color=colour, markersize=11)
        words = axes.text(0, 0, "", ha="center", va="center", fontsize=13, linespacing=1.5)
        artists.append((heard, drawn, pen, words, colour, task))

    def draw(frame):
        for run, (heard, drawn, pen, words, colour, task) in zip(runs, artists, strict=True):
            listening = frame < length
            shade = GREY if listening else colour
            heard.set_data(*run[: min(frame, length) + 1].T)
            drawn.set_data(*run[length : frame + 1].T)
            pen.set_data(*run[frame : frame + 1].T)
            pen.set_color(shade)
            words.set_text(f"cue {task.name}\nlistening" if listening else "loop closed")
            words.set_color(shade)

    return movie(figure, draw, range(0, runs.shape[1], stride), alt)
