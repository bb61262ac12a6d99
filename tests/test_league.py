"""The league: its truth, its rivals against other computations, and the fairness of its tuning."""

import json
from dataclasses import asdict
from itertools import product

import numpy as np
import pytest
import tensorflow as tf

from mflib.dynamics.systems import system
from mflib.dynamics.trajectories import trajectory
from mflib.experiments import league as module
from mflib.experiments.league import (
    AXES,
    CUE,
    DRAWS,
    FIXED,
    LIMITS,
    SEEDS,
    SPACES,
    STARTS,
    TRIALS,
    TUNED_FROM,
    TUNING,
    WITHOUT,
    Rival,
    chosen,
    fit_exactly,
    forecast,
    orbits,
    trusted,
)
from mflib.modelling.closed_loop import drive, free_run
from mflib.modelling.training import TrainingConfig
from mflib.networks.gru import GRU, IncrementGRU
from mflib.networks.polynomials import polynomial
from mflib.networks.recurrent import replace

SMALL = {"samples": 300}
QUICK = TrainingConfig(steps=20, window=20, burn_in=5)


@pytest.mark.parametrize("kind, member", [("forecasts", 0), ("forecasts", 79), ("data", 5)])
def test_the_truth_begins_as_an_orbit_of_our_own_integrator(kind, member):
    """Over eleven Lyapunov times; an error of 2.3e-14 grows by e in each."""
    (true,) = orbits(kind, slice(member, member + 1), 1201)
    again = trajectory(system("lorenz"), 1201, 0.01, initial=true[0], rtol=2.3e-14)
    np.testing.assert_allclose(true[:400], again[:400], atol=1e-9)
    np.testing.assert_allclose(true, again, atol=1e-5)


def test_between_what_is_kept_taylors_method_loses_nothing():
    """What it fills in arrives where the next kept point is."""
    kept = orbits("forecasts", slice(4), 501)
    last = kept[:, 499]
    step = np.polyval(module.power_series(np.moveaxis(last, -1, 0))[::-1], 0.01)
    np.testing.assert_allclose(np.moveaxis(step, 0, -1), kept[:, 500], atol=1e-11)


def test_the_truth_is_trusted_for_longer_than_it_is_kept():
    found = trusted()
    assert found["difference"] < 1e-6
    assert found["window"] > 50
    assert np.min(found["times"]) > found["window"] + 15
    assert {"program", "bits", "command", "date"} <= found["about"].keys()


def test_orbits_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="kind: got 'other'"):
        orbits("other", slice(1), 10)
    with pytest.raises(ValueError, match="samples: got 5802"):
        orbits("forecasts", slice(1), 5802)


def test_a_polynomial_has_all_products_of_its_samples():
    """Against powers, for the last sample and the one two steps before it."""
    network = polynomial(dim=2, degree=3, delays=2, spacing=2)
    state = np.random.default_rng(0).normal(size=(5, 6))
    u = state[:, [0, 1, 4, 5]] / 3
    powers = [p for p in product(range(4), repeat=4) if sum(p) <= 3]
    expected = np.stack([np.prod(u**p, axis=1) for p in powers], axis=1)
    terms = network.features(tf.constant(state)).numpy()
    assert terms.shape == (5, len(powers)) == (5, 35)
    np.testing.assert_allclose(np.sort(terms), np.sort(expected), atol=1e-14)


def test_a_polynomial_remembers_the_last_samples():
    network, inputs = polynomial(1, 1, delays=3, spacing=2), np.arange(9.0).reshape(1, 9, 1)
    np.testing.assert_array_equal(drive(network, inputs)[0, -1], [8, 7, 6, 5, 4])


def test_polynomials_are_refused():
    with pytest.raises(ValueError, match="degree: got -1"):
        polynomial(3, -1)
    with pytest.raises(ValueError, match="spacing: got 0"):
        polynomial(3, 1, spacing=0)
    with pytest.raises(ValueError, match="readout_kernel: got 10 terms, expected 20"):
        replace(polynomial(3, 2), degree=3)


