"""Live figures: trained networks that run in the page, where a reader drives them.

A figure brings along all it needs, weights, scripts and styles, so that it works without a server
and without the network, in the book and in JupyterLab. What it computes is what the library
computes, in double precision. Its scripts are the modules in ``_static/live/``. A browser refuses
modules in files of their own to pages that it opens from a disk, so those that a figure needs are
written into the page, one after the other.
"""

import base64
import hashlib
import io
import json
import re
from html import escape
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from mflib import checks
from mflib.book.plots import ATTRACTORS, COLOURS
from mflib.book.tables import Html
from mflib.multifunctionality.tasks import Attractor, Circle
from mflib.networks.elman import Elman
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import Recurrent

#: Where scripts and styles are.
SCRIPTS = Path(__file__).resolve().parents[2] / "_static/live"
#: What ``engine.mjs`` can run.
KINDS = (Elman, LSTM, IncrementLSTM)
#: Systems whose equations ``engine.mjs`` knows.
FLOWS = ("lorenz", "halvorsen")
_IMPORT = re.compile(r'^import [^;]*? from "\./(\w+)\.mjs";\n', re.MULTILINE)
_COLOUR_NAMES = {shade: name for name, shade in COLOURS.items()}


def live(
    scene: str, *networks: Recurrent, still: Figure, alt: str, hint: str, **settings: Any
) -> Html:
    """A figure that a reader drives, as the output of a cell.

    Caption and name come from the cell's metadata, as those of any figure. Where there is no
    script, and on paper, the still is shown.

    Args:
        scene: The class that plays it, of the module ``_static/live/`` that has its name in small
            letters: ``"Circles"`` of ``circles.mjs``.
        networks: Whose weights go into the page, each number as it is.
        still: A plot of what there is to see; closed when done.
        alt: What the figure shows, in words.
        hint: What a reader can do, in a sentence or two.
        **settings: What the scene asks for: numbers, text, arrays, tasks (circles, chaotic
            attractors), and lists and dictionaries of these.

    Raises:
        ValueError: If there is no such scene, a network is of a kind that the scripts do not
            know, or a setting cannot be written down.
        FileNotFoundError: If the scripts are not there: they belong to the repository.
    """
    scripts = _with_imports(scene.lower())
    for name, words in (("alt", alt), ("hint", hint)):
        if not words.strip():
            raise ValueError(f"{name}: got {words!r}, expected a sentence")
    packed = [_packed(network) for network in networks]
    data = {"networks": packed, "hint": hint} | settings
    try:
        text = json.dumps(data, default=_plain, allow_nan=False).replace("</", "<\\/")
    except ValueError as error:
        raise ValueError(f"settings: got {settings}, expected finite numbers: {error}") from error
    # two figures of one page have different ids as long as they differ at all
    name = "live-" + hashlib.sha256((scene + text).encode()).hexdigest()[:10]
    styles = (SCRIPTS / "live.css").read_text(encoding="utf-8")
    picture, width = _picture(still)
    return Html(
        f'<div class="live" id="{name}" data-scene="{escape(scene)}"><style>{styles}</style>'
        f'<img src="{picture}" alt="{escape(alt)}" width="{width}">'
        f'<script type="application/json">{text}</script>'
        f'<script type="module">{scripts}mount("{name}", (figure) => new {scene}(figure));'
        "</script></div>"
    )


def _with_imports(module: str) -> str:
    """One script of a module and all that it imports, those first."""
    if not SCRIPTS.is_dir():
        raise FileNotFoundError(f"scene: there is no {SCRIPTS}; it belongs to the repository")
    texts: dict[str, str] = {}

    def add(name: str) -> None:
        if name not in texts:
            text = (SCRIPTS / f"{name}.mjs").read_text(encoding="utf-8")
            for other in _IMPORT.findall(text):
                add(other)
            texts[name] = re.sub("^export ", "", _IMPORT.sub("", text), flags=re.MULTILINE)

    if not (SCRIPTS / f"{module}.mjs").is_file():
        known = ", ".join(sorted(path.stem for path in SCRIPTS.glob("*.mjs")))
        raise ValueError(f"scene: got {module!r}, expected one of the modules {known}")
    for name in ("figure", module):
        add(name)
    return "".join(texts.values())


def _packed(network: Recurrent) -> dict[str, Any]:
    """Kind and weights of a network, as ``engine.mjs`` reads them: bit by bit."""
    if type(network) not in KINDS:
        known = ", ".join(kind.__name__ for kind in KINDS)
        raise ValueError(f"networks: got {network!r}, expected one of {known}")
    weights = {}
    for name, weight in network.weights().items():
        array = np.asarray(weight)
        checks.reals(name, array, array.shape)
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        content = base64.b64encode(little.tobytes()).decode()
        weights[name] = {"shape": array.shape, "type": array.dtype.name, "data": content}
    return {"kind": type(network).__name__, "weights": weights}


def _plain(value: Any) -> Any:
    """What JSON does not know, in what it knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if not isinstance(value, Circle | Attractor):
        raise ValueError(f"{value!r} is neither number, text, array, circle nor attractor")
    colour, marker = ATTRACTORS.get(value.name, ATTRACTORS["none"])
    look = {"name": value.name, "colour": _COLOUR_NAMES.get(colour, "grey"), "marker": marker}
    if isinstance(value, Circle):
        return look | vars(value)
    if value.flow.name not in FLOWS:
        raise ValueError(f"{value.flow.name} is not among the flows {', '.join(FLOWS)}")
    mean, std = value.units()
    return look | {
        "title": value.flow.title,
        "flow": value.flow.name,
        "parameters": dict(value.flow.parameters),
        "mean": mean,
        "std": std,
        "centre": value.centre,
        "dt": value.dt,
        "start": value.data()[0, 0],
    }


def _picture(figure: Figure) -> tuple[str, int]:
    """A plot as a PNG with few colours, in an address; and its width on the page, in pixels."""
    content, small = io.BytesIO(), io.BytesIO()
    figure.savefig(content, format="png", dpi=200, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    picture = Image.open(content)
    picture.convert("RGB").quantize(32).save(small, "png", optimize=True)
    address = f"data:image/png;base64,{base64.b64encode(small.getvalue()).decode()}"
    return address, picture.width // 2
