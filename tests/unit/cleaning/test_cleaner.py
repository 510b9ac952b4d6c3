from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from tickets.cleaning import Cleaned, Cleaner, build_cleaner
from tickets.config.cleaning import CleaningConfig
from tickets.errors import ConfigError
from tickets.plugins import CleaningStep, Plugins

SIGNED = "It fails.\n\nBest regards,\nAnn Lee"
TEXTS = ["clean", SIGNED, None, "", "Out of Office: hello", SIGNED, "a < b"]


def cleaner(*steps: object) -> Cleaner:
    return build_cleaner(CleaningConfig.model_validate({"steps": steps}), Plugins([]))


def test_steps_run_in_the_order_of_their_meaning() -> None:
    asked = cleaner("signature", "automatic", "encoding", "disclaimer", "quotes", "html")
    assert asked.kinds == ("html", "encoding", "quotes", "automatic", "disclaimer", "signature")


def test_no_steps_change_nothing() -> None:
    assert cleaner().clean(SIGNED) == Cleaned(SIGNED)
    column = pa.array(TEXTS)
    assert cleaner().clean_column(column).texts is column


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("cuts", [(), (2, 3), (0, 7)])
def test_a_column_keeps_its_type_nulls_and_chunks(kind: pa.DataType, cuts: tuple[int, ...]) -> None:
    bounds = [0, *cuts, len(TEXTS)]
    chunks = [pa.array(TEXTS[start:stop], kind) for start, stop in pairwise(bounds)]
    column = pa.chunked_array(chunks, kind) if cuts else chunks[0]
    cleaned = cleaner("signature", "automatic").clean_column(column)
    assert cleaned.texts.type == column.type
    assert cleaned.texts.to_pylist() == ["clean", "It fails.", None, "", "Out of Office: hello", "It fails.", "a < b"]
    assert cleaned.rows.dtype == np.int64
    assert cleaned.rows.tolist() == [1, 4, 5]
    assert [result.changed for result in cleaned.results] == [("signature",), (), ("signature",)]
    assert cleaned.num_changed == {"signature": 2}
    assert cleaned.num_marked == {"auto-reply": 1}


def test_a_list_and_a_slice_are_columns_too() -> None:
    assert cleaner("signature").clean_column(TEXTS).rows.tolist() == [1, 5]
    assert cleaner("signature").clean_column(pa.array(TEXTS).slice(4)).rows.tolist() == [1]
    assert cleaner("signature").clean_column([]).texts.to_pylist() == []


def test_texts_that_need_nothing_never_reach_python(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = cleaner("html", "encoding", "quotes", "automatic", "disclaimer", "signature")
    monkeypatch.setattr(ready, "clean", None)
    texts = ["The page is slow, größer als 5 > 3.", "Réponse d’hier : «où» — 100 €", "无法登录。", None]
    assert len(ready.clean_column(texts * 100).rows) == 0


def test_a_step_that_fails_leaves_the_text_and_marks_it() -> None:
    def fail(text: str) -> str:
        raise KeyError(text)

    broken = Cleaner({"broken": CleaningStep(clean=fail), "odd": CleaningStep(clean=lambda text: "\ud800")})
    assert broken.clean("hello") == Cleaned("hello", (), ("broken: failed", "odd: failed"))
    assert broken.clean_column(["hello", None]).texts.to_pylist() == ["hello", None]


def test_a_step_never_empties_a_text() -> None:
    blank = Cleaner({"blank": CleaningStep(clean=lambda text: " ")})
    assert blank.clean("hello") == Cleaned("hello")
    assert blank.clean("\n") == Cleaned(" ", ("blank",))


def test_a_step_of_a_plugin_runs_once_and_marks_what_it_made() -> None:
    grows = CleaningStep(clean=lambda text: text + "!", find_marks=lambda text: [text[-1]])
    assert Cleaner({"grows": grows}).clean("a") == Cleaned("a!", ("grows",), ("!",))


def test_own_patterns_add_to_the_built_in_ones() -> None:
    own = cleaner(
        {"kind": "quotes", "separators": ["^=== earlier ===$"]},
        {"kind": "automatic", "auto_reply": ["(?i)robot speaking"], "bounce": ["^MTA says"]},
        {"kind": "disclaimer", "patterns": ["(?i)registered in Utopia"]},
        {"kind": "signature", "starts": ["^ACME support team"]},
    )
    mail = "It fails.\n\nRegistered in Utopia\n\nMore.\nACME support team, 4th floor. Call us?\n=== earlier ===\r\nold"
    cleaned = own.clean(mail)
    assert cleaned.text == "It fails.\n\nMore."
    assert cleaned.changed == ("quotes", "disclaimer", "signature")
    assert own.clean_column([mail]).texts.to_pylist() == [cleaned.text]
    assert own.clean("robot speaking").marks == ("auto-reply",)
    assert own.clean_column(["MTA says no"]).num_marked == {"bounce": 1}


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"'signatur' is no step; allowed: html, .*signature"):
        cleaner("signatur")


def test_a_plugins_pattern_has_to_be_one() -> None:
    class Found(Plugins):
        def step(self, kind: str) -> CleaningStep:
            return CleaningStep(clean=str.strip, pattern="(?=x)")

    with pytest.raises(ConfigError, match=r"'mine'.*RE2"):
        build_cleaner(CleaningConfig.model_validate({"steps": ["mine"]}), Found([]))
