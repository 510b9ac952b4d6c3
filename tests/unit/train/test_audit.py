from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.random import Generator
from scipy.stats import binom

from tickets.config import AuditConfig, DecideConfig
from tickets.errors import ModelError
from tickets.schema import Field, Kind, Stage
from tickets.text import normalise
from tickets.train.audit import MIN_ROWS, Audit, TargetAudit, Tickets, audit_target
from tickets.train.audit_table import format_audit
from tickets.train.leaks import Candidate

WORDS = [f"word{number}" for number in range(150)]
NO_FIELDS = pa.table({})


def _texts(rng: Generator, num_rows: int, length: int = 10) -> list[str]:
    return [" ".join(row) for row in rng.choice(WORDS, size=(num_rows, length))]


def _labels(codes: Any) -> list[str]:
    return [f"label {code}" for code in codes]


def _audit(
    labels: list[Any], texts: list[str] | None = None, fields: pa.Table = NO_FIELDS, **config: Any
) -> TargetAudit:
    return _audit_rows(labels, Tickets(texts or [""] * len(labels), fields), **config)


def _audit_rows(labels: list[Any], tickets: Tickets, name: str = "queue", **config: Any) -> TargetAudit:
    return audit_target(name, labels, tickets, AuditConfig(**config), DecideConfig())


def _with_candidates(texts: list[str], fields: pa.Table, **more: Any) -> Tickets:
    """Rows whose inputs are candidates for a leak, as they are in a job."""
    kinds = {"string": Kind.CATEGORICAL, "double": Kind.NUMBER, "int64": Kind.NUMBER, "bool": Kind.FLAG}
    found = [
        Candidate.of(Field(name, kinds[str(fields[name].type)], Stage.CREATION), "input", fields[name])
        for name in fields.column_names
    ]
    candidates = [candidate for candidate in found if candidate]
    return Tickets(texts, fields, candidates=candidates, candidate_rows=np.arange(len(texts)), **more)


def test_noise_is_called_noise_but_for_the_agreed_share() -> None:
    significance, num_draws = 0.05, 60
    verdicts = []
    for seed in range(num_draws):
        rng = np.random.default_rng(seed)
        fields = pa.table({"tier": _labels(rng.integers(4, size=100)), "users": rng.lognormal(size=100)})
        audit = _audit(_labels(rng.integers(5, size=100)), _texts(rng, 100), fields, significance=significance)
        verdicts.append(audit.verdict)
    assert verdicts.count("noise") >= num_draws - binom.ppf(0.999, num_draws, significance)


@pytest.mark.parametrize("seed", range(3))
def test_a_telling_word_in_a_hundred_tickets_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(5, size=100)
    texts = [f"{text} topic{code}" for text, code in zip(_texts(rng, 100), codes, strict=True)]
    audit = _audit(_labels(codes), texts)
    assert audit.verdict == "learnable"
    assert audit.baseline is not None
    assert audit.baseline.view == "text"
    assert audit.baseline.gain_interval[0] > 0.2
    assert audit.reason.startswith("learnable from text: ")


@pytest.mark.parametrize("kind", ["category", "flag", "number"])
def test_one_telling_field_among_noise_is_found(kind: str) -> None:
    rng = np.random.default_rng(7)
    codes = rng.integers(2, size=120)
    telling = {"category": _labels(codes), "flag": codes == 1, "number": codes + rng.random(120)}[kind]
    noise = {f"noise_{column}": _labels(rng.integers(4, size=120)) for column in range(8)}
    audit = _audit(_labels(codes), _texts(rng, 120), pa.table({"telling": telling, **noise}))
    assert audit.verdict == "learnable"
    assert audit.baseline is not None
    assert audit.baseline.view == "fields"
    assert audit.baseline.accuracy > 0.85


def test_a_faint_signal_is_weak() -> None:
    rng = np.random.default_rng(8)
    codes = rng.integers(2, size=5000)
    hint = np.where(rng.random(5000) < 0.07, codes, rng.integers(2, size=5000))
    audit = _audit(_labels(codes), fields=pa.table({"hint": _labels(hint)}))
    assert audit.verdict == "weak"
    assert audit.baseline is not None
    assert audit.baseline.p_value <= 0.01


def test_signal_that_cannot_beat_a_large_majority_is_weak_not_noise() -> None:
    rng = np.random.default_rng(9)
    rare = rng.random(800) < 0.06
    users = rng.normal(size=800) + 1.5 * rare
    audit = _audit(_labels(rare.astype(int)), fields=pa.table({"users": users}))
    assert audit.verdict == "weak"
    assert "no sure gain" in audit.reason
    assert audit.majority_label == "label 0"


