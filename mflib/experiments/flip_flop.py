"""A network that remembers three signs: the example of FixedPointFinder."""

from dataclasses import dataclass

import keras
import numpy as np

from mflib import checks
from mflib.networks.keras import from_keras
from mflib.networks.recurrent import Recurrent


@dataclass(frozen=True)
class FlipFlop:
    """A Keras LSTM that keeps for each of its channels the sign of the last pulse.

    References:
        Sussillo and Barak (2013), Neural Computation 25, 626-649, doi:10.1162/NECO_a_00409. Sizes
        are those of the example of FixedPointFinder, github.com/mattgolub/fixed-point-finder.
    """

    units: int = 16
    channels: int = 3
    seed: int = 0
    epochs: int = 60

    @property
    def name(self) -> str:
        """Of the network's file."""
        return f"flip_flop_{self.units}_{self.seed}"

    def trained(self) -> Recurrent:
        """The network after training by Keras."""
        keras.utils.set_random_seed(self.seed)
        inputs, targets = pulses(4096, self.channels, seed=self.seed)
        model = keras.Sequential(
            [
                keras.Input((None, self.channels)),
                keras.layers.LSTM(self.units, return_sequences=True, use_cudnn=False),
                keras.layers.Dense(self.channels),
            ]
        )
        rate = keras.optimizers.schedules.CosineDecay(0.03, self.epochs * len(inputs) // 128)
        adam = keras.optimizers.Adam(rate, clipnorm=1.0)
        model.compile(adam, "mse", jit_compile=True, steps_per_execution=16)
        model.fit(inputs, targets, batch_size=128, epochs=self.epochs, verbose=0)
        return from_keras(model)


def pulses(
    trials: int, channels: int = 3, *, steps: int = 64, chance: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Pulses of either sign on each channel, and the sign of the last one.

    Args:
        trials, channels, steps: How many; in its first step a trial has a pulse on each channel.
        chance: Of a pulse on a channel in a step.

    Returns:
        Inputs and targets, each of shape (trials, steps, channels): of 0, 1 and -1, and of 1 and
        -1.

    Examples:
        >>> inputs, targets = pulses(1, 1, steps=8, seed=1)
        >>> inputs.ravel().astype(int), targets.ravel().astype(int)
        (array([-1,  1,  0,  1,  0, -1,  0,  0]), array([-1,  1,  1,  1,  1, -1, -1, -1]))
    """
    shape = checks.count("trials", trials), checks.count("steps", steps), channels
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], shape)
    pulsed = rng.random(shape) < checks.real("chance", chance, least=0, most=1)
    pulsed[:, 0] = True
    last = np.maximum.accumulate(np.where(pulsed, np.arange(steps)[:, None], 0), axis=1)
    return signs * pulsed, np.take_along_axis(signs, last, axis=1)
