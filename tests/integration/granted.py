"""Sweep every family on a Ray with one logical GPU, and print what each trial was given and asked its library for.

Run as a program: what stands here travels to the trials by value. The libraries' own constructors are replaced in the
trial, so that no real GPU is needed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import ray
from ray import tune
from scipy import sparse

from tickets.config import SearchConfig, SweepConfig
from tickets.features.state import Features
from tickets.models.family import Examples, Limits, family
from tickets.train import sweep as searching
from tickets.train.placement import on_granted_device
from tickets.train.trials import TrialLog


class AskedError(Exception):
    """Carries what a library was asked for out of a fit."""


def probe(params: dict[str, Any], family_name: str, shared: list[Any], limits: Limits, log: TrialLog) -> None:
    """A trial that ends where its family asks the library for a device."""

    def catboost(settings: dict[str, Any]) -> None:
        raise AskedError(settings["task_type"])

    def xgboost(settings: dict[str, Any], *_: Any) -> None:
        raise AskedError(settings["device"])

    def torch_device(name: str) -> None:
        raise AskedError(name)

    asked_of = {
        "catboost": ("catboost.CatBoost", catboost),
        "xgboost": ("xgboost.Booster", xgboost),
        "dnn": ("torch.device", torch_device),
        "linear": ("sklearn.svm.LinearSVC", lambda **_: (_ for _ in ()).throw(AskedError("none"))),
    }
    train, valid = ray.get(shared[0])
    held = on_granted_device(limits)
    place, spy = asked_of[family_name]
    try:
        with mock.patch(place, spy):
            family(family_name).fit(params, train, valid, held, lambda loss: None)
    except AskedError as asked:
        granted = ray.get_runtime_context().get_assigned_resources()
        told = {"granted": granted, "device": str(asked), "share": held.gpu_share}
        (log.folder / "asked.json").write_text(json.dumps(told))
    log.save_outcome(tune.get_context().get_trial_id(), 1, np.zeros((1, 2)))
    tune.report({"nll": 1.0, "finished": True})


def main(folder: Path) -> None:
    """Print family and accelerator → what was granted, and which device was asked for."""
    ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
    rows = ray.put((few_rows(), few_rows()))
    limits = Limits(num_classes=2, boosting_rounds=10, epochs=1, patience_steps=1)
    searching._run_trial = probe
    found = {}
    for name, accelerator in (
        ("linear", "auto"),
        ("catboost", "auto"),
        ("xgboost", "auto"),
        ("dnn", "auto"),
        ("dnn", "cpu"),
    ):
        config = SweepConfig.model_validate({"num_trials": 1, "accelerator": accelerator, "gpus_per_trial": 0.5})
        place = folder / accelerator
        searching.sweep(name, "label", rows, limits, config, SearchConfig(), place, lambda record: None)
        found[f"{name} {accelerator}"] = json.loads((place / f"label-{name}" / "asked.json").read_text())
    (folder / "found.json").write_text(json.dumps(found))


def few_rows() -> Examples:
    """Eight rows of two classes with every kind of feature."""
    labels = np.arange(8) % 2
    terms = sparse.csr_matrix(np.eye(8, dtype=np.float32))
    features = Features(
        words=terms,
        chars=terms,
        vectors=np.ones((8, 4), dtype=np.float32),
        categories=np.ones((8, 1), dtype=np.int32),
        numbers=np.ones((8, 1), dtype=np.float32),
        texts=np.array(["text"] * 8, dtype=object),
    )
    return Examples(features, labels, np.full((8, 2), 0.5, dtype=np.float32))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
