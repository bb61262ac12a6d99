"""Claims are read strictly, and a record says what was measured, in valid JSON."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mflib.book import results
from mflib.book.claims import Claim, format_number, load_claims
from mflib.book.record import Record, count_verdicts, record
from mflib.dynamics.estimates import success_rate

ENTRY = '[demo.rate]\nstatement = "It works."\nsource = "this book"\nkind = "result"\n'
CLAIMS = """
[demo.rate]
statement = "Most networks <see> double."
source = "Flynn & others"
kind = "result"
finding = "Of all networks, {count} see <double> ({percent})."
at_least = 0.95

[demo.error]
statement = "The error is small."
source = "this book"
kind = "result"
at_most = 1e-6
verdict = "fails"
reason = "single precision"

[demo.window]
statement = "The value lies in a window."
source = "this book"
kind = "result"
between = [1, 2]
unit = "Lyapunov times"

[demo.exponent]
statement = "The exponent is right."
source = "this book"
kind = "result"
value = -0.906
rel = 0.05
finding = "It is {value}, between {low} and {high}."

[demo.count]
statement = "There are as many as counted."
source = "this book"
kind = "result"
value = 16
abs = 0

[demo.control]
statement = "The control fails."
source = "this book"
kind = "result"
is = false
finding = "It does{not} fail."
"""


@pytest.fixture
def claims(tmp_path, monkeypatch):
    """A project with its own claims, seen from a folder inside it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "claims.toml").write_text(CLAIMS, encoding="utf-8")
    (tmp_path / "chapters").mkdir()
    monkeypatch.chdir(tmp_path / "chapters")
    return tmp_path


def load(tmp_path, text):
    path = tmp_path / "claims.toml"
    path.write_text(text, encoding="utf-8")
    return load_claims(path)


@pytest.mark.parametrize(
    ("id", "value", "verdict"),
    [
        ("demo.rate", 0.95, "holds"),
        ("demo.rate", 0.9499, "fails"),
        ("demo.rate", np.float32(1), "holds"),
        ("demo.rate", np.array(0.96), "holds"),
        ("demo.error", 1e-6, "holds"),
        ("demo.error", 2e-6, "fails"),
        ("demo.window", 1, "holds"),
        ("demo.window", 2.0001, "fails"),
        ("demo.exponent", -0.906 * 1.049, "holds"),
        ("demo.exponent", -0.906 * 1.051, "fails"),
        ("demo.exponent", 0.906, "fails"),
        ("demo.count", np.int64(16), "holds"),
        ("demo.count", 17, "fails"),
        ("demo.control", False, "holds"),
        ("demo.control", np.bool_(True), "fails"),
        ("demo.rate", math.inf, "fails"),
        ("demo.error", -math.inf, "fails"),
        ("demo.window", math.nan, "fails"),
    ],
)
def test_verdict(claims, id, value, verdict):
    assert record(id, value).verdict == verdict


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_value_that_is_not_finite_is_null_in_json(claims, value):
    result = record("demo.rate", value)
    text = json.dumps(result.entry, allow_nan=False)
    assert json.loads(text)["value"] is None
    assert "not finite" in repr(result.card)


def test_numpy_values_become_plain_ones(claims):
    result = record(
        "demo.rate", np.float32(0.5), seeds=np.int64(16), interval=np.array([0.25, 1]), over="seeds"
    )
    assert (type(result.value), type(result.seeds)) == (float, int)
    assert result.interval == (0.25, 1.0)


def test_unknown_id_names_close_matches(claims):
    with pytest.raises(ValueError, match=r"no claim 'demo\.rates'; did you mean demo\.rate"):
        record("demo.rates", 1)
    with pytest.raises(ValueError, match="no claim has a similar id"):
        record("something else", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": "0.9"}, "value: demo.rate expects one real number, got '0.9'"),
        ({"value": True}, "one real number, got True"),
        ({"value": np.ones(2)}, "one real number"),
        ({"value": 1j}, "one real number"),
        ({"value": 1, "interval": (2, 1)}, "interval: got .2.0, 1.0., expected low <= high"),
        ({"value": 1, "interval": (0, 1)}, "over: got None for demo.rate beside interval"),
        ({"value": 1, "over": "cues"}, "over: got 'cues' for demo.rate"),
        ({"value": 1, "interval": (0, math.nan)}, "interval: got values that are not finite"),
        ({"value": 1, "seeds": 0}, "seeds: got .*, expected a whole number"),
        ({"value": 1, "seeds": 2.5}, "seeds: got .*, expected a whole number"),
    ],
)
def test_bad_arguments_are_named(claims, arguments, message):
    with pytest.raises(ValueError, match=message):
        record("demo.rate", **arguments)


