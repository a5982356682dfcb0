"""What a text may say: the figures there is evidence for, the limits, the studies, the outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limen.regulation.errors import UnknownFact

if TYPE_CHECKING:
    from limen.product import Declaration

SIMULATED = ("phantom", "resimulated")
STUDIES = ("readers", "time", "outcome", "products", "versions")
"""What a study can compare with: readers, working time, patients' outcome, other products,
earlier versions."""


@dataclass(frozen=True)
class SupportedFigure:
    """One number there is evidence for.

    Attributes
    ----------
    metric : str
        A name of ``numbers.METRICS``.
    value, low, high : float
        As fractions for shares; in the metric's own unit else.
    n : int
    unit_of_n : str
        As patients, cases, nodules.
    data : str
        Name of the data set.
    origin : str
        ``measured``, ``resimulated``, ``phantom`` or ``observed``.
    digest : str
        Of the evidence record.
    confidence : float
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    unit_of_n: str = "patients"
    data: str = ""
    origin: str = "measured"
    digest: str = ""
    confidence: float = 0.95


@dataclass(frozen=True)
class Limit:
    """A limit that no text may lose.

    Attributes
    ----------
    name : str
    words, korean : str
        The sentence that states it.
    needles : tuple of str
        Regular expressions; a text states the limit when one of them is in it.
    contradicted_by : tuple of str
        Regular expressions that deny it, as ``any age``.
    """

    name: str
    words: str
    korean: str
    needles: tuple[str, ...]
    contradicted_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class WordingEvidence:
    """Everything a text is held against.

    Attributes
    ----------
    product : str
    user : str
        Who acts on the output.
    outputs : frozenset of str
        What the product shows or sends.
    autonomous : bool
    figures : tuple of SupportedFigure
    limits : tuple of Limit
    studies : frozenset of str
        What there is a comparing study for; see ``STUDIES``.
    statuses : frozenset of str
        Regulatory statuses held: ``fda-cleared``, ``fda-approved``, ``ce``, ``mfds``.
    """

    product: str
    user: str = "radiologist"
    outputs: frozenset[str] = frozenset()
    autonomous: bool = False
    figures: tuple[SupportedFigure, ...] = ()
    limits: tuple[Limit, ...] = ()
    studies: frozenset[str] = field(default_factory=frozenset)
    statuses: frozenset[str] = field(default_factory=frozenset)

    def of(self, metric: str) -> list[SupportedFigure]:
        return [f for f in self.figures if f.metric == metric]


def evidence_of(
    declaration: Declaration,
    *,
    figures: Sequence[SupportedFigure] = (),
    studies: Sequence[str] = (),
    statuses: Sequence[str] = (),
    limits: Sequence[Limit] = (),
) -> WordingEvidence:
    """What the texts of a declared product are held against."""
    use = declaration.product.intended_use
    origins = {f.origin for f in figures}
    found = [_age_limit(*use.population.age_years)]
    found.append(
        Limit(
            "reader",
            f"Every case is read by the {use.user}, who decides.",
            "모든 영상은 의사가 판독하고 판단합니다.",
            (rf"{use.user}|physician|clinician|reader|review|의사|전문의|의료진|판독자",),
        )
    )
    found += _size_limits(declaration)
    if origins and origins <= set(SIMULATED):
        found.append(SIMULATED_LIMIT)
    return WordingEvidence(
        product=declaration.product.name,
        user=use.user,
        outputs=frozenset(use.outputs),
        figures=tuple(figures),
        limits=(*found, *limits),
        studies=frozenset(studies),
        statuses=frozenset(statuses),
    )


SIMULATED_LIMIT = Limit(
    "origin",
    "These figures come from simulated data, not from patients.",
    "이 수치는 환자가 아닌 모의 자료에서 얻었습니다.",
    (r"simulat|phantom|in-silico|synthetic|모의|시뮬레이션|팬텀|합성",),
)


def _age_limit(low: float, high: float) -> Limit:
    youngest = f"{low:g}"
    needles = [rf"\b{youngest}\b"]
    if 18 <= low <= 22:
        needles.append(r"adult|성인")
    return Limit(
        "population",
        f"For patients from {low:g} to {high:g} years of age.",
        f"{low:g}세에서 {high:g}세 환자를 위한 것입니다.",
        tuple(needles),
        (r"\b(?:any|all|every) ages?\b|children|paediatric|pediatric|모든 연령|소아|어린이",)
        if low >= 18
        else (r"\b(?:any|all) ages\b|모든 연령",),
    )


def _size_limits(declaration: Declaration) -> list[Limit]:
    sizes = {c.min_diameter_mm for c in declaration.criteria if getattr(c, "min_diameter_mm", None)}
    found = []
    for size in sorted(s for s in sizes if s is not None):
        text = f"{size:g}"
        found.append(
            Limit(
                "size",
                f"Judged for findings of {text} mm and more; smaller ones were not judged.",
                f"{text} mm 이상의 병변에 대해서만 평가되었습니다.",
                (rf"\b{text}\s?mm",),
                (
                    r"of any size|all sizes|regardless of size|smallest|as small as|tiniest",
                    r"크기에 관계없이|모든 크기",
                ),
            )
        )
    return found


def read_evidence(given: Mapping[str, Any], base: WordingEvidence | None = None) -> WordingEvidence:
    """Evidence from plain values, as they stand in a JSON or YAML file.

    Raises
    ------
    UnknownFact
        A key, a study or a figure is not as it has to be.
    """
    known = {
        "product", "user", "outputs", "autonomous", "figures", "limits", "studies", "statuses",
    }  # fmt: skip
    for key in given:
        if key not in known:
            raise UnknownFact(
                "this key of the evidence is not known",
                found=str(key),
                mend="one of " + ", ".join(sorted(known)),
            )
    for study in given.get("studies", ()):
        if study not in STUDIES:
            raise UnknownFact(
                "this kind of study is not known", found=str(study), mend=", ".join(STUDIES)
            )
    try:
        figures = tuple(SupportedFigure(**f) for f in given.get("figures", ()))
        limits = tuple(
            Limit(
                **{
                    **entry,
                    "needles": tuple(entry["needles"]),
                    "contradicted_by": tuple(entry.get("contradicted_by", ())),
                }
            )
            for entry in given.get("limits", ())
        )
    except (TypeError, KeyError) as error:
        raise UnknownFact(
            "a figure or limit of the evidence is incomplete",
            found=str(error),
            mend="a figure has metric, value, low, high, n; a limit name, words, korean, needles",
        ) from None
    base = base or WordingEvidence(product=str(given.get("product", "The software")))
    return WordingEvidence(
        product=str(given.get("product", base.product)),
        user=str(given.get("user", base.user)),
        outputs=frozenset(given.get("outputs", base.outputs)),
        autonomous=bool(given.get("autonomous", base.autonomous)),
        figures=(*base.figures, *figures),
        limits=(*base.limits, *limits),
        studies=base.studies | frozenset(given.get("studies", ())),
        statuses=base.statuses | frozenset(given.get("statuses", ())),
    )