def test_labels_of_a_text_that_returns_are_not_learned_from_its_copies() -> None:
    """Ten texts, each with a label of its own drawn at random: only a copy on the other side could tell it."""
    rng = np.random.default_rng(10)
    texts = _texts(rng, 10)
    rows = np.repeat(np.arange(10), 12)
    audit = _audit(_labels(rng.permutation(np.arange(10) % 2)[rows]), [texts[row] for row in rows])
    assert audit.text_ceiling == audit.repeated_texts == 1.0
    assert audit.baseline is not None
    assert audit.baseline.accuracy < 0.8
    assert audit.verdict == "weak"
    assert audit.reason.endswith("1.00 come right by remembering it, 0.50 by the most frequent label")


def test_ceiling_and_repetition_count_texts_that_only_look_different() -> None:
    texts = ["Login fails", " login\tFAILS ", "login fails", "other", ""]
    audit = _audit(["a", "a", "b", "a", "b"], [normalise(text) for text in texts])
    assert audit.text_ceiling == pytest.approx(4 / 5)
    assert audit.repeated_texts == pytest.approx(3 / 4)
    assert audit.majority_floor == pytest.approx(3 / 5)


def test_rows_without_a_label_count_only_as_rows() -> None:
    audit = _audit(["a", None, "b", "a", None], ["x", "x", "y", "z", "z"])
    assert (audit.num_rows, audit.num_labelled) == (5, 3)
    assert dict(audit.classes) == {"a": 2, "b": 1}
    assert (audit.text_ceiling, audit.repeated_texts) == (1.0, 4 / 5)


def test_values_that_are_no_text_are_classes_too() -> None:
    assert dict(_audit([1, 5, 5, True]).classes) == {"5": 2, "1": 1, "True": 1}


@pytest.mark.parametrize(
    ("labels", "texts", "reason"),
    [
        (["a", "b"] * 5, ["x", "y"] * 5, f"10 labelled rows are too few to tell; {MIN_ROWS} are needed"),
        ([None] * 30, ["x"] * 30, f"0 labelled rows are too few to tell; {MIN_ROWS} are needed"),
        ([], [], f"0 labelled rows are too few to tell; {MIN_ROWS} are needed"),
        (["a"] * 30, _texts(np.random.default_rng(0), 30), '"a" is the only value'),
        (_labels(range(30)), _texts(np.random.default_rng(0), 30), "each of the 30 labels occurs only once"),
        (["a", "b"] * 15, [""] * 30, "there is neither text nor a field that varies to learn from"),
        (["a", "b"] * 15, ["same"] * 30, "there is neither text nor a field that varies to learn from"),
    ],
)
def test_where_nothing_can_be_fitted_the_reason_says_so(labels: list[Any], texts: list[str], reason: str) -> None:
    audit = _audit(labels, texts)
    assert (audit.verdict, audit.reason, audit.baseline) == ("noise", reason, None)


def test_without_text_there_is_no_ceiling_of_texts() -> None:
    audit = _audit(["a", "b"] * 15, [""] * 30, pa.table({"tier": ["x", "y"] * 15}))
    assert audit.text_ceiling is audit.repeated_texts is None
    assert audit.verdict == "learnable"


def test_one_text_on_every_row_does_not_hide_a_telling_field() -> None:
    audit = _audit(["a", "b"] * 15, ["see attachment"] * 30, pa.table({"tier": ["x", "y"] * 15}))
    assert audit.verdict == "learnable"
    assert audit.text_ceiling == 0.5


def test_labels_with_a_single_row_count_as_errors() -> None:
    tiers = ["x", "y"] * 20
    labels: list[Any] = ["a", "b"] * 20
    labels[:3] = ["c", "d", "e"]
    audit = _audit(labels, fields=pa.table({"tier": tiers}))
    assert audit.baseline is not None
    assert audit.baseline.accuracy == pytest.approx(37 / 40)
    assert len(audit.classes) == 5


def test_the_target_itself_is_no_input() -> None:
    rng = np.random.default_rng(11)
    labels = _labels(rng.integers(3, size=60))
    assert _audit(labels, _texts(rng, 60), pa.table({"queue": labels})).verdict == "noise"
    assert _audit(labels, _texts(rng, 60), pa.table({"copy": labels})).verdict == "learnable"