def test_a_map_of_degree_two_is_found_and_its_loop_is_the_map():
    """Of Hénon's map a polynomial of degree 2 knows everything after sixty points."""
    data = trajectory(system("henon"), 60, transient=50) / 2
    network = fit_exactly(polynomial(2, 2), data, ridge=0.0)
    run = free_run(network, data[None, -1], 5).outputs[0]
    again = trajectory(system("henon"), 6, 1, initial=2 * data[-1])[1:] / 2
    np.testing.assert_allclose(run, again, atol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
def test_readouts_are_the_solution_of_the_normal_equations(ridge):
    rival = Rival("reservoir", 0, 0, **SMALL)
    data, network = rival.task().data, rival.untrained()
    found = fit_exactly(network, data, ridge)
    states = drive(network, data[None, :-1])[0, module.WASHOUT :]
    q = np.pad(network.features(states), ((0, 0), (0, 1)), constant_values=1)
    if ridge:
        gram = q.T @ q + ridge * len(q) * np.eye(q.shape[1])
        weights = np.linalg.solve(gram, q.T @ data[module.WASHOUT + 1 :])
        np.testing.assert_allclose(found.readout_kernel, weights[:-1], atol=1e-8)
    else:
        left = q.T @ (found.readout(states).numpy() - data[module.WASHOUT + 1 :])
        assert np.abs(left).max() < 1e-9


def test_more_weights_than_samples_need_a_ridge():
    data = np.random.default_rng(0).normal(size=(50, 3))
    with pytest.raises(ValueError, match="ridge: got 0 for 84 weights and 49 samples"):
        fit_exactly(polynomial(3, 6), data, ridge=0.0)


def test_persistence_says_that_nothing_changes():
    rival = Rival("persistence", 0, every=10, **SMALL)
    task, network = rival.task(), rival.trained()
    outputs = forecast(network, task.cues[:2], 7, leg=3)
    np.testing.assert_array_equal(outputs, np.repeat(task.cues[:2, -1:], 7, axis=1))


def test_a_task_is_the_same_for_every_method_and_another_one_in_tuning():
    first, second = (Rival(m, 1, noise=0.05, **SMALL).task() for m in ("persistence", "degree 2"))
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.cues, second.cues)
    tuning = Rival("degree 2", TUNED_FROM, **SMALL).task()
    assert (len(first.ahead), len(tuning.ahead)) == (STARTS, TUNING)
    clean = Rival("degree 2", 1, **SMALL).task()
    assert np.abs(first.ahead - clean.ahead).max() == 0
    assert np.std(first.cues - clean.cues, axis=(0, 1)) / clean.spread == pytest.approx(0.05, 0.05)


def test_coarse_samples_and_one_coordinate_are_of_the_same_orbit():
    fine, x = Rival("degree 2", 0, samples=2000), Rival("degree 2", 0, samples=400, every=5)
    ratio = np.diff(fine.task().data[::5][:9], axis=0) / np.diff(x.task().data[:9], axis=0)
    np.testing.assert_allclose(ratio, ratio[0, 0])
    one = Rival("degree 2", 0, samples=2000, coordinates=1).task()
    np.testing.assert_allclose(one.ahead, fine.task().ahead[..., :1])
    assert one.cues.shape == (STARTS, CUE, 1)


def test_every_method_has_as_many_draws_on_data_that_are_not_shown():
    count = len(AXES) * DRAWS
    for method in SPACES:
        own = [rival for rival in TRIALS if rival.method == method]
        assert len({(rival.axis, rival.draw) for rival in own}) == len(own) == count
    assert min(rival.seed for rival in TRIALS) >= TUNED_FROM
    assert max(rival.seed for rival in WITHOUT) < TUNED_FROM


