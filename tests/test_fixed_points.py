"""Fixed points and their eigenvalues, where they are known."""

import numpy as np
import pytest

from mflib.dynamics.fixed_points import fixed_points
from mflib.dynamics.systems import system

WELL = system("double_well")


def test_fixed_points_of_lorenz():
    below, origin, above = fixed_points(
        system("lorenz"), np.random.default_rng(0).uniform(-20, 40, (60, 3))
    )
    np.testing.assert_allclose(above.point, [8.48528, 8.48528, 27], atol=1e-5)
    np.testing.assert_allclose(below.point, [-8.48528, -8.48528, 27], atol=1e-5)
    np.testing.assert_allclose(origin.eigenvalues.real, [11.8277, -2.6667, -22.8277], atol=1e-4)
    np.testing.assert_allclose(above.eigenvalues.real, [0.09396, 0.09396, -13.8546], atol=1e-4)
    assert abs(above.eigenvalues[0].imag) == pytest.approx(10.1945, abs=1e-4)
    assert (origin.kind, above.kind) == ("saddle node", "saddle focus")
    assert not above.stable


def test_hopf_bifurcation_of_lorenz():
    """C+ loses its stability at rho = 24.73684..."""
    for rho, stable in [(24.73, True), (24.74, False)]:
        found = fixed_points(system("lorenz", rho=rho), [[8, 8, rho - 1]])
        assert [point.stable for point in found] == [stable]


@pytest.mark.parametrize(
    ("name", "parameters", "guess", "kind"),
    [
        ("hopf", {"mu": 1.0}, [0.1, 0.1], "unstable focus"),
        ("hopf", {"mu": -1.0}, [0.1, 0.1], "stable focus"),
        ("hopf", {"mu": 0.0}, [0.0, 0.0], "not hyperbolic"),
        ("double_well", {}, [3.0, 0.0], "stable focus"),
        ("double_well", {}, [0.1, 0.0], "saddle node"),
        ("van_der_pol", {"mu": 3.0}, [0.1, 0.0], "unstable node"),
        ("logistic", {"r": 2.8}, [0.6], "stable node"),
        ("logistic", {"r": 3.2}, [0.6], "unstable node"),
        ("henon", {}, [0.6, 0.2], "saddle node"),
    ],
)
def test_kinds_of_fixed_points(name, parameters, guess, kind):
    (found,) = fixed_points(system(name, **parameters), [guess])
    assert found.kind == kind
    s = system(name, **parameters)
    still = found.point if s.kind == "map" else 0
    np.testing.assert_allclose(s.rhs(0, found.point), still, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed_points(WELL, [[1, 2, 3]]), r"guesses: got shape \(1, 3\)"),
        (lambda: fixed_points(WELL, [[1, np.nan]]), "guesses: got values that are not finite"),
        (lambda: fixed_points(system("duffing"), [[1, 0]]), "got duffing, which is forced"),
    ],
)
def test_refusals(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()
