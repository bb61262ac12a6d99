"""Moving pictures, with a still for readers who ask for reduced motion."""

import base64
import io
from collections.abc import Callable, Sequence
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from mflib.book.plots import ATTRACTORS, GREY, plane
from mflib.book.tables import Html
from mflib.multifunctionality.tasks import Circle


def movie(figure: Figure, draw: Callable[[int], None], frames: Sequence[int], alt: str) -> Html:
    """Draw a figure once per frame and keep the pictures as one animated WebP.

    Readers who ask their system for reduced motion see the last one only.

    Args:
        figure: Closed when done.
        draw: ``draw(frame)`` changes the figure's artists.
        frames: One every 50 milliseconds.
        alt: What the picture shows, in words.
    """
    pictures = []
    for frame in frames:
        draw(frame)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
        pictures.append(Image.fromarray(pixels).convert("RGB"))
    width = round(figure.get_figwidth() * 100)
    plt.close(figure)

    def webp(first, *rest):
        content, loop = io.BytesIO(), {"append_images": rest, "duration": 50, "loop": 0}
        first.save(content, "webp", quality=60, method=2, save_all=True, **loop)
        return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"

    return Html(
        '<figure class="animation"><picture>'
        f'<source srcset="{webp(pictures[-1])}" media="(prefers-reduced-motion: reduce)">'
        f'<img src="{webp(*pictures)}" alt="{escape(alt)}" width="{width}"></picture></figure>'
    )


def two_runs_movie(
    tasks: Sequence[Circle], cues: np.ndarray, outputs: np.ndarray, alt: str
) -> Html:
    """Two free runs of one network, side by side, each after its own cue.

    Args:
        cues (2, length, 2): What the network hears, drawn in grey.
        outputs (2, steps, 2): What it does then, drawn in the task's colour.
        alt: What the picture shows, in words.
    """
    cues, outputs = np.asarray(cues), np.asarray(outputs)
    length = cues.shape[1]
    runs = np.concatenate([cues, outputs], axis=1)
    figure, panels = plt.subplots(1, len(tasks), figsize=(6.4, 3.5), dpi=150, sharey=True)
    words = {"ha": "center", "va": "center", "fontsize": 13, "linespacing": 1.5}
    for axes, task in zip(panels, tasks, strict=True):
        plane(axes, reach=1.15 * max(np.abs(runs).max(), task.radius)).axis("off")

    def draw(frame):
        for axes, run, task in zip(panels, runs, tasks, strict=True):
            for artist in (*axes.lines, *axes.texts):  # of the frame before
                artist.remove()
            colour, marker = ATTRACTORS[task.name]
            given, drawn = run[: min(frame, length) + 1], run[length : frame + 1]
            axes.plot(*given.T, color="#9a9a9a", linewidth=4, solid_capstyle="round")
            axes.plot(*drawn.T, color=colour, linewidth=2.4, solid_capstyle="round")
            driven = frame < length
            shade = GREY if driven else colour
            axes.plot(*run[frame], marker, color=shade, markersize=11)
            text = f"cue {task.name}\ndrives" if driven else "loop closed"
            axes.text(0, 0, text, color=shade, **words)

    return movie(figure, draw, range(0, runs.shape[1], 2), alt)
