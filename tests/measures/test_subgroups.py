"""Subgroups: the figures of a group are those of its cases alone, and none goes unnamed."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.measures import CaseRow, clopper_pearson, judge, measure_case, summarise
from limen.measures.bootstrap import MIN_PATIENTS
from limen.measures.subgroups import flat_rows
from limen.product.declaration import Criterion, Risk, Task

TASK = Task(kind="lesion-detection", labels={"nodule": 1})
CRITERIA = [
    Criterion(measure="missed_lesions", min_diameter_mm=4, at_most=0),
    Criterion(measure="dice", at_least=0.5),
]
RISK = Risk(failure_rate=0.10, confidence=0.95)
# cubes of 2 and 5 mm: 2.48 and 6.2 mm across
CORNERS = {"small": ((15, 15, 8), 2), "large": ((2, 2, 2), 5), "false": ((20, 2, 2), 2)}


@cache
def measured(found, there):
    maps = []
    for names in (found, there):
        labels = np.zeros((24, 24, 12), np.uint8)
        for name in names:
            (i, j, k), side = CORNERS[name]
            labels[i : i + side, j : j + side, k : k + side] = 1
        maps.append(labels)
    measurement = measure_case(maps[0], maps[1], np.eye(4), TASK)
    return judge(measurement, CRITERIA, TASK), measurement


def row(case, patient, found=("large",), there=("large",)):
    return CaseRow(case, patient, *measured(tuple(found), tuple(there)))


def study(sizes, failing=(), lost=()):
    """Sites of so many patients, a case each; cases by name that fail, and that were lost."""
    rows, gone, facts = [], [], {}
    for site, n in sizes.items():
        for i in range(n):
            case = f"{site}{i}"
            facts[case] = {"site": site, "sex": "female" if i % 2 else "male"}
            if case in lost:
                gone.append((case, f"p-{case}", "unreadable"))
            else:
                rows.append(row(case, f"p-{case}", () if case in failing else ("large",)))
    return rows, gone, facts


def found(rows, lost=(), attributes=None):
    return summarise(rows, lost, RISK, TASK, attributes=attributes).subgroups


def group_of(made, **by):
    return next(g for g in made["groups"] if g["by"] == by)


def assert_alike(one, other):
    """The same figures, but for the number of resamples behind bootstrap intervals."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        resampled = "bootstrap" in str(one.get("method"))
        for key in one:
            if resampled and key in ("low", "high"):
                assert one[key] == pytest.approx(other[key], abs=0.03 * max(1, other["high"]))
            elif not (resampled and key == "method"):
                assert_alike(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_alike(a, b)
    else:
        assert one == other


def test_figures_of_a_group_are_those_of_its_cases_alone():
    rows, lost, facts = study({"A": 14, "B": 12}, failing={"A3", "A4", "B1"}, lost={"A0"})
    made = found(rows, lost, facts)
    for site in "AB":
        mine = [r for r in rows if facts[r.case]["site"] == site]
        gone = [x for x in lost if facts[x[0]]["site"] == site]
        alone = json.loads(json.dumps(summarise(mine, gone, RISK, TASK).as_dict()))
        group = json.loads(json.dumps(group_of(made, site=site)))
        shared = ("failure_rate", "failure_rate_at_worst", "sensitivity", "false_marks", "labels")
        for key in (*shared, "n_cases", "n_not_evaluated"):
            assert_alike(group[key], alone[key])
    assert group_of(made, site="A")["n_patients"] == 14


def test_every_criterion_has_its_share_of_patients():
    rows, _, facts = study({"A": 12, "B": 12}, failing={"A3", "A4"})
    met = {
        c["measure"]: c["patients_meeting"]
        for c in group_of(found(rows, (), facts), site="A")["criteria"]
    }
    assert met["missed_lesions"]["value"] == pytest.approx(10 / 12)
    assert met["dice"]["value"] == pytest.approx(10 / 12)
    exact = clopper_pearson(10, 12)
    assert (met["dice"]["low"], met["dice"]["high"]) == (exact.low, exact.high)


def test_groups_too_small_are_named_and_have_no_figures():
    rows, _, facts = study({"A": 12, "B": MIN_PATIENTS - 1, "C": 1})
    made = found(rows, (), facts)
    assert [g["by"] for g in made["groups"] if "site" in g["by"] and len(g["by"]) == 1] == [
        {"site": "A"}
    ]
    small = {g["by"]["site"]: g for g in made["too_small"]}
    assert set(small) == {"B", "C"}
    assert small["B"]["cannot_say"] == "nothing can be said with n = 9 patients; it takes 10"
    assert small["C"]["cannot_say"] == "nothing can be said with n = 1 patient; it takes 10"
    assert "failure_rate" not in small["B"]


def test_a_site_whose_cases_are_all_lost_does_not_vanish():
    rows, lost, facts = study({"A": 12, "B": 12}, lost={f"B{i}" for i in range(12)})
    group = group_of(found(rows, lost, facts), site="B")
    assert (group["n_cases"], group["n_not_evaluated"], group["n_patients"]) == (0, 12, 12)
    assert group["failure_rate"]["value"] is None
    assert group["failure_rate_at_worst"]["value"] == 1.0
    worst = {w["measure"]: w for w in found(rows, lost, facts)["worst"]}
    assert worst["failure_rate_at_worst"]["by"] == {"site": "B"}


def test_crossings_need_enough_patients():
    rows, _, facts = study({"A": 40, "B": 12})
    made = found(rows, (), facts)
    crossed = [g["by"] for g in made["groups"] if len(g["by"]) == 2]
    assert crossed == [{"site": "A", "sex": "female"}, {"site": "A", "sex": "male"}]
    assert made["crossings_too_small"] == 2  # six of either sex at B


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, "0 to 17 years"),
        (17.99, "0 to 17 years"),
        (18, "18 to 44 years"),
        (45, "45 to 64 years"),
        (65, "65 to 74 years"),
        (75, "75 years or more"),
        (104, "75 years or more"),
    ],
)
def test_age_bands(age, band):
    rows = [row(f"c{i}", f"p{i}") for i in range(24)]
    facts = {
        f"c{i}": {"age_years": age if i < 12 else 30 if band[:2] != "18" else 5} for i in range(24)
    }
    assert group_of(found(rows, (), facts), age=band)["n_patients"] == 12


