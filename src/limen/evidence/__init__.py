"""Records of what was computed from what, and the store that keeps them.

The evidence graph is the build graph: a record names its kind, its subject, the method with its
version, and the digests of its inputs; whatever has the same key need not be computed again.
This room knows digests, not medicine.

The log of records is a ledger: the leaves of a Merkle tree (``merkle``) whose head is signed
(``ledger``, ``checkpoint``). Imported from their own files, because they are not needed to run or
to look: ``verify`` (check everything), ``keys``, ``roster`` and ``signatures`` (who signed what,
and whether it counts), ``dsse`` (in-toto statements in envelopes), ``runs`` (registered before
they start), ``bundle`` (for a stranger) and ``reach`` (how far results may go).
"""

from limen.evidence.atomic import write_atomically
from limen.evidence.digest import DigestMemory, digest_bytes, digest_file, digest_json
from limen.evidence.ledger import EvidenceNotWritten, LedgerAltered, LedgerKeyMissing
from limen.evidence.record import Outcome, Record, changed_inputs, record_key
from limen.evidence.store import (
    AnotherRunIsWriting,
    CorruptEvidence,
    MissingObject,
    NewerStore,
    Store,
)

__all__ = [
    "AnotherRunIsWriting",
    "CorruptEvidence",
    "DigestMemory",
    "EvidenceNotWritten",
    "LedgerAltered",
    "LedgerKeyMissing",
    "MissingObject",
    "NewerStore",
    "Outcome",
    "Record",
    "Store",
    "changed_inputs",
    "digest_bytes",
    "digest_file",
    "digest_json",
    "record_key",
    "write_atomically",
]
