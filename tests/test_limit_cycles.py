"""Limit cycles against exact and reference values."""

import numpy as np
import pytest

from mflib.dynamics.limit_cycles import find_limit_cycle
from mflib.dynamics.systems import reference_values, system


@pytest.mark.parametrize(
    "reference", reference_values("van_der_pol"), ids=lambda r: f"{r['parameters']}"
)
def test_van_der_pol(reference):
    found = find_limit_cycle(system("van_der_pol", **reference["parameters"]))
    assert found.period == pytest.approx(reference["period"], abs=1e-6)
    assert found.amplitude == pytest.approx(reference["amplitude"], abs=1e-6)
    assert found.exponents[1] == pytest.approx(reference["floquet"], rel=3e-5)
    if found.exponents[1] * found.period > -10:  # else the multiplier is lost in rounding
        multiplier = np.exp(found.exponents[1] * found.period)
        assert found.multipliers[1].real == pytest.approx(multiplier, abs=1e-9)


def test_exact_cycles():
    for name in ("hopf", "subcritical_hopf", "nested_cycles"):
        for reference in reference_values(name):
            found = find_limit_cycle(system(name), initial=reference["initial"])
            assert found.period == pytest.approx(reference["period"], abs=1e-9)
            assert found.amplitude == pytest.approx(reference["amplitude"], abs=1e-9)
            assert found.exponents[1] == pytest.approx(reference["floquet"], abs=1e-8)
    fast = find_limit_cycle(system("hopf", mu=0.25, omega=-7.0))
    assert fast.period == pytest.approx(2 * np.pi / 7, abs=1e-10)


def test_cycle_in_space():
    """Exponents from the monodromy matrix agree with those by tangent propagation."""
    found = find_limit_cycle(system("thomas", b=0.1665))
    np.testing.assert_allclose(found.exponents, [0, -0.1527, -0.3468], atol=1e-4)
    assert found.exponents.sum() == pytest.approx(-3 * 0.1665, abs=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: find_limit_cycle(system("lorenz")),
            "lorenz comes back to no point within 50 units",
        ),
        (
            lambda: find_limit_cycle(system("rossler")),
            "expected a limit cycle; the orbit is chaotic",
        ),
        (lambda: find_limit_cycle(system("double_well")), "double_well ends on a fixed point"),
        (
            lambda: find_limit_cycle(system("duffing")),
            "system: got duffing, expected a flow without forcing",
        ),
        (lambda: find_limit_cycle(system("henon")), "system: got henon, expected a flow"),
        (lambda: find_limit_cycle(system("hopf"), longest=0), "longest: got 0"),
        (
            lambda: find_limit_cycle(system("hopf"), longest=3),
            "comes back to no point within 3 units",
        ),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("start", [[1e160, 0.0], [1e5, 0.0]])
def test_a_start_far_away_is_refused_and_not_followed_for_ever(start):
    with pytest.raises(ValueError, match=r"initial: got"):
        find_limit_cycle(system("van_der_pol"), initial=start, transient=1.0)
    with pytest.raises(ValueError, match=r"initial: got"):
        find_limit_cycle(system("van_der_pol"), initial=start, transient=0.0, longest=1.0)
    with pytest.raises(ValueError, match=r"longest: got 1e\+308, expected more than 0 and at most"):
        find_limit_cycle(system("van_der_pol"), longest=1e308)
