"""The issue types: which object has which problem, and the team that owns it. It knows no phrase and no frequency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tickets.schema import TAXONOMY, VALUE_SETS


@dataclass(frozen=True, slots=True)
class Issue:
    """One cause of tickets."""

    object: str
    """Key of `Bank.objects`."""
    problem: str
    """Key of `Bank.problems`."""
    owner: str
    """Subcategory of the team that owns it."""
    rival: str
    """Subcategory, in another category, that a second team files it under where the type is a shared one."""
    urgency: int
    """0 can wait, 1 ordinary, 2 pressing; triage knows it."""

    @property
    def name(self) -> str:
        """The pair that tells this type from every other."""
        return f"{self.object}-{self.problem}"


def _issues(*rows: tuple[str, str, str, int]) -> tuple[Issue, ...]:
    """Issue types; a row is `object-problem`, owner, rival, urgency."""
    issues = []
    for name, owner, rival, urgency in rows:
        thing, problem = name.split("-")
        issues.append(Issue(thing, problem, owner, rival, urgency))
    return tuple(issues)


ISSUES: Final[tuple[Issue, ...]] = (
    *_issues(  # Account Management
        ("role-stuck", "Access Control", "Authorization", 1),
        ("dashboard-denied", "Access Control", "Authorization", 1),
        ("report-denied", "Access Control", "Configuration", 1),
        ("report-exposed", "Access Control", "Vulnerability", 2),
        ("role-unclear", "Access Control", "Documentation", 0),
        ("invoice-wrong", "Billing", "Validation", 1),
        ("invoice-twice", "Billing", "Sync Error", 1),
        ("invoice-undelivered", "Billing", "Integration", 0),
        ("invoice-audit", "Billing", "Compliance", 0),
        ("plan-twice", "Billing", "Bug", 1),
        ("license-expired", "License", "Authentication", 2),
        ("license-denied", "License", "Authentication", 2),
        ("license-missing", "License", "Data Loss", 1),
        ("license-wish", "License", "Enhancement", 0),
        ("plan-stuck", "Subscription", "Configuration", 0),
        ("plan-expired", "Subscription", "Authorization", 1),
        ("plan-wrong", "Subscription", "Validation", 0),
        ("plan-wish", "Subscription", "New Feature", 0),
        ("upgrade-fails", "Upgrade", "Bug", 2),
        ("upgrade-unclear", "Upgrade", "Documentation", 0),
        ("upgrade-undelivered", "Upgrade", "Integration", 1),
        ("license-update", "Upgrade", "Compatibility", 1),
    ),
    *_issues(  # Data Issue
        ("backup-garbled", "Corruption", "Encryption", 2),
        ("export-garbled", "Corruption", "Compatibility", 1),
        ("record-garbled", "Corruption", "Bug", 1),
        ("backup-missing", "Data Loss", "Compliance", 2),
        ("record-missing", "Data Loss", "Bug", 2),
        ("restore-missing", "Data Loss", "Bug", 2),
        ("export-fails", "Import/Export", "Bug", 1),
        ("export-missing", "Import/Export", "Bug", 1),
        ("import-fails", "Import/Export", "Integration", 1),
        ("import-slow", "Import/Export", "Performance", 0),
        ("import-wish", "Import/Export", "Enhancement", 0),
        ("sync-fails", "Sync Error", "Integration", 2),
        ("record-twice", "Sync Error", "Bug", 1),
        ("record-undelivered", "Sync Error", "Integration", 1),
        ("sync-update", "Sync Error", "Compatibility", 2),
        ("import-denied", "Validation", "Authorization", 0),
        ("record-wrong", "Validation", "Billing", 0),
        ("report-wrong", "Validation", "Bug", 1),
        ("record-stuck", "Validation", "Configuration", 0),
    ),
    *_issues(  # Feature Request
        ("endpoint-wish", "API", "Integration", 0),
        ("webhook-wish", "API", "Integration", 0),
        ("token-stuck", "API", "Configuration", 0),
        ("endpoint-unclear", "Documentation", "Integration", 0),
        ("connector-unclear", "Documentation", "Configuration", 0),
        ("job-unclear", "Documentation", "Configuration", 0),
        ("restore-unclear", "Documentation", "Data Loss", 1),
        ("export-wish", "Enhancement", "Import/Export", 0),
        ("report-wish", "Enhancement", "Configuration", 0),
        ("search-slow", "Enhancement", "Performance", 0),
        ("alert-wish", "New Feature", "Configuration", 0),
        ("invoice-wish", "New Feature", "Billing", 0),
        ("backup-wish", "New Feature", "Configuration", 0),
        ("dashboard-layout", "UI/UX", "Bug", 0),
        ("report-layout", "UI/UX", "Compatibility", 0),
        ("login-layout", "UI/UX", "Authentication", 0),
        ("dashboard-stuck", "UI/UX", "Configuration", 0),
    ),
    *_issues(  # Security
        ("login-denied", "Authentication", "Access Control", 2),
        ("login-slow", "Authentication", "Performance", 1),
        ("login-wish", "Authentication", "New Feature", 0),
        ("sso-fails", "Authentication", "Integration", 2),
        ("mail-undelivered", "Authentication", "Access Control", 1),
        ("role-wrong", "Authorization", "Access Control", 1),
        ("role-update", "Authorization", "Access Control", 1),
        ("token-denied", "Authorization", "Integration", 1),
        ("endpoint-denied", "Authorization", "Integration", 1),
        ("auditlog-missing", "Compliance", "Data Loss", 1),
        ("auditlog-audit", "Compliance", "Documentation", 0),
        ("backup-audit", "Compliance", "Documentation", 0),
        ("record-audit", "Compliance", "Validation", 1),
        ("certificate-expired", "Encryption", "Configuration", 2),
        ("key-expired", "Encryption", "License", 1),
        ("export-plain", "Encryption", "Import/Export", 1),
        ("backup-plain", "Encryption", "Configuration", 1),
        ("token-exposed", "Vulnerability", "API", 2),
        ("record-exposed", "Vulnerability", "Access Control", 2),
        ("invoice-exposed", "Vulnerability", "Billing", 2),
        ("dashboard-exposed", "Vulnerability", "Access Control", 1),
    ),
    *_issues(  # Technical Issue
        ("dashboard-wrong", "Bug", "Validation", 1),
        ("job-fails", "Bug", "Import/Export", 2),
        ("report-fails", "Bug", "Import/Export", 1),
        ("search-missing", "Bug", "Data Loss", 1),
        ("search-layout", "Bug", "UI/UX", 0),
        ("alert-twice", "Bug", "Sync Error", 0),
        ("connector-update", "Compatibility", "Upgrade", 1),
        ("dashboard-update", "Compatibility", "UI/UX", 1),
        ("endpoint-update", "Compatibility", "API", 2),
        ("job-stuck", "Configuration", "Enhancement", 0),
        ("alert-stuck", "Configuration", "Enhancement", 0),
        ("sso-stuck", "Configuration", "Authentication", 1),
        ("webhook-plain", "Configuration", "Encryption", 1),
        ("webhook-undelivered", "Integration", "Sync Error", 1),
        ("webhook-twice", "Integration", "Sync Error", 0),
        ("webhook-garbled", "Integration", "Corruption", 1),
        ("connector-fails", "Integration", "Sync Error", 2),
        ("dashboard-slow", "Performance", "Enhancement", 1),
        ("report-slow", "Performance", "Import/Export", 0),
        ("endpoint-slow", "Performance", "API", 1),
        ("sync-slow", "Performance", "Sync Error", 1),
    ),
)
"""Every issue type. Each object and each problem occurs in several, mostly in several categories."""

CATEGORIES: Final[tuple[str, ...]] = VALUE_SETS["category"]
SUBCATEGORIES: Final[tuple[str, ...]] = VALUE_SETS["subcategory"]
CATEGORY_OF: Final[Mapping[str, str]] = MappingProxyType({sub: cat for cat, subs in TAXONOMY.items() for sub in subs})
"""Subcategory → its category."""

SUDDEN: Final = frozenset({"denied", "expired", "fails", "missing", "slow", "undelivered", "update"})
"""Problems that can befall many customers in one hour, and that a machine can notice."""

MODULES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "alert": ("monitoring", "event_handler"),
        "auditlog": ("monitoring", "data_aggregator"),
        "backup": ("backup_service", "compression_engine"),
        "certificate": ("encryption_layer", "request_router"),
        "connector": ("api_connector", "sync_engine"),
        "dashboard": ("visualization", "data_aggregator"),
        "endpoint": ("request_router", "rate_limiter"),
        "export": ("export_module", "compression_engine"),
        "import": ("data_validator", "batch_processor"),
        "invoice": ("report_builder", "export_module"),
        "job": ("scheduler", "batch_processor"),
        "key": ("encryption_layer", "auth_service"),
        "license": ("auth_service", "rate_limiter"),
        "login": ("auth_service", "cache_layer"),
        "mail": ("event_handler", "auth_service"),
        "plan": ("rate_limiter", "scheduler"),
        "record": ("data_validator", "data_aggregator"),
        "report": ("report_builder", "visualization"),
        "restore": ("restore_module", "backup_service"),
        "role": ("auth_service", "request_router"),
        "search": ("cache_layer", "data_aggregator"),
        "sso": ("auth_service", "api_connector"),
        "sync": ("sync_engine", "cache_layer"),
        "token": ("api_connector", "auth_service"),
        "upgrade": ("error_handler", "scheduler"),
        "webhook": ("event_handler", "api_connector"),
    }
)
"""Object → modules that a customer may name for it; most modules belong to several objects."""
