"""The weakest ancestor decides; nothing that is touched escapes, nothing untouched is named."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from generated_lineages import DAY, FAULTY, GOOD, LEFT, USE, expected, make

from limen.evidence.duo import UnknownPurpose, commercial_refusal, conditions, refusal, shorthand
from limen.evidence.lineage import BadLineage, Lineage
from limen.evidence.reach import (
    STAGES,
    ContradictingApprovals,
    Permission,
    Reach,
    Use,
    reach,
    withdrawal,
)

ALL = [GOOD, *FAULTY.values()]


def names(lineage: Lineage, numbers: object) -> set[str]:
    return {lineage.names[int(i)] for i in numbers}  # type: ignore[attr-defined]


@pytest.mark.parametrize("block", range(3))
def test_lineages_with_planted_faults(block: int) -> None:
    """benchmarks/evidence.py does a thousand others."""
    for seed in range(block * 100, block * 100 + 100):
        made = make(random.Random(seed))
        lineage = Lineage.from_edges(made.kinds, made.edges)
        found = reach(
            lineage, USE, ALL, made.held, patients=made.patients, withdrawn=made.withdrawn
        )
        touched, stages = expected(made)
        told = {(m.rule, m.of): names(lineage, m.affected) for m in found.limits}
        assert told == touched, seed
        assert {n: found.stage(n) for n in made.kinds} == stages, seed
        edges = set(made.edges)
        for name in made.kinds:
            because = found.because(name)
            assert bool(because) == (stages[name] != "routine-use"), seed
            if because:
                assert because[0].limit.ceiling == stages[name]
            for b in because:
                assert b.ancestor in made.planted[b.limit.rule, b.limit.of]
                assert b.path[0] == name and b.path[-1] == b.ancestor
                assert all(
                    (up, down) in edges for down, up in zip(b.path, b.path[1:], strict=False)
                )


def small() -> Lineage:
    """Two cases make weights; those are distilled; of the second synthetic data is drawn."""
    kinds = {
        "case/1": "case", "case/2": "case", "case/3": "case", "weights": "weights",
        "distilled": "weights", "synthetic": "synthetic", "threshold": "threshold",
        "boundary": "boundary", "label": "text",
    }  # fmt: skip
    edges = [
        ("case/1", "weights"), ("case/2", "weights"), ("weights", "distilled"),
        ("case/2", "synthetic"), ("synthetic", "threshold"), ("distilled", "boundary"),
        ("case/3", "boundary"), ("boundary", "label"),
    ]  # fmt: skip
    return Lineage.from_edges(kinds, edges)


def judged(**changed: Permission) -> Reach:
    held = {
        f"case/{i}": [changed[f"c{i}"].name if f"c{i}" in changed else "good"] for i in (1, 2, 3)
    }
    return reach(small(), USE, [GOOD, *changed.values()], held)


def test_the_answer_names_the_weakest_ancestor_and_the_path() -> None:
    found = judged(c1=FAULTY["approval expired"], c3=FAULTY["non-commercial"])
    assert found.stage("label") == "feasibility"
    first, second = found.because("label")
    assert (first.ancestor, first.path) == (
        "case/1", ("label", "boundary", "distilled", "weights", "case/1"),
    )  # fmt: skip
    assert (second.ancestor, second.limit.rule) == ("case/3", "non-commercial")
    assert str(first) == (
        "feasibility, because of case/1 (old): expired on 2026-11-24; by "
        "label <- boundary <- distilled <- weights <- case/1"
    )
    assert found.stage("threshold") == "routine-use"
    assert found.because("threshold") == []


@pytest.mark.parametrize("rule", FAULTY)
def test_each_fault_lists_every_artefact_it_touches(rule: str) -> None:
    found = judged(c2=FAULTY[rule])
    (limit,) = found.limits
    assert (limit.rule, limit.ceiling) == (rule, LEFT[rule])
    assert names(found.lineage, limit.affected) == set(found.lineage.names) - {"case/1", "case/3"}


def test_a_withdrawn_consent_lists_what_was_made_with_it() -> None:
    lineage = small()
    held = {f"case/{i}": ["good"] for i in (1, 2, 3)}
    found = reach(
        lineage, USE, [GOOD], held,
        patients={"case/1": "P-1", "case/2": "P-2", "case/3": "P-1"}, withdrawn={"P-1": DAY},
    )  # fmt: skip
    (limit,) = found.limits
    touched = {"case/1", "case/3", "weights", "distilled", "boundary", "label"}
    assert names(lineage, limit.affected) == touched
    assert names(lineage, withdrawal(lineage, ["case/1", "case/3"])) == touched
    assert found.stage("label") == "none"


def test_weights_from_elsewhere_are_of_unknown_standing() -> None:
    lineage = Lineage.from_edges({"w": "weights", "fine": "weights"}, [("w", "fine")])
    assert reach(lineage, USE, [], {}).stage("fine") == "feasibility"
    assert reach(lineage, USE, [GOOD], {"w": ["good"]}).stage("fine") == "routine-use"


def test_the_strictest_of_several_permissions_decides() -> None:
    lineage = Lineage.from_edges({"c": "case"}, [])
    both = reach(lineage, USE, ALL, {"c": ["good", "public", "old"]})
    assert both.stage("c") == "feasibility"
    assert [b.limit.of for b in both.because("c")] == ["old", "public"]


@pytest.mark.parametrize(
    ("expires", "issued", "stage"),
    [
        (date(2026, 11, 25), None, "routine-use"),  # the last day is a day
        (date(2026, 11, 24), None, "feasibility"),
        (None, date(2026, 11, 25), "routine-use"),
        (None, date(2026, 11, 26), "feasibility"),
    ],
)
def test_the_days_of_an_approval(expires: date | None, issued: date | None, stage: str) -> None:
    p = replace(GOOD, expires=expires, issued=issued)
    lineage = Lineage.from_edges({"c": "case"}, [])
    assert reach(lineage, USE, [p], {"c": ["good"]}).stage("c") == stage


def test_what_is_not_for_sale_is_not_limited_by_licences_of_sale() -> None:
    lineage = Lineage.from_edges({"c": "case"}, [])
    free = replace(USE, commercial=False)
    found = reach(lineage, free, [FAULTY["non-commercial"]], {"c": ["nc"]})
    assert found.stage("c") == "routine-use"


# --- at size ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["chain", "star", "random"])
def test_a_large_lineage_of_any_shape_is_followed_whole(shape: str) -> None:
    n = 50_000
    rng = np.random.default_rng(0)
    child = np.arange(1, n)
    parent = {
        "chain": child - 1, "star": np.zeros_like(child), "random": rng.integers(0, child),
    }[shape]  # fmt: skip
    lineage = Lineage([str(i) for i in range(n)], ["case"] * n, parent, child)
    assert np.array_equal(withdrawal(lineage, ["0"]), np.arange(n))
    hit = np.zeros(n, bool)
    hit[7] = True
    for c in range(8, n):
        hit[c] = hit[parent[c - 1]]
    assert np.array_equal(withdrawal(lineage, ["7"]), np.flatnonzero(hit))
    found, through = lineage.ancestors(n - 1)
    assert lineage.path(through, n - 1, 0)[-1] == 0
    assert found[0] == n - 1 and 0 in found


# --- what is no lineage, and no permission ------------------------------------------------------


def test_what_is_no_lineage_is_told() -> None:
    with pytest.raises(BadLineage, match="from itself"):
        Lineage.from_edges({"a": "case", "b": "weights"}, [("a", "b"), ("b", "a")])
    with pytest.raises(BadLineage, match="a: something is derived from itself"):
        Lineage.from_edges({"a": "case"}, [("a", "a")])
    with pytest.raises(BadLineage, match="found: z"):
        Lineage.from_edges({"a": "case"}, [("a", "z")])
    with pytest.raises(BadLineage, match="not there"):
        Lineage(["a"], ["case"], [0], [1])
    with pytest.raises(BadLineage, match="not there"):
        Lineage(["a"], ["case"], [-1], [0])
    with pytest.raises(BadLineage, match="two nodes"):
        Lineage(["a", "a"], ["case", "case"], [], []).number("a")
    with pytest.raises(BadLineage, match="no node"):
        withdrawal(small(), ["nobody"])


def test_an_empty_lineage_limits_nothing() -> None:
    assert reach(Lineage([], [], [], []), USE, [], {}).limits == ()


def test_permissions_that_contradict_are_told() -> None:
    lineage = Lineage.from_edges({"c": "case"}, [])
    other = replace(GOOD, expires=date(2027, 1, 1))
    with pytest.raises(ContradictingApprovals, match="different things"):
        reach(lineage, USE, [GOOD, other], {"c": ["good"]})
    assert reach(lineage, USE, [GOOD, GOOD], {"c": ["good"]}).limits == ()
    with pytest.raises(ContradictingApprovals, match="not there"):
        reach(lineage, USE, [], {"c": ["good"]})
    with pytest.raises(ContradictingApprovals, match="ends before"):
        reach(lineage, USE, [replace(GOOD, expires=date(2019, 1, 1))], {})
    with pytest.raises(ContradictingApprovals, match="no known stage"):
        reach(lineage, USE, [replace(GOOD, ceiling="moon")], {})  # type: ignore[arg-type]


# --- purposes -----------------------------------------------------------------------------------

PERMITTED = {
    # term: purposes it permits, by the definitions in duo.csv
    "NRES": {"methods", "health-research", "clinical-care"},
    "GRU": {"methods", "health-research"},
    "HMB": {"methods", "health-research"},
    "DS": {"methods", "health-research"},
    "CC": {"clinical-care"},
    "POA": set(),
}


@pytest.mark.parametrize("term", PERMITTED)
@pytest.mark.parametrize("purpose", ["methods", "health-research", "clinical-care"])
def test_what_each_term_permits(term: str, purpose: str) -> None:
    why = refusal([term], purpose, diseases=["MONDO:0005233"], disease="MONDO:0005233")  # type: ignore[arg-type]
    assert (why is None) == (purpose in PERMITTED[term])


def test_a_disease_is_that_disease_only() -> None:
    kept = {"diseases": ["MONDO:0005233"]}
    assert refusal(["DS"], "methods", disease="MONDO:0005233", **kept) is None  # type: ignore[arg-type]
    other = refusal(["DS"], "methods", disease="MONDO:0004992", **kept)  # type: ignore[arg-type]
    assert other == "permitted for MONDO:0005233 only (DS)"
    assert refusal(["DS", "HMB"], "methods", disease="x", **kept) is None  # type: ignore[arg-type]


def test_modifiers_take_away() -> None:
    def ask(*terms: str) -> str | None:
        return refusal(terms, "methods", diseases=(), disease=None)

    assert ask("GRU") is None
    assert "NMDS" in (ask("GRU", "NMDS") or "")
    assert "GSO" in (ask("NRES", "GSO") or "")
    assert commercial_refusal(["GRU"]) is None
    for term in ("NCU", "NPU", "NPUNCU"):
        assert term in (commercial_refusal(["GRU", term]) or "")
    assert list(conditions(["GRU", "IRB", "DUO:0000024"])) == ["IRB", "MOR"]


def test_spellings_of_terms_and_unknown_ones() -> None:
    assert {shorthand(t) for t in ("gru", "DUO:0000042", "DUO_0000042", " GRU ")} == {"GRU"}
    with pytest.raises(UnknownPurpose, match="did you mean"):
        shorthand("DUO:000042")
    with pytest.raises(UnknownPurpose):
        refusal(["GRU"], "fun", diseases=(), disease=None)  # type: ignore[arg-type]
    lineage = Lineage.from_edges({"c": "case"}, [])
    with pytest.raises(UnknownPurpose):
        reach(lineage, Use(DAY), [replace(GOOD, purposes=frozenset({"XYZ"}))], {"c": ["good"]})


def test_stages_are_in_the_order_that_approvals_use() -> None:
    from limen.data.approvals import REACHES

    assert STAGES[1:] == REACHES
