"""XGBoost over fields and the text head's answers, from which boosting starts. Chen and Guestrin, KDD 2016.

Rows are always dense with NaN for missing: XGBoost reads the zeros of a sparse row as missing, of a dense row not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets.features.state import Features
from tickets.features.tabular import UNSEEN
from tickets.models import xgboost_onnx
from tickets.models.family import Classifier, Examples, Fitted, Limits, Params, Patience, Report, nll, softmax
from tickets.models.trees import HeadAlone, Pace, head_columns, head_logs, shares
from tickets.models.xgboost_onnx import Trees

NEEDS_HEAD: Final = True
USES_GPU: Final = True
_BINS: Final = 64  # per column; with 256 a round over 25 classes takes twice the time and is no better


class XGBoost:
    """A fitted booster.

    Args:
        booster: `xgboost.Booster`.
        num_codes: Codes of each category column that training held.
        trees: The same trees as they are served; None: the booster answers, for which nothing is made ready.
    """

    def __init__(self, booster: Any, num_codes: tuple[int, ...], trees: Trees | None = None) -> None:
        booster.set_param({"device": "cpu", "nthread": 1})  # it may answer where no GPU is
        self._booster = booster
        self._num_codes = num_codes
        self._trees = trees
        self._num_classes = _num_classes(booster)

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        rows = _rows(features, head, self._num_codes)
        start = head_logs(head)[:, : self._num_classes]  # further columns are of other targets
        if self._trees is not None:
            return softmax(self._trees.margins(rows) + start)
        # In place: for a single row, making a `DMatrix` costs as much as the trees.
        found = self._booster.inplace_predict(rows, base_margin=start, validate_features=False)
        raw: np.ndarray = found.astype(np.float64)
        probabilities: np.ndarray = raw / raw.sum(axis=1, keepdims=True)
        return probabilities

    def gains(self) -> np.ndarray:
        """What each column gains in all splits, float64 [k + j + numbers + categories], in this order, the text
        head's columns first; sums to 1, or is 0 where there is no split."""
        of_columns = self._booster.get_score(importance_type="total_gain")
        return shares([of_columns.get(f"f{column}", 0.0) for column in range(self._booster.num_features())])

    def save(self, folder: Path) -> None:
        """Write `model.ubj`, `model.onnx` and `model.json`."""
        self._booster.save_model(folder / "model.ubj")
        xgboost_onnx.save(self._booster, self._num_classes, folder / "model.onnx")
        spec = {"trees": self._booster.num_boosted_rounds(), "num_codes": list(self._num_codes)}
        (folder / "model.json").write_text(json.dumps(spec))


def load(folder: Path) -> Classifier:
    """Read what the classifier saved."""
    import xgboost

    spec = json.loads((folder / "model.json").read_text())
    if not spec["trees"]:
        return HeadAlone(spec["num_classes"])
    booster = xgboost.Booster()
    booster.load_model(folder / "model.ubj")
    return XGBoost(booster, tuple(spec["num_codes"]), Trees(folder / "model.onnx"))


def fit(params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
    """Add trees to the text head until validation stops improving, reporting every few."""
    import xgboost

    alone, pace = HeadAlone(limits.num_classes), Pace.of(limits)
    patience = Patience(limits.patience_steps, nll(alone.predict(valid.features, valid.head), valid.labels))
    codes = _num_codes(train)
    rows, judged = _matrix(train, codes, limits.num_classes), _matrix(valid, codes, limits.num_classes)
    booster = xgboost.Booster(_settings(params, limits), [rows, judged])
    for round_ in range(pace.limit):
        booster.update(rows, round_)
        if pace.is_step(round_ + 1):
            patience.update(float(booster.eval_set([(judged, "valid")], round_).rsplit(":", 1)[1]))
            report(patience.best)
            if patience.exhausted:
                break
    rounds = pace.rounds_at(patience.best_step)
    return Fitted(XGBoost(booster[:rounds], codes) if rounds else alone, patience.best, rounds)


def refit(params: Params, train: Examples, limits: Limits, length: float) -> Classifier:
    """Fit a known number of rounds on all rows."""
    import xgboost

    codes = _num_codes(train)
    if not length:
        return HeadAlone(limits.num_classes)
    rows = _matrix(train, codes, limits.num_classes)
    return XGBoost(xgboost.train(_settings(params, limits), rows, int(length)), codes)


def _settings(params: Params, limits: Limits) -> dict[str, Any]:
    return {
        "objective": "multi:softprob",
        "eval_metric": "mlogloss",
        "num_class": limits.num_classes,
        "tree_method": "hist",
        "max_bin": _BINS,
        "device": "cuda" if limits.use_gpu else "cpu",
        "nthread": limits.num_threads,
        "seed": limits.seed,
        "max_depth": int(params["max_depth"]),
        "learning_rate": float(params["learning_rate"]),
        "min_child_weight": float(params["min_child_weight"]),
        "subsample": float(params["subsample"]),
        "reg_lambda": float(params["reg_lambda"]),
    }


def _num_classes(booster: Any) -> int:
    return int(json.loads(booster.save_config())["learner"]["learner_model_param"]["num_class"])


def _num_codes(train: Examples) -> tuple[int, ...]:
    return tuple(int(code) for code in train.features.categories.max(axis=0, initial=0) + 1)


def _matrix(examples: Examples, num_codes: tuple[int, ...], num_classes: int) -> Any:
    """Labelled rows; each starts from what the text head says."""
    import xgboost

    rows = _rows(examples.features, examples.head, num_codes)
    return xgboost.DMatrix(
        rows,
        label=examples.labels,
        weight=examples.weights,
        base_margin=head_logs(examples.head)[:, :num_classes],
        feature_types=["q"] * (rows.shape[1] - len(num_codes)) + ["c"] * len(num_codes),
        enable_categorical=True,
    )


def _rows(features: Features, head: np.ndarray | None, num_codes: tuple[int, ...]) -> np.ndarray:
    """float32 [n, k + j + numbers + categories]."""
    codes = features.categories.astype(np.float32)
    # XGBoost refuses a category that training did not hold: to the trees it is missing.
    codes[(features.categories <= UNSEEN) | (features.categories >= np.asarray(num_codes, dtype=np.int32))] = np.nan
    return np.hstack([head_columns(head), features.numbers, codes])
