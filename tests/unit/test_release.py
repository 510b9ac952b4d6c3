from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tickets import release as release_module
from tickets.errors import ConflictError, ReleaseError
from tickets.models.triage import TriageModel
from tickets.release import (
    FORMAT_VERSION,
    PARTS,
    Release,
    list_releases,
    move_champion,
    open_release,
    pin_part,
    publish_release,
    read_champion,
    save_part,
)
from tickets.storage import Storage

BUCKET = "support"
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".dill")
READ_IN_ANOTHER_PROCESS = """
import sys
import numpy as np, pyarrow.parquet as pq
from tickets.release import open_release
from tickets.storage import Storage

root, folder = sys.argv[1:]
release = open_release(Storage(root), "support", "champion")
model, table = release.load_model(), pq.read_table(f"{folder}/tickets.parquet")
answers = model.answer(table, np.load(f"{folder}/vectors.npy"))
encoded = release.load_encoder().encode(model.state.texts(table)[:3])
np.savez(f"{folder}/read.npz", encoded=encoded, **{answer.target: answer.probabilities for answer in answers})
"""


def _publish(storage: Storage, model: TriageModel, encoder_key: str = "encoders/tiny", **given: Any) -> Release:
    content: dict[str, Any] = {
        "parts": {
            "model": save_part(storage, BUCKET, "model", model.save),
            "encoder": pin_part(storage, encoder_key),
            "corpus": save_part(storage, BUCKET, "corpus", lambda folder: _note(folder, "corpus")),
            "baselines": save_part(storage, BUCKET, "baselines", lambda folder: _note(folder, "baselines")),
        },
        "targets": {target.name: list(target.labels.names) for target in model.targets},
        "run_id": "run-1",
        "data": {"offline": "abc", "splits": "def"},
        "metrics": {"test": {"category": {"accuracy": np.float64(0.75), "ece": float("nan")}}},
        "config": {"source": {"targets": ["category", "priority"]}},
    }
    return publish_release(storage, BUCKET, **{**content, **given})


def _note(folder: Path, text: str) -> None:
    (folder / "note.txt").write_text(text)


@pytest.fixture(scope="module")
def published_root(tmp_path_factory: pytest.TempPathFactory, triage_model: TriageModel) -> Path:
    root = tmp_path_factory.mktemp("published")
    encoder = root / "encoders" / "tiny"
    encoder.mkdir(parents=True)
    (encoder / "model.onnx").write_bytes(b"weights")
    (encoder / "encoder.json").write_text("{}")
    _publish(Storage(str(root)), triage_model)
    return root


