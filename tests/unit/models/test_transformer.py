from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tickets.decide.policy import Support, TargetPolicy
from tickets.decide.temperature import Temperature
from tickets.features.state import Features
from tickets.models import transformer_export
from tickets.models.labels import Labels
from tickets.models.transformer import Shape, Share, Transformer, field_inputs
from tickets.models.transformer_export import choose_form, export
from tickets.models.transformer_loop import judge
from tickets.models.transformer_network import Network
from tickets.models.transformer_rows import Rows
from tickets.models.transformer_state import State
from tickets.models.triage import Member, TargetModel, TriageModel

LAST = np.arange(200, 300)


@pytest.fixture(scope="module")
def network(trained_state: State, new_network: Callable[..., Network]) -> Network:
    """The best pass, as it is exported."""
    network = new_network("eager")
    network.load_state_dict(trained_state.best)
    return network.eval()


@pytest.fixture(scope="module")
def exported(
    network: Network, shape: Shape, transformer_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Transformer:
    return export(network, shape, transformer_dir, tmp_path_factory.mktemp("export") / "fp32", "fp32")


@pytest.fixture(scope="module")
def full(network: Network, shape: Shape, tuning_rows: tuple[Rows, Rows]) -> list[np.ndarray]:
    import torch

    return judge(network, tuning_rows[1], shape.num_labels, None, torch.device("cpu"))


def test_the_export_says_what_the_network_says(
    exported: Transformer, full: list[np.ndarray], features: Features
) -> None:
    answers = exported.predict(features.take(LAST))
    assert list(answers) == ["category", "is_api"]
    for answer, expected in zip(answers.values(), full, strict=True):
        assert (answer.dtype, answer.shape) == (np.float64, expected.shape)
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-5)
    assert {name: answer.shape for name, answer in exported.predict(features.take(LAST[:0])).items()} == {
        "category": (0, 3),
        "is_api": (0, 2),
    }


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_an_answer_does_not_depend_on_its_neighbours(
    network: Network, shape: Shape, transformer_dir: Path, features: Features, tmp_path: Path, precision: str
) -> None:
    model = export(network, shape, transformer_dir, tmp_path / "made", precision)  # type: ignore[arg-type]
    together = model.predict(features.take(LAST))["category"]
    alone = np.vstack([model.predict(features.take(LAST[at : at + 1]))["category"] for at in range(0, 100, 9)])
    np.testing.assert_array_equal(alone, together[::9])


def test_text_codes_and_numbers_all_count(exported: Transformer, features: Features) -> None:
    rows = features.take(LAST)
    expected = exported.predict(rows)["category"]
    for changed in (
        replace(rows, texts=rows.texts[::-1]),
        replace(rows, categories=np.zeros_like(rows.categories)),
        replace(rows, numbers=np.full_like(rows.numbers, np.nan)),
    ):
        assert np.abs(exported.predict(changed)["category"] - expected).max() > 1e-3
    beyond = replace(rows, categories=np.full_like(rows.categories, 99))
    missing = replace(rows, categories=np.zeros_like(rows.categories))
    np.testing.assert_array_equal(exported.predict(beyond)["category"], exported.predict(missing)["category"])


def test_a_missing_number_is_not_the_median() -> None:
    shape = Shape((3,), 2, {"one": 2}, 8)
    given = field_inputs(shape, np.array([[2], [3]], np.int32), np.array([[0.5, np.nan], [0.0, 1.0]], np.float32))
    np.testing.assert_array_equal(given["codes"], [[2], [0]])
    np.testing.assert_array_equal(given["numbers"], [[0.5, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]])


def test_a_long_text_is_cut(exported: Transformer, features: Features) -> None:
    row = features.take(LAST[:1])
    long = [" ".join(["invoice"] * 22 + [end]) for end in ("password", "password reset login down")]
    first, second = (exported.predict(replace(row, texts=np.array([text], dtype=object)))["category"] for text in long)
    np.testing.assert_array_equal(first, second)


