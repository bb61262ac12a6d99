"""Every chapter says how long it takes, and none takes long."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from _ext.reading_time import minutes, state

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted(ROOT.glob("chapters/part*/*.ipynb"))
LIMIT = 20


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_words_and_figures_are_counted_up_to_the_exercises():
    figure = {"mystnb": {"figure": {"name": "fig-x"}}}
    text = "# Title\n\nA *word* is a word, $a = b$ too {cite}`x`.\n\n$$\na = b\n$$ (x)\n\n"
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [text, "one " * 392]},
        {"cell_type": "code", "metadata": figure, "source": []},
        {"cell_type": "code", "metadata": {}, "source": ["x = 1"]},
    ]
    assert minutes({"cells": cells}) == 3  # 400 words, one figure
    cells[0]["source"].append("one")
    assert minutes({"cells": cells}) == 4
    cells += [{"cell_type": "markdown", "metadata": {}, "source": ["## Exercises\n" + "no " * 999]}]
    assert minutes({"cells": [*cells, cells[1]]}) == 4


def test_no_chapter_takes_long():
    found = {path.stem: minutes(read(path)) for path in CHAPTERS}
    assert {name: time for name, time in found.items() if time > LIMIT} == {}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_head_of_every_chapter_states_it(path):
    source = [path.read_text(encoding="utf-8")]
    env = SimpleNamespace(doc2path=lambda page: str(path))
    state(SimpleNamespace(env=env), path.stem, source)
    sentence = f"**Reading time.** About {minutes(read(path))} minutes, exercises apart.\n```"
    assert str(source[0]).count(json.dumps(sentence)[1:-1]) == 1
