"""At least 60 public products under three regimes: all agree with the class read from the texts."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from further_clearances import FDA, MDR
from regulated_products import PRODUCTS

from limen.regulation.answer import WORDS_MOST
from limen.regulation.classify import classify
from limen.regulation.facts import read_facts

ON = date(2026, 11, 25)
GROUPS = {
    "CADt", "CADe", "CADx", "CADe/x", "measurement", "segmentation", "denoising", "screening",
    "autonomous", "prognosis",
}  # fmt: skip


def _fda(answer):
    if answer.qualifies == "not a device":
        return "no device"
    parts = [] if answer.category.startswith("21 CFR") else ["ask"]
    found = [answer.category] if not parts else []
    found += [r.category for r in answer.also]
    parts += [c.removeprefix("21 CFR ").removeprefix("892.") for c in found]
    return "/".join(parts)


def _mdr(answer):
    if answer.qualifies == "not a device":
        return "no device"
    order = ["I", "IIa", "IIb", "III", "no device"]
    return "/".join([answer.klass, *sorted({r.klass for r in answer.also}, key=order.index)])


def _mfds(answer):
    if answer.qualifies == "not a device":
        return "no device"
    grades = [answer.klass, *(r.klass for r in answer.also)]
    return "/".join(dict.fromkeys(g.removeprefix("grade ") for g in grades))


SAID = {"fda": _fda, "mdr": _mdr, "mfds": _mfds}


def test_the_table_is_large_and_covers_every_group():
    assert len(PRODUCTS) >= 60
    counts = Counter(p.group for p in PRODUCTS)
    assert set(counts) >= GROUPS
    assert len({p.name for p in PRODUCTS}) == len(PRODUCTS)
    assert all(any(c.isdigit() for c in p.source) for p in PRODUCTS), "each with its reference"


@pytest.mark.parametrize("regime", SAID)
@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.name)
def test_the_class_is_the_one_of_the_texts(product, regime):
    answer = classify(read_facts(product.facts), regime, ON)
    assert SAID[regime](answer) == getattr(product, regime), product.source
    assert answer.path, "never a bare class"
    assert answer.route
    assert len(answer.words().split()) < WORDS_MOST


@pytest.mark.parametrize(("name", "number", "regulation", "facts"), FDA, ids=[c[0] for c in FDA])
def test_a_clearance_that_the_rules_had_not_seen_is_among_the_answers(
    name, number, regulation, facts
):
    answer = classify(read_facts(facts), "fda", ON)
    told = [answer.category, *(r.category for r in answer.also)]
    assert f"21 CFR {regulation}" in told, number


@pytest.mark.parametrize(("name", "source", "klass", "facts"), MDR, ids=[c[0] for c in MDR])
def test_a_certified_class_is_among_the_answers(name, source, klass, facts):
    answer = classify(read_facts(facts), "mdr", ON)
    assert klass in [answer.klass, *(r.klass for r in answer.also)], source
