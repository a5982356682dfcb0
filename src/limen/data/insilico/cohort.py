"""The in-silico cohort on disk: images, masks and a manifest for each side of the split."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from limen.data.insilico.listing import listing_csv
from limen.data.nifti import write_nifti
from limen.data.volume import Volume
from limen.evidence import write_atomically


class Simulated(Protocol):
    """One simulated patient: image, reference on the same grid, and facts that are listed."""

    @property
    def image(self) -> Volume: ...

    @property
    def reference(self) -> Volume: ...

    @property
    def attributes(self) -> dict[str, str | float | int]: ...


@dataclass(frozen=True)
class Cohort:
    """Which simulated patients.

    Development has the numbers 0 to ``development - 1``. Validation begins at
    ``validation_from``, which a smaller cohort keeps: else its validation would hold patients that
    made the example's model.

    Attributes
    ----------
    method : str
        How patients are made; raised whenever the same seed would give other patients.
    simulate : callable
        Seed and number to a patient, the same at every call; a function of a module, because
        worker processes import it.
    seed, development, validation : int
    validation_from : int
        Above every patient that the example's model was trained on, or was looked at with.
    demo_development : int
        Development patients that are enough where the model is not trained anew.
    """

    method: str
    simulate: Callable[[int, int], Simulated]
    seed: int
    development: int
    validation: int
    validation_from: int
    demo_development: int = 60

    def __post_init__(self) -> None:
        if self.development > self.validation_from:
            raise ValueError("development patients would be validation patients as well")

    def numbers(self, use: str) -> range:
        if use == "development":
            return range(self.development)
        return range(self.validation_from, self.validation_from + self.validation)


def cohort_ready(folder: Path, cohort: Cohort) -> bool:
    """Whether exactly this cohort was written whole."""
    return _stamp_in(folder / "data" / "cohort.json") == _stamp(cohort)


def _stamp_in(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def write_cohort(
    folder: Path,
    cohort: Cohort,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> None:
    """Write ``data/development`` and ``data/validation`` of a product folder.

    Each has ``images/``, ``references/`` and ``cases.csv`` (one patient a row, with attributes).
    Patients that are already there, made in the same way with the same seed, are kept: so an
    interrupted run goes on, and a larger cohort adds to a smaller one.
    Memory: about 150 MB for each worker.

    Parameters
    ----------
    folder : Path
        The product's folder.
    cohort : Cohort
    progress : callable, optional
        Told patients done and patients in all.
    workers : int, optional
        Worker processes; default one for each core.
    """
    begun, whole = (folder / "data" / name for name in ("cohort.begun.json", "cohort.json"))
    keep = any(
        (kept.get("method"), kept.get("seed")) == (cohort.method, cohort.seed)
        for kept in (_stamp_in(begun), _stamp_in(whole))
    )
    write_atomically(begun, json.dumps(_stamp(cohort)).encode())
    whole.unlink(missing_ok=True)
    jobs = [(use, n) for use in ("development", "validation") for n in cohort.numbers(use)]
    rows: dict[str, list[dict[str, Any]]] = {"development": [], "validation": []}
    for done, (use, row) in enumerate(_simulate(folder, jobs, cohort, keep, workers), 1):
        rows[use].append(row)
        if progress is not None:
            progress(done, len(jobs))
    for use, listed in rows.items():
        listed.sort(key=lambda r: str(r["case"]))
        write_atomically(folder / "data" / use / "cases.csv", listing_csv(listed))
    write_atomically(whole, json.dumps(_stamp(cohort)).encode())
    begun.unlink()


def _simulate(
    folder: Path, jobs: list[tuple[str, int]], cohort: Cohort, keep: bool, workers: int | None
) -> Any:
    import os
    from concurrent.futures import as_completed

    from loky import ProcessPoolExecutor

    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # as in _write_patient
    pool = ProcessPoolExecutor(max_workers=workers or os.cpu_count() or 1, env=one)
    try:
        futures = [pool.submit(_write_patient, folder, use, cohort, n, keep) for use, n in jobs]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(wait=False, kill_workers=True)


def _write_patient(
    folder: Path, use: str, cohort: Cohort, number: int, keep: bool
) -> tuple[str, dict[str, Any]]:
    """Image, mask and the row of the manifest, the row last: it says that the others are whole."""
    import numba

    case = f"sim-{number:04d}"
    home = folder / "data" / use
    kept = home / "rows" / f"{case}.json"
    if keep and kept.exists():
        row: dict[str, Any] = json.loads(kept.read_text())
        return use, row
    numba.set_num_threads(1)  # one patient for each worker is faster than two threads for one
    patient = cohort.simulate(cohort.seed, number)
    write_nifti(patient.image, home / "images" / f"{case}.nii.gz")
    write_nifti(patient.reference, home / "references" / f"{case}.nii.gz")
    row = {
        "case": case,
        "patient": case,
        "image": f"images/{case}.nii.gz",
        "reference": f"references/{case}.nii.gz",
        **patient.attributes,
    }
    write_atomically(kept, json.dumps(row).encode())
    return use, row


def _stamp(cohort: Cohort) -> dict[str, Any]:
    counts = ("seed", "development", "validation", "validation_from")
    return {"method": cohort.method, **{name: getattr(cohort, name) for name in counts}}
