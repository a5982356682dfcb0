"""A report of twelve small cases, as several tests look at it."""

import pytest
from report_builders import OTHER, SPOT, case, dataset, declaration, development, report_input

from limen.reports import render


@pytest.fixture(scope="module")
def nodules():
    return declaration()


@pytest.fixture(scope="module")
def some(nodules):
    """Nine good cases, one empty, one with a miss, one with a miss and two false marks."""
    good = [case(nodules, n) for n in range(9)]
    empty = case(nodules, 9, (), ())
    missed = case(nodules, 10, (), (SPOT,))
    worst = case(nodules, 11, (OTHER, ((25, -12, -8), 4)), (SPOT,), attributes={"site": "a"})
    return [*good, empty, missed, worst]


@pytest.fixture(scope="module")
def page(nodules, some):
    given = report_input([development(), dataset("validation", some, nodules)], nodules)
    return render(given)
