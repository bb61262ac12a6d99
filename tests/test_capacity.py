"""Long runs of the two large networks: what is noted of runs that are on no world."""

import json

from mflib.experiments import capacity
from mflib.experiments.two_worlds import Worlds
from mflib.networks.lstm import LSTM


def test_a_network_at_rest_keeps_no_world_and_rests_on_a_stable_fixed_point(monkeypatch):
    still = LSTM.create(inputs=3, units=3)
    monkeypatch.setattr(capacity, "load_or_train", lambda configuration: still)
    monkeypatch.setattr(capacity, "WATCHED", (100, 200))
    row = capacity.survival(Worlds("lorenz chen"))
    assert row["stays"]["chen"] == [["none", "none"]] * capacity.CUES
    assert row["fresh"] == {"lorenz": {"none": 100}, "chen": {"none": 100}}
    assert [len(rests) for rests in row["rests"].values()] == [capacity.CUES] * 2
    for rest in row["rests"]["lorenz"]:
        assert rest["kind"] == "fixed point"
        assert max(map(abs, rest["point"])) < 1e-3
        assert 0 < rest["radius"] < 1
    assert json.loads(json.dumps(row)) == row


def test_worlds_count_as_attractors_if_all_runs_stay():
    stays = {"a": [["a"] * 10] * capacity.CUES, "b": [["b"] * 10] * capacity.CUES}
    stays["b"] = [["b"] * 9 + ["a"], *stays["b"][1:]]
    row = {"stays": stays, "fresh": {"a": {"a": 3}, "b": {"b": 1, "none": 2}}}
    assert capacity.remaining(row)["b"].tolist() == [25] * 9 + [24]
    assert capacity.attractors(row) == ["a"]
    assert capacity.right(row, "fresh") == (4, 6)
    assert capacity.whole(row, "fresh") == 1
