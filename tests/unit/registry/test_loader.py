"""A registered version, loaded as MLflow loads it, answers as the release does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tiny_release import HashEncoder, publish_tiny

from tickets.answering import Answerer
from tickets.errors import FieldError, ReleaseError
from tickets.features.state import Features, FeatureState
from tickets.registry import facts_of
from tickets.registry.loader import ReleaseModel, _load_pyfunc
from tickets.registry.model import write_model
from tickets.release import Release
from tickets.storage import Storage

COLUMNS = ["subject", "description", "product", "language", "affected_users", "weekend_ticket"]


@pytest.fixture(autouse=True)
def _hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Release, "load_encoder", lambda self: HashEncoder())
    monkeypatch.delenv("TICKETS_ROOT", raising=False)


@pytest.fixture(scope="module")
def release(
    tmp_path_factory: pytest.TempPathFactory, state: FeatureState, features: Features, table: pa.Table
) -> Release:
    storage = Storage(str(tmp_path_factory.mktemp("root")))
    return publish_tiny(storage, state, features, table["category"].to_pylist())


@pytest.fixture
def data_dir(release: Release, tmp_path: Path) -> Path:
    """The data folder of the written model."""
    (tmp_path / "model").mkdir()
    write_model(tmp_path / "model", facts_of(release), "run")
    return tmp_path / "model" / "data"


def test_rows_and_mappings_are_answered_as_by_the_release(release: Release, data_dir: Path, table: pa.Table) -> None:
    tickets = table.select(COLUMNS).slice(0, 20)
    _, answers = Answerer(release).answer(tickets)
    model = _load_pyfunc(str(data_dir))
    for given in (tickets.to_pandas(), tickets.to_pylist()):
        found = model.predict(given)
        for answer in answers:
            assert found[answer.target].tolist() == [decision.label for decision in answer.decisions]
            assert found[f"{answer.target}_decision"].tolist() == [of.action.value for of in answer.decisions]
            assert np.stack(found[f"{answer.target}_probabilities"]) == pytest.approx(answer.probabilities)


def test_what_a_ticket_lacks_is_missing_and_what_does_not_fit_is_said(release: Release) -> None:
    model = ReleaseModel(release)
    found = model.predict([{"subject": "invoice refund", "mood": "bad"}, {"description": "down", "affected_users": 3}])
    assert found["category_confidence"].between(0, 1).all()
    assert sum(json.loads(found["category_top"][0]).values()) == pytest.approx(1.0)
    with pytest.raises(FieldError, match="affected_users"):
        model.predict([{"subject": "x", "affected_users": "many"}])


def test_a_frame_of_nothing_but_gaps_is_no_error(release: Release) -> None:
    gaps: Any = {"subject": [None], "affected_users": [float("nan")], "weekend_ticket": [pd.NA]}
    assert ReleaseModel(release).predict(pd.DataFrame(gaps))["category_decision"].tolist() == ["review"]


def test_another_root_may_hold_it_and_another_manifest_is_refused(
    release: Release, data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pointer = json.loads((data_dir / "release.json").read_text())
    (data_dir / "release.json").write_text(json.dumps({**pointer, "root": "/nowhere"}))
    with pytest.raises(ReleaseError, match=release.id):
        _load_pyfunc(str(data_dir))
    monkeypatch.setenv("TICKETS_ROOT", release.storage.root)
    assert isinstance(_load_pyfunc(str(data_dir)), ReleaseModel)
    (data_dir / "release.json").write_text(json.dumps({**pointer, "digest": "0" * 64}))
    with pytest.raises(ReleaseError, match="not the manifest that was registered"):
        _load_pyfunc(str(data_dir))
