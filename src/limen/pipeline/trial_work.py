"""One trial, as a job that a worker process takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.pipeline.degrade import degrade
from limen.pipeline.errors import Unexpected, WorkerDied
from limen.pipeline.work import opened_model

if TYPE_CHECKING:
    from limen.data import Case
    from limen.product import Declaration


@dataclass(frozen=True)
class TrialJob:
    """What a worker needs for one trial."""

    subject: str
    case: Case
    condition: dict[str, float]
    nominal: dict[str, float]
    declaration: Declaration
    root: Path
    model_key: str


def try_out(job: TrialJob) -> dict[str, Any]:
    """One trial, in a worker: degrade, predict, measure. A failing model is an answer."""
    import numba

    from limen.data import read_image, read_labels
    from limen.measures import Wanted, measure_case

    numba.set_num_threads(1)  # the workers fill the cores already
    try:
        image = read_image(job.case)
        assert job.case.reference is not None
        task = job.declaration.task
        reference = read_labels(job.case.reference, image.geometry, task, job.case.id)
        degraded = degrade(
            image,
            job.condition,
            case=job.subject,
            attributes=job.case.attributes,
            nominal=job.nominal,
        )
    except LimenError as error:
        return {"condition": job.condition, "cannot": error.as_dict()}
    except Exception as error:
        # the text of a foreign error may hold a path or a name: only its type is passed on
        unforeseen = Unexpected(f"an unforeseen {type(error).__name__} in degrading the image")
        return {"condition": job.condition, "cannot": unforeseen.as_dict()}
    told = {"condition": job.condition, "applied": list(degraded.applied)}
    try:
        model = opened_model(job.model_key, job.declaration, job.root)
        prediction, unsure_ml = model.answer(job.case, degraded.image)
        measurement = measure_case(
            prediction.values,
            reference.values,
            reference.geometry.affine_lps_mm,
            task,
            Wanted.by(job.declaration.criteria),
        )
    except LimenError as error:
        return {**told, "error": error.as_dict()}
    except MemoryError:
        return {**told, "error": _no_memory(job).as_dict(), "again": True}
    except Exception as error:
        words = f"an unforeseen {type(error).__name__} in the model or in measuring its answer"
        return {**told, "error": Unexpected(words, where=job.subject).as_dict()}
    return {**told, "measurement": measurement.as_dict(), "uncertainty_ml": unsure_ml}


def _no_memory(job: TrialJob) -> WorkerDied:
    return WorkerDied("the process ended for want of memory", where=job.subject)


def died(job: TrialJob) -> dict[str, Any]:
    """What is kept of a trial whose process died twice."""
    error = WorkerDied("the model's process died", where=job.subject).as_dict()
    return {"condition": job.condition, "error": error, "again": True}
