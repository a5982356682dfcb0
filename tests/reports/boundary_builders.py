"""A boundary of three axes with its guard and explanation, by hand."""

from __future__ import annotations

from report_builders import SPOT, case, declaration

from limen.boundary import (
    TOGETHER,
    Boundary,
    Certificate,
    Guard,
    Margin,
    Path,
    SearchAxis,
    Step,
)
from limen.boundary.explain import Explanation, fragile_cases
from limen.boundary.explain_limit import Explained
from limen.boundary.explain_modes import FailureMode
from limen.boundary.guard_calibration import Parts
from limen.boundary.guard_parts import GuardedAxis, Header, Likeness, Reader, Shapes
from limen.boundary.headroom import headroom
from limen.reports.boundary_words import FailingItem, compose

DOSE = SearchAxis("ct.dose", "", 1.0, 0.05, 0.03, "log")
VIEWS = SearchAxis("ct.views", "views", 984, 60, 0.03, "log", True)
MOTION = SearchAxis("ct.motion", "mm", 0, 5, 0.03)
LIMITS = {"ct.dose": 0.35, "ct.views": 123.0, "ct.motion": 2.0}


def step(condition, failed, certified, more=None):
    return Step(condition, 40, failed, 0.012 if certified else 0.4, 0.0167, certified, more)


def certificate(certified=True):
    paths = tuple(
        Path(name, (step({name: value}, 2, True), step({name: value / 2}, 9, False, 14)))
        for name, value in LIMITS.items()
    )
    together = Path(TOGETHER, (step({"ct.dose": 0.7, "ct.views": 300.0}, 3, True),))
    return Certificate(
        "phantom", ("validation",), {}, "certified" if certified else "not certified", 0.1, 0.95,
        40, 40, step({}, 1 if certified else 11, certified, None if certified else 61),
        (*paths, together) if certified else (),
    )  # fmt: skip


def boundary(certified=True):
    flips = [("ct.dose", 0.8), ("ct.motion", 0.4), ("ct.views", 600.0), ("ct.dose", 0.5)]
    margins = tuple(
        Margin(f"validation/case-{n}", f"P{n}", "phantom", axis, "flips", value, None, 6)
        for n, (axis, value) in enumerate(flips)
    )
    few = Certificate(
        "phantom", ("validation",), {"site": "east"}, "too few to say", 0.1, 0.95, 4, 4,
        step({}, 1, False, 40),
    )  # fmt: skip
    return Boundary(
        (DOSE, VIEWS, MOTION), {"validation": 20}, {"validation": 40}, margins, (),
        (certificate(certified),), (few,), {}, ("4 of 20 exploration cases fail as acquired.",),
    )  # fmt: skip


def guard(certified=True, limits=LIMITS, origin="phantom"):
    reader = Reader(False, (0.0,), (1.0,), (1.0, 0.0), 0.5, reliable_from=0.9)
    axes = tuple(
        GuardedAxis(a, limits[a.name], certified, reader, None)
        for a in (DOSE, VIEWS, MOTION)
        if a.name in limits
    )
    like = Likeness((0.0,), (1.0,), ((1.0,),), (0.5, 1.0), 0.34)
    share = {"images": 60, "events": 4, "patients": 30, "rate": 4 / 60, "high": 0.2}
    rates = {
        "inside_refused": share,
        "axes": {
            n: {"outside_let_through": share, "beyond_error_let_through": {**share, "events": 1}}
            for n in limits
        },
        "notes": [],
    }
    return Guard(
        "ct-lung-nodule", "0.1.0", "CT", (18.0, 110.0), certified, "as certified",
        Parts(axes, Header((), {}), like, like, Shapes((0.0,), ((1.0,),)), (), 30),
        (1.5, 1.5), (2.5, 2.5), origin, rates,
    )  # fmt: skip


FAILING = tuple(f"case-{n}, lesion 1" for n in range(10, 19))


def failure_mode(where="site = south", failing=FAILING):
    return FailureMode((where,), 30, 9, 14, 0.3, 0.15, 0.49, 0.08, 0.012, 57, failing)


def failing_lesions(nodules, names=FAILING):
    """A missed lesion of each case with its close-up, as the pipeline finds them."""
    measured = case(nodules, 10, (), (SPOT,))[1]
    size_mm = measured.measurement["lesions"]["reference"][0]["diameter_mm"]
    return {
        name: FailingItem(f"validation/{name.partition(',')[0]}", size_mm,
                          {**measured.pictures[0], "plane": f"axial ({name})"}, True)
        for name in names
    }  # fmt: skip


def explanation(of=None, modes=None):
    limit = Explained("cannot tell", ("nothing is known",), ("a second reading",))
    rows = [True] * 4 + [False] * 36
    modes = (failure_mode(),) if modes is None else modes
    return Explanation(tuple(fragile_cases(of or boundary())), modes, limit, (), headroom(rows))


def document(certified=True, **changed):
    nodules = declaration()
    found = boundary(certified)
    picture = case(nodules, 0)[1].pictures[-1]
    given = {
        "declaration": nodules,
        "boundary": found,
        "guard": guard(certified),
        "explanation": explanation(found),
        "pictures": {"validation/case-1": picture, "validation/case-0": picture},
        "failing": failing_lesions(nodules),
        "sources": {"boundary": "0" * 64},
        "made_utc": "2026-11-25T15:00:00+00:00",
    }
    return compose(**{**given, **changed})