def test_truth_claim_wants_a_truth_value(claims):
    with pytest.raises(ValueError, match="expects True or False, got 1"):
        record("demo.control", 1)


def test_a_finding_stands_in_the_text_and_a_check_is_folded(claims):
    found, checked = record("demo.rate", success_rate(15, 16)), record("demo.window", 1)
    summary = "<summary>Of all networks, 15 of 16 see &lt;double&gt; (93.8 %). "
    assert found.card.html.startswith('<details class="claim finding claim-inconclusive" id=')
    assert summary in found.card.html
    assert checked.card.html.startswith('<div class="claim check claim-holds" id=')
    assert checked.finding == "The value lies in a window."


@pytest.mark.parametrize(
    ("id", "value", "sentence"),
    [
        ("demo.exponent", -0.90612345, "It is -0.9061, between -0.9061 and -0.9061."),
        ("demo.exponent", math.nan, "The exponent is right."),
        ("demo.control", True, "It does fail."),
        ("demo.control", False, "It does not fail."),
    ],
)
def test_a_finding_holds_what_was_measured(claims, id, value, sentence):
    assert record(id, value).finding == sentence


@pytest.mark.parametrize(
    ("value", "percent"),
    [(0.0, "0 %"), (0.9231, "92.3 %"), (0.99996, "99.9 %"), (1.0, "100 %"), (-0.012, "-1.2 %")],
)
def test_all_is_said_only_of_all(claims, value, percent):
    assert f"({percent})" in record("demo.rate", value, seeds=1).finding


def test_verdicts_are_counted_in_words():
    assert count_verdicts(["holds"] * 12 + ["fails"]) == "12 hold, 1 fails"
    verdicts = ["inconclusive", "not attempted", "fails", "holds", "fails", "inconclusive"]
    words = "1 holds, 2 fail, 2 are inconclusive, 1 was not attempted"
    assert count_verdicts(verdicts) == words
    assert count_verdicts([]) == ""


def test_card_escapes_and_says_the_verdict_in_words(claims):
    html = record("demo.rate", success_rate(15, 16)).card.html
    assert "Most networks &lt;see&gt; double." in html
    assert "? inconclusive" in html
    assert "0.9375 (95 % interval over seeds: 0.717 to 0.989), 16 seeds" in html
    assert 'id="claim-demo-rate"' in html


@pytest.mark.parametrize(
    ("id", "value", "interval", "verdict"),
    [
        ("demo.rate", 0.99, (0.95, 1.0), "holds"),
        ("demo.rate", 0.99, (0.94, 1.0), "inconclusive"),
        ("demo.rate", 0.94, (0.9, 0.951), "inconclusive"),
        ("demo.rate", 0.9, (0.8, 0.949), "fails"),
        ("demo.window", 1.5, (1.0, 2.0), "holds"),
        ("demo.window", 1.5, (0.5, 3.0), "inconclusive"),
        ("demo.window", 3.0, (2.1, 4.0), "fails"),
        ("demo.exponent", -0.906, (-0.95, -0.87), "holds"),
        ("demo.exponent", -0.906, (-1.0, -0.9), "inconclusive"),
        ("demo.rate", math.nan, (0.96, 1.0), "fails"),
    ],
)
def test_an_interval_across_the_criterion_decides_nothing(claims, id, value, interval, verdict):
    assert record(id, value, interval=interval, over="seeds").verdict == verdict


def test_a_rate_brings_its_interval_and_what_it_runs_over(claims):
    result = record("demo.rate", success_rate(100, 100))
    assert (result.verdict, result.over, result.seeds) == ("holds", "seeds", 100)
    result = record("demo.rate", success_rate(100, 100, over="cues"), seeds=1)
    assert (result.over, result.seeds) == ("cues", 1)
    assert "95 % interval over cues: 0.963 to 1), 1 seed" in repr(result.card)


