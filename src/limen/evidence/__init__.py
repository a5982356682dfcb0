"""Records of what was computed from what, and the store that keeps them.

The evidence graph is the build graph: a record names its kind, its subject, the method with its
version, and the digests of its inputs; whatever has the same key need not be computed again.
This room knows digests, not medicine.
"""

from limen.evidence.digest import DigestMemory, digest_bytes, digest_file, digest_json
from limen.evidence.record import Outcome, Record, changed_inputs, record_key
from limen.evidence.store import (
    AnotherRunIsWriting,
    CorruptEvidence,
    MissingObject,
    NewerStore,
    Store,
    write_atomically,
)

__all__ = [
    "AnotherRunIsWriting",
    "CorruptEvidence",
    "DigestMemory",
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
