"""What the tests of the built book share."""

import os
from pathlib import Path

import pytest

from tools.execute import compiling
from tools.project import Project

ROOT = Path(__file__).parents[1]
os.environ.update(compiling(Project.open(ROOT)))  # before the first program is compiled


@pytest.fixture(scope="session")
def project():
    """The book in this repository."""
    return Project.open(ROOT)


@pytest.fixture(scope="session")
def built(project):
    """The folder of the built book, which has to be there."""
    for name in ("results.json", "build.json", "html/index.html"):
        if not (project.build / name).is_file():
            pytest.fail(f"_build/{name} is missing: run `make book` first (`make test` does)")
    return project.build
