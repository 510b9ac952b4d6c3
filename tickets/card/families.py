"""Every family that competed for a target: how good, kept or not, at what cost. It does not know fitted models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tickets.masking import mask_error
from tickets.models.transformer import NAME as FINETUNED

MAX_TRIALS: Final = 200
"""Trials of one family whose curves a card holds."""
_STATUSES: Final = ("finished", "stopped", "failed")


def families(
    target: str,
    chosen: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    fit_s: Mapping[str, float],
    num_bytes: Mapping[str, int],
    cost_ms: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    """Family → what is known of it; None where nothing is.

    Args:
        target: Its name.
        chosen: How the release's model was chosen, as its manifest says.
        trials: All trials of the run.
        fit_s: Family → seconds of the final fit.
        num_bytes: Family → size in the release.
        cost_ms: Family → CPU milliseconds of one answer.

    Returns:
        Per family, the least loss first: `params`, `nll` and `accuracy` on validation rows, `weight` in the pool (0:
        not kept), `why`, `num_trials` by their status, `trial_s` (wall time of all trials), `fit_s`, `num_bytes`,
        `cost_ms`, and in `note` what its figures alone do not tell.
    """
    if tuned := chosen.get("finetune"):
        fit_s = {**fit_s, FINETUNED: tuned["fit_s"]}
        num_bytes = {**num_bytes, **({FINETUNED: tuned["num_bytes"]} if FINETUNED in num_bytes else {})}
    known = sorted(chosen["families"], key=lambda name: float(chosen["families"][name]["nll"]))
    names = dict.fromkeys([*known, *(of["family"] for of in trials if of["target"] == target)])
    found = {}
    for name in names:
        own = [of for of in trials if of["target"] == target and of["family"] == name]
        reached = chosen["families"].get(name, {})
        found[name] = {
            "params": reached.get("params", {}),
            "nll": reached.get("nll"),
            "accuracy": reached.get("accuracy"),
            "weight": chosen["members"].get(name, 0.0),
            "why": _why(name, chosen, own),
            "num_trials": {status: sum(of["status"] == status for of in own) for status in _STATUSES},
            "trial_s": sum(of["seconds"] for of in own) if own else None,
            "fit_s": fit_s.get(name),
            "num_bytes": num_bytes.get(name),
            "cost_ms": cost_ms.get(name),
            "note": _note(target, chosen, trials) if name == FINETUNED else None,
        }
    return found


def curves(target: str, trials: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The trials of a target, those of each family in the order in which they ended, at most `MAX_TRIALS` of each.

    Returns:
        Per trial `family`, `status`, `params`, `seconds`, `ended_s` (since the first fit of the run), `error` (the
        start of its last line, masked), and in `nll` the best validation NLL so far after every step.
    """
    found, kept = [], Counter[str]()
    for trial in trials:
        if trial["target"] == target and kept[trial["family"]] < MAX_TRIALS:
            kept[trial["family"]] += 1
            plain = {name: trial[name] for name in ("family", "status", "params", "seconds", "ended_s")}
            nll = [of["nll"] for of in trial["history"]]
            found.append({**plain, "error": mask_error(trial["error"] or "") or None, "nll": nll})
    return found


def _note(target: str, chosen: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> str:
    """That the fine-tune is shared, what int8 costs it, and on which target its settings were searched."""
    told = []
    if tuned := chosen.get("finetune"):
        told.append(
            f"{FINETUNED}: one network for all swept targets, whose fit and size are counted once; it answers in "
            f"{tuned['precision']}. On validation tickets int8 changes accuracy by "
            f"{-100 * tuned['int8_cost'][target]:+.2f} points."
        )
    if searched := sorted({of["target"] for of in trials if of["family"] == FINETUNED}):
        told.append(f"Trials of {FINETUNED} are of {', '.join(searched)} alone; their best settings train the network.")
    return " ".join(told)


def _why(name: str, chosen: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> str:
    """In a clause, why a family stands in the release or does not."""
    known, members, best = chosen["families"], chosen["members"], chosen["best"]
    if name not in known:
        ends = {of["status"] for of in trials}
        if "finished" in ends:
            return "its settings were found, but the fit with them failed"
        return "every trial failed" if ends == {"failed"} else "no trial came to its end"
    if len(known) == 1:
        return "the only one that was tried"
    if name in members:
        return "part of a pool that is surely better than the best alone" if len(members) > 1 else "the best alone"
    if len(members) > 1:
        return "adds nothing to the pool"
    return f"behind {best}" if known[name]["nll"] > known[best]["nll"] else f"not surely better than {best}"
