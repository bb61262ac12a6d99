"""Recurrent networks as dynamical systems: train them, close their loop, judge what they do.

Folders are named by the theory they hold. TensorFlow starts only where a network is needed.
"""

__version__ = "0.1.0"
