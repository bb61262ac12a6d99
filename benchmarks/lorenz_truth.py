"""Make ``data/lorenz_truth.npz``: orbits of the Lorenz system, computed in quadruple precision.

It needs heyoka, which nothing else in the book does, and no other module of the book::

    pip install heyoka numpy
    python -m benchmarks.lorenz_truth

Starts are on the attractor and are exactly doubles. From there heyoka's adaptive Taylor method goes
on with 113 bits, and again with 160, each with a tolerance of its own rounding error. What is kept
is each orbit at some moments only, rounded to doubles: between them
:func:`mflib.experiments.league.truth` fills in by Taylor's method in double precision, whose error
has no time to grow. Reference: Biscani and Izzo (2021), doi:10.1093/mnras/stab1032.
"""

import json
import sys
import tomllib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import heyoka
import numpy as np

ROOT = Path(__file__).parents[1]
#: Units of time between the moments that are kept; all times are multiples of it.
APART = 0.25
#: Orbits to forecast, 64 and 16 more to tune with; orbits to learn from, five and one to tune with.
FORECASTS, ORBITS = 80, 6
#: Their lengths, and that of the orbits that are followed until both precisions part.
AHEAD, DATA, LONG = 58.0, 200.0, 110.0
#: How many of these.
FEW = 8


def integrator(bits: int | None = None) -> heyoka.taylor_adaptive:
    """For the Lorenz system with the parameters of the book, at ``bits`` of precision, or 53."""
    systems = tomllib.loads((ROOT / "mflib/dynamics/systems.toml").read_text(encoding="utf-8"))
    sigma, rho, beta = systems["lorenz"]["parameters"].values()
    x, y, z = heyoka.make_vars("x", "y", "z")
    p = heyoka.par
    equations = [(x, p[0] * (y - x)), (y, x * (p[1] - z) - y), (z, x * y - p[2] * z)]
    if bits is None:
        return heyoka.taylor_adaptive(equations, [1.0] * 3, pars=[sigma, rho, beta])
    numbers = [heyoka.real(value, bits) for value in (sigma, rho, beta)]
    start, options = [heyoka.real(1.0, bits)] * 3, {"fp_type": heyoka.real, "prec": bits}
    return heyoka.taylor_adaptive(equations, start, pars=numbers, **options)


def orbit(flow: heyoka.taylor_adaptive, start: np.ndarray, length: float, bits: int) -> np.ndarray:
    """States at multiples of ``APART``, exact doubles first, as ``heyoka.real``."""
    flow.state[:] = [heyoka.real(float(value), bits) for value in start]
    states = [flow.state.copy()]
    for _ in range(round(length / APART)):
        flow.propagate_for(heyoka.real(APART, bits))
        states.append(flow.state.copy())
    return np.array(states)


def starts(count: int) -> np.ndarray:
    """On the attractor, as far as doubles can be."""
    flow, rng, found = integrator(), np.random.default_rng(2026), []
    for start in rng.normal([0, 0, 25], 8, (count, 3)):
        flow.time, flow.state[:] = 0.0, start
        flow.propagate_until(50.0)
        found.append(flow.state.copy())
    return np.array(found)


def main() -> None:
    """Compute everything and write the file."""
    bits, more = 113, 160
    flow, better = integrator(bits), integrator(more)
    begin, kept, differ = starts(FORECASTS + ORBITS), [], []
    for k, start in enumerate(begin[:FORECASTS]):
        length = LONG if k < FEW else AHEAD
        one, two = orbit(flow, start, length, bits), orbit(better, start, length, more)
        kept.append(one[: round(AHEAD / APART) + 1].astype(float))
        differ.append(np.abs((one - two).astype(float)).max(axis=1))
    data = [orbit(flow, start, DATA, bits).astype(float) for start in begin[FORECASTS:]]
    about = {
        "program": f"heyoka {version('heyoka')}, taylor_adaptive, heyoka.real",
        "bits": [bits, more],
        "numpy": version("numpy"),
        "python": sys.version.split()[0],
        "command": "python -m benchmarks.lorenz_truth",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    end = round(AHEAD / APART)
    np.savez(
        ROOT / "data" / "lorenz_truth.npz",
        apart=APART,
        forecasts=np.array(kept),
        data=np.array(data),
        difference=np.array([d[: end + 1] for d in differ]).astype("float32"),
        longer=np.array(differ[:FEW]).astype("float32"),
        about=json.dumps(about),
    )


if __name__ == "__main__":
    main()
