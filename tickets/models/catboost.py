"""CatBoost over the head's answers, fields, the text itself and its sentence vector; boosting starts from the head.

Text becomes naive Bayes scores of its words, the vector the votes of its nearest neighbours, and a category with many
values the frequencies of the classes among its rows: each from the rows before it in a random order, so that no row
reads its own label. Prokhorenkova et al., NeurIPS 2018.

What a round costs grows with classes times columns, and each of these three adds a column per class. So with many
classes there is no text and no vector, categories are compared value by value, and a level looks at some columns.
On a GPU there is neither of both: CatBoost's training on vectors fails there (its issues 2591, 2894), that on text did
in one version (2657). What text and vector say then comes through the head alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from tickets.features.state import Features
from tickets.models.family import Classifier, Examples, Fitted, Limits, Params, Patience, Report, nll, softmax
from tickets.models.trees import MANY_CLASSES, HeadAlone, Pace, head_columns, head_logs, shares

NEEDS_HEAD: Final = True
USES_GPU: Final = True
_MOST_STATISTICS: Final = 1_000  # category columns times classes squared, to which their cost is in proportion
_MOST_VALUES: Final = 255  # that are compared one by one; a GPU takes no more
_COLUMNS_PER_LEVEL: Final = 32
_GPU_MEMORY: Final = 0.9  # of its share; CatBoost takes it at once, and by default nearly all of the GPU
_TEXT: Final = {
    "tokenizers": [
        {
            "tokenizer_id": "words",
            "separator_type": "BySense",
            "lowercasing": "True",
            "token_types": ["Word", "Number"],
        }
    ],
    "dictionaries": [{"dictionary_id": "words", "max_dictionary_size": "20000", "occurrence_lower_bound": "2"}],
    "feature_processing": {
        "default": [{"tokenizers_names": ["words"], "dictionaries_names": ["words"], "feature_calcers": ["NaiveBayes"]}]
    },
}
_NEIGHBOURS: Final = ["KNN:k=5"]


@dataclass(frozen=True)
class Native:
    """What CatBoost reads by itself, beside numbers and categories.

    Attributes:
        text: The text.
        vector: The sentence vector.
    """

    text: bool
    vector: bool


class CatBoost:
    """A fitted booster.

    It keeps the bytes that the fit gave. Once read, from a file or by another process, CatBoost (1.2) writes
    dictionaries of text anew, in a form that crashes whoever reads them (its issue 2826).

    Args:
        blob: A fitted `catboost.CatBoost`, as `_blob` or its file has it.
        num_classes: k, of which the training rows may not have held all.
        classes: int [c], the classes that they held.
        native: Columns that it reads.
        trees: How many of its trees count, the first ones. Cutting off the others (`shrink`) would break columns of
            text and vectors of which those alone read a part (CatBoost 1.2).
    """

    def __init__(self, blob: bytes, num_classes: int, classes: np.ndarray, native: Native, trees: int) -> None:
        import catboost

        self._blob = blob
        self._model = catboost.CatBoost().load_model(blob=blob)
        self._num_classes = num_classes
        self._classes = classes
        self._native = native
        self._trees = trees

    def __reduce__(self) -> tuple[Any, ...]:
        """How it goes from process to process: by the same bytes."""
        return CatBoost, (self._blob, self._num_classes, self._classes, self._native, self._trees)

    def predict(self, features: Features, head: np.ndarray | None = None) -> np.ndarray:
        """Probabilities, float64 [n, k]."""
        rows = _pool(features, head, self._native)
        raw = self._model.predict(rows, prediction_type="RawFormulaVal", ntree_end=self._trees, thread_count=1)
        probabilities = np.zeros((len(features), self._num_classes))
        probabilities[:, self._classes] = softmax(raw + head_logs(head)[:, self._classes])
        return probabilities

    def gains(self) -> np.ndarray:
        """How much each column changes the answers, float64 [k + j + numbers + categories], in this order.

        To the text head's columns, the first ones, counts what it reads of text and vector by itself. Sums to 1, or is
        0 where no column matters.
        """
        gains = shares(self._model.get_feature_importance(type="PredictionValuesChange"))
        num_columns = len(gains) - self._native.text - self._native.vector
        gains[0] += gains[num_columns:].sum()
        return gains[:num_columns]

    def save(self, folder: Path) -> None:
        """Write `model.cbm` and `model.json`."""
        (folder / "model.cbm").write_bytes(self._blob)
        spec = {"trees": self._trees, "num_classes": self._num_classes, "classes": self._classes.tolist()}
        spec |= asdict(self._native)
        (folder / "model.json").write_text(json.dumps(spec))


def load(folder: Path) -> Classifier:
    """Read what the classifier saved."""
    spec = json.loads((folder / "model.json").read_text())
    if not spec["trees"]:
        return HeadAlone(spec["num_classes"])
    native = Native(spec["text"], spec["vector"])
    blob = (folder / "model.cbm").read_bytes()
    return CatBoost(blob, spec["num_classes"], np.asarray(spec["classes"]), native, spec["trees"])


def fit(params: Params, train: Examples, valid: Examples, limits: Limits, report: Report) -> Fitted:
    """Add trees to the text head until validation stops improving, reporting every few."""
    native, classes, alone = _native(params, limits), np.unique(train.labels), HeadAlone(limits.num_classes)
    judged = valid.take(np.isin(valid.labels, classes))
    start = nll(alone.predict(judged.features, judged.head), judged.labels)
    watch = _Watch(Pace.of(limits), Patience(limits.patience_steps, start), report)
    lessons = _lessons(train, native)
    if not _varies(lessons.features, lessons.head, native):
        report(start)
        return Fitted(alone, start, 0)
    model = _booster(params, limits, watch.pace.limit, lessons)
    # CatBoost knows neither callbacks nor training that goes on on a GPU: there it stops by itself, and the same curve
    # is reported at the end.
    patience_rounds = watch.pace.every * limits.patience_steps
    watching = {"early_stopping_rounds": patience_rounds} if limits.use_gpu else {"callbacks": [watch]}
    model.fit(_start(lessons, classes, native), eval_set=_start(judged, classes, native), **watching)
    if watch.raised is not None:
        raise watch.raised
    if limits.use_gpu:
        for num_rounds, loss in enumerate(model.get_evals_result()["validation"]["MultiClass"], 1):
            watch.note(num_rounds, loss)
    rounds = watch.pace.rounds_at(watch.patience.best_step)
    if not rounds:
        return Fitted(alone, watch.patience.best, 0)
    fitted = CatBoost(_blob(model), limits.num_classes, classes, native, min(rounds, model.tree_count_))
    return Fitted(fitted, watch.patience.best, rounds)


def refit(params: Params, train: Examples, limits: Limits, length: float) -> Classifier:
    """Fit a known number of trees on all rows."""
    if not length:
        return HeadAlone(limits.num_classes)
    native, classes = _native(params, limits), np.unique(train.labels)
    lessons = _lessons(train, native)
    model = _booster(params, limits, int(length), lessons)
    model.fit(_start(lessons, classes, native))
    return CatBoost(_blob(model), limits.num_classes, classes, native, model.tree_count_)


class _Watch:
    """CatBoost's callback: reports every step, and ends the fit when patience is out."""

    def __init__(self, pace: Pace, patience: Patience, report: Report) -> None:
        self.pace = pace
        self.patience = patience
        self.raised: BaseException | None = None
        self._report = report

    def after_iteration(self, info: Any) -> bool:
        try:
            self.note(info.iteration, info.metrics["validation"]["MultiClass"][-1])
        except BaseException as error:  # noqa: BLE001 - CatBoost would replace it by an error of its own
            self.raised = error
        return self.raised is None and not self.patience.exhausted

    def note(self, num_rounds: int, loss: float) -> None:
        if self.pace.is_step(num_rounds):
            self.patience.update(loss)
            self._report(self.patience.best)


