"""Required evidence, the contract page, and the predetermined plan that is executed."""

from __future__ import annotations

from datetime import date

import pytest
from regulated_products import PRODUCTS
from wording_texts import EVIDENCE

from limen.regulation.change import Situation, assess_change
from limen.regulation.change_plan import Measured, execute, read_plan
from limen.regulation.classify import classify
from limen.regulation.contract import PAGE_WORDS_MOST, make_contract
from limen.regulation.difference import read_difference
from limen.regulation.errors import OutsidePlan, UnknownChange
from limen.regulation.facts import read_facts
from limen.regulation.required import required_evidence
from limen.regulation.wording import lint, of_text

ON = date(2026, 11, 25)
BY_NAME = {p.name: p for p in PRODUCTS}


def answer(name, regime):
    return classify(read_facts(BY_NAME[name].facts), regime, ON)


# --- required evidence ---


def test_a_triage_product_needs_time_and_no_reader_study():
    # 21 CFR 892.2080(b) against 892.2070(b)
    triage = [r.item for r in required_evidence(answer("ContaCT", "fda"), {})]
    marks = [r.item for r in required_evidence(answer("qXR-LN", "fda"), {})]
    assert any("time to review" in i for i in triage)
    assert not any("reader" in i for i in triage)
    assert any("reader study" in i for i in marks)


def test_lines_are_bound_to_the_evidence():
    found = {
        r.item: r.state
        for r in required_evidence(
            answer("qXR-LN", "fda"), {"summary": "fresh", "verdicts": "fresh", "boundary": "stale"}
        )
    }
    assert found["standalone performance by cohort, with intervals"] == "present"
    assert found["limits and failure situations for the label"] == "stale"
    assert found["reader study: improved reader performance"] == "outside Limen"
    assert found["quality management system (QMSR)"] == "outside Limen"
    nothing = {r.item: r.state for r in required_evidence(answer("qXR-LN", "fda"), {})}
    assert nothing["limits and failure situations for the label"] == "missing"


def test_a_filed_document_answers_its_line_until_it_goes_stale():
    for state, wanted in (("fresh", "present"), ("stale", "stale")):
        found = {
            r.item: r.state
            for r in required_evidence(answer("qXR-LN", "fda"), {"reader-study": state})
        }
        assert found["reader study: improved reader performance"] == wanted


@pytest.mark.parametrize(
    ("name", "asked"),
    [("qXR-LN", True), ("Overjet Caries Assist", True), ("SubtleMR", False)],
)
def test_korean_data_are_asked_for_from_grade_2(name, asked):
    items = [r.item for r in required_evidence(answer(name, "mfds"), {})]
    assert ("test data of Korean subjects" in items) == asked


@pytest.mark.parametrize("regime", ["fda", "mdr", "mfds"])
@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.name)
def test_every_class_has_a_cited_list(product, regime):
    found = classify(read_facts(product.facts), regime, ON)
    lines = required_evidence(found, {})
    assert bool(lines) == (found.qualifies == "device")
    assert all(line.rule.citation for line in lines)


# --- contract ---


@pytest.mark.parametrize("product", PRODUCTS[::5], ids=lambda p: p.name)
def test_a_contract_is_one_page_and_loses_no_limit(product):
    facts = read_facts(product.facts)
    answers = [classify(facts, r, ON) for r in ("fda", "mdr", "mfds")]
    page = make_contract(product.name, facts, answers, EVIDENCE.limits).words()
    assert len(page.split()) < PAGE_WORDS_MOST
    for limit in EVIDENCE.limits:
        assert limit.words in page
    assert "not legal advice" in page
    for found in answers:
        assert found.short in page


def test_the_contract_itself_holds_the_wording():
    facts = read_facts({**BY_NAME["qXR-LN"].facts, "user": "radiologist"})
    page = make_contract("LungMark", facts, [answer("qXR-LN", "fda")], EVIDENCE.limits)
    text = "\n".join([*page.may, *page.label, *page.updates, *page.responsible["radiologist"]])
    assert not lint(of_text(text), EVIDENCE).findings


