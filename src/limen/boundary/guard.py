"""The guard: whether an image lies inside the boundary, with the reasons in words.

Frozen with the release: it holds the certified limits and what the calibration patients' images
look like, needs NumPy and SciPy alone, and answers in well under the time of a model run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.boundary.guard_calibration import GuardError, Parts
from limen.boundary.guard_features import SLICES_SEEN, Seen, look, patient_slices
from limen.boundary.guard_fit import reading_features
from limen.boundary.guard_likeness import anatomy_features
from limen.boundary.guard_parts import (
    GuardedAxis,
    Header,
    Likeness,
    Shapes,
    Turn,
)

if TYPE_CHECKING:
    from limen.data import Volume

Array = NDArray[Any]
Word = Literal["inside", "outside", "cannot tell"]

SMALLEST_PIXELS = 32
"""Along x and y; a smaller image holds too little to look at."""
_SEEN_AT_LEAST = 0.25
"""A way to put a volume wrong is judged where at least this share of calibration patients betrays
it. Where patients look alike both ways a judgement would refuse right volumes and no others."""
FORMAT = 3
"""Of a guard on disk. Raised with what is read off images (`guard_features`): a guard of other
features must not judge by these."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        "boundary", "modality", "age", "grid", "orientation", "anatomy", "texture", or an axis.
    answer : "inside", "outside" or "cannot tell"
    in_words : str
    value, low, high, limit : float or None
        The value found, the ends of its 90 % interval, and what is allowed, in ``unit``.
    unit : str
    """

    name: str
    answer: Word
    in_words: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class GuardAnswer:
    """What the guard says of one image.

    ``outside`` when any check says so, else ``cannot tell`` when any does, else ``inside``.
    """

    answer: Word
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    """What could not be checked because it is not stated."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "answer": self.answer,
            "reasons": list(self.reasons),
            "checks": [asdict(c) for c in self.checks],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Guard:
    """A release's guard.

    Attributes
    ----------
    product, version : str
    modality : str
        "CT", "MR" or "OCT".
    age_years : (float, float)
        Whom the product is for.
    certified : bool
        Whether anything is certified at all; if not, every image lies outside.
    boundary : str
        What is certified, or why nothing is, in one sentence.
    parts : Parts
    pixel_mm, slice_mm : (float, float)
        Smallest and largest of the calibration patients.
    origin : str
        Of the calibration patients' images.
    rates : mapping
        How often it lets through and refuses, on patients and levels left out (`guard_rates`).

    Examples
    --------
    >>> guard = Guard.load("release")  # doctest: +SKIP
    >>> guard("scan.nii.gz").answer  # doctest: +SKIP
    'inside'
    """

    product: str
    version: str
    modality: str
    age_years: tuple[float, float]
    certified: bool
    boundary: str
    parts: Parts
    pixel_mm: tuple[float, float]
    slice_mm: tuple[float, float]
    origin: str
    rates: Mapping[str, Any]

    @classmethod
    def load(cls, release: str | Path) -> Guard:
        """The guard of a release folder, or of a product's folder.

        Raises
        ------
        GuardError
            When there is none, or any file of the release was altered.
        """
        from limen.boundary.guard_file import load_guard

        return load_guard(Path(release))

    def __call__(
        self, image: str | Path | Volume, attributes: Mapping[str, Any] | None = None
    ) -> GuardAnswer:
        """Judge one image.

        Parameters
        ----------
        image : path or Volume
            A NIfTI or NRRD file, a DICOM file or folder of one series; or a `limen.data.Volume`,
            (I, J, K) values (HU for CT) with their affine in LPS mm.
        attributes : mapping, optional
            Facts of the examination, as in a `limen.data.Case`; of DICOM they are read.

        Raises
        ------
        DataError
            When the file cannot be read.
        """
        if isinstance(image, str | Path):
            from limen.boundary.guard_file import read_any

            volume, stated = read_any(Path(image))
            attributes = {**stated, **(attributes or {})}
        else:
            volume = image
        return self._judge(volume.values, volume.geometry.affine_lps_mm, attributes or {})

    def _judge(self, values: Array, affine: Array, attributes: Mapping[str, Any]) -> GuardAnswer:
        checks, notes = self._stated(attributes)
        flaw = _flaw(values, affine)
        if flaw is not None:
            return _answer([*checks, Check("grid", "outside", flaw)], notes)
        slices, pixel_mm, slice_mm = patient_slices(values, affine)
        if not np.isfinite(slices).all():
            wrong = "the image holds values that are not numbers"
            return _answer([*checks, Check("grid", "outside", wrong)], notes)
        checks.append(self._grid(pixel_mm, slice_mm))
        return self.judge_seen(look(slices, pixel_mm, self.modality), attributes, checks, notes)

    def judge_seen(
        self,
        seen: Seen,
        attributes: Mapping[str, Any],
        checks: list[Check] | None = None,
        notes: list[str] | None = None,
    ) -> GuardAnswer:
        """The answer on what `look` has read; of itself, so that many images can be tried."""
        found = list(checks or [])
        found.append(self._anatomy(seen))
        found += [self._orientation(seen)]
        found.append(self._texture(seen))
        found += [self._condition(axis, seen, attributes) for axis in self.parts.axes]
        return _answer(found, list(notes or []))

    # --- single checks ----------------------------------------------------------------------

    def _stated(self, attributes: Mapping[str, Any]) -> tuple[list[Check], list[str]]:
        checks, notes = [], []
        if not self.certified:
            checks.append(Check("boundary", "outside", self.boundary))
        modality = attributes.get("modality")
        if modality is None:
            notes.append("the modality is not stated, so only the image itself was judged")
        elif str(modality).upper() != self.modality:
            words = f"the header says {str(modality)[:12]}, the product is for {self.modality}"
            checks.append(Check("modality", "outside", words))
        low, high = self.age_years
        age = attributes.get("age_years")
        if not isinstance(age, int | float) or isinstance(age, bool):
            notes.append(f"the age is not stated; the product is for {low:g} to {high:g} years")
        elif not low <= age <= high:
            words = f"age {age:g} years, the product is for {low:g} to {high:g} years"
            checks.append(Check("age", "outside", words, float(age), unit="years"))
        return checks, notes

    def _grid(self, pixel_mm: float, slice_mm: float) -> Check:
        wrong = []
        for what, value, (low, high) in (
            ("pixels", pixel_mm, self.pixel_mm),
            ("slices", slice_mm, self.slice_mm),
        ):
            # a tenth beyond: files round, and the model resamples
            if not 0.9 * low <= value <= 1.1 * high:
                among = f"{low:.3g}" if high <= 1.001 * low else f"{low:.3g} to {high:.3g}"
                wrong.append(f"{what} of {value:.3g} mm, calibrated with {among} mm")
        if wrong:
            return Check("grid", "outside", "; ".join(wrong))
        return Check("grid", "inside", f"pixels of {pixel_mm:.3g} mm, slices of {slice_mm:.3g} mm")

    def _anatomy(self, seen: Seen) -> Check:
        return _likeness(
            "anatomy",
            self.parts.anatomy,
            anatomy_features(seen, self.parts.shapes),
            "grey levels, size and arrangement of what is seen",
        )

    def _texture(self, seen: Seen) -> Check:
        return _likeness("texture", self.parts.texture, seen.condition, "noise, edges and streaks")

    def _orientation(self, seen: Seen) -> Check:
        worst: tuple[float, str] | None = None
        judged = [turn for turn in self.parts.turns if turn.seen >= _SEEN_AT_LEAST]
        for turn in judged:
            below = turn.refused_below - turn.score(seen.blocks)
            if below > 0 and (worst is None or below > worst[0]):
                worst = (below, turn.name)
        if worst is not None:
            return Check("orientation", "outside", f"the volume looks as if {worst[1]}")
        words = "the volume lies as calibration patients do"
        alike = [turn.name for turn in self.parts.turns if turn.seen < _SEEN_AT_LEAST]
        if alike:
            words += f"; they look alike with {', or '.join(alike)}"
        return Check("orientation", "inside", words)

    def _condition(self, guarded: GuardedAxis, seen: Seen, attributes: Mapping[str, Any]) -> Check:
        axis = guarded.axis
        reader, features = guarded.by_image, reading_features(seen, self.parts.header, None)
        if guarded.by_header is not None and self.parts.header.code(attributes) is not None:
            reader = guarded.by_header
            features = reading_features(seen, self.parts.header, attributes)
        score = reader.score(features)
        at = reader.position(score)
        value = axis.value(at)
        low, high = sorted((axis.value(at + reader.low), axis.value(at + reader.high)))
        limit = axis.position(guarded.limit)
        kind = "certified" if guarded.certified else "explored"
        words = (
            f"{axis.name} reads as {axis.text(value)} "
            f"(90 % interval {axis.text(low)} to {axis.text(high)}), "
            f"{kind} {'down' if axis.worst < axis.nominal else 'up'} to {axis.text(guarded.limit)}"
        )
        answer: Word = "inside"
        if score > reader.threshold:
            answer = "outside" if at + reader.low > limit else "cannot tell"
        return Check(axis.name, answer, words, value, low, high, guarded.limit, axis.unit)

    # --- keeping ------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` takes it back."""
        kept = asdict(self)
        kept["parts"] = {
            **kept["parts"],
            "axes": [a.as_dict() for a in self.parts.axes],
            "header": self.parts.header.as_dict(),
        }
        return {"guard": FORMAT, **kept, "rates": dict(self.rates)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Guard:
        if kept.get("guard") != FORMAT:
            raise GuardError(
                "this guard was written by another version of Limen",
                found=f"format {kept.get('guard')}",
                mend="load it with the version that wrote it, or calibrate it again",
            )
        parts = kept["parts"]
        return cls(
            product=kept["product"],
            version=kept["version"],
            modality=kept["modality"],
            age_years=(kept["age_years"][0], kept["age_years"][1]),
            certified=kept["certified"],
            boundary=kept["boundary"],
            parts=Parts(
                axes=tuple(GuardedAxis.from_dict(a) for a in parts["axes"]),
                header=Header.from_dict(parts["header"]),
                texture=Likeness.from_dict(parts["texture"]),
                anatomy=Likeness.from_dict(parts["anatomy"]),
                shapes=Shapes.from_dict(parts["shapes"]),
                turns=tuple(Turn.from_dict(t) for t in parts["turns"]),
                patients=parts["patients"],
            ),
            pixel_mm=(kept["pixel_mm"][0], kept["pixel_mm"][1]),
            slice_mm=(kept["slice_mm"][0], kept["slice_mm"][1]),
            origin=kept["origin"],
            rates=kept["rates"],
        )


def _likeness(name: str, part: Likeness, features: Array, what: str) -> Check:
    p = part.p_value(features)
    n = len(part.distances)
    if p <= part.refused_at:
        words = (
            f"{what} are unlike the {n} calibration patients' (p = {p:.2g}, refused up to "
            f"{part.refused_at:.2g})"
        )
        return Check(name, "outside", words, p, limit=part.refused_at)
    words = f"{what} are like those of the {n} calibration patients (p = {p:.2g})"
    return Check(name, "inside", words, p, limit=part.refused_at)


def _flaw(values: Array, affine: Array) -> str | None:
    """What makes an image unfit to be looked at, in words."""
    if values.ndim != 3 or min(values.shape) < 1:
        return f"an image of shape {values.shape} is no volume"
    if not np.isfinite(affine).all() or abs(np.linalg.det(np.asarray(affine)[:3, :3])) < 1e-9:
        return "the image has no place in the patient"
    small = sorted(values.shape)
    if small[1] < SMALLEST_PIXELS or small[0] < SLICES_SEEN // 2:
        shape = " x ".join(str(n) for n in values.shape)
        return (
            f"an image of {shape} voxels is too small to look at: it takes {SMALLEST_PIXELS} "
            f"pixels each way and {SLICES_SEEN // 2} slices"
        )
    return None


def _answer(checks: list[Check], notes: list[str]) -> GuardAnswer:
    outside = [c.in_words for c in checks if c.answer == "outside"]
    unsure = [c.in_words for c in checks if c.answer == "cannot tell"]
    if outside:
        return GuardAnswer("outside", (*outside, *unsure), tuple(checks), tuple(notes))
    if unsure:
        return GuardAnswer("cannot tell", tuple(unsure), tuple(checks), tuple(notes))
    return GuardAnswer("inside", (), tuple(checks), tuple(notes))
