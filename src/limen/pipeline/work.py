"""The work on one case, as one job that a worker process (or a cluster) can take.

A job carries everything it needs and returns everything it made; it writes nothing. The one
process that runs the pipeline keeps the results, so a killed worker cannot leave half a result.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.pipeline.errors import Unexpected, WorkerDied
from limen.pipeline.pool import Pool

if TYPE_CHECKING:
    from limen.data import Case, Volume
    from limen.product import Declaration


@dataclass(frozen=True)
class CaseJob:
    """What is to be made for one case.

    ``kinds`` are the stale kinds in order; ``prediction`` and ``measurement`` bring the results
    that are already there.
    """

    subject: str
    case: Case
    kinds: tuple[str, ...]
    declaration: Declaration
    root: Path
    model_key: str
    """Digest of the model's identity, so that an open session is never used for other weights."""
    prediction: bytes | None = None
    measurement: dict[str, Any] | None = None


@dataclass
class CaseDone:
    """What came of a job: results by kind, and the error that stopped it."""

    subject: str
    results: dict[str, bytes | dict[str, Any] | list[Any]] = field(default_factory=dict)
    failed_kind: str | None = None
    error: LimenError | None = None


def run_cases(jobs: Sequence[CaseJob], workers: int) -> Iterator[CaseDone]:
    """Run jobs and yield each result as it comes; see :class:`Pool` for what a dead worker does."""
    with Pool(run_case, min(workers, len(jobs))) as pool:
        for job in jobs:
            pool.submit(job)
        for job, done in pool.results():
            yield done or CaseDone(
                job.subject,
                failed_kind=job.kinds[0],
                error=WorkerDied(
                    "the worker process died twice on this case, most often for want of memory",
                    where=job.subject,
                    mend="free memory or run with --workers 1 on a larger machine; "
                    "the other cases are not affected",
                ),
            )


def run_case(job: CaseJob) -> CaseDone:
    """Make every kind a job asks for; stops at the first failure."""
    done = CaseDone(job.subject)
    work = _CaseWork(job)
    for kind in job.kinds:
        try:
            done.results[kind] = getattr(work, kind)()
        except LimenError as error:
            done.failed_kind, done.error = kind, error
            break
        except MemoryError:
            done.failed_kind = kind
            done.error = WorkerDied(
                "there was not enough memory for this case",
                where=job.subject,
                mend="run with --workers 1, or on a machine with more memory",
            )
            break
        except Exception as error:
            if os.environ.get("LIMEN_DEBUG"):
                traceback.print_exc()
            done.failed_kind = kind
            # The text of a foreign error may hold a path or a name: only its type is passed on.
            done.error = Unexpected(
                f"an unforeseen {type(error).__name__} while making the {kind}",
                where=job.subject,
                mend="run with LIMEN_DEBUG=1 to see where, and report it to Limen's developers",
            )
            break
    return done


class _CaseWork:
    """The steps of one case; image and labels are read once, when first needed."""

    def __init__(self, job: CaseJob) -> None:
        self._job = job
        self._image: Volume | None = None
        self._reference: Volume | None = None
        self._prediction: Volume | None = None
        self._measurement = job.measurement

    def case(self) -> dict[str, Any]:
        """Readable image and reference; facts and fingerprint for the leakage check."""
        from limen.data import fingerprint

        image, reference = self._read_image(), self._read_reference()
        import numpy as np

        labels, counts = np.unique(reference.values, return_counts=True)
        return {
            "shape": list(image.geometry.shape),
            "spacing_mm": [round(s, 6) for s in image.geometry.spacing_mm],
            "orthogonal": image.geometry.is_orthogonal,
            "voxels": {str(int(v)): int(n) for v, n in zip(labels, counts, strict=True) if v != 0},
            "fingerprint": fingerprint(image).as_dict(),
        }

    def model_shape(self) -> list[int]:
        """Voxels along x, y, z of the grid on which an ONNX model sees the image."""
        from limen.data import model_grid
        from limen.product import OnnxModel

        model = self._job.declaration.model
        assert isinstance(model, OnnxModel)
        spec = model.input
        grid = model_grid(self._read_image().geometry, spec.spacing_mm, spec.orientation)
        return list(grid.shape)

    def prediction(self) -> bytes:
        from limen.data import encode_nifti

        job = self._job
        model = opened_model(job.model_key, job.declaration, job.root)
        self._prediction = model.predict(self._job.case, self._read_image())
        return encode_nifti(self._prediction)

    def measurement(self) -> dict[str, Any]:
        import numpy as np

        from limen.measures import Wanted, measure_case

        prediction, reference = self._read_prediction(), self._read_reference()
        # one order in memory, wherever the prediction comes from: it decides how sums are rounded,
        # and a result must not depend on whether it was made at once or in two runs
        self._measurement = measure_case(
            np.ascontiguousarray(prediction.values),
            np.ascontiguousarray(reference.values),
            reference.geometry.affine_lps_mm,
            self._job.declaration.task,
            Wanted.by(self._job.declaration.criteria),
        ).as_dict()
        return self._measurement

    def picture(self) -> list[Any]:
        from limen.reports.pictures import case_pictures

        assert self._measurement is not None
        pictures = case_pictures(
            self._read_image(),
            self._read_reference(),
            self._read_prediction(),
            self._measurement,
            _display_window(self._job.declaration),
        )
        return [p.as_dict() for p in pictures]

    def _read_image(self) -> Volume:
        from limen.data import read_image

        if self._image is None:
            self._image = read_image(self._job.case)
        return self._image

    def _read_reference(self) -> Volume:
        from limen.data import NoReference, read_labels

        if self._reference is None:
            case = self._job.case
            if case.reference is None:
                raise NoReference(
                    "the case has no reference, so nothing can be measured on it",
                    where=case.id,
                    mend="add its reference, or take the case out of this data set",
                )
            self._reference = read_labels(
                case.reference, self._read_image().geometry, self._job.declaration.task, case.id
            )
        return self._reference

    def _read_prediction(self) -> Volume:
        from limen.data import decode_nifti

        if self._prediction is None:
            assert self._job.prediction is not None
            self._prediction = decode_nifti(self._job.prediction)
        return self._prediction


_MODELS: dict[str, Any] = {}


def opened_model(model_key: str, declaration: Declaration, root: Path) -> Any:
    """The model, opened once for each process; its session is costly to make."""
    from limen.models import open_model

    if model_key not in _MODELS:
        _MODELS.clear()
        _MODELS[model_key] = open_model(declaration.model, root, declaration.task)
    return _MODELS[model_key]


def _display_window(declaration: Declaration) -> tuple[float, float] | None:
    """Grey levels for pictures: the model's own CT window when declared, else none (automatic)."""
    given = getattr(declaration.model, "input", None)
    if given is not None and given.window_hu is not None:
        low, high = given.window_hu
        return (float(low), float(high))
    if declaration.product.intended_use.modality == "CT":
        anatomy = declaration.product.intended_use.anatomy.lower()
        return (-1000.0, 400.0) if "chest" in anatomy or "lung" in anatomy else (-160.0, 240.0)
    return None
