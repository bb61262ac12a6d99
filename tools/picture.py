"""Take the README's moving picture from the executed Welcome page: `python -m tools.picture`."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

from tools.execute import last_good
from tools.project import BookError, Project

PICTURES = ("seeing_double_still.webp", "seeing_double.webp")


def take(root: str | Path, scale: str = "quick") -> list[Path]:
    """Write the Welcome page's still and animation to `_static`, and return the files."""
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
    return files


if __name__ == "__main__":
    try:
        print("\n".join(str(file) for file in take(".")))
    except BookError as error:
        sys.exit(str(error))
