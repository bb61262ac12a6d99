"""One look for every figure: an attractor keeps its colour and marker throughout the book.

Colours are those of Okabe and Ito, which readers with any kind of colour vision can tell apart;
a marker repeats what the colour says. Figures are drawn on white; the book turns them over for
its dark theme. A phone shows the rows of a table as cards.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes

from mflib.multifunctionality.tasks import Circle

#: The palette by name. Yellow, too faint on white, and black are replaced by two dark shades.
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
GREY = "#6e6e6e"
#: Colour and marker by the attractor's name, or its system's.
#:
#: No two pairs are the same, and within a group neither two colours nor two markers are.
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


def use_style() -> None:
    """Give every figure of a chapter the book's look, sharp on fine screens.

    Widths and letters are chosen so that a figure can still be read on a phone.
    """
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("retina")
    plt.rc("font", size=11)
    plt.rc("figure", figsize=(6.4, 3.2))
    plt.rc("figure.constrained_layout", use=True)
    plt.rc("axes", axisbelow=True, edgecolor="#444444", grid=True, titlesize=11)
    plt.rc("axes.spines", right=False, top=False)
    plt.rc("xtick", labelsize=10)
    plt.rc("ytick", labelsize=10)
    plt.rc("grid", alpha=0.35, linewidth=0.6)
    plt.rc("lines", linewidth=1.6)
    plt.rc("legend", fontsize=10, frameon=False)


def source(function: Callable) -> Markdown:
    """The library's own code of a function or method, without its docstring."""
    code = textwrap.dedent(inspect.getsource(function))
    code = re.sub(r'\n *r?""".*?"""', "", code, count=1, flags=re.DOTALL)
    return Markdown(f"```python\n{code}```")


def plane(axes: Axes, reach: float, title: str = "") -> Axes:
    """Prepare axes for orbits in the plane: equal scales, ``reach`` to each side."""
    ends = (-reach, reach)
    axes.set(aspect="equal", xlim=ends, ylim=ends, xlabel="$x$", ylabel="$y$", title=title)
    axes.locator_params(nbins=6, steps=[1, 2, 5, 10])
    return axes


def draw_task(axes: Axes, task: Circle) -> None:
    """The orbit a task asks for, as a broad pale line with an arrow for its direction."""
    colour, _ = ATTRACTORS[task.name]
    orbit = task.trajectory(200, task.period / 199)
    axes.plot(*orbit.T, color=colour, linewidth=7, alpha=0.3, solid_capstyle="round")
    # opposite directions get their arrows at opposite places, or two circles would share one
    start, end = task.trajectory(2, 0.05, phase=np.pi / 4 if task.omega > 0 else -3 * np.pi / 4)
    arrow = {"arrowstyle": "-|>", "color": colour, "mutation_scale": 22, "alpha": 0.6}
    axes.annotate("", xy=end, xytext=start, arrowprops=arrow)


def draw_run(axes: Axes, outputs: np.ndarray, name: str) -> None:
    """A stretch of a free run, with its attractor's marker where it ends."""
    colour, marker = ATTRACTORS[name]
    axes.plot(*outputs.T, color=colour, linewidth=1.4)
    axes.plot(*outputs[-1], marker, color=colour, markersize=8)


def draw_skeleton(axes: Axes, sets: Iterable[tuple[np.ndarray, int]]) -> None:
    """Fixed points, cycles and closed curves by their stability, in a plane.

    What is stable is drawn full and blue, a saddle (an edge state, say) with one unstable direction
    dashed or hollow and vermilion, with more grey. The plane is that of the outputs, or, of more
    than two, of the first principal components of all that is drawn.

    Args:
        sets: Of each its outputs or states (points, dim), one point or those of a cycle or curve in
            their order, and in how many directions neighbours move away.
    """
    drawn = [(np.asarray(points, dtype=float), int(unstable)) for points, unstable in sets]
    every = np.concatenate([points for points, _ in drawn])
    names, middle, basis = ("$y_1$", "$y_2$"), np.zeros(every.shape[1]), np.eye(every.shape[1])
    if every.shape[1] > 2:
        middle = every.mean(axis=0)
        basis = np.linalg.svd(every - middle, full_matrices=False)[2]
        names = ("first principal component", "second")
    looks = [(COLOURS["blue"], "o", "-"), (COLOURS["vermilion"], "D", "--"), (GREY, "s", ":")]
    labels = ["stable", "one unstable direction", "more"]
    for points, unstable in sorted(drawn, key=lambda one: -one[1]):
        which = min(unstable, 2)
        colour, marker, line = looks[which]
        look: dict[str, Any] = {"label": labels[which], "color": colour}
        labels[which] = "_"  # in the legend once
        look |= {"marker": marker, "ls": ""} if len(points) == 1 else {"ls": line}
        shown = (points - middle) @ basis[:2].T
        axes.plot(*np.vstack([shown, shown[:1]]).T, mfc=colour if not unstable else "none", **look)
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
