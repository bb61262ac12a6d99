"""Committed notebooks are clean, short-celled, and keep the conventions of the book."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from tools.project import Project

ROOT = Path(__file__).parents[1]
PROJECT = Project.open(ROOT)
NOTEBOOKS = sorted(
    path for path in ROOT.glob("chapters/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts
)
LONGEST_CELL, LONGEST_FUNCTION = 24, 8
MACHINE_PATH = re.compile(r"/home/|/Users/|/root/|/tmp/|/mnt/|\b[A-Z]:\\")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def nodes(cells):
    return [node for cell in cells for node in ast.walk(ast.parse(cell.source))]


def in_a_part(path):
    return path.parent.name.startswith("part")


def test_every_notebook_is_in_the_table_of_contents():
    assert {chapter.source for chapter in PROJECT.chapters} == set(NOTEBOOKS)


def test_figures_have_names_of_their_own():
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    names = [cell.metadata.mystnb.figure.name for cell in cells if "mystnb" in cell.metadata]
    assert len(names) == len(set(names))


def test_format_is_valid_and_cells_have_ids(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)


def test_nothing_is_left_of_an_execution(notebook, code):
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert set(notebook.metadata.get("language_info", {})) <= {"name"}
    assert notebook.metadata.kernelspec.name == "python3"


def test_parameters_are_one_cell_of_literals(path):
    [chapter] = [chapter for chapter in PROJECT.chapters if chapter.source == path]
    assert chapter.parameters()["scale"] == "quick"


def test_text_is_not_code(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            try:
                statements = ast.parse(cell.source).body
            except SyntaxError:
                continue
            assert all(isinstance(statement, ast.Expr) for statement in statements), cell.source


def test_code_is_plain_python_in_short_cells(code):
    """A magic or a shell escape does not parse; long code belongs in mflib."""
    for cell in code:
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source
    for node in nodes(code):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.body[0].lineno < LONGEST_FUNCTION, node.name


def test_imports_stay_inside_the_book(code):
    for node in nodes(code):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & {"tools", "tests", "benchmarks"}


def test_figures_have_name_caption_and_alternative_text(code):
    for cell in code:
        if shown := cell.metadata.get("mystnb"):
            assert shown["figure"]["name"].startswith("fig-")
            assert shown["figure"]["caption"].strip()
            assert shown["image"]["alt"].strip()


def test_one_title_opens_the_chapter(notebook):
    prose = re.sub(r"```.*?```", "", text(notebook), flags=re.DOTALL)
    assert notebook.cells[0].source.startswith("# ")
    assert len(re.findall(r"^# ", prose, flags=re.MULTILINE)) == 1


def test_a_chapter_opens_with_its_box_and_states_its_limits(path, notebook):
    if in_a_part(path):
        assert ":class: chapter-head" in notebook.cells[0].source + notebook.cells[1].source
        assert re.search(r"^## What this does not show$", text(notebook), flags=re.MULTILINE)


def test_recorded_ids_are_claims_of_this_chapter(path, code):
    for node in nodes(code):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "record":
            assert isinstance(node.args[0], ast.Constant), "an id is written out, never composed"
            assert node.args[0].value in PROJECT.claims
            assert node.args[0].value.startswith(f"{path.stem}.")


def test_no_path_of_somebodys_machine(path):
    assert not MACHINE_PATH.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("chapters/part[1-4]*/*.ipynb")), ids=lambda path: path.stem
)
def test_exercises_are_graded_and_half_of_them_for_a_pencil(notebook):
    found = re.findall(
        r"^```\{exercise\}\n:label: [\w-]+\n\n(.*)", text(notebook), flags=re.MULTILINE
    )
    grade = re.compile(
        r"\*(Easy|Medium|Hard), with (a pencil|the computer)( and the computer)?\.\*"
    )
    grades = [grade.match(first) for first in found]
    assert all(grades), found
    assert len(grades) >= 4
    assert sum(match[2] == "a pencil" for match in grades) >= len(grades) / 2
