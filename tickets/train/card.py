"""The model card of a release, made of what is stored: its model, its test rows, what its run saw. Kept beside it.

It does not know what a card measures or how it looks (`tickets.card`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from tickets.card.card import Subject, build_card
from tickets.card.judged import Tickets
from tickets.card.page import build_page
from tickets.cleaning import build_cleaner
from tickets.config import CardConfig
from tickets.features.state import join_text
from tickets.page import render
from tickets.page.markdown import render_markdown
from tickets.release import Release
from tickets.snapshots import Snapshot, load_snapshot, read_columns, read_table
from tickets.storage import Storage
from tickets.train.index import splits_of
from tickets.train.notes import load_notes
from tickets.train.split import SPLITS, TEST
from tickets.train.vectors import EncoderRef, encode_texts

_MAX_FILES: Final = 50


def make_card(storage: Storage, release: Release, config: CardConfig) -> dict[str, Any]:
    """Measure a release on its test rows. Needs a running Ray where their vectors are not kept.

    Returns:
        The card, as `tickets.card.card.build_card` documents.

    Raises:
        ReleaseError: A file of the release is missing or was changed.
        StorageError: The snapshot that it was made from is gone.
    """
    model, manifest = release.load_model(), release.manifest
    offline = load_snapshot(storage, f"{manifest.bucket}/offline", manifest.data["offline"])
    wanted = {*model.state.selection.columns, *manifest.targets, "ticket_id", "created_at", "language", *config.slices}
    table = read_table(storage, offline, [name for name in read_columns(storage, offline) if name in wanted])
    splits = splits_of(storage, release, table)
    test = model.complete(table.filter(pa.array(splits == TEST)))
    encoder = EncoderRef.of(release)
    texts = join_text(test, model.state.selection.text)
    vectors = encode_texts(storage, encoder.vectors_name(manifest.bucket), encoder, texts)
    subject = Subject(
        manifest,
        model,
        storage.fetch(manifest.parts["model"].key),
        release.load_encoder().encode,
        Tickets(test, vectors),
        _cleaning_of(release),
        load_notes(storage, manifest.bucket, manifest.trained_by),
        _lineage(storage, release, offline, table, splits),
    )
    return build_card(subject, config)


def save_card(storage: Storage, release: Release, card: dict[str, Any]) -> dict[str, str]:
    """Write a card beside its release as JSON, HTML and Markdown; an earlier one is replaced.

    Returns:
        What was written → its key.
    """
    page = build_page(card)
    keys = {name: release.card_key(form) for name, form in _FORMS.items()}
    storage.write_json(keys["card"], card)
    storage.write_bytes(keys["card page"], render(page))
    storage.write_bytes(keys["card text"], render_markdown(page).encode())
    return keys


_FORMS: Final = {"card": "json", "card page": "html", "card text": "md"}


def _cleaning_of(release: Release) -> Any:
    """What ingestion and service do to the values of a field before a model sees them."""
    config = release.load_cleaning()
    cleaner = build_cleaner(config)

    def clean(name: str, values: list[str | None]) -> list[str | None]:
        if not cleaner.kinds or name not in config.fields:
            return values
        cleaned: list[str | None] = cleaner.clean_column(pa.array(values, pa.string())).texts.to_pylist()
        return cleaned

    return clean


def _lineage(
    storage: Storage, release: Release, offline: Snapshot, table: pa.Table, splits: np.ndarray
) -> dict[str, Any]:
    """Source, snapshots, files, and how the rows were cut."""
    data, bucket = release.manifest.data, release.manifest.bucket
    bronze = load_snapshot(storage, f"{bucket}/bronze", offline.meta["bronze"])
    files = [
        {name: of[name] for name in ("name", "rows_in", "quarantine", "fingerprint")} for of in bronze.meta["files"]
    ]
    times = np.array(table["created_at"].to_pylist(), dtype=object)
    return {
        "source": release.manifest.config["source"]["name"],
        "offline": offline.id,
        "digest": offline.digest,
        "bronze": bronze.id,
        "files": files[:_MAX_FILES],
        "num_files": len(files),
        "num_tickets": table.num_rows,
        "split": data["split"],
        "split_note": data["split_note"],
        "rows": {name: int((splits == name).sum()) for name in SPLITS},
        "spans": {name: _span([time for time in times[splits == name] if time is not None]) for name in SPLITS},
    }


def _span(times: list[Any]) -> list[str | None]:
    """The first and the last moment, ISO 8601; None where there is none."""
    return [min(times).isoformat(), max(times).isoformat()] if times else [None, None]
