"""Take out of notebooks what running them left there: `python -m tools.strip FILE ...`."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def strip(notebook: NotebookNode) -> NotebookNode:
    """Remove outputs, execution counts and what editors note down; return the notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        for key in ("collapsed", "execution", "papermill", "scrolled"):
            cell.metadata.pop(key, None)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def main(paths: list[str]) -> int:
    """Rewrite those files that hold more than their source; return 1 if there was one."""
    changed = False
    for path in map(Path, paths):
        text = path.read_text(encoding="utf-8")
        stripped = nbformat.writes(strip(nbformat.reads(text, as_version=4))) + "\n"
        if stripped != text:
            path.write_text(stripped, encoding="utf-8")
            print(f"{path}: stripped")
            changed = True
    return int(changed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
