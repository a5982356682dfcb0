"""A difference between two releases, as the change rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from limen.product.problems import nearest
from limen.regulation.errors import UnknownChange
from limen.regulation.rules import REGIMES

KINDS = {
    "weights": "the weights of the model",
    "architecture": "the architecture of the model",
    "training-data": "the training data",
    "training-sites": "the sites or scanners of the training data",
    "preprocessing": "the preprocessing",
    "threshold": "a threshold",
    "output": "an output",
    "presentation": "how the output is shown",
    "wording": "the wording of label or brochure",
    "runtime": "the runtime, operating system or a component",
    "population": "the population",
    "input-range": "the range of inputs",
    "interface": "an interface to other systems",
    "security": "security",
    "bug-fix": "a mistake that was mended",
    "speed": "speed alone",
}
"""Every kind of difference, in words."""

ALGORITHM = frozenset(
    {"weights", "architecture", "training-data", "training-sites", "preprocessing", "threshold"}
)
"""Kinds that change what the algorithm answers."""

OPTIONS: dict[str, tuple[Any, ...]] = {
    "purpose": ("same", "narrower", "wider"),
    "performance": ("none", "minor", "significant"),
    "alters_reading": (True, False),
    "alters_diagnosis": (True, False),
    "summative": (True, False),
    "only_security": (True, False),
    "restores_specification": (True, False),
    "new_hazard": (True, False),
    "changes_risk_control": (True, False),
    "major_component": (True, False),
    "new_channel": (True, False),
    "closed_loop": (True, False),
    "benefit_risk_worse": (True, False),
    "added": (True, False),
    "needs_trial": (True, False),
}


@dataclass(frozen=True)
class Difference:
    """One difference; None is a fact that nobody stated.

    Attributes
    ----------
    kind : str
        See ``KINDS``.
    what : str
        In words, without a patient's name.
    purpose : str or None
        What it does to intended use and indications: ``same``, ``narrower``, ``wider``.
    performance : str or None
        ``none``: outputs shown to be the same; ``minor``: measured, within what was accepted
        beforehand; ``significant``: beyond, or of other quality; None: not measured.
    alters_reading : bool or None
        The output may be read or understood differently.
    alters_diagnosis : bool or None
        It may change diagnosis or therapy of a patient.
    summative : bool or None
        A summative usability evaluation (IEC 62366-1) is needed.
    only_security, restores_specification : bool
        Its only purpose.
    new_hazard, changes_risk_control : bool
        A cause of serious harm that is new and not mitigated; a control of such a cause.
    major_component : bool
        The software has to be changed for the new system or component.
    new_channel : bool
        A new channel of communication.
    closed_loop, benefit_risk_worse : bool
    added : bool
        An output is added (else removed or changed).
    needs_trial : bool
        It can only be shown by a new clinical trial.
    in_plan : frozenset of str
        Regimes whose authorised change plan describes it, and whose protocol it passed.
    plan_failed : frozenset of str
        Regimes whose plan describes it, and whose protocol was not passed or not followed.
    """

    kind: str
    what: str
    purpose: str | None = None
    performance: str | None = None
    alters_reading: bool | None = None
    alters_diagnosis: bool | None = None
    summative: bool | None = None
    only_security: bool = False
    restores_specification: bool = False
    new_hazard: bool = False
    changes_risk_control: bool = False
    major_component: bool = False
    new_channel: bool = False
    closed_loop: bool = False
    benefit_risk_worse: bool = False
    added: bool = False
    needs_trial: bool = False
    in_plan: frozenset[str] = field(default_factory=frozenset)
    plan_failed: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_algorithm(self) -> bool:
        return self.kind in ALGORITHM

    @property
    def use_may_change(self) -> bool:
        """Whether it touches the intended use, and nobody said that the use stays."""
        return self.purpose is None and self.kind in ("wording", "population", "input-range")

    def as_dict(self) -> dict[str, Any]:
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            k: sorted(v) if isinstance(v, frozenset) else v
            for k, v in plain.items()
            if v not in (None, False, frozenset())
        }


def read_difference(given: Mapping[str, Any]) -> Difference:
    """A difference from plain values, as they stand in a file.

    Raises
    ------
    UnknownChange
        A kind, a name or a value is not known; the message has the nearest that is.
    """
    known = [f.name for f in fields(Difference)]
    for name in given:
        if name not in known:
            raise UnknownChange(
                "this fact about a change is not known",
                found=str(name),
                mend=_mend(str(name), known),
            )
    kind = given.get("kind")
    if kind not in KINDS:
        raise UnknownChange(
            "this kind of change is not known", found=str(kind), mend=_mend(str(kind), list(KINDS))
        )
    for name, valid in OPTIONS.items():
        value = given.get(name)
        if value is not None and not any(value is v or value == v for v in valid):
            raise UnknownChange(
                f"this value of {name} is not known",
                where=str(kind),
                found=str(value),
                mend="one of " + ", ".join(str(v) for v in valid),
            )
    values = dict(given)
    for name in ("in_plan", "plan_failed"):
        found = values.get(name, ())
        values[name] = frozenset([found] if isinstance(found, str) else found)
        for regime in values[name] - set(REGIMES):
            raise UnknownChange(
                f"{name} names a regime without rules", found=str(regime), mend="fda, mdr, mfds"
            )
    values.setdefault("what", KINDS[str(kind)])
    return Difference(**values)


def _mend(word: str, valid: list[str]) -> str:
    near = nearest(word, valid)
    return (f"did you mean {near}? " if near else "") + "One of " + ", ".join(valid)
