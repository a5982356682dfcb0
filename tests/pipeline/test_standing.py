"""What may be claimed of a case set: a lost case, a leak or an approval forbids it, and is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from pipeline_builders import write_case

import limen
from limen.data import NoReference
from limen.evidence import Outcome
from limen.pipeline import run
from limen.pipeline.check import check
from limen.pipeline.errors import NothingEvaluated
from limen.pipeline.standing import place
from limen.pipeline.status import status


def look(folder: Path):
    return status(limen.load(folder))


def test_a_whole_product_may_be_claimed(product_folder: Path):
    result = run(product_folder, workers=1).evaluation
    assert result.complete and result.cases == 7
    found = look(product_folder)
    assert found.complete and not found.stale
    assert found.as_dict()["complete"] is True
    assert found.sets["val"] == {
        "use": "validation",
        "cases": 5,
        "not_evaluated": 0,
        "complete": True,
    }


@pytest.mark.parametrize("use", ["val", "dev"])
@pytest.mark.parametrize("lost", ["image", "reference", "truncated"])
def test_a_set_with_a_lost_case_is_not_complete(product_folder: Path, use: str, lost: str):
    number = 2 if use == "val" else 20
    part = "references" if lost == "reference" else "images"
    path = product_folder / f"data/{use}/{part}/case-{number}.nii.gz"
    if lost == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    else:
        path.unlink()
    result = run(product_folder, workers=1).evaluation
    found = look(product_folder)
    for told in (result, found):
        assert not told.complete
        assert told.sets[use]["not_evaluated"] == 1
        assert not told.sets[use]["complete"]
        assert list(told.not_evaluated) == [f"{use}/case-{number}"]
    assert result.cases == 7  # the lost one counts
    assert not found.stale
    assert found.as_dict()["complete"] is False


def test_a_file_that_may_not_be_read_is_its_own_cases_problem(run_folder: Path, monkeypatch):
    closed = run_folder / "data/val/images/case-2.nii.gz"
    real_open, real_read = Path.open, Path.read_bytes

    def opened(path: Path, *given, **more):
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real_open(path, *given, **more)

    def read(path: Path):
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real_read(path)

    os.utime(closed)  # else its digest is remembered, rightly
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        patch.setattr(Path, "read_bytes", read)
        found = look(run_folder)
        assert {i.subject for i in found.stale if i.kind == "case"} == {"val/case-2"}
        result = run(run_folder, workers=1).evaluation
        assert list(result.not_evaluated) == ["val/case-2"]
        error = result.not_evaluated["val/case-2"]
        assert error["found"] == "Permission denied" and error["where"] == "case-2, image"
        assert result.summaries["val"]["n_cases"] == 4
    # given back its rights, it is worked on again
    assert run(run_folder, workers=1).evaluation.complete


def test_an_approval_that_is_not_in_force_is_told_everywhere(run_folder: Path):
    (run_folder / "approvals/a.yaml").write_text("kind: public\nlicence: MIT\nissued: 2999-01-01\n")
    result = run(run_folder, workers=1)
    assert set(result.evaluation.approvals) == {"dev", "val"}
    assert "not in force yet" in str(result.evaluation.approvals["val"]["what"])
    assert set(look(run_folder).approvals) == {"dev", "val"}
    assert "that holds today" in result.report.read_text()
    assert check(run_folder, workers=1).exit_code == 1


def test_an_approval_that_ends_makes_the_report_stale(product_folder: Path, monkeypatch):
    """By the calendar alone: not a file has changed."""
    from datetime import date

    import limen.data.approvals as module

    (product_folder / "approvals/a.yaml").write_text(
        "kind: public\nlicence: MIT\nexpires: 2030-06-30\n"
    )

    class LastDay(date):
        @classmethod
        def today(cls):
            return cls(2030, 6, 30)

    class DayAfter(date):
        @classmethod
        def today(cls):
            return cls(2030, 7, 1)

    monkeypatch.setattr(module, "date", LastDay)
    assert not run(product_folder, workers=1).evaluation.approvals
    assert look(product_folder).complete
    monkeypatch.setattr(module, "date", DayAfter)
    assert {(i.kind, i.because) for i in look(product_folder).stale} == {("report", ("reach",))}


def test_a_leak_is_told_by_status_too(product_folder: Path):
    for kind in ("images", "references"):
        data = (product_folder / "data/val" / kind / "case-4.nii.gz").read_bytes()
        (product_folder / "data/dev" / kind / "case-99.nii.gz").write_bytes(data)
    run(product_folder, workers=1)
    found = look(product_folder)
    assert not found.stale and not found.complete
    assert {found.leaks[0]["case_a"], found.leaks[0]["case_b"]} == {"dev/case-99", "val/case-4"}


def test_a_validation_set_without_any_reference_is_one_error(product_folder: Path):
    for path in (product_folder / "data/val/references").iterdir():
        path.unlink()
    (product_folder / "data/val/references").rmdir()
    with pytest.raises(NoReference, match=r"^data set val: .*found: 5 cases, 0 references"):
        run(product_folder, workers=1)
    assert not (product_folder / "report").exists()
    problems = [p for p in check(product_folder, workers=1).problems if p.weight == "wrong"]
    assert [p.where for p in problems] == ["data set val"]


def test_an_error_of_a_manifest_names_the_data_set(product_folder: Path):
    for use in ("val", "dev"):
        (product_folder / f"data/{use}/cases.csv").write_text("id,img\n1,images/case-0.nii.gz\n")
    with pytest.raises(limen.errors.LimenError, match=r"^data set dev: cases.csv: "):
        run(product_folder, workers=1)


def test_what_is_wrong_with_all_cases_is_told_once(product_folder: Path):
    for image in (product_folder / "data/val/images").iterdir():
        image.write_bytes(b"not an image")
    with pytest.raises(NothingEvaluated) as caught:
        run(product_folder, workers=1)
    found = str(caught.value.found)
    assert found.startswith("val/case-0, image: ") and "the same in 4 more" in found
    assert found.count("not a NIfTI file") == 1
    assert caught.value.mend


def test_a_refused_model_leaves_no_evidence(product_folder: Path):
    path = product_folder / "limen.yaml"
    path.write_text(
        path.read_text().replace("activation: none, threshold: 0.5", "activation: softmax")
    )
    with pytest.raises(limen.errors.LimenError, match="softmax over one channel"):
        run(product_folder, workers=1)
    records = limen.load(product_folder).store.records()
    assert not [r for r in records if r.outcome is Outcome.refused]


def test_evidence_that_cannot_be_read_is_among_the_problems_of_check(run_folder: Path):
    log = run_folder / ".limen/records.jsonl"
    log.write_bytes(b"garbage\n" + log.read_bytes())
    wrong = [p for p in check(run_folder, workers=1).problems if p.weight == "wrong"]
    assert [p.where for p in wrong] == ["evidence: records.jsonl, line 1"]


def test_no_name_of_a_file_is_kept(product_folder: Path):
    write_case(product_folder / "data/val", 7)
    for part in ("images", "references"):
        path = product_folder / f"data/val/{part}/case-7.nii.gz"
        path.rename(path.with_name("Kim_Cheolsu.nii.gz"))
    run(product_folder, workers=1)
    for path in [*(product_folder / ".limen").rglob("*"), *(product_folder / "report").iterdir()]:
        assert not path.is_file() or b"Cheolsu" not in path.read_bytes(), path.name


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, "val/P007"),
        ("P007", "val/P007"),
        ("val/P007", "val/P007"),
        ("P007, mask", "val/P007, mask"),
        ("cases.csv:3, image", "val/P007, cases.csv:3, image"),
    ],
)
def test_place(where: str | None, expected: str):
    assert place("val/P007", where) == expected


def test_a_change_is_named_once_and_what_follows_from_it_is_not(run_folder: Path):
    write_case(run_folder / "data/val", 2, extra_mark=2)
    assert set(look(run_folder).causes()) == {"image"}
    run(run_folder, workers=1)
    for part in ("images", "references"):
        (run_folder / f"data/val/{part}/case-0.nii.gz").unlink()
    assert set(look(run_folder).causes()) >= {
        "which cases the set has",
        "which cases validation has",
    }
