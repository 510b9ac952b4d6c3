"""The language of a text against its tag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tickets.quality.language import detect

Build = Callable[..., Any]

TEXTS = {
    "en": "The export of our dashboard fails since this morning and nobody on the team can open the report.",
    "de": "Seit heute Morgen schlägt der Export unserer Übersicht fehl und niemand kann den Bericht öffnen.",
    "fr": "Depuis ce matin, l'export de notre tableau de bord échoue et personne ne peut ouvrir le rapport.",
    "es": "Desde esta mañana falla la exportación de nuestro panel y nadie del equipo puede abrir el informe.",
    "it": "Da questa mattina l'esportazione del nostro pannello non riesce e nessuno può aprire il rapporto.",
    "pt": "Desde esta manhã a exportação do nosso painel falha e ninguém da equipe consegue abrir o relatório.",
    "ja": "今朝からダッシュボードの書き出しに失敗し、誰もレポートを開くことができません。至急ご確認をお願いします。",
    "zh": "从今天早上开始，我们的仪表板导出一直失败，团队中没有人可以打开报告。请尽快帮助我们检查并修复。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_the_contracts_languages_are_told(language: str) -> None:
    assert detect(TEXTS[language], 0.9, 60) == language


@pytest.mark.parametrize("text", ["", "Hello", "0123456789 " * 20, "!?" * 100, "a" * 59])
def test_nothing_is_said_of_too_little_text(text: str) -> None:
    assert detect(text, 0.9, 60) is None


def test_a_tag_is_compared_where_tag_and_text_can_be_told(tickets: Build, checks_of: Build) -> None:
    cases = [
        ("en", TEXTS["en"], False),
        ("de", TEXTS["en"], True),
        ("de-AT", TEXTS["de"], False),
        ("EN_us", TEXTS["fr"], True),
        ("german", TEXTS["en"], None),
        (None, TEXTS["en"], None),
        ("de", "Ok", None),
        ("de", None, None),
    ]
    table = tickets(*({"subject": None, "language": tag, "description": text} for tag, text, _ in cases))
    (finding,) = (of for of in checks_of().run_deep(table, len(cases)) if of.name == "language.mismatch")
    assert finding.rows.tolist() == [bool(expected) for *_, expected in cases]
    assert finding.num_examined == sum(expected is not None for *_, expected in cases)
    assert finding.details.to_pylist() == ["de → en", "en → fr"]


def test_detection_can_be_switched_off(checks_of: Build) -> None:
    assert "language.mismatch" in {check.name for check in checks_of()}
    assert "language.mismatch" not in {check.name for check in checks_of(language={"enabled": False})}
