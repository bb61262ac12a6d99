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


def _positive(x):
    """The number if it is positive and else zero, as above."""
    return (x + _size(x)) / 2


def _clipped(x):
    """The number if it is between -1 and 1 and else the nearer of these, as above."""
    return (_size(x + 1) - _size(x - 1)) / 2


def chua(t, state, *, alpha, beta, m0, m1):
    x, y, z = state
    diode = m1 * x + (m0 - m1) * _clipped(x)
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


def burke_shaw(t, state, *, s, v):
    x, y, z = state
    return -s * (x + y), -y - s * x * z, s * x * y + v


def rucklidge(t, state, *, kappa, a):
    x, y, z = state
    return -kappa * x + a * y - y * z, x, y * y - z


def leipnik_newton(t, state, *, a, b):
    x, y, z = state
    return -a * x + y + 10 * y * z, -x - a * y + 5 * x * z, b * z - 5 * x * y


def rikitake(t, state, *, mu, a):
    x, y, z = state
    return y * z - mu * x, (z - a) * x - mu * y, 1 - x * y


def moore_spiegel(t, state, *, T, R):
    x, y, z = state
    return y, z, -z - (T - R + R * x * x) * y - T * x


def finance(t, state, *, a, b, c):
    x, y, z = state
    return z + (y - a) * x, 1 - b * y - x * x, -x - c * z


def qi_chen(t, state, *, a, b, c):
    x, y, z = state
    return a * (y - x) + y * z, c * x - y - x * z, x * y - b * z


def chen_lee(t, state, *, a, b, c):
    x, y, z = state
    return a * x - y * z, b * y + x * z, c * z + x * y / 3


def anishchenko_astakhov(t, state, *, m, g):
    x, y, z = state
    return m * x + y - x * z, -x, g * (x * _positive(x) - z)


def windmi(t, state, *, a, b):
    x, y, z = state
    return y, z, -a * z - y + b - np.exp(x)


def colpitts(t, state, *, a, b, c, d, e):
    x, y, z = state
    return y - a * _positive(e - 1 - z), c - x - b * y - z, y - d * z


def abooee(t, state, *, a, b, c, d, h, k):
    x, y, z = state
    return a * (y - x) + b * y * z * z, c * x - d * x * z * z, -h * z - k * x * x


def sprott_tanh(t, state, *, a):
    x, y, z = state
    return y, z, -a * z - y - x + 2 * np.tanh(x)


def sprott_max(t, state, *, a, b, c):
    x, y, z = state
    return y, z, -a * z - y - b * _positive(x) + c


def tigan(t, state, *, a, b, c):
    x, y, z = state
    return a * (y - x), (c - a) * x - a * x * z, x * y - b * z


def blasius(t, state, *, a, b, c, alpha1, alpha2, k1, z0):
    x, y, z = (np.exp(q) for q in state)
    eaten = alpha1 / (1 + k1 * x)
    return a - eaten * y, eaten * x - alpha2 * z - b, alpha2 * y - c * (1 - z0 / z)


def hastings_powell(t, state, *, a1, b1, a2, b2, d1, d2):
    x, y, z = (np.exp(q) for q in state)
    eaten, hunted = a1 / (1 + b1 * x), a2 / (1 + b2 * y)
    return 1 - x - eaten * y, eaten * x - hunted * z - d1, hunted * y - d2


def muthuswamy_chua(t, state, *, alpha, beta, L):
    x, y, z = state
    return y, -(x + beta * (z * z - 1) * y) / L, -y - alpha * z + y * z


def cellular(t, state, *, p1, p2, p3, r, s):
    x, y, z = state
    u, v, w = (_clipped(q) for q in state)
    return -x + p1 * u - s * v - s * w, -y - s * u + p2 * v - r * w, -z - s * u + r * v + p3 * w


def hopfield(t, state, *, a):
    x, y, z = state
    u, v, w = (np.tanh(q) for q in state)
    return 2 * u - 1.2 * v - x, a * u + 1.71 * v + 1.15 * w - y, 1.1 * w - 4.75 * u - z


def beer(t, state, *, tau):
    x, y, z = state
    u, v, w = (1 / (1 + np.exp(b - q)) for q, b in zip(state, (4.108, 2.787, 1.114), strict=True))
    return (
        5.422 * u - 0.018 * v + 2.75 * w - x,
        (-0.24 * u + 4.59 * v + 1.21 * w - y) / tau,
        0.535 * u - 2.25 * v + 3.885 * w - z,
    )


def sprott_e(t, state, *, a):
    x, y, z = state
    return y * z, x * x - y, 1 - a * x


def sprott_g(t, state, *, a):
    x, y, z = state
    return a * x + z, x * z - y, y - x


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
