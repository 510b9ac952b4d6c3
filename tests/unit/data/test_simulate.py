"""The simulator: its contract, its determinism, and that what it says it planted is there."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tickets.config import SimulateConfig
from tickets.data.simulate import Simulation, ceilings, simulate
from tickets.data.simulate.facts import URGENCY, draw_facts
from tickets.data.simulate.fixes import FIXES, NUM_FIXES
from tickets.data.simulate.issues import CATEGORY_OF, ISSUES, MODULES
from tickets.data.simulate.translations import BANKS
from tickets.data.simulate.triage import SEVERITIES, SUBCATEGORY_CATEGORY, ruled_priority
from tickets.data.simulate.world import build_world
from tickets.errors import ConfigError
from tickets.schema import FIELDS, VALUE_SETS, Stage

CREATION = {field.name for field in FIELDS if field.stage is Stage.CREATION}
CLOSED = [field.name for field in FIELDS if field.stage is Stage.CLOSED]


@pytest.fixture(scope="module")
def config() -> SimulateConfig:
    return SimulateConfig(rows=3_000)


@pytest.fixture(scope="module")
def simulation(config: SimulateConfig) -> Simulation:
    return simulate(config)


@pytest.fixture(scope="module")
def closed(simulation: Simulation) -> list[dict[str, Any]]:
    return [ticket for ticket in simulation.tickets if ticket["resolved_at"]]


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def margin(share: float, size: int) -> float:
    """Four standard errors of a share."""
    return 4.0 * math.sqrt(share * (1.0 - share) / size)


# --- contract ---------------------------------------------------------------------------------------------------------


def test_every_ticket_has_exactly_the_fields_of_the_contract(simulation: Simulation) -> None:
    names = {field.name for field in FIELDS}
    assert len(simulation.tickets) == 3_000
    assert all(set(ticket) == names for ticket in simulation.tickets)


def test_closed_value_sets_hold(simulation: Simulation) -> None:
    for name, allowed in VALUE_SETS.items():
        found = {ticket.get(name) for ticket in [*simulation.tickets, *simulation.unseen]}
        assert found <= {*allowed, None}, name


def test_all_categories_occur_with_subcategories_of_theirs(closed: list[dict[str, Any]]) -> None:
    assert all(CATEGORY_OF[ticket["subcategory"]] == ticket["category"] for ticket in closed)
    assert {ticket["subcategory"] for ticket in closed} == set(VALUE_SETS["subcategory"])


def test_tickets_are_sorted_and_ids_differ(simulation: Simulation) -> None:
    times = [ticket["created_at"] for ticket in simulation.tickets]
    assert times == sorted(times) and all(time.endswith("Z") for time in times)
    assert len({ticket["ticket_id"] for ticket in [*simulation.tickets, *simulation.unseen]}) == 3_003


def test_unseen_tickets_are_later_and_know_their_creation_only(simulation: Simulation) -> None:
    assert len(simulation.unseen) == 3
    for ticket in simulation.unseen:
        assert set(ticket) == CREATION
        assert ticket["created_at"] > simulation.tickets[-1]["created_at"]


def test_derived_fields_agree_with_what_they_derive_from(simulation: Simulation) -> None:
    for ticket in simulation.tickets:
        created = datetime.fromisoformat(ticket["created_at"])
        assert ticket["weekend_ticket"] == (created.weekday() >= 5)
        assert ticket["after_hours"] == (created.hour < 8 or created.hour >= 18)
        assert ticket["ticket_text_length"] == len(ticket["subject"] + ticket["description"])
        assert ticket["contains_stack_trace"] == (ticket["stack_trace"] is not None)
        written = ticket["description"] + (ticket["error_logs"] or "")
        assert ticket["contains_error_code"] == ("ERR-" in written)


# --- determinism ------------------------------------------------------------------------------------------------------


def as_bytes(config: SimulateConfig) -> bytes:
    drawn = simulate(config)
    return (json.dumps([drawn.tickets, drawn.unseen]) + drawn.truth.to_json()).encode()


def test_same_settings_give_the_same_bytes() -> None:
    assert as_bytes(SimulateConfig(rows=300)) == as_bytes(SimulateConfig(rows=300))


def test_another_seed_gives_another_history() -> None:
    assert as_bytes(SimulateConfig(rows=300)) != as_bytes(SimulateConfig(rows=300, seed=8))


# --- sizes at the edge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"rows": 1, "incidents": 0, "unseen": 0},
        {"rows": 24, "incidents": 6, "days": 1},
        {"rows": 60, "ambiguity": 0.99, "label_noise": 0.9},
        {"rows": 60, "ambiguity": 0.0, "label_noise": 0.0, "other_languages": 0.0},
        {"rows": 60, "seed": -1},
    ],
)
def test_edge_settings_keep_their_counts(settings: dict[str, Any]) -> None:
    config = SimulateConfig(**settings)
    drawn = simulate(config)
    assert (len(drawn.tickets), len(drawn.unseen)) == (config.rows, config.unseen)
    assert len(drawn.truth.incidents) == config.incidents
    assert all(0.0 < share <= 1.0 for share in drawn.truth.ceilings.values())


def test_more_incidents_than_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="6 do not fit into 20 rows; allowed: rows // 4"):
        simulate(SimulateConfig(rows=20))


# --- the phrase banks -------------------------------------------------------------------------------------------------


def test_issue_types_are_many_and_well_formed() -> None:
    assert len({issue.name for issue in ISSUES}) == len(ISSUES) >= 60
    assert Counter(issue.owner for issue in ISSUES).keys() == CATEGORY_OF.keys()
    assert all(CATEGORY_OF[issue.owner] != CATEGORY_OF[issue.rival] for issue in ISSUES)
    assert {module for modules in MODULES.values() for module in modules} == set(VALUE_SETS["product_module"])
    assert all(len(fixes) == NUM_FIXES for fixes in FIXES.values())


@pytest.mark.parametrize("language", BANKS)
def test_a_clause_belongs_to_one_issue_type(language: str) -> None:
    bank = BANKS[language]
    clauses = [
        f"{thing} {predicate}"
        for issue in ISSUES
        for thing in bank.objects[issue.object]
        for predicate in bank.problems[issue.problem]
    ]
    assert len(set(clauses)) == len(clauses)
    assert not set(bank.statements) & set(bank.asides)


def test_neither_object_nor_problem_alone_gives_the_category() -> None:
    """The best guess from one word group alone stays far below what the pair gives, which is certain."""
    for part in ("object", "problem"):
        tally: dict[str, Counter[str]] = {}
        for issue in ISSUES:
            tally.setdefault(getattr(issue, part), Counter())[CATEGORY_OF[issue.owner]] += 1
        assert sum(max(counts.values()) for counts in tally.values()) / len(ISSUES) < 0.75


# --- ceilings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ambiguity": 0.0, "label_noise": 0.0, "incidents": 0},
        {"ambiguity": 0.6, "label_noise": 0.3, "seed": 3, "days": 40},
    ],
)
def test_an_oracle_reaches_the_closed_form(settings: dict[str, Any]) -> None:
    """Learned from half of a large draw, or taken from the rule, the oracle does not use the closed form's tables."""
    config = SimulateConfig(**{"rows": 80_000, "unseen": 0, **settings})
    world, limits = build_world(config), ceilings(config)
    facts = draw_facts(config, world)
    category = SUBCATEGORY_CATEGORY[facts.subcategory]
    tier = world.population.tier[facts.organisation]
    reached = {
        "category": oracle_hits(facts.issue, category),
        "subcategory": oracle_hits(facts.issue, facts.subcategory),
        "priority": facts.priority
        == ruled_priority(tier, facts.impact, facts.environment, facts.users_bin, URGENCY[facts.issue]),
        "severity": facts.severity == SEVERITIES.index("P2"),
    }
    for target, hits in reached.items():
        assert hits.mean() == pytest.approx(limits[target], abs=margin(limits[target], len(hits)) + 1e-12), target