@pytest.fixture
def storage(published_root: Path, tmp_path: Path) -> Storage:
    """A root of this test's own with one release, which is not champion."""
    shutil.copytree(published_root, tmp_path / "root")
    return Storage(str(tmp_path / "root"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time of making to some seconds after 2030 began."""

    def set_to(seconds: int) -> None:
        class Clock:
            @staticmethod
            def now(zone: tzinfo) -> datetime:
                return datetime(2030, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(seconds=seconds)

        monkeypatch.setattr(release_module, "datetime", Clock)

    return set_to


def _manifest(storage: Storage) -> Path:
    (path,) = storage.work_dir.glob(f"{BUCKET}/releases/*/manifest.json")
    return path


def _rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_another_process_answers_the_same(
    triage_model: TriageModel, table: pa.Table, vectors: np.ndarray, encoder_dir: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(encoder_dir, root / "encoders" / encoder_dir.name)
    storage = Storage(str(root))
    release = _publish(storage, triage_model, f"encoders/{encoder_dir.name}")
    move_champion(storage, release, None, "first")
    pq.write_table(table, tmp_path / "tickets.parquet")
    np.save(tmp_path / "vectors.npy", vectors)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ_IN_ANOTHER_PROCESS, str(root), str(tmp_path)],
        check=True,
        cwd=Path(release_module.__file__).parents[1],
    )
    with np.load(tmp_path / "read.npz", allow_pickle=False) as read:
        for answer in triage_model.answer(table, vectors):
            np.testing.assert_allclose(read[answer.target], answer.probabilities, rtol=0, atol=1e-6)
        expected = release.load_encoder().encode(triage_model.state.texts(table)[:3])
        np.testing.assert_allclose(read["encoded"], expected, rtol=0, atol=1e-6)


def test_no_file_of_a_release_is_a_pickle(storage: Storage) -> None:
    files = [path for path in storage.work_dir.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".cbm", ".ubj", ".safetensors", ".npz", ".json"}
    for path in files:
        assert path.suffix not in PICKLES
        assert not (path.read_bytes()[:1] == b"\x80" and path.read_bytes()[1:2] in b"\x02\x03\x04\x05")
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype.kind == "f" for name in arrays)


def test_a_release_is_found_by_each_of_its_names(
    storage: Storage, triage_model: TriageModel, clock: Callable[[int], None]
) -> None:
    clock(0)
    first = _publish(storage, triage_model, run_id="first")
    clock(1)
    second = _publish(storage, triage_model, run_id="second")
    move_champion(storage, first, None, "it is better")
    assert open_release(storage, BUCKET, "champion").manifest == first.manifest
    assert open_release(storage, BUCKET, "latest").manifest == second.manifest
    assert open_release(storage, BUCKET, first.id).manifest.run_id == "first"
    assert list_releases(storage, BUCKET)[-2:] == [first.id, second.id]
    assert Path(second.uri).is_file()


def test_the_manifest_says_what_the_release_is(storage: Storage) -> None:
    manifest = open_release(storage, BUCKET, "latest").manifest
    assert manifest.targets == {"category": ["billing", "login", "outage"], "priority": ["high", "low"]}
    assert manifest.metrics == {"test": {"category": {"accuracy": 0.75, "ece": None}}}
    assert set(manifest.parts) == set(PARTS)
    files = storage.local_path(manifest.parts["model"].key).rglob("*")
    sizes = [path.stat().st_size for path in files if path.is_file()]
    assert manifest.parts["model"].num_bytes == sum(sizes)


def test_a_name_that_is_not_there_is_answered_with_those_that_are(storage: Storage) -> None:
    known = _manifest(storage).parent.name
    with pytest.raises(ReleaseError, match=f"'nonsense': not in bucket 'support'; allowed: champion, latest, {known}"):
        open_release(storage, BUCKET, "nonsense")
    with pytest.raises(ReleaseError, match="'nonsense': not in bucket 'other'; allowed: none, since there is no"):
        open_release(storage, "other", "nonsense")


def test_without_a_champion_the_error_says_where_there_is_one(storage: Storage) -> None:
    with pytest.raises(ReleaseError, match=r"bucket 'other' has no champion; run jobs/train\.py first"):
        open_release(storage, "other", "champion")
    move_champion(storage, open_release(storage, BUCKET, "latest"), None, "first")
    with pytest.raises(ReleaseError, match=r"bucket 'other' has no champion; set data\.bucket to one of: support"):
        open_release(storage, "other", "champion")
    with pytest.raises(ReleaseError, match="bucket 'other' has no release"):
        open_release(storage, "other", "latest")


def test_a_release_is_visible_once_its_manifest_is_there(storage: Storage) -> None:
    known = list_releases(storage, BUCKET)
    (storage.work_dir / BUCKET / "releases" / "29990101T000000-abcdef").mkdir()
    assert list_releases(storage, BUCKET) == known
    assert open_release(storage, BUCKET, "latest").id == known[-1]


def _load(release: Release, part: str) -> object:
    load = {
        "model": release.load_model,
        "encoder": release.load_encoder,
        "corpus": release.load_corpus,
        "baselines": release.load_baselines,
    }
    return load[part]()


def test_one_changed_byte_in_any_file_is_refused(storage: Storage) -> None:
    release = open_release(storage, BUCKET, "latest")
    for part, pinned in release.manifest.parts.items():
        assert pinned.files
        for name in pinned.files:
            path = storage.local_path(pinned.key) / name
            original = path.read_bytes()
            middle = len(original) // 2
            path.write_bytes(original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :])
            with pytest.raises(ReleaseError, match=f"{name} was changed; refused"):
                _load(release, part)
            path.write_bytes(original)
    assert release.load_model().targets


@pytest.mark.parametrize("part", ["model", "encoder"])
def test_a_missing_or_added_file_is_refused(storage: Storage, part: str) -> None:
    release = open_release(storage, BUCKET, "latest")
    pinned = release.manifest.parts[part]
    folder = storage.local_path(pinned.key)
    (folder / "surplus.json").write_text("{}")
    with pytest.raises(ReleaseError, match=r"surplus\.json was added; refused"):
        _load(release, part)
    (folder / "surplus.json").unlink()
    name = sorted(pinned.files)[-1]
    (folder / name).unlink()
    with pytest.raises(ReleaseError, match=f"{name} is missing; refused"):
        _load(release, part)
    shutil.rmtree(folder)
    with pytest.raises(ReleaseError, match="is missing; refused"):
        _load(release, part)


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "another"},
        {"metrics": {"test": {}}},
        {"parts": {}},
        {"surplus": 1},
        {"targets": None},
        {"created_at": "20300101T000000"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_changed_manifest_is_refused(storage: Storage, changes: dict[str, Any]) -> None:
    _rewrite(_manifest(storage), **changes)
    with pytest.raises(ReleaseError, match="its manifest was changed"):
        open_release(storage, BUCKET, "latest")


def test_a_manifest_without_one_of_its_fields_is_refused(storage: Storage) -> None:
    path = _manifest(storage)
    content = json.loads(path.read_text())
    del content["parts"]
    path.write_text(json.dumps(content))
    with pytest.raises(ReleaseError, match="its manifest was changed"):
        open_release(storage, BUCKET, "latest")


@pytest.mark.parametrize("version", [0, FORMAT_VERSION - 1, str(FORMAT_VERSION), None])
def test_an_unknown_format_is_refused(storage: Storage, version: Any) -> None:
    _rewrite(_manifest(storage), format_version=version)
    with pytest.raises(ReleaseError, match=f"format_version {version!r} is unknown; allowed: {FORMAT_VERSION}"):
        open_release(storage, BUCKET, "latest")


def test_a_manifest_that_is_no_object_is_refused(storage: Storage) -> None:
    _manifest(storage).write_text("[]")
    with pytest.raises(ReleaseError, match="format_version None is unknown"):
        open_release(storage, BUCKET, "latest")


def test_the_champion_moves_only_from_where_its_mover_saw_it(storage: Storage, triage_model: TriageModel) -> None:
    first = open_release(storage, BUCKET, "latest")
    second = _publish(storage, triage_model, run_id="second")
    assert read_champion(storage, BUCKET) is None
    move_champion(storage, first, None, "first")
    seen = read_champion(storage, BUCKET)
    assert seen == {"release": first.id, "digest": first.manifest.digest, "why": "first"}
    for stale in (None, {**seen, "release": "another"}):
        with pytest.raises(ConflictError, match="changed by another writer"):
            move_champion(storage, second, stale, "too late")
        assert read_champion(storage, BUCKET) == seen
    move_champion(storage, second, seen, "better")
    assert open_release(storage, BUCKET, "champion").id == second.id


def test_of_many_movers_one_wins(storage: Storage) -> None:
    release = open_release(storage, BUCKET, "latest")

    def move(mover: int) -> bool:
        try:
            move_champion(storage, release, None, f"mover {mover}")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(move, range(8)))
    assert won.count(True) == 1
    champion = read_champion(storage, BUCKET)
    assert champion is not None
    assert champion["why"] == f"mover {won.index(True)}"


def test_releases_of_the_same_content_share_their_parts(storage: Storage, triage_model: TriageModel) -> None:
    first = open_release(storage, BUCKET, "latest")
    second = _publish(storage, triage_model, run_id="second")
    assert first.id != second.id
    assert first.manifest.parts == second.manifest.parts
    assert storage.list_keys(f"{BUCKET}/parts/model") == [Path(first.manifest.parts["model"].key).name]
    third = _publish(storage, TriageModel(triage_model.state, triage_model.targets[:1]), run_id="third")
    assert third.manifest.parts["model"].key != first.manifest.parts["model"].key
    assert third.manifest.parts["encoder"] == first.manifest.parts["encoder"]