@pytest.mark.parametrize("grid", [TRIALS, WITHOUT, LIMITS])
def test_every_configuration_is_there_once(grid):
    assert len(set(grid)) == len(grid)


def test_what_did_best_in_tuning_is_shown_with_all_seeds():
    trials = [r for r in TRIALS if r.method == "reservoir" and r.axis == "noise"]
    rows = [asdict(r) | {"horizons": [float(r.draw == 5), 0.5]} for r in trials]
    found = chosen(rows)
    assert [r.draw for r in found] == [5] * len(AXES["noise"]) * len(SEEDS)
    assert {r.noise for r in found} == {0.001, 0.01, 0.05}
    assert {r.seed for r in found} == set(SEEDS)
    assert chosen(rows[:-1]) == []  # a method is not shown before its search is done
    assert chosen(rows, methods=["LSTM"]) == []


@pytest.mark.parametrize("method", SPACES)
@pytest.mark.parametrize("coordinates", [1, 3])
def test_settings_depend_on_the_draw_and_nothing_else(method, coordinates):
    one, other = (Rival(method, s, 3, coordinates=coordinates).settings for s in (0, 103))
    assert one == other != Rival(method, 0, 4, coordinates=coordinates).settings
    assert json.loads(json.dumps(one)) == one


@pytest.mark.slow
@pytest.mark.parametrize("method", [*SPACES, "persistence", "degree 2"])
def test_every_method_runs_and_says_what_a_table_can_hold(method, monkeypatch):
    monkeypatch.setattr(module, "ADAM_STAGE", QUICK)
    monkeypatch.setitem(module.UNITS, "large reservoir", 20)
    few = {name: {"iterations": 2} for name in ("LSTM", "GRU")}
    for name, change in few.items():
        space = SPACES[name]
        monkeypatch.setitem(SPACES, name, lambda *a, s=space, c=change: s(*a) | c)
    draw = 0 if method in SPACES else -1
    found = module.league(Rival(method, 0, draw, every=10, **SMALL))
    assert len(found["horizons"]) == STARTS
    assert json.loads(json.dumps(found, default=lambda x: x.tolist()))["climate"] >= 0
    assert (found["weights"] == 0) == (method == "persistence")


@pytest.mark.slow
def test_what_limits_an_lstm_is_measured(monkeypatch):
    monkeypatch.setattr(module, "ADAM_STAGE", QUICK)
    monkeypatch.setattr(module, "WHOLE", 1200)
    found = module.limit(module.Limit(iterations=2, units=4))
    assert found["horizons"].keys() == {"as it is", "orthogonal", "rounded", "single"}
    assert 0 < found["error"] < 1
    assert len({limit.iterations for limit in LIMITS}) == len(LIMITS)


def test_a_gru_of_increments_adds_its_last_input():
    network = IncrementGRU.create(2, 5, seed=1, dtype="float64")
    plain = GRU(**network.weights(), standardised=True)
    rng = np.random.default_rng(0)
    state, u = rng.normal(size=(3, 7)), rng.normal(size=(3, 2))
    after = network.step(tf.constant(state), tf.constant(u))
    np.testing.assert_allclose(after[:, :5], plain.step(tf.constant(state[:, :5]), tf.constant(u)))
    np.testing.assert_allclose(network.readout(after), u + plain.readout(after[:, :5]))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"method": "oracle"}, "method: got 'oracle'"),
        ({"draw": -1}, "draw: got -1"),
        ({"coordinates": 4}, "coordinates: got 4"),
        ({"samples": 50}, "samples: got 50"),
        ({"samples": 3000, "every": 10}, "samples: got 3000"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(ValueError, match=message):
        Rival(**{"method": "LSTM", "seed": 0, "draw": 0} | change)


def test_fixed_methods_need_no_draw():
    assert all(Rival(method, 0).settings == FIXED[method] for method in FIXED)
