"""mflib as others install it: a wheel with all it needs, in an environment of its own."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = {Requirement(line).name for line in PROJECT["dependencies"]}

SCRIPT = """
import importlib, pkgutil
from dataclasses import dataclass

import mflib
from mflib.book.claims import load_claims
from mflib.book.sweeps import sweep
from mflib.dynamics.lyapunov import spectrum
from mflib.dynamics.systems import system
from mflib.experiments.learning_chaos import MODELS
from mflib.experiments.records import load_or_train, table
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.networks.lstm import LSTM


@dataclass(frozen=True)
class Point:
    units: int


def outputs(point):
    network = LSTM.create(2, point.units, seed=0)
    run = free_run(network, warm_up(network, [[[0.1, 0.2]] * 5]), 7)
    return {"shape": list(run.outputs.shape)}


if __name__ == "__main__":
    for module in pkgutil.walk_packages(mflib.__path__, "mflib."):
        importlib.import_module(module.name)
    print(mflib.__file__)
    print(spectrum(system("lorenz"), steps=20, members=8).exponents.shape)
    rows = sweep(outputs, [Point(3), Point(4)], "table.jsonl", workers=1)
    print([row["shape"] for row in rows])
    for recorded in (
        lambda: load_claims(),
        lambda: load_or_train(MODELS[0]),
        lambda: table(outputs, [], "pairs", "quick"),
    ):
        try:
            recorded()
        except FileNotFoundError as error:
            print(error)
"""


def names(requirement):
    """A distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", requirement).lower()


def needed(roots):
    """The distributions that these need, and all that those need, on this machine."""
    found, to_see = {}, list(roots)
    while to_see:
        name = names(to_see.pop())
        if name not in found:
            found[name] = distribution(name)
            wanted = map(Requirement, found[name].requires or [])
            to_see += [r.name for r in wanted if not r.marker or r.marker.evaluate({"extra": ""})]
    return found.values()


def test_every_import_is_declared_and_every_declared_package_imported():
    imported = set()
    for path in ROOT.glob("mflib/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.split(".")[0])
    installed = packages_distributions()
    foreign = imported - sys.stdlib_module_names - {"mflib"}
    assert {name for package in foreign for name in map(names, installed[package])} == {
        names(name) for name in DECLARED
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing is left in the repository or taken from there."""
    folder = tmp_path_factory.mktemp("wheel")
    junk = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mflib", folder / "source" / "mflib", ignore=junk)
    shutil.copy(ROOT / "pyproject.toml", folder / "source")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*pip, "wheel", *options, folder / "source"], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An environment with the wheel and with what it declares, and nothing else.

    The dependencies are links to those of this environment: installing TensorFlow anew would
    take minutes and the network.
    """
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    for dependency in needed(DECLARED):
        tops = {file.parts[0] for file in dependency.files} - {"..", "__pycache__"}
        for source in map(dependency.locate_file, tops):
            if not (packages / source.name).exists():
                (packages / source.name).symlink_to(source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True
    )
    return python


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="links and paths as on POSIX")
def test_the_wheel_works_elsewhere(python, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    ran = subprocess.run(
        [python, "-I", "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    where, *printed = ran.stdout.splitlines()
    assert Path(where).is_relative_to(python.parents[1])
    assert printed[:2] == ["(3,)", "[[1, 7, 2], [1, 7, 2]]"]
    data = str(python.parents[1].joinpath("lib")), "site-packages/data"  # not in the wheel
    assert len(printed) == 5 and all(part in line for line in printed[2:] for part in data)
