"""The boundary as the evidence has it now: it holds, is stale, or never was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limen.boundary.explain import Explanation
    from limen.evidence import Record
    from limen.pipeline.product import Product
    from limen.pipeline.status import Status


@dataclass(frozen=True)
class BoundaryState:
    """Where the boundary stands.

    Attributes
    ----------
    record : Record or None
        The one that holds.
    was_made : bool
        There was one, which no longer holds when ``record`` is None.
    """

    record: Record | None
    was_made: bool


def boundary_state(product: Product, found: Status) -> BoundaryState:
    """What ``limen status`` says of the boundary; a stale one certifies nothing."""
    holds = next((i.record for i in found.items if i.kind == "boundary" and i.record), None)
    last = product.store.latest("boundary", product.declaration.product.name)
    return BoundaryState(holds, last is not None)


def explanation_of(product: Product, boundary: Record) -> tuple[Explanation, Record] | None:
    """The explanation that was made of this very boundary, by this version of the method."""
    from limen.boundary.explain import Explanation
    from limen.pipeline.graph import METHODS

    record = product.store.latest("explanation", product.declaration.product.name)
    if record is None or record.inputs.get("boundary") != boundary.result:
        return None
    if record.method != METHODS["explanation"]:
        return None
    return Explanation.from_dict(product.store.get_json(record.result)), record
