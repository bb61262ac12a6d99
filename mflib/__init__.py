"""Recurrent networks as dynamical systems: train them, close their loop, judge what they do.

Modules are named by the theory they hold and are loaded when first used, so that ``import
mflib`` is quick and TensorFlow starts only where a network is needed.
"""

import importlib

__version__ = "0.1.0"

__all__ = [
    "attractors",
    "closed_loop",
    "continuation",
    "drawing",
    "experiments",
    "graphs",
    "judge",
    "lyapunov",
    "metrics",
    "networks",
    "plots",
    "record",
    "reservoirs",
    "sweeps",
    "systems",
    "tasks",
    "training",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"mflib.{name}")
    raise AttributeError(f"module 'mflib' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
