"""CatBoost over fields and the text head's probabilities, from which boosting starts.

Prokhorenkova et al., NeurIPS 2018.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from tickets.features.state import Features
from tickets.models.family import Examples, Fitted, Limits, Params, Patience, Report, softmax
from tickets.models.trees import best_rounds, head_columns, is_step, shares

NEEDS_HEAD: Final = True
USES_GPU: Final = True


class CatBoost:
    """A fitted booster.

    Args:
        model: `catboost.CatBoostClassifier`.
        num_classes: k, of which the training rows may not have held all.
        classes: int [c], the classes that they held.
    """

    def __init__(self, model: Any, num_classes: int, classes: np.ndarray) -> None:
        self._model = model
        self._num_classes = num_classes
        self._classes = classes

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        raw = self._model.predict(_data(features, head), prediction_type="RawFormulaVal", thread_count=1)
        probabilities = np.zeros((len(features), self._num_classes))
        probabilities[:, self._classes] = softmax(raw + head_columns(head)[:, self._classes])
        return probabilities

    def gains(self) -> np.ndarray:
        """How much each column changes the answers, float64 [c + numbers + categories], in this order, the text
        head's columns first; sums to 1, or is 0 where there is no tree."""
        return shares(self._model.get_feature_importance(type="PredictionValuesChange"))

    def save(self, folder: Path) -> None:
        """Write `model.cbm` and `model.json`."""
        self._model.save_model(str(folder / "model.cbm"))
        spec = {"num_classes": self._num_classes, "classes": self._classes.tolist()}
        (folder / "model.json").write_text(json.dumps(spec))


def load(folder: Path) -> CatBoost:
    """Read what `CatBoost.save` wrote."""
    from catboost import CatBoostClassifier

    spec = json.loads((folder / "model.json").read_text())
    model = CatBoostClassifier().load_model(str(folder / "model.cbm"))
    return CatBoost(model, spec["num_classes"], np.asarray(spec["classes"]))


def fit(params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
    """Add trees until validation stops improving, reporting every few."""
    watch = _Watch(limits, report)
    classes = np.unique(train.labels)
    model = _booster(params, limits, limits.boosting_rounds)
    # CatBoost knows callbacks on the CPU alone; on a GPU the same curve is reported at the end.
    callbacks = None if limits.use_gpu else [watch]
    judged = valid.take(np.isin(valid.labels, classes))
    model.fit(_pool(train, classes), eval_set=_pool(judged, classes), callbacks=callbacks, use_best_model=False)
    if watch.raised is not None:
        raise watch.raised
    if limits.use_gpu:
        for num_rounds, loss in enumerate(model.get_evals_result()["validation"]["MultiClass"], 1):
            watch.note(num_rounds, loss)
    rounds = best_rounds(watch.patience.best_step, limits.boosting_rounds)
    model.shrink(ntree_end=min(rounds, model.tree_count_))
    return Fitted(CatBoost(model, limits.num_classes, classes), watch.patience.best, rounds)


def refit(params: Params, train: Examples, limits: Limits, length: float) -> CatBoost:
    """Fit a known number of trees on all rows."""
    classes = np.unique(train.labels)
    model = _booster(params, limits, int(length))
    model.fit(_pool(train, classes))
    return CatBoost(model, limits.num_classes, classes)


class _Watch:
    """CatBoost's callback: reports every step, and ends the fit when patience is out."""

    def __init__(self, limits: Limits, report: Report) -> None:
        self.patience = Patience(limits.patience_steps)
        self.raised: BaseException | None = None
        self._limit = limits.boosting_rounds
        self._report = report

    def after_iteration(self, info: Any) -> bool:
        try:
            self.note(info.iteration, info.metrics["validation"]["MultiClass"][-1])
        except BaseException as error:  # noqa: BLE001 - CatBoost would replace it by an error of its own
            self.raised = error
        return self.raised is None and not self.patience.exhausted

    def note(self, num_rounds: int, loss: float) -> None:
        if is_step(num_rounds, self._limit):
            self.patience.update(loss)
            self._report(self.patience.best)


def _booster(params: Params, limits: Limits, rounds: int) -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        loss_function="MultiClass",
        iterations=rounds,
        depth=int(params["depth"]),
        learning_rate=float(params["learning_rate"]),
        l2_leaf_reg=float(params["l2_leaf_reg"]),
        random_seed=limits.seed,
        thread_count=limits.num_threads,
        task_type="GPU" if limits.use_gpu else "CPU",
        boosting_type="Plain",
        max_ctr_complexity=1,
        allow_writing_files=False,
        verbose=False,
    )


def _pool(examples: Examples, classes: np.ndarray) -> Any:
    """Labelled rows; each starts from what the text head says of the classes at hand."""
    from catboost import Pool

    start = head_columns(examples.head)[:, classes]
    return Pool(_data(examples.features, examples.head), label=examples.labels, baseline=start)


def _data(features: Features, head: np.ndarray | None) -> Any:
    from catboost import FeaturesData

    numbers = np.hstack([head_columns(head), features.numbers]).astype(np.float32)
    codes = features.categories.astype(str).astype("S").astype(object)
    return FeaturesData(num_feature_data=numbers, cat_feature_data=codes if codes.shape[1] else None)
