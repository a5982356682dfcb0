"""How often a validation set was used, and whether a release is accepted on it all the same.

A use is an answer: every set of verdicts that differs from those before it (other weights,
preprocessing, criteria or cases) told something of the set to whoever builds the next release. Sets
that share a patient are one set here, whatever they are called; new patients begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Outcome, Record, Store
from limen.release.reuse import Decision, decide

if TYPE_CHECKING:
    from limen.pipeline.product import LoadedSet, Product


@dataclass(frozen=True)
class Judged:
    """A validation set, its uses so far, and the answer on the release that is evaluated now.

    Attributes
    ----------
    uses, accepted_before : int
        Answers that were taken from the set, this one included; releases accepted before.
    patients, failed : int
        All patients; those with a case that fails or was not evaluated.
    decision : Decision
    """

    uses: int
    accepted_before: int
    patients: int
    failed: int
    decision: Decision

    @property
    def in_words(self) -> str:
        d = self.decision
        most = (
            f"with {self.patients} patients, no number of failing ones would be accepted at this "
            "use: more patients, or new ones, are needed"
            if d.most_failures < 0
            else f"a release is accepted at this use with at most {d.most_failures} of "
            f"{self.patients} patients failing"
        )
        times = "once" if self.uses == 1 else f"{self.uses} times"
        return (
            f"Used {times} as a test, {self.accepted_before} releases accepted on it before; "
            f"{most} (level {d.level:.2g}: alpha is shared by all uses, and holds while nobody "
            f"mends single cases of the set). Now {self.failed} fail: "
            f"{'accepted' if d.is_accepted else 'not accepted'}."
        )

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "in_words": self.in_words}


def judge_reuse(product: Product, dataset: LoadedSet, summary: dict[str, Any]) -> Judged | None:
    """Whether the evaluated release is accepted on a set; None where it has no patients.

    Parameters
    ----------
    product : Product
    dataset : LoadedSet
        A validation set whose verdicts and summary are there.
    summary : dict
        Its summary, as JSON.
    """
    store, risk = product.store, product.declaration.risk
    verdicts = store.latest("verdicts", dataset.name)
    patients = {c.patient for c in dataset.cases} | {p.case for p in dataset.problems}
    failed = {c["patient"] for c in summary["failing_cases"] + summary["not_evaluated"]}
    if verdicts is None or not patients:
        return None
    answers = {r.result: r for r in _sharing(store, {c.patient for c in dataset.cases})}
    answers[verdicts.result] = verdicts
    listings = {r.inputs.get("measurements") for r in answers.values()}
    accepted = sum(of in listings for release, of in _accepted(store) if release != verdicts.result)
    uses = max(len(answers), accepted + 1)
    decision = decide(
        len(failed), len(patients), risk.failure_rate, use=uses, accepted_before=accepted,
        alpha=1 - risk.confidence,
    )  # fmt: skip
    return Judged(uses, accepted, len(patients), len(failed), decision)


def use_counts(product: Product) -> dict[str, list[str]]:
    """By validation set, the verdicts that count as its uses: an input of the report."""
    return {
        s.name: sorted({r.result for r in _sharing(product.store, {c.patient for c in s.cases})})
        for s in product.sets.values()
        if s.is_validation and s.left_out is None
    }


def _sharing(store: Store, patients: set[str]) -> Iterator[Record]:
    """Verdicts that were given on any of these patients."""
    for record in store.records():
        if record.kind != "verdicts" or record.outcome is not Outcome.done:
            continue
        try:
            listing = store.get_json(record.inputs["measurements"])
            if any(entry["patient"] in patients for entry in listing):
                yield record
        except (LimenError, KeyError, TypeError):
            yield record  # whose cases nobody can tell counts, lest it be forgotten on purpose


def _accepted(store: Store) -> Iterator[tuple[str, str]]:
    """Verdicts and listing of measurements of every release that was accepted on a set."""
    for record in store.records():
        if record.kind == "release":
            for held in store.get_json(record.result)["sets"].values():
                if held["reuse"] is not None and held["reuse"]["decision"]["is_accepted"]:
                    yield held["verdicts"], held["measurements"]
