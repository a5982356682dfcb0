"""What a team gives beside its data: a second reader's masks, and predictions of models that were
trained with fewer patients.

Masks are read once, held against the images they belong to, and kept in the store; the folder is
needed no more. Nothing is recorded before every mask of it was found good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limen.boundary.headroom import LearningCurve
from limen.errors import LimenError
from limen.evidence import digest_json
from limen.pipeline.errors import UnknownCase
from limen.pipeline.evaluate import Progress, Silent
from limen.pipeline.graph import CaseGraph, look_up
from limen.pipeline.pool import each
from limen.pipeline.registration import add_record, make_latest
from limen.pipeline.trials import Subject, as_acquired, failed_by_patient, subjects_of

if TYPE_CHECKING:
    from limen.data import Case, Source
    from limen.data.dicom_scan import SeriesFiles
    from limen.pipeline.product import Product
    from limen.product import Declaration

READING, CURVE = "second-reading", "learning-curve"
NONE = "none"
"""Instead of a folder: take back what was given before."""


class BadReadings(LimenError):
    """Masks of a second reader that cannot be held against the product's cases."""


class BadCurve(LimenError):
    """Predictions that make no learning curve."""


# --- taking in ------------------------------------------------------------------------------------


def take_readings(product: Product, folder: Path | None, progress: Progress | None = None) -> int:
    """Keep a second reader's masks of validation cases; returns how many.

    Parameters
    ----------
    product : Product
    folder : Path or None
        Masks in any form that references have, named as the cases are. They need not be of all
        cases. None takes back what was given before.
    progress : Progress, optional

    Raises
    ------
    BadReadings, UnknownCase, DataError
        Nothing is kept then.
    """
    with product.store.writing():
        subjects = subjects_of(product, CaseGraph(product))
        rows: list[dict[str, str]] = []
        masks: list[bytes] = []
        if folder is not None:
            sources = _masks_in(folder, subjects, BadReadings)
            rows, masks = _read(product, subjects, sources, progress or Silent())
        _keep(product, READING, rows, masks)
        return len(rows)


def take_curve(
    product: Product, folders: Sequence[tuple[int, Path]], progress: Progress | None = None
) -> tuple[int, ...]:
    """Keep predictions of models trained with so many patients each; returns the sizes.

    Parameters
    ----------
    product : Product
    folders : sequence of (int, Path)
        Training patients, and a folder of predictions named as the cases are: of every evaluated
        case of each validation set that it holds any of. None at all takes back what was given.
    progress : Progress, optional

    Raises
    ------
    BadCurve, UnknownCase, DataError
        Nothing is kept then.
    """
    sizes = [n for n, _ in folders]
    if folders:
        _check_sizes(sizes)
    with product.store.writing():
        subjects = subjects_of(product, CaseGraph(product))
        rows: list[dict[str, str]] = []
        masks: list[bytes] = []
        sources = {n: _masks_in(folder, subjects, BadCurve) for n, folder in sorted(folders)}
        _require_same_cases(sources, subjects)
        for n, of_size in sources.items():
            more, found = _read(product, subjects, of_size, progress or Silent())
            rows += [{**row, "trained": str(n)} for row in more]
            masks += found
        _keep(product, CURVE, rows, masks)
        return tuple(sources)


def _check_sizes(sizes: Sequence[int]) -> None:
    if min(sizes) < 1:
        raise BadCurve("a model is trained with one patient or more", found=str(min(sizes)))
    twice = sorted({n for n in sizes if sizes.count(n) > 1})
    if twice:
        raise BadCurve(
            "two models of a learning curve have the same number of training patients",
            found=", ".join(map(str, twice)),
            mend="give each number once",
        )
    if len(sizes) < 2:
        raise BadCurve(
            "one size shows no course",
            found=f"{sizes[0]} training patients",
            mend="give two sizes or more; three show what twice the data would give",
        )


