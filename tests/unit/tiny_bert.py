"""A sentence encoder that costs nothing: a random BERT of two layers, which reads the words it is given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tickets.config import EncoderConfig

NUM_LAYERS, WIDTH, MOST_TOKENS = 2, 32, 32
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def write_tiny_bert(folder: Path, words: Sequence[str], pooling: str = "mean") -> EncoderConfig:
    """Write the folder of a sentence-transformers model; the configuration that names it."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    vocabulary = {word: at for at, word in enumerate([*_SPECIAL, *sorted(set(words))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    (folder / "1_Pooling").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(vocabulary), hidden_size=WIDTH, num_hidden_layers=NUM_LAYERS, num_attention_heads=2,
        intermediate_size=WIDTH, max_position_embeddings=MOST_TOKENS, initializer_range=0.2,
    )  # fmt: skip
    BertModel(shape).save_pretrained(folder)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": pooling}))
    modules = {"Transformer": "", "Pooling": "1_Pooling"}
    listed = [{"type": f"sentence_transformers.models.{name}", "path": path} for name, path in modules.items()]
    (folder / "modules.json").write_text(json.dumps(listed))
    return EncoderConfig(path=str(folder), precision="fp32", max_tokens=MOST_TOKENS)