def oracle_hits(issue: np.ndarray, label: np.ndarray) -> np.ndarray:
    """On every second row, whether its label is the one that its issue type has most often on the other rows."""
    table = np.zeros((len(ISSUES), label.max() + 1))
    np.add.at(table, (issue[::2], label[::2]), 1)
    return table.argmax(axis=1)[issue[1::2]] == label[1::2]


def test_default_ceilings_leave_room_and_name_the_noise() -> None:
    limits = ceilings(SimulateConfig())
    assert 0.85 <= limits["subcategory"] <= limits["category"] <= 0.93
    assert 0.75 <= limits["priority"] <= 0.9
    assert limits["severity"] == pytest.approx(0.4)


def test_the_written_history_agrees_with_its_ceilings(simulation: Simulation) -> None:
    truth = simulation.truth
    labelled = [ticket for ticket in simulation.tickets if ticket["category"]]
    for target in ("category", "subcategory"):
        best = {
            name: max(issue["teams"], key=lambda team: team["share"])[target] for name, issue in truth.issues.items()
        }
        hits = [best[truth.issue_of[ticket["ticket_id"]]] == ticket[target] for ticket in labelled]
        assert np.mean(hits) == pytest.approx(truth.ceilings[target], abs=margin(truth.ceilings[target], len(hits)))


