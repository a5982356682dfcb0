"""Cases as a layout is gone through: an id that may be shown, a patient, or what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limen.data.case import (
    AmbiguousCase,
    Case,
    CaseProblem,
    CaseSet,
    NoImage,
    NoReference,
    Source,
)
from limen.data.errors import DataError
from limen.data.identity import Pseudonyms
from limen.data.items import Item
from limen.data.naming import assumption_notes, case_id, channel, patient_of_name, stem

if TYPE_CHECKING:
    from limen.data.dicom_scan import ReferenceFile, SeriesFiles


@dataclass
class CaseBuilder:
    """Cases as they are made, with what was assumed on the way."""

    dataset: str
    pseudonyms: Pseudonyms
    layout: str
    found: CaseSet = field(default_factory=CaseSet)
    assumed: list[Case] = field(default_factory=list)
    hidden: int = 0
    taken: set[str] = field(default_factory=set)

    def add(
        self,
        name: str,
        images: list[Item],
        references: list[Item],
        *,
        reference_expected: bool,
        prediction: Source | None = None,
        shared: bool = False,
    ) -> None:
        """``shared``: another case has the same claim to the reference."""
        series = next((i.series for i in images if i.series is not None), None)
        ident = self._id(name, series)
        error = _why_not(ident, images, references, reference_expected, shared)
        if error is None and images[0].broken is not None:
            broken = images[0].broken
            error = type(broken)(broken.what, where=ident, found=broken.found, mend=broken.mend)
        if error is not None:
            self.found.problems.append(CaseProblem(ident, error))
            return
        attributes: dict[str, str | float | int | bool] = {}
        if series is not None:
            from limen.data.dicom_series import series_attributes

            patient, known = series.patient(self.pseudonyms)
            try:
                attributes = series_attributes(series.files, ident)
            except DataError as broken:
                self.found.problems.append(CaseProblem(ident, broken))
                return
        else:
            patient, known = patient_of_name(name, self.dataset, self.pseudonyms)
        reference = references[0].source if references else None
        case = Case(ident, patient, images[0].source, reference, prediction, attributes)
        self.found.cases.append(case)
        self.found.names[ident] = name
        if series is not None:
            self.found.series[ident] = series
        if not known:
            self.assumed.append(case)

    def unused_reference(self, item: Item) -> None:
        ident = self._id(item.name, item.refers)
        error = NoImage(
            "a reference has no image",
            where=ident,
            mend="add the image under the same name, or remove the reference",
        )
        self.found.problems.append(CaseProblem(ident, error))

    def broken_file(self, path: Path, error: DataError) -> None:
        self.found.problems.append(CaseProblem(self._id(stem(path), None), error))

    def done(self) -> CaseSet:
        self.found.layout = self.layout
        self.found.notes += assumption_notes(self.assumed, self.hidden)
        return self.found

    def _id(self, name: str, found: SeriesFiles | ReferenceFile | None) -> str:
        tokens = found.tokens if found is not None else frozenset[str]()
        ident = case_id(name, self.pseudonyms, tokens)
        again = 0
        while ident in self.taken:
            # from the name alone, so that a case added later renames no other
            again += 1
            ident = self.pseudonyms.series(f"name {again}\0{name}")
        self.taken.add(ident)
        self.hidden += ident.startswith("C-")
        return ident


def _why_not(
    ident: str,
    images: list[Item],
    references: list[Item],
    reference_expected: bool,
    shared: bool,
) -> DataError | None:
    if len(images) != 1:
        if not images:
            return NoImage("the case has no image", where=ident, mend="add it, or remove the case")
        channels = {channel(i.name)[1] for i in images}
        if len(channels) == len(images) and None not in channels:
            return AmbiguousCase(
                f"the image has {len(images)} channels, and Limen reads one image a case",
                where=ident,
                mend="leave the channel that the model uses",
            )
        return AmbiguousCase(
            f"{len(images)} files could be the image",
            where=ident,
            mend="leave one, name it image*, or list the cases in cases.csv",
        )
    if len(references) > 1:
        return AmbiguousCase(
            f"{len(references)} references for one image",
            where=ident,
            mend="leave one, or name it in cases.csv",
        )
    if shared:
        return AmbiguousCase(
            "its reference could be another image's as well",
            where=ident,
            mend="name the reference exactly as its image, or list the cases in cases.csv",
        )
    if not references and reference_expected:
        return NoReference(
            "the case has no reference, so nothing can be measured on it",
            where=ident,
            mend="add its reference under the image's name, or take the image out",
        )
    return None
