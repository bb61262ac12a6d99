"""Where the repository is, and what pages can offer once this is known.

Launch buttons, edit links and the address in a shared link's card appear only then.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOSTS = ("github", "gitlab", "bitbucket")  # of which the theme knows how a page is edited


def address(root: Path, variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the repository's address in a browser, as the CI or git's remote `origin` has it."""
    if name := variables.get("GITHUB_REPOSITORY"):
        return f"{variables.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    if url := variables.get("CI_PROJECT_URL"):
        return url
    url = _git(root, "config", "--get", "remote.origin.url")
    url = re.sub(r"^(?:ssh://)?[\w.-]+@([^:/]+)(?::\d+(?=/))?[:/]", r"https://\1/", url)
    found = re.fullmatch(r"(https?://)(?:[^@/]*@)?([^/]+/.+/.+?)(?:\.git)?/?", url)
    return found[1] + found[2] if found else None


def branch(root: Path, variables: Mapping[str, str] = os.environ) -> str:
    """Return the branch that links lead to."""
    named = variables.get("GITHUB_REF_NAME") or variables.get("CI_DEFAULT_BRANCH")
    return named or _git(root, "branch", "--show-current") or "main"


def site(variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the address at which the CI publishes the book."""
    if url := variables.get("CI_PAGES_URL"):
        return url.rstrip("/") + "/"
    if variables.get("GITHUB_SERVER_URL") == "https://github.com":
        owner, name = variables["GITHUB_REPOSITORY"].split("/")
        return f"https://{owner.lower()}.github.io/{name}/"
    return None


def configure(config: dict[str, Any], root: Path) -> None:
    """Add to the book's configuration what the address of its repository makes possible."""
    if published := site():
        config.setdefault("html", {})["baseurl"] = published
    url = address(root)
    if url is None:
        return
    host = next((host for host in HOSTS if host in url.lower()), None)
    if host is None and "CI_PROJECT_URL" in os.environ:
        host = "gitlab"
    launch = {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"}
    if host == "github":
        launch["colab_url"] = "https://colab.research.google.com"
    sphinx = config.setdefault("sphinx", {}).setdefault("config", {})
    sphinx.setdefault("html_theme_options", {}).update(
        repository_url=url,
        repository_branch=branch(root),
        repository_provider=host or "github",  # the theme wants one; only its icon is seen
        use_repository_button=True,
        use_edit_page_button=host is not None,
        use_issues_button=host in ("github", "gitlab"),
        launch_buttons=launch,
    )


def _git(root: Path, *arguments: str) -> str:
    """Return what git says; nothing if there is no git or no repository."""
    try:
        ran = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return ran.stdout.strip()
