"""Every failure that was ever recorded, release by release; none is ever taken off the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Outcome, Record, Store
from limen.evidence.roster import Role
from limen.evidence.signatures import roles_missing, sign_result, signatures, signer
from limen.release.difference import Failure, Verdicts, failures

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from limen.pipeline.product import Product

METHOD = "release.explanation/1"
KIND = "failure-explanation"


class NoSuchFailure(LimenError):
    """A case never failed, or has no explanation to sign yet."""


@dataclass(frozen=True)
class Listed:
    """A failure with what was written about it.

    Attributes
    ----------
    failure : Failure
        ``case`` is ``SET/CASE``.
    why : str or None
        The explanation, signed or not.
    to_sign : tuple of str
        Roles whose signature the explanation lacks; empty where there is none to sign.
    """

    failure: Failure
    why: str | None
    to_sign: tuple[Role, ...]

    def as_dict(self) -> dict[str, Any]:
        f = self.failure
        return {
            "case": f.case, "first": f.first_release, "passes_now": f.now,
            "explained": f.is_explained, "open": f.is_open, "why": self.why,
            "to_sign": list(self.to_sign),
        }  # fmt: skip


def failure_list(product: Product) -> list[Listed]:
    """All cases that ever failed or could not be evaluated, in the order in which they first did.

    Every run counts, released or not. The last entry of the history is the evaluation as it is now:
    a case that is not among it was not run again.
    """
    store = product.store
    explanations = {r.subject: r for r in store.records() if r.kind == KIND}
    found = signatures(store.history(), store.get) if explanations else []
    lacking = {s: tuple(roles_missing(found, r.result)) for s, r in explanations.items()}
    signed = {s for s, roles in lacking.items() if not roles}
    history = _history(store)
    now = verdicts_now(product)
    if now:
        history.append(("now", now))
    listed = []
    for failure in failures(history, signed):
        record = explanations.get(failure.case)
        why = None if record is None else str(store.get_json(record.result)["why"])
        listed.append(Listed(failure, why, lacking.get(failure.case, ())))
    return listed


def explain(product: Product, case: str, why: str | None, key: Ed25519PrivateKey) -> Listed:
    """Write an explanation of a failure and sign it, or sign the one that is there.

    It counts when a clinician and a developer have both signed the same words. The case stays on
    the list all the same.

    Parameters
    ----------
    case : str
        ``SET/CASE``.
    why : str, optional
        The explanation; left out, the one that was written last is signed.

    Raises
    ------
    NoSuchFailure
    RosterError
        If the key's signature would not count.
    """
    if case not in {f.failure.case for f in failure_list(product)}:
        raise NoSuchFailure(
            "this case never failed", found=case, mend="`limen failures` lists those that did"
        )
    store = product.store
    record = store.latest(KIND, case)
    if why is None and record is None:
        raise NoSuchFailure(
            "there is no explanation of this case yet", where=case, mend="write one with --why"
        )
    with store.writing():
        signer(store, key)
        if why is not None:
            result = store.put_json({"case": case, "why": why})
            if record is None or record.result != result:
                inputs = {"explanation": result}
                record = Record(KIND, case, METHOD, inputs, result,
                                made_utc=store.now_utc())  # fmt: skip
                store.add(record)
        assert record is not None
        sign_result(store, f"explanation {case}", record.result, key, "This explains the failure.")
    return next(f for f in failure_list(product) if f.failure.case == case)


def verdicts_of(store: Store, verdicts: Record, summary: Record | None) -> Verdicts:
    """By ``SET/CASE``: whether it passed; None where it was not evaluated."""
    name = verdicts.subject
    found: dict[str, bool | None] = {
        f"{name}/{case}": bool(v["passed"]) for case, v in store.get_json(verdicts.result).items()
    }
    if summary is not None:
        for lost in store.get_json(summary.result)["not_evaluated"]:
            found[f"{name}/{lost['case']}"] = None
    return found


def verdicts_now(product: Product) -> Verdicts:
    """Of all validation sets, as they were evaluated last."""
    found: dict[str, bool | None] = {}
    for dataset in product.sets.values():
        verdicts = product.store.latest("verdicts", dataset.name)
        if dataset.is_validation and dataset.left_out is None and verdicts is not None:
            summary = product.store.latest("summary", dataset.name)
            found.update(verdicts_of(product.store, verdicts, summary))
    return found


def _history(store: Store) -> list[tuple[str, Verdicts]]:
    """Every set of verdicts in the ledger, named by the release that froze it or by its day."""
    named: dict[str, str] = {}
    history: list[tuple[str, Verdicts]] = []
    for record in store.records():
        if record.kind == "release":
            for held in store.get_json(record.result)["sets"].values():
                named.setdefault(held["verdicts"], record.subject)
    by_verdicts = {r.inputs.get("verdicts", ""): r for r in store.records() if r.kind == "summary"}
    for record in store.records():
        if record.kind == "verdicts" and record.outcome is Outcome.done:
            name = named.get(record.result) or f"run of {record.made_utc[:10]}"
            summary = by_verdicts.get(record.result)
            history.append((name, verdicts_of(store, record, summary)))
    return history
