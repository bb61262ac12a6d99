"""Recordings of a wrist: read as their package reads them, cut, and compared."""

import importlib.util

import numpy as np
import pytest

from mflib.experiments.walking import (
    CUE,
    RATE,
    RECORDED,
    SAMPLES,
    STARTS,
    Walking,
    by_cue,
    cues_of,
    known,
    likeness,
    rank,
    sharing,
    wrists,
)
from mflib.modelling.recordings import rhythm
from mflib.networks.lstm import LSTM

installed = pytest.mark.skipif(
    importlib.util.find_spec("sktime") is None, reason="the package with the recordings"
)
T = np.arange(400) / RATE


def wave(frequency, size):
    phase = 2 * np.pi * frequency * T
    return size * np.stack([np.sin(phase), 2 * np.cos(phase)], axis=1)


@installed
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", ["TRAIN", "TEST"])
def test_recordings_are_those_that_their_package_loads(part):
    from sktime.datasets import load_basic_motions

    loaded, labels = load_basic_motions(split=part.lower(), return_type="numpy3d")
    for name, recordings in wrists(part).items():
        raw = np.swapaxes(loaded[labels == name], 1, 2)
        assert recordings.shape == (10, SAMPLES, 6) and raw.shape == (10, 100, 6)
        seen = recordings[:, :: RATE // RECORDED]  # at the times of the file
        new = np.any(np.diff(raw, axis=1) != 0, axis=2)[:, : seen.shape[1] - 1]
        np.testing.assert_allclose(seen[:, 1:][new], raw[:, 1 : seen.shape[1]][new], atol=1e-12)


@installed
def test_a_recording_is_what_it_is():
    repertoire = known("walking running standing")
    for name in ("walking", "running", "standing"):
        found = [repertoire.name(x) for x in wrists("TRAIN")[name]]
        assert found == [name] * 10


@installed
def test_recordings_set_aside_are_not_trained_on():
    tasks = Walking(0, aside=(0, 4, 7)).tasks()
    assert [task.name for task in tasks] == ["walking", "running"]
    assert [len(task.data()) for task in tasks] == [7, 7]
    rows = np.concatenate([task.data() for task in tasks]).reshape(-1, 6)
    np.testing.assert_allclose(rows.std(axis=0), 1)
    assert tasks[0].orbits(3, 50, seed=1).shape == (3, 50, 6)


def test_cues_keep_their_order():
    recordings = np.arange(2 * SAMPLES).reshape(2, SAMPLES, 1)
    cues = cues_of(recordings)
    assert cues.shape == (8, CUE, 1)
    assert cues[:, 0, 0].tolist() == [SAMPLES * k + n for k in (0, 1) for n in STARTS]


def test_a_run_is_nearest_to_what_is_like_it():
    rests = [rhythm(wave(f, size), RATE) for f, size in ((0.6, 1), (0.7, 1.2), (0.8, 1))]
    run = rhythm(wave(0.71, 1.2), RATE)
    assert [rank(run, rests, own) for own in range(3)][1] == 0
    assert likeness(run, rests, np.ones(2)) > 0.99


@installed
def test_recordings_as_runs_are_right_and_their_own():
    recordings = wrists("TEST")["running"]
    ends = np.repeat(recordings[:, CUE:], len(STARTS), axis=0)
    found = by_cue(ends, recordings, known("walking running"))
    assert found["rank"] == [0] * 10
    assert min(found["size"]) > 10 and len(found["ends"]) == 40


def test_units_that_do_the_same_twice_are_shared():
    network = LSTM.create(inputs=2, units=3, seed=0)
    h = np.array([0.5, 0.2, 0.01]) * np.sin(T)[:, None]
    states = np.concatenate([h, np.arctanh(h)], axis=1)
    found = sharing(network, np.stack([states, states]))
    assert found["active"] == [2, 2, 2]
    assert found["overlap"] == 1 and found["selectivity"] < 1e-9
