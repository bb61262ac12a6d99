"""What PyTorch computes, for `test_torch.py`: modules, cues and closed loops, in `torch.npz`.

PyTorch is no dependency of the book; with one that has it (`make bench` installs it):

    python -m tests.record_torch
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

CUE, STEPS = 20, 100
KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
#: Name of the record: kind, layers, options, type.
MODULES = {
    "LSTM, 2 layers": ("LSTM", 2, {}, torch.float64),
    "LSTM, 2 layers, single precision": ("LSTM", 2, {}, torch.float32),
    "LSTM, 1 layer": ("LSTM", 1, {}, torch.float64),
    "GRU, 2 layers": ("GRU", 2, {}, torch.float64),
    "GRU, 1 layer, without biases": ("GRU", 1, {"bias": False}, torch.float64),
    "RNN, 3 layers, relu": ("RNN", 3, {"nonlinearity": "relu"}, torch.float64),
}


class Model(nn.Module):
    """Recurrent layers and a linear readout, as people write it."""

    def __init__(self, kind, layers, options, gain=2.0):
        super().__init__()
        self.rnn = KINDS[kind](3, 5, layers, batch_first=True, **options)
        self.readout = nn.Linear(5, 3)
        for parameter in self.parameters():  # so that the loop moves
            parameter.data *= gain

    def forward(self, x, state=None):
        y, state = self.rnn(x, state)
        return self.readout(y), state


@torch.no_grad()
def closed_loop(model, cue, steps):
    """Outputs of the loop after a cue, one sample at a time."""
    y, state = model(cue)
    outputs = []
    for _ in range(steps):
        outputs.append(y[:, -1])
        y, state = model(outputs[-1][:, None], state)
    return torch.stack(outputs, dim=1)


def create(name):
    torch.manual_seed(0)
    kind, layers, options, dtype = MODULES[name]
    return Model(kind, layers, options, gain=1.3 if kind == "RNN" else 2.0).to(dtype)


def main():
    arrays = {"made": np.array(f"by tests/record_torch.py with PyTorch {torch.__version__}")}
    for name in MODULES:
        model = create(name)
        dtype = next(model.parameters()).dtype
        cue = torch.randn((2, CUE, 3), dtype=dtype)
        arrays |= {f"{name}/weights/{key}": w.numpy() for key, w in model.state_dict().items()}
        arrays[f"{name}/cue"] = cue.numpy()
        arrays[f"{name}/outputs"] = closed_loop(model, cue, STEPS).numpy()
    np.savez_compressed(Path(__file__).with_name("torch.npz"), **arrays)


if __name__ == "__main__":
    main()
