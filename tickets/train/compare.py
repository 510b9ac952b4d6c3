"""Releases side by side: per target their figures on the same rows, and how far each surely is from the best.

It does not know where releases come from (`entrants.py`), how rows are answered (`paired.py`), or pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean, stdev
from typing import Any

import numpy as np

from tickets.config import CompareConfig
from tickets.decide.contest import HIGHER_IS_BETTER, Difference, Drawn, draw
from tickets.decide.draws import FEWEST_GROUPS
from tickets.decide.metrics import score
from tickets.errors import ConfigError, RefusedError, ReleaseError
from tickets.features.state import join_text
from tickets.models.labels import MISSING, OUTSIDE, Labels, label_values
from tickets.release import Release, open_release
from tickets.storage import Storage
from tickets.text import fingerprint
from tickets.train.comparison import SHOWN, BucketComparison, Entrant, Row, Spread, TargetTable
from tickets.train.entrants import Setting, tell_apart
from tickets.train.paired import Given, PairedRows


def compare_releases(
    storage: Storage, releases: Sequence[Release], config: CompareConfig, connect: Callable[[], object]
) -> list[BucketComparison]:
    """Compare releases, bucket by bucket.

    Args:
        storage: The root.
        releases: Two or more, of any buckets.
        config: Baseline, deciding figure, confidence.
        connect: Starts or joins Ray; called where a release has to answer anew.

    Raises:
        ConfigError: The baseline is none of the releases.
        ReleaseError: A file of a release that has to answer is missing or was changed.
    """
    by_bucket: dict[str, list[Release]] = {}
    for release in releases:
        by_bucket.setdefault(release.manifest.bucket, []).append(release)
    baselines = {bucket: _baseline(storage, bucket, of, config) for bucket, of in by_bucket.items()}
    if config.baseline != "best" and not any(baselines.values()):
        allowed = ", ".join(release.id for release in releases)
        raise ConfigError(f"compare.baseline={config.baseline}: not among what is compared; allowed: best, {allowed}")
    return [_compare(storage, bucket, of, baselines[bucket], config, connect) for bucket, of in by_bucket.items()]


def _baseline(storage: Storage, bucket: str, releases: Sequence[Release], config: CompareConfig) -> str | None:
    """The id of the named baseline; None where it is the best, or is not in this bucket."""
    named = config.baseline
    if named in ("champion", "latest"):
        try:
            named = open_release(storage, bucket, named).id
        except ReleaseError:
            return None
    return named if any(release.id == named for release in releases) else None


def _compare(
    storage: Storage,
    bucket: str,
    releases: Sequence[Release],
    baseline: str | None,
    config: CompareConfig,
    connect: Callable[[], object],
) -> BucketComparison:
    settings = tell_apart(releases)
    num_named = Counter(map(str, settings))
    entrants = tuple(
        _entrant(release, setting, num_named[str(setting)] == 1)
        for release, setting in zip(releases, settings, strict=True)
    )
    targets = dict.fromkeys(target for release in releases for target in release.manifest.targets)
    unpaired = None
    try:
        rows = PairedRows.of(storage, releases)
    except RefusedError as refused:
        unpaired, tables = refused.message, [_own_table(target, releases, config.metric) for target in targets]
    else:
        answers, groups = rows.answers(connect), _groups(rows)
        contests = [_contest(target, rows, groups, answers) for target in targets]
        tables = [contest.judge(baseline, config) for contest in contests]
    spreads = [spread for target in targets for spread in _spreads(target, releases, entrants)]
    return BucketComparison(bucket, config.metric, config.confidence, unpaired, entrants, tuple(tables), tuple(spreads))


def _entrant(release: Release, setting: Setting, is_alone: bool) -> Entrant:
    manifest = release.manifest
    return Entrant(
        release.id,
        str(setting) if is_alone else f"{setting} {release.id}".lstrip(),
        _joined(setting.values),
        _joined(setting.seeds),
        manifest.config["decide"]["automate_precision"],
        manifest.parts["model"].num_bytes,
    )


def _joined(values: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())


def _groups(rows: PairedRows) -> np.ndarray:
    """The number of each row's text, int64 [n]; a row without a text has its own."""
    names = rows.releases[-1].manifest.config["features"]["text"]
    texts = join_text(rows.table, [name for name in names if name in rows.table.column_names])
    prints = [fingerprint(text) if text.strip() else f"row {row}" for row, text in enumerate(texts)]
    numbers: np.ndarray = np.unique(prints, return_inverse=True)[1]
    return numbers