def test_a_bag_of_words_stays_well_below_the_ceiling(simulation: Simulation) -> None:
    """Two of the three targets that can be learned, which is more than half."""
    labelled = [ticket for ticket in simulation.tickets if ticket["category"]]
    texts = [f"{ticket['subject']}\n{ticket['description']}" for ticket in labelled]
    cut = int(0.8 * len(labelled))
    vectorizer = TfidfVectorizer(min_df=2, sublinear_tf=True)
    train, test = vectorizer.fit_transform(texts[:cut]), vectorizer.transform(texts[cut:])
    for target, least_gain in (("category", 0.2), ("priority", -0.1)):
        labels = np.array([ticket[target] for ticket in labelled])
        score = LogisticRegression(C=5.0, max_iter=300).fit(train, labels[:cut]).score(test, labels[cut:])
        floor = Counter(labels[cut:]).most_common(1)[0][1] / len(labels[cut:])
        assert floor + least_gain < score < simulation.truth.ceilings[target] - 0.05, target


def test_noise_and_shared_types_are_recorded(config: SimulateConfig, simulation: Simulation) -> None:
    truth = simulation.truth
    for target in ("category", "priority"):
        share = len(truth.label_noise[target]) / config.rows
        assert share == pytest.approx(config.label_noise, abs=margin(config.label_noise, config.rows))
    shared = [issue for issue in truth.issues.values() if len(issue["teams"]) == 2]
    assert len(shared) == round(config.ambiguity * len(ISSUES))


# --- text -------------------------------------------------------------------------------------------------------------


def test_texts_rarely_repeat_except_alert_mails(simulation: Simulation) -> None:
    texts = Counter((ticket["subject"], ticket["description"]) for ticket in simulation.tickets)
    repeated = sum(count for count in texts.values() if count > 1) / len(simulation.tickets)
    assert 0.015 < repeated < 0.06
    assert len(texts) > 0.94 * len(simulation.tickets)


def test_one_text_never_has_two_issue_types(simulation: Simulation) -> None:
    issues: dict[tuple[str, str], set[str]] = {}
    for ticket in simulation.tickets:
        key = (ticket["subject"], ticket["description"])
        issues.setdefault(key, set()).add(simulation.truth.issue_of[ticket["ticket_id"]])
    assert all(len(names) == 1 for names in issues.values())


def test_a_reader_finds_the_issue_type_in_the_words(simulation: Simulation) -> None:
    """Without the sentences on settled matters, a text holds one clause: the ceilings can be reached from the text."""
    clauses = {
        language: {
            f"{thing} {predicate}".lower(): issue.name
            for issue in ISSUES
            for thing in bank.objects[issue.object]
            for predicate in bank.problems[issue.problem]
        }
        for language, bank in BANKS.items()
    }
    asides = {
        language: re.compile("|".join(re.escape(frame).replace(r"\{c\}", ".+?") for frame in bank.asides))
        for language, bank in BANKS.items()
    }
    for ticket in simulation.tickets[::6]:
        language = ticket["language"]
        rest = asides[language].sub("", ticket["description"]).lower()
        found = {name for words, name in clauses[language].items() if words in rest}
        assert found == {simulation.truth.issue_of[ticket["ticket_id"]]}, ticket["description"]


def test_no_template_slot_is_left_in_a_text(simulation: Simulation) -> None:
    for ticket in simulation.tickets:
        for name in ("subject", "description", "resolution"):
            assert not set("{}") & set(ticket[name] or ""), ticket[name]


def test_share_of_other_languages(config: SimulateConfig, simulation: Simulation) -> None:
    languages = Counter(ticket["language"] for ticket in simulation.tickets)
    share = 1.0 - languages["en"] / config.rows
    assert share == pytest.approx(config.other_languages, abs=margin(config.other_languages, config.rows))
    assert set(languages) == set(BANKS)


# --- arrivals ---------------------------------------------------------------------------------------------------------


def test_arrivals_follow_week_day_and_growth(simulation: Simulation) -> None:
    burst = {name for incident in simulation.truth.incidents for name in incident["ticket_ids"]}
    times = [
        datetime.fromisoformat(ticket["created_at"])
        for ticket in simulation.tickets
        if ticket["ticket_id"] not in burst
    ]
    days = Counter(time.weekday() for time in times)
    hours = Counter(time.hour for time in times)
    assert min(days[day] for day in range(5)) > 2 * max(days[5], days[6])
    assert hours[9] > 4 * hours[3]
    middle = times[0] + (times[-1] - times[0]) / 2
    assert sum(time >= middle for time in times) > sum(time < middle for time in times)


