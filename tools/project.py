"""The book as it stands on disk: its chapters, their parameters, and where things go."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml

from mflib.book.claims import Claim, load_claims


class BookError(ValueError):
    """Something about the book that its author has to mend; the message says what."""


@dataclass(frozen=True)
class Chapter:
    """A notebook named in `_toc.yml`.

    Attributes:
        page: Path below the root without suffix, as `_toc.yml` writes it.
        source: The notebook file.
    """

    page: str
    source: Path

    @property
    def name(self) -> str:
        """The file's stem, by which claims and the command line call the chapter."""
        return self.source.stem

    @property
    def is_back_matter(self) -> bool:
        """Whether the chapter reports on the others, and so has to run after them."""
        return "back" in Path(self.page).parts[:-1]

    def read(self) -> nbformat.NotebookNode:
        """Return the notebook's source; its cells need ids, as nbformat 4.5 gives them."""
        notebook = nbformat.read(self.source, as_version=4)
        if notebook.nbformat_minor < 5:
            found = f"{notebook.nbformat}.{notebook.nbformat_minor}"
            raise BookError(f"{self.page}.ipynb: expected nbformat 4.5 or later, got {found}")
        return notebook

    def parameters(self) -> dict[str, Any]:
        """Return the declared parameters: the literals of the one `parameters` cell."""
        cells = [c for c in self.read().cells if "parameters" in c.metadata.get("tags", [])]
        where = f"{self.page}.ipynb"
        if len(cells) != 1:
            raise BookError(f'{where}: expected exactly one "parameters" cell, got {len(cells)}')
        try:
            statements = ast.parse(cells[0].source).body
            return {s.targets[0].id: ast.literal_eval(s.value) for s in statements}
        except (SyntaxError, ValueError, AttributeError) as error:
            raise BookError(
                f'{where}: the "parameters" cell may hold only plain assignments of literals, '
                f'such as scale = "quick"; got\n{cells[0].source}'
            ) from error


