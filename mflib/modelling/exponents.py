"""Lyapunov exponents of networks, their loop closed or driven."""

import numpy as np
from numpy.typing import ArrayLike

from mflib import checks
from mflib.dynamics.lyapunov import Spectrum, random_frame
from mflib.modelling.closed_loop import _states, jacobian, propagate_tangents
from mflib.networks.recurrent import Network, cast

#: Numbers in a batch of Jacobians, so few that they stay in the cache.
MATRICES = 2**18


def network_spectrum(
    network: Network,
    state: ArrayLike,
    *,
    steps: int | None = None,
    dt: float = 1.0,
    count: int | None = None,
    inputs: ArrayLike | None = None,
    discard: int | None = None,
    seed: int = 0,
) -> Spectrum:
    """Lyapunov exponents of a network, its loop closed or driven by inputs.

    With its loop closed a network is an autonomous system; these are its exponents. They are
    to be compared with those of the system it models: the first ones with the system's, the
    others tell how fast the network forgets what the system does not have.

    Driven by inputs it has *conditional* exponents. If all are negative, two copies that start
    in different states and have the same inputs become one: the echo state property, for these
    inputs.

    Args:
        network: Whatever its own precision, it is run in double.
        state (members, state_dim): On the attractor: from
            :func:`~mflib.modelling.closed_loop.warm_up`, say. Each member is a trajectory of its
            own, and all are averaged.
        steps: Steps of each member averaged over, as in :func:`~mflib.dynamics.lyapunov.spectrum`.
            Inputs leave no choice: without those discarded, as many as there are.
        dt: Units of time a step takes.
        count: How many exponents; by default all. Then the growth rate of volumes is measured too.
        inputs (members, time, inputs): What drives the network; by default nothing, and the loop is
            closed.
        discard: Steps before those averaged over, in which the frame finds its directions; by
            default a quarter as many.
        seed: Of the first frame and of the bootstrap.

    Raises:
        ValueError: If an argument does not fit, the loop cannot be closed, or the state leaves all
            bounds.

    References:
        Benettin, Galgani, Giorgilli and Strelcyn (1980), Meccanica 15, 9-20 and 21-30. For networks
        that model a system: Pathak, Lu, Hunt, Girvan and Ott (2017), Chaos 27, 121102.

    Examples:
        An LSTM fresh from its initialisation forgets, whatever its input.

        >>> from mflib.networks.lstm import LSTM
        >>> network = LSTM.create(inputs=2, units=8)
        >>> noise = np.random.default_rng(0).normal(size=(1, 500, 2))
        >>> found = network_spectrum(network, network.initial_state(1), inputs=noise, count=2)
        >>> bool(found.exponents[0] < 0)
        True
    """
    network = cast(network, "float64")  # else what contracts strongly is lost in rounding
    members, dim = _states(network, state, "members").shape
    dt = checks.real("dt", dt, above=0)
    count = dim if count is None else checks.count("count", count, most=dim)
    driving, steps, discard = _times(network, steps, inputs, discard)
    rng = np.random.default_rng(seed)
    frame = random_frame(rng, members, dim, count)
    run = propagate_tangents(
        network, state, frame, steps=discard + steps, inputs=driving, states=count == dim
    )
    if not np.all(run.bounded):
        got = f"left all bounds after {(np.argmin(run.bounded) + 1) * dt:.6g} units of time"
        raise ValueError(f"state: got one whose orbit {got}, expected bounded orbits")
    volume = np.nan
    if run.states is not None:
        left = None if driving is None else driving[:, discard:].transpose(1, 0, 2)
        volume = _mean_volume(network, run.states[discard:].numpy(), left)
    logarithms = run.logarithms[discard:].numpy()
    return Spectrum.from_growth(logarithms, dt, dim=dim, rng=rng, volumes=volume)


def _times(network, steps, inputs, discard):
    """Inputs, and how many steps are averaged over and discarded."""
    if (steps is None) == (inputs is None):
        beside = "without" if inputs is None else "beside"
        raise ValueError(f"steps: got {steps} {beside} inputs, expected one of the two")
    if inputs is None:
        time, part = checks.count("steps", steps), 4
    else:
        inputs = checks.reals("inputs", inputs, ("members", "time", network.inputs))
        time, part = inputs.shape[1], 5
    discard = -(-time // part) if discard is None else checks.count("discard", discard, least=0)
    steps = time if inputs is None else time - discard
    if steps < 1:
        raise ValueError(f"inputs: got {time} steps, expected more than {discard}, discarded")
    return inputs, steps, discard


def _mean_volume(network, states, inputs):
    """Mean log |det J| over ``states``, so many at a time."""
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
