"""Facts that cannot both hold."""

from __future__ import annotations

import re

from limen.regulation.errors import ContradictingUse
from limen.regulation.facts.use import UseFacts

_REFERENCE_ONLY = re.compile(
    r"for (?:reference|information|informational purposes) only|not (?:be )?used? (?:alone|on a "
    r"stand-?alone basis)|for review by|reviewed by|참고용|참고 ?목적|단독으로 사용",
    re.IGNORECASE,
)


def contradictions(facts: UseFacts) -> None:
    """Raise when two facts cannot both hold.

    Raises
    ------
    ContradictingUse
        Names both.
    """
    if facts.autonomy == "autonomous":
        found = _REFERENCE_ONLY.search(facts.statement)
        if found is not None:
            raise ContradictingUse(
                "cannot tell: the intended use says both that it acts alone and that somebody "
                "else decides",
                where="autonomy, statement",
                found=f"autonomous, and '{found.group(0)}'",
                mend="say which holds: autonomy: assistive, or a statement without the reservation",
            )
        if facts.workflow in ("second-read", "concurrent", "first-read"):
            raise ContradictingUse(
                "cannot tell: autonomous, and at the side of a reader",
                where="autonomy, workflow",
                found=f"autonomous, and {facts.workflow}",
                mend="state autonomy: assistive, or workflow: unattended",
            )
    if facts.storage_only and facts.has("mark", "score", "diagnosis", "triage-flag", "prognosis"):
        raise ContradictingUse(
            "cannot tell: it only stores or displays, and it interprets",
            where="storage_only, outputs",
            found="storage_only, and " + ", ".join(sorted(facts.outputs)),
            mend="leave out storage_only, or the outputs that interpret",
        )
    if facts.subject == "image-quality" and facts.has("mark", "diagnosis", "score", "prognosis"):
        raise ContradictingUse(
            "cannot tell: the outputs concern image quality alone, and a finding",
            where="subject, outputs",
            found="image-quality, and " + ", ".join(sorted(facts.outputs)),
            mend="state subject: abnormality or anatomy",
        )
