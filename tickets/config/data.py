"""Settings of storage, tables, the online store and the simulator. It does not know how any of them work."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from tickets.config.base import Config, Count, Fraction, PositiveInt


def default_root() -> str:
    """`$XDG_DATA_HOME/tickets`, or `~/.local/share/tickets` where that variable is not set."""
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return str(Path(data_home) / "tickets")


class StorageConfig(Config):
    """Where everything is kept."""

    root: str = Field(default_factory=default_root)
    """Absolute folder (or `file://` URI), or `s3://bucket/prefix`, under which every job writes; also set by
    `TICKETS_ROOT`. Of an S3 root, logs, databases and drafts stay on the machine, below `$XDG_STATE_HOME/tickets`."""
    shared: bool = False
    """The root is a file system that every node of the cluster mounts. Without it a local root with more
    than one node is refused, because a worker would write to a disk that nobody else reads."""
    endpoint_url: str | None = None
    """Address of an S3 service other than Amazon's; also `AWS_ENDPOINT_URL`."""
    region: str | None = None
    """Region of the bucket; also `AWS_DEFAULT_REGION`."""
    access_key_id: SecretStr | None = None
    """Key of the S3 service; also `AWS_ACCESS_KEY_ID`. Unset: profile or role, as every AWS tool finds them."""
    secret_access_key: SecretStr | None = None
    """Its secret; also `AWS_SECRET_ACCESS_KEY`. Never logged or saved. On a cluster that runs already the nodes need
    their own, by environment or role."""

    @property
    def environment(self) -> dict[str, str]:
        """What S3 clients look for, where it is configured here."""
        key, secret = (of and of.get_secret_value() for of in (self.access_key_id, self.secret_access_key))
        given = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
        }
        return {name: value for name, value in given.items() if value}

    @field_validator("endpoint_url")
    @classmethod
    def _without_login(cls, endpoint_url: str | None) -> str | None:
        if endpoint_url is not None and "@" in urlsplit(endpoint_url).netloc:
            raise ValueError("allowed: an address without a login; keys have settings of their own")
        return endpoint_url

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str) -> str:
        url = urlsplit(root)
        if url.scheme == "s3" and url.netloc and not (url.query or url.fragment or "@" in url.netloc):
            return root.rstrip("/")
        path = Path(url.path if url.scheme == "file" else root).expanduser()
        if url.scheme not in ("", "file") or not path.is_absolute():
            raise ValueError("allowed: an absolute path, file:///an/absolute/path, or s3://bucket/prefix")
        return str(path)


class DataConfig(Config):
    """Which data a job works on."""

    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    """Folder under the root that holds one organisation's data, runs and releases; the source's name if unset."""
    raw_file: str | None = None
    """Another file, folder or glob to read with the source's mapping, in place of `source.path`. A relative
    path is looked for in the bucket first, then in the folder where the command runs."""
    mask_quarantine: bool = False
    """Mask personal data and secrets in the rows that are refused; repairing them is then up to who has the export."""
    rebuild: bool = False
    """Forget what was ingested before and read the files anew. Without it new and changed files are added; what came
    from files that are gone stays."""
    online_rows: Count = 10_000
    """How many of the latest tickets go to the online store."""
    batch_rows: PositiveInt = 2_000
    """Rows that are read and written together; bounds the memory of ingestion."""


class RedisConfig(Config):
    """The online store: a real Redis with JSON where `host` is set, else a server of our own beside the root."""

    host: str | None = None
    """Host of a Redis 8 (or Redis Stack) server; also `REDIS_HOST`. Unset: the embedded server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 6379
    """Port of that server; also `REDIS_PORT`."""
    db: Count = 0
    """Database number; also `REDIS_DB`."""
    username: str | None = None
    """User of that server; also `REDIS_USERNAME`."""
    password: SecretStr | None = None
    """Password of that server; also `REDIS_PASSWORD`. Never logged or saved."""
    tls: bool = False
    """Connect through TLS and verify the server's certificate."""
    ttl_s: PositiveInt = 7 * 24 * 3600
    """Seconds after which a published ticket expires."""
    pipeline_rows: PositiveInt = 500
    """Documents sent in one round trip."""


class QuarantineConfig(Config):
    """The rows that were refused."""

    export: str | None = None
    """File that `jobs/quarantine.py` writes: a JSON line per row with its id, place, reason and content, to be
    repaired."""
    repaired: str | None = None
    """File of JSON lines that it reads: `quarantine_id`, and `row`, the repaired row as the source would have it. Rows
    that can now be used leave the quarantine."""
    expire_days: PositiveInt | None = None
    """Days after which an ingestion empties what refused rows held; place and reason stay. Unset: never, or after 30
    days where `data.mask_quarantine` says that they hold what must not stay."""


class SnapshotsConfig(Config):
    """The versions of the bucket's tables."""

    prune: bool = False
    """Delete what nobody needs any more; else it is only listed."""
    keep: PositiveInt = 5
    """Versions of each table that stay, the newest ones; what readers see and what a release was made from stays."""
    older_than_h: Annotated[float, Field(ge=0.0)] = 24.0
    """Hours that a file must be old before it is deleted; a job that runs now has written younger ones."""


class SimulateConfig(Config):
    """The generator of tickets with planted, documented truth (`docs/simulator.md`)."""

    rows: PositiveInt = 5_000
    """Tickets to write."""
    unseen: Count = 3
    """Later tickets, open and without labels, written to a file of their own to try predictions on."""
    seed: int = 7
    """The same seed and settings write the same bytes."""
    start: date = date(2025, 1, 6)
    """First day of the simulated history."""
    days: PositiveInt = 180
    """Length of the simulated history."""
    label_noise: Fraction = 0.02
    """Probability that a triage label was set to a wrong class, uniform over the others."""
    ambiguity: Fraction = 0.2
    """Share of issue types whose category two teams share, so that no model can be sure."""
    other_languages: Fraction = 0.15
    """Share of tickets that are not in English."""
    incidents: Count = 6
    """Planted incidents: bursts of tickets about one cause, with a known start and end."""
