"""A run stands in the ledger before it computes anything, and says what became of its plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pipeline_builders import write_case

import limen
from limen.evidence import Store
from limen.evidence.runs import Run, runs, unfinished
from limen.pipeline import evaluate as evaluation


def registered(folder: Path) -> list[Run]:
    store = Store(folder / ".limen")
    return runs(store.history(), store.get)


def evaluate(folder: Path) -> None:
    evaluation.evaluate(limen.load(folder), workers=1)


def test_a_run_is_the_first_record_and_its_end_the_last_of_its_results(product_folder: Path):
    evaluate(product_folder)
    kinds = [r.kind for r in Store(product_folder / ".limen").history()]
    assert kinds[0] == "run"
    assert kinds.index("run-end") > kinds.index("summary")
    (run,) = registered(product_folder)
    # two development cases; five of validation with case, prediction, measurement, picture; sums
    assert run.planned == 2 + 5 * 4 + 2
    assert unfinished([run]) == []


def test_nothing_to_compute_leaves_no_run(product_folder: Path):
    evaluate(product_folder)
    before = (product_folder / ".limen/records.jsonl").read_bytes()
    evaluate(product_folder)
    assert (product_folder / ".limen/records.jsonl").read_bytes() == before


def test_a_failure_that_somebody_did_not_like_shows(product_folder: Path, monkeypatch):
    """Stopped after the predictions, before anything was kept of the case that fails."""
    keep = evaluation._keep

    def kept(product, graph, planned, done):
        if done.subject == "val/case-1":
            raise KeyboardInterrupt
        return keep(product, graph, planned, done)

    monkeypatch.setattr(evaluation, "_keep", kept)
    with pytest.raises(KeyboardInterrupt):
        evaluate(product_folder)
    (run,) = unfinished(registered(product_folder))
    assert not run.ended
    assert ("prediction", "val/case-1") in run.without_result
    assert ("prediction", "val/case-0") not in run.without_result


def test_a_refused_case_and_what_would_follow_from_it_are_no_withheld_results(
    product_folder: Path,
):
    (product_folder / "data/val/images/case-4.nii.gz").write_bytes(b"no image")
    evaluate(product_folder)
    assert unfinished(registered(product_folder)) == []
    # the second run computes one case again; verdicts and summary may come out as they were
    write_case(product_folder / "data/val", 4)
    evaluate(product_folder)
    write_case(product_folder / "data/val", 4, missed=True)
    evaluate(product_folder)
    found = registered(product_folder)
    assert len(found) == 3
    assert unfinished(found) == []


def test_a_changed_criterion_is_registered_too(product_folder: Path):
    evaluate(product_folder)
    text = (product_folder / "limen.yaml").read_text()
    (product_folder / "limen.yaml").write_text(text.replace("at_most: 1", "at_most: 2"))
    evaluate(product_folder)
    last = registered(product_folder)[-1]
    assert (last.planned, last.without_result, last.ended) == (2, (), True)
    ends = [r for r in Store(product_folder / ".limen").history() if r.kind == "run-end"]
    told = json.loads(Store(product_folder / ".limen").get(ends[-1].result))
    assert told == {"computed": 0, "failing": {"val": 1}, "not evaluated": 0}
