"""The ticket contract: every field with its kind, the stage at which its value is known, and its closed values.

It does not know where tickets come from (`data/sources.py`) or what a model makes of a field (`features/`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa


class Stage(StrEnum):
    """When in a ticket's life a value is known for good."""

    CREATION = "creation"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"

    def known_at(self, asked: Stage) -> bool:
        """Whether a value of this stage may be used by a model that predicts at the stage `asked`."""
        order = list(Stage)
        return order.index(self) <= order.index(asked)


class Kind(StrEnum):
    """What a field's values are; decides its Arrow type and how a model may read it."""

    ID = "id"
    TEXT = "text"
    CATEGORICAL = "categorical"
    NUMBER = "number"
    FLAG = "flag"
    LIST = "list"
    TIME = "time"

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of a column of this kind; times are UTC with milliseconds."""
        return _ARROW_TYPES[self]


_ARROW_TYPES: Final = MappingProxyType(
    {
        Kind.ID: pa.string(),
        Kind.TEXT: pa.string(),
        Kind.CATEGORICAL: pa.string(),
        Kind.NUMBER: pa.float64(),
        Kind.FLAG: pa.bool_(),
        Kind.LIST: pa.list_(pa.string()),
        Kind.TIME: pa.timestamp("ms", tz="UTC"),
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a ticket: its name, what its values are, and when they are known."""

    name: str
    kind: Kind
    stage: Stage


def _fields(stage: Stage, **kinds: str) -> tuple[Field, ...]:
    return tuple(Field(name, Kind(kind), stage) for name, kind in kinds.items())


FIELDS: Final[tuple[Field, ...]] = (
    *_fields(
        Stage.CREATION,
        ticket_id="id",
        tenant="categorical",
        created_at="time",
        customer_id="id",
        customer_tier="categorical",
        organization_id="id",
        product="categorical",
        product_version="categorical",
        product_module="categorical",
        channel="categorical",
        subject="text",
        description="text",
        error_logs="text",
        stack_trace="text",
        previous_tickets="number",
        environment="categorical",
        account_age_days="number",
        account_monthly_value="number",
        similar_issues_last_30_days="number",
        product_version_age_days="number",
        ticket_text_length="number",
        attachments_count="number",
        contains_error_code="flag",
        contains_stack_trace="flag",
        business_impact="categorical",
        affected_users="number",
        weekend_ticket="flag",
        after_hours="flag",
        language="categorical",
        region="categorical",
    ),
    # What triage and the first hands add: a person's or a model's reading, so never an input at creation.
    *_fields(
        Stage.IN_PROGRESS,
        category="categorical",
        subcategory="categorical",
        priority="categorical",
        severity="categorical",
        customer_sentiment="categorical",
        agent_id="id",
        agent_experience_months="number",
        agent_specialization="categorical",
        known_issue="flag",
        auto_suggested_solutions="list",
    ),
    # Counts and lists that grow until the end stand here too: an export holds only their last value.
    *_fields(
        Stage.CLOSED,
        updated_at="time",
        resolution="text",
        resolution_code="categorical",
        resolved_at="time",
        resolution_time_hours="number",
        resolution_attempts="number",
        agent_actions="list",
        escalated="flag",
        escalation_reason="categorical",
        transferred_count="number",
        satisfaction_score="number",
        feedback_text="text",
        resolution_helpful="flag",
        tags="list",
        related_tickets="list",
        kb_articles_viewed="list",
        kb_articles_helpful="list",
        bug_report_filed="flag",
        resolution_template_used="categorical",
        auto_suggestion_accepted="flag",
        response_count="number",
    ),
)
"""The 60 fields of the contract and `tenant`."""

MADE_ID: Final = r"^made-[0-9a-f]{20}$"
"""What an id looks like that `made_id` makes; its digits may look like a card's."""
BY_NAME: Final[Mapping[str, Field]] = MappingProxyType({field.name: field for field in FIELDS})


