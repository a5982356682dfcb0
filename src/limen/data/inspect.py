"""Looking at a user's folders: what is there, before anything is declared.

Everything that is guessed is said as a guess; nothing here is used to measure.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from limen.data.case import Case, CaseProblem, CaseSet, Source
from limen.data.errors import DataError
from limen.data.identity import SALT_BYTES, Pseudonyms
from limen.data.layout import attach_predictions, find_cases
from limen.data.read import read_image, read_labels
from limen.data.volume import Array, Geometry
from limen.errors import LimenError
from limen.product.declaration import Dataset, Task

Modality = Literal["CT", "MR", "OCT"]

_MODALITY: dict[str, Modality] = {"CT": "CT", "MR": "MR", "OPT": "OCT", "OCT": "OCT"}
# Above this a single component is taken for an organ rather than a lesion.
_LESION_MM = 60.0


@dataclass(frozen=True)
class LabelFound:
    """A label of the references that were read.

    Attributes
    ----------
    name : str
        Of the SEG segment or RTSTRUCT region; ``label_1`` ... for values of masks.
    value : int
    voxels : int
        Over all cases read.
    cases : int
        Cases read that have it.
    components : float
        Median number of connected components (26 neighbours) in a case that has it.
    diameter_mm : float
        Median over components of the diameter of the sphere of equal volume.
    """

    name: str
    value: int
    voxels: int
    cases: int
    components: float
    diameter_mm: float


@dataclass(frozen=True)
class Inspection:
    """What was found in a folder of images and one of references.

    ``spacing_mm`` and ``shape`` hold (smallest, median, largest) for each axis; ``notes`` say
    what was assumed; ``problems`` the cases that cannot be used. Empty where nothing was read.
    """

    layout: str
    cases: int
    patients: int
    read: int
    modality: Modality | None
    modality_is_guess: bool
    image_kinds: tuple[str, ...] = ()
    reference_kinds: tuple[str, ...] = ()
    spacing_mm: tuple[tuple[float, float, float], ...] = ()
    shape: tuple[tuple[int, int, int], ...] = ()
    orientations: tuple[str, ...] = ()
    values: tuple[float, float] | None = None
    """1st and 99th percentile of the image values, median over the cases read."""
    labels: tuple[LabelFound, ...] = ()
    references: int = 0
    """Cases that have a reference."""
    predictions: int = 0
    """Cases that have a prediction, from the folder of predictions or from beside the image."""
    empty_references: int = 0
    """References read that hold no label."""
    predicted: tuple[int, ...] = ()
    """Values found in the predictions that were read."""
    reference: Literal["mask", "instances"] = "mask"
    task: Literal["lesion-detection", "segmentation"] = "segmentation"
    task_because: str = ""
    notes: tuple[str, ...] = ()
    problems: tuple[CaseProblem, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        plain = asdict(replace(self, problems=()))
        plain["problems"] = [{"case": p.case, **p.error.as_dict()} for p in self.problems]
        return plain


def inspect_folders(
    images: Path,
    references: Path | None = None,
    *,
    predictions: Path | None = None,
    most: int = 20,
    told: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Look at a folder of images, with references in another folder or in the same.

    Parameters
    ----------
    images : Path
        Without ``references``: a folder that holds both, in any layout of ``find_cases``.
    references : Path, optional
    predictions : Path, optional
        Label maps on disk; cases without one are among the problems.
    most : int
        Cases to read whole, spread evenly; of the others the headers alone are looked at.
    told : callable, optional
        Called with (cases read, cases to read) after each.

    Raises
    ------
    EmptyFolder, AmbiguousCase, ManifestError, DataError
        The folders as a whole cannot be understood. What is wrong with one case is among the
        problems instead.
    """
    found = _find(images, references)
    if predictions is not None:
        found = attach_predictions(found, predictions)
    names, problems = _names(found.cases)
    sample = _spread([c for c in found.cases if c.reference] or found.cases, most)
    seen: list[_Seen] = []
    for n, case in enumerate(sample):
        try:
            seen.append(_look(case, names))
        except LimenError as error:
            problems.append(CaseProblem(case.id, error))
        if told is not None:
            told(n + 1, len(sample))
    modality, is_guess = _modality(found.cases, seen)
    reference = _reference_kind(seen, names)
    labels = _labels(seen, names)
    task, because = _task(seen, labels, reference)
    notes = list(found.notes)
    if len(sample) < len(found.cases):
        notes.append(
            f"{len(sample)} of {len(found.cases)} cases were read whole; a label that only the "
            "others have is not listed"
        )
    return Inspection(
        layout=found.layout,
        cases=len(found.cases) + len(found.problems),
        patients=len({c.patient for c in found.cases}),
        read=len(seen),
        modality=modality,
        modality_is_guess=is_guess,
        image_kinds=tuple(sorted({c.image.kind for c in found.cases})),
        reference_kinds=tuple(sorted({c.reference.kind for c in found.cases if c.reference})),
        spacing_mm=_ranges([s.geometry.spacing_mm for s in seen], 4),
        shape=tuple(
            (int(a), int(b), int(c)) for a, b, c in _ranges([s.geometry.shape for s in seen], 0)
        ),
        orientations=tuple(w for w, _ in Counter(_towards(s.geometry) for s in seen).most_common()),
        values=_median_range(seen),
        labels=labels,
        references=sum(c.reference is not None for c in found.cases),
        predictions=sum(c.prediction is not None for c in found.cases),
        empty_references=sum(s.has_reference and not s.voxels for s in seen),
        predicted=tuple(sorted(frozenset().union(*(s.predicted for s in seen)))),
        reference=reference,
        task=task,
        task_because=because,
        notes=tuple(notes),
        problems=(*found.problems, *problems),
    )


