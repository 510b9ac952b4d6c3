"""Settings of storage, sources, the online store and the simulator. It does not know how any of them work."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from tickets.config.base import Config, Count, Fraction, PositiveInt
from tickets.schema import BY_NAME, Kind, Stage
from tickets.times import KEYWORDS, check_form, zone_of


def _text_encoding(name: str) -> str:
    try:
        "a".encode(name)
    except (LookupError, UnicodeError):
        raise ValueError(f"{name!r} is no encoding; allowed: one that Python knows, such as utf-8 or cp1252") from None
    return name


Encoding = Annotated[str, AfterValidator(_text_encoding)]
"""The name of a text encoding."""


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


class FieldConfig(Config):
    """A field of the organisation's own, beside the contract."""

    kind: Kind = Kind.CATEGORICAL
    """What its values are: id, text, categorical, number, flag, list or time."""
    stage: Stage = Stage.CLOSED
    """When its value is known; a model that predicts earlier never sees it."""


class TimeSplit(Config):
    """Cut by `created_at`: the oldest rows train, then validation, calibration, and the newest test. Up to a tenth of
    the rows may lack a time; they train."""

    kind: Literal["time"] = "time"
    """Chooses this split."""
    validation: Fraction = 0.1
    """Share of rows on which members are compared."""
    calibration: Fraction = 0.1
    """Share of rows on which probabilities are calibrated and thresholds chosen."""
    test: Fraction = 0.15
    """Share of rows that are scored once."""


class RandomSplit(Config):
    """Cut at random, stratified by the first target, with identical texts on one side."""

    kind: Literal["random"] = "random"
    """Chooses this split."""
    validation: Fraction = 0.1
    """Share of rows on which members are compared."""
    calibration: Fraction = 0.1
    """Share of rows on which probabilities are calibrated and thresholds chosen."""
    test: Fraction = 0.1
    """Share of rows that are scored once."""
    seed: int = 0
    """Another seed gives another cut."""


class FileSplit(Config):
    """The source's own files say what trains and what tests; cuts that no file gives come from the train file."""

    kind: Literal["files"] = "files"
    """Chooses this split."""
    train: str
    """Glob on file names, such as `train*.parquet`."""
    validation: str | None = None
    """Glob on file names; without it a stratified share of the train files is cut."""
    test: str | None = None
    """Glob on file names; without it a stratified share of the train files is cut."""
    validation_share: Fraction = 0.1
    """Share of the train files' rows that is cut where `validation` names no file."""
    calibration_share: Fraction = 0.1
    """Share of the train files' rows on which probabilities are calibrated and thresholds chosen."""
    test_share: Fraction = 0.1
    """Share of the train files' rows that is cut where `test` names no file."""
    seed: int = 0
    """Another seed gives another cut."""


Split = Annotated[TimeSplit | RandomSplit | FileSplit, Field(discriminator="kind")]


class CommentsConfig(Config):
    """A second file with the later turns of tickets: answers and remarks, one per row, joined by the ticket's id."""

    path: str
    """File, folder or glob. A relative path is looked for in the bucket first, then where the command runs."""
    format: Literal["auto", "json", "jsonl", "csv", "parquet"] = "auto"
    """As for the tickets."""
    delimiter: str = ","
    """What parts the columns of a CSV file."""
    encoding: Encoding = "utf-8"
    """As for the tickets."""
    records: str | None = None
    """As for the tickets."""
    ticket_id: str = "ticket_id"
    """Column with the id of the ticket."""
    created_at: str = "created_at"
    """Column with the time of the turn."""
    text: str = "text"
    """Column with what was written, or a template such as `{Title}: {Body}`."""
    author: str | None = None
    """Column with who wrote it."""