@pytest.mark.parametrize(("told", "verdict"), [(slice(100), "noise"), (slice(100, 200), "learnable")])
def test_the_baseline_looks_at_the_latest_rows(told: slice, verdict: str) -> None:
    """The field tells the label in one half of the rows only."""
    rng = np.random.default_rng(12)
    codes, hint = rng.integers(2, size=(2, 200))
    hint[told] = codes[told]
    fields = pa.table({"hint": _labels(hint)})
    assert _audit(_labels(codes), fields=fields, max_rows=200).verdict == "learnable"
    latest = _audit(_labels(codes), fields=fields, max_rows=100)
    assert latest.verdict == verdict
    assert latest.num_labelled == 200


def _split_rows(num_rows: int) -> Any:
    """The oldest 60 % train, the newest 20 % test."""
    parts = {"train": 0.6, "validation": 0.1, "calibration": 0.1, "test": 0.2}
    return np.repeat(np.array(list(parts), dtype=object), [round(share * num_rows) for share in parts.values()])


@pytest.mark.parametrize(("told", "verdict"), [(slice(140), "learnable"), (slice(140, 200), "noise")])
def test_rows_that_calibrate_or_test_have_no_say_in_the_verdict(told: slice, verdict: str) -> None:
    """The field tells the label among those that train and validate alone, or among the others alone."""
    rng = np.random.default_rng(15)
    codes, hint = rng.integers(2, size=(2, 200))
    hint[told] = codes[told]
    rows = Tickets([""] * 200, pa.table({"hint": _labels(hint)}), splits=_split_rows(200))
    found = _audit_rows(_labels(codes), rows, max_rows=100)
    assert found.verdict == verdict
    assert found.baseline is not None
    assert found.baseline.num_rows == 100
    assert found.num_labelled == 200


def test_other_labels_of_calibration_and_test_rows_change_no_judgement() -> None:
    rng = np.random.default_rng(16)
    codes, splits = rng.integers(3, size=300), _split_rows(300)
    texts = [f"topic{code} {number}" for code, number in zip(codes, rng.integers(20, size=300), strict=True)]
    fields = pa.table({"copy": _labels(codes)})
    found = [
        _audit_rows(_labels(labels), _with_candidates(texts, fields, splits=splits))
        for labels in (codes, np.where(np.isin(splits, ["calibration", "test"]), 7, codes))
    ]
    for name in ("verdict", "reason", "baseline", "ties", "without_leaks"):
        assert getattr(found[0], name) == getattr(found[1], name), name
    assert found[0].text_ceiling != found[1].text_ceiling


def test_too_few_rows_to_choose_by_are_told() -> None:
    splits = np.array(["train"] * 10 + ["test"] * 90, dtype=object)
    found = _audit_rows(["a", "b"] * 50, Tickets([f"x {at}" for at in range(100)], NO_FIELDS, splits=splits))
    assert found.reason == "10 labelled rows that train or validate are too few to tell; 20 are needed"


def test_copies_of_a_row_do_not_make_the_gain_surer() -> None:
    rng = np.random.default_rng(14)
    labels, texts = _labels(rng.integers(3, size=60)), _texts(rng, 60)
    once = _audit(labels, texts, pa.table({"copy": labels})).baseline
    thrice = _audit(labels * 3, texts * 3, pa.table({"copy": labels * 3})).baseline
    assert once is not None
    assert thrice is not None
    assert once.accuracy == thrice.accuracy == 1.0
    assert thrice.gain_interval == pytest.approx(once.gain_interval)


def test_inputs_must_be_aligned() -> None:
    with pytest.raises(ModelError, match="2 labels, 1 texts, 3 rows of fields"):
        _audit(["a", "b"], ["x"], pa.table({"tier": ["x", "y", "z"]}))


def test_audit_is_json_and_repeats() -> None:
    rng = np.random.default_rng(13)
    labels, texts = _labels(rng.integers(3, size=60)), _texts(rng, 60)
    state = _audit(labels, texts).to_json()
    assert json.loads(json.dumps(state, allow_nan=False))["baseline"]["view"] == "text"
    assert state == _audit(labels, texts).to_json()


