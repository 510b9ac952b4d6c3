"""Every setting of the platform as frozen, documented models. It knows no Ray, no torch, no storage."""

from tickets.config.base import Config
from tickets.config.data import (
    DataConfig,
    FieldConfig,
    FileSplit,
    RandomSplit,
    RedisConfig,
    SimulateConfig,
    SourceConfig,
    StorageConfig,
    TimeSplit,
)
from tickets.config.root import TicketsConfig
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
    "AuditConfig",
    "Config",
    "DataConfig",
    "DecideConfig",
    "EncoderConfig",
    "FeaturesConfig",
    "FieldConfig",
    "FileSplit",
    "MlflowConfig",
    "ModelConfig",
    "PredictConfig",
    "PromoteConfig",
    "RandomSplit",
    "RayConfig",
    "RedisConfig",
    "SearchConfig",
    "SimulateConfig",
    "SourceConfig",
    "StorageConfig",
    "SweepConfig",
    "TicketsConfig",
    "TimeSplit",
]