def _masks_in(
    folder: Path, subjects: Mapping[str, Subject], refuse: type[LimenError]
) -> dict[str, Source]:
    """The label map of each case, by ``DATASET/CASE``; each file there belongs to one case."""
    from limen.data.identity import safe_name
    from limen.data.items import counted, items_in
    from limen.data.matching import matches_of
    from limen.data.naming import stem

    where = safe_name(folder.name, ()) or "the folder"
    items = items_in(folder, where)
    if not items:
        raise refuse(
            "there is no mask in this folder" if folder.is_dir() else "there is no such folder",
            where=where,
            mend="put one label map a case there, named as the case is (CASE.nii.gz)",
        )
    names: dict[str, tuple[list[str], SeriesFiles | None]] = {
        n: ([s.case.id, stem(s.case.image.files[0])], None) for n, s in subjects.items()
    }
    matched = {n: found for n, found in matches_of(items, names).items() if found}
    claims = counted(item for found in matched.values() for item in found)
    spare = len(items) - len(claims)
    if spare:
        raise UnknownCase(
            f"{spare} of {len(items)} masks belong to no validation case",
            where=where,
            found=f"masks of {len(matched)} cases",
            mend="name each as its case is; `limen status --cases` lists them",
        )
    several = sorted(n for n, found in matched.items() if len(found) > 1 or claims[found[0]] > 1)
    if several:
        raise refuse(
            "more than one mask could be this case's, or its mask another case's as well",
            where=several[0],
            mend="leave one label map a case; cases of two data sets need two names",
        )
    return {n: found[0].source for n, found in matched.items()}


def _require_same_cases(
    sources: Mapping[int, Mapping[str, Source]], subjects: Mapping[str, Subject]
) -> None:
    """Every evaluated case of a set of which any size has a prediction, at every size."""
    sets = {name.partition("/")[0] for found in sources.values() for name in found}
    wanted = {n for n, s in subjects.items() if s.nominal and n.partition("/")[0] in sets}
    for size, found in sources.items():
        missing = sorted(wanted - set(found))
        if missing:
            raise BadCurve(
                "a learning curve needs a prediction of each evaluated case at each size",
                where=f"{size} training patients",
                found=f"none of {len(missing)} cases: {', '.join(missing[:3])}"
                + (" ..." if len(missing) > 3 else ""),
                mend="predict them all with each model",
            )


def _read(
    product: Product,
    subjects: Mapping[str, Subject],
    sources: Mapping[str, Source],
    shown: Progress,
) -> tuple[list[dict[str, str]], list[bytes]]:
    """Each mask on the grid of its image, encoded; and a row that says whose it is."""
    from limen.data import encode_nifti, read_image, read_labels
    from limen.evidence import digest_bytes

    rows, masks = [], []
    for name, source in sorted(sources.items()):
        case = subjects[name].case
        geometry = read_image(case).geometry
        mask = encode_nifti(read_labels(source, geometry, product.declaration.task, name))
        masks.append(mask)
        rows.append(
            {
                "case": name,
                "patient": case.patient,
                "image": subjects[name].sources["image"],
                "mask": digest_bytes(mask),
            }
        )
        shown.count(f"{len(rows)} of {len(sources)} masks read")
    return rows, masks


def _keep(product: Product, kind: str, rows: list[dict[str, str]], masks: list[bytes]) -> None:
    store, name = product.store, product.declaration.product.name
    for mask in masks:
        store.put(mask)
    # the list is input and result: what was given is what is kept
    digest = store.put_json(rows)
    item = look_up(store, kind, name, {"masks": digest})
    if item.record is not None:
        make_latest(store, item)
    else:
        add_record(product, kind, name, {"masks": digest}, digest)