def test_table_has_a_line_and_a_sentence_for_each_target() -> None:
    told = _audit(["a", "b"] * 15, fields=pa.table({"tier": ["x", "y"] * 15}))
    untold = _audit_rows(["a"] * 3, Tickets(["x"] * 3, NO_FIELDS), "a_long_target_name")
    lines = format_audit(Audit((told, untold), "time", {}, None, ())).splitlines()
    assert lines[0].split() == ["target", "rows", "labels", "floor", "ceiling", "baseline", "gain", "p", "verdict"]
    assert lines[2].endswith("learnable")
    assert lines[3].split() == ["a_long_target_name", "3", "1", "1.00", "1.00", "-", "-", "-", "noise"]
    columns = [line.index(word) for line, word in zip(lines[2:4], ("learnable", "noise"), strict=True)]
    assert columns[0] == columns[1] == lines[0].index("verdict")
    assert lines[5:] == [f"queue: {told.reason}", f"a_long_target_name: {untold.reason}"]


def test_a_leak_is_named_and_the_target_judged_without_it() -> None:
    """Text and the other field are noise: all that there is to learn is the planted field."""
    rng = np.random.default_rng(20)
    codes = rng.integers(4, size=200)
    fields = pa.table({"routing": [f"R{code * 7}" for code in codes], "tier": _labels(rng.integers(4, size=200))})
    audit = _audit_rows(_labels(codes), _with_candidates(_texts(rng, 200), fields))
    assert audit.verdict == "learnable"
    assert [tie.field for tie in audit.leaks] == ["routing"]
    assert audit.without_leaks is not None
    assert audit.without_leaks.verdict == "noise"
    assert [caution.short for caution in audit.cautions] == ["suspected leak: routing", "without it: noise"]
    assert audit.cautions[1].sentence.startswith("Without routing: no tie to text and fields was found")


def test_clean_data_have_no_leak_and_no_second_judgement() -> None:
    rng = np.random.default_rng(21)
    codes = rng.integers(4, size=200)
    texts = [f"{text} topic{code}" for text, code in zip(_texts(rng, 200), codes, strict=True)]
    fields = pa.table({"hint": _labels(np.where(rng.random(200) < 0.5, codes, rng.integers(4, size=200)))})
    audit = _audit_rows(_labels(codes), _with_candidates(texts, fields))
    assert audit.leaks == ()
    assert audit.without_leaks is None
    assert [tie.field for tie in audit.ties] == ["hint"]


def test_fields_tell_identical_texts_apart() -> None:
    audit = _audit(["a", "b", "b"], ["same"] * 3, pa.table({"tier": ["x", "y", "y"]}))
    assert (audit.text_ceiling, audit.input_ceiling) == (pytest.approx(2 / 3), 1.0)
    assert _audit(["a", "b"], ["", ""], pa.table({"tier": ["x", "x"]})).input_ceiling == 0.5


def test_volume_and_drift_are_looked_at_where_split_and_time_are_known() -> None:
    rng = np.random.default_rng(22)
    times = np.datetime64("2025-01-01", "ms") + np.arange(200) * np.timedelta64(1, "D")
    splits = np.array(["train"] * 140 + ["calibration"] * 30 + ["test"] * 30, dtype=object)
    labels = _labels([0] * 100 + [1] * 100)
    audit = _audit_rows(labels, Tickets(_texts(rng, 200), NO_FIELDS, times, splits))
    assert audit.drift is not None
    assert audit.drift.shifted
    assert audit.volume is not None
    assert audit.volume.num_calibration == 30
    assert [of.about for of in audit.cautions] == ["drift", "drift", "volume"]
    assert audit.cautions[-1].short == "30 calibration rows, 59 needed"
    line = format_audit(Audit((audit,), "time", {}, None, ())).splitlines()[-1]
    assert line.endswith("30 calibration rows, 59 needed")


def test_an_audit_with_everything_is_json() -> None:
    rng = np.random.default_rng(23)
    codes = rng.integers(2, size=100)
    times = np.datetime64("2025-01-01", "ms") + np.arange(100) * np.timedelta64(1, "D")
    fields = pa.table({"copy": _labels(codes)})
    rows = _with_candidates(_texts(rng, 100), fields, times=times, splits=np.array(["train"] * 100, dtype=object))
    audit = Audit((_audit_rows(_labels(codes), rows),), "time", {"train": 100}, None, ())
    state = json.loads(json.dumps(audit.to_json(), allow_nan=False))
    assert state["targets"][0]["ties"][0]["suspected"] is True
    assert state["targets"][0]["drift"]["num_rows"] == 100


def test_where_there_is_no_text_the_ceiling_is_that_of_the_fields() -> None:
    audit = _audit(["a", "b", "b"], ["", "", ""], pa.table({"tier": ["x", "x", "y"]}))
    assert audit.ceiling == audit.input_ceiling == pytest.approx(2 / 3)
