"""Equations of the known flows and maps.

Each takes the time and the coordinates, numbers or arrays, and the parameters by name, and returns
a component for each coordinate. What the parameters are is in ``systems.toml``. All are analytic
but for kinks: a complex step in a coordinate gives the derivatives.
"""

import numpy as np


def lorenz(t, state, *, sigma, rho, beta):
    x, y, z = state
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def rossler(t, state, *, a, b, c):
    x, y, z = state
    return -y - z, x + a * y, b + z * (x - c)


def halvorsen(t, state, *, a):
    x, y, z = state
    return (
        -a * x - 4 * y - 4 * z - y * y,
        -a * y - 4 * z - 4 * x - z * z,
        -a * z - 4 * x - 4 * y - x * x,
    )


def _size(x):
    """The absolute value of a number, with the sign's slope for a complex step beside it."""
    return x * np.sign(np.real(x))


def chua(t, state, *, alpha, beta, m0, m1):
    x, y, z = state
    diode = m1 * x + (m0 - m1) / 2 * (_size(x + 1) - _size(x - 1))
    return alpha * (y - x - diode), x - y + z, -beta * y


def thomas(t, state, *, b):
    x, y, z = state
    return np.sin(y) - b * x, np.sin(z) - b * y, np.sin(x) - b * z


def sprott_b(t, state):
    x, y, z = state
    return y * z, x - y, 1 - x * y


def chen(t, state, *, a, b, c):
    x, y, z = state
    return a * (y - x), (c - a) * x - x * z + c * y, x * y - b * z


def aizawa(t, state, *, a, b, c, d, e, f):
    x, y, z = state
    return (
        (z - b) * x - d * y,
        d * x + (z - b) * y,
        c + a * z - z * z * z / 3 - (x * x + y * y) * (1 + e * z) + f * z * x * x * x,
    )


def lorenz84(t, state, *, a, b, F, G):
    x, y, z = state
    return -y * y - z * z - a * (x - F), x * y - b * x * z - y + G, b * x * y + x * z - z


def van_der_pol(t, state, *, mu):
    x, v = state
    return v, mu * (1 - x * x) * v - x


def _planar(growth):
    """Equations with r' = r growth(r^2) and angle' = omega."""

    def equations(t, state, *, omega, **parameters):
        x, y = state
        g = growth(x * x + y * y, **parameters)
        return g * x - omega * y, g * y + omega * x

    return equations


hopf = _planar(lambda s, mu: mu - s)
subcritical_hopf = _planar(lambda s, mu: mu + s - s * s)
nested_cycles = _planar(lambda s, epsilon: epsilon * (1 - s) * (4 - s) * (9 - s))


def double_well(t, state, *, delta, alpha, beta):
    x, v = state
    return v, -delta * v - alpha * x - beta * x * x * x


def duffing(t, state, *, gamma, omega, **parameters):
    v, force = double_well(t, state, **parameters)
    return v, force + gamma * np.cos(omega * t)


def logistic(n, state, *, r):
    (x,) = state
    return (r * x * (1 - x),)


def henon(n, state, *, a, b):
    x, y = state
    return 1 - a * x * x + y, b * x
