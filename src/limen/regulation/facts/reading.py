"""Facts from plain values and from the declaration, each held against the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from limen.product.problems import nearest
from limen.regulation.errors import UnknownFact
from limen.regulation.facts.contradictions import contradictions
from limen.regulation.facts.use import UseFacts
from limen.regulation.facts.vocabulary import INPUTS, OPTIONS, OUTPUTS

if TYPE_CHECKING:
    from limen.product import IntendedUse


def read_facts(given: Mapping[str, Any]) -> UseFacts:
    """Facts from plain values, as they stand in a file.

    Raises
    ------
    UnknownFact
        A name or a value is not known; the message has the nearest that is.
    """
    known = {f.name for f in fields(UseFacts)}
    for name in given:
        if name not in known:
            near = nearest(name, known)
            raise UnknownFact(
                "this fact about the intended use is not known",
                found=name,
                mend=f"did you mean {near}?" if near else "one of " + ", ".join(sorted(known)),
            )
    values: dict[str, Any] = dict(given)
    for name in ("situation", "outputs"):
        if values.get(name) in (None, "", [], ()):
            raise UnknownFact(
                f"cannot tell: {name} is missing, and every answer rests on it",
                where=name,
                mend=f"state one of {', '.join(OPTIONS.get(name, tuple(OUTPUTS)))}",
            )
    for name, valid in (("outputs", tuple(OUTPUTS)), ("inputs", INPUTS)):
        if name in values:
            found = [values[name]] if isinstance(values[name], str) else list(values[name])
            for value in found:
                _check(name, value, valid)
            values[name] = frozenset(found)
    for name, valid in OPTIONS.items():
        if values.get(name) is not None:
            _check(name, values[name], valid)
    facts = UseFacts(**values)
    contradictions(facts)
    return facts


def _check(name: str, value: Any, valid: tuple[Any, ...]) -> None:
    if any(value == v and type(value) is type(v) for v in valid):
        return
    near = (
        nearest(value, [v for v in valid if isinstance(v, str)]) if isinstance(value, str) else None
    )
    raise UnknownFact(
        f"this value of {name} is not known",
        where=name,
        found=str(value),
        mend=(f"did you mean {near}? " if near else "")
        + "One of "
        + ", ".join(str(v) for v in valid),
    )


def facts_of(intended_use: IntendedUse, further: Mapping[str, Any] | None = None) -> UseFacts:
    """Facts from the declared intended use and further ones beside it.

    Optional keys of the declaration that carry the name of a fact are taken too.

    Raises
    ------
    UnknownFact
        A further fact has an unknown name or value.
    ContradictingUse
        Two facts cannot both hold.
    """
    known = {f.name for f in fields(UseFacts)}
    declared = {
        k: v
        for k, v in intended_use.model_dump(mode="json").items()
        if k in known and v is not None
    }
    return read_facts({**declared, **(further or {})})
