"""Explanations against causes that were planted, and tests against exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from planted_problems import TRUE_LIMIT, Plant, draw_problem, findings_of
from scipy.stats import fisher_exact

from limen.boundary.explain import Explanation, fragile_cases, lesion_causes
from limen.boundary.explain_limit import (
    Detectability,
    Explained,
    ExplainError,
    Findings,
    Slice,
    explain_limit,
)
from limen.boundary.explain_modes import FailureMode, Item, coverage_slices, failure_modes
from limen.boundary.headroom import headroom
from limen.boundary.result import Boundary, Margin, SearchAxis

DOSE = SearchAxis("ct.dose", "", 1.0, 0.1, 0.02)
MOTION = SearchAxis("ct.motion", "mm", 0.0, 4.0, 0.02)


def margin(case: str, axis: str, kind: str, last: float | None) -> Margin:
    return Margin(case, case, "phantom", axis, kind, last, None, 5)  # type: ignore[arg-type]


def test_the_most_fragile_case_is_the_one_that_flips_soonest_on_any_axis() -> None:
    margins = (
        margin("v/a", "ct.dose", "flips", 0.82),  # a fifth of the range
        margin("v/a", "ct.motion", "beyond", 4.0),
        margin("v/b", "ct.dose", "flips", 0.55),
        margin("v/b", "ct.motion", "flips", 0.4),  # a tenth
        margin("v/c", "ct.dose", "fails at nominal", None),
        margin("v/c", "ct.motion", "flips", 0.1),
        margin("v/d", "ct.dose", "beyond", 0.1),
        margin("v/d", "ct.motion", "cannot tell", None),
    )
    found = fragile_cases(Boundary((DOSE, MOTION), {}, {}, margins))
    assert [(f.case, f.axis, f.margin) for f in found] == [
        ("v/b", "ct.motion", "up to 0.4 mm"),
        ("v/a", "ct.dose", "down to 0.82"),
    ]


# --- where ----------------------------------------------------------------------------------------


def items(rng: np.random.Generator, n: int, rate_at_b: float, rate: float) -> list[Item]:
    out = []
    for i in range(n):
        site = "B" if i % 3 == 0 else "A"
        failed = bool(rng.random() < (rate_at_b if site == "B" else rate))
        age, sex = int(rng.integers(20, 90)), str(rng.choice(["f", "m"]))
        facts = {"site": site, "sex": sex, "age_years": age}
        out.append(Item(f"c{i}", f"v/c{i}", f"p{i}", failed, facts))
    return out


def test_finds_the_site_that_fails_and_names_its_cases() -> None:
    found = failure_modes(items(np.random.default_rng(0), 150, 0.5, 0.05))
    assert found[0].where == ("site = B",)
    assert (found[0].items, found[0].patients) == (50, 50)
    assert len(found[0].failing) == found[0].failed
    assert found[0].low < found[0].rate < found[0].high


def test_a_slice_within_a_surer_one_is_left_out_unless_it_fails_clearly_more_often() -> None:
    def modes(rate_of_small: float) -> list[tuple[str, ...]]:
        rng = np.random.default_rng(1)
        rows = []
        for i in range(400):
            b, small = i % 3 == 0, bool(rng.random() < 0.3)
            failed = b and bool(rng.random() < (rate_of_small if small else 0.4))
            facts = {"site": "B" if b else "A", "small_lesion": small}
            rows.append(Item(f"c{i}", f"v/c{i}", f"p{i}", failed, facts))
        return [m.where for m in failure_modes(rows)]

    assert modes(0.4) == [("site = B",)]
    assert ("site = B", "small lesion") in modes(1.0)


def test_facts_are_named_with_their_units() -> None:
    rows = [
        Item(f"c{i}", f"v/c{i}", f"p{i}", i < 20, {"long_axis_mm": 5.0 + i / 8}) for i in range(80)
    ]
    assert failure_modes(rows)[0].where == ("long axis under 7.47 mm",)


def test_names_no_slice_where_there_is_none_more_often_than_stated() -> None:
    named = [
        bool(failure_modes(items(np.random.default_rng(k), 90, 0.2, 0.2), pairs=False))
        for k in range(200)
    ]
    assert np.mean(named) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_lesions_of_one_patient_do_not_count_as_many() -> None:
    """All lesions of a patient fail or none: clusters of 8 must not make a chance find sure."""
    named = []
    for k in range(120):
        rng = np.random.default_rng(k)
        rows = []
        for p in range(40):
            failed, site = bool(rng.random() < 0.3), str(rng.choice(["A", "B"]))
            rows += [
                Item(f"p{p}.{j}", f"v/p{p}", f"p{p}", failed, {"site": site}) for j in range(8)
            ]
        named.append(bool(failure_modes(rows)))
    assert np.mean(named) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 120)


def test_with_one_item_a_patient_it_is_fishers_test() -> None:
    rows = items(np.random.default_rng(3), 120, 0.5, 0.1)
    rows = [Item(i.name, i.case, i.patient, i.failed, {"site": i.facts["site"]}) for i in rows]
    b = [i.failed for i in rows if i.facts["site"] == "B"]
    a = [i.failed for i in rows if i.facts["site"] == "A"]
    table = [[sum(b), len(b) - sum(b)], [sum(a), len(a) - sum(a)]]
    exact = fisher_exact(table, alternative="greater").pvalue
    found = failure_modes(rows)
    assert found[0].tested == 2
    assert found[0].p_value == pytest.approx(2 * exact)


def test_too_few_patients_are_not_tested() -> None:
    rows = items(np.random.default_rng(0), 20, 1.0, 0.0)
    assert failure_modes(rows) == []
    assert failure_modes([]) == []


# --- what limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("plant", ["labels", "physics", "site", "data", "model", "none"])
def test_names_a_planted_limit_or_none(plant: Plant) -> None:
    found = []
    for k in range(3):
        rng = np.random.default_rng([2026, k, len(plant)])
        found.append(explain_limit(findings_of(draw_problem(plant, rng), rng)).limit)
    right = found.count(TRUE_LIMIT[plant])  # type: ignore[arg-type]
    assert right >= 2, found
    assert right + found.count("cannot tell") == 3 or TRUE_LIMIT[plant] == "cannot tell"


def test_says_what_is_missing_instead_of_guessing() -> None:
    rng = np.random.default_rng(1)
    whole = findings_of(draw_problem("model", rng), rng)
    bare = Findings(whole.patients, whole.failed)
    found = explain_limit(bare)
    assert found.limit == "cannot tell"
    assert len(found.missing) == 5
    # noisy labels look like a model that is too small: without a second reading nothing is said
    unread = Findings(**{**whole.__dict__, "read_again": ()})
    assert explain_limit(unread).limit == "cannot tell"
    few = explain_limit(Findings(100, 3))
    assert few.limit == "cannot tell" and "3 of 100" in few.evidence[0]


def test_refuses_counts_that_contradict_each_other() -> None:
    with pytest.raises(ExplainError, match="12 of 10"):
        Findings(10, 12)
    with pytest.raises(ExplainError, match="5 of 3"):
        Findings(20, 3, slices=[Slice("site = B", 1, 10, 10, 5)])


def test_each_lesion_is_judged_by_its_own_evidence_first() -> None:
    seen = [Detectability("a", 2.0), Detectability("b", 9.0), Detectability("c", 9.0),
            Detectability("d", 5.2), Detectability("e", 2.0)]  # fmt: skip
    against = {"a": False, "b": True, "c": False, "e": True}
    overall = Explained("data-limited", ())
    causes = {c.lesion: c.limit for c in lesion_causes("abcdef", seen, against, overall)}
    assert causes == {
        "a": "physics-limited",
        "b": "label-limited",
        "c": "data-limited",
        "d": "cannot tell",  # its error reaches over the limit
        "e": "cannot tell",  # unseen, and perhaps not there
        "f": "cannot tell",
    }


def test_goes_to_json_and_comes_back() -> None:
    mode = FailureMode(("site = B",), 5, 3, 5, 0.6, 0.2, 0.9, 0.1, 0.01, 12, ("a",))
    kept = Explanation(
        (), (mode,), Explained("cannot tell", ("x",)),
        tuple(lesion_causes("a", [], {}, Explained("cannot tell", ()))), headroom([True, False]),
    )  # fmt: skip
    assert Explanation.from_dict(kept.as_dict()) == kept
    assert "p = 0.01 after correction for 12 slices" in mode.in_words("lesions")


# --- slices of training and validation ------------------------------------------------------------


def cases(n: int, site_b: int, failed: int = 0) -> list[Item]:
    """So many patients, the first ``site_b`` of them at B, of whom the first ``failed`` fail."""
    return [
        Item(
            f"{n}.{k}", f"v/{n}.{k}", f"p{n}.{k}", k < failed, {"site": "B" if k < site_b else "A"}
        )
        for k in range(n)
    ]


def test_a_site_that_training_hardly_holds_is_named() -> None:
    slices = coverage_slices(cases(100, 2), cases(60, 25, failed=20))
    assert Slice("site = B", 2, 100, 25, 20) in slices
    assert Slice("site = A", 98, 100, 35, 0) in slices
    found = explain_limit(Findings(60, 20, slices=slices))
    assert "20 of 20 failing patients have site = B" in " ".join(found.evidence)
    assert found.limit == "data-limited"
    # the same site, as common in training
    alike = coverage_slices(cases(100, 40), cases(60, 25, failed=20))
    assert explain_limit(Findings(60, 20, slices=alike)).limit == "cannot tell"


def test_facts_that_one_side_does_not_have_make_no_slice() -> None:
    training = [Item("t", "d/t", "t", False, {"scanner": "x"})]
    assert coverage_slices(training, cases(10, 5)) == []
    assert coverage_slices([], cases(10, 5)) == []


def test_a_patient_counts_once_in_a_slice() -> None:
    twice = [*cases(20, 10, failed=4), *cases(20, 10, failed=4)]
    found = {s.name: s for s in coverage_slices(cases(30, 3), twice)}
    assert (found["site = B"].patients, found["site = B"].failed) == (10, 4)


def test_a_lesion_without_an_answer_says_what_is_missing() -> None:
    overall = Explained("cannot tell", ())
    known = [Detectability("seen", 40.0), Detectability("near", 5.2)]
    told = {
        c.lesion: c.because
        for c in lesion_causes(
            ["seen", "near", "dark"],
            known,
            {"near": False},
            overall,
            {"dark": "no noise is stated"},
        )
    }
    assert told == {
        "seen": "d' is 40, known to 20 %, so the raw signal shows it; not known: a second reading",
        "near": "a second reader confirms it; not known: whether the raw signal shows it (d' is "
        "5.2, known to 20 %, 5 is needed)",
        "dark": "not known: its detectability (no noise is stated) and a second reading",
    }
