"""Pack the built book, and the PDF if there is one: `python -m tools.dist`."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tools.project import BookError

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same book gives the same bytes, whenever it is packed


def pack(root: str | Path) -> Path:
    """Write a zip of `_build/html` and its SHA-256, and return the zip.

    Raises:
        BookError: If the book has not been built.
    """
    root = Path(root)
    html, pdf = root / "_build" / "html", root / "_build" / "book.pdf"
    if not (html / "index.html").is_file():
        raise BookError("there is no book to pack; run `make book` first")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = f"multifunctionality-{project['version']}"
    target = root / "_build" / "dist" / f"{name}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    files = {path.relative_to(html).as_posix(): path for path in sorted(html.rglob("*"))}
    files |= {"book.pdf": pdf} if pdf.is_file() else {}
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for inside, path in files.items():
            if path.is_file() and not inside.startswith("."):
                info = ZipInfo(f"{name}/{inside}", EPOCH)
                info.external_attr, info.compress_type = 0o644 << 16, ZIP_DEFLATED
                archive.writestr(info, path.read_bytes())
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    target.with_suffix(".zip.sha256").write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    return target


if __name__ == "__main__":
    try:
        print(pack("."))
    except BookError as error:
        sys.exit(str(error))
