"""From an approval to a permission: what :mod:`limen.evidence.reach` needs to know of it."""

from __future__ import annotations

from collections.abc import Collection

from limen.data.approval_rules import lacking_basis, rules_of
from limen.data.approvals import (
    MADE,
    NEEDS_BOARD,
    REACHES,
    Approval,
    Reach,
    licence_allows_sale,
    reach,
)
from limen.evidence.reach import Permission, Rule
from limen.product.declaration import Origin

_EVERYTHING = frozenset({"NRES"})


def permission_of(
    approval: Approval, origin: Origin, name: str, regimes: Collection[str] = ()
) -> Permission:
    """The permission that an approval gives for data of one origin.

    Phantoms and simulated patients are nobody's: every purpose is permitted, and sale, unless the
    file says otherwise.

    Parameters
    ----------
    approval : Approval
    origin : str
        Of the data: raw data simulated from images reaches publication at most.
    name : str
        What the permission is called in answers; one for each approval and origin.
    regimes : collection of str
        Of the product; which rules on legal bases apply.
    """
    made = approval.kind in MADE
    purposes = None if made else frozenset(approval.purposes) or None
    commercial = approval.commercial
    if commercial is None:
        commercial = licence_allows_sale(approval.licence)
    if made:
        purposes = _EVERYTHING
        commercial = True if commercial is None else commercial
    lacks: list[tuple[Rule, str]] = []
    if approval.kind in NEEDS_BOARD:
        why = lacking_basis(approval.legal_basis, regimes)
        if why is not None:
            lacks.append(("legal basis not shown", why))
    ceiling, because = _ceiling(approval, origin, regimes)
    return Permission(
        name=name,
        ceiling=ceiling,
        issued=approval.issued,
        expires=approval.expires,
        purposes=purposes,
        diseases=frozenset(approval.diseases),
        sites=frozenset(approval.sites) or None,
        commercial=commercial,
        lacks=tuple(lacks),
        because=because,
    )


def _ceiling(approval: Approval, origin: Origin, regimes: Collection[str]) -> tuple[Reach, str]:
    """How far kind and origin go, and why, with the rule's citation."""
    rules = rules_of(approval.kind, regimes) or rules_of(approval.kind)
    cited = "; ".join(dict.fromkeys(str(r) for r in rules[:3]))
    kind = reach(approval.kind)
    why = f"{approval.kind} data reaches {kind} at most" + (f": {cited}" if cited else "")
    if origin == "phantom" and kind != "feasibility":
        return "feasibility", "phantoms and simulated patients reach feasibility at most"
    if origin == "resimulated" and REACHES.index(kind) > REACHES.index("publication"):
        return "publication", (
            "raw data simulated from images reaches publication at most (implicit data crimes: "
            "Shimron et al., PNAS 2022)"
        )
    return kind, why
