"""The whole training loop: windows, noise, gradient, clipping, Adam with a cosine schedule."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from benchmarks.timing import Comparison, optional
from mflib.modelling.training import TrainingConfig, train
from mflib.multifunctionality.tasks import seeing_double
from mflib.networks.keras import to_keras
from mflib.networks.lstm import LSTM

torch = optional("torch")

SIZES = ((8, 32, 63), (16, 32, 63), (32, 32, 63))
STEPS = 100


def comparisons(sizes=SIZES, steps=STEPS) -> Iterator[Comparison]:
    """Mflib's training beside Keras' ``fit`` and an ordinary PyTorch loop.

    A size is a number of units, the windows in a batch and their samples.
    """
    data = [task.trajectory(2_000, 0.1).astype("float32") for task in seeing_double()]
    for units, batch, window in sizes:
        config = TrainingConfig(steps=steps, batch=batch, window=window)
        network = LSTM.create(2, units, seed=0)
        peers = {
            "Keras fit": keras_fit(network, data, config, jit_compile=False),
            "Keras fit, XLA": keras_fit(network, data, config, jit_compile=True),
        }
        if torch:
            peers["PyTorch nn.LSTM"] = torch_loop(network, data, config)

        def ours(network=network, config=config):
            train(network, data, config, progress=False)
            return steps

        for peer, theirs in peers.items():
            name = f"training, {units} units, batch {batch}, {window} samples"
            yield Comparison(name, peer, "step", ours, theirs)


def windows(data, config: TrainingConfig, rng) -> tuple[np.ndarray, np.ndarray]:
    """Windows for all steps, drawn beforehand: ``(steps * batch, window, 2)`` and targets."""
    count = config.steps * config.batch
    task = rng.integers(len(data), size=count)
    first = rng.integers(len(data[0]) - config.window, size=count)
    index = first[:, None] + np.arange(config.window + 1)
    drawn = np.stack(data)[task[:, None], index] / 5
    return drawn[:, :-1], drawn[:, 1:]


def keras_fit(network: LSTM, data, config: TrainingConfig, *, jit_compile: bool):
    """``model.fit`` for one epoch over windows drawn beforehand; the noise is a layer."""
    inputs, targets = windows(data, config, np.random.default_rng(0))
    weight = np.broadcast_to(np.arange(config.window) >= config.burn_in, inputs.shape[:2])
    noise = keras.layers.GaussianNoise(0.03)
    model = keras.Sequential([keras.Input((None, 2)), noise, to_keras(network)])
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    optimizer = keras.optimizers.Adam(schedule, global_clipnorm=config.clip)
    model.compile(optimizer=optimizer, loss="mse", jit_compile=jit_compile)

    def run():
        model.fit(
            inputs, targets, sample_weight=weight.astype("float32"),
            batch_size=config.batch, epochs=1, shuffle=False, verbose=0,
        )  # fmt: skip
        return config.steps

    return run


def torch_loop(network: LSTM, data, config: TrainingConfig):
    """An ordinary training loop around ``torch.nn.LSTM``, its fused CPU implementation."""
    samples = torch.tensor(np.stack(data) / 5)
    lstm = torch.nn.LSTM(2, network.units, batch_first=True)
    dense = torch.nn.Linear(network.units, 2)
    parameters = [*lstm.parameters(), *dense.parameters()]
    offsets = torch.arange(config.window + 1)

    def run():
        adam = torch.optim.Adam(parameters, config.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
        for _ in range(config.steps):
            task = torch.randint(len(samples), (config.batch, 1))
            first = torch.randint(samples.shape[1] - config.window, (config.batch, 1))
            drawn = samples[task, first + offsets]
            inputs = drawn[:, :-1] + 0.03 * torch.randn_like(drawn[:, :-1])
            outputs = dense(lstm(inputs)[0])
            error = (outputs - drawn[:, 1:])[:, config.burn_in :]
            adam.zero_grad()
            (error**2).mean().backward()
            torch.nn.utils.clip_grad_norm_(parameters, config.clip)
            adam.step()
            schedule.step()
        return config.steps

    return run
