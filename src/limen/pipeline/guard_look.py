"""What the guard sees of each case, as acquired and at each condition, as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Outcome, Record
from limen.pipeline.errors import Unexpected
from limen.pipeline.evaluate import Progress
from limen.pipeline.graph import METHODS
from limen.pipeline.pool import each
from limen.pipeline.registration import add_record

if TYPE_CHECKING:
    from limen.data import Case
    from limen.pipeline.product import Product


@dataclass(frozen=True)
class SeenJob:
    """What a worker needs to look at one case at every condition."""

    subject: str
    case: Case
    conditions: tuple[tuple[str, float], ...]
    nominal: dict[str, float]
    modality: str


def look_at(
    product: Product,
    jobs: Mapping[str, SeenJob],
    inputs: Mapping[str, Mapping[str, str]],
    origin: str,
    workers: int,
    shown: Progress,
) -> dict[str, Record]:
    """What is seen of each case, by its name; a case that cannot be degraded is refused.

    ``inputs`` are those of each record. Inside ``store.writing()``.
    """
    found: dict[str, Record] = {}
    for name in jobs:
        record = product.store.find("seen", name, METHODS["seen"], inputs[name])
        if record is not None:
            found[name] = record
    todo = [job for name, job in jobs.items() if name not in found]
    shown.begin(len(jobs), len(found))
    for job, (rows, error) in zip(todo, each(see_case, todo, workers), strict=True):
        found[job.subject] = add_record(
            product,
            "seen",
            job.subject,
            inputs[job.subject],
            product.store.put_json(rows if error is None else error.as_dict()),
            origin,
            Outcome.done if error is None else Outcome.refused,
        )
        shown.case_done(job.subject, error)
    return dict(sorted(found.items()))


def see_case(job: SeenJob) -> tuple[list[dict[str, Any]], LimenError | None]:
    """What the guard sees of a case as acquired and at each condition, as plain JSON."""
    try:
        return _see(job), None
    except LimenError as error:
        return [], error
    except Exception as error:
        words = f"an unforeseen {type(error).__name__} while looking at the image"
        return [], Unexpected(words, where=job.subject)


def _see(job: SeenJob) -> list[dict[str, Any]]:
    from limen.boundary.guard_features import look, patient_slices, slices_seen
    from limen.data import read_image

    volume = read_image(job.case)
    values, affine = volume.values, volume.geometry.affine_lps_mm.copy()
    slices, pixel_mm, slice_mm = patient_slices(values, affine)
    rows = [_row(None, 0.0, look(slices, pixel_mm, job.modality))]
    rows[0]["grid_mm"] = [round(pixel_mm, 6), round(slice_mm, 6)]
    if affine[2, 2] < 0:  # from the feet upwards, as the guard counts slices
        values = values[:, :, ::-1]
        affine[:, 2] *= -1
    chosen = slices_seen(values.shape[2])
    for axis, value in job.conditions:
        full = _degraded(job, values, affine, axis, value, chosen)
        slices, _, _ = patient_slices(full, affine)
        rows.append(_row(axis, value, look(slices, pixel_mm, job.modality)))
    return rows


def _degraded(
    job: SeenJob, values: Any, affine: Any, axis: str, value: float, chosen: list[int]
) -> Any:
    """The chosen slices, those degraded that conditions are read off: others cost time alone."""
    from limen.boundary.guard_features import CONDITION_SLICES
    from limen.data import Volume
    from limen.data.volume import Geometry
    from limen.pipeline.degrade import degrade

    def at_condition(stack: Any) -> Any:
        return degrade(
            Volume(stack, Geometry(affine, stack.shape)),
            {axis: value},
            case=job.subject,
            attributes=job.case.attributes,
            nominal=job.nominal,
        ).image.values

    if axis == "ct.slice_thickness":  # which mixes neighbours
        return at_condition(values)[:, :, chosen]
    full = values[:, :, chosen].copy()
    full[:, :, list(CONDITION_SLICES)] = at_condition(
        values[:, :, [chosen[k] for k in CONDITION_SLICES]]
    )
    return full


def _row(axis: str | None, value: float, seen: Any) -> dict[str, Any]:
    return {
        "axis": axis,
        "value": value,
        "condition": [None if v != v else float(f"{v:.6g}") for v in seen.condition.tolist()],
        "anatomy": [float(f"{v:.6g}") for v in seen.anatomy.tolist()],
        "blocks": [float(f"{v:.4g}") for v in seen.blocks.ravel().tolist()],
    }
