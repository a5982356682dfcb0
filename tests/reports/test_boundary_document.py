"""The boundary's page and file: both from one source, neither without its limits."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace

import pytest
from boundary_builders import (
    FAILING,
    LIMITS,
    boundary,
    document,
    explanation,
    failing_lesions,
    failure_mode,
    guard,
)
from report_builders import declaration

from limen.boundary import Boundary, Guard, GuardError
from limen.boundary.explain import Explanation, LesionCause, fragile_cases
from limen.reports.boundary import (
    LimitsMissing,
    boundary_json,
    boundary_page,
    write_boundary,
)

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S))


def test_the_page_names_each_limit_with_its_unit() -> None:
    said = text(boundary_page(document()))
    for words in (
        "Certified: at most 10 % of patients fail, with 95 % confidence",
        "(ct.dose): down to 0.35.",
        "(ct.views): down to 123 views.",
        "(ct.motion): up to 2 mm.",
        "(ct.dose) is below 0.35.",
        "(ct.motion) is above 2 mm.",
        "Lesions under 6 mm: nothing is claimed of them.",
        "On real patients: these limits were found on simulated ones.",
        "site east (1 of 40 fail)",
        "Several of these are near their own limit at once.",
        "site = south: 9 of 30 lesions fail",
        "passes with ct.motion up to 0.4 mm",
        "As acquired 1 of 40 patients fail",
    ):
        assert words in said, words


def test_a_declared_axis_that_was_not_searched_is_not_trusted_and_the_profile_is_told() -> None:
    found = boundary()
    quick = "Profile quick: the first 3 axes. The full profile takes all axes: 22 min."
    declared = declaration()
    declared = declared.model_copy(
        update={"physics": dict.fromkeys([a.name for a in found.axes] + ["ct.kernel"])}
    )
    made = document(
        declaration=declared, boundary=replace(found, notes=(*found.notes, "Another.", quick))
    )
    unsearched = [words for words in made.not_when if "not searched" in words]
    assert len(unsearched) == 1 and "(ct.kernel)" in unsearched[0]
    assert made.based_on[-1] == "Profile quick: the first 3 axes."


def test_an_empty_boundary_says_so_and_trusts_nothing() -> None:
    said = text(boundary_page(document(certified=False)))
    assert "Nothing is certified." in said and "Nothing yet." in said
    assert "On any image: no limit could be certified yet." in said
    assert "(ct.dose): down to" not in said


def test_each_statement_of_evidence_names_its_own_origin() -> None:
    """A real scan beside simulated patients: neither covers the other."""
    found = boundary()
    few = replace(found.certificates[0], origin="resimulated", datasets=("real-ct",),
                  answer="too few to say", paths=())  # fmt: skip
    margin = replace(found.margins[0], case="real-ct/scan-1", origin="resimulated")
    both = replace(
        found,
        certificates=(*found.certificates, few),
        margins=(margin, *found.margins),
        exploration={"validation": 20, "real-ct": 1},
        certification={"validation": 40, "real-ct": 2},
    )
    made = document(boundary=both, explanation=explanation(both))
    phantom, real = made.based_on[:2]
    assert phantom == (
        "Evidence of simulated patients (nobody's data): searched on 20 patients of validation; "
        "certified on 40 patients of validation, none of them searched on."
    )
    assert real == (
        "Evidence of images degraded by simulation (not scans taken that way): searched on "
        "1 patient of real-ct; tested on 2 patients of real-ct: too few to say. No limit above "
        "rests on it."
    )
    assert made.headline.startswith("Certified of simulated patients: at most 10 %")
    assert "(simulated patients; exact binomial test" in made.confidence


def test_fragile_cases_are_of_the_origin_that_is_explained() -> None:
    found = boundary()
    margin = replace(found.margins[0], case="real-ct/scan-1", origin="resimulated")
    both = replace(found, margins=(margin, *found.margins))
    assert "real-ct/scan-1" in {f.case for f in fragile_cases(both)}
    assert "real-ct/scan-1" not in {f.case for f in fragile_cases(both, "phantom")}


def test_failing_lesions_are_counted_by_what_they_are_due_to() -> None:
    causes = tuple(
        LesionCause(f"case-{n}, lesion 1", limit, None, None, "because")  # type: ignore[arg-type]
        for n, limit in enumerate(["physics-limited", "cannot tell", "cannot tell"])
    )
    made = document(explanation=replace(explanation(), lesions=causes))
    assert "3 failing lesions: 1 physics-limited, 2 that nobody can tell." in made.watch_for
    assert "What limits the model cannot be told; missing: a second reading." in made.watch_for


def test_the_annex_shows_each_failure_mode_with_its_cases_and_pictures() -> None:
    made = document()
    page = boundary_page(made)
    first, annex = page.split('<div class="annex">')
    assert "Their failing cases are overleaf, with pictures." in text(first)
    said = text(annex)
    assert "site = south: 9 of 30 lesions fail" in said
    size = made.modes[0].pictures[0].picture["title"].removeprefix("Missed nodule, ")
    for name in FAILING:
        assert f"{name} ({size})" in said
    assert [p.name for p in made.modes[0].pictures] == list(FAILING[:3])
    assert annex.count("<image ") == 3 and annex.count('<rect class="t"') == 3
    assert 'aria-label="Case case-10, lesion 1, axial' in annex
    assert "Yellow: reference. Blue, dashed: model. White box: missed or false." in said
    kept = json.loads(boundary_json(made))
    assert kept["explanation"]["modes"][0]["failing"] == list(FAILING)
    assert kept["page"]["modes"][0]["failing"] == [f"{name} ({size})" for name in FAILING]


def test_without_a_failure_mode_there_is_no_annex() -> None:
    page = boundary_page(document(explanation=explanation(modes=())))
    assert "annex" not in page.partition("<body>")[2] and "overleaf" not in page


def test_pictures_are_of_the_lesion_itself_then_new_then_of_another_case() -> None:
    modes = tuple(failure_mode(f"site = {n}") for n in range(5))
    names = [f"case-1, lesion {n}" for n in range(1, 4)] + [f"case-{n}, lesion 1" for n in (2, 3)]
    items = failing_lesions(declaration(), names)
    items[names[0]] = replace(items[names[0]], is_close_up=False)
    items[names[4]] = replace(items[names[4]], picture=None, is_close_up=False)
    modes = tuple(replace(m, failing=tuple(names)) for m in modes)
    made = document(explanation=explanation(modes=modes), failing=items)
    assert [p.name for p in made.modes[0].pictures] == [names[3], names[1], names[2]]
    assert "Their failing cases and 2 more groups are overleaf" in str(made.watch_for)
    assert len(made.modes) == 5
    modes = (failure_mode(failing=(names[1], names[3])), failure_mode(failing=tuple(names)))
    made = document(explanation=explanation(modes=modes), failing=items)
    assert made.modes[1].pictures[0].name == names[2]
    one = document(explanation=explanation(modes=(failure_mode(failing=names[:1]),)), failing=items)
    assert "no close-up of it is kept" in one.modes[0].pictures[0].words


def test_a_failing_case_without_a_picture_is_listed_all_the_same() -> None:
    names = ("validation/case-7", "validation/case-8")
    of = explanation(modes=(failure_mode(failing=names),))
    said = text(boundary_page(document(explanation=of, failing={})).split('<div class="annex">')[1])
    assert "case-7; case-8." in said and said.count("no picture") == 2


def test_page_and_file_come_from_one_source(tmp_path) -> None:
    made = document()
    page = write_boundary(made, tmp_path)
    kept = (tmp_path / "boundary.json").read_bytes()
    assert kept == boundary_json(made)
    assert hashlib.sha256(kept).hexdigest() in page.read_text()
    read = json.loads(kept)
    for words in (*made.trust_on, *made.not_when, *made.watch_for, *made.based_on):
        assert (
            words
            in read["page"]["trust_on"]
            + read["page"]["not_when"]
            + read["page"]["watch_for"]
            + read["page"]["based_on"]
        )
    assert Boundary.from_dict(read["boundary"]) == made.boundary
    assert Explanation.from_dict(read["explanation"]) == made.explanation
    assert Guard.load(tmp_path) == made.guard
    page.write_text(page.read_text().replace("0.35", "0.05"))
    with pytest.raises(GuardError, match="not what was released"):
        Guard.load(tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"not_when": ()}, "must not be trusted"),
        ({"not_when": (" ",)}, "must not be trusted"),
        ({"trust_on": ()}, "may be trusted"),
        ({"based_on": ()}, "based on"),
        ({"confidence": ""}, "based on"),
        ({"certified": False}, "disagree"),
        ({"boundary": replace(boundary(), certificates=())}, "no certificate"),
        ({"guard": guard(limits={**LIMITS, "ct.dose": 0.1})}, "beyond 0.35"),
        ({"guard": guard(limits={"ct.dose": 0.35, "ct.views": 123.0})}, "not enforce ct.motion"),
        ({"guard": guard(origin="measured")}, "origin measured"),
    ],
)
def test_nothing_is_made_without_its_limits(changed, words) -> None:
    with pytest.raises(LimitsMissing, match=words):
        replace(document(), **changed)


def test_what_data_say_is_escaped() -> None:
    nodules = declaration(statement="<script>alert(1)</script> marks nodules on chest CT.")
    page = boundary_page(document(declaration=nodules))
    assert "<script" not in page and "&lt;script&gt;" in page


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
@pytest.mark.parametrize("certified", [True, False])
def test_what_is_signed_fits_one_a4_page_and_asks_for_nothing(tmp_path, certified) -> None:
    api = pytest.importorskip("playwright.sync_api")
    from pypdf import PdfReader

    of = explanation(modes=tuple(failure_mode(f"site = {n}") for n in range(5)))
    page = write_boundary(document(certified, explanation=of), tmp_path)
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        asked, complaints = [], []
        tab.on("request", lambda r: asked.append(r.url))
        tab.on("console", lambda m: complaints.append(m.text))
        tab.goto(page.as_uri())
        wide = tab.evaluate("document.documentElement.scrollWidth")
        tab.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
        browser.close()
    assert [u for u in asked if not u.startswith("data:")] == [page.as_uri()]
    assert complaints == [] and wide <= 1280
    first, *annex = (p.extract_text() for p in PdfReader(tmp_path / "page.pdf").pages)
    assert "SHA-256" in first and "Where it fails" not in first
    assert annex[0].startswith("Where it fails") and "SHA-256" not in "".join(annex)
