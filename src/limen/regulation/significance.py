"""What the information is used for (IMDRF N12 5.1), from what the outputs do, not from words."""

from __future__ import annotations

from dataclasses import dataclass

from limen.regulation.facts import CLINICAL, UseFacts

LEVELS = ("inform", "drive", "treat-or-diagnose")


@dataclass(frozen=True)
class Significance:
    """How much a decision rests on the information.

    Attributes
    ----------
    level : str
        ``inform``, ``drive`` or ``treat-or-diagnose``.
    because : str
    stricter : str or None
        The level under the stricter reading, where N12 allows two.
    """

    level: str
    because: str
    stricter: str | None = None

    @property
    def rule(self) -> str:
        return f"imdrf.n12.{self.level}"


def significance_of(facts: UseFacts) -> Significance:
    """The level for resolved facts. A declared level counts where it is the higher one."""
    found = _from_outputs(facts)
    if facts.significance is None:
        return found
    declared = LEVELS.index(facts.significance)
    if declared > LEVELS.index(found.level):
        return Significance(facts.significance, "the maker declares this use of the information")
    return found


def _from_outputs(facts: UseFacts) -> Significance:
    top = "treat-or-diagnose"
    clinical = facts.outputs & CLINICAL
    if clinical and facts.autonomy == "autonomous":
        return Significance(top, "nobody looks at the case before the output is acted on")
    if clinical and facts.unflagged == "not-read":
        return Significance(top, "cases without a flag are read by nobody, so it rules out")
    if facts.has("diagnosis"):
        return Significance(top, "it states whether a disease is there")
    if facts.closed_loop or (facts.has("treatment") and facts.for_treatment):
        return Significance(top, "it plans, directs or steers a treatment")
    if facts.for_treatment and facts.has("contour", "measurement"):
        return Significance(top, "its contours or values go into a treatment plan")
    if facts.subject == "abnormality":
        if facts.has("mark", "score", "triage-flag", "report"):
            return Significance(
                "drive", "it aids a diagnosis or sorts cases; a clinician decides", top
            )
        if facts.has("contour", "measurement") and facts.found_by == "software":
            return Significance("drive", "it finds and outlines what is not healthy", top)
    if facts.has("prognosis"):
        return Significance("drive", "it predicts, and guides the next test or treatment")
    if facts.has("measurement") and facts.functional:
        return Significance("drive", "it gives a functional value that guides the next step", top)
    if facts.has("treatment"):
        return Significance("inform", "it lists options of treatment, and the clinician chooses")
    return Significance("inform", "it gives information that a clinician weighs with the rest")
