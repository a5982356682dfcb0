"""The report: failing cases first, every figure with its n, nothing loaded, nothing run."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
from report_builders import (
    GRID,
    OUTLINE_CRITERIA,
    SIMULATED,
    SPOT,
    balls,
    case,
    chest,
    dataset,
    declaration,
    development,
    measured,
    report_input,
)

from limen.data import Volume
from limen.reports import DatasetReport, MissingEvidence, render
from limen.reports.cases import case_view

VOID = {"meta", "link", "br", "hr", "img", "input", "col", "base", "area", "embed", "wbr"}
# in HTML, SVG shapes may close themselves
SVG_EMPTY = {"path", "rect", "circle", "image", "use", "line"}


class Page(HTMLParser):
    """Tags in order, checked to nest; text apart from style and script."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.words, self.tags = [], [], [], [], []
        self.attributes = []
        self.feed(html)
        self.close()
        assert self.open == [], f"left open: {self.open}"
        self.text = " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def handle_starttag(self, tag, attrs):
        self._seen(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID | SVG_EMPTY, f"<{tag}/> is not closed in HTML"
        self._seen(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def _seen(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "srcset", "data", "action"):
                self.links.append(value)


def test_it_is_well_formed_html_and_its_links_lead_somewhere(page):
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {x.removeprefix("#") for x in parsed.links if x.startswith("#")} <= set(parsed.ids)
    assert parsed.tags.count("h1") == 1
    assert parsed.tags.count("main") == 1


def test_nothing_is_loaded_from_anywhere(page):
    parsed = Page(page)
    assert all(x.startswith(("#", "data:image/jpeg;base64,")) for x in parsed.links)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page).replace("http-equiv", "")
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in page


def test_the_room_is_imported_without_numpy_or_jinja():
    code = "import sys, limen.reports; print({'numpy', 'jinja2', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_failing_cases_come_before_any_average_and_the_worst_first(page):
    text = Page(page).text
    order = [
        text.index("What is claimed"),
        text.index("What was found"),
        text.index("Cases that fail"),
        text.index("case-11"),
        text.index("case-10"),
        text.index("Cases that pass"),
        text.index("95 % interval"),
        text.index("The data"),
        text.index("Evidence still missing"),
        text.index("How the numbers were computed"),
        text.index("Provenance Digests"),
    ]
    assert order == sorted(order)


def test_the_answer_says_claim_count_and_origin_in_words(page):
    text = Page(page).text
    assert "no nodule of 6 mm or more is missed; and at most 1 false mark." in text
    assert "at most 10 % of patients have a case that fails, with 95 % confidence" in text
    assert "2 of 12 cases fail" in text
    assert "simulated patients (in-silico)" in text
    # each average says so: in the answer, over the figures, under each chart, over the table
    assert text.count("On simulated patients, not patients' data.") >= 5


def test_each_failing_case_has_its_reasons_values_limits_and_pictures(page):
    text = Page(page).text
    assert re.search(r"1 nodule of 6 mm or more missed: \d+\.\d mm at \(-25, -10, 0\) mm LPS", text)
    assert re.search(r"2 false marks, limit 1: ", text)
    assert "False marks 2 at most 1 ✕ not met" in text
    assert "Missed nodules, 6 mm or more 1 at most 0 ✕ not met" in text
    assert "0 of 1 nodule found · 2 false marks" in text
    # worst: one miss, two false marks, whole slice; second: miss, whole slice; ten passing
    assert page.count("data:image/jpeg") == 4 + 2 + 10
    assert "R</text>" in page
    assert "site : a" in text or "site a" in text


def test_every_figure_has_n_and_an_interval_or_the_reason_why_not(page):
    table = re.search(r'<table class="figures">(.*?)</table>', page, re.S)[1]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', table, re.S)
    assert len(rows) >= 12
    for name, cells in rows:
        values = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td[^>]*>(.*?)</td>", cells)]
        assert re.fullmatch(r"\d+ (patient|case|nodule)s?", values[-2]), name
        assert re.fullmatch(r"\d+", values[-1]), name
        if 'class="why-not"' in cells:
            assert any(len(v) > 12 for v in values), name
        else:
            assert " to " in values[1], name
            assert re.search(r"<sup>\d+</sup>", cells), name


def test_figures_agree_with_the_summary(nodules, some, page):
    # 10 of 12 patients have a nodule found where there was one: 9 good of 11 with a nodule
    text = Page(page).text
    assert "Nodules found, 6 mm or more (9 of 11) 81.8 %" in text
    assert "Patients with a failing case 16.7 % 2.1 to 48.4 %" in text


def test_no_text_of_nothing_reaches_the_reader(page):
    for word in ("nan", "none", "inf", "null", "undefined>"):
        assert not re.search(rf"(?<![\w-]){word}(?![\w-])", Page(page).text, re.I), word


def test_the_same_input_gives_the_same_bytes(nodules, some, page):
    given = report_input([development(), dataset("validation", some, nodules)], nodules)
    assert render(given) == page


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_markup_in_names_and_reasons_is_inert():
    product = declaration(labels={EVIL: 1}, statement=f"Marks things on images. {EVIL}", user=EVIL)
    made = [case(product, n, () if n < 2 else (SPOT,), attributes={EVIL: EVIL}) for n in range(4)]
    lost = [(EVIL, EVIL, EVIL)]
    leaks = [{"case_a": EVIL, "case_b": EVIL, "kind": EVIL, "in_words": EVIL, "distance": 0.0}]
    given = report_input(
        [
            dataset(
                "validation",
                made,
                product,
                lost,
                notes=[EVIL],
                leaks=leaks,
                origin=EVIL,
                reach=EVIL,
                approval={"kind": EVIL, "board": EVIL},
            ),
            DatasetReport(
                EVIL, "validation", "phantom", SIMULATED, EVIL, 0, 0, [], [], {}, left_out=EVIL
            ),
        ],
        product,
        [MissingEvidence(EVIL, EVIL)],
    )
    parsed = Page(render(given))
    # its own line for printing, and no other
    assert parsed.tags.count("script") == 1
    assert "img" not in parsed.tags
    assert not [a for a in parsed.attributes if a[1].startswith("on")]
    assert parsed.text.count("<script>alert(1)</script>") > 20


def test_no_failing_case_is_said(nodules, some):
    html = render(report_input([dataset("validation", some[:9], nodules)], nodules))
    text = Page(html).text
    assert "No case fails of 9" in text
    assert "No evaluated case of this set fails a criterion." in text
    assert "9 passing cases" in text


def test_no_passing_case_is_said(nodules, some):
    text = Page(render(report_input([dataset("v", some[10:], nodules)], nodules))).text
    assert "No evaluated case of this set passes." in text


def test_cases_not_evaluated_are_prominent_and_the_set_is_not_complete(nodules, some):
    lost = [("case-77", "P77", "3 voxels are infinite; mend: export the image again")]
    text = Page(render(report_input([dataset("v", some, nodules, lost)], nodules))).text
    assert "1 case of 13 could not be evaluated, so this set cannot be claimed as complete" in text
    assert text.index("1 case not evaluated") < text.index("Cases that fail")
    assert "case-77 P77 3 voxels are infinite; mend: export the image again" in text
    assert "with cases not evaluated counted as failing" in text


def test_a_set_without_any_evaluated_case_has_no_figure(nodules):
    lost = [(f"case-{n}", f"P{n}", "unreadable") for n in range(3)]
    html = render(report_input([dataset("v", [], nodules, lost)], nodules))
    text = Page(html).text
    assert "No case could be evaluated" in text
    assert "so there is no figure" in text
    assert '<table class="figures">' not in html


def test_leaks_take_the_independence_of_a_good_answer():
    product = declaration()
    made = [case(product, n, pictures=False) for n in range(40)]
    good = dataset("v", made, product)
    assert good.summary["risk"]["met"] == "yes"
    assert '<span class="pill met">Met</span>' in render(report_input([good], product))
    leak = {
        "case_a": "development/case-1",
        "case_b": "v/case-02",
        "kind": "same pixels",
        "in_words": "the image of a development case, voxel for voxel",
        "distance": 0.0,
    }
    html = render(report_input([dataset("v", made, product, leaks=[leak])], product))
    text = Page(html).text
    assert "Not independent" in text
    assert '<span class="pill met">' not in html
    assert "1 case overlaps with other data" in text
    assert "development/case-1 and v/case-02" in text
    assert text.index("Overlap with other data") < text.index("Cases that fail")


def test_a_left_out_set_is_listed_with_its_reason(nodules, some):
    absent = DatasetReport(
        "real-ct",
        "validation",
        "resimulated",
        {"kind": "public", "licence": "CC-BY-4.0"},
        "publication",
        0,
        0,
        [],
        [],
        {},
        left_out="data/real is not there",
    )
    text = Page(render(report_input([dataset("v", some, nodules), absent], nodules))).text
    assert "Left out real-ct real images changed by simulation" in text
    assert "This set was not evaluated: data/real is not there." in text
    assert "public data, licence CC-BY-4.0" in text


def test_origins_stand_apart_and_each_has_its_own_caution(nodules, some):
    waiver = {"kind": "retrospective-waiver", "board": "IRB", "number": "2025-1"}
    real = dataset("real", some, nodules, origin="measured", approval=waiver, reach="submission")
    half = dataset(
        "half", some, nodules, origin="resimulated", approval=waiver, reach="publication"
    )
    html = render(report_input([dataset("sim", some, nodules), real, half], nodules))
    sections = re.findall(r'<section id="set\d" class="dataset".*?</section>', html, re.S)
    assert len(sections) == 3
    simulated, as_acquired, changed = (Page(s).text for s in sections)
    assert "On simulated patients, not patients' data." in simulated
    assert "real images of patients" in as_acquired
    assert "On " not in as_acquired
    assert "number 2025-1" in as_acquired
    assert "On real images changed by simulation" in changed
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_outlines_are_reported_with_limits_undefined_values_and_correct_rejections():
    organs = {"liver": 1, "spleen": 2}
    product = declaration("segmentation", organs, OUTLINE_CRITERIA)
    both = ((-30, 0, 0), 14), ((30, 0, 0), 9)
    made = []
    for n in range(10):
        there = balls(GRID, *both, values=[1, 2])
        found = balls(GRID, ((-30 + n, 0, 0), 14), both[1], values=[1, 2])
        if n == 9:
            found = Volume(np.where(found.values == 2, 0, found.values), GRID)
        if n == 0:
            there = found = Volume(np.where(there.values == 2, 0, there.values), GRID)
        made.append(measured(f"c{n}", f"P{n}", chest(GRID, both, n), there, found, product))
    html = render(report_input([dataset("v", made, product)], product))
    text = Page(html).text
    assert "Dice of every label at least 0.85;" in text
    assert "HD95 of spleen cannot be measured: prediction is empty" in text
    assert "not defined: prediction is empty" in text
    assert "1.000 (correct rejection)" not in text  # c0 passes, so its table is not printed
    assert "undefined in 1 of 9 cases (prediction is empty)" in text
    assert "no defined value and count as outside" in text or "1 further case has no" in text
    assert "missed or false" not in text


def test_a_value_that_rounds_to_its_limit_is_not_shown_as_if_it_met_it(nodules, some):
    _, report = some[0]
    verdict = {
        "passed": False,
        "reasons": ["Dice of nodule is 0.84999, at least 0.85 required"],
        "criteria": [
            {
                "measure": "dice",
                "label": "nodule",
                "min_diameter_mm": None,
                "value": 0.84999,
                "unit": "",
                "comparator": "at least",
                "limit": 0.85,
                "passed": False,
                "reason": "Dice of nodule is 0.84999, at least 0.85 required",
            }
        ],
    }
    view = case_view(replace(report, verdict=verdict), nodules.task, "a")
    assert view.judged[0].value == "just under 0.850"


def test_sixty_failing_cases_stay_under_ten_megabytes(nodules, some):
    row, worst = some[-1]
    pictures = (worst.pictures * 2)[:7]
    many = [
        (row, replace(worst, id=f"case-{n:03d}", patient=f"P{n}", pictures=pictures))
        for n in range(60)
    ]
    html = render(report_input([dataset("v", many, nodules)], nodules))
    assert len(html.encode()) < 10e6
