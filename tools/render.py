"""Stage what the book needs and render it, replacing the previous book only on success."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tools import repository
from tools.check import HARMLESS
from tools.project import BookError, Project

# What a page may draw on besides the notebooks: static files, sources shown to the reader. The
# pages of the API are made from mflib as it is installed, which `make` does in place.
_FOLDERS = ("_ext", "_static", "chapters", "mflib")
_FILES = ("_toc.yml", "references.bib", "data/*.toml")
_STAMP = ".stage"


def stage(project: Project, scale: str) -> tuple[Path, str]:
    """Gather the executed chapters and everything else the book needs in one folder.

    A chapter that has never been executed is staged as its bare source.

    Returns:
        The staged book, whose configuration executes nothing, and a hash of all its files.
    """
    folder = project.build / "stage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    junk = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in _FOLDERS:
        if (project.root / name).is_dir():
            shutil.copytree(project.root / name, folder / name, ignore=junk)
    for path in (path for pattern in _FILES for path in project.root.glob(pattern)):
        target = folder / path.relative_to(project.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for chapter in project.chapters:
        if (executed := project.executed(chapter, scale)).is_file():
            shutil.copy(executed, folder / f"{chapter.page}.ipynb")
    config = yaml.safe_load((project.root / "_config.yml").read_text(encoding="utf-8"))
    config["execute"] = {**config.get("execute", {}), "execute_notebooks": "off"}
    repository.configure(config, project.root)
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    (folder / "_config.yml").write_text(text, encoding="utf-8")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"\n{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return folder, digest.hexdigest()


def render(project: Project, scale: str, strict: bool = True) -> bool:
    """Bring `_build/html` up to date.

    Args:
        project: The book.
        scale: The scale whose executed chapters are shown.
        strict: Treat warnings as errors; otherwise they are only shown.

    Returns:
        bool: Whether anything had to be rendered.
    """
    folder, digest = stage(project, scale)
    html = project.build / "html"
    if (html / _STAMP).is_file():
        if (html / _STAMP).read_text(encoding="utf-8") == _stamp(html, digest, strict):
            return False
    # Always from nothing: an incremental build would not repeat a warning it once gave.
    output = project.build / "render"
    shutil.rmtree(output, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "-n", "--keep-going"]
    command += ["-W"] * strict + ["-q", str(folder), "--path-output", str(output)]
    ran = subprocess.run(command, capture_output=True, text=True)
    said = re.sub(r"\x1b\[[0-9;]*m", "", ran.stderr)  # Sphinx colours even a pipe
    said = "\n".join(line for line in said.splitlines() if not HARMLESS.match(line)).strip()
    if ran.returncode != 0:
        raise BookError(f"rendering failed:\n{said or ran.stdout.strip()}")
    if said:
        print(said, file=sys.stderr)
    rendered = output / "_build" / "html"
    (rendered / _STAMP).write_text(_stamp(rendered, digest, strict), encoding="utf-8")
    previous = project.build / "html.previous"
    shutil.rmtree(previous, ignore_errors=True)
    if html.exists():
        html.rename(previous)
    rendered.rename(html)
    for folder in (previous, output):
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _stamp(html: Path, digest: str, strict: bool) -> str:
    """Tell one rendering from another.

    A book rendered leniently may hold warnings, so it does not count for a strict build. The
    time tells when a plain `jupyter-book build .` has written over the book since.
    """
    written = (html / ".buildinfo").stat().st_mtime_ns
    return f"{digest} {'strict' if strict else 'lenient'} {written}"
