"""A small model, judged: what every part of a card looks at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tickets.card.judged import Judged, Tickets, judge_all
from tickets.models.triage import TriageModel

NUM_TRAIN = 200


@pytest.fixture(scope="session")
def tickets(table: pa.Table, vectors: np.ndarray) -> Tickets:
    """The 100 tickets that no model was fitted on, a third of a day apart."""
    test = table.slice(NUM_TRAIN)
    first = datetime(2026, 1, 10, tzinfo=UTC)
    times = pa.array([first + timedelta(hours=8 * row) for row in range(test.num_rows)], pa.timestamp("us", "UTC"))
    test = test.set_column(test.column_names.index("created_at"), "created_at", times)
    return Tickets(test, vectors[NUM_TRAIN:])


@pytest.fixture(scope="session")
def judged(triage_model: TriageModel, tickets: Tickets) -> Judged:
    """The answers for `category`."""
    return judge_all(triage_model, tickets)[0]
