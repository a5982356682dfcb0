"""Move a release a stage up, say what is missing, or take it back; every move is a record.

What the stages ask for is `limen.release.stages`; here the facts are collected: from the evidence
as it is now, from the lineage, from signatures, and from what quality recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from limen.errors import LimenError
from limen.evidence import Record, digest_file
from limen.evidence.roster import Role
from limen.evidence.signatures import Signed, roles_missing, sign_result, signatures, signer
from limen.pipeline.failure_list import failure_list
from limen.pipeline.freeze import boundary_record, release_inputs, release_record, releases_folder
from limen.pipeline.reach import how_far
from limen.release.frozen import BadRelease, load_release
from limen.release.stages import STAGES, Facts, Move, Stage, demote
from limen.release.stages import promote as decide_promotion

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from limen.pipeline.product import Product

METHOD = "release.stage/1"
_RESULTS = ("verdicts", "summary", "boundary")
_WISH = "I ask to move this release to {}."


class BadFact(LimenError):
    """A clearance or figures from use are not stated as they have to be."""


@dataclass(frozen=True)
class Standing:
    """A release and its stage.

    Attributes
    ----------
    release : str
        Name and version.
    stage : str
    move : Move
        The move that was made or refused last, with everything that is missing.
    is_current : bool
        Whether the product is still as it was frozen.
    """

    release: str
    stage: Stage
    move: Move
    is_current: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "stage": self.stage,
            "asked": self.move.after if self.move.is_granted else _next(self.move.before),
            "moved": self.move.is_granted and self.move.before != self.move.after,
            "product_is_as_frozen": self.is_current,
            "missing": [
                {"requirement": m.requirement, "found": m.found, "mend": m.mend}
                for m in self.move.missing
            ],
        }


def stage_of(product: Product, release: Record) -> Stage:
    """The stage a release is at; feasibility until it is first moved."""
    last = product.store.latest("promotion", release.subject)
    return STAGES[0] if last is None else cast(Stage, product.store.get_json(last.result)["after"])


def promote(
    product: Product,
    *,
    version: str | None = None,
    key: Ed25519PrivateKey | None = None,
    texts: Sequence[Path] = (),
) -> Standing:
    """Ask for the next stage, with a signature where a key is given; move when all is there.

    A release whose own stage does not hold any more is taken back first. Who asked before its last
    move has to ask again: a wish is used up by the move it led to. At the last stage nothing is
    asked for.

    Parameters
    ----------
    product : Product
    version : str, optional
        Of the release; default the newest.
    key : private key, optional
        Of whoever asks. Without it nobody asks, and the answer says what is missing.
    texts : sequence of Path
        Texts that go out with the release, to be held against the evidence.

    Raises
    ------
    NoSuchRelease, RosterError
    """
    release = release_record(product, version)
    taken_back = settle(product, release)
    if taken_back is not None:
        return taken_back
    before = stage_of(product, release)
    if before == STAGES[-1]:
        still = Move(before, before, ())
        return Standing(release.subject, before, still, is_as_frozen(product, release))
    store, wish = product.store, _WISH.format(_next(before))
    if key is not None:
        with store.writing():
            sign_result(store, f"release {release.subject}", release.result, key, wish)
    facts, found = facts_of(product, release, texts)
    moved = _last_move(product, release)
    asked: list[Role] = [
        cast(Role, s.role)
        for s in found
        if s.counts and s.digest == release.result and s.meaning == wish and s.index > moved
    ]
    move = decide_promotion(before, facts, asked)
    if move.is_granted:
        _record(product, release, move, texts)
    return Standing(release.subject, move.after, move, is_as_frozen(product, release))


def settle(product: Product, release: Record) -> Standing | None:
    """Take a release back to the stage that still holds; None where its own does.

    An approval that expired, a consent that was withdrawn and failures in use count whatever the
    product is by now; a run that failed counts while the product is the one that was frozen. What
    is only stale is no reason: the release holds what was evaluated.
    """
    before = stage_of(product, release)
    if before == STAGES[0]:
        return None
    facts, found = facts_of(product, release, (), thorough=False)
    if _is_same_product(product, release):
        signed = release.inputs.get("boundary")
        facts = replace(
            facts, stale=(), is_frozen=_is_whole(product, release),
            boundary_roles_missing=None if signed is None else tuple(roles_missing(found, signed)),
        )  # fmt: skip
    else:
        facts = replace(
            _all_well(), reach=facts.reach, field_failure_rate=facts.field_failure_rate,
            field_limit=facts.field_limit,
        )  # fmt: skip
    move = demote(before, facts)
    if move.after == before:
        return None
    _record(product, release, move)
    return Standing(release.subject, move.after, move, is_as_frozen(product, release))


def settle_all(product: Product) -> list[Standing]:
    """Take back every release whose stage does not hold any more."""
    found = [r for r in product.store.records() if r.kind == "release"]
    return [s for s in (settle(product, r) for r in found) if s is not None]


def is_as_frozen(product: Product, release: Record) -> bool:
    """Whether declaration, model, methods and every result are those of the release."""
    return release_inputs(product) == dict(release.inputs)


def _is_same_product(product: Product, release: Record) -> bool:
    """Whether it is the same product, whatever came of running it again."""
    now = release_inputs(product)
    made = [n for n in now.keys() | release.inputs.keys() if n.partition(" ")[0] not in _RESULTS]
    return all(now.get(n) == release.inputs.get(n) for n in made)


def facts_of(
    product: Product, release: Record, texts: Sequence[Path], *, thorough: bool = True
) -> tuple[Facts, list[Signed]]:
    """What is known of a release, and every signature of the ledger.

    ``thorough`` also reads the whole ledger and holds texts against the evidence; else both are
    taken to be as they were when the release was last moved.
    """
    from limen.evidence.verify import verify
    from limen.pipeline.regulatory import regulatory
    from limen.pipeline.status import status

    store = product.store
    now = status(product)
    if thorough:
        checked = verify(product.state_folder)
        found, verifies = checked.signatures, checked.clean
    else:
        found, verifies = signatures(store.history(), store.get), True
    listed = failure_list(product)
    boundary = boundary_record(product)
    regimes = regulatory(product.declaration, date.today())
    use = _stated(product, found, "field", release.subject)
    return Facts(
        reach=how_far(product).stage,
        stale=tuple(f"{i.kind} {i.subject}" for i in now.stale),
        leaks=len(now.leaks),
        cases_not_evaluated=len(now.not_evaluated),
        ledger_verifies=verifies,
        is_frozen=_is_whole(product, release) and is_as_frozen(product, release),
        boundary_is_certified=None if boundary is None
        else _is_certified(store.get_json(boundary.result)),
        boundary_roles_missing=None if boundary is None
        else tuple(roles_missing(found, boundary.result)),
        failures_not_rerun=tuple(f.failure.case for f in listed if f.failure.now is None),
        unexplained_failures=sum(f.failure.is_open for f in listed),
        not_accepted=tuple(_not_accepted(store.get_json(release.result)["sets"])),
        regimes_unclassified=tuple(regimes.untold),
        wording_faults=_wording_faults(product, texts) if thorough else 0,
        clearances_missing=tuple(_not_cleared(product, release, found)),
        field_failure_rate=None if not use or not use["studies"]
        else use["failures"] / use["studies"],
        field_limit=None if use is None else use["limit"],
    ), found  # fmt: skip


def record_clearance(
    product: Product, regime: str, number: str, key: Ed25519PrivateKey, version: str | None = None
) -> Record:
    """Quality records that an authority cleared a release, signed."""
    regimes = product.declaration.regimes
    if regime not in regimes or not number.strip():
        raise BadFact(
            "a clearance is of a declared regime, and has a number",
            found=f"{regime}={number}",
            mend="declared are: " + (", ".join(regimes) or "none"),
        )
    release = release_record(product, version)
    value = {"release": release.result, "regime": regime, "number": number}
    return _record_fact(product, "clearance", f"{release.subject} {regime}", value, key)


def record_field(
    product: Product,
    failures: int,
    studies: int,
    limit: float,
    key: Ed25519PrivateKey,
    version: str | None = None,
) -> Record:
    """Record how a release did in use: failures among studies, and the most that is tolerated.

    Both are counts since it came into use; 0 of 0 states the limit before the first study.
    """
    if not 0 <= failures <= studies or not 0 < limit < 1:
        raise BadFact(
            "failures are among the studies in use, and the limit is a fraction",
            found=f"{failures} of {studies}, limit {limit}",
            mend="give FAILURES/STUDIES, e.g. 3/200, and a limit such as 0.05",
        )
    release = release_record(product, version)
    value = {
        "release": release.result, "failures": failures, "studies": studies, "limit": limit,
    }  # fmt: skip
    return _record_fact(product, "field", release.subject, value, key)


def _record_fact(
    product: Product, kind: str, subject: str, value: dict[str, Any], key: Ed25519PrivateKey
) -> Record:
    store = product.store
    with store.writing():
        signer(store, key)
        now = store.now_utc()
        result = store.put_json({**value, "recorded_utc": now})
        record = Record(kind, subject, METHOD, {"stated": result}, result, made_utc=now)
        store.add(record)
        sign_result(store, f"{kind} {subject}", result, key, f"This {kind} is as stated.")
    return record


def _stated(
    product: Product, found: list[Signed], kind: str, subject: str, role: Role | None = None
) -> dict[str, Any] | None:
    """The newest statement of a kind under which a signature that counts stands; of that role."""
    signed = {s.digest for s in found if s.counts and role in (None, s.role)}
    stated = [
        r.result
        for r in product.store.records()
        if (r.kind, r.subject) == (kind, subject) and r.result in signed
    ]
    if not stated:
        return None
    value: dict[str, Any] = product.store.get_json(stated[-1])
    return value


def _last_move(product: Product, release: Record) -> int:
    """Place in the ledger of the move that was made last; -1 before the first."""
    places = [
        i
        for i, r in enumerate(product.store.history())
        if (r.kind, r.subject) == ("promotion", release.subject)
    ]
    return places[-1] if places else -1


def _record(product: Product, release: Record, move: Move, texts: Sequence[Path] = ()) -> None:
    store = product.store
    previous = store.latest("promotion", release.subject)
    value = {
        "before": move.before,
        "after": move.after,
        "on": store.now_utc(),
        "missing": [[m.requirement, m.found, m.mend] for m in move.missing],
        "texts": sorted(digest_file(text) for text in texts),
    }
    with store.writing():
        result = store.put_json(value)
        inputs = {"release": release.result, "move": result}
        if previous is not None:
            inputs["previous"] = previous.result
        store.add(
            Record("promotion", release.subject, METHOD, inputs, result, made_utc=store.now_utc())
        )


def _is_whole(product: Product, release: Record) -> bool:
    """Whether the release's folder is as it was frozen."""
    version = release.subject.rpartition(" ")[2]
    try:
        loaded = load_release(releases_folder(product) / version)
    except BadRelease:
        return False
    return loaded.digest == release.result


