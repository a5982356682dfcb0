"""Gather what the report shows from the evidence, and write it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.evidence import digest_json, write_atomically
from limen.pipeline.errors import NotMadeYet
from limen.pipeline.evaluate import leakage_inputs
from limen.pipeline.graph import (
    METHODS,
    CaseGraph,
    Chains,
    State,
    current_items,
    look_up,
    not_evaluated,
    summary_inputs,
    verdicts_inputs,
)
from limen.pipeline.model import model_identity
from limen.pipeline.recompute import keep_content
from limen.pipeline.registration import add_record, make_latest

if TYPE_CHECKING:
    from limen.pipeline.product import LoadedSet, Product
    from limen.reports import DatasetReport

PICTURED_FAILURES = 60
PICTURED_CASES = 200


def report_path(product: Product) -> Path:
    return product.folder / "report" / f"{product.declaration.product.name}.html"


def report_inputs(product: Product) -> dict[str, str]:
    """Digests of everything the report shows."""
    import limen
    from limen.pipeline.reach import limits_today
    from limen.pipeline.reuse import use_counts

    store = product.store
    sets = product.sets.values()
    inputs = {
        "declaration": digest_json(product.declaration.model_dump(mode="json", by_alias=True)),
        "left out": digest_json({s.name: s.left_out for s in sets}),
        "approvals": digest_json({s.name: s.approval.model_dump(mode="json") for s in sets}),
        # an approval ends by the calendar alone, and the report has to be written again then
        "reach": digest_json(limits_today(product)),
        "uses": digest_json(use_counts(product)),
        # shown as they are: other weights or methods may give the very same results
        "model": digest_json(model_identity(product)[1]),
        "methods": digest_json([limen.__version__, METHODS]),
        "case attributes": digest_json(
            [[s.name, c.id, c.patient, dict(c.attributes)] for s in sets for c in s.cases]
        ),
    }
    for dataset in sets:
        if not dataset.is_validation or dataset.left_out is not None:
            continue
        summary = store.latest("summary", dataset.name)
        inputs[f"summary {dataset.name}"] = summary.result if summary else ""
        pictures = [store.latest("picture", f"{dataset.name}/{c.id}") for c in dataset.cases]
        inputs[f"pictures {dataset.name}"] = digest_json([p.result for p in pictures if p])
    found = store.latest("leakage", product.declaration.product.name)
    inputs["leakage"] = found.result if found else ""
    bounded = store.latest("boundary", product.declaration.product.name) is not None
    inputs["is bounded"] = digest_json(bounded)
    return inputs


def write_report(product: Product) -> Path:
    """Write the HTML report from evidence that is fresh; returns its path.

    Raises
    ------
    NotMadeYet
        When a summary is missing or stale: a report never shows results of other inputs than
        those declared now.
    """
    from limen.reports import render

    path = report_path(product)
    name = product.declaration.product.name
    with product.store.writing():
        datasets = _datasets(product)
        inputs = report_inputs(product)
        item = look_up(product.store, "report", name, inputs)
        if item.state is State.fresh and item.record is not None:
            make_latest(product.store, item)
            html = product.store.get(item.record.result)
            if not path.exists() or path.read_bytes() != html:
                write_atomically(path, html)
            return path
        given = _gather(product, datasets)
        html = render(given).encode()
        result = product.store.put(html)
        keep_content(product, given, result)
        add_record(product, "report", name, inputs, result, None)
        write_atomically(path, html)
    return path


def _gather(product: Product, datasets: list[DatasetReport]) -> Any:
    import limen
    from limen.reports import ReportInput

    graph_identity = CaseGraph(product).model_identity
    return ReportInput(
        product=product.declaration,
        datasets=datasets,
        missing=_missing(product),
        provenance={
            "limen": limen.__version__,
            "model": {k: v[:16] for k, v in graph_identity.items()},
            "criteria": product.declared_digest("criteria")[:16],
            "methods": METHODS,
        },
        reach=_reach(product),
        generated_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _reach(product: Product) -> dict[str, Any]:
    from limen.pipeline.reach import how_far, in_words

    found = how_far(product)
    return {"stage": found.stage, "asked": found.asked, "words": in_words(found)}


def _datasets(product: Product) -> list[DatasetReport]:
    chains = current_items(product, CaseGraph(product))
    leaks = _leaks(product, chains)
    return [
        _dataset(product, s, chains, leaks if s.is_validation else [])
        for s in product.sets.values()
    ]


def _dataset(
    product: Product, dataset: LoadedSet, chains: Chains, leaks: list[dict[str, Any]]
) -> DatasetReport:
    from limen.pipeline.reach import set_reach
    from limen.pipeline.reuse import judge_reuse
    from limen.reports import CaseReport, DatasetReport

    cases: list[CaseReport] = []
    missing: list[tuple[str, str, str]] = []
    summary: dict[str, Any] = {}
    notes = list(dataset.notes)
    if dataset.is_validation and dataset.left_out is None:
        verdicts, summary = _judged(product, dataset, chains)
        missing = not_evaluated(product, dataset, chains[dataset.name])
        judged = judge_reuse(product, dataset, summary)
        notes += [judged.in_words] if judged is not None else []
        failing = [c for c in verdicts if not verdicts[c]["passed"]]
        shown = set(failing[:PICTURED_FAILURES])
        shown |= set(list(verdicts)[: max(0, PICTURED_CASES - len(shown))])
        for case in dataset.cases:
            if case.id not in verdicts:
                continue
            subject = f"{dataset.name}/{case.id}"
            measurement = product.store.latest("measurement", subject)
            assert measurement is not None
            cases.append(
                CaseReport(
                    id=case.id,
                    patient=case.patient,
                    attributes=dict(case.attributes),
                    verdict=verdicts[case.id],
                    measurement=product.store.get_json(measurement.result),
                    pictures=_pictures(product, subject) if case.id in shown else [],
                )
            )
    return DatasetReport(
        name=dataset.name,
        use=dataset.declared.use,
        origin=dataset.origin,
        approval=dataset.approval.model_dump(mode="json"),
        reach=set_reach(product, dataset),
        n_cases=len(dataset.cases) + len(dataset.problems),
        n_patients=len({c.patient for c in dataset.cases}),
        cases=cases,
        not_evaluated=[{"case": c, "patient": p, "reason": r} for c, p, r in missing],
        summary=summary,
        notes=notes,
        leaks=[leak for leak in leaks if _concerns(leak, dataset.name)],
        left_out=dataset.left_out,
    )


def _concerns(leak: dict[str, Any], dataset: str) -> bool:
    return any(str(leak[side]).startswith(f"{dataset}/") for side in ("case_a", "case_b"))


def _pictures(product: Product, subject: str) -> list[dict[str, Any]]:
    record = product.store.latest("picture", subject)
    return [] if record is None else json.loads(product.store.get(record.result))


def _judged(
    product: Product, dataset: LoadedSet, chains: Chains
) -> tuple[dict[str, Any], dict[str, Any]]:
    store = product.store
    _, inputs = verdicts_inputs(product, dataset, chains[dataset.name])
    verdicts = look_up(store, "verdicts", dataset.name, inputs)
    if verdicts.record is None:
        raise _stale(product, dataset)
    chosen = summary_inputs(product, dataset, chains[dataset.name], verdicts.record.result)
    summary = look_up(store, "summary", dataset.name, chosen)
    if summary.record is None:
        raise _stale(product, dataset)
    return store.get_json(verdicts.record.result), store.get_json(summary.record.result)


def _leaks(product: Product, chains: Chains) -> list[dict[str, Any]]:
    _, inputs = leakage_inputs(product, chains)
    item = look_up(product.store, "leakage", product.declaration.product.name, inputs)
    if item.record is None:
        raise _stale(product, next(iter(product.sets.values())))
    found: list[dict[str, Any]] = product.store.get_json(item.record.result)
    return found


def _stale(product: Product, dataset: LoadedSet) -> NotMadeYet:
    return NotMadeYet(
        "the evaluation is missing or stale, and a report shows fresh results only",
        where=f"data set {dataset.name}",
        mend=f"run `limen evaluate {product.folder}` (or `limen run`, which does both)",
    )


def _missing(product: Product) -> list[Any]:
    """What stands between these results and trust, and who or what supplies it."""
    from limen.data import approval_problem
    from limen.pipeline.standing import day_of
    from limen.reports import MissingEvidence

    found = []
    statement = product.declaration.product.intended_use.statement
    if statement.startswith("(to be written)"):
        found.append(
            MissingEvidence(
                "A statement of intended use", "a clinician and the developer, in limen.yaml"
            )
        )
    for dataset in product.sets.values():
        if dataset.approval.kind == "undeclared":
            found.append(
                MissingEvidence(
                    f"The approval of data set {dataset.name}: board, number, purposes, expiry",
                    f"the data's owner, in {dataset.declared.approval}",
                )
            )
        not_in_force = approval_problem(dataset.approval, day_of(product))
        if not_in_force is not None and dataset.left_out is None:
            found.append(
                MissingEvidence(
                    f"An approval of data set {dataset.name} that holds today: "
                    f"{not_in_force.what} ({not_in_force.found})",
                    f"the data's owner, in {dataset.declared.approval}",
                )
            )
        if dataset.left_out is not None:
            found.append(
                MissingEvidence(
                    f"Results on data set {dataset.name}: {dataset.left_out}",
                    f"limen examples fetch {product.declaration.product.name}",
                )
            )
    name = product.declaration.product.name
    if product.declaration.physics and product.store.latest("boundary", name) is None:
        axes = ", ".join(product.declaration.physics)
        found.append(
            MissingEvidence(
                f"The boundary: how far the acquisition may degrade ({axes}) before trust ends",
                f"limen certify {product.folder.name}",
            )
        )
    found += [
        MissingEvidence(
            "The clinician's and the developer's signatures", "limen sign, by each of them"
        ),
        MissingEvidence("The class under each declared regime", "limen classify"),
    ]
    return found
