"""The book pipeline, on tiny books made here: it stops when it must and never runs twice."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import nbformat
import psutil
import pytest
from filelock import FileLock
from PIL import Image

from mflib.book.record import METADATA_KEY
from tools import book as command
from tools import check, results
from tools.execute import Limits, execute, last_good
from tools.picture import take
from tools.project import BookError, Project

ROOT = Path(__file__).parents[1]
LIMITS = Limits(processes=2, cell=60, chapter=60)
QUICK = {"scale": "quick"}
PARAMETERS = 'scale = "quick"\nseed = 0'
STATED = 'statement = "One is one."\nsource = "this book"\nkind = "theory"\n'
CLAIM = f"[one.value]\n{STATED}value = 1\nabs = 0\n"
IMPORT = "if False:\n    from mflib import code\n"
RECORD = 'from mflib.book.record import record\nrecord("one.value", 1)'


class Book:
    """A book in a temporary folder."""

    def __init__(self, root):
        self.root = root
        for folder in ("chapters", "data", "mflib"):
            (root / folder).mkdir()
        (root / "data" / "claims.toml").touch()
        (root / "mflib" / "code.py").write_text("x = 1\n")
        (root / "requirements.txt").write_text("numpy\n")
        self.pages = []

    def chapter(self, name, *sources, parameters=(PARAMETERS,), metadata=None):
        cells = [nbformat.v4.new_markdown_cell(f"# Chapter {name}")]
        tagged = {"tags": ["parameters"]}
        cells += [nbformat.v4.new_code_cell(text, metadata=tagged) for text in parameters]
        cells += [nbformat.v4.new_code_cell(text, metadata=metadata or {}) for text in sources]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        path = self.root / "chapters" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        if f"chapters/{name}" not in self.pages:
            self.pages.append(f"chapters/{name}")
        root, *others = self.pages
        toc = {"format": "jb-book", "root": root, "chapters": [{"file": page} for page in others]}
        (self.root / "_toc.yml").write_text(json.dumps(toc))

    def claims(self, text):
        (self.root / "data" / "claims.toml").write_text(text)

    def run(self, parameters=None, limits=LIMITS):
        """Execute the chapters in front of the back matter; return the names of those that ran."""
        project = Project.open(self.root)
        chapters = [chapter for chapter in project.chapters if not chapter.is_back_matter]
        parameters = {**QUICK, **(parameters or {})}
        check.parameters(chapters, parameters)
        return sorted(chapter.name for chapter in execute(project, chapters, parameters, limits))

    def executed(self, name, scale="quick"):
        project = Project.open(self.root)
        return last_good(project, project.chapter(name), scale)

    def failure(self, **arguments):
        with pytest.raises(BookError) as caught:
            self.run(**arguments)
        return str(caught.value)


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def gone(pid_file):
    """Wait a moment for the process that left its number in a file to end."""
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


LEAVE_PID = "import os, pathlib, time\npathlib.Path({!r}).write_text(str(os.getpid()))\n"


@pytest.mark.slow
def test_each_chapter_runs_once_and_again_only_when_something_changed(book):
    book.claims(CLAIM)
    book.chapter("one", RECORD, IMPORT + "print(scale, seed)")
    assert book.run() == ["one"]
    assert book.run() == []
    assert "quick 0" in str(book.executed("one").cells[3].outputs)

    code, other = (book.root / "mflib" / f"{name}.py" for name in ("code", "other"))
    code.write_text("x = 2\n")
    assert book.run() == ["one"]
    code.write_text('"""About."""\nx = 2  # two\n\n\ndef f():\n    """Nothing."""\n')
    assert book.run() == ["one"]  # there is a function now
    code.write_text('"""About it."""\nx = 2\n\n\ndef f():\n    """No thing."""\n    # at all\n')
    other.write_text("y = 1\n")
    assert book.run() == []  # words, and a module that no chapter imports
    code.write_text("def f():\n    from mflib.other import y\n")
    assert book.run() == ["one"]
    other.write_text("y = 2\n")
    assert book.run() == ["one"]
    book.chapter("two", "import os\nprint(os.getcwd())")
    assert book.run() == ["two"]
    assert str(book.root / "chapters") in str(book.executed("two").cells[2].outputs)
    book.claims(CLAIM.replace("One is one", "One equals one"))
    assert book.run() == ["one"]
    assert book.run(parameters={"seed": 7}) == ["one", "two"]
    assert "quick 7" in str(book.executed("one").cells[4].outputs)


@pytest.mark.slow
def test_a_chapter_runs_again_only_for_the_data_it_names(book):
    data = book.root / "data"
    (data / "networks").mkdir()
    book.chapter("one", IMPORT + "path = '../data/table.jsonl'")
    book.chapter("two", "path = f'../data/networks/{seed}.npz'")
    assert book.run() == ["one", "two"]
    (data / "table.jsonl").write_text("{}")
    assert book.run() == ["one"]
    (data / "networks" / "0.npz").write_bytes(b"weights")
    assert book.run() == ["two"]
    (data / "other.csv").write_text("1,2")
    assert book.run() == []
    (book.root / "mflib" / "code.py").write_text("NAME = 'other'")
    assert book.run() == ["one"]
    (data / "other.csv").write_text("1,3")
    assert book.run() == ["one"]


@pytest.mark.parametrize("name", ["mflib/numbers.toml", "_static/live/engine.mjs"])
def test_a_file_of_the_library_is_an_input_of_who_imports_it(book, name):
    file = book.root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    (book.root / "mflib" / "code.py").write_text(f'FILE = "{name}"\n')
    book.chapter("one", "from mflib.code import FILE")
    book.chapter("two", "1 + 1")

    def keys():
        project = Project.open(book.root)
        return [project.key(chapter, QUICK) for chapter in project.chapters]

    file.write_text("x = 1")
    one, two = keys()
    file.write_text("x = 22")
    assert keys()[0] != one and keys()[1] == two


def test_a_clean_notebook_is_kept_and_carries_its_record(book):
    book.claims(CLAIM)
    book.chapter("one", RECORD)
    book.run(parameters={"scale": "full"})
    notebook = book.executed("one", "full")
    nbformat.validate(notebook)
    assert [record["value"] for record in check.records(notebook)] == [1]
    assert str(book.root) not in nbformat.writes(notebook)
    assert len(notebook.cells[3].outputs) == 1, "the returned record must not be shown again"


@pytest.mark.slow
def test_the_readme_takes_its_pictures_from_the_welcome_page(book):
    still_content = BytesIO()
    Image.new("RGB", (96, 52), "red").save(still_content, "webp")
    contents = [still_content.getvalue(), b"a movie"]
    pictures = [base64.b64encode(content).decode() for content in contents]
    html = "".join(f'<img alt="x" src="data:image/webp;base64,{data}">' for data in pictures)
    book.chapter("welcome", f"from IPython.display import HTML\n\nHTML({html!r})")
    with pytest.raises(BookError, match="run `make book` first"):
        take(book.root)
    book.run()
    (book.root / "_static").mkdir()
    still, movie, card = take(book.root)
    assert [still.read_bytes(), movie.read_bytes()] == contents
    with Image.open(card) as picture:
        assert picture.size == (1200, 630)
        assert picture.getpixel((0, 0)) == (255, 255, 255)
        assert picture.getpixel((600, 315))[1] < 60
    book.chapter("welcome", "1")
    book.run()
    with pytest.raises(BookError, match="expected 2 WebP pictures, got 0"):
        take(book.root)


@pytest.mark.slow
def test_what_chapters_share_is_compiled_once(book, monkeypatch):
    monkeypatch.delenv("TF_XLA_FLAGS")  # with which these tests themselves run
    program = "import tensorflow as tf\nadd = tf.function(lambda x: x + x, jit_compile=True)"
    for name in ("one", "two"):
        book.chapter(name, program, "assert add(tf.ones(3)).numpy().tolist() == [2, 2, 2]")
    book.run(limits=Limits(processes=1, cell=60, chapter=60))
    assert len([path for path in book.root.glob("_build/compiled/*/*") if path.is_file()]) == 1


def test_broken_chapter_is_named_with_cell_and_traceback(book):
    book.chapter("broken", "a = 1", "b = a / 0")
    message = book.failure()
    assert "chapters/broken.ipynb failed in cell 4 of 4" in message
    assert "    b = a / 0" in message
    assert "ZeroDivisionError: division by zero" in message
    assert book.executed("broken") is None


def test_failure_stops_the_others_and_leaves_no_kernel(book):
    pid = book.root / "pid"
    book.chapter("slow", LEAVE_PID.format(str(pid)) + "time.sleep(60)")
    book.chapter(
        "broken",
        f"import pathlib, time\nwhile not pathlib.Path({str(pid)!r}).exists():"
        "\n    time.sleep(0.05)\nraise RuntimeError('no')",
    )
    start = time.monotonic()
    assert "chapters/broken.ipynb failed" in book.failure()
    assert time.monotonic() - start < 30
    assert gone(pid)
    assert book.executed("slow") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(1, cell=1, chapter=60), "the cell ran longer than 1 s"),
        (Limits(1, cell=60, chapter=12), "the chapter ran longer than 12 s"),
    ],
)
def test_timeout(book, limits, reason):
    pid = book.root / "pid"
    book.chapter("slow", "a = 1", LEAVE_PID.format(str(pid)) + "time.sleep(60)")
    message = book.failure(limits=limits)
    assert "chapters/slow.ipynb failed in cell 4 of 4" in message
    assert reason in message
    assert gone(pid)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("os._exit(1)", "the kernel died while the cell ran"),
        ("os.kill(os.getpid(), 9)", "the kernel died while the cell ran"),
        ("os.kill(os.getppid(), 9)\ntime.sleep(60)", "its process died"),
    ],
)
def test_killed_process(book, source, reason):
    pid = book.root / "pid"
    book.chapter("killed", LEAVE_PID.format(str(pid)) + source)
    message = book.failure()
    assert "chapters/killed.ipynb failed in cell 3 of 3" in message
    assert reason in message
    assert gone(pid)


# A shell that runs the tests in the background has told them to ignore Ctrl-C.
INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("tools.book", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
def test_interrupt_keeps_finished_chapters(book):
    pid = book.root / "pid"
    book.chapter("quick", "a = 1")
    book.chapter("slow", LEAVE_PID.format(str(pid)) + "time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "--root", str(book.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (pid.exists() and book.executed("quick")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130, output
    assert "Stopped" in output
    assert gone(pid)
    book.chapter("slow", "a = 1")
    assert book.run() == ["slow"]


@pytest.mark.parametrize("parameters", [(), (PARAMETERS, PARAMETERS)])
def test_one_parameters_cell(book, parameters):
    book.chapter("one", parameters=parameters)
    expected = f'expected exactly one "parameters" cell, got {len(parameters)}'
    assert expected in book.failure()


@pytest.mark.parametrize("cell", ["scale = input()", "import os", "scale: str = 'quick'", "a ="])
def test_parameters_are_plain_literals(book, cell):
    book.chapter("one", parameters=(cell,))
    assert "only plain assignments of literals" in book.failure()


def test_parameter_that_is_not_declared(book):
    book.chapter("one", parameters=('scale = "quick"',))
    message = book.failure(parameters={"sead": 1})
    assert "does not declare the parameter sead; it declares: scale" in message


def test_table_of_contents_is_checked(book):
    book.chapter("one")
    (book.root / "chapters" / "one.ipynb").rename(book.root / "chapters" / "two.ipynb")
    assert "there is no chapters/one.ipynb" in book.failure()


def test_unknown_chapter_lists_the_known_ones(book, capsys):
    book.chapter("one")
    book.chapter("two")
    assert command.main(["--root", str(book.root), "--chapter", "three"]) == 1
    assert "no chapter 'three'; the chapters are: one, two" in capsys.readouterr().err


def test_two_builds_of_one_book_do_not_meet(book, capsys):
    book.chapter("one")
    build = Project.open(book.root).build
    build.mkdir()
    with FileLock(build / "lock"):
        assert command.main(["--root", str(book.root)]) == 1
    assert f"Another build is at work in {build}: wait for it." in capsys.readouterr().err


def test_bad_claims_file_is_a_plain_message(book, capsys):
    book.chapter("one")
    book.claims("[one.value]\nis = true\n")
    assert command.main(["--root", str(book.root)]) == 1
    assert "claims.toml, [one.value]: 'statement' must be" in capsys.readouterr().err


def test_rules_for_what_a_chapter_shows(book):
    book.claims(CLAIM + CLAIM.replace("one.value", "two.value"))
    book.chapter(
        "one",
        "import warnings\nwarnings.warn('hidden')",
        "print('WARNING:tensorflow:retracing')\nobject()",
        'from IPython.display import HTML\nHTML(\'<img src="x.png" alt=" ">\')',
        "import matplotlib.pyplot as plt\nplt.figure()\nplt.plot([1, 2]);",
        "print('x' * 3_100_000)",
        "import sys\nprint('100%|████| 3/3 [00:00<00:00]\\r', file=sys.stderr)",
        "print('I0000 00:00:1.6 5 port.cc:153] oneDNN', file=sys.stderr)",
        "from mflib.book.record import record\nrecord('two.value', 1)",
        "sys.exit(0)",
    )
    problems = book.failure().splitlines()[1:]
    assert any("hide" in problem and "UserWarning: hidden" in problem for problem in problems)
    assert not any(f"cell {number}:" in problem for problem in problems for number in (8, 9))
    assert [
        re.sub("0x[0-9a-f]+", "0x", problem.strip())
        for problem in problems
        if " hide: " not in problem
    ] == [
        "cell 4: an output shows a memory address: <object at 0x",
        "cell 4: a warning: WARNING:tensorflow:retracing",
        "cell 5: it shows an <img> without alternative text",
        'cell 6: it shows an image without "mystnb": {"image": {"alt": ...}}',
        "cell 7: an output is larger than 3 MB",
        "cell 11: it raised SystemExit: 0",
        "two.value is recorded here but belongs to another chapter",
        "one.value is claimed at scale quick but never recorded",
    ]
    assert book.executed("one") is None


@pytest.mark.parametrize(
    ("scales", "recorded", "problem"),
    [
        ('["full"]', ["one.value"], "recorded at scale quick, which its claim does not list"),
        ('["quick"]', ["one.value", "one.value"], "recorded more than once"),
        ('["quick"]', [], "claimed at scale quick but never recorded"),
        ('["full"]', [], None),
        ('["quick"]', ["one.value"], None),
    ],
)
def test_claims_are_recorded_once_and_at_their_scale(book, scales, recorded, problem):
    book.claims(CLAIM + f"scales = {scales}\n")
    book.chapter("one")
    project = Project.open(book.root)
    notebook = project.chapter("one").read()
    for id in recorded:
        metadata = {METADATA_KEY: {"id": id}}
        output = nbformat.v4.new_output("display_data", metadata=metadata)
        notebook.cells[1].outputs.append(output)
    problems = check.executed(project, project.chapter("one"), notebook, "quick")
    assert problems == ([f"one.value is {problem}"] if problem else [])


def test_results_follow_the_book_and_name_what_nobody_measured(book):
    late = f'[two.late]\n{STATED}is = true\nscales = ["full"]\n'
    book.claims(late + CLAIM)
    book.chapter("one", RECORD.replace("1)", "2, seeds=3, interval=(1, 3), over='seeds')"))
    book.chapter("two")
    book.run()
    first, second = results.write(Project.open(book.root), "quick")
    assert json.loads((book.root / "_build" / "results.json").read_text()) == [first, second]
    expected = {"id": "one.value", "chapter": "one", "scale": "quick", "value": 2, "unit": None}
    expected |= {"verdict": "inconclusive", "seeds": 3, "interval": [1.0, 3.0], "over": "seeds"}
    expected |= {"criterion": "1, within 0", "title": "Chapter one", "page": "chapters/one"}
    assert expected.items() <= first.items()
    assert (second["id"], second["verdict"], second["value"]) == ("two.late", "not attempted", None)
    build = json.loads((book.root / "_build" / "build.json").read_text())
    assert [(entry["title"], entry["cells"]) for entry in build["chapters"]] == [
        ("Chapter one", 2),
        ("Chapter two", 1),
    ]


@pytest.mark.slow
def test_book_is_rendered_once_and_never_from_a_failure(book, capsys):
    (book.root / "_config.yml").write_text("title: Tiny\nonly_build_toc_files: true\n")
    book.claims(CLAIM)
    book.chapter("one", RECORD)
    book.chapter("back/last", "from mflib.book.results import results_summary\nresults_summary()")
    page = book.root / "_build" / "html" / "chapters" / "back" / "last.html"

    def make(*arguments):
        status = command.main(["--root", str(book.root), *arguments])
        return status, "".join(capsys.readouterr())

    status, said = make()
    assert status == 0, said
    assert "2 of 2 executed" in said
    assert "Of 1 claims, 1 holds." in page.read_text()
    status, said = make()
    assert "0 of 2 executed" in said
    assert "nothing to render" in said

    # A warning stops the rendering of the whole book, and the previous one stays.
    before = os.stat(page).st_mtime_ns
    book.chapter("one", RECORD.replace("1)", "2)"), "# [](missing)")
    notebook = nbformat.read(book.root / "chapters" / "one.ipynb", as_version=4)
    notebook.cells[0].source += "\n\n{numref}`missing`"
    nbformat.write(notebook, book.root / "chapters" / "one.ipynb")
    status, said = make()
    assert (status, os.stat(page).st_mtime_ns) == (1, before)
    assert "missing" in said

    # For one chapter, warnings are shown only, and the results page stays as it last ran.
    status, said = make("--chapter", "one")
    assert status == 0
    assert "0 of 1 executed" in said
    assert "missing" in said
    assert os.stat(page).st_mtime_ns != before

    # A chapter that fails renders nothing.
    before = os.stat(page).st_mtime_ns
    book.chapter("one", "raise RuntimeError('no')")
    status, said = make()
    assert (status, os.stat(page).st_mtime_ns) == (1, before)
    assert "The book was not built." in said
