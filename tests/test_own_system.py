"""The example on the page of the library: a flow that is not in the catalogue."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "chapters" / "back" / "api.md"


@pytest.mark.slow
def test_a_flow_from_its_formula_to_a_network_that_holds_it_beside_another():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) < 30
    reader: dict = {}
    exec(code, reader)
    largest, middle, _ = reader["exponents"]
    assert sum(reader["exponents"]) == pytest.approx(-3 + 1.7 - 9, rel=1e-3)
    assert largest > 0.2 and abs(middle) < 0.05
    for name in ("lorenz", "dadras"):
        assert reader["ends"]["selected"][name].get(name, 0) >= 14
