"""Bound: search, certify and explain in one, as `limen run` does; what forbids it is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limen.boundary.guard_calibration import GuardError
from limen.errors import LimenError
from limen.pipeline.errors import CannotDegrade, NotEnoughPatients
from limen.pipeline.stress import FULL, Effort

if TYPE_CHECKING:
    from limen.boundary import Boundary
    from limen.pipeline.evaluate import Progress
    from limen.pipeline.product import Product


@dataclass(frozen=True)
class Bounded:
    """The boundary of a product and its page, as far as there are any.

    ``because`` says why there is no boundary, or no page of it.
    """

    boundary: Boundary | None
    page: Path | None
    because: LimenError | None


def bound(
    product: Product,
    *,
    effort: Effort = FULL,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Bounded:
    """Search, certify and explain whatever of the boundary is stale.

    A product without axes, with a model that cannot be asked, or with too few patients has no
    boundary; its evaluation stands all the same.
    """
    from limen.pipeline.certify import certify
    from limen.pipeline.explain import explain
    from limen.pipeline.guard import QUICK_PATIENTS

    try:
        boundary = certify(product, effort=effort, workers=workers, progress=progress)
    except (CannotDegrade, NotEnoughPatients) as error:
        return Bounded(None, None, error)
    patients = None if effort == FULL else QUICK_PATIENTS
    try:
        explained = explain(product, patients=patients, workers=workers, progress=progress)
    except GuardError as error:
        return Bounded(boundary, None, error)
    return Bounded(boundary, explained.page, None)
