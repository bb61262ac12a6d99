"""Moving pictures, with a still for readers who ask for reduced motion."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from mflib.book.plots import ATTRACTORS, GREY, plane
from mflib.multifunctionality.tasks import Circle


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
    pictures, canvas = [], cast(FigureCanvasAgg, figure.canvas)
    for frame in frames:
        draw(frame)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
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
