"""Lyapunov exponents of networks, their loop closed or driven."""

from __future__ import annotations

import numpy as np

from mflib.dynamics._checks import _count
from mflib.dynamics.lyapunov import Spectrum, _averaged, _frame, _how_many, _unbounded

MATRICES = 2**18
"""Numbers in a batch of Jacobians, so few that they stay in the cache."""


def network_spectrum(
    network,
    state,
    *,
    steps: int | None = None,
    dt: float = 1.0,
    count: int | None = None,
    inputs=None,
    segment: int = 1,
    discard: int | None = None,
    seed: int = 0,
) -> Spectrum:
    """Lyapunov exponents of a network, its loop closed or driven by inputs.

    With its loop closed a network is an autonomous system; these are its exponents. They are
    to be compared with those of the system it models: the first ones with the system's, the
    others say how fast the network forgets what the system does not have.

    Driven by inputs it has *conditional* exponents. If all are negative, two copies that start
    in different states and hear the same become one: the echo state property, for these inputs.

    Parameters
    ----------
    network : mflib.networks.Network
        Whatever its own precision, it is run in double.
    state : array_like, shape (members, state_dim)
        On the attractor: from :func:`mflib.modelling.closed_loop.warm_up`, say. Each member is a
        trajectory of its own, and all are averaged.
    steps : int, optional
        Steps of each member averaged over. Inputs leave no choice: without those discarded,
        as many as there are.
    dt : float
        Units of time a step takes.
    count : int, optional
        How many exponents; by default all. Then ``volume`` is measured too.
    inputs : array_like, shape (members, time, inputs), optional
        What drives the network; by default nothing, and the loop is closed.
    segment : int
        Steps between orthonormalisations. Steps that do not fill a segment are left out.
    discard : int, optional
        Steps before those averaged over, in which the frame finds its directions; by default a
        quarter as many.
    seed : int
        Of the first frame and of the bootstrap.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If an argument does not fit, the loop cannot be closed, or the state leaves all bounds.

    References
    ----------
    Benettin, Galgani, Giorgilli and Strelcyn (1980), Meccanica 15, 9-20 and 21-30. For networks
    that model a system: Pathak, Lu, Hunt, Girvan and Ott (2017), Chaos 27, 121102.

    Examples
    --------
    An LSTM fresh from its initialisation forgets, whatever it hears.

    >>> from mflib.networks import LSTM
    >>> network = LSTM.create(inputs=2, units=8)
    >>> noise = np.random.default_rng(0).normal(size=(1, 500, 2))
    >>> found = network_spectrum(network, network.initial_state(1), inputs=noise, count=2)
    >>> bool(found.exponents[0] < 0)
    True
    """
    from mflib.modelling.closed_loop import propagate_tangents
    from mflib.networks.recurrent import cast

    network = cast(network, "float64")  # else what contracts strongly is lost in rounding
    shape = np.shape(state)
    if len(shape) != 2 or shape[1] != network.state_dim or not shape[0]:
        raise ValueError(f"state: got shape {shape}, expected (members, {network.state_dim})")
    members, dim = shape
    segment = _count("segment", segment)
    if discard is not None:
        discard = -(-_count("discard", discard, least=0) // segment)
    if inputs is None:
        if steps is None:
            raise ValueError("steps: got None, expected a number, because there are no inputs")
        segments = max(1, _count("steps", steps) // segment)
        discard = -(-segments // 4) if discard is None else discard
    else:
        if steps is not None:
            raise ValueError(f"steps: got {steps} beside inputs, expected None")
        inputs = np.asarray(inputs)
        if inputs.ndim != 3:
            raise ValueError(f"inputs: got shape {inputs.shape}, expected (members, time, inputs)")
        whole = inputs.shape[1] // segment
        discard = -(-whole // 5) if discard is None else discard
        segments = whole - discard
        if segments < 1:
            raise ValueError(
                f"inputs: got {inputs.shape[1]} steps, expected more than {discard * segment} "
                "that are discarded"
            )
        inputs = inputs[:, : whole * segment]
    count = _how_many(count, dim)
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt: got {dt}, expected a positive time")
    rng = np.random.default_rng(seed)
    run = propagate_tangents(
        network,
        state,
        _frame(rng, members, dim, count),
        segments=discard + segments,
        segment=segment,
        inputs=inputs,
        states=count == dim,
    )
    bounded = run.bounded.numpy()
    if not np.all(bounded):
        raise _unbounded((np.argmin(bounded) + 1) * segment * dt)
    volume = np.nan
    if count == dim:
        begin = discard * segment
        heard = None if inputs is None else inputs[:, begin:].transpose(1, 0, 2)
        volume = segment * _mean_volume(network, run.states[begin:].numpy(), heard)
    return _averaged(run.logarithms[discard:].numpy(), volume, segment * dt, dim, rng)


def _mean_volume(network, states, inputs):
    """Mean log |det J| over ``states``, so many at a time."""
    from mflib.modelling.closed_loop import jacobian

    dim = states.shape[-1]
    states = states.reshape(-1, dim)
    inputs = None if inputs is None else inputs.reshape(len(states), -1)
    size = min(len(states), max(1, MATRICES // dim**2))
    logarithms = np.empty(len(states))
    for end in range(len(states), 0, -size):  # the first and last batch may overlap
        part = slice(max(0, end - size), max(0, end - size) + size)
        matrices = jacobian(network, states[part], None if inputs is None else inputs[part])
        logarithms[part] = np.linalg.slogdet(matrices.numpy())[1]
    return logarithms.mean()
