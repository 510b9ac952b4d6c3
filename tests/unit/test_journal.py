from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tickets.events import Checked, Event, Predicted, Promoted, Published, Saved, Trained, made
from tickets.journal import Journal, read_events
from tickets.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def test_events_are_kept_with_the_run_that_caused_them(storage: Storage) -> None:
    for run in ("r1", "r2"):
        journal = Journal(storage, "acme", run)
        journal.add(Saved(what="page", uri=f"/{run}"))
        journal.add(Checked(what="quality", passed=False, figures={"unreadable": 3}))
        journal.flush()
        journal.flush()
    found = list(read_events(storage, "acme"))
    assert [(event.run_id, type(event).__name__) for event in found] == [
        ("r1", "Saved"),
        ("r1", "Checked"),
        ("r2", "Saved"),
        ("r2", "Checked"),
    ]
    (day,) = storage.list_keys("acme/events")
    assert len(storage.list_keys(f"acme/events/{day}")) == 2
    assert list(read_events(storage, "acme", "19990101")) == []


def test_many_events_are_written_in_batches(storage: Storage) -> None:
    journal = Journal(storage, "acme", "run")
    for number in range(450):
        journal.add(Saved(what=f"file {number}", uri="/x"))
    assert len(list(read_events(storage, "acme"))) == 400
    journal.flush()
    assert [event.what for event in read_events(storage, "acme") if isinstance(event, Saved)] == [
        f"file {number}" for number in range(450)
    ]


def test_what_a_full_disk_refuses_waits(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(storage, "acme", "run")
    journal.add(Saved(what="a", uri="/a"))

    def fail(self: Storage, key: str, content: bytes, private: bool = False) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(Storage, "write_bytes", fail)
        journal.flush()
    journal.flush()
    assert len(list(read_events(storage, "acme"))) == 1


def test_a_report_says_what_the_events_made() -> None:
    events: list[Event] = [
        Saved(what="page", uri="/page"),
        Published(what="offline", uri="/old", rows=1),
        Published(what="offline", uri="/new", rows=2),
        Checked(what="quality", passed=True),
        Trained(release="r", uri="/r", role="champion"),
        Promoted(release="r", uri="/c", before=None, why="first"),
        Predicted(release="r", uri="/p", rows=7),
    ]
    assert made(events) == {
        "page": "/page",
        "offline": "/new (2 rows)",
        "release": "/r (champion)",
        "champion": "/c",
        "predictions": "/p (7 tickets)",
    }


def test_an_event_has_no_other_fields() -> None:
    with pytest.raises(ValidationError):
        Saved(what="x", uri="/x", note="y")  # type: ignore[call-arg]