# --- using ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """What was given, as it is kept: rows of case, patient, image and mask.

    A mask of an image that changed since is left out.
    """

    readings: tuple[Mapping[str, str], ...]
    curve: tuple[Mapping[str, str], ...]

    def inputs(self) -> dict[str, str]:
        """Inputs of an explanation."""
        return {
            "second reading": digest_json([dict(r) for r in self.readings]),
            "learning curve": digest_json([dict(r) for r in self.curve]),
        }


@dataclass(frozen=True)
class Readings:
    """What a second reading says.

    Attributes
    ----------
    readers_fail : float or None
        Share of patients on whom the second reader, judged by the reference, fails.
    contradicted : dict
        Failing case to whether the reading agrees with the model and so contradicts the reference:
        judged by the reading, the model passes.
    unmarked : dict
        Case to the ids of reference lesions that the second reader did not mark.
    """

    readers_fail: float | None
    contradicted: dict[str, bool]
    unmarked: dict[str, set[int]]


@dataclass(frozen=True)
class _Pair:
    """A label map of a case and what it is judged by, in a worker: both as they are kept.

    ``truth`` is None where that is the case's own reference.
    """

    case: Case
    declaration: Declaration
    mask: bytes
    truth: bytes | None = None


def given_of(product: Product, subjects: Mapping[str, Subject]) -> Given:
    """What was given last of these subjects."""
    store, name = product.store, product.declaration.product.name

    def rows(kind: str) -> tuple[Mapping[str, str], ...]:
        record = store.latest(kind, name)
        kept = [] if record is None else store.get_json(record.result)
        return tuple(
            r
            for r in kept
            if r["case"] in subjects and subjects[r["case"]].sources["image"] == r["image"]
        )

    return Given(rows(READING), rows(CURVE))


def judge_readings(
    product: Product, given: Given, subjects: Mapping[str, Subject], workers: int
) -> Readings:
    """Hold the second reading against the reference, and the model's failures against it."""
    store, declaration = product.store, product.declaration
    rows = [r for r in given.readings if subjects[r["case"]].nominal]
    failing = [r["case"] for r in rows if not as_acquired(product, subjects[r["case"]]).passed]
    reading = {r["case"]: store.get(r["mask"]) for r in rows}
    by_reference = [_Pair(subjects[n].case, declaration, mask) for n, mask in reading.items()]
    by_reading = [
        _Pair(subjects[n].case, declaration, _predicted(product, n), reading[n]) for n in failing
    ]
    judged = list(zip(rows, each(_judged, by_reference, workers), strict=True))
    failed = failed_by_patient((row["patient"], not passed) for row, (passed, _) in judged)
    agrees = (passed for passed, _ in each(_judged, by_reading, workers))
    return Readings(
        sum(failed.values()) / len(failed) if failed else None,
        dict(zip(failing, agrees, strict=True)),
        {row["case"]: lost for row, (_, lost) in judged},
    )


def judge_curve(
    product: Product, given: Given, subjects: Mapping[str, Subject], workers: int
) -> LearningCurve | None:
    """Which patients failed at each size; None where too little was given of these subjects."""
    rows = [r for r in given.curve if subjects[r["case"]].nominal]
    sizes = sorted({int(r["trained"]) for r in rows})
    # an image that changed since takes its case out of every size
    times = Counter(r["case"] for r in rows)
    rows = [r for r in rows if times[r["case"]] == len(sizes)]
    if len(sizes) < 2 or not rows:
        return None
    failed: dict[int, dict[str, bool]] = {}
    for n in sizes:
        of_size = [r for r in rows if int(r["trained"]) == n]
        pairs = [
            _Pair(subjects[r["case"]].case, product.declaration, product.store.get(r["mask"]))
            for r in of_size
        ]
        judged = zip(of_size, each(_judged, pairs, workers), strict=True)
        failed[n] = failed_by_patient((row["patient"], not passed) for row, (passed, _) in judged)
    patients = sorted(failed[sizes[0]])
    return LearningCurve(tuple(sizes), tuple(tuple(failed[n][p] for p in patients) for n in sizes))


def _predicted(product: Product, name: str) -> bytes:
    record = product.store.latest("prediction", name)
    assert record is not None, f"{name} was evaluated"
    return product.store.get(record.result)


def _judged(pair: _Pair) -> tuple[bool, set[int]]:
    """Whether a mask passes by its truth, and the ids of the truth's lesions that it misses."""
    import numpy as np

    from limen.data import decode_nifti, read_labels
    from limen.measures import Wanted, judge, measure_case

    declaration, mask = pair.declaration, decode_nifti(pair.mask)
    if pair.truth is not None:
        truth = decode_nifti(pair.truth)
    else:
        assert pair.case.reference is not None, "it was evaluated"
        truth = read_labels(pair.case.reference, mask.geometry, declaration.task, pair.case.id)
    measured = measure_case(
        np.ascontiguousarray(mask.values),
        np.ascontiguousarray(truth.values),
        truth.geometry.affine_lps_mm,
        declaration.task,
        Wanted.by(declaration.criteria),
    )
    verdict = judge(measured, declaration.criteria, declaration.task)
    return verdict.passed, {x.id for x in measured.reference or () if x.matched is None}
