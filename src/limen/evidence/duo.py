"""Permitted purposes in the terms of the GA4GH Data Use Ontology (DUO).

Terms and definitions: https://github.com/EBISPOT/DUO, ``duo.csv`` (CC BY 4.0), read 2026-11. The
ontology says what a term means, not which request it answers; that is :data:`_PERMITS`, and
follows the order that the definitions state: no restriction, any research, health, one disease.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from limen.errors import LimenError

Purpose = Literal["methods", "health-research", "clinical-care"]
"""What data is asked for: to develop and test software, to answer a question of health research,
or to serve in the care of patients, as the evidence behind a product in routine use does."""
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

TERMS: dict[str, str] = {
    "NRES": "DUO:0000004",
    "HMB": "DUO:0000006",
    "DS": "DUO:0000007",
    "POA": "DUO:0000011",
    "RS": "DUO:0000012",
    "NMDS": "DUO:0000015",
    "GSO": "DUO:0000016",
    "NPUNCU": "DUO:0000018",
    "PUB": "DUO:0000019",
    "COL": "DUO:0000020",
    "IRB": "DUO:0000021",
    "GS": "DUO:0000022",
    "MOR": "DUO:0000024",
    "TS": "DUO:0000025",
    "US": "DUO:0000026",
    "PS": "DUO:0000027",
    "IS": "DUO:0000028",
    "RTN": "DUO:0000029",
    "GRU": "DUO:0000042",
    "CC": "DUO:0000043",
    "NPOA": "DUO:0000044",
    "NPU": "DUO:0000045",
    "NCU": "DUO:0000046",
}
"""Shorthand to identifier."""

_BY_ID = {v: k for k, v in TERMS.items()}
_PERMITS: dict[str, frozenset[Purpose]] = {
    "NRES": frozenset(PURPOSES),
    "GRU": frozenset({"methods", "health-research"}),
    "HMB": frozenset({"methods", "health-research"}),
    "DS": frozenset({"methods", "health-research"}),  # of that disease only
    "CC": frozenset({"clinical-care"}),
    "POA": frozenset(),  # population origins only, which no product of ours is about
}
_NOT_COMMERCIAL = ("NPUNCU", "NCU", "NPU")
_CONDITIONS = {
    "IRB": "the requestor shows the approval of their own ethics board",
    "PUB": "results are published",
    "COL": "the primary investigators take part",
    "RS": "the study is of the type that is stated",
    "GS": "use stays in the region that is stated",
    "MOR": "nothing is published before the date that is stated",
    "TS": "use ends after the months that are stated",
    "US": "only approved users use it",
    "PS": "only the approved project uses it",
    "IS": "only the approved institution uses it",
    "RTN": "derived data is returned",
}


class UnknownPurpose(LimenError):
    """A text is no term of the Data Use Ontology, or names no purpose."""


def shorthand(text: str) -> str:
    """The shorthand of a term given as ``GRU``, ``DUO:0000042`` or ``DUO_0000042``.

    Raises
    ------
    UnknownPurpose
    """
    word = text.strip().upper().replace("DUO_", "DUO:")
    found = word if word in TERMS else _BY_ID.get(word)
    if found is None:
        from rapidfuzz.process import extractOne

        near = extractOne(word, [*TERMS, *_BY_ID], score_cutoff=60)
        raise UnknownPurpose(
            "this is no term of the GA4GH Data Use Ontology that Limen knows",
            found=text[:60],
            mend=(f"did you mean {near[0]}? " if near else "")
            + "e.g. GRU (any research), HMB (health research), DS (one disease), CC (care)",
        )
    return found


def refusal(
    terms: Iterable[str], purpose: Purpose, *, diseases: Iterable[str], disease: str | None
) -> str | None:
    """Why data under these terms may not be used for a purpose, in words; None where it may.

    Parameters
    ----------
    terms : iterable of str
        Permissions and modifiers, any spelling of :func:`shorthand`.
    purpose : str
        One of :data:`PURPOSES`.
    diseases : iterable of str
        Those that ``DS`` is limited to, e.g. MONDO identifiers.
    disease : str or None
        That the product is about.

    Raises
    ------
    UnknownPurpose
    """
    if purpose not in PURPOSES:
        raise UnknownPurpose(
            "no such purpose", found=str(purpose)[:60], mend="one of " + ", ".join(PURPOSES)
        )
    given = {shorthand(t) for t in terms}
    listed = sorted(given)
    if "NMDS" in given and purpose == "methods":
        return "methods development is excluded (NMDS)"
    if "GSO" in given:
        return "only genetic studies are permitted (GSO)"
    if "DS" in given and disease not in set(diseases):
        given.discard("DS")
    if any(purpose in _PERMITS.get(t, ()) for t in given):
        return None
    if "DS" in listed:
        return f"permitted for {', '.join(sorted(diseases)) or 'no stated disease'} only (DS)"
    return f"{purpose} is not among what is permitted ({', '.join(listed) or 'nothing'})"


def commercial_refusal(terms: Iterable[str]) -> str | None:
    """Why data under these terms may not serve a commercial product; None where no term says so."""
    given = {shorthand(t) for t in terms}
    found = next((t for t in _NOT_COMMERCIAL if t in given), None)
    return None if found is None else f"non-commercial use only ({found})"


def conditions(terms: Iterable[str]) -> dict[str, str]:
    """The modifiers that nothing in a lineage can show to be met, and what each asks for."""
    given = {shorthand(t) for t in terms}
    return {t: _CONDITIONS[t] for t in sorted(given) if t in _CONDITIONS}
