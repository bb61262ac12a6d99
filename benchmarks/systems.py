"""Trajectories, ensembles, basins and exponents of known systems."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.timing import Comparison, optional
from mflib.dynamics.systems import system
from mflib.dynamics.trajectories import ensemble, trajectory

flows = optional("dysts.flows")

POINTS, DT = 1_000, 0.01
MEMBERS, STEPS = 40_000, 200


def comparisons(points=POINTS, members=MEMBERS) -> Iterator[Comparison]:
    """One Lorenz orbit and many, beside dysts and beside a loop over SciPy's solve_ivp."""
    lorenz = system("lorenz", beta=2.667)  # as in dysts
    dop853 = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12}
    scipy = scipy_orbit(lorenz, dop853)
    peers = {"SciPy solve_ivp, DOP853, rtol 1e-10": (scipy, 1e-10, points)}
    if flows:
        peers |= {
            "dysts as it comes (Radau, rtol 1e-12)": (dysts_orbit(lorenz, {}), 1e-12, 200),
            "dysts, DOP853, rtol 1e-10": (dysts_orbit(lorenz, dop853), 1e-10, points),
        }
    for peer, (orbit, rtol, few) in peers.items():
        np.testing.assert_allclose(orbit(200), trajectory(lorenz, 200, DT, rtol=rtol), atol=1e-5)

        def ours(rtol=rtol):
            trajectory(lorenz, points, DT, rtol=rtol)
            return points

        def theirs(orbit=orbit, few=few):
            orbit(few)
            return few

        yield Comparison(f"Lorenz, {points:,} points", peer, "point", ours, theirs)

    start = np.random.default_rng(0).uniform(-10, 10, (members, 3))

    def many():
        ensemble(lorenz, start, STEPS, DT)
        return members

    few = min(20, members)
    ends = ensemble(lorenz, start[:few], STEPS, DT).points[:, 0]
    for peer, options in {
        "loop over solve_ivp, RK45, rtol 1e-6": {"rtol": 1e-6},
        "loop over solve_ivp, its defaults": {},
    }.items():
        np.testing.assert_allclose(solve_each(lorenz, start[:few], options), ends, atol=0.5)

        def one_by_one(options=options):
            solve_each(lorenz, start[:few], options)
            return few

        name = f"Lorenz, {members:,} orbits of {STEPS} steps"
        yield Comparison(name, peer, "orbit", many, one_by_one)


def dysts_orbit(lorenz, options):
    """``make_trajectory`` of dysts, from our initial condition and at our times."""
    model = flows.Lorenz()
    model.ic, model.dt = lorenz.initial, DT
    return lambda points: model.make_trajectory(points, resample=False, **options)


def scipy_orbit(lorenz, options):
    """What most people write."""

    def orbit(points):
        t = DT * np.arange(points)
        f = right_hand_side(lorenz)
        return solve_ivp(f, (0, t[-1]), lorenz.initial, t_eval=t, **options).y.T

    return orbit


def solve_each(lorenz, start, options):
    f = right_hand_side(lorenz)
    return np.array([solve_ivp(f, (0, STEPS * DT), x, **options).y[:, -1] for x in start])


def right_hand_side(lorenz):
    sigma, rho, beta = (lorenz.parameters[key] for key in ("sigma", "rho", "beta"))

    def f(t, state):
        x, y, z = state
        return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    return f
