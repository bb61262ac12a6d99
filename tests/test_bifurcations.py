"""Period doubling against Feigenbaum's numbers."""

import numpy as np
import pytest

from mflib.dynamics.bifurcations import superstable


def test_superstable():
    parameters, ratios = superstable(12)
    known = [2, 3.2360680, 3.4985617, 3.5546409, 3.5666674, 3.5692435]
    np.testing.assert_allclose(parameters[:6], known, atol=6e-8)
    np.testing.assert_allclose(
        ratios[:6], [4.7089, 4.6808, 4.6630, 4.6684, 4.66895, 4.66916], atol=6e-5
    )
    assert ratios[-1] == pytest.approx(4.6692016, abs=1e-6)
    assert np.all(np.diff(parameters) > 0)
    assert parameters[-1] < 3.569945671870945


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: superstable(2),
            "count: got 2, expected a whole number, at least 3 and at most 12",
        ),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()