@dataclass(frozen=True)
class _Contest:
    """The releases that have a target, on its n labelled rows.

    Attributes:
        target: Its name.
        ids: r releases.
        names: The labels of all of them.
        codes: int64 [n], columns of the true labels.
        known: bool [n], rows whose label every release has.
        groups: int64 [n], number of each row's text.
        probabilities: r of float64 [n, k], columns in the order of `names`.
        automated: r of bool [n].
    """

    target: str
    ids: list[str]
    names: tuple[str, ...]
    codes: np.ndarray
    known: np.ndarray
    groups: np.ndarray
    probabilities: list[np.ndarray]
    automated: list[np.ndarray]

    def judge(self, named: str | None, config: CompareConfig) -> TargetTable:
        """Figures, and differences from the named baseline or from the best."""
        if not len(self.codes):
            return TargetTable(self.target, 0, 0, 0, None, 0, ())
        num_groups = int(self.groups.max()) + 1
        drawn = draw(self.probabilities, self.codes, self.known, self.groups, config.resamples)
        order = _order(drawn.figures[config.metric], config.metric)
        baseline = self.ids.index(named) if named in self.ids else order[0]
        pairs = list(combinations(range(len(self.ids)), 2))
        if named in self.ids:  # else any pair could have come out: the best was picked by these rows
            pairs = [pair for pair in pairs if baseline in pair]
        differences = {name: drawn.differences(name, pairs, baseline, config.confidence) for name in HIGHER_IS_BETTER}
        rows = []
        for at in order:
            own = {name: of[at] for name, of in differences.items() if at in of}
            verdict = "baseline" if at == baseline else _verdict(own.get(config.metric), config.metric, num_groups)
            rows.append(Row(self.ids[at], self._figures(at, drawn, config.confidence), own, verdict))
        counts = len(self.codes), num_groups, int(self.known.sum())
        return TargetTable(self.target, *counts, self.ids[baseline], len(pairs), tuple(rows))

    def _figures(self, at: int, drawn: Drawn, confidence: float) -> dict[str, Any]:
        scores = score(self.probabilities[at], self.codes, self.names, self.automated[at], confidence)
        nll = drawn.figures["nll"][at]
        return {**_shown(scores), "nll": float(nll) if np.isfinite(nll) else None}


def _contest(target: str, rows: PairedRows, groups: np.ndarray, answers: Mapping[str, Mapping[str, Given]]) -> _Contest:
    """Answers of different closed lists, with columns by name."""
    lists = {of.id: of.manifest.targets[target] for of in rows.releases if target in of.manifest.targets}
    union = Labels(tuple(sorted({name for names in lists.values() for name in names})))
    every = label_values(rows.table, target)
    labelled = np.flatnonzero(union.encode(every) > MISSING)
    values = [every[row] for row in labelled]
    given = {id_: answers[id_][target] for id_ in lists}
    return _Contest(
        target,
        list(lists),
        union.names,
        union.encode(values),
        np.all([Labels(tuple(names)).encode(values) > OUTSIDE for names in lists.values()], axis=0),
        np.unique(groups[labelled], return_inverse=True)[1],
        [_aligned(given[id_].probabilities[labelled], names, union) for id_, names in lists.items()],
        [given[id_].automated[labelled] for id_ in lists],
    )


def _own_table(target: str, releases: Sequence[Release], metric: str) -> TargetTable:
    """What each release scored on its own test rows when it was made."""
    figures = _own_figures(target, releases)
    ids = list(figures)
    order = _order([_number(figures[id_][metric]) for id_ in ids], metric)
    rows = tuple(Row(ids[at], figures[ids[at]], {}, "") for at in order)
    return TargetTable(target, None, None, None, None, 0, rows)


def _own_figures(target: str, releases: Sequence[Release]) -> dict[str, dict[str, Any]]:
    tests = {release.id: release.manifest.metrics["test"] for release in releases}
    return {id_: _shown(test[target]) for id_, test in tests.items() if target in test}


def _aligned(probabilities: np.ndarray, names: Sequence[str], union: Labels) -> np.ndarray:
    """Columns by name in the order of all labels; zeros for a label that the release does not have."""
    columns = np.zeros((len(probabilities), len(union)))
    columns[:, union.encode(names)] = probabilities
    return columns


def _shown(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {name: scores[name] for name in SHOWN}


def _order(values: Sequence[float | None] | np.ndarray, metric: str) -> list[int]:
    """Indices, the best first; what has no figure last."""
    known = [-np.inf if value is None or not np.isfinite(value) else value for value in values]
    signed = [value if HIGHER_IS_BETTER[metric] or value == -np.inf else -value for value in known]
    return sorted(range(len(signed)), key=lambda at: -signed[at])


def _verdict(difference: Difference | None, metric: str, num_groups: int) -> str:
    if difference is None or difference.joint_low <= 0 <= difference.joint_high or num_groups < FEWEST_GROUPS:
        return "not told apart"
    return "better" if (difference.joint_low > 0) is HIGHER_IS_BETTER[metric] else "worse"


def _spreads(target: str, releases: Sequence[Release], entrants: Sequence[Entrant]) -> list[Spread]:
    """Mean and spread of settings that stand there with more than one seed."""
    figures = _own_figures(target, releases)
    groups: dict[str, dict[str, Mapping[str, Any]]] = {}
    for entrant in entrants:
        if entrant.release in figures and entrant.seeds:
            groups.setdefault(entrant.setting, {})[entrant.seeds] = figures[entrant.release]
    several = {setting: list(runs.values()) for setting, runs in groups.items() if len(runs) > 1}
    return [
        Spread(target, setting or "all", len(runs), {name: _spread(name, runs) for name in HIGHER_IS_BETTER})
        for setting, runs in several.items()
    ]


def _spread(name: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    values = [value for run in runs if (value := _number(run[name])) is not None]
    if len(values) < 2:
        return {}
    return {"mean": mean(values), "sd": stdev(values), "low": min(values), "high": max(values)}


def _number(figure: Any) -> float | None:
    value: float | None = figure["value"] if isinstance(figure, Mapping) else figure
    return value