def test_unread_cases_stand_in_the_contract():
    facts = read_facts(BY_NAME["Rule-out mammography"].facts)
    found = make_contract("X", facts, [answer("Rule-out mammography", "fda")], ())
    assert "read by nobody" in found.words()


# --- predetermined plan ---

PLAN = """\
modifications:
  - name: retrain
    kinds: [training-data, weights, threshold]
    regimes: [fda, mfds]
    test_set: sequestered
    acceptance:
      - {metric: sensitivity, at_least: 0.85, no_worse_by: 0.02}
      - {metric: false marks, at_most: 1.0}
    impact: More false marks cost reading time; more misses delay care. Both are bounded below.
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, "utf-8")
    return read_plan(path)


def changes(*given):
    return [read_difference(g) for g in given] or [
        read_difference({"kind": "training-data", "performance": "minor"})
    ]


GOOD = {
    "sensitivity": Measured(0.91, 0.87, 0.94, before=0.90),
    "false marks": Measured(0.8, 0.7, 0.95, before=0.85),
}


def test_a_release_inside_the_plan_passes_by_its_own_protocol(plan):
    found = execute(plan, "retrain", changes(), GOOD, "sequestered", ON)
    assert found.passed
    assert len(found.reasons) == 3
    for regime, outcome in (("fda", "within-plan"), ("mfds", "within-plan"), ("mdr", "notify")):
        assert assess_change(found.differences, regime, ON, Situation()).outcome == outcome


@pytest.mark.parametrize(
    "measured",
    [
        {**GOOD, "sensitivity": Measured(0.91, 0.84, 0.94, before=0.90)},
        {**GOOD, "sensitivity": Measured(0.91, 0.87, 0.94, before=0.94)},
        {**GOOD, "sensitivity": Measured(0.91, 0.87, 0.94)},
        {**GOOD, "false marks": Measured(0.8, 0.7, 1.1, before=0.8)},
        {"sensitivity": GOOD["sensitivity"]},
    ],
)
def test_a_release_that_misses_the_protocol_needs_a_submission(plan, measured):
    found = execute(plan, "retrain", changes(), measured, "sequestered", ON)
    assert not found.passed
    assert assess_change(found.differences, "fda", ON, Situation()).outcome == "new-submission"


@pytest.mark.parametrize(
    ("name", "given", "test_set", "words"),
    [
        ("retrain", {"kind": "architecture"}, "sequestered", "architecture"),
        ("retrain", {"kind": "weights", "purpose": "wider"}, "sequestered", "PCCP|Predetermined"),
        ("retrain", {"kind": "weights", "needs_trial": True}, "sequestered", "26"),
        ("retrain", {"kind": "weights"}, "validation", "sequestered"),
        ("rebuild", {"kind": "weights"}, "sequestered", "retrain"),
    ],
)
def test_what_is_outside_the_plan_is_refused_with_the_clause(plan, name, given, test_set, words):
    with pytest.raises(OutsidePlan, match=words):
        execute(plan, name, changes(given), GOOD, test_set, ON)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("kinds: [training-data, weights, threshold]", "kinds: [population]"),
        ("kinds: [training-data, weights, threshold]", "kinds: [weigths]"),
        ("regimes: [fda, mfds]", "regimes: [tga]"),
        ("    impact: More", "    impct: More"),
        ("modifications:", "modification:"),
        ("metric: sensitivity, at_least", "metric: sensitivity, atleast"),
    ],
)
def test_a_plan_that_is_not_complete_is_an_error(tmp_path, was, now):
    path = tmp_path / "plan.yaml"
    assert was in PLAN
    path.write_text(PLAN.replace(was, now), "utf-8")
    with pytest.raises(UnknownChange):
        read_plan(path)
