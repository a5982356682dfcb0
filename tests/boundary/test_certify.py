"""Certification: coverage with a known truth, exact counts, cells, and what a naive mean claims."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from limen.boundary import TOGETHER, Boundary, Certificate, Margin, SearchAxis, Trial
from limen.boundary.certify import CertificationCase, certify, certify_cells, everybody
from limen.boundary.paths import plan_paths
from limen.boundary.selective import certify_selective, learn_threshold
from limen.boundary.words import condition_in_words

RATE, SURE = 0.10, 0.95
AXES = (SearchAxis("x", "mm", 0.0, 1.0, 0.1), SearchAxis("y", "", 1.0, 0.1, 0.1, "log"))
LEVELS = [0.2, 0.4, 0.6, 0.8]
PATHS = {
    "x": [{"x": v} for v in LEVELS],
    "y": [{"y": AXES[1].value(v)} for v in LEVELS],
    TOGETHER: [{"x": v, "y": AXES[1].value(v)} for v in LEVELS],
}


def cases_of(patients: int, each: int = 1, **attributes: str) -> list[CertificationCase]:
    return [
        CertificationCase(f"set/{p}-{k}", f"p{p}", attributes)
        for p in range(patients)
        for k in range(each)
    ]


def certified(cases, failing, paths=PATHS, **options) -> Certificate:
    chosen = {"failure_rate": RATE, "confidence": SURE, "origin": "phantom"} | options
    return certify(cases, paths, everybody(cases, failing), **chosen)


def severity(condition) -> tuple[float, float]:
    x, y = (a.position(condition.get(a.name, a.nominal)) for a in AXES)
    return x, y


# --- coverage ------------------------------------------------------------------------------------


def true_rate(condition, base: float, slope: tuple[float, float]) -> float:
    x, y = severity(condition)
    return min(base + slope[0] * x + slope[1] * y, 1.0)


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize(
    ("base", "slope"),
    [
        (0.1001, (0.0, 0.0)),  # just above everywhere: a certificate of anything is wrong
        (0.02, (0.402, 0.1)),  # x crosses the rate at its first step
        (0.05, (0.0628, 0.0628)),  # both cross it at their last step
    ],
)
def test_the_stated_rate_is_exceeded_in_at_most_the_stated_share(base, slope, clustered):
    """1,000 certifications; 5 % and three standard deviations of Monte Carlo: 6.4 % + rounding."""
    rng = np.random.default_rng(7)
    each = 2 if clustered else 1
    cases = cases_of(64, each)
    wrong = claims = 0
    for _ in range(1000):
        # a patient fails where its own tolerance is under the rate; of its cases any one may
        tolerance = rng.random(64)
        weak = rng.integers(0, each, 64)

        def failing(condition, names, tolerance=tolerance, weak=weak):
            limit = true_rate(condition, base, slope)
            return {f"set/{p}-{weak[p]}" for p in np.flatnonzero(tolerance < limit)}

        found = certified(cases, failing)
        reached = [] if found.answer != "certified" else [{}, *found.corners]
        claims += bool(reached)
        wrong += any(true_rate(c, base, slope) > RATE for c in reached)
    assert wrong <= 64
    if base < 0.1:
        assert claims > 100  # the guarantee is not bought by never claiming anything


def test_the_naive_estimate_of_cases_fails_this():
    """The share of failing cases, under the rate at the farthest condition: what averages claim."""
    rng = np.random.default_rng(7)
    patients, each = 120, 3
    wrong = 0
    for _ in range(1000):
        tolerance = rng.random(patients)
        for condition in (s for path in PATHS.values() for s in path):
            limit = true_rate(condition, 0.05, (0.0628, 0.0628))
            of_cases = (tolerance < limit).sum() / (patients * each)
            if of_cases <= RATE and limit > RATE:
                wrong += 1
                break
    assert wrong > 640


# --- counts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("patients", "answer"), [(28, "too few to say"), (29, "certified")])
def test_twenty_nine_patients_without_failure_certify_ten_percent(patients, answer):
    found = certified(cases_of(patients), lambda c, n: set())
    assert found.answer == answer
    assert found.nominal.p_value == pytest.approx(0.9**patients)
    assert found.nominal.more_patients == (1 if patients == 28 else None)


def test_more_patients_is_what_it_takes():
    failed = {f"set/{p}-0" for p in range(3)}
    found = certified(cases_of(50), lambda c, n: failed & set(n))
    assert found.answer == "not certified"
    assert found.paths == ()
    assert found.nominal.failing == tuple(sorted(failed))
    n = 50 + found.nominal.more_patients
    assert binom.cdf(3, n, RATE) <= 0.05 < binom.cdf(3, n - 1, RATE)


def test_one_failing_case_fails_its_patient_once():
    found = certified(cases_of(60, each=4), lambda c, n: {"set/0-0", "set/0-3"} & set(n))
    assert (found.nominal.failed, found.patients, found.cases) == (1, 60, 240)


def test_a_failure_at_a_milder_step_stays_and_is_not_tried_again():
    asked: list[tuple[float, int]] = []

    def failing(condition, names):
        asked.append((condition.get("x", 0.0), len(names)))
        return {"set/5-0"} & set(names) if condition.get("x") == 0.2 else set()

    found = certified(cases_of(80), failing, {"x": PATHS["x"]})
    assert [s.failed for s in found.paths[0].steps] == [1, 1, 1, 1]
    assert found.limit("x") == 0.8
    assert (0.2, 80) in asked
    assert (0.4, 79) in asked


def test_behind_the_gate_the_error_is_shared_and_passed_on():
    # enough for the whole error, not for half of it, until one path leaves its share
    n = math.ceil(math.log(0.05) / math.log(0.9))
    found = certified(cases_of(n), lambda c, names: set(), {"x": PATHS["x"], "y": PATHS["y"]})
    assert found.answer == "certified"
    assert [p.reached for p in found.paths] == [None, None]
    assert all(s.alpha == pytest.approx(0.025) for p in found.paths for s in p.steps)

    def failing(condition, names):
        return {"set/0-0", "set/1-0"} & set(names) if "y" in condition else set()

    # 2 of 64 have p = 0.044: certified once x has been certified to its end
    assert 0.025 < binom.cdf(2, 64, RATE) <= 0.05
    found = certified(cases_of(64), failing, {"x": PATHS["x"], "y": PATHS["y"]})
    assert found.limit("y") == pytest.approx(AXES[1].value(0.8))
    assert all(s.alpha == pytest.approx(0.05) for s in found.paths[1].steps)


def test_no_axis_is_claimed_farther_in_company_than_alone():
    """x alone is cut short at its second step; x and y at once are not, by other patients' luck."""
    steps = {
        "x": [{"x": 0.2}, {"x": 0.8}],
        "y": [{"y": AXES[1].value(0.5)}],
        "together": [{"x": 0.6, "y": AXES[1].value(0.4)}],
    }

    def failing(condition, names):
        return set(names) if condition == {"x": 0.8} else set()

    found = certified(cases_of(100), failing, steps)
    assert found.corners[-1] == steps["together"][0] and found.limit("x") == 0.2
    assert found.together(AXES) == {"x": 0.2, "y": AXES[1].value(0.4)}
    assert not found.contains({"x": 0.6}, AXES)
    assert found.contains({"x": 0.2, "y": AXES[1].value(0.4)}, AXES)


