"""Two folders of label maps: which belong together, and one case of them as one piece of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limen.errors import LimenError
from limen.measures.errors import Undefined, UnknownFile
from limen.measures.files import opened
from limen.measures.found_lesions import Detection, detection
from limen.measures.structures import LabelMeasures, segmentation

_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".dcm")


@dataclass(frozen=True)
class Pairs:
    """Files of two folders by the name of the case, which is that of the file.

    Attributes
    ----------
    both : mapping of str to (Path, Path)
        Prediction and reference.
    without_prediction, without_reference : tuple of str
    """

    both: dict[str, tuple[Path, Path]]
    without_prediction: tuple[str, ...]
    without_reference: tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """One case to measure, as :func:`measured` takes it.

    ``measures`` and ``lesions`` are further options of :func:`limen.measures.segmentation` and
    of :func:`limen.measures.detection`; without ``lesions`` these are not looked for.
    """

    case: str
    prediction: Path
    reference: Path
    labels: Any = None
    image: Path | None = None
    measures: Mapping[str, Any] = field(default_factory=dict)
    lesions: Mapping[str, Any] | None = None
    cldice: bool = False


@dataclass(frozen=True)
class Measured:
    """What came of one case: measures by label, or why there are none."""

    case: str
    labels: tuple[LabelMeasures, ...] = ()
    lesions: tuple[Detection, ...] | None = None
    error: LimenError | None = None


def pairs_of(predictions: Path, references: Path) -> Pairs:
    """Files of the same name in two folders; endings may differ.

    Raises
    ------
    UnknownFile
        When a folder holds nothing that can be read, or two files for one case.
    """
    sides = [_files(folder, what) for folder, what in
             ((predictions, "predictions"), (references, "references"))]  # fmt: skip
    p, r = sides
    return Pairs(
        {name: (p[name], r[name]) for name in sorted(p.keys() & r.keys())},
        tuple(sorted(r.keys() - p.keys())),
        tuple(sorted(p.keys() - r.keys())),
    )


def measured(work: Work) -> Measured:
    """Measure one case; what is wrong with it is in the answer.

    A case in which neither map holds a label has nothing to measure, and is no error.
    """
    try:
        p, r, affine, _, names = opened(
            work.prediction, work.reference, None, None, work.labels, work.image
        )
        given: dict[str, Any] = {
            "affine_mm": affine,
            "labels": work.labels if work.labels is not None else names,
        }
        labels = segmentation(p, r, **given, **work.measures)
        lesions = None
        if work.lesions is not None:
            lesions = tuple(detection(p, r, **given, **work.lesions).values())
    except Undefined:
        return Measured(work.case)
    except LimenError as error:
        return Measured(work.case, error=error)
    # only numbers go back to the process that asked
    return Measured(work.case, tuple(m.alone(cldice=work.cldice) for m in labels.values()), lesions)


def _files(folder: Path, what: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        ending = next((e for e in _ENDINGS if path.name.endswith(e)), None)
        if ending is None or path.name.startswith("."):
            continue
        case = path.name.removesuffix(ending)
        if case in found:
            raise UnknownFile(
                f"the {what} hold two files for one case",
                where=case,
                found=f"{found[case].name} and {path.name}",
                mend="leave one of them there",
            )
        found[case] = path
    if not found:
        raise UnknownFile(
            f"the folder of {what} holds no label map",
            where=str(folder),
            mend=f"give files that end in {', '.join(_ENDINGS)}",
        )
    return found
