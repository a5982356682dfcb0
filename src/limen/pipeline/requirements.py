"""The evidence that each regime asks for, each line bound to what the product's graph holds.

What Limen makes is fresh or stale as ``status`` says. A document that is made elsewhere (a reader
study, a usability file) is filed: its digest becomes a record whose inputs are what it speaks of,
so that it goes stale with the model or the intended use like everything else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Outcome, Record, digest_json
from limen.pipeline.model import model_identity
from limen.pipeline.regulatory import Regulatory
from limen.regulation.required import FILED, Required, required_evidence

if TYPE_CHECKING:
    from limen.pipeline.product import Product
    from limen.pipeline.status import Status

FILING = "pipeline.filed/1"
REQUIREMENTS = "regulation.required/1"


class CannotBeFiled(LimenError):
    """A document is not there, lies outside the product's folder, or is of no known kind."""


def requirements(
    product: Product, found: Status, answers: Regulatory
) -> dict[str, tuple[Required, ...]]:
    """By regime, the list of required evidence; kept in the store with what it was bound to."""
    states = evidence_states(product, found)
    lists = {a.regime: required_evidence(a, states) for a in answers.answers}
    _keep(product, answers, states, lists)
    return lists


def evidence_states(product: Product, found: Status) -> dict[str, str]:
    """By kind ``fresh``, ``falls short`` or ``stale``; what never was made is not among them.

    Results fall short when no evaluated data set may carry a submission (its reach).
    """
    states: dict[str, str] = {}
    for item in found.items:
        if item.state.value == "missing":
            continue
        fresh = item.state.value in ("fresh", "refused")
        states[item.kind] = "fresh" if fresh and states.get(item.kind) != "stale" else "stale"
    # a kind with anything missing is not whole
    for item in found.items:
        if item.state.value == "missing" and item.kind in states:
            states[item.kind] = "stale"
    if not _reaches_submission(product):
        for kind in ("summary", "verdicts", "boundary"):
            if states.get(kind) == "fresh":
                states[kind] = "falls short"
    for kind in FILED:
        record = product.store.latest(kind, product.declaration.product.name)
        if record is not None:
            now = _filed_inputs(product, kind, str(record_path(product, record)))
            states[kind] = "fresh" if dict(record.inputs) == now else "stale"
    return states


def _reaches_submission(product: Product) -> bool:
    from limen.data import REACHES, reach_of

    enough = REACHES.index("submission")
    return any(
        REACHES.index(reach_of(s.approval, s.origin)) >= enough
        for s in product.sets.values()
        if s.is_validation and s.left_out is None
    )


def file_document(product: Product, kind: str, document: Path) -> Record:
    """Put a document's digest into the ledger, beside what it speaks of.

    Raises
    ------
    CannotBeFiled
        The kind is unknown, or the document is not a file inside the product's folder.
    """
    if kind not in FILED:
        raise CannotBeFiled(
            "this kind of document is not known", found=kind, mend="one of " + ", ".join(FILED)
        )
    try:
        path = document.resolve(strict=True).relative_to(product.folder.resolve())
    except (OSError, ValueError):
        raise CannotBeFiled(
            "the document is not a file inside the product's folder",
            where=document.name,
            mend="copy it into the folder, so that it travels with the product",
        ) from None
    name = product.declaration.product.name
    inputs = _filed_inputs(product, kind, str(path))
    with product.store.writing():
        record = Record(
            kind=kind,
            subject=name,
            method=FILING,
            inputs=inputs,
            result=product.store.put_json({"path": str(path), "sha256": inputs["document"]}),
            made_utc=product.store.now_utc(),
        )
        product.store.add(record)
    return record


def record_path(product: Product, record: Record) -> str:
    """Where a filed document lies, relative to the product's folder."""
    return str(product.store.get_json(record.result)["path"])


def _filed_inputs(product: Product, kind: str, path: str) -> dict[str, str]:
    from limen.evidence import digest_file

    file = product.folder / path
    inputs = {"document": digest_file(file) if file.is_file() else "gone"}
    if "model" in FILED[kind]:
        inputs["model"] = digest_json(model_identity(product)[1])
    if "intended use" in FILED[kind]:
        inputs["intended use"] = product.declared_digest("product", "intended_use")
    return inputs


def _keep(
    product: Product,
    answers: Regulatory,
    states: dict[str, str],
    lists: dict[str, tuple[Required, ...]],
) -> None:
    name = product.declaration.product.name
    told: dict[str, Any] = {
        "on": answers.on.isoformat(),
        "lists": {regime: [r.as_dict() for r in lines] for regime, lines in lists.items()},
    }
    inputs = {
        "classes": digest_json([a.as_dict() for a in answers.answers]),
        "evidence": digest_json(states),
    }
    keep_result(product, "required", name, REQUIREMENTS, inputs, told)


def keep_result(
    product: Product,
    kind: str,
    subject: str,
    method: str,
    inputs: dict[str, str],
    told: dict[str, Any],
) -> Record:
    """Record a result that the regulatory verbs made, unless it is the latest already."""
    store = product.store
    found = store.find(kind, subject, method, inputs)
    if found is not None and store.latest(kind, subject) == found:
        return found
    with store.writing():
        record = Record(
            kind=kind,
            subject=subject,
            method=method,
            inputs=inputs,
            result=store.put_json(told),
            outcome=Outcome.done,
            made_utc=store.now_utc(),
        )
        store.add(record)
    return record