VALUE_SETS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "customer_tier": ("enterprise", "free", "premium", "professional", "starter"),
        "product": (
            "API Gateway",
            "Analytics Dashboard",
            "CloudBackup Enterprise",
            "DataSync Pro",
            "StreamProcessor",
        ),
        "product_module": (
            "api_connector",
            "auth_service",
            "backup_service",
            "batch_processor",
            "cache_layer",
            "compression_engine",
            "data_aggregator",
            "data_validator",
            "encryption_layer",
            "error_handler",
            "event_handler",
            "export_module",
            "monitoring",
            "rate_limiter",
            "report_builder",
            "request_router",
            "restore_module",
            "scheduler",
            "sync_engine",
            "visualization",
        ),
        "category": ("Account Management", "Data Issue", "Feature Request", "Security", "Technical Issue"),
        "subcategory": (
            "API",
            "Access Control",
            "Authentication",
            "Authorization",
            "Billing",
            "Bug",
            "Compatibility",
            "Compliance",
            "Configuration",
            "Corruption",
            "Data Loss",
            "Documentation",
            "Encryption",
            "Enhancement",
            "Import/Export",
            "Integration",
            "License",
            "New Feature",
            "Performance",
            "Subscription",
            "Sync Error",
            "UI/UX",
            "Upgrade",
            "Validation",
            "Vulnerability",
        ),
        "priority": ("critical", "high", "low", "medium"),
        "severity": ("P0", "P1", "P2", "P3", "P4"),
        "channel": ("api", "chat", "email", "phone", "portal", "slack"),
        "customer_sentiment": ("angry", "confused", "frustrated", "grateful", "neutral", "satisfied"),
        "resolution_code": (
            "BUG_FIX",
            "CONFIG_CHANGE",
            "DATA_REPAIR",
            "DUPLICATE",
            "ENVIRONMENT_ISSUE",
            "ESCALATED",
            "FEATURE_ADDED",
            "PATCH_APPLIED",
            "RESTART_REQUIRED",
            "USER_EDUCATION",
            "WONT_FIX",
            "WORKAROUND",
        ),
        "agent_specialization": ("api", "database", "enterprise", "general", "performance", "security"),
        "escalation_reason": (
            "Complex technical issue requiring specialist",
            "Customer requested escalation",
            "High priority customer",
            "Multiple failed resolution attempts",
            "SLA breach risk",
        ),
        "environment": ("development", "production", "sandbox", "staging", "test"),
        "business_impact": ("critical", "high", "low", "medium"),
        "language": ("de", "en", "es", "fr", "it", "ja", "pt", "zh"),
        "region": ("APAC", "EU", "LATAM", "MEA", "NA"),
        "satisfaction_score": (1, 2, 3, 4, 5),
        "attachments_count": (0, 1, 2, 3, 4, 5),
    }
)
"""The closed value sets, by field. A value outside is marked on its row, never refused."""

TAXONOMY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Account Management": ("Access Control", "Billing", "License", "Subscription", "Upgrade"),
        "Data Issue": ("Corruption", "Data Loss", "Import/Export", "Sync Error", "Validation"),
        "Feature Request": ("API", "Documentation", "Enhancement", "New Feature", "UI/UX"),
        "Security": ("Authentication", "Authorization", "Compliance", "Encryption", "Vulnerability"),
        "Technical Issue": ("Bug", "Compatibility", "Configuration", "Integration", "Performance"),
    }
)
"""The subcategories that each category allows."""


ANSWER_COLUMNS: Final = ("ticket_id", "text", "release", "source_file", "source_row", "refused", "original")
"""What a table of answers has of each ticket, beside what it has of each target."""

TARGET_SUFFIXES: Final = ("confidence", "decision", "reason", "top", "probabilities", "true")
"""What it has of a target `T` beside its label in the column `T`: a column `T_confidence`, and so on."""

SYSTEM_COLUMNS: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {
        "extra": pa.string(),  # the columns nobody declared, as one JSON object
        "marks": pa.list_(pa.string()),  # what was odd about the row but did not stop it
        "originals": pa.string(),  # texts as they were before they were cleaned, by field, as one JSON object
        "given_split": pa.string(),  # train, validation or test where the source's files say so
        "source_file": pa.string(),
        "source_row": pa.int64(),  # position in that file, from 0
        "content_hash": pa.string(),  # 128 bits of the SHA-256 of the row as the file has it, hexadecimal
        "sequence": pa.float64(),  # the source's own order of versions, where it is mapped
        "valid_from": pa.timestamp("ms", tz="UTC"),  # since when the ticket was so: its update, else its creation
        "ingested_at": pa.timestamp("ms", tz="UTC"),  # when the file was read
    }
)
"""What ingestion adds to every ticket."""


def made_id(file_name: str, position: int, content: str) -> str:
    """The id of a ticket that has none of its own: the same row of the same file gets the same again.

    Args:
        file_name: Name of the file it comes from.
        position: Its place in that file.
        content: Its `content_hash`.
    """
    return "made-" + hashlib.sha256(f"{file_name}\n{position}\n{content}".encode()).hexdigest()[:20]


def arrow_schema(own_fields: Iterable[Field] = ()) -> pa.Schema:
    """The columns of a ticket table: the contract, an organisation's own fields, then the system's.

    Args:
        own_fields: Fields that a source declares beside the contract.

    Returns:
        A schema in which every column is nullable; `ticket_id` is filled in every row that ingestion writes.
    """
    fields = [*FIELDS, *own_fields]
    columns = [pa.field(field.name, field.kind.arrow_type) for field in fields]
    return pa.schema([*columns, *(pa.field(name, kind) for name, kind in SYSTEM_COLUMNS.items())])