def test_drift_brings_new_issues_and_a_version(simulation: Simulation) -> None:
    drift, truth = simulation.truth.drift, simulation.truth
    fresh = [ticket for ticket in simulation.tickets if truth.issue_of[ticket["ticket_id"]] in drift["new_issues"]]
    assert fresh and min(ticket["created_at"] for ticket in fresh) >= drift["day"]
    same_product = [ticket for ticket in simulation.tickets if ticket["product"] == drift["product"]]
    released = [ticket for ticket in same_product if ticket["product_version"] == drift["version"]]
    assert released and min(ticket["created_at"] for ticket in released) >= drift["day"]


def test_incidents_are_bursts_of_one_cause_with_links(config: SimulateConfig, simulation: Simulation) -> None:
    tickets = {ticket["ticket_id"]: ticket for ticket in simulation.tickets}
    assert len(simulation.truth.incidents) == config.incidents
    for incident in simulation.truth.incidents:
        members = [tickets[name] for name in incident["ticket_ids"]]
        assert len(members) >= 15
        assert all(incident["start"] <= ticket["created_at"] <= incident["end"] for ticket in members)
        assert {ticket["product"] for ticket in members} == {incident["product"]}
        assert {simulation.truth.issue_of[name] for name in incident["ticket_ids"]} == {incident["cause"]}
        linked = [ticket["related_tickets"] for ticket in members[1:] if ticket["resolved_at"]]
        assert all(links and set(links) <= set(incident["ticket_ids"]) for links in linked)


def test_duplicates_come_from_a_colleague_later(simulation: Simulation) -> None:
    tickets = {ticket["ticket_id"]: ticket for ticket in simulation.tickets}
    assert len(simulation.truth.duplicates) > 50
    for link in simulation.truth.duplicates:
        again, first = tickets[link["ticket_id"]], tickets[link["original"]]
        assert again["organization_id"] == first["organization_id"]
        assert again["customer_id"] != first["customer_id"]
        assert again["created_at"] >= first["created_at"]
        assert simulation.truth.issue_of[link["ticket_id"]] == simulation.truth.issue_of[link["original"]]
        assert again["related_tickets"] in (None, [link["original"]])


# --- the later stages -------------------------------------------------------------------------------------------------


def test_times_of_closed_tickets_agree(closed: list[dict[str, Any]]) -> None:
    for ticket in closed:
        hours = (seconds(ticket["resolved_at"]) - seconds(ticket["created_at"])) / 3_600
        assert hours > 0 and ticket["resolution_time_hours"] == pytest.approx(hours, abs=0.006)
        assert ticket["updated_at"] >= ticket["resolved_at"]


def test_some_late_tickets_are_open(config: SimulateConfig, simulation: Simulation) -> None:
    still_open = [ticket for ticket in simulation.tickets if ticket["resolved_at"] is None]
    assert 0.02 < len(still_open) / config.rows < 0.07
    assert all(ticket[name] is None for ticket in still_open for name in CLOSED)
    assert {ticket["category"] is None for ticket in still_open} == {True, False}
    early = simulation.tickets[: config.rows // 2]
    assert all(ticket["resolved_at"] for ticket in early)


def test_fixes_help_as_often_as_recorded(simulation: Simulation) -> None:
    truth = simulation.truth
    rates = {fix["article"]: fix["success_rate"] for issue in truth.issues.values() for fix in issue["fixes"]}
    tickets = {ticket["ticket_id"]: ticket for ticket in simulation.tickets}
    rated = [(rates[article], tickets[name]["resolution_helpful"]) for name, article in truth.fix_of.items()]
    for low, high in ((0.0, 0.4), (0.4, 0.7), (0.7, 1.0)):
        group = [(rate, helped) for rate, helped in rated if low <= rate < high and helped is not None]
        expected, found = np.mean(group, axis=0)
        assert found == pytest.approx(expected, abs=margin(expected, len(group)))


def test_success_shows_in_score_attempts_and_time(closed: list[dict[str, Any]]) -> None:
    for name, sign in (("satisfaction_score", 1), ("resolution_attempts", -1), ("resolution_time_hours", -1)):
        helped, not_helped = (
            np.mean([t[name] for t in closed if t["resolution_helpful"] is answer and t[name] is not None])
            for answer in (True, False)
        )
        assert sign * (helped - not_helped) > 0, name


def test_missing_values_never_touch_what_triage_reads(simulation: Simulation) -> None:
    missing = Counter(name for ticket in simulation.tickets for name in CREATION if ticket[name] is None)
    read_by_triage = {"customer_tier", "business_impact", "environment", "affected_users", "subject", "description"}
    assert not read_by_triage & set(missing)
    assert {"product_version", "product_module", "region"} <= set(missing)
