"""LSTMs that become a chaotic system."""

from dataclasses import dataclass, replace

import numpy as np

from mflib.dynamics.systems import system
from mflib.dynamics.trajectories import trajectory
from mflib.modelling.refinement import RefinementConfig, train_and_refine
from mflib.modelling.training import TrainingConfig
from mflib.networks.lstm import IncrementLSTM

ADAM_STAGE = TrainingConfig(
    steps=4000, batch=32, window=60, burn_in=10, learning_rate=1e-2, noise=(3e-3, 1e-6)
)
#: How models are trained. Adam finds a stable closed loop, the refinement makes it exact.
LBFGS_STAGE = RefinementConfig(iterations=400, window=60, burn_in=20)


@dataclass(frozen=True)
class Model:
    """An LSTM of increments that is to become a chaotic system.

    Attributes:
        system: Name in :func:`mflib.dynamics.systems.names`.
        dt: Time between samples.
        units: 30 have 4,173 parameters for a system of three coordinates.
        samples: Of the one orbit on which it is trained.
        iterations: Of the refinement.
    """

    system: str
    dt: float
    units: int = 30
    seed: int = 0
    samples: int = 20_000
    iterations: int = LBFGS_STAGE.iterations

    def data(self) -> np.ndarray:
        """The orbit, on the attractor, shape ``(samples, dim)``."""
        flow = system(self.system)
        return trajectory(flow, self.samples, self.dt, transient=flow.transient)

    def untrained(self) -> IncrementLSTM:
        """The network before it is trained."""
        return IncrementLSTM.create(system(self.system).dim, self.units, seed=self.seed)

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.system}_{self.units}_{self.iterations}_{self.seed}"

    def trained(self, *, progress: bool = True) -> IncrementLSTM:
        """The network after training, minutes of work: in double precision, in system's units."""
        refinement = replace(LBFGS_STAGE, iterations=self.iterations)
        network, data, seed = self.untrained(), [self.data()], self.seed
        return train_and_refine(network, data, ADAM_STAGE, refinement, seed=seed, progress=progress)


#: The models of the chapter on learning chaos, recorded in ``data/``.
MODELS = [
    *(Model("lorenz", 0.01, seed=seed) for seed in range(3)),
    Model("lorenz", 0.01, units=64),
    Model("lorenz", 0.01, units=64, iterations=1600),
    Model("halvorsen", 0.02),
    Model("rossler", 0.1),
]
