"""A fine-tune of a tiny encoder that stops after its first pass, taken up from its checkpoint; prints what came of it.

python finetuning.py FOLDER     joins the Ray that RAY_ADDRESS names
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
from scipy import sparse
from tiny_bert import write_tiny_bert

from tickets.config import TicketsConfig
from tickets.config.parse import parse
from tickets.features.state import Features
from tickets.train.finetune import finetune
from tickets.train.problem import Problem, build_problem
from tickets.train.split import CALIBRATION, TRAIN, VALIDATION

WORDS = ("card", "lost", "login", "reset", "slow", "down", "please", "help", "today")
TOPICS = {"card": WORDS[:2], "login": WORDS[2:4], "outage": WORDS[4:6]}
NUM_ROWS, NUM_TRAIN, NUM_VALID = 160, 96, 32


def tiny_problems(config: TicketsConfig) -> list[Problem]:
    """Two targets on 160 rows: the topic stands in the text, the tier in a category."""
    random = np.random.default_rng(0)
    topics = random.choice(list(TOPICS), NUM_ROWS).tolist()
    codes = random.integers(2, 4, (NUM_ROWS, 1)).astype(np.int32)
    texts = [" ".join([*random.choice(WORDS[6:], 2), *random.choice(TOPICS[topic], 2)]) for topic in topics]
    none, numbers = sparse.csr_matrix((NUM_ROWS, 1)), np.full((NUM_ROWS, 1), np.nan, np.float32)
    vectors = np.zeros((NUM_ROWS, 1), np.float32)
    features = Features(none, none, vectors, codes, numbers, np.array(texts, dtype=object))
    rest = NUM_ROWS - NUM_TRAIN - NUM_VALID
    splits = np.repeat([TRAIN, VALIDATION, CALIBRATION], [NUM_TRAIN, NUM_VALID, rest])
    values = {"topic": topics, "tier": [f"tier {code}" for code in codes[:, 0]]}
    return [build_problem(name, values[name], features, texts, splits, config.model, config.sweep) for name in values]


def plain_curve(problems: list[Problem], config: TicketsConfig) -> tuple[float, ...]:
    """The same training in this process, by the same loop."""
    import torch

    from tickets.features.encoder import find_transformer
    from tickets.models.transformer import Shape
    from tickets.models.transformer_loop import train
    from tickets.models.transformer_network import build_network
    from tickets.models.transformer_rows import Rows

    features, labels = problems[0].features, np.stack([problem.codes for problem in problems], axis=1)
    sizes = {problem.target: len(problem.labels) for problem in problems}
    parts = np.arange(NUM_TRAIN), np.arange(NUM_TRAIN, NUM_TRAIN + NUM_VALID)
    shape = Shape.of(features.take(parts[0]), sizes, config.finetune.max_tokens)
    folder, _ = find_transformer(config.encoder)
    rows, valid = (Rows.build(features.take(part), labels[part], shape, folder) for part in parts)
    torch.manual_seed(config.model.seed)
    network = build_network(config.encoder, shape, config.finetune)
    *_, state = train(network, rows, valid, sizes, config.finetune, torch.device("cpu"), config.model.seed)
    return state.progress.curve


def main(folder: Path) -> None:
    import ray

    encoder = write_tiny_bert(folder / "bert", WORDS)
    settings = {
        "enabled": "on", "num_workers": 2, "cpus_per_worker": 1, "epochs": 3, "encoder_rate": 3e-3, "head_rate": 1e-2,
        "batch_rows": 16, "max_tokens": 16, "precision": "fp32", "dropout": 0.0, "field_dropout": 0.0,
    }  # fmt: skip
    source = {"name": "tiny", "targets": ["topic", "tier"]}
    given = {"source": source, "encoder": dict(encoder), "finetune": settings}
    config, hurried = parse(given), parse({**given, "finetune": {**settings, "time_budget_s": 1e-9}})
    problems = tiny_problems(config)
    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False)
    first, second = (finetune(problems, one, folder / "run") for one in (hurried, config))
    accuracy = {
        problem.target: float((second.candidates[problem.target].validation.argmax(axis=1) == codes).mean())
        for problem in problems
        for codes in [problem.codes[problem.rows(VALIDATION)]]
    }
    told = {"first": first.record, "second": second.record, "plain": plain_curve(problems, config)}
    print(json.dumps({**told, "accuracy": accuracy}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