def test_two_axes_alone_do_not_certify_both_at_once():
    def failing(condition, names):
        return set(names) if len(condition) == 2 else set()

    found = certified(cases_of(100), failing)
    assert found.contains({"x": 0.8}, AXES)
    assert found.contains({"y": AXES[1].value(0.5)}, AXES)
    assert not found.contains({"x": 0.2, "y": AXES[1].value(0.2)}, AXES)
    assert not found.contains({"x": 0.9}, AXES)
    assert not found.contains({"z": 0.0}, AXES)


def test_no_patient_at_all_is_too_few():
    found = certified([], lambda c, n: set())
    assert (found.answer, found.nominal.certified, found.nominal.more_patients) == (
        "too few to say", False, 29,
    )  # fmt: skip


# --- cells ---------------------------------------------------------------------------------------


def test_cells_share_the_error_and_say_when_they_are_too_few():
    big = cases_of(60, site="A")
    other = [CertificationCase(f"set/b{i}", f"b{i}", {"site": "B"}) for i in range(60)]
    small = [CertificationCase(f"set/c{i}", f"c{i}", {"site": "C"}) for i in range(12)]
    bad = [CertificationCase(f"set/d{i}", f"d{i}", {"site": "D"}) for i in range(12)]
    found = certify_cells(
        [*big, *other, *small, *bad],
        {},
        lambda c, names: {n for n in names if n.startswith("set/d")},
        failure_rate=RATE,
        confidence=SURE,
        origin="phantom",
    )
    answers = {c.cell["site"]: c.answer for c in found}
    assert answers == {
        "A": "certified", "B": "certified", "C": "too few to say", "D": "not certified",
    }  # fmt: skip
    assert all(c.confidence == pytest.approx(0.975) for c in found)


def test_cells_are_wrong_together_no_oftener_than_stated():
    rng = np.random.default_rng(3)
    sizes = {"A": 40, "B": 35, "C": 33, "D": 30, "E": 10}
    cases = [
        CertificationCase(f"set/{s}{i}", f"{s}{i}", {"site": s})
        for s, n in sizes.items()
        for i in range(n)
    ]
    wrong = 0
    for _ in range(1000):
        failed = {c.case for c in cases if rng.random() < 0.1001}
        found = certify_cells(
            cases, {}, lambda c, names, failed=failed: failed & set(names),
            failure_rate=RATE, confidence=SURE, origin="phantom",
        )  # fmt: skip
        wrong += any(c.answer == "certified" for c in found)
    assert wrong <= 64


# --- selective use -------------------------------------------------------------------------------


