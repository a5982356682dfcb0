"""Measurements made again from predictions and from the images and references they were made on.

The predictions are in the ledger's store or bundle. Images and references never are: whoever
recomputes brings the folder of the data. Its files are found by their digests, whatever they are
called there, so that a case is measured on the very files that the ledger names or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Record, digest_file
from limen.evidence.store import get_object

if TYPE_CHECKING:
    from limen.data import Case
    from limen.product import Declaration

Files = Mapping[tuple[str, str], "Case"]
"""By the digests of image and reference: the case that has them."""


class NoData(LimenError):
    """The folder holds no data of the product's validation sets."""


def files_of(declaration: Declaration, folder: Path) -> Files:
    """Every case of the declared validation sets that is in a folder; all its files are read once.

    Parameters
    ----------
    declaration : Declaration
        Says where below the folder the sets lie.
    folder : Path
        The product's folder, or a copy with its data. Nothing is written there.

    Raises
    ------
    NoData
        If none of the sets is there.
    """
    from limen.data import Pseudonyms, find_cases
    from limen.pipeline.product import digest_of_source

    found: dict[tuple[str, str], Case] = {}
    # what cases are called here does not matter, so any salt serves
    pseudonyms, reasons = Pseudonyms(os.urandom(32)), []
    for declared in declaration.data:
        if declared.use != "validation":
            continue
        try:
            cases = find_cases(declared, folder, pseudonyms).cases
        except (LimenError, OSError) as error:
            reasons.append(error.what if isinstance(error, LimenError) else type(error).__name__)
            continue
        for case in cases:
            if case.reference is not None:
                sources = (case.image, case.reference)
                image, reference = (digest_of_source(s, digest_file) for s in sources)
                found[image, reference] = case
    if not found:
        raise NoData(
            "no case with a reference is in the folder of the data",
            where="--data",
            found="; ".join(dict.fromkeys(reasons)) or None,
            mend="name the folder that holds the data as limen.yaml declares it",
        )
    return found


def remeasured(
    declaration: Declaration,
    entries: Sequence[Mapping[str, Any]],
    dataset: str,
    records: Sequence[Record],
    objects: Path,
    files: Files,
) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Each measured case of a set with its measurement made again, or why it cannot be made.

    Parameters
    ----------
    declaration : Declaration
    entries : sequence of mapping
        ``case`` and the digest of its ``measurement``.
    dataset : str
    records : sequence of Record
        Of the ledger: they say from which prediction, image and reference each was made.
    objects : Path
        The store's objects.
    files : mapping
        As :func:`files_of` finds them.
    """
    by_result = {(r.kind, r.subject, r.result): r for r in records}
    for entry in entries:
        subject = f"{dataset}/{entry['case']}"
        measured = by_result.get(("measurement", subject, entry["measurement"]))
        prediction = measured and by_result.get(
            ("prediction", subject, measured.inputs.get("prediction", ""))
        )
        if measured is None or prediction is None:
            yield subject, "the ledger does not say what it was measured on"
            continue
        wanted = (prediction.inputs.get("image", ""), measured.inputs.get("reference", ""))
        case = files.get(wanted)
        if case is None:
            yield subject, "no image and reference with the recorded digests are in the folder"
            continue
        yield subject, _measure(declaration, subject, case, get_object(objects, prediction.result))


def _measure(
    declaration: Declaration, subject: str, case: Case, prediction: bytes
) -> dict[str, Any] | str:
    from limen.pipeline.work import CaseJob, run_case

    job = CaseJob(
        subject=subject,
        case=replace(case, id=subject.partition("/")[2]),
        kinds=("measurement",),
        declaration=declaration,
        root=Path(),
        model_key="the prediction is given",
        prediction=prediction,
    )
    done = run_case(job)
    made = done.results.get("measurement")
    if done.error is not None or not isinstance(made, dict):
        return f"it cannot be measured: {done.error.what if done.error else 'no result'}"
    return made
