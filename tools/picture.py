"""Take the pictures that stand outside of the book from the executed Welcome page.

`python -m tools.picture` writes the README's and the one that shared links show.
"""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

from PIL import Image

from tools.execute import last_good
from tools.project import BookError, Project

PICTURES = ("seeing_double_still.webp", "seeing_double.webp")
CARD, CARD_SIZE = "card.png", (1200, 630)  # what Open Graph's readers ask for


def take(root: str | Path, scale: str = "quick") -> list[Path]:
    """Write the Welcome page's still, animation and card to `_static`, and return the files."""
    project = Project.open(root)
    notebook = last_good(project, project.chapter("welcome"), scale)
    if notebook is None:
        raise BookError("the Welcome page has not been executed; run `make book` first")
    text = str([cell.get("outputs") for cell in notebook.cells])
    found = re.findall(r"data:image/webp;base64,([A-Za-z0-9+/=]+)", text)
    if len(found) != len(PICTURES):
        raise BookError(f"welcome: expected {len(PICTURES)} WebP pictures, got {len(found)}")
    files = [project.root / "_static" / name for name in PICTURES]
    for file, content in zip(files, found, strict=True):
        file.write_bytes(base64.b64decode(content))
    return [*files, card(files[0])]


def card(still: Path) -> Path:
    """Lay a still on white, in the size of a shared link's card, beside it."""
    whole = Image.new("RGB", CARD_SIZE, "white")
    with Image.open(still) as picture:
        scale = min(CARD_SIZE[0] / picture.width, CARD_SIZE[1] / picture.height)
        size = round(scale * picture.width), round(scale * picture.height)
        inner = picture.convert("RGB").resize(size)
    whole.paste(inner, ((CARD_SIZE[0] - size[0]) // 2, (CARD_SIZE[1] - size[1]) // 2))
    target = still.with_name(CARD)
    whole.save(target, optimize=True)
    return target


if __name__ == "__main__":
    try:
        print("\n".join(str(file) for file in take(".")))
    except BookError as error:
        sys.exit(str(error))
