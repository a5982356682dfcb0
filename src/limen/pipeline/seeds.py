"""Seeds of what is random in a degraded image."""

from __future__ import annotations

import hashlib


def seed_of(case: str, axis: str) -> int:
    """The seed of everything random on an axis of a case: one for all its levels.

    So two conditions differ in the condition alone (common random numbers).
    """
    return int.from_bytes(hashlib.sha256(f"{case}\0{axis}".encode()).digest()[:6], "big")