def test_a_cell_certifies_no_step_that_it_would_not_by_itself():
    """A path that all patients cut short leaves no share: each cell stays within its own test."""
    rng = np.random.default_rng(7)
    compared = 0
    for _ in range(60):
        cases = [
            CertificationCase(f"set/{p}", f"p{p}", {"site": "A" if p < 60 else "B"})
            for p in range(110)
        ]
        # the patients of B fail early along x, so that all together go no further there
        reach = {
            c.case: rng.uniform(0.1 if c.attributes["site"] == "B" else 0.75, 4.0, 2) for c in cases
        }

        def failing(condition, names, reach=reach):
            x, y = severity(condition)
            return [n for n in names if x > reach[n][0] or y > reach[n][1]]

        whole = certified(cases, failing)
        tested = {p.name: [s.condition for s in p.steps] for p in whole.paths}
        cells = certify_cells(
            cases,
            tested,
            failing,
            failure_rate=RATE,
            confidence=SURE,
            origin="phantom",
            leaving=[name for name, steps in tested.items() if len(steps) == len(PATHS[name])],
        )
        for cell in cells:
            own = [c for c in cases if c.attributes == cell.cell]
            alone = certified(own, failing, confidence=cell.confidence)
            steps = {(p.name, *s.condition.items()) for p in cell.paths for s in p.steps
                     if s.certified}  # fmt: skip
            assert steps <= {(p.name, *s.condition.items()) for p in alone.paths for s in p.steps
                             if s.certified}  # fmt: skip
            compared += len(steps)
    assert compared


def trial(uncertainty: float, passed: bool) -> Trial:
    return Trial({}, passed, (), uncertainty=uncertainty)


def test_selective_use_is_wrong_no_oftener_than_stated():
    """Uncertainty sorts failures, but not well enough: no threshold reaches the rate in truth."""
    rng = np.random.default_rng(5)
    wrong = 0
    names = [f"set/{i}" for i in range(300)]
    patient_of = {n: n for n in names}
    cases = [CertificationCase(n, n, {}) for n in names[100:]]
    for _ in range(1000):
        u = rng.random(300)
        failed = rng.random(300) < 0.1001 + 0.2 * u
        table = {n: trial(float(u[i]), not failed[i]) for i, n in enumerate(names)}
        threshold = learn_threshold(
            {n: table[n] for n in names[:100]}, patient_of,
            failure_rate=RATE, confidence=SURE, patients_to_certify=200,
        )  # fmt: skip
        found = certify_selective(
            cases, {}, lambda c, some, table=table: {n: table[n] for n in some}, threshold,
            failure_rate=RATE, confidence=SURE, origin="phantom",
        )  # fmt: skip
        wrong += found.certificate is not None and found.certificate.answer == "certified"
    assert wrong <= 64


def test_a_sure_model_is_certified_where_it_is_sure():
    names = [f"set/{i}" for i in range(180)]
    table = {n: trial(i % 10 / 10, i % 10 < 6) for i, n in enumerate(names)}
    threshold = learn_threshold(
        {n: table[n] for n in names[:60]}, {n: n for n in names},
        failure_rate=RATE, confidence=SURE, patients_to_certify=120,
    )  # fmt: skip
    cases = [CertificationCase(n, n, {}) for n in names[60:]]
    found = certify_selective(
        cases, {"x": PATHS["x"][:1]}, lambda c, some: {n: table[n] for n in some}, threshold,
        failure_rate=RATE, confidence=SURE, origin="phantom",
    )  # fmt: skip
    assert found.threshold == 0.5
    assert found.answered == pytest.approx(0.6)
    assert (found.failed, found.certificate.answer) == (0, "certified")
    assert found.certificate.limit("x") == 0.2


def test_a_model_without_scores_has_no_selective_use():
    assert learn_threshold(
        {"set/1": Trial({}, True)}, {"set/1": "p"},
        failure_rate=RATE, confidence=SURE, patients_to_certify=99,
    ) is None  # fmt: skip


# --- paths ---------------------------------------------------------------------------------------


def margins(axis: SearchAxis, *ends: float) -> list[Margin]:
    return [
        Margin(f"s/{i}", f"p{i}", "phantom", axis.name, "flips", axis.value(e), axis.value(e), 5)
        for i, e in enumerate(ends)
    ]


def test_paths_lead_outward_to_where_too_many_would_fail():
    found = plan_paths(
        AXES, margins(AXES[0], *np.linspace(0.3, 0.9, 20)), [], tolerated=0.1, steps=4
    )
    at = [AXES[0].position(c["x"]) for c in found["x"]]
    assert at == sorted(at)
    third = np.linspace(0.3, 0.9, 20)[2]
    assert at[2] == pytest.approx(third, abs=1e-5)
    assert len(found[TOGETHER][0]) == 2


def test_a_condition_on_several_axes_names_each_in_the_order_of_the_axes():
    condition = {"y": 0.5, "x": 0.25}
    assert condition_in_words(condition, AXES) == "x 0.25 mm, y 0.5"
    assert condition_in_words({"x": 0.25}, AXES) == "0.25 mm"


def test_a_boundary_survives_json():
    found = certified(cases_of(64), lambda c, n: set())
    boundary = Boundary(AXES, {"set": 20}, {"set": 64}, certificates=(found,))
    import json

    assert Boundary.from_dict(json.loads(json.dumps(boundary.as_dict()))) == boundary
