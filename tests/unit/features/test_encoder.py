from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tickets.config import EncoderConfig
from tickets.errors import ModelError
from tickets.features import encoder as encoder_module
from tickets.features.encoder import Encoder, prepare_encoder
from tickets.storage import Storage

TEXTS = (
    "I cannot log in since the update.",
    "",
    "The invoice shows a charge that we never made\nplease refund it " * 3,
    "😀 🔥🔥 the app crashed 😡",
    "我的订单没有到，请帮忙。",
    "word " * 2000,
    "Der Drucker druckt nicht — seit gestern!",
    "x",
)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "printer", "is", "out", "of", "paper", "."]


@pytest.fixture(scope="module")
def int8(encoder_dir: Path) -> Encoder:
    return Encoder(encoder_dir)


@pytest.fixture(scope="module")
def fp32_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = Storage(str(tmp_path_factory.mktemp("fp32")))
    return storage.local_path(prepare_encoder(EncoderConfig(precision="fp32"), storage)[0])


@pytest.fixture(scope="module")
def fp32(fp32_dir: Path) -> Encoder:
    return Encoder(fp32_dir)


@pytest.fixture(params=["int8", "fp32"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    found: Encoder = request.getfixturevalue(request.param)
    return found


def test_a_vector_does_not_depend_on_its_neighbours(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], together, rtol=0, atol=1e-6)


def test_every_text_has_a_unit_vector_of_its_own(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), encoder.dimension))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    likeness = vectors @ vectors.T - 2 * np.eye(len(TEXTS))
    assert likeness.max() < 0.99
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_a_long_text_is_cut_at_its_tokens(encoder: Encoder) -> None:
    start = "the printer is out of paper " * 60
    ends = encoder.encode([start + "and we are angry", start + "我的订单没有到"])
    np.testing.assert_array_equal(ends[0], ends[1])
    assert not np.array_equal(*encoder.encode(["paper and we are angry", "paper 我的订单没有到"]))


def test_fp32_is_what_the_original_model_gives(fp32: Encoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = encoder_module._model_dir(EncoderConfig())
    tokenizer, model = AutoTokenizer.from_pretrained(str(folder)), AutoModel.from_pretrained(str(folder)).eval()
    # As sentence-transformers does it: one padded batch, the mean over the tokens that are no padding.
    batch = tokenizer(list(TEXTS), padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1).numpy()
    np.testing.assert_allclose(fp32.encode(TEXTS), expected, rtol=0, atol=1e-5)


def test_int8_stays_close_to_fp32(int8: Encoder, fp32: Encoder) -> None:
    cosines = (int8.encode(TEXTS) * fp32.encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.97


def test_like_texts_are_near(int8: Encoder) -> None:
    asked, near, far = int8.encode(["I forgot my password", "password reset does not work", "the invoice is wrong"])
    assert asked @ near > asked @ far + 0.2


def test_an_export_needs_no_network_and_repeats_exactly(
    fp32_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, address: Any) -> None:
        raise AssertionError(f"connection to {address}")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    storage = Storage(str(tmp_path))
    key, digest = prepare_encoder(EncoderConfig(precision="fp32"), storage)
    assert (Path(key).name, digest[:32]) == (fp32_dir.name, fp32_dir.name)
    assert Encoder(storage.local_path(key)).encode(["works"]).shape == (1, 384)


def test_what_was_exported_before_is_found_again(encoder_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("exported again")

    monkeypatch.setattr(encoder_module, "_export", refuse)
    key, digest = prepare_encoder(EncoderConfig(), Storage(str(encoder_dir.parents[1])))
    assert (key, digest[:32]) == (f"encoders/{encoder_dir.name}", encoder_dir.name)


def test_precisions_have_different_fingerprints(encoder_dir: Path, fp32_dir: Path) -> None:
    assert encoder_dir.name != fp32_dir.name


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "PACKAGE_WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"checksum [0-9a-f]{64}; expected 0{64}"):
        prepare_encoder(EncoderConfig(), Storage(str(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not the folder of a sentence-transformers model"):
        prepare_encoder(EncoderConfig(path=str(tmp_path)), Storage(str(tmp_path / "root")))


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of 16 positions, in the folder layout of sentence-transformers."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("small")
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(shape).save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    return folder


@pytest.fixture
def own_model(small_model: Path, tmp_path: Path) -> Callable[..., EncoderConfig]:
    """The configuration of a copy of the small model with these pooling settings and modules."""

    def made(pooling: dict[str, Any], *more: str, max_tokens: int = 16) -> EncoderConfig:
        folder = tmp_path / "model"
        shutil.copytree(small_model, folder)
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        modules = {"Transformer": "", "Pooling": "1_Pooling", **dict.fromkeys(more, "2_More")}
        listed = [{"type": f"sentence_transformers.models.{name}", "path": path} for name, path in modules.items()]
        (folder / "modules.json").write_text(json.dumps(listed))
        return EncoderConfig(path=str(folder), precision="fp32", max_tokens=max_tokens)

    return made


@pytest.mark.parametrize(
    ("pooling", "kind"),
    [
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": "cls"}, "cls"),
    ],
)
def test_an_own_model_is_exported_with_its_pooling(
    own_model: Callable[..., EncoderConfig], tmp_path: Path, pooling: dict[str, Any], kind: str
) -> None:
    import torch
    from transformers import BertModel

    config = own_model(pooling, "Normalize")
    storage = Storage(str(tmp_path))
    vector = Encoder(storage.local_path(prepare_encoder(config, storage)[0])).encode(["the paper is out"])[0]
    with torch.no_grad():
        hidden = BertModel.from_pretrained(config.path).eval()(torch.tensor([[2, 4, 9, 6, 7, 3]])).last_hidden_state[0]
    pooled = hidden.mean(0) if kind == "mean" else hidden[0]
    np.testing.assert_allclose(vector, torch.nn.functional.normalize(pooled, dim=0).numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("pooling", "more"),
    [
        ({"pooling_mode": "max"}, ()),
        ({"pooling_mode": ["mean", "cls"]}, ()),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, ()),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, ()),
        ({"pooling_mode": "mean"}, ("Dense",)),
    ],
)
def test_a_model_that_cannot_be_exported_whole_is_refused(
    own_model: Callable[..., EncoderConfig], tmp_path: Path, pooling: dict[str, Any], more: tuple[str, ...]
) -> None:
    with pytest.raises(ModelError, match=r"allowed: a Transformer .*, mean or cls Pooling, and Normalize"):
        prepare_encoder(own_model(pooling, *more), Storage(str(tmp_path)))


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json"])
def test_a_model_without_its_files_is_refused(
    own_model: Callable[..., EncoderConfig], tmp_path: Path, missing: str
) -> None:
    config = own_model({"pooling_mode": "mean"})
    (Path(str(config.path)) / missing).unlink()
    with pytest.raises(ModelError, match=r"allowed: a Transformer with config.json and tokenizer.json"):
        prepare_encoder(config, Storage(str(tmp_path)))


def test_more_tokens_than_the_model_reads_are_refused(own_model: Callable[..., EncoderConfig], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"encoder.max_tokens=17: this model reads at most 16"):
        prepare_encoder(own_model({"pooling_mode": "mean"}, max_tokens=17), Storage(str(tmp_path)))
