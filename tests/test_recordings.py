"""Recordings: what is mended, what is refused, and what a run is called."""

import numpy as np
import pytest

from mflib.modelling.recordings import (
    Repertoire,
    Scaling,
    alikeness,
    continued,
    even,
    rhythm,
    split,
)
from mflib.networks.lstm import LSTM

RATE = 20
T = np.arange(200) / RATE


def wave(frequency, size=1.0, lag=0.5, start=0.0):
    """Two channels, the second later than the first by a phase, and twice as large."""
    phase = 2 * np.pi * frequency * T + start
    return size * np.stack([np.sin(phase), 2 * np.sin(phase - lag)], axis=1)


def test_even_mends_gaps_bad_rows_repeats_and_uneven_times():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 10, 400))
    samples = np.stack([np.sin(times), np.cos(times)], axis=1)
    samples[50:53, 0] = np.nan
    samples[90] = samples[89]
    mended = even(times, samples, 20, longest_gap=0.5)
    at = times[0] + np.arange(len(mended)) / 20
    assert at[-1] <= times[-1] < at[-1] + 1 / 20
    np.testing.assert_allclose(mended, np.stack([np.sin(at), np.cos(at)], axis=1), atol=0.02)


def test_what_is_even_already_stays_as_it_is():
    np.testing.assert_allclose(even(T, wave(0.7), RATE, 0.2), wave(0.7), atol=1e-12)


@pytest.mark.parametrize(
    ("times", "samples", "message"),
    [
        (T, wave(1)[:9], r"times: got shape \(200,\).*expected real numbers, \(9,\)"),
        (T[::-1], wave(1), "times: got 9.9 after 9.95, expected times that increase"),
        (T, wave(1) * [1, 0], r"samples: got channels \[1\] that never change"),
        (T, np.full((200, 2), np.nan), "samples: got 0 good rows, expected 3 or more"),
        (np.where(T < 5, T, T + 3), wave(1), "samples: got a gap of 3.05 s at 4.95 s"),
    ],
)
def test_even_says_what_is_wrong(times, samples, message):
    with pytest.raises(ValueError, match=message):
        even(times, samples, RATE, longest_gap=0.5)


def test_split_sets_whole_recordings_aside():
    kept, aside = split(10, aside=3, seed=4)
    assert len(aside) == 3 and sorted([*kept, *aside]) == list(range(10))
    with pytest.raises(ValueError, match="aside: got 5"):
        split(5, aside=5)


@pytest.mark.parametrize("knee", [0.5, 1e6])
def test_scaling_brings_channels_to_one_size_and_back(knee):
    recordings = [wave(0.7) + 3, wave(1.1, size=8)]
    scaling = Scaling.of(recordings, knee)
    rows = np.concatenate([scaling.scaled(x) for x in recordings])
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(rows.std(axis=0), 1)
    there_and_back = scaling.back(scaling.scaled(recordings[1]))
    np.testing.assert_allclose(there_and_back, recordings[1], atol=1e-9)
    if knee > 1:  # linear
        together = np.concatenate(recordings)
        expected = (recordings[1] - together.mean(axis=0)) / together.std(axis=0)
        np.testing.assert_allclose(scaling.scaled(recordings[1]), expected, atol=1e-6)


def test_scaling_refuses_what_does_not_move():
    with pytest.raises(ValueError, match="recordings: got channels that are mostly zero"):
        Scaling.of([wave(1) * [1, 0]])
    with pytest.raises(ValueError, match="recordings: got shape"):
        Scaling.of([wave(1), wave(1)[:, :1]])


def test_a_rhythm_is_found_whatever_the_sizes_of_channels():
    found = rhythm(wave(0.73, size=5) + np.array([1, 2]), RATE)
    assert found.frequency == pytest.approx(0.73, abs=0.01)
    np.testing.assert_allclose(np.abs(found.waves), [5, 10], rtol=0.02)
    np.testing.assert_allclose(found.sizes, np.array([5, 10]) / np.sqrt(2), rtol=0.05)
    assert np.angle(found.waves[0] / found.waves[1]) == pytest.approx(0.5, abs=0.03)


def test_alikeness_sees_phases_between_channels_and_not_when_a_stretch_begins():
    first = rhythm(wave(1.0), RATE)
    assert alikeness(first, rhythm(wave(1.0, size=3, start=2), RATE), [1, 1]) > 0.99
    opposite = rhythm(wave(1.0, lag=0.5 + np.pi), RATE)
    assert alikeness(first, opposite, [1, 2]) < 0.05


def test_a_repertoire_names_by_rhythm_and_size():
    known = Repertoire.of(
        {
            "slow": [wave(0.6), wave(0.8, size=1.2)],
            "fast": [wave(1.1, size=4), wave(1.3, size=5)],
            "still": [wave(1.0, size=0.1)],
        },
        RATE,
        still=["still"],
    )
    stretches = {
        "slow": wave(0.7),
        "fast": wave(1.2, size=4.5),
        "still": wave(2.0, size=0.05),
        "none": wave(1.2),  # as quick as the fast one, as small as the slow one
    }
    assert {name: known.name(x) for name, x in stretches.items()} == {n: n for n in stretches}
    assert known.name(np.zeros((200, 2))) == "still"
    assert known.name(np.full((200, 2), np.inf)) == "none"


def test_a_network_goes_on_in_the_units_of_the_recordings():
    recordings = [100 + wave(0.7), 100 + wave(1.1, size=8)]
    network = LSTM.create(inputs=2, units=4, seed=0)
    cues = np.stack(recordings)[:, :30]
    run = continued(network, Scaling.of(recordings), cues, steps=10)
    assert run.shape == (2, 10, 2)
    assert np.all(np.abs(run - 100) < 100)
