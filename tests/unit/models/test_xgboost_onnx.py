"""The served form of XGBoost's trees says what the booster says, whatever the rows hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tickets.models import xgboost, xgboost_onnx
from tickets.models.family import Examples, Limits

NUM_ROWS, NUM_CLASSES = 400, 4
KINDS = ["q"] * 3 + ["c"]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """float32 [400, 4]: three numbers and a category of 12 values, each missing in a fifth of the rows."""
    random = np.random.default_rng(0)
    made = np.c_[random.normal(size=(NUM_ROWS, 3)), random.integers(0, 12, NUM_ROWS)].astype(np.float32)
    made[random.random(made.shape) < 0.2] = np.nan
    return made


def _booster(rows: np.ndarray, **settings: Any) -> Any:
    import xgboost as library

    labels = (np.nan_to_num(rows[:, 3], nan=5) * 5 + (np.nan_to_num(rows[:, 0]) > 0)).astype(int) % NUM_CLASSES
    told = library.DMatrix(
        rows, labels, feature_types=KINDS, enable_categorical=True, base_margin=np.zeros((NUM_ROWS, NUM_CLASSES))
    )
    plain = {"objective": "multi:softprob", "num_class": NUM_CLASSES, "max_depth": 5, "nthread": 1}
    return library.train({**plain, **settings}, told, 20)


def _native(booster: Any, rows: np.ndarray) -> np.ndarray:
    start = np.zeros((len(rows), NUM_CLASSES), np.float32)
    found: np.ndarray = booster.inplace_predict(rows, base_margin=start, predict_type="margin", validate_features=False)
    return found


def test_every_kind_of_split_goes_the_same_way(rows: np.ndarray, tmp_path: Path) -> None:
    booster = _booster(rows)
    dumped = "".join(booster.get_dump(dump_format="json"))
    assert '"split_condition": [' in dumped
    assert '"split": "f0", "split_condition": ' in dumped
    xgboost_onnx.save(booster, NUM_CLASSES, tmp_path / "model.onnx")
    trees, expected = xgboost_onnx.Trees(tmp_path / "model.onnx"), _native(booster, rows)
    np.testing.assert_allclose(trees.margins(rows), expected, atol=1e-6)
    for row in range(0, NUM_ROWS, 11):
        one = slice(row, row + 1)
        np.testing.assert_allclose(trees.margins(rows[one]), expected[one], atol=1e-6)
    assert np.ptp(expected, axis=0).min() > 0.5  # the rows are told apart


def test_trees_without_a_split_are_trees(rows: np.ndarray, tmp_path: Path) -> None:
    booster = _booster(rows, min_child_weight=1e6)
    xgboost_onnx.save(booster, NUM_CLASSES, tmp_path / "model.onnx")
    found = xgboost_onnx.Trees(tmp_path / "model.onnx").margins(rows)
    np.testing.assert_allclose(found, _native(booster, rows), atol=1e-6)


def test_a_value_on_a_split_goes_the_same_way(rows: np.ndarray, tmp_path: Path) -> None:
    booster = _booster(rows)
    known = [node for dumped in booster.get_dump(dump_format="json") for node in _nodes(json.loads(dumped))]
    edges = np.float32([node["split_condition"] for node in known if node.get("split") == "f0"])
    assert len(edges) > 10
    asked = np.repeat(rows[:1], 3 * len(edges), axis=0)
    asked[:, 0] = np.r_[edges, np.nextafter(edges, np.float32(-9)), np.nextafter(edges, np.float32(9))]
    xgboost_onnx.save(booster, NUM_CLASSES, tmp_path / "model.onnx")
    found = xgboost_onnx.Trees(tmp_path / "model.onnx").margins(asked)
    np.testing.assert_allclose(found, _native(booster, asked), atol=1e-6)


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(found for child in node.get("children", []) for found in _nodes(child))]


def test_a_release_answers_through_it_as_the_fitted_model_did(
    first_params: Callable[[str], dict[str, float]], train: Examples, valid: Examples, limits: Limits, tmp_path: Path
) -> None:
    fitted = xgboost.refit(first_params("xgboost"), train, limits, 30)
    fitted.save(tmp_path)
    loaded = xgboost.load(tmp_path)
    unseen = replace(valid.features, categories=np.full_like(valid.features.categories, 99))
    for features in (valid.features, unseen):
        expected = fitted.predict(features, valid.head)
        np.testing.assert_allclose(loaded.predict(features, valid.head), expected, atol=1e-6)
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    for name in ("model.onnx", "model.json"):
        assert (again / name).read_bytes() == (tmp_path / name).read_bytes()