def test_expected_failure_gives_its_reason(claims):
    assert "Fails as stated: single precision" in repr(record("demo.error", 1).card)
    assert "Expected to fail: single precision" in repr(record("demo.error", 0).card)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (16, "16"),
        (1_000_000, "1,000,000"),
        (0.93754, "0.9375"),
        (12345.6, "12,346"),
        (2.0e6, "2×10⁶"),
        (1.234e-12, "1.23×10⁻¹²"),
        (-0.906, "-0.906"),
        (True, "true"),
        (None, "not finite"),
    ],
)
def test_numbers_are_written_for_readers(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ({"bound": 6.287111, "tolerance": ("abs", 1e-6)}, "6.287111, within 1×10⁻⁶"),
        ({"bound": 0.906, "tolerance": ("rel", 0.05)}, "0.906, within 5 %"),
        ({"bound": 0, "tolerance": ("abs", 1e-6)}, "0, within 1×10⁻⁶"),
    ],
)
def test_digits_follow_the_tolerance(claim, text):
    claim = Claim(id="a.b", statement="", source="", kind="theory", criterion="value", **claim)
    assert claim.words == text
    assert claim.digits <= 8


def test_criteria_are_written_for_readers(claims):
    words = {id: claim.words for id, claim in load_claims().items()}
    assert words == {
        "demo.rate": "at least 0.95",
        "demo.error": "at most 1×10⁻⁶",
        "demo.window": "between 1 and 2 Lyapunov times",
        "demo.exponent": "-0.906, within 5 %",
        "demo.count": "16, within 0",
        "demo.control": "false",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY, "exactly one criterion"),
        (ENTRY + "at_least = 1\nat_most = 2", "exactly one criterion"),
        (ENTRY + "at_leest = 1", "unknown key"),
        (ENTRY + "at_least = inf", "finite number"),
        (ENTRY + "at_least = true", "finite number"),
        (ENTRY + "at_least = 1\nabs = 1", "other criteria take none"),
        (ENTRY + "value = 1", "needs one tolerance"),
        (ENTRY + "value = 1\nabs = 1\nrel = 1", "needs one tolerance"),
        (ENTRY + "value = 1\nabs = -1", "'abs' must be a number >= 0"),
        (ENTRY + "between = [2, 1]", "low <= high"),
        (ENTRY + "between = [1]", "must be \\[low, high\\]"),
        (ENTRY + 'is = "yes"', "'is' must be true or false"),
        (ENTRY + 'at_least = 1\nscales = ["huge"]', "'scales' must be a list"),
        (ENTRY + "at_least = 1\nunit = 1", "'unit' must be a text"),
        (ENTRY + 'at_least = 1\nverdict = "maybe"', "'verdict' must be"),
        (ENTRY + 'at_least = 1\nverdict = "fails"', "'reason' must say why"),
        (ENTRY + 'at_least = 1\nreason = "because"', "'reason' must say why"),
        ('[demo.rate]\nsource = "x"\nat_least = 1', "'statement' must be a non-empty text"),
        (ENTRY.replace("result", "hunch") + "at_least = 1", "'kind' must be one of"),
        (ENTRY.replace('kind = "result"', "") + "at_least = 1", "'kind' must be one of"),
        (ENTRY + 'at_least = 1\nfinding = "{size}"', "'finding' must be a sentence with some"),
        (ENTRY + 'at_least = 1\nfinding = "{value"', "'finding' must be a sentence with some"),
        (ENTRY + 'at_least = 1\nrecorded = "yes"', "'recorded' must be true or false"),
        ("rate = 1", "'rate' is not a table"),
        ("[demo]\nrate = 1", "expected a table"),
        ("[demo", "not valid TOML"),
    ],
)
def test_claims_file_is_read_strictly(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, text)


OWN = load_claims(Path(__file__).parents[1] / "data" / "claims.toml")
FINDINGS = [claim for claim in OWN.values() if claim.finding]


def test_findings_are_few():
    assert len(FINDINGS) <= 75
    assert max(Counter(claim.chapter for claim in FINDINGS).values()) <= 3


@pytest.mark.parametrize("claim", FINDINGS, ids=lambda claim: claim.id)
def test_a_finding_states_what_is_measured_and_says_if_it_fails(claim):
    value = True if claim.criterion == "is" else 0.5
    sentence = Record(claim, "holds", value, (0.25, 0.75), "seeds", 12).finding
    assert sentence != claim.finding, "no number stands in it"
    assert "None" not in sentence and "{" not in sentence
    assert sentence[0].isupper() and sentence.endswith(".")
    assert (claim.verdict == "fails") == ("expected" in sentence)


def test_tables_say_so_when_nothing_was_built(claims):
    assert results.results() == []
    for table in (results.results_summary, results.versions_table, results.build_table):
        assert "make book" in repr(table())
        assert "make book" in table()._repr_html_()