class SourceConfig(Config):
    """How an organisation's export maps onto the ticket contract."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Short name; also the bucket where `data.bucket` is not set."""
    path: str | None = None
    """File, folder or glob; `.gz` is unpacked. A relative path is looked for in the bucket first, then in the
    folder where the command runs."""
    format: Literal["auto", "json", "jsonl", "csv", "parquet"] = "auto"
    """`auto` goes by the ending; `json` is an array of objects (one object, or one per line, is read too)."""
    delimiter: str = ","
    """What parts the columns of a CSV file."""
    encoding: Encoding = "utf-8"
    """How CSV and JSON files are written, such as `cp1252`, `latin-1` or `utf-16`. A byte order mark of UTF-8 wins; a
    file with the mark of UTF-16 is refused where another encoding is set."""
    records: str | None = None
    """Key, or keys joined by dots, of the array that holds the rows where JSON wraps them: `tickets` for
    `{"tickets": [...]}`. A file may hold several such objects. Unset: rows are not wrapped."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Contract or own field → column of the file, or a template such as `{Summary}: {Body}`. A contract field
    that is not named here takes the column of its own name, if there is one that nothing else uses."""
    own_fields: dict[str, FieldConfig] = Field(default_factory=dict)
    """Fields beside the contract, with their kind and stage. What nobody declares is kept in `extra`."""
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Field → {value in the file: value to use}."""
    missing: tuple[str, ...] = ("", "?", "N/A", "n/a", "NA", "null", "None", "nan", "NaN")
    """Texts that mean: no value."""
    timestamps: Literal["auto", "iso", "epoch_s", "epoch_ms"] | tuple[str, ...] = "auto"
    """How times are written: one of these, or a form of Python's `strptime` such as `%d/%m/%Y %H:%M`, or a list of
    both, of which the first one that fits counts. `auto` tells apart, value by value, ISO 8601, epoch seconds and
    milliseconds, mail dates (RFC 2822) and `05.01.2024`; it guesses no order of day and month."""
    time_zone: str = "UTC"
    """Zone of times that name none, such as `Europe/Vienna`. An hour that clocks show twice is the first of the two;
    one that they skip counts on from before the change: 02:30 is 03:30 of summer time."""
    value_sets: Literal["contract", "none"] | dict[str, tuple[str, ...]] = "contract"
    """Closed value sets: the contract's own, none, or field → allowed values. A value outside is marked."""
    targets: tuple[str, ...] = ("category",)
    """Fields that the models learn to predict, the most important one first."""
    hierarchy: dict[str, str] = Field(default_factory=dict)
    """Child → parent: `{subcategory: category}` answers no subcategory outside its category where both are targets.
    Chains and several children of one parent are allowed. Which pairs are legal is learned from the training rows; for
    category and subcategory the taxonomy in force (`quality.taxonomy`) decides."""
    comments: CommentsConfig | None = None
    """Later turns, kept in a table of their own with their time, so that none is taken for the first message."""
    events: bool = False
    """The rows are a log: each is a ticket as it was after an event. A ticket is then its last event, with the fields
    of the creation stage as its first event had them. `updated_at` and `sequence` order the events."""
    sequence: str | None = None
    """Column of the file that orders the versions of a ticket where `updated_at` ties, such as a count of changes."""
    truth: str | None = None
    """JSON file whose `ceilings` hold, per target, the best accuracy that any model can reach, where that is known."""
    split: Split | None = None
    """How rows are cut into train, validation, calibration and test. Unset: by time where 99 % of the tickets have
    `created_at` and it tells early ones from late ones, else at random; the audit says which, and why."""

    @model_validator(mode="after")
    def _tree(self) -> SourceConfig:
        for child, parent in self.hierarchy.items():
            for name in (child, parent):
                if name not in {*self.targets, *self.own_fields, *BY_NAME}:
                    raise ValueError(
                        f"hierarchy: {name!r} is no field and no target; targets: {', '.join(self.targets)}"
                    )
            above = [child]
            while above[-1] in self.hierarchy:
                above.append(self.hierarchy[above[-1]])
                if above[-1] in above[:-1]:
                    raise ValueError(f"hierarchy: {' → '.join(above)} is a circle; allowed: chains that end")
        return self

    @field_validator("timestamps", mode="before")
    @classmethod
    def _one_form_or_several(cls, timestamps: Any) -> Any:
        return (timestamps,) if isinstance(timestamps, str) and timestamps not in KEYWORDS else timestamps

    @field_validator("timestamps")
    @classmethod
    def _known_forms(cls, timestamps: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not timestamps:
            raise ValueError("allowed: one form at least")
        for form in () if isinstance(timestamps, str) else timestamps:
            if "%" in form:
                check_form(form)
            elif form not in KEYWORDS:
                raise ValueError(f"{form!r}; allowed: {', '.join(KEYWORDS)}, or a strptime form such as %d/%m/%Y %H:%M")
        return timestamps

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, time_zone: str) -> str:
        zone_of(time_zone)
        return time_zone


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
