"""The experiments on seeing double: their grids, and that they do what they say."""

import dataclasses

import numpy as np
import pytest

from mflib.experiments.reservoir_computers import RESERVOIRS
from mflib.experiments.seeing_double import (
    LEARNERS,
    RANDOM,
    SEEING_DOUBLE,
    SeeingDouble,
    sees_double,
)
from mflib.modelling.closed_loop import warm_up
from mflib.modelling.training import TrainingConfig
from mflib.multifunctionality.judge import judge
from mflib.multifunctionality.tasks import cues, seeing_double


@pytest.mark.parametrize("grid", [RESERVOIRS, SEEING_DOUBLE])
def test_every_configuration_is_there_once(grid):
    assert len(set(grid)) == len(grid)


def test_every_kind_has_its_recipe():
    for one in SEEING_DOUBLE:
        turns = 1 if one.kind in LEARNERS else 6
        assert one.recipe.cue == round(turns * 2 * np.pi / one.recipe.dt)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_is_judged_like_any_network(monkeypatch, kind):
    short = TrainingConfig(steps=20, batch=4, window=20, burn_in=5)
    monkeypatch.setitem(LEARNERS, kind, dataclasses.replace(LEARNERS[kind], config=short))
    one = SeeingDouble(kind=kind, units=3, x_cen=1.0, seed=7)
    result = sees_double(one)
    judgement = judge(one.trained(), seeing_double(1.0), 0.1, seed=7)
    reasons = {
        verdict.reason
        for by_task in (judgement.strict, judgement.recovered)
        for verdicts in by_task.values()
        for verdict in verdicts
    }
    assert set(result["reasons"]) == reasons - {"faithful"}
    assert result["multifunctional"] == judgement.multifunctional == (result["passed"] == 16)


@pytest.mark.parametrize(("kind", "units"), [key for key in RANDOM if key[1] <= 16])
def test_only_the_readout_of_a_random_network_is_found(kind, units):
    one = SeeingDouble(kind=kind, units=units, seed=100)
    recipe = RANDOM[kind, units]
    network, untrained = one.trained(), recipe.create(units, 100)
    for name in ("kernel", "recurrent_kernel"):
        np.testing.assert_array_equal(getattr(network, name), getattr(untrained, name))
    assert np.any(network.readout_kernel != untrained.readout_kernel)
    turns = round(12 * np.pi / recipe.dt)  # six turns, as published
    cue = np.concatenate([cues(task, turns, recipe.dt) for task in seeing_double()])
    np.testing.assert_allclose(one.cued(network), warm_up(network, cue), atol=1e-6)


@pytest.mark.parametrize("kind", ["leaky reservoir", "continuous reservoir"])
def test_a_recipe_says_whether_there_is_an_intercept(kind):
    """Its time step does not."""
    recipe = RANDOM[kind, 16]
    for intercept in (False, True):
        network = dataclasses.replace(recipe, intercept=intercept).network(16, 0.0, 100)
        assert np.any(network.readout_bias != 0) == intercept
    assert recipe.intercept == (kind == "leaky reservoir")
