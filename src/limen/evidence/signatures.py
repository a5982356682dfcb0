"""Who signed which result, in which role, and whether it counts.

A signature is an in-toto Statement v1 (https://in-toto.io/Statement/v1) in a DSSE envelope: its
subject is the digest that is signed, its predicate says who signs in which role, what they mean by
it, and the ledger's head as it was, so that a signature also binds everything recorded before it.
The ledger holds it as a record of kind ``signature``; its place there decides whether the key was
revoked by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence.checkpoint import Checkpoint
from limen.evidence.dsse import BadEnvelope, Envelope, sign
from limen.evidence.keys import key_id
from limen.evidence.record import Record
from limen.evidence.roster import (
    Member,
    Role,
    RosterEntry,
    RosterError,
    member_of,
    roster_at,
    roster_entries,
    roster_now,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from limen.evidence.merkle import Tree
    from limen.evidence.store import Store

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "urn:limen:signature:v1"
METHOD = "evidence.signature/1"
BOUNDARY_ROLES: tuple[Role, ...] = ("clinician", "developer")
"""Both sign the same boundary; neither alone is enough."""


class NotSignable(LimenError):
    """There is nothing here with this digest, so that signing it would mean nothing."""


@dataclass(frozen=True)
class Signed:
    """One signature of the ledger.

    Attributes
    ----------
    index : int
        Place of its record in the ledger, from 0.
    digest, subject : str
        What is signed: its digest and what it is called.
    signer, role : str
        As the roster has them; empty where the key is not listed.
    meaning, signed_utc : str
        As the signer stated. The date is theirs; the place in the ledger is what counts.
    why_not : str or None
        Why it does not count.
    is_forged : bool
        Whether it is not merely without effect (key revoked or not listed) but not what it says.
    """

    index: int
    digest: str
    subject: str = ""
    signer: str = ""
    role: str = ""
    meaning: str = ""
    signed_utc: str = ""
    why_not: str | None = None
    is_forged: bool = False

    @property
    def counts(self) -> bool:
        return self.why_not is None


def statement(
    subject: str, digest: str, member: Member, meaning: str, head: Checkpoint, signed_utc: str
) -> dict[str, Any]:
    """The in-toto statement that is signed."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "signer": member.name,
            "role": member.role,
            "meaning": meaning,
            "ledger": {"origin": head.origin, "size": head.size, "root": head.root.hex()},
            "signedUtc": signed_utc,
        },
    }


def signer(store: Store, key: Ed25519PrivateKey) -> Member:
    """The member whose signature with this key counts today.

    Whoever writes something that a signature is to stand under asks here first, so that nothing
    lies in the ledger that nobody may sign.

    Raises
    ------
    RosterError
        If there is no roster, or the key is not listed in it or revoked.
    """
    roster = roster_now(store)
    if roster is None:
        raise RosterError(
            "there is no roster yet, so that no signature would count",
            mend="begin one with `limen keys add`, signed by quality",
        )
    return member_of(roster, key)


def sign_result(
    store: Store, subject: str, digest: str, key: Ed25519PrivateKey, meaning: str
) -> Record:
    """Sign the result with this digest, inside ``store.writing()``.

    Raises
    ------
    NotSignable
        If the store holds nothing with this digest.
    RosterError
        If there is no roster, or the key is not listed in it or revoked.
    """
    import rfc8785

    if not store.has(digest):
        raise NotSignable(
            "the store holds nothing with this digest",
            found=digest[:12],
            mend="sign a result that `limen status` lists as fresh",
        )
    member, now = signer(store, key), store.now_utc()
    value = statement(subject, digest, member, meaning, store.head(), now)
    envelope = sign(PAYLOAD_TYPE, rfc8785.dumps(value), key)
    record = Record(
        kind="signature",
        subject=subject,
        method=METHOD,
        inputs={"signed": digest, "key": key_id(member.public)},
        result=store.put(envelope.to_json()),
        made_utc=now,
    )
    store.add(record)
    return record


def signatures(
    records: Sequence[Record | None],
    get: Callable[[str], bytes],
    *,
    entries: Iterable[RosterEntry] | None = None,
    tree: Tree | None = None,
) -> list[Signed]:
    """Every signature of a ledger, judged.

    Parameters
    ----------
    records : sequence of Record
        All records of the ledger, in order.
    get : callable
        Digest to content.
    entries : iterable of RosterEntry, optional
        As :func:`roster_entries` gives them, e.g. with trusted keys.
    tree : Tree, optional
        Over the ledger; the heads that signers saw are then compared with it.
    """
    entries = list(roster_entries(records, get) if entries is None else entries)
    return [
        _judge(index, record, get, entries, tree)
        for index, record in enumerate(records)
        if record is not None and record.kind == "signature"
    ]


def roles_missing(
    found: Iterable[Signed], digest: str, roles: Iterable[Role] = BOUNDARY_ROLES
) -> list[Role]:
    """The roles in which nobody signed this digest so that it counts.

    A key has one role in the roster and a name one key, so two roles are two people's signatures.
    """
    there = {s.role for s in found if s.counts and s.digest == digest}
    return [r for r in roles if r not in there]


def _judge(
    index: int,
    record: Record,
    get: Callable[[str], bytes],
    entries: list[RosterEntry],
    tree: Tree | None,
) -> Signed:
    digest = record.inputs.get("signed", "")

    def forged(why: str) -> Signed:
        return Signed(index, digest, record.subject, why_not=why, is_forged=True)

    try:
        envelope = Envelope.from_json(get(record.result), PAYLOAD_TYPE)
        value = json.loads(envelope.payload)
        (subject,) = value["subject"]
        predicate = value["predicate"]
        head = predicate["ledger"]
        size, root = int(head["size"]), bytes.fromhex(head["root"])
        said = Signed(
            index,
            digest,
            str(subject["name"]),
            str(predicate["signer"]),
            str(predicate["role"]),
            str(predicate["meaning"]),
            str(predicate["signedUtc"]),
        )
        types = (value["_type"], value["predicateType"])
    except BadEnvelope as error:
        return forged(error.what)
    except LimenError:
        return forged("its content is not in the store, or was altered")
    except (ValueError, KeyError, TypeError):
        return forged("its statement is malformed")
    if types != (STATEMENT_TYPE, PREDICATE_TYPE):
        return forged("its statement is of another type")
    if subject["digest"] != {"sha256": digest} or said.subject != record.subject:
        return forged("its statement is about something else than its record")
    roster = roster_at(entries, index)
    if roster is None:
        return _without_effect(said, "no roster was in force")
    signers = envelope.signed_by(m.public for m in roster.members)
    if not signers:
        listed = {key_id(m.public) for m in roster.members}
        if any(k in listed for k, _ in envelope.signatures):
            return forged("the signature is wrong")
        return _without_effect(said, "its key is not in the roster")
    claimed = (said.signer, said.role)
    by = [m for m in roster.members if m.public in signers and (m.name, m.role) == claimed]
    if not by:
        return forged(f"it claims to be by {said.signer} as {said.role}, and its key is not theirs")
    if size > index or (tree is not None and tree.root(size) != root):
        return forged("the ledger that its signer saw is not this one")
    if by[0].revoked is not None:
        return _without_effect(said, f"its key was revoked before: {by[0].revoked}")
    return said


def _without_effect(said: Signed, why: str) -> Signed:
    return replace(said, why_not=why)
