"""Functions stay short, and chapters do not repeat what belongs in the library."""

import ast
import json
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_FUNCTION, MOST_VISIBLE = 60, 1_200
MODULES = sorted(ROOT.glob("mflib/**/*.py"))
NOTEBOOKS = sorted(
    path for path in ROOT.glob("chapters/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts
)
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}


def docstring_lines(node):
    """The lines of a module's, class's or function's own docstring."""
    if ast.get_docstring(node, clean=False) is None:
        return set()
    return set(range(node.body[0].lineno, node.body[0].end_lineno + 1))


def cells(path):
    """Source and tags of a notebook's code cells."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"]), set(cell["metadata"].get("tags", []))


def test_functions_are_short():
    lengths = {
        f"{path.stem}.{node.name}": node.end_lineno - node.lineno + 1 - len(docstring_lines(node))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}


def test_no_two_chapters_define_the_same_function():
    chapters = defaultdict(set)
    for path in NOTEBOOKS:
        for source, _ in cells(path):
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef):
                    if docstring_lines(node):
                        node.body = node.body[1:]
                    alike = ast.dump(node.args) + "".join(map(ast.dump, node.body))
                    chapters[alike].add(f"{path.stem}: {node.name}")
    twice = [where for where in chapters.values() if len({w.split(":")[0] for w in where}) > 1]
    assert twice == []


def test_chapters_show_little_code():
    shown = [source for path in NOTEBOOKS for source, tags in cells(path) if not tags & HIDDEN]
    assert sum(bool(line.strip()) for text in shown for line in text.splitlines()) <= MOST_VISIBLE
