"""Every setting of the platform as frozen, documented models. It knows no Ray, no torch, no storage."""

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
from tickets.config.root import TicketsConfig
from tickets.config.serve import PolicyConfig, ServeConfig
from tickets.config.source import CommentsConfig, FieldConfig, FileSplit, RandomSplit, SourceConfig, TimeSplit
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

__all__ = [
    "AnalyticsConfig",
    "AnomalyConfig",
    "AuditConfig",
    "BenchmarkConfig",
    "CardConfig",
    "CleaningConfig",
    "CommentsConfig",
    "CompareConfig",
    "Config",
    "DataConfig",
    "DecideConfig",
    "EncoderConfig",
    "FeaturesConfig",
    "FieldConfig",
    "FileSplit",
    "FinetuneConfig",
    "MlflowConfig",
    "ModelConfig",
    "PolicyConfig",
    "PredictConfig",
    "PromoteConfig",
    "QualityConfig",
    "QuarantineConfig",
    "RandomSplit",
    "RayConfig",
    "RedisConfig",
    "RetrievalConfig",
    "SearchConfig",
    "ServeConfig",
    "SimulateConfig",
    "SnapshotsConfig",
    "SourceConfig",
    "StorageConfig",
    "SweepConfig",
    "TicketsConfig",
    "TimeSplit",
]
