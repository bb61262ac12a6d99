"""The drawings of `_static/diagrams` are used, described, and leave colours to the style sheet."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
DIAGRAMS = sorted(ROOT.glob("_static/diagrams/*.svg"))
CHAPTERS = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("chapters/**/*.ipynb"))
USE = r'```\{diagram\} (\w+)\\n",\s*":name: (fig-[\w-]+)\\n",\s*"\\n",\s*"[^`]'


def test_every_use_has_a_drawing_a_name_of_its_own_and_a_caption():
    used, names = zip(*re.findall(USE, CHAPTERS), strict=True)
    assert len(used) == CHAPTERS.count("```{diagram}")
    assert set(used) == {path.stem for path in DIAGRAMS}
    assert len(names) == len(set(names))
    assert not any(f'"name": "{name}"' in CHAPTERS for name in names)


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_a_drawing_is_described_and_fits_any_theme(path):
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    described = [root.find(f"{{*}}{part}") for part in ("title", "desc")]
    assert all(part is not None and part.text.strip() for part in described)
    assert root.get("aria-labelledby") == " ".join(part.get("id") for part in described)
    assert root.get("role") == "img"
    assert root.get("viewBox").startswith("0 0 600 ")
    drawn = text.split("</desc>")[1]
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!-)|fill=|stroke=|font-size", drawn)
    # several may stand on one page
    assert all(name.startswith(f"{path.stem}-") for name in re.findall(r' id="([^"]+)"', text))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(re.findall(r' id="([^"]+)"', text))
