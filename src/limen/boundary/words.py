"""A certificate in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from limen.boundary.result import TOGETHER, Certificate, Condition, SearchAxis, Step


def certificate_in_words(certificate: Certificate, axes: Sequence[SearchAxis]) -> str:
    """What is certified, for whom, with which counts behind it; or what it would take."""
    c, nominal = certificate, certificate.nominal
    who = ", ".join(f"{k} {v}" for k, v in c.cell.items())
    whose = f"Origin {c.origin}" + (f", {who}" if who else "")
    claim = f"at most {_percent(c.failure_rate)} of patients fail, with {_percent(c.confidence)} "
    counts = f"{nominal.failed} of {nominal.patients} patients fail as acquired"
    if c.answer == "too few to say":
        return (
            f"{whose}: too few to say. {counts}; that {claim}confidence takes "
            f"{_more(nominal)} without a failure."
        )
    if c.answer == "not certified":
        return (
            f"{whose}: nothing is certified, not even the images as acquired. {counts} "
            f"(p = {nominal.p_value:.2g}, needed at most {nominal.alpha:.2g}); that {claim}"
            f"confidence would take {_more(nominal)} without a failure."
        )
    parts = []
    for path in c.paths:
        reached = path.reached
        if reached is None:
            words = "not beyond nominal"
        else:
            words = f"to {condition_in_words(reached, axes, joined=' and ')}"
        stopped = path.stopped
        if stopped is not None and stopped.more_patients is not None:
            words += f" (the next step would take {_more(stopped)} without a failure)"
        name = "all axes at once" if path.name == TOGETHER else f"{path.name} alone"
        parts.append(f"{name} {words}")
    return (
        f"{whose}: certified that {claim}confidence, for all of this at once: the images as "
        f"acquired ({counts}); {'; '.join(parts)}."
    )


def condition_in_words(
    condition: Condition, axes: Sequence[SearchAxis], *, joined: str = ", "
) -> str:
    """As "3.5 mm"; on several axes each with its name, in the order of ``axes``."""
    named = len(condition) > 1
    return joined.join(
        f"{a.name} {a.text(condition[a.name])}" if named else a.text(condition[a.name])
        for a in axes
        if a.name in condition
    )


def _more(step: Step) -> str:
    n = step.more_patients or 0
    return f"{n} more patient{'' if n == 1 else 's'}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"
