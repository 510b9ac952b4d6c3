"""Eight past tickets in five languages, three topics and three-dimensional vectors, indexed once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tickets.config.retrieval import RetrievalConfig
from tickets.retrieval.corpus import Corpus

TEXTS = (
    "Cannot log in, the password reset mail to anna@firma.de never arrives",
    "Login fails with ORA-00942 since the update",
    "Anmeldung nicht möglich, Passwort vergessen",
    "同步失败，数据丢失",
    "Invoice shows the wrong amount",
    "La factura muestra un importe incorrecto",
    "请重新发送发票",
    "Invoice shows the  wrong AMOUNT",
)
LABELS = ("login", "login", "login", "sync", "billing", "billing", "billing", "billing")
RESOLUTIONS = (
    "Reset the mail address, call +49 171 1234567",
    "Granted the table",
    None,
    "Replayed the log",
    "Recalculated",
    "Recalculated",
    "Sent again",
    None,
)
CODES = ("CONFIG", "PATCH", None, "REPAIR", "REPAIR", "REPAIR", "WORKAROUND", "DUPLICATE")
HELPFUL = (True, False, None, True, True, None, None, True)
SCORES = (1.0, None, 5.0, None, None, 5.0, 3.0, None)


def unit(*values: float) -> np.ndarray:
    """A float32 vector of length 1."""
    vector = np.array(values, dtype=np.float32)
    return vector / np.float32(np.linalg.norm(vector))


@pytest.fixture(scope="session")
def past() -> pa.Table:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return pa.table(
        {
            "ticket_id": [f"T{row}" for row in range(8)],
            "created_at": pa.array([start + timedelta(days=row) for row in range(8)], pa.timestamp("ms", tz="UTC")),
            "product": ["API", "API", "Web", None, "Web", "Web", "API", "Web"],
            "language": ["en", "en", "de", "zh", "en", "es", "zh", "en"],
            "category": LABELS,
            "resolution": RESOLUTIONS,
            "resolution_code": CODES,
            "resolution_helpful": HELPFUL,
            "satisfaction_score": SCORES,
        }
    )


@pytest.fixture(scope="session")
def past_vectors() -> np.ndarray:
    """float32 [8, 3]: the first axis is login, the second sync, the third billing."""
    leans = [(1, 0.1, 0), (1, 0, 0.2), (1, 0.3, 0), (0, 1, 0), (0, 0, 1), (0, 0.1, 1), (0.1, 0, 1), (0, 0, 1)]
    return np.stack([unit(*lean) for lean in leans])


@pytest.fixture(scope="session")
def corpus(past: pa.Table, past_vectors: np.ndarray) -> Corpus:
    return Corpus.build(past, TEXTS, past_vectors, {"category": LABELS}, RetrievalConfig())


@pytest.fixture(scope="session")
def empty_corpus(past: pa.Table, past_vectors: np.ndarray) -> Corpus:
    return Corpus.build(past.slice(0, 0), (), past_vectors[:0], {"category": ()}, RetrievalConfig())
