"""A memory of data that answers a cue by what came next."""

import numpy as np
import pytest

from mflib.multifunctionality.parrot import LEAST, Parrot
from mflib.multifunctionality.tasks import Lissajous

CURVES = [Lissajous(1, 1), Lissajous(1, 2), Lissajous(2, 3)]
PARROT = Parrot(CURVES, length=20)


def test_a_stretch_of_the_data_is_found_where_it_is():
    data = CURVES[1].data()
    found = PARROT.nearest(data[[3, 7], 100:120])
    assert found.task.tolist() == [1, 1]
    assert found.orbit.tolist() == [3, 7]
    assert found.after.tolist() == [120, 120]
    assert np.all(found.distance < 1e-6)


def test_a_longer_cue_counts_by_its_end():
    cue = CURVES[2].orbits(2, 50, seed=4)
    for both in zip(PARROT.nearest(cue), PARROT.nearest(cue[:, -20:]), strict=True):
        np.testing.assert_array_equal(*both)


def test_what_is_copied_goes_on_beyond_the_end_of_the_data():
    for k, task in enumerate(CURVES):
        truth = task.orbits(2, 2520, seed=5)
        run = PARROT.run(truth[:, :20], 2500)
        assert np.all(PARROT.nearest(run).task == k)
        steps = np.linalg.norm(np.diff(run, axis=1), axis=2)
        true = np.linalg.norm(np.diff(truth, axis=1), axis=2)
        assert steps.max() < 1.6 * true.max()  # a jump is no longer than a step
        assert np.abs(run - truth[:, 20:])[:, :100].max() < 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Parrot(CURVES, length=1000), f"orbits of 1000, expected {1000 + LEAST + 1}"),
        (lambda: PARROT.nearest(np.ones((2, 10, 2))), "time of cues: got 10, expected"),
        (lambda: PARROT.nearest(np.ones((2, 20, 3))), r"cues: got shape \(2, 20, 3\)"),
        (lambda: PARROT.run(np.ones((2, 20, 2)), 0), "steps: got 0"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