def _is_certified(boundary: dict[str, Any]) -> bool:
    found = [c.get("answer") for c in boundary.get("certificates", ())]
    return bool(found) and all(answer == "certified" for answer in found)


def _not_accepted(frozen: Mapping[str, Any]) -> Iterator[str]:
    """Validation sets on which the claim was not shown when the release was frozen; each in words.

    The release's own use of a set decides: each later use asks more of later releases.
    """
    for name, held in frozen.items():
        if held["reuse"] is None:
            yield f"{name}: no patients"
        elif not held["reuse"]["decision"]["is_accepted"]:
            yield f"{name}: {held['reuse']['in_words']}"


def _wording_faults(product: Product, texts: Sequence[Path]) -> int | None:
    if not texts:
        return None
    from limen.pipeline.limits import wording_evidence
    from limen.pipeline.status import status
    from limen.regulation.wording import lint, read_document

    known = wording_evidence(product, status(product))
    return sum(len(lint(read_document(text), known).findings) for text in texts)


def _not_cleared(product: Product, release: Record, found: list[Signed]) -> list[str]:
    """Declared regimes without a clearance that a quality member's signature stands under."""
    return [
        regime
        for regime in product.declaration.regimes
        if _stated(product, found, "clearance", f"{release.subject} {regime}", "quality") is None
    ]


def _all_well() -> Facts:
    """Facts of a release whose product has gone on: its evidence is frozen, and held then."""
    return Facts(
        reach="routine-use", leaks=0, cases_not_evaluated=0, ledger_verifies=True, is_frozen=True,
        boundary_is_certified=True, boundary_roles_missing=(), failures_not_rerun=(),
        unexplained_failures=0, not_accepted=(), regimes_unclassified=(), wording_faults=0,
        clearances_missing=(),
    )  # fmt: skip


def _next(stage: Stage) -> Stage:
    return STAGES[min(STAGES.index(stage) + 1, len(STAGES) - 1)]
