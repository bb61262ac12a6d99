"""Equations of the known flows and maps, and their partial derivatives.

Each takes the time and the coordinates, numbers or arrays, and the parameters by name, and returns
a component for each coordinate; ``..._jacobian_rows`` returns a row for each component. What the
parameters are is in ``systems.toml``.
"""

from __future__ import annotations

import numpy as np


def lorenz(t, state, *, sigma, rho, beta):
    x, y, z = state
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def lorenz_jacobian_rows(t, state, *, sigma, rho, beta):
    x, y, z = state
    return (-sigma, sigma, 0), (rho - z, -1, -x), (y, x, -beta)


def rossler(t, state, *, a, b, c):
    x, y, z = state
    return -y - z, x + a * y, b + z * (x - c)


def rossler_jacobian_rows(t, state, *, a, b, c):
    x, _, z = state
    return (0, -1, -1), (1, a, 0), (z, 0, x - c)


def halvorsen(t, state, *, a):
    x, y, z = state
    return (
        -a * x - 4 * y - 4 * z - y * y,
        -a * y - 4 * z - 4 * x - z * z,
        -a * z - 4 * x - 4 * y - x * x,
    )


def halvorsen_jacobian_rows(t, state, *, a):
    x, y, z = state
    return (-a, -4 - 2 * y, -4), (-4, -a, -4 - 2 * z), (-4 - 2 * x, -4, -a)


def chua(t, state, *, alpha, beta, m0, m1):
    x, y, z = state
    diode = m1 * x + (m0 - m1) / 2 * (abs(x + 1) - abs(x - 1))
    return alpha * (y - x - diode), x - y + z, -beta * y


def chua_jacobian_rows(t, state, *, alpha, beta, m0, m1):
    x, _, _ = state
    slope = m1 + (m0 - m1) * (abs(x) < 1)
    return (-alpha * (1 + slope), alpha, 0), (1, -1, 1), (0, -beta, 0)


def thomas(t, state, *, b):
    x, y, z = state
    return np.sin(y) - b * x, np.sin(z) - b * y, np.sin(x) - b * z


def thomas_jacobian_rows(t, state, *, b):
    x, y, z = state
    return (-b, np.cos(y), 0), (0, -b, np.cos(z)), (np.cos(x), 0, -b)


def sprott_b(t, state):
    x, y, z = state
    return y * z, x - y, 1 - x * y


def sprott_b_jacobian_rows(t, state):
    x, y, z = state
    return (0, z, y), (1, -1, 0), (-y, -x, 0)


def chen(t, state, *, a, b, c):
    x, y, z = state
    return a * (y - x), (c - a) * x - x * z + c * y, x * y - b * z


def chen_jacobian_rows(t, state, *, a, b, c):
    x, y, z = state
    return (-a, a, 0), (c - a - z, c, -x), (y, x, -b)


def aizawa(t, state, *, a, b, c, d, e, f):
    x, y, z = state
    return (
        (z - b) * x - d * y,
        d * x + (z - b) * y,
        c + a * z - z * z * z / 3 - (x * x + y * y) * (1 + e * z) + f * z * x * x * x,
    )


def aizawa_jacobian_rows(t, state, *, a, b, c, d, e, f):
    x, y, z = state
    return (
        (z - b, -d, x),
        (d, z - b, y),
        (
            -2 * x * (1 + e * z) + 3 * f * z * x * x,
            -2 * y * (1 + e * z),
            a - z * z - e * (x * x + y * y) + f * x * x * x,
        ),
    )


def lorenz84(t, state, *, a, b, F, G):
    x, y, z = state
    return -y * y - z * z - a * (x - F), x * y - b * x * z - y + G, b * x * y + x * z - z


def lorenz84_jacobian_rows(t, state, *, a, b, F, G):
    x, y, z = state
    return (-a, -2 * y, -2 * z), (y - b * z, x - 1, -b * x), (b * y + z, b * x, x - 1)


def van_der_pol(t, state, *, mu):
    x, v = state
    return v, mu * (1 - x * x) * v - x


def van_der_pol_jacobian_rows(t, state, *, mu):
    x, v = state
    return (0, 1), (-2 * mu * x * v - 1, mu * (1 - x * x))


def _planar(growth, slope):
    """Equations with r' = r growth(r^2) and angle' = omega; ``slope`` is growth's derivative."""

    def equations(t, state, *, omega, **parameters):
        x, y = state
        g = growth(x * x + y * y, **parameters)
        return g * x - omega * y, g * y + omega * x

    def jacobian_rows(t, state, *, omega, **parameters):
        x, y = state
        s = x * x + y * y
        g, dg = growth(s, **parameters), 2 * slope(s, **parameters)
        return (g + dg * x * x, dg * x * y - omega), (dg * x * y + omega, g + dg * y * y)

    return equations, jacobian_rows


hopf, hopf_jacobian_rows = _planar(lambda s, mu: mu - s, lambda s, mu: -1)
subcritical_hopf, subcritical_hopf_jacobian_rows = _planar(
    lambda s, mu: mu + s - s * s, lambda s, mu: 1 - 2 * s
)
nested_cycles, nested_cycles_jacobian_rows = _planar(
    lambda s, epsilon: epsilon * (1 - s) * (4 - s) * (9 - s),
    lambda s, epsilon: epsilon * (-49 + 28 * s - 3 * s * s),
)


def double_well(t, state, *, delta, alpha, beta):
    x, v = state
    return v, -delta * v - alpha * x - beta * x * x * x


def double_well_jacobian_rows(t, state, *, delta, alpha, beta):
    x, _ = state
    return (0, 1), (-alpha - 3 * beta * x * x, -delta)


def duffing(t, state, *, gamma, omega, **parameters):
    v, force = double_well(t, state, **parameters)
    return v, force + gamma * np.cos(omega * t)


def duffing_jacobian_rows(t, state, *, gamma, omega, **parameters):
    return double_well_jacobian_rows(t, state, **parameters)


def logistic(n, state, *, r):
    (x,) = state
    return (r * x * (1 - x),)


def logistic_jacobian_rows(n, state, *, r):
    (x,) = state
    return ((r * (1 - 2 * x),),)


def henon(n, state, *, a, b):
    x, y = state
    return 1 - a * x * x + y, b * x


def henon_jacobian_rows(n, state, *, a, b):
    x, _ = state
    return (-2 * a * x, 1), (b, 0)
