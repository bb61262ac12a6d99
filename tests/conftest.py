"""What the tests of the built book share."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tools.execute import compiling
from tools.project import Project

ROOT = Path(__file__).parents[1]
collect_ignore = ["record_torch.py"]  # needs PyTorch, which is no dependency
FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
).split()
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


@pytest.fixture(scope="module")
def browser():
    """Of a module only: as long as it is there, nothing else can run an event loop."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        message = f"no browser: none of {', '.join(names)} is installed"
        (pytest.fail if os.environ.get("MFLIB_REQUIRE_BROWSER") else pytest.skip)(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
