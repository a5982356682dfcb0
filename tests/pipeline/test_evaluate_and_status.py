"""What a run makes, what it leaves alone, and what status says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pipeline_builders import write_case, write_threshold_model

import limen
from limen.pipeline.errors import NothingEvaluated, NotMadeYet, UnknownCase
from limen.pipeline.status import status


def _run(folder: Path):
    return limen.run(limen.load(folder), workers=1)


def _stale(folder: Path) -> dict[str, set[str]]:
    """By cause: the kinds it makes stale."""
    found = status(limen.load(folder))
    return {cause: {i.kind for i in items} for cause, items in found.causes().items()}


def _edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "limen.yaml").read_text()
    assert old in text
    (folder / "limen.yaml").write_text(text.replace(old, new))


def _uses_aside(report: bytes) -> bytes:
    """The report without its count of uses and its time."""
    return re.sub(rb"Used .*?accepted\.|\d\d:\d\d:\d\d", b"", report)


@pytest.fixture
def done(run_folder: Path) -> Path:
    return run_folder


def test_verdicts_are_those_of_the_cases_as_built(done: Path):
    product = limen.load(done)
    cases = product.table("cases")
    passed = dict(zip(cases["case"], cases["passed"], strict=True))
    assert passed == {
        "case-0": True, "case-1": False, "case-2": True, "case-3": False, "case-4": True,
    }  # fmt: skip
    reasons = dict(zip(cases["case"], cases["reasons"], strict=True))
    assert "missed" in reasons["case-1"]
    assert "mark" in reasons["case-3"]
    assert (cases["origin"] == "phantom").all()
    measurement = product.measurement("val/case-0")
    assert measurement["labels"][0]["dice"] == 1.0
    np.testing.assert_array_equal(
        product.prediction("val/case-0").values, product.reference("val/case-0").values
    )


def test_tables_hold_no_nan_and_are_written_as_parquet_and_csv(done: Path, tmp_path: Path):
    import polars as pl

    from limen.pipeline.tables import NAMES, write_csv

    product = limen.load(done)
    for name in NAMES:
        frame = pl.read_parquet(done / ".limen" / "tables" / f"{name}.parquet")
        assert len(frame)
        for column in frame.select(pl.selectors.float()).columns:
            assert not frame[column].is_nan().any(), (name, column)
    written = write_csv(product, tmp_path / "csv")
    assert [p.name for p in written] == [f"{n}.csv" for n in NAMES]
    assert len(pl.read_csv(written[0])) == 5


def test_a_second_run_computes_nothing_and_writes_the_same_report(done: Path):
    before = next((done / "report").glob("*.html")).read_bytes()
    log = (done / ".limen/records.jsonl").read_bytes()
    result = _run(done)
    assert result.evaluation.computed == 0
    assert result.report.read_bytes() == before
    assert (done / ".limen/records.jsonl").read_bytes() == log
    assert not status(limen.load(done)).stale


def test_status_before_any_run_says_all_is_missing(product_folder: Path):
    found = status(limen.load(product_folder))
    assert {i.state.value for i in found.items} == {"missing"}
    with pytest.raises(NotMadeYet, match="evaluate"):
        limen.load(product_folder).table("cases")
    with pytest.raises(NotMadeYet):
        limen.load(product_folder).report()


def test_a_changed_image_makes_one_case_stale_and_is_named(done: Path):
    write_case(done / "data/val", 0, extra_mark=2)
    found = status(limen.load(done))
    assert {i.subject for i in found.causes()["image"]} == {"val/case-0"}
    assert {i.kind for i in found.causes()["image"]} == {"case", "prediction"}
    kinds = {i.kind for i in found.stale}
    assert kinds >= {"measurement", "verdicts", "summary", "report"}
    result = _run(done)
    assert result.evaluation.computed == 1
    assert not status(limen.load(done)).stale


def test_a_changed_reference_leaves_the_prediction(done: Path):
    from pipeline_builders import AFFINE, SHAPE, ball

    from limen.data import Geometry, Volume, write_nifti

    mask = ball((10, 9, 6), 4.0).astype(np.uint8)
    write_nifti(Volume(mask, Geometry(AFFINE, SHAPE)), done / "data/val/references/case-0.nii.gz")
    assert _stale(done)["reference"] == {"case"}
    kinds = {i.kind for i in status(limen.load(done)).stale}
    assert kinds == {"case", "measurement", "picture", "leakage", "verdicts", "summary", "report"}


def test_changed_weights_make_every_prediction_stale(done: Path):
    write_threshold_model(done / "model/threshold.onnx", level=0.4)
    found = status(limen.load(done))
    cause = next(c for c in found.causes() if "weights" in c or "model" in c)
    assert {i.subject for i in found.causes()[cause]} >= {f"val/case-{n}" for n in range(5)}
    assert "case" not in {i.kind for i in found.stale}
    assert _run(done).evaluation.computed == 5


def test_a_changed_criterion_leaves_every_measurement(done: Path):
    _edit(done, "{measure: false_marks, at_most: 1}", "{measure: false_marks, at_most: 0}")
    assert _stale(done)["criteria"] == {"verdicts"}
    kinds = {i.kind for i in status(limen.load(done)).stale}
    assert kinds == {"verdicts", "summary", "report"}
    result = _run(done)
    assert result.evaluation.computed == 0
    cases = limen.load(done).table("cases")
    assert dict(zip(cases["case"], cases["passed"], strict=True))["case-2"] is False


def test_a_changed_risk_leaves_the_verdicts(done: Path):
    _edit(done, "failure_rate: 20 %", "failure_rate: 10 %")
    assert {i.kind for i in status(limen.load(done)).stale} == {"summary", "report"}


def test_going_back_to_an_earlier_criterion_costs_nothing(done: Path):
    first = next((done / "report").glob("*.html")).read_bytes()
    _edit(done, "{measure: false_marks, at_most: 1}", "{measure: false_marks, at_most: 0}")
    second = _run(done).report.read_bytes()
    assert first != second
    _edit(done, "{measure: false_marks, at_most: 0}", "{measure: false_marks, at_most: 1}")
    third = _run(done)
    assert third.evaluation.computed == 0
    # the set was asked twice, and the report says so; nothing else is another
    text = third.report.read_bytes()
    assert b"Used 2 times" in text
    assert _uses_aside(text) == _uses_aside(first)
    assert not status(limen.load(done)).stale


def test_words_of_the_declaration_only_touch_the_report(done: Path):
    _edit(done, "user: tester", "user: radiologist")
    assert {i.kind for i in status(limen.load(done)).stale} == {"report"}


def test_one_broken_case_is_listed_and_does_not_stop_the_others(product_folder: Path):
    broken = product_folder / "data/val/images/case-2.nii.gz"
    broken.write_bytes(broken.read_bytes()[:200])
    result = _run(product_folder).evaluation
    assert set(result.not_evaluated) == {"val/case-2"}
    assert not result.complete
    summary = result.summaries["val"]
    assert summary["n_cases"] == 4
    assert summary["n_not_evaluated"] == 1
    assert not summary["complete"]
    # it counts as failing in the answer on the risk
    assert "not evaluated" in summary["risk"]["in_words"]
    html = next((product_folder / "report").glob("*.html")).read_text()
    assert "case-2" in html
    # the refusal is kept: nothing is tried again until the file changes
    assert _run(product_folder).evaluation.computed == 0
    write_case(product_folder / "data/val", 2)
    assert _run(product_folder).evaluation.complete


def test_every_case_broken_is_wrong_input(product_folder: Path):
    for image in (product_folder / "data/val/images").iterdir():
        image.write_bytes(b"not an image")
    with pytest.raises(NothingEvaluated) as error:
        limen.load(product_folder).evaluate(workers=1)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_an_image_is_named_with_its_case(product_folder: Path, value):
    from pipeline_builders import AFFINE, SHAPE

    from limen.data import Geometry, Volume, write_nifti

    values = np.zeros(SHAPE, np.float32)
    values[3, 4, 5] = value
    write_nifti(
        Volume(values, Geometry(AFFINE, SHAPE)), product_folder / "data/val/images/case-0.nii.gz"
    )
    error = _run(product_folder).evaluation.not_evaluated["val/case-0"]
    assert "(3, 4, 5)" in error["found"]
    assert error["mend"]


def test_the_same_image_on_both_sides_is_a_leak(product_folder: Path):
    source = product_folder / "data/val"
    for kind in ("images", "references"):
        data = (source / kind / "case-4.nii.gz").read_bytes()
        (product_folder / "data/dev" / kind / "case-99.nii.gz").write_bytes(data)
    result = _run(product_folder).evaluation
    assert any(
        {leak["case_a"], leak["case_b"]} == {"dev/case-99", "val/case-4"} for leak in result.leaks
    )
    assert not result.complete


def test_a_case_is_found_by_either_name(done: Path):
    product = limen.load(done)
    assert product.case("case-0")[1] is product.case("val/case-0")[1]
    with pytest.raises(UnknownCase, match="DATASET/CASE"):
        product.case("nobody")


def test_parallel_workers_give_the_same_evidence(done: Path, tmp_path: Path):
    from pipeline_builders import build_product

    other = build_product(tmp_path / "other")
    limen.load(other).evaluate(workers=2)
    ours = {(r.kind, r.subject): r.result for r in limen.load(done).store.records()}
    theirs = {(r.kind, r.subject): r.result for r in limen.load(other).store.records()}
    # patients have pseudonyms under a salt of each product's own
    for key in theirs:
        if key[0] in {"case", "prediction", "measurement", "picture", "verdicts"}:
            assert ours[key] == theirs[key], key


def test_records_are_one_canonical_json_a_line(done: Path):
    for line in (done / ".limen/records.jsonl").read_bytes().splitlines():
        record = json.loads(line)
        assert {"kind", "subject", "method", "inputs", "result", "outcome"} <= set(record)