def _find(images: Path, references: Path | None) -> CaseSet:
    # The salt is thrown away: these pseudonyms are for counting, no file keeps them.
    pseudonyms = Pseudonyms(secrets.token_bytes(SALT_BYTES))
    given: dict[str, Any] = {"name": "data", "use": "validation", "approval": "none"}
    if references is None:
        given["path"] = str(images.absolute())
    else:
        given |= {"images": str(images.absolute()), "references": str(references.absolute())}
    return find_cases(Dataset(**given), Path(), pseudonyms)


def _spread(cases: Sequence[Case], most: int) -> list[Case]:
    if len(cases) <= most:
        return list(cases)
    return [cases[round(n * (len(cases) - 1) / max(1, most - 1))] for n in range(most)]


# --- one case ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """What one case says."""

    geometry: Geometry
    low: float
    high: float
    has_reference: bool
    voxels: dict[int, int]
    components: dict[int, list[float]]
    """Diameter in mm of every component, by label value."""
    predicted: frozenset[int]


def _look(case: Case, names: Mapping[str, int]) -> _Seen:
    image = read_image(case)
    step = tuple(max(1, n // 64) for n in image.values.shape)
    some = image.values[:: step[0], :: step[1], :: step[2]]
    low, high = (float(v) for v in np.percentile(some, (1, 99)))
    voxels: dict[int, int] = {}
    components: dict[int, list[float]] = {}
    if case.reference is not None:
        labels = read_labels(
            case.reference, image.geometry, _any_label(case.reference, names), case.id
        ).values
        for value, count in zip(*np.unique(labels[labels > 0], return_counts=True), strict=True):
            voxels[int(value)] = int(count)
        components = _components(labels, list(voxels), image.geometry.voxel_volume_mm3)
    predicted: frozenset[int] = frozenset()
    if case.prediction is not None:
        task = _any_label(case.prediction, names)
        predictions = read_labels(case.prediction, image.geometry, task, case.id)
        predicted = frozenset(int(v) for v in np.unique(predictions.values)) - {0}
    has_reference = case.reference is not None
    return _Seen(image.geometry, low, high, has_reference, voxels, components, predicted)


def _any_label(source: Source, names: Mapping[str, int]) -> Task:
    """A task under which every label is read: by its value, or as named over all references."""
    if source.kind in ("dicom-seg", "dicom-rtstruct"):
        return Task(kind="segmentation", labels=dict(names) or {"label_1": 1})
    return Task(kind="segmentation", reference="instances")


def _components(labels: Array, values: Sequence[int], voxel_mm3: float) -> dict[int, list[float]]:
    from scipy import ndimage

    boxes = ndimage.find_objects(labels)
    found = {}
    for value in values:
        numbered, _ = ndimage.label(labels[boxes[value - 1]] == value, np.ones((3, 3, 3)))
        volumes = np.bincount(numbered.ravel())[1:] * voxel_mm3
        found[value] = [float(d) for d in (6 * volumes / np.pi) ** (1 / 3)]
    return found


def _towards(geometry: Geometry) -> str:
    """Patient directions nearest to those in which i, j, k grow, as LPS."""
    letters = ""
    for axis in geometry.affine_lps_mm[:3, :3].T:
        main = int(np.abs(axis).argmax())
        letters += ("LPS" if axis[main] > 0 else "RAI")[main]
    return letters


# --- over the cases ---------------------------------------------------------------------------


def _names(cases: Sequence[Case]) -> tuple[dict[str, int], list[CaseProblem]]:
    """Names of SEG segments and RTSTRUCT regions over all cases, each with a value.

    A segment keeps its number where no other name has taken it.
    """
    names: dict[str, int] = {}
    problems = []
    for case in cases:
        try:
            for number, name in _named(case).items():
                if name and name.casefold() not in {n.casefold() for n in names}:
                    free = number not in names.values()
                    names[name] = number if free else max(names.values()) + 1
        except DataError as error:
            problems.append(CaseProblem(case.id, error))
    return names, problems


def _named(case: Case) -> dict[int, str]:
    source = case.reference
    if source is not None and source.kind == "dicom-seg":
        from limen.data.dicom_seg import segments_of

        return segments_of(source.files[0], case.id)
    if source is not None and source.kind == "dicom-rtstruct":
        from limen.data.dicom_rtstruct import regions_of

        return dict(enumerate(regions_of(source.files[0], case.id).values(), start=1))
    return {}


def _modality(cases: Sequence[Case], seen: Sequence[_Seen]) -> tuple[Modality | None, bool]:
    stated = Counter(
        _MODALITY[m] for c in cases if (m := str(c.attributes.get("modality"))) in _MODALITY
    )
    if stated:
        return stated.most_common(1)[0][0], False
    if not seen:
        return None, True
    # Air is -1000 HU and nothing but CT has values so far under zero.
    is_ct = float(np.median([s.low for s in seen])) < -500
    return ("CT" if is_ct else "MR"), True


def _ranges(rows: Sequence[Sequence[float]], digits: int) -> tuple[tuple[float, float, float], ...]:
    if not rows:
        return ()
    table = np.array(rows, dtype=float)
    return tuple(
        (round(float(c.min()), digits), round(float(np.median(c)), digits),
         round(float(c.max()), digits))
        for c in table.T
    )  # fmt: skip


def _median_range(seen: Sequence[_Seen]) -> tuple[float, float] | None:
    if not seen:
        return None
    low = float(np.median([s.low for s in seen]))
    high = float(np.median([s.high for s in seen]))
    return (round(low, 3), round(high, 3))


def _reference_kind(
    seen: Sequence[_Seen], names: Mapping[str, int]
) -> Literal["mask", "instances"]:
    """Instances: values that only number the lesions, 1 to n, each in one piece."""
    if names:  # "Nodule 1", "Nodule 2" ...
        stems = {re.sub(r"[\s_-]*\d+$", "", n).casefold() for n in names}
        numbered = all(n[-1].isdecimal() for n in names)
        return "instances" if len(names) > 1 and numbered and len(stems) == 1 else "mask"
    present = [sorted(s.voxels) for s in seen if s.voxels]
    consecutive = all(p == list(range(1, len(p) + 1)) for p in present)
    varies = len({len(p) for p in present}) > 1
    whole = all(len(c) == 1 for s in seen for c in s.components.values())
    many = max((len(p) for p in present), default=0) > 1
    if many and consecutive and whole and (varies or max(map(len, present)) > 10):
        return "instances"
    return "mask"


def _labels(seen: Sequence[_Seen], names: Mapping[str, int]) -> tuple[LabelFound, ...]:
    named = {value: name for name, value in names.items()}
    values = sorted({v for s in seen for v in s.voxels} | set(named))
    found = []
    for value in values:
        cases = [s for s in seen if value in s.voxels]
        diameters = [d for s in cases for d in s.components[value]]
        found.append(
            LabelFound(
                name=named.get(value, f"label_{value}"),
                value=value,
                voxels=sum(s.voxels[value] for s in cases),
                cases=len(cases),
                components=float(np.median([len(s.components[value]) for s in cases] or [0])),
                diameter_mm=round(float(np.median(diameters or [0.0])), 2),
            )
        )
    return tuple(found)


def _task(
    seen: Sequence[_Seen], labels: Sequence[LabelFound], reference: str
) -> tuple[Literal["lesion-detection", "segmentation"], str]:
    if reference == "instances":
        return "lesion-detection", "the values number single lesions"
    if not labels or not any(label.voxels for label in labels):
        return "segmentation", "no label was found in the references that were read"
    counts = [sum(len(c) for c in s.components.values()) for s in seen if s.has_reference]
    diameters = [d for s in seen for c in s.components.values() for d in c]
    typical = float(np.median(diameters))
    if len(labels) > 3:
        return "segmentation", f"{len(labels)} labels, as of organs or structures"
    if typical >= _LESION_MM:
        return "segmentation", f"components are typically {typical:.2g} mm across, as an organ"
    if len(set(counts)) > 1 or 0 in counts:
        return "lesion-detection", (
            f"{min(counts)} to {max(counts)} components a case, typically {typical:.2g} mm across"
        )
    if counts[0] > len(labels):
        return "lesion-detection", (
            f"{counts[0]} components a case, typically {typical:.2g} mm across"
        )
    return "segmentation", "every case has each label in one piece"
