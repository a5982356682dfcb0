"""Which image, reference and prediction belong together: by DICOM reference, else by name."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from limen.data.items import Item
from limen.data.naming import bare, channel, without_roles

if TYPE_CHECKING:
    from limen.data.dicom_scan import SeriesFiles


def by_case(items: list[Item], references: set[str]) -> dict[str, list[Item]]:
    """Items by case name; nnU-Net's channel number is no part of it."""
    groups: dict[str, list[Item]] = {}
    stems = {item.name for item in items}
    # Where a reference carries the number too, it numbers cases (case_0000, case_0001 ...).
    numbered = {base for base, n in (channel(bare(r)) for r in references) if n is not None}
    for item in items:
        base, number = channel(item.name)
        # `scan_0001` alone is a numbered case, beside `scan_0000` it is a channel.
        is_channel = number == 0 or (number is not None and f"{base}_0000" in stems)
        is_channel = is_channel and channel(bare(item.name))[0] not in numbered
        groups.setdefault(base if is_channel else item.name, []).append(item)
    return groups


def roles_side_by_side(items: list[Item]) -> dict[Item, tuple[str, str]]:
    """Role (``image``, ``reference``, ``prediction``) and case of volumes that share a folder.

    A word in the name tells the role; else ``case_0000`` is the image of which ``case`` is the
    reference (nnU-Net); else it is an image.
    """
    stems = {item.name for item in items}
    images = {i.name for i in items if channel(i.name)[1] is not None} & {
        i.name for i in items if channel(i.name)[0] in stems
    }
    references = {channel(name)[0] for name in images}
    found = {}
    for item in items:
        by_channel = "reference" if item.name in references else "image"
        case = channel(item.name)[0] if item.name in images else item.name
        found[item] = (item.role() or by_channel, without_roles(case))
    return found


def matches_of(
    items: list[Item], cases: dict[str, tuple[list[str], SeriesFiles | None]]
) -> dict[str, list[Item]]:
    """Items that belong to each case: by DICOM reference, by the same name, by the bare name.

    ``cases`` are given by a key of the caller's, with the names and the series of each. What
    belongs to a case by its reference or its whole name is no other's by the bare name.
    """
    drawn = [item for item in items if item.refers is not None]
    by_name: dict[str, list[Item]] = {}
    for item in items:
        by_name.setdefault(_composed(item.name), []).append(item)
    found: dict[str, list[Item]] = {}
    for key, (names, series) in cases.items():
        bound = [i for i in drawn if series and i.refers and i.refers.belongs_to(series)]
        whole = {_composed(name) for name in names}
        found[key] = bound or [item for name in whole for item in by_name.get(name, [])]
    taken = {item for matches in found.values() for item in matches}
    by_bare: dict[str, list[Item]] = {}
    for name, same in by_name.items():
        by_bare.setdefault(bare(name), []).extend(item for item in same if item not in taken)
    for key, (names, _) in cases.items():
        if not found[key]:
            wanted = {bare(_composed(name)) for name in names}
            found[key] = [item for name in wanted for item in by_bare.get(name, [])]
    return found


def _composed(name: str) -> str:
    """macOS writes an accent or a Hangul syllable in pieces, other systems in one."""
    return unicodedata.normalize("NFC", name)
