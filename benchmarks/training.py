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

torch, jax = optional("torch"), optional("jax")

SIZES = ((8, 32, 63), (16, 32, 63), (32, 32, 63))
STEPS = 100


def comparisons(sizes=SIZES, steps=STEPS) -> Iterator[Comparison]:
    """Mflib's training beside Keras' ``fit`` and ordinary loops of PyTorch and JAX.

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
        if jax:
            peers["JAX scan"] = jax_loop(network, data, config)

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


def jax_loop(network: LSTM, data, config: TrainingConfig):
    """One program: a scan over steps around the gradient of a scan over a window."""
    np_, random, samples = jax.numpy, jax.random, jax.numpy.asarray(np.stack(data) / 5)
    first_weights = {name: np_.asarray(w.numpy()) for name, w in network.weights().items()}
    map_all, offsets = jax.tree.map, np_.arange(config.window + 1)

    def loss(w, inputs, targets):
        driven = inputs @ w["kernel"] + w["bias"]

        def step(carry, driven_now):
            h, c = carry
            i, f, g, o = np_.split(driven_now + h @ w["recurrent_kernel"], 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * np_.tanh(g)
            h = jax.nn.sigmoid(o) * np_.tanh(c)
            return (h, c), h

        zeros = np_.zeros((config.batch, network.units))
        _, hs = jax.lax.scan(step, (zeros, zeros), driven)
        error = hs @ w["readout_kernel"] + w["readout_bias"] - targets
        return (error[config.burn_in :] ** 2).mean()

    def adam_step(carry, number):
        w, m, v, key = carry
        key, *keys = random.split(key, 4)
        task = random.randint(keys[0], (config.batch,), 0, len(samples))
        first = random.randint(keys[1], (config.batch,), 0, samples.shape[1] - config.window)
        drawn = samples[task, first + offsets[:, None]]
        inputs = drawn[:-1] + 0.03 * random.normal(keys[2], drawn[:-1].shape)
        value, gradient = jax.value_and_grad(loss)(w, inputs, drawn[1:])
        norm = np_.sqrt(sum((g**2).sum() for g in gradient.values()))
        gradient = map_all(lambda g: g * np_.minimum(1, config.clip / norm), gradient)
        m = map_all(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = map_all(lambda v, g: 0.999 * v + 0.001 * g**2, v, gradient)
        rate = config.learning_rate * (1 + np_.cos(np_.pi * number / config.steps)) / 2
        rate *= np_.sqrt(1 - 0.999 ** (number + 1)) / (1 - 0.9 ** (number + 1))
        w = map_all(lambda w, m, v: w - rate * m / (np_.sqrt(v) + 1e-7), w, m, v)
        return (w, m, v, key), value

    @jax.jit
    def trained(w, key):
        zeros = map_all(np_.zeros_like, w)
        return jax.lax.scan(adam_step, (w, zeros, zeros, key), np_.arange(float(config.steps)))[1]

    def run():
        np.asarray(trained(first_weights, random.key(0)))
        return config.steps

    return run