def _blob(model: Any) -> bytes:
    """A model that was just fitted, in CatBoost's own format."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path))
        return path.read_bytes()


def _native(params: Params, limits: Limits) -> Native:
    able = limits.num_classes <= MANY_CLASSES and not limits.use_gpu
    return Native(able and bool(params["text"]), able and bool(params["vector"]))


def _lessons(train: Examples, native: Native) -> Examples:
    """Rows to learn from. One that stands there twice would be found by its text, with its own label, so it is taken
    once: without its fields."""
    if train.has_copy is None or not (native.text or native.vector):
        return train
    return train.take(~train.has_copy)


def _varies(features: Features, head: np.ndarray | None, native: Native) -> bool:
    """Whether there is anything to split on; CatBoost refuses to fit where no column has two values."""
    if native.text or native.vector:
        return True
    columns = np.hstack([head_columns(head), features.numbers, features.categories])
    return bool(_varying(columns).any())


def _varying(columns: np.ndarray) -> np.ndarray:
    """Whether each column has two values, of which missing is one; bool [columns]."""
    filled = np.where(np.isnan(columns), np.float32(np.inf), columns)
    found: np.ndarray = (filled != filled[:1]).any(axis=0)
    return found


def _booster(params: Params, limits: Limits, rounds: int, lessons: Examples) -> Any:
    import catboost

    return catboost.CatBoost(
        {
            "loss_function": "MultiClass",
            "iterations": rounds,
            "depth": int(params["depth"]),
            "learning_rate": float(params["learning_rate"]),
            "l2_leaf_reg": float(params["l2_leaf_reg"]),
            "bootstrap_type": "Bernoulli",
            "subsample": float(params["subsample"]),
            "random_seed": limits.seed,
            "thread_count": limits.num_threads,
            **({"task_type": "GPU", "gpu_ram_part": _GPU_MEMORY * limits.gpu_share} if limits.use_gpu else {}),
            "boosting_type": "Plain",
            "text_processing": _TEXT,
            "embedding_calcers": _NEIGHBOURS,
            "use_best_model": False,
            "allow_writing_files": False,
            "verbose": False,
            **_thrift(limits, lessons),
        }
    )


def _thrift(limits: Limits, lessons: Examples) -> dict[str, Any]:
    """Settings that keep a round affordable with many classes."""
    num_categories = lessons.features.categories.shape[1]
    settings: dict[str, Any] = {"max_ctr_complexity": 1}
    if num_categories * limits.num_classes**2 > _MOST_STATISTICS:
        counts = ["FeatureFreq" if limits.use_gpu else "Counter"]
        settings |= {"one_hot_max_size": _MOST_VALUES, "simple_ctr": counts, "combinations_ctr": counts}
    if limits.num_classes > MANY_CLASSES and not limits.use_gpu:  # a GPU draws no columns
        num_columns = num_categories + _varying(np.hstack([head_columns(lessons.head), lessons.features.numbers])).sum()
        settings["rsm"] = min(_COLUMNS_PER_LEVEL / max(num_columns, 1), 1.0)
    return settings


def _start(examples: Examples, classes: np.ndarray, native: Native) -> Any:
    """Labelled rows; each starts from what the text head says of the classes at hand."""
    start = head_logs(examples.head)[:, classes]
    known = {"label": examples.labels, "weight": examples.weights, "baseline": start}
    return _pool(examples.features, examples.head, native, **known)


def _pool(features: Features, head: np.ndarray | None, native: Native, **known: np.ndarray | None) -> Any:
    """Rows of k + numbers + categories columns, behind which stand the text and the vector, where they are read."""
    from catboost import FeaturesData, Pool

    numbers = np.hstack([head_columns(head), features.numbers])
    if not (native.text or native.vector):  # object cells would make a Python float of each number
        codes = features.categories.astype(np.bytes_).astype(object)
        return Pool(FeaturesData(numbers, codes), thread_count=1, **known)
    at = numbers.shape[1]
    text = at + features.categories.shape[1]
    vector = text + native.text
    cells = np.empty((len(features), vector + native.vector), dtype=object)
    cells[:, :at] = numbers
    cells[:, at:text] = features.categories
    if native.text:
        cells[:, text] = features.texts
    if native.vector:
        for row, values in enumerate(features.vectors.copy()):  # CatBoost takes no array that is locked
            cells[row, vector] = values
    return Pool(
        cells,
        cat_features=list(range(at, text)),
        text_features=[text] if native.text else None,
        embedding_features=[vector] if native.vector else None,
        thread_count=1,
        **known,
    )
