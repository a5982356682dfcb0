"""Texts against evidence: 100 planted overclaims found, 100 honest texts left alone."""

from __future__ import annotations

from collections import Counter

import pytest
from vendor_phrases import (
    FOURTH,
    FOURTH_FOUND,
    HONEST_FOURTH,
    HONEST_SECOND,
    HONEST_THIRD,
    HONEST_VENDOR,
    SECOND,
    THIRD,
    VENDOR,
)
from wording_texts import (
    BROCHURE,
    EVIDENCE,
    HONEST,
    KOREAN_LIMITS,
    LIMITS,
    MANUAL,
    OVERCLAIMS,
)

from limen.regulation.wording import CODES, lint, of_text


def korean(text):
    return any("가" <= c <= "힣" for c in text)


def codes(text):
    return {f.code for f in lint(of_text(text), EVIDENCE).findings}


def test_the_texts_are_many_and_of_every_kind():
    assert len(OVERCLAIMS) >= 100
    assert len(HONEST) >= 100
    assert set(Counter(c for c, _ in OVERCLAIMS)) == set(CODES)


@pytest.mark.parametrize(("code", "text"), OVERCLAIMS, ids=[t[:40] for _, t in OVERCLAIMS])
def test_a_planted_overclaim_is_found(code, text):
    found = lint(of_text(text), EVIDENCE).findings
    assert code in {f.code for f in found}
    for finding in found:
        assert finding.place
        assert finding.evidence
        assert finding.corrected
        assert finding.corrected != finding.text


def test_at_most_two_of_the_honest_texts_raise_an_alarm():
    alarms = [(t, sorted(codes(t))) for t in HONEST if codes(t)]
    assert len(alarms) <= 2, alarms


@pytest.mark.parametrize("text", BROCHURE, ids=[t[:40] for t in BROCHURE])
def test_phrases_of_brochures_are_found(text):
    assert codes(text + (KOREAN_LIMITS if korean(text) else LIMITS))


def test_sentences_of_manuals_raise_no_alarm():
    alarms = [(t, sorted(codes(t))) for t in MANUAL if codes(t)]
    assert len(alarms) <= 1, alarms


@pytest.mark.parametrize(
    ("texts", "least"),
    [(VENDOR, 60), (SECOND, 40), (THIRD, 22), (FOURTH, FOURTH_FOUND)],
    ids=["first", "second", "third", "fourth"],
)
def test_vendors_phrases_are_found_by_their_kind(texts, least):
    found = [t for t in texts if codes(t + (KOREAN_LIMITS if korean(t) else LIMITS))]
    assert len(found) >= least, sorted(set(texts) - set(found))


def test_honest_sentences_beside_them_raise_hardly_an_alarm():
    texts = [*HONEST_VENDOR, *HONEST_SECOND, *HONEST_THIRD, *HONEST_FOURTH]
    assert len(texts) >= 130
    alarms = [(t, sorted(codes(t))) for t in texts if codes(t)]
    assert len(alarms) <= 2, alarms


def test_a_study_carries_the_benefit_that_it_shows():
    from dataclasses import replace

    text = "Reading lists cleared by lunchtime." + LIMITS
    assert "benefit" in codes(text)
    timed = replace(EVIDENCE, studies=frozenset({"time"}))
    assert not lint(of_text(text), timed).findings