def test_int8_is_taken_where_it_costs_nothing(
    network: Network,
    shape: Shape,
    transformer_dir: Path,
    features: Features,
    two_labels: np.ndarray,
    full: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, codes = features.take(LAST), two_labels[LAST]
    chosen = {}
    for name, bound in (("int8", 1.0), ("fp32", -1.0)):
        monkeypatch.setattr(transformer_export, "MOST_COST", bound)
        chosen[name] = choose_form(network, shape, transformer_dir, tmp_path / name, rows, codes, full)
        assert chosen[name].precision == name
        for target, answer in chosen[name].transformer.predict(rows).items():
            np.testing.assert_allclose(chosen[name].validation[target], answer, rtol=0, atol=1e-5)
    assert chosen["int8"].cost == chosen["fp32"].cost
    is_small = [b"DynamicQuantizeLinear" in (tmp_path / name / name / "model.onnx").read_bytes() for name in chosen]
    assert is_small == [True, False]
    known = codes[:, 1] >= 0
    answers = chosen["int8"].validation["is_api"][known].argmax(axis=1), full[1][known].argmax(axis=1)
    hits = [(answer == codes[known, 1]).mean() for answer in answers]
    assert chosen["int8"].cost["is_api"] == pytest.approx(hits[1] - hits[0])


def test_targets_of_one_batch_ask_the_network_once(
    exported: Transformer, features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Features] = []
    answer = Transformer._predict

    def counted(self: Transformer, rows: Features) -> dict[str, np.ndarray]:
        asked.append(rows)
        return answer(self, rows)

    monkeypatch.setattr(Transformer, "_predict", counted)
    batches = [features.take(LAST[start : start + 10]) for start in range(0, 100, 10)]
    shares = Share(exported, "category"), Share(exported, "is_api")
    with ThreadPoolExecutor(4) as pool:
        both = list(pool.map(lambda rows: [share.predict(rows) for share in shares], batches))
    assert sorted(map(id, asked)) == sorted(map(id, batches))
    whole = exported.predict(features.take(LAST))
    for at, target in enumerate(("category", "is_api")):
        np.testing.assert_array_equal(np.vstack([answers[at] for answers in both]), whole[target])
    before = len(exported._answers)
    del batches, asked[:]
    assert len(exported._answers) < before  # an answer lives as long as its features


def test_targets_share_one_saved_network(
    exported: Transformer, triage_model: TriageModel, table: pa.Table, vectors: np.ndarray, tmp_path: Path
) -> None:
    linear = triage_model.target("category")
    targets = [_target("category", ("a", "b", "c"), exported), _target("is_api", ("no", "yes"), exported), linear]
    TriageModel(triage_model.state, targets[:2]).save(tmp_path)
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.onnx"))
    assert kept == ["transformer/model.onnx"]
    loaded = TriageModel.load(tmp_path)
    first, second = (target.members[0].classifier for target in loaded.targets)
    assert isinstance(first, Share)
    assert isinstance(second, Share)
    assert first.network is second.network
    before = TriageModel(triage_model.state, targets[:2]).predict(table.slice(0, 20), vectors[:20])
    for name, answer in loaded.predict(table.slice(0, 20), vectors[:20]).items():
        np.testing.assert_array_equal(answer, before[name])


def _target(name: str, labels: tuple[str, ...], network: Transformer) -> TargetModel:
    policy = TargetPolicy(labels, None, None, Support(frozenset(), frozenset(), frozenset()))
    member = Member("transformer", Share(network, name), 1.0)
    return TargetModel(name, Labels(labels), (member,), None, Temperature(1.0), policy)


def test_it_is_saved_without_pickle_and_answers_without_torch(
    exported: Transformer, features: Features, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    exported.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "tokenizer.json", "transformer.json"]
    text = str(features.texts[200])
    script = f"""
import json, sys
from pathlib import Path
import numpy as np
from scipy import sparse
from tickets.features.state import Features
from tickets.models.transformer import Transformer
model = Transformer(Path({str(folder)!r}))
none = sparse.csr_matrix((1, 1))
codes = np.zeros((1, len(model.shape.num_codes)), np.int32)
numbers = np.full((1, model.shape.num_numbers), np.nan, np.float32)
rows = Features(none, none, np.zeros((1, 1), np.float32), codes, numbers, np.array([{text!r}], dtype=object))
heavy = [name for name in ("torch", "transformers") if name in sys.modules]
print(json.dumps([model.predict(rows)["category"].tolist(), heavy]))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    answer, heavy = json.loads(ran.stdout)
    assert heavy == []
    row = features.take(np.array([200]))
    bare = replace(row, categories=np.zeros_like(row.categories), numbers=np.full_like(row.numbers, np.nan))
    np.testing.assert_array_equal(exported.predict(bare)["category"], answer)
