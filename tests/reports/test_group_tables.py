"""What the report says of groups: the same figures, the worst by name, none left unnamed."""

from __future__ import annotations

import numpy as np

from limen.measures import CaseRow, judge, measure_case, summarise
from limen.product.declaration import Criterion, Risk, Task
from limen.reports.groups import group_tables

RISK = Risk(failure_rate=0.10, confidence=0.95)
CRITERIA = [Criterion(measure="missed_lesions", min_diameter_mm=4, at_most=0)]


def summary_of(sites, kind="lesion-detection", criteria=CRITERIA):
    """Sites of so many patients, of whom so many fail."""
    task = Task(kind=kind, labels={"nodule": 1})
    truth = np.zeros((16, 16, 8), np.uint8)
    truth[2:7, 2:7, 2:6] = 1
    measured = {
        found: (judge(m, criteria, task), m)
        for found, m in (
            (found, measure_case(truth * found, truth, np.eye(4), task)) for found in (True, False)
        )
    }
    rows, facts = [], {}
    for site, (n, failing) in sites.items():
        for i in range(n):
            facts[f"{site}{i}"] = {"site": site}
            rows.append(CaseRow(f"{site}{i}", f"p-{site}{i}", *measured[i >= failing]))
    return summarise(rows, [], RISK, task, attributes=facts).as_dict(), task


def test_the_worst_group_stands_first_with_its_wider_interval():
    tables = group_tables(*summary_of({"A": (20, 2), "B": (20, 9), "C": (3, 0)}))
    worst = {w.name: w for w in tables.worst}
    failing = worst["Patients failing"]
    assert (failing.group, failing.figure.value, failing.compared) == ("site B", "45.0 %", 2)
    of_b = next(g for g in tables.groups if g.name == "site B").figures[0]
    assert of_b.value == failing.figure.value
    assert of_b.interval != failing.figure.interval
    assert worst["Nodules found, 4 mm or more"].group == "site B"
    assert tables.remarks[0] == "Site C: nothing can be said with n = 3 patients; it takes 10."
    assert "Sex is not stated for 43 cases." in tables.remarks


def test_a_group_has_a_figure_for_each_column():
    tables = group_tables(*summary_of({"A": (12, 2), "B": (12, 0)}))
    for group in tables.groups:
        assert [r.name for r in group.figures] == list(tables.columns)
        assert all(r.value is not None for r in group.figures)
    assert tables.columns[0] == "Patients failing"
    found = tables.groups[0].figures[1]
    assert (found.value, tables.groups[0].name) == ("83.3 %", "site A")


def test_outlines_are_told_by_their_dice():
    summary, task = summary_of(
        {"A": (12, 3), "B": (12, 0)}, "segmentation", [Criterion(measure="dice", at_least=0.5)]
    )
    tables = group_tables(summary, task)
    assert tables.columns == ("Patients failing", "Dice of nodule, mean")
    assert {g.name: g.figures[1].value for g in tables.groups} == {
        "site A": "0.750",
        "site B": "1.000",
    }
    assert {w.name: w.group for w in tables.worst}["Dice of nodule, mean"] == "site A"


def test_no_attribute_at_all_is_told():
    summary, task = summary_of({"A": (12, 3)})
    tables = group_tables(summary, task)
    assert tables.groups == ()
    assert "Site is A in every case that states it." in tables.remarks
