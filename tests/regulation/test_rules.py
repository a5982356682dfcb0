"""Rules are dated data: each cited, each reviewed in time, none used outside its dates."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import pairwise

import pytest

from limen.regulation.errors import RuleNotInForce, UnknownRegime
from limen.regulation.rules import BOOK, MARKS, Rule, RuleBook, regime_of

RULES = list(BOOK)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.id}@{r.since}")
def test_a_rule_is_cited_dated_and_in_few_words(rule):
    assert len(rule.citation) > 8
    assert any(c.isdigit() for c in rule.citation), "a citation names a place or a version"
    assert 5 <= len(rule.text.split()) <= 70
    assert rule.confidence in MARKS
    assert rule.until is None or rule.since < rule.until
    assert rule.since < rule.review


def test_no_rule_is_past_its_review_date():
    late = BOOK.past_review(date.today())
    assert not late, "look at the sources again: " + ", ".join(r.id for r in late)


def test_a_rule_past_its_review_is_found():
    old = Rule(
        "x.y", "fda", date(2020, 1, 1), None, "21 CFR 1", "text", "primary", date(2021, 1, 1)
    )
    assert RuleBook([old]).past_review(date(2022, 1, 1)) == [old]
    assert RuleBook([old]).past_review(date(2021, 1, 1)) == []


def test_versions_of_one_rule_do_not_overlap():
    versions = defaultdict(list)
    for rule in RULES:
        versions[rule.id].append(rule)
    for found in versions.values():
        ordered = sorted(found, key=lambda r: r.since)
        for earlier, later in pairwise(ordered):
            assert earlier.until is not None
            assert earlier.until <= later.since


def test_the_date_picks_the_version():
    # AI Act Art 113 as first published; amended in 2026
    assert "2027" in BOOK.get("mdr.aia.date", date(2025, 9, 1)).text
    assert "2028" in BOOK.get("mdr.aia.date", date(2026, 12, 1)).text
    between = BOOK.get("mdr.aia.date", date(2026, 7, 10))
    assert between.mark == "[S]"
    assert "not found" in between.text


def test_a_date_before_a_rule_is_told_with_the_first_date():
    with pytest.raises(RuleNotInForce) as caught:
        BOOK.get("mfds.matrix", date(2024, 6, 1))
    assert "2025-01-24" in str(caught.value)
    assert BOOK.find("mfds.matrix", date(2024, 6, 1)) is None


def test_a_regime_without_rules_is_an_error():
    assert regime_of(" FDA ") == "fda"
    with pytest.raises(UnknownRegime, match="pmda"):
        regime_of("pmda")
