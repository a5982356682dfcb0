"""Matching named regions of DICOM references with the declared labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from limen.data.errors import (
    GeometryMismatch,
    IdentityError,
    OverlappingLabels,
    UndeclaredLabel,
)
from limen.data.identity import contains_identity, looks_like_code
from limen.data.volume import Array

_LONGEST = 64
"""Characters of a region's name, as DICOM allows them (LO); longer ones are free text."""


class DeclaredLabels:
    """Declared label names and values, and what is to be left out.

    Parameters
    ----------
    labels : mapping of str to int
    ignore : collection of str or int
        Names (without regard to case) or numbers.
    tokens : iterable of str
        Identity tokens of the header: a region's name is free text.
    where : str
        The case, for errors.
    """

    def __init__(
        self,
        labels: Mapping[str, int],
        ignore: Collection[str | int],
        tokens: Iterable[str],
        where: str,
    ) -> None:
        self._labels = {_folded(name): value for name, value in labels.items()}
        self._declared = dict(labels)
        self._ignored = {_folded(str(entry)) for entry in ignore}
        self._tokens = frozenset(tokens)
        self._where = where

    def of_segments(self, segments: Mapping[int, str]) -> dict[int, int | None]:
        """Declared value for each segment number; None where it is ignored."""
        kept = {n: name for n, name in segments.items() if not self._is_ignored(n, name)}
        by_name = {n: self._labels.get(_folded(name)) for n, name in kept.items()}
        if kept and all(value is None for value in by_name.values()):
            values = set(self._declared.values())
            by_name = {n: n if n in values else None for n in kept}
        self._require_all(by_name, segments, "segment")
        self._require_no_identity(by_name, segments)
        return {n: by_name.get(n) for n in segments}

    def of_regions(self, regions: Mapping[int, str]) -> dict[int, int | None]:
        """Declared value for each ROI number, by name only; None where it is ignored.

        ROI numbers are arbitrary, so they never stand for a declared value.
        """
        kept = {n: name for n, name in regions.items() if not self._is_ignored(n, name)}
        by_name = {n: self._labels.get(_folded(name)) for n, name in kept.items()}
        self._require_all(by_name, regions, "region")
        self._require_no_identity(by_name, regions)
        return {n: by_name.get(n) for n in regions}

    def shown(self, name: str) -> str:
        """The name, or nothing if it holds an identity token or is none that may be printed."""
        if contains_identity(name, self._tokens) or not name.isprintable():
            return ""
        return name if len(name) <= _LONGEST else ""

    def _is_ignored(self, n: int, name: str) -> bool:
        return str(n) in self._ignored or _folded(name) in self._ignored

    def _require_all(
        self, values: Mapping[int, int | None], names: Mapping[int, str], word: str
    ) -> None:
        unknown = [n for n, value in values.items() if value is None]
        if not unknown:
            return
        shown = {n: self.shown(names[n]) for n in unknown}
        told = [f"{word} {n}" + (f" ({shown[n]!r})" if shown[n] else "") for n in unknown]
        more = f" and {len(told) - 5} more" if len(told) > 5 else ""
        declared = ", ".join(f"{name}: {value}" for name, value in self._declared.items())
        raise UndeclaredLabel(
            f"the reference holds a {word} that is not declared",
            where=self._where,
            found=", ".join(told[:5]) + more,
            mend=f"declare it under task.labels (now {declared or 'empty'}), or list it under "
            "task.ignore_labels"
            if all(shown.values())
            else f"a {word} whose name is not shown has none, or one that may identify the "
            f"patient: rename it, or list its number ({_first(n for n in unknown if not shown[n])}"
            ") under task.ignore_labels",
        )

    def _require_no_identity(
        self, values: Mapping[int, int | None], names: Mapping[int, str]
    ) -> None:
        """Refuse a declared label that is this patient's name: it would be shown everywhere."""
        told = [n for n, v in values.items() if v is not None and self._identifies(names[n])]
        if told:
            raise IdentityError(
                "a declared label holds what identifies the patient of this case",
                where=self._where,
                found=f"the label with the value {values[told[0]]}",
                mend="rename the region in the reference, and the label in limen.yaml",
            )

    def _identifies(self, name: str) -> bool:
        # A patient called "Nodule" is a phantom: words of imaging identify nobody.
        return _folded(name) in self._labels and not self.shown(name) and not looks_like_code(name)


def label_type(values: Iterable[int]) -> type[np.uint8] | type[np.uint16]:
    """Smallest type of a label map that holds the values."""
    return np.uint8 if max(values, default=0) <= 255 else np.uint16


def require_no_overlap(
    values: Array,
    voxels: tuple[Array, ...] | Array,
    value: int,
    labels: Mapping[str, int],
    where: str,
) -> None:
    """Refuse to write one label over another."""
    there = values[voxels]
    taken = there[(there != 0) & (there != value)]
    if taken.size:
        names = {v: name for name, v in labels.items()}
        other = int(taken[0])
        raise OverlappingLabels(
            "two labels of the reference claim the same voxels",
            where=where,
            found=f"{names.get(other, other)} and {names.get(value, value)}, {taken.size} voxels",
            mend="ignore one of them (task.ignore_labels), or make them disjoint",
        )


def require_frame_of_reference(found: str, expected: str | None, where: str) -> None:
    """Image and reference must share a frame of reference, where both have one."""
    if found and expected and found != expected:
        raise GeometryMismatch(
            "the reference lies in another frame of reference than the image",
            where=where,
            found="two different Frame of Reference UIDs",
            mend="give the reference that was drawn on this very series",
        )


def _first(numbers: Iterable[int]) -> int:
    return next(iter(numbers))


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