def test_what_is_not_stated_is_said():
    rows, _, facts = study({"A": 12, "B": 12})
    for case in list(facts)[:3]:
        del facts[case]["sex"]
    for case in facts:
        facts[case] |= {"manufacturer": "X", "accession": f"id-{case}", "kvp": 120.0, "sex_": ""}
    made = found(rows, (), facts)
    assert made["attributes"] == ["site", "sex"]
    assert made["unstated"] == {"scanner": 24, "sex": 3, "age": 24}
    assert made["all_alike"] == {"manufacturer": "X"}
    none = found(rows)
    assert (none["groups"], none["attributes"]) == ([], [])
    assert none["unstated"] == dict.fromkeys(["site", "scanner", "sex", "age"], 24)


def test_an_identifier_is_not_a_group():
    rows = [row(f"c{i}", f"p{i}") for i in range(40)]
    made = found(rows, (), {f"c{i}": {"series": f"s{i}"} for i in range(40)})
    assert made["attributes"] == []
    assert made["too_many_values"] == {"series": 40}
    many = found(rows, (), {f"c{i}": {"site": f"s{i}"} for i in range(40)})
    assert (many["attributes"], many["too_many_values"]) == ([], {"site": 40})


def test_lesions_by_size():
    rows = [
        row(f"c{i}", f"p{i}", ("large",) if i % 3 else (), ("large", "small")) for i in range(12)
    ]
    bands = found(rows)["lesion_sizes"]
    assert [(b["from_mm"], b["below_mm"], b["found"], b["present"]) for b in bands] == [
        (0.0, 3.0, 0, 12),
        (6.0, 10.0, 8, 12),
    ]
    assert bands[1]["sensitivity"]["low"] < 8 / 12 < bands[1]["sensitivity"]["high"]
    assert "same value" in bands[0]["sensitivity"]["cannot_say"]


