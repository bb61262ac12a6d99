"""Buttons that need the repository's address appear where it is known, for any address."""

import subprocess

import pytest

from tools import repository

BOOK = "https://github.com/someone/book"
CI = [name for name in ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_REF_NAME")]
CI += ["CI_PROJECT_URL", "CI_DEFAULT_BRANCH", "CI_PAGES_URL"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty repository, outside of any CI."""
    for name in CI:
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "-q", "-b", "trunk", tmp_path], check=True)
    return tmp_path


def remote(root, url):
    subprocess.run(["git", "-C", root, "remote", "add", "origin", url], check=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/someone/book.git", BOOK),
        ("https://name:secret@github.com/someone/book", BOOK),
        ("git@github.com:someone/book.git", BOOK),
        ("ssh://git@github.com:22/someone/book.git/", BOOK),
        ("https://gitlab.com/group/below/book.git", "https://gitlab.com/group/below/book"),
        ("http://localhost:3000/someone/book", "http://localhost:3000/someone/book"),
        ("git@git.example.org:someone/book", "https://git.example.org/someone/book"),
        ("/srv/git/book.git", None),
        ("../book", None),
        ("file:///srv/git/book.git", None),
    ],
)
def test_address_of_a_remote(root, url, expected):
    remote(root, url)
    assert repository.address(root, {}) == expected


def test_without_an_address_nothing_is_offered(root):
    config = {}
    repository.configure(config, root)
    assert config == {}
    assert repository.address(root.parent / "nowhere", {}) is None


def test_github(root):
    remote(root, "git@github.com:someone/book.git")
    config = {"sphinx": {"config": {"html_theme_options": {"show_toc_level": 2}}}}
    repository.configure(config, root)
    options = config["sphinx"]["config"]["html_theme_options"]
    assert (options["repository_url"], options["repository_branch"]) == (BOOK, "trunk")
    assert options["use_edit_page_button"] and options["use_issues_button"]
    assert {"binderhub_url", "colab_url"} < set(options["launch_buttons"])
    assert options["show_toc_level"] == 2 and "html" not in config


def test_what_a_host_cannot_do_is_not_offered(root):
    remote(root, "https://code.example.org/someone/book")
    config = {}
    repository.configure(config, root)
    options = config["sphinx"]["config"]["html_theme_options"]
    assert options["use_repository_button"] and not options["use_edit_page_button"]
    assert "colab_url" not in options["launch_buttons"]


def test_the_ci_knows_address_branch_and_site(root, monkeypatch):
    for name, value in zip(CI, ("Someone/book", "https://github.com", "main"), strict=False):
        monkeypatch.setenv(name, value)
    config = {}
    repository.configure(config, root)
    options = config["sphinx"]["config"]["html_theme_options"]
    assert options["repository_url"] == "https://github.com/Someone/book"
    assert options["repository_branch"] == "main"
    assert config["html"]["baseurl"] == "https://someone.github.io/book/"
    gitlab = {"CI_PROJECT_URL": "https://git.example.org/a/b", "CI_PAGES_URL": "https://a.org/b"}
    assert repository.address(root, gitlab) == "https://git.example.org/a/b"
    assert repository.site(gitlab) == "https://a.org/b/"
