"""Every measure as a criterion, from ``limen.yaml`` to the report, and what it makes stale."""

from __future__ import annotations

from pathlib import Path

import pytest

import limen
from limen.pipeline.status import status
from limen.product import MEASURES

OLD = """\
  - {measure: missed_lesions, min_diameter_mm: 4 mm, at_most: 0}
  - {measure: false_marks, at_most: 1}
"""


def _criteria() -> str:
    lines = []
    for name, measure in MEASURES.items():
        limit = f"at_least: {0.5}" if measure.direction == "at_least" else "at_most: 2"
        if measure.unit not in ("", "lesions", "marks"):
            limit += f" {measure.unit}"
        tolerance = "" if measure.tolerance == "no" else "tolerance_mm: 3 mm, "
        lines.append(f"  - {{measure: {name}, {tolerance}{limit}}}")
        if measure.of == "label":
            lines.append(f"  - {{measure: {name}, {tolerance}region: all, {limit}}}")
        else:
            lines.append(f"  - {{measure: {name}, min_diameter_mm: 4, {limit}}}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def everything(product_folder: Path) -> Path:
    text = (product_folder / "limen.yaml").read_text()
    assert OLD in text
    text = text.replace(OLD, _criteria())
    text = text.replace("labels: {ball: 1}", "labels: {ball: 1}, regions: {all: [ball]}")
    (product_folder / "limen.yaml").write_text(text)
    limen.run(limen.load(product_folder), workers=1)
    return product_folder


def _edit(folder: Path, old: str, new: str) -> set[str]:
    """Change the declaration; the kinds that become stale."""
    text = (folder / "limen.yaml").read_text()
    assert old in text
    (folder / "limen.yaml").write_text(text.replace(old, new))
    found = status(limen.load(folder))
    return {i.kind for items in found.causes().values() for i in items}


def test_every_measure_is_judged_reported_and_made_stale_by_what_it_depends_on(everything: Path):
    verdicts = limen.load(everything).table("verdicts")
    assert set(verdicts["measure"]) == set(MEASURES)
    found = verdicts.filter(verdicts["case"] == "case-0")
    assert found["passed"].all(), found.filter(~found["passed"])["reason"].to_list()
    missed = verdicts.filter((verdicts["case"] == "case-1") & (verdicts["measure"] == "nsd"))
    assert missed["value"].to_list() == [0.0, 0.0]
    assert set(verdicts.filter(verdicts["measure"] == "dice")["region"]) == {None, "all"}
    page = next((everything / "report").glob("*.html")).read_text()
    for name, measure in MEASURES.items():
        shown = "Missed balls" if name == "missed_lesions" else measure.title
        assert shown.lower() in page.lower(), name

    # a limit changes the judgment, a tolerance what is measured
    limit = "{measure: nsd, tolerance_mm: 3 mm, at_least: 0.5}"
    assert "measurement" not in _edit(everything, limit, limit.replace("0.5", "0.6"))
    assert "measurement" in _edit(everything, "{measure: nsd, tolerance_mm: 3 mm, region",
                                  "{measure: nsd, tolerance_mm: 2 mm, region")  # fmt: skip
