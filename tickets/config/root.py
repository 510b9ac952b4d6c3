"""The whole configuration of every job: one model with one section per concern."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tickets.config.analytics import AnalyticsConfig
from tickets.config.anomaly import AnomalyConfig
from tickets.config.base import Config
from tickets.config.benchmark import BenchmarkConfig
from tickets.config.card import CardConfig
from tickets.config.cleaning import CleaningConfig
from tickets.config.compare import CompareConfig
from tickets.config.data import (
    DataConfig,
    QuarantineConfig,
    RedisConfig,
    SimulateConfig,
    SnapshotsConfig,
    StorageConfig,
)
from tickets.config.finetune import FinetuneConfig
from tickets.config.quality import QualityConfig
from tickets.config.retrieval import RetrievalConfig
from tickets.config.serve import ServeConfig
from tickets.config.source import SourceConfig
from tickets.config.train import (
    AuditConfig,
    DecideConfig,
    EncoderConfig,
    FeaturesConfig,
    MlflowConfig,
    ModelConfig,
    PredictConfig,
    PromoteConfig,
    RayConfig,
    SearchConfig,
    SweepConfig,
)
from tickets.schema import BY_NAME

# A target need not be declared as a field.
_MAY_NAME_TARGETS = ("source.fields", "source.values", "audit.targets", "card.slices")


class TicketsConfig(Config):
    """All settings; a job reads the sections that concern it."""

    storage: StorageConfig = Field(default_factory=StorageConfig)
    """Where everything is kept."""
    data: DataConfig = DataConfig()
    """Which data a job works on."""
    source: SourceConfig
    """How an export maps onto the ticket contract (Hydra group `source`)."""
    redis: RedisConfig = RedisConfig()
    """The online store."""
    cleaning: CleaningConfig = CleaningConfig()
    """What is taken out of texts."""
    quality: QualityConfig = QualityConfig()
    """What is checked on tickets, and what follows."""
    analytics: AnalyticsConfig = AnalyticsConfig()
    """What the analytics report groups by and measures against."""
    quarantine: QuarantineConfig = QuarantineConfig()
    """The rows that were refused."""
    snapshots: SnapshotsConfig = SnapshotsConfig()
    """The versions of the tables."""
    simulate: SimulateConfig = SimulateConfig()
    """The ticket generator."""
    encoder: EncoderConfig = EncoderConfig()
    """The sentence encoder (Hydra group `encoder`)."""
    features: FeaturesConfig = FeaturesConfig()
    """What models see of a ticket."""
    model: ModelConfig = ModelConfig()
    """Which families compete (Hydra group `model`)."""
    search: SearchConfig = SearchConfig()
    """What each family searches over (Hydra group `search`)."""
    sweep: SweepConfig = SweepConfig()
    """How each family's search runs (Hydra group `sweep`)."""
    finetune: FinetuneConfig = FinetuneConfig()
    """The encoder, trained further on the swept targets."""
    decide: DecideConfig = DecideConfig()
    """When a label may be acted on."""
    retrieval: RetrievalConfig = RetrievalConfig()
    """Past tickets: which are kept, how they are searched and ranked."""
    anomaly: AnomalyConfig = AnomalyConfig()
    """What is usual, and what is not."""
    serve: ServeConfig = ServeConfig()
    """The Serve graph (Hydra group `serve`)."""
    benchmark: BenchmarkConfig = BenchmarkConfig()
    """What `jobs/benchmark.py` measures."""
    audit: AuditConfig = AuditConfig()
    """The look at the targets before any sweep."""
    card: CardConfig = CardConfig()
    """What the model card of a release looks at."""
    predict: PredictConfig = PredictConfig()
    """Scoring a file."""
    promote: PromoteConfig = PromoteConfig()
    """Moving the champion."""
    compare: CompareConfig = CompareConfig()
    """Putting releases side by side."""
    mlflow: MlflowConfig = MlflowConfig()
    """Where runs and versions are mirrored."""
    ray: RayConfig = RayConfig()
    """The Ray process that a job starts."""
    resume: str | None = None
    """Training run to take up: its id, or `latest` for the last one that was cut off; its finished trials count."""
    release: str = "champion"
    """Release that a job uses: `champion`, `latest`, or a release id."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe line that is shown."""

    @property
    def bucket(self) -> str:
        """The folder under the root that this run works in."""
        return self.data.bucket or self.source.name

    @model_validator(mode="after")
    def _names_exist(self) -> TicketsConfig:
        known = [*BY_NAME, *self.source.own_fields]
        asked = {
            "features.text": self.features.text,
            "features.logs": self.features.logs,
            "features.fields": self.features.fields or (),
            "audit.targets": self.audit.targets or (),
            "source.fields": tuple(self.source.fields),
            "source.values": tuple(self.source.values),
            "cleaning.fields": self.cleaning.fields,
            "card.slices": self.card.slices,
        }
        for key, names in asked.items():
            for name in names:
                if name not in known and not (key in _MAY_NAME_TARGETS and name in self.source.targets):
                    raise ValueError(
                        f"{key}: {name!r} is no field; allowed: a field of the contract or of source.own_fields"
                    )
        targets = self.source.targets
        for name in self.model.sweep_targets or ():
            if name not in targets:
                raise ValueError(f"model.sweep_targets: {name!r} is no target; allowed: {', '.join(targets)}")
        return self