def test_the_worst_group_has_an_interval_for_having_been_picked():
    failing = {f"C{i}" for i in range(8)} | {"A1"}
    rows, _, facts = study({"A": 20, "B": 20, "C": 20, "D": 4}, failing=failing)
    for case in facts:
        del facts[case]["sex"]
    worst = {w["measure"]: w for w in found(rows, (), facts)["worst"]}
    rate = worst["failure_rate"]
    assert (rate["by"], rate["compared"]) == ({"site": "C"}, 3)
    assert rate["figure"]["value"] == 0.4
    wide = clopper_pearson(8, 20, 1 - 0.05 / 3)
    assert (rate["figure"]["low"], rate["figure"]["high"]) == (wide.low, wide.high)
    assert rate["confidence_over_all"] == 0.95
    assert worst["dice"]["by"] == {"site": "C"}
    assert worst["sensitivity"]["by"] == {"site": "C"}


def test_the_interval_of_the_worst_group_holds_where_a_plain_one_does_not():
    rng = np.random.default_rng(0)
    groups, n, truth, runs = 12, 30, 0.2, 400
    plain = widened = 0
    for events in rng.binomial(n, truth, size=(runs, groups)).max(axis=1):
        plain += clopper_pearson(int(events), n).low <= truth
        widened += clopper_pearson(int(events), n, 1 - 0.05 / groups).low <= truth
    assert widened / runs >= 0.95
    assert plain / runs < 0.9


def test_patients_with_several_cases_count_once_in_each_group():
    rows = [row(f"c{i}", f"p{i % 11}", () if i == 5 else ("large",)) for i in range(33)]
    facts = {f"c{i}": {"scanner": "one" if i < 22 else "two"} for i in range(33)}
    made = found(rows, (), facts)
    one, two = (group_of(made, scanner=s) for s in ("one", "two"))
    assert (one["n_cases"], one["n_patients"]) == (22, 11)
    assert (two["n_cases"], two["n_patients"]) == (11, 11)
    assert one["failure_rate"]["value"] == pytest.approx(1 / 11)


def test_it_is_json_and_becomes_a_table():
    rows, lost, facts = study({"A": 14, "B": 12, "C": 2}, failing={"A3"}, lost={"A0"})
    summary = json.loads(
        json.dumps(summarise(rows, lost, RISK, TASK, attributes=facts).as_dict(), allow_nan=False)
    )
    table = flat_rows(summary)
    groups = list(dict.fromkeys(r["group"] for r in table))
    assert groups[:3] == ["all cases", "site A", "site B"]
    assert groups[-1] == "site C"
    assert "n = 2 patients" in table[-1]["cannot_say"]
    rate = next(r for r in table if r["group"] == "site A" and r["measure"] == "failure_rate")
    assert rate["value"] == pytest.approx(1 / 13)
    keys = [(r["group"], r.get("measure"), r.get("label"), r.get("min_diameter_mm")) for r in table]
    assert len(keys) == len(set(keys))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.booleans()), min_size=1, max_size=50))
def test_single_groups_and_the_small_ones_hold_every_case_once(drawn):
    rows = [row(f"c{i}", f"p{i}", ("large",) if ok else ()) for i, (_, ok) in enumerate(drawn)]
    facts = {f"c{i}": {"site": site} for i, (site, _) in enumerate(drawn)}
    made = found(rows, (), facts)
    if len({site for site, _ in drawn}) == 2:
        assert sum(g["n_cases"] for g in [*made["groups"], *made["too_small"]]) == len(rows)
    else:
        assert made["groups"] == []
