"""XGBoost over fields and the text head's probabilities, from which boosting starts. Chen and Guestrin, KDD 2016.

Rows are always dense with NaN for missing: XGBoost reads the zeros of a sparse row as missing, of a dense row not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets.features.state import Features
from tickets.features.tabular import UNSEEN
from tickets.models.family import Examples, Fitted, Limits, Params, Patience, Report
from tickets.models.trees import best_rounds, head_columns, is_step, shares

NEEDS_HEAD: Final = True
USES_GPU: Final = True


class XGBoost:
    """A fitted booster.

    Args:
        booster: `xgboost.Booster`.
        num_codes: Codes of each category column that training held.
    """

    def __init__(self, booster: Any, num_codes: tuple[int, ...]) -> None:
        booster.set_param({"device": "cpu", "nthread": 1})  # it may answer where no GPU is
        self._booster = booster
        self._num_codes = num_codes

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        rows = _matrix(features, head, self._num_codes)
        raw: np.ndarray = self._booster.predict(rows).astype(np.float64)
        probabilities: np.ndarray = raw / raw.sum(axis=1, keepdims=True)
        return probabilities

    def gains(self) -> np.ndarray:
        """What each column gains in all splits, float64 [k + numbers + categories], in this order, the text head's
        columns first; sums to 1, or is 0 where there is no split."""
        of_columns = self._booster.get_score(importance_type="total_gain")
        return shares([of_columns.get(f"f{column}", 0.0) for column in range(self._booster.num_features())])

    def save(self, folder: Path) -> None:
        """Write `model.ubj` and `model.json`."""
        self._booster.save_model(folder / "model.ubj")
        (folder / "model.json").write_text(json.dumps({"num_codes": list(self._num_codes)}))


def load(folder: Path) -> XGBoost:
    """Read what `XGBoost.save` wrote."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(folder / "model.ubj")
    return XGBoost(booster, tuple(json.loads((folder / "model.json").read_text())["num_codes"]))


def fit(params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
    """Add trees until validation stops improving, reporting every few."""
    import xgboost

    patience = Patience(limits.patience_steps)
    codes = _num_codes(train)
    rows, judged = _labelled(train, codes), _labelled(valid, codes)
    booster = xgboost.Booster(_settings(params, limits), [rows, judged])
    for round_ in range(limits.boosting_rounds):
        booster.update(rows, round_)
        if is_step(round_ + 1, limits.boosting_rounds):
            patience.update(float(booster.eval_set([(judged, "valid")], round_).rsplit(":", 1)[1]))
            report(patience.best)
            if patience.exhausted:
                break
    rounds = best_rounds(patience.best_step, limits.boosting_rounds)
    return Fitted(XGBoost(booster[:rounds], codes), patience.best, rounds)


def refit(params: Params, train: Examples, limits: Limits, length: float) -> XGBoost:
    """Fit a known number of trees on all rows."""
    import xgboost

    codes = _num_codes(train)
    return XGBoost(xgboost.train(_settings(params, limits), _labelled(train, codes), int(length)), codes)


def _settings(params: Params, limits: Limits) -> dict[str, Any]:
    return {
        "objective": "multi:softprob",
        "eval_metric": "mlogloss",
        "num_class": limits.num_classes,
        "tree_method": "hist",
        "device": "cuda" if limits.use_gpu else "cpu",
        "nthread": limits.num_threads,
        "seed": limits.seed,
        "max_depth": int(params["max_depth"]),
        "learning_rate": float(params["learning_rate"]),
        "min_child_weight": float(params["min_child_weight"]),
        "subsample": float(params["subsample"]),
        "reg_lambda": float(params["reg_lambda"]),
    }


def _num_codes(train: Examples) -> tuple[int, ...]:
    return tuple(int(code) for code in train.features.categories.max(axis=0, initial=0) + 1)


def _labelled(examples: Examples, num_codes: tuple[int, ...]) -> Any:
    rows = _matrix(examples.features, examples.head, num_codes)
    rows.set_label(examples.labels)
    return rows


def _matrix(features: Features, head: np.ndarray | None, num_codes: tuple[int, ...]) -> Any:
    import xgboost

    codes = features.categories.astype(np.float32)
    # XGBoost refuses a category that training did not hold: to the trees it is missing.
    codes[(features.categories <= UNSEEN) | (features.categories >= np.asarray(num_codes, dtype=np.int32))] = np.nan
    columns = head_columns(head)
    rows = np.hstack([columns, features.numbers, codes])
    types = ["q"] * (columns.shape[1] + features.numbers.shape[1]) + ["c"] * codes.shape[1]
    return xgboost.DMatrix(rows, base_margin=columns, feature_types=types, enable_categorical=True)
