"""The one error tree. It does not know exit codes (`jobs/_entry.py`) or HTTP codes (`serve_app/`).

    TicketsError
    ├── ConfigError        a key, value or type that the configuration does not allow
    │   └── StageError     a feature was asked for before its value can be known
    ├── SourceError        an export that cannot be found or read at all
    │   └── DamagedFileError  one file of it holds nothing that can be read
    ├── StorageError       bytes that are not where, or what, they should be
    │   └── ConflictError  another writer moved the pointer first
    ├── FieldError         a value of one ticket that does not fit its field
    ├── ModelError         a model cannot be fitted or used on what it was given
    ├── ReleaseError       a release that is missing, changed, or of an unknown format
    ├── OnlineStoreError   the online store cannot be reached or refused a command
    └── RefusedError       a gate said no (for example a promotion); nothing was changed

Every error carries one message that names the value given and what was allowed, and survives pickling.
"""

from __future__ import annotations


class TicketsError(Exception):
    """Base of every error that `tickets` raises on purpose.

    Args:
        message: One line that names the value given and the values allowed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(TicketsError):
    """A key, value or type that the configuration does not allow."""


class SourceError(TicketsError):
    """An export that cannot be found or read at all (a bad row goes to quarantine instead)."""


class DamagedFileError(SourceError):
    """A file of an export that is there, and that nothing can be read from because of what it holds."""


class StorageError(TicketsError):
    """Bytes that are not where, or what, they should be."""


class ConflictError(StorageError):
    """A conditional write lost: somebody else changed the object first."""


class StageError(ConfigError):
    """A feature was asked for before its value can be known."""


class FieldError(TicketsError):
    """A value of one ticket that does not fit its field.

    Args:
        field: Name of the field.
        message: One line that names the value given and what is allowed.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.args = (field, message)  # so that the error survives pickling
        self.field = field


class ModelError(TicketsError):
    """A model cannot be fitted or used on what it was given."""


class ReleaseError(TicketsError):
    """A release that is missing, was changed, or has an unknown format."""


class OnlineStoreError(TicketsError):
    """The online store cannot be reached, or refused a command."""


class RefusedError(TicketsError):
    """A gate said no; nothing was changed."""