@dataclass(frozen=True)
class Project:
    """A book rooted at a folder with `_toc.yml`, which names the pages of each part."""

    root: Path
    chapters: tuple[Chapter, ...]
    claims: dict[str, Claim]
    parts: dict[str, list[str]]

    @classmethod
    def open(cls, root: str | Path) -> Project:
        """Read `_toc.yml` and the claims; a page that does not exist is an error."""
        root = Path(root).resolve()
        toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
        chapters = []
        for page in pages(toc):
            if (root / f"{page}.ipynb").is_file():
                chapters.append(Chapter(page, root / f"{page}.ipynb"))
            elif not (root / f"{page}.md").is_file():
                raise BookError(f"_toc.yml: there is no {page}.ipynb and no {page}.md")
        names = [chapter.name for chapter in chapters]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BookError(f"_toc.yml: more than one notebook is called {', '.join(twice)}")
        try:
            claims = load_claims(root / "data" / "claims.toml")
        except ValueError as error:
            raise BookError(str(error)) from error
        named = [part for part in toc.get("parts", []) if "caption" in part]
        parts = {part["caption"]: list(pages(part)) for part in named}
        return cls(root, tuple(chapters), claims, parts)

    @property
    def build(self) -> Path:
        """The folder for everything that is made and may be thrown away."""
        return self.root / "_build"

    def chapter(self, name: str) -> Chapter:
        """Return the chapter of that name."""
        for chapter in self.chapters:
            if chapter.name == name:
                return chapter
        known = ", ".join(chapter.name for chapter in self.chapters)
        raise BookError(f"there is no chapter {name!r}; the chapters are: {known}")

    def executed(self, chapter: Chapter, scale: str) -> Path:
        """Return where the executed notebook of a chapter belongs."""
        return self.build / "executed" / scale / f"{chapter.page}.ipynb"

    def claims_of(self, chapter: Chapter) -> dict[str, Claim]:
        """Return the claims that a chapter has to measure at some scale."""
        return {id: claim for id, claim in self.claims.items() if claim.chapter == chapter.name}

    def key(self, chapter: Chapter, parameters: dict[str, Any]) -> str:
        """Return the hash of everything that the outputs of a chapter depend on.

        Args:
            chapter: The chapter.
            parameters: The values it will run with.
        """
        cells = [(c.cell_type, c.source, c.metadata) for c in chapter.read().cells]
        claims = [repr(claim) for claim in self.claims_of(chapter).values()]
        code = self._imported_by(chapter)
        meaning = {module: code[module].meaning for module in sorted(code)}
        stated = [cells, claims, parameters, sys.version_info[:2], meaning]
        digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode())
        words = {word for module in code.values() for word in module.words}
        words |= {word for source in _code(chapter) for word in _meaning(source).words}
        patterns = "data/**/*", "mflib/**/*.toml", "_static/live/*"
        data = [path for pattern in patterns for path in self.root.glob(pattern)]
        named = [p for p in data if p.name != "claims.toml" and words & self._names_of(p)]
        inputs = [self.root / "requirements.txt", *named]
        if chapter.is_back_matter:
            inputs += [self.build / "results.json", self.build / "build.json"]
        for path in sorted(path for path in inputs if path.is_file()):
            state = path.stat()
            content = _file_digest(path, state.st_mtime_ns, state.st_size)
            digest.update(f"\n{path.relative_to(self.root).as_posix()} {content}".encode())
        return digest.hexdigest()

    def _names_of(self, path: Path) -> set[str]:
        """By what code may call a data file: its name, with or without suffix; its folder."""
        return {path.stem, *path.relative_to(self.root).parts[1:]}

    def _imported_by(self, chapter: Chapter) -> dict[str, Meaning]:
        """The modules of `mflib` that a chapter imports, and those that these import."""
        found: dict[str, Meaning] = {}
        left = [name for source in _code(chapter) for name in _meaning(source).imports]
        while left:
            name = left.pop()
            path = self.root.joinpath(*name.split("."))
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            if name not in found and path.is_file():
                found[name] = _module(path, path.stat().st_mtime_ns)
                left += found[name].imports
        return found


@dataclass(frozen=True)
class Meaning:
    """What a source computes with: comments and docstrings change nothing."""

    meaning: str
    imports: tuple[str, ...]
    words: frozenset[str]


def _code(chapter: Chapter) -> list[str]:
    return [cell.source for cell in chapter.read().cells if cell.cell_type == "code"]


@functools.cache
def _module(path: Path, modified: int) -> Meaning:
    """What a file means, read once as long as it does not change."""
    return _meaning(path.read_text(encoding="utf-8"))


@functools.cache
def _meaning(source: str) -> Meaning:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # it will fail when it runs
        return Meaning(source, (), frozenset())
    imports: list[str] = []
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # texts that stand alone are docstrings
            texts = [
                x for x in body if isinstance(x, ast.Expr) and isinstance(x.value, ast.Constant)
            ]
            node.body = [x for x in body if x not in texts] or [ast.Pass()]  # type: ignore[attr-defined]
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    own = [name for name in imports if name.split(".")[0] == "mflib"]
    parts = [".".join(name.split(".")[: k + 1]) for name in own for k in range(name.count(".") + 1)]
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    words = frozenset(w for x in constants if isinstance(x, str) for w in x.split("/") if w)
    return Meaning(ast.dump(tree), tuple(dict.fromkeys(parts)), words)


@functools.cache
def _file_digest(path: Path, modified: int, size: int) -> str:
    """Hash a file, once for all chapters as long as it does not change."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pages(node: Any) -> Iterator[str]:
    """Yield every page that a table of contents names, in reading order."""
    if isinstance(node, list):
        for item in node:
            yield from pages(item)
    elif isinstance(node, dict):
        for key in ("root", "file"):
            if key in node:
                yield node[key]
        for key in ("parts", "subtrees", "chapters", "sections", "entries"):
            yield from pages(node.get(key))


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is never seen half-written; same text, same file."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
