"""How several attractors are put into one LSTM: recipes for tasks of any kind."""

from collections.abc import Sequence

from mflib.modelling.refinement import RefinementConfig, train_and_refine
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.tasks import Task, interleaved_orbits
from mflib.networks.lstm import LSTM


def chaos_training(
    units: int, steps: int = 6000, *, last_noise: float = 1e-3, window: int = 200, batch: int = 16
) -> TrainingConfig:
    """How chaotic attractors of unit size are trained, sampled about forty times a turn.

    Windows of five turns, so that the loss sees slow drift; noise that falls from a tenth of the
    attractors' size, so that the loop comes back to them; smaller steps for wider networks.

    Args:
        units: Of the network: 48 bear a pair, 128 eight worlds.
        steps: Of Adam: 20,000 for a pair.
        last_noise: On the inputs at the end of training, in units of the data's scale.
        window, batch: Samples in a window, and windows in a step.
    """
    rate, noise = 1e-2 * min(1, (64 / units) ** 0.5), (0.1, last_noise)
    return TrainingConfig(steps, batch, window, burn_in=10, learning_rate=rate, noise=noise)


def train_tasks(
    tasks: Sequence[Task],
    units: int,
    config: TrainingConfig,
    refinement: RefinementConfig | None = None,
    *,
    seed: int = 0,
    progress: bool = True,
) -> LSTM:
    """Train one LSTM on several tasks, without a label that says which is which.

    Args:
        tasks: Of one dimension.
        config: :func:`chaos_training`, say.
        refinement: If given, L-BFGS goes on where Adam ends.
        seed: Of weights, windows and noise.

    Returns:
        LSTM: In the units of the tasks; refined, in double precision.
    """
    data = interleaved_orbits(tasks)
    network = LSTM.create(inputs=data[0].shape[1], units=units, seed=seed)
    if refinement is None:
        return train(network, data, config, seed=seed, progress=progress).network
    return train_and_refine(network, data, config, refinement, seed=seed, progress=progress)
