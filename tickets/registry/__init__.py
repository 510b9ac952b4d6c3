"""Mirrors sweeps and releases to MLflow, its only home: a tracking server or a database.

`tracker.py` says what is told, `mirror.py` writes it to MLflow, in the shapes of `requests.py` and, for trials, behind
the back of the sweep (`background.py`); `model.py` writes a release as a model that MLflow loads through `loader.py`.
It does not know how models are trained or where a release's bytes live. Nothing here is a source of truth: the pointer
in storage names the champion, and a job that loses its mirror loses a view of its work, not the work.
"""

from tickets.registry.facts import ReleaseFacts, facts_of
from tickets.registry.mirror import MlflowTracker, build_tracker
from tickets.registry.tracker import SWEEP_TAG, NullTracker, TrackedRun, Tracker, track

__all__ = [
    "SWEEP_TAG",
    "MlflowTracker",
    "NullTracker",
    "ReleaseFacts",
    "TrackedRun",
    "Tracker",
    "build_tracker",
    "facts_of",
    "track",
]
