"""Stress: search, on exploration cases, how far the acquisition may degrade until verdicts flip."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from limen.boundary import Frontier, Margin, SearchAxis
from limen.evidence import digest_json
from limen.evidence.runs import Planned, end_run, register_run
from limen.pipeline.degrade import searched_axes
from limen.pipeline.errors import CannotDegrade, NothingEvaluated
from limen.pipeline.evaluate import Progress, Silent, leakage_inputs
from limen.pipeline.graph import METHODS, CaseGraph, Chains, current_items, look_up
from limen.pipeline.registration import add_record, look_up_kept, make_latest
from limen.pipeline.sides import Sides, divide
from limen.pipeline.trials import Event, Subject, Trials, as_acquired, subjects_of

if TYPE_CHECKING:
    from limen.pipeline.product import Product


@dataclass(frozen=True)
class Effort:
    """How much is spent on a boundary.

    Attributes
    ----------
    name : str
    tolerance : float
        Of margins, as a fraction of the searched range.
    axes : int or None
        The first so many declared axes; None: all.
    cases : int or None
        Exploration cases that are searched, of those that pass as acquired; None: all.
    frontier : bool
        Whether two to four axes are searched together, too.
    steps : int
        Conditions on a path of certification.
    selective : bool
        Whether use under a threshold on the model's own uncertainty is certified too.
    """

    name: str
    tolerance: float
    axes: int | None
    cases: int | None
    frontier: bool
    steps: int
    selective: bool

    @property
    def in_words(self) -> str:
        axes = "all axes" if self.axes is None else f"the first {self.axes} axes"
        cases = "all exploration cases" if self.cases is None else f"{self.cases} exploration cases"
        together = "and their frontier" if self.frontier else "without a frontier of several axes"
        return (
            f"{axes}, {cases}, margins to 1/{round(1 / self.tolerance)} of the range {together}, "
            f"{self.steps} steps a path, {'with' if self.selective else 'no'} selective use"
        )


FULL = Effort("full", 1 / 32, None, None, True, 4, True)
QUICK = Effort("quick", 1 / 8, 2, 6, False, 2, False)


@dataclass
class Stress:
    """What a search found. ``record`` is the result as it is kept."""

    record: dict[str, Any]
    digest: str
    axes: tuple[SearchAxis, ...]
    sides: Sides
    evaluations: int
    """Trials made now; those that were there already are not counted."""


class Trying:
    """Tells how far a search is: cases, evaluations, time left.

    Parameters
    ----------
    shown : Progress
    expected : mapping
        Case to the evaluations it will take, roughly.
    part : str
        What the time left is of, where that is not the whole.
    """

    def __init__(self, shown: Progress, expected: Mapping[str, int], part: str = "") -> None:
        self._shown, self._part = shown, part
        self.expect(expected)
        self._made = self._known = 0
        self._since: float | None = None
        self.seconds_each: float | None = None

    def expect(self, expected: Mapping[str, int]) -> None:
        """Begin anew with these cases."""
        self._left, self._total = dict(expected), len(expected)

    def __call__(self, subject: str, event: Event) -> None:
        self._made += event == "made"
        self._known += event == "known"
        left = 0 if event == "finished" else max(self._left.get(subject, 1) - 1, 1)
        self._left[subject] = left
        if not self._made:
            return
        self._since = self._since or time.monotonic()
        words = ""
        if self._made > 1:  # the first waits for the workers to start, and would mislead
            self.seconds_each = (time.monotonic() - self._since) / (self._made - 1)
            seconds = sum(self._left.values()) * self.seconds_each
            words = f", about {in_minutes(seconds)} left{self._part}"
        finished = sum(not n for n in self._left.values())
        self._shown.count(
            f"{finished} of {self._total} cases, {self._made + self._known} evaluations "
            f"({self._known} were there){words}"
        )


def stress(
    product: Product,
    *,
    effort: Effort = FULL,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Stress:
    """Search the margins, and the frontier, of exploration cases; what is there is kept.

    Parameters
    ----------
    product : Product
        Evaluated before: who fails as acquired has no margin.
    effort : Effort
    workers : int, optional
    progress : Progress, optional

    Raises
    ------
    NothingEvaluated
    CannotDegrade
        No axis is declared, or one that cannot be simulated, or the model cannot be asked.
    NotEnoughPatients
    """
    shown = progress or Silent()
    with product.store.writing():
        return searched(product, CaseGraph(product), effort, workers or os.cpu_count() or 1, shown)


def searched(
    product: Product, graph: CaseGraph, effort: Effort, workers: int, shown: Progress
) -> Stress:
    """The same inside ``store.writing()``."""
    axes, sides, inputs = ground_of(product, graph, effort)
    chosen, notes = _chosen(product, sides.exploration, effort)
    name = product.declaration.product.name
    item, known = look_up_kept(product.store, "stress", name, inputs, searched_from)
    if known is not None and item.record is not None:
        make_latest(product.store, item)
        kept = product.store.get_json(item.record.result)
        return Stress(kept, item.record.result, axes, sides, 0)
    graph.require_usable_model()
    run = register_run(
        product.store, "stress", [Planned("stress", name, METHODS["stress"], inputs)]
    )
    told = Trying(shown, {n: _expected(axes, effort) for n in chosen})
    trials = Trials(product, graph, workers, told)
    found, refused = trials.run({n: _search(chosen[n], axes, effort) for n in chosen}, chosen)
    margins = [m for n in chosen if n in found for m in found[n].margins]
    some = {n: s for n, s in chosen.items() if n in refused}
    margins += _axis_by_axis(trials, some, axes, told)
    failing = {n: s for n, s in sides.exploration.items() if not as_acquired(product, s).passed}
    margins += [m for s in failing.values() for m in _none(s, axes)]
    record = {
        "axes": [a.as_dict() for a in axes],
        "effort": asdict(effort),
        "exploration": patients_by_set(sides.exploration),
        "certification": patients_by_set(sides.certification),
        "margins": [m.as_dict() for m in margins],
        "frontiers": [
            f.as_dict() for n in chosen if n in found and (f := found[n].frontier) is not None
        ],
        "notes": [
            *notes,
            *_untold_in_words(margins, axes),
            *unanswered_in_words(trials, "exploration"),
            *_profile(effort, sides, axes, told.seconds_each),
        ],
    }
    product.store.put_json(listing(sides.exploration))
    digest = product.store.put_json(record)
    add_record(product, "stress", name, inputs, digest)
    end_run(product.store, run, {"evaluations": trials.made, "cases": len(chosen)})
    return Stress(record, digest, axes, sides, trials.made)


def ground_of(
    product: Product, graph: CaseGraph, effort: Effort, chains: Chains | None = None
) -> tuple[tuple[SearchAxis, ...], Sides, dict[str, str]]:
    """What a search stands on: axes, sides, and the inputs of its record. Raises as `stress`."""
    axes = _axes(product, effort)
    chains = chains or current_items(product, graph)
    subjects = subjects_of(product, graph, chains)
    _require_evaluated(product, subjects)
    sides = divide(product, subjects, _leaking(product, chains))
    return (
        axes,
        sides,
        {
            **graph.model_identity,
            "exploration": digest_json(listing(sides.exploration)),
            "criteria": product.declared_digest("criteria"),
            "task": product.declared_digest("task"),
            "physics": digest_json([a.as_dict() for a in axes]),
            "effort": digest_json(asdict(effort)),
        },
    )


def searched_from(
    record: Mapping[str, Any],
) -> tuple[tuple[Margin, ...], tuple[Frontier, ...]]:
    """Margins and frontiers of a search as it is kept."""
    return (
        tuple(Margin.from_dict(m) for m in record["margins"]),
        tuple(Frontier.from_dict(f) for f in record["frontiers"]),
    )


def effort_spent(product: Product) -> Effort:
    """That of the last search; the full one where there is none, or an older Limen's is unknown."""
    last = product.store.latest("stress", product.declaration.product.name)
    if last is None:
        return FULL
    try:
        return Effort(**product.store.get_json(last.result)["effort"])
    except (KeyError, TypeError):
        return FULL


def listing(subjects: Mapping[str, Subject]) -> list[dict[str, str]]:
    """Cases, patients and measurements behind a side; kept, so that lineage can be followed."""
    return [
        {
            "case": name,
            "patient": s.case.patient,
            "measurement": s.nominal.record.result if s.nominal and s.nominal.record else "",
        }
        for name, s in sorted(subjects.items())
    ]


def patients_by_set(subjects: Mapping[str, Subject]) -> dict[str, int]:
    """Data set to the number of its patients."""
    found: dict[str, set[str]] = {}
    for s in subjects.values():
        found.setdefault(s.dataset.name, set()).add(s.case.patient)
    return {name: len(patients) for name, patients in sorted(found.items())}


def in_minutes(seconds: float) -> str:
    """As "40 s", "3 min", "1 h 20 min"."""
    if seconds < 90:
        return f"{math.ceil(seconds / 5) * 5} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _axes(product: Product, effort: Effort) -> tuple[SearchAxis, ...]:
    from limen.product import PredictionsModel

    if not product.declaration.physics:
        raise CannotDegrade(
            "no axis of acquisition is declared, so there is nothing to search",
            where="limen.yaml, physics",
            mend="declare how far the acquisition may degrade, as `ct.dose: {from: 1.0, to: 0.1}`",
        )
    if isinstance(product.declaration.model, PredictionsModel):
        raise CannotDegrade(
            "predictions on disk cannot be asked about degraded images",
            where="limen.yaml, model",
            mend="declare the model itself: onnx or command",
        )
    axes = searched_axes(product.declaration, effort.tolerance)
    return axes if effort.axes is None else axes[: effort.axes]


def _require_evaluated(product: Product, subjects: Mapping[str, Subject]) -> None:
    if not any(s.nominal for s in subjects.values()):
        raise NothingEvaluated(
            "no validation case is evaluated as acquired",
            mend=f"run `limen evaluate {product.folder}` first",
        )


def _leaking(product: Product, chains: Chains) -> list[str]:
    name = product.declaration.product.name
    inputs = leakage_inputs(product, chains)[1]
    item = look_up(product.store, "leakage", name, inputs)
    leaks = product.store.get_json(item.record.result) if item.record is not None else []
    return [leak[side] for leak in leaks for side in ("case_a", "case_b")]


def _chosen(
    product: Product, subjects: Mapping[str, Subject], effort: Effort
) -> tuple[dict[str, Subject], list[str]]:
    """Exploration cases that pass as acquired, as many as the effort allows."""
    passing = {n: s for n, s in subjects.items() if as_acquired(product, s).passed}
    kept = dict(list(passing.items())[: effort.cases])
    notes = [
        f"{len(subjects) - len(passing)} of {len(subjects)} exploration cases fail as acquired and "
        "have no margin."
    ]
    if len(kept) < len(passing):
        notes.append(f"Margins of {len(kept)} of {len(passing)} passing cases were searched.")
    return kept, notes


def _search(subject: Subject, axes: Sequence[SearchAxis], effort: Effort) -> Any:
    from limen.boundary.frontier import BUDGET
    from limen.boundary.search import search_case

    several = effort.frontier and 2 <= len(axes) <= 4
    trials = BUDGET[len(axes)] if several else 0
    return search_case(_explored(subject), axes, frontier_trials=trials)


def _explored(subject: Subject) -> Any:
    from limen.boundary.search import Explored

    return Explored(subject.name, subject.case.patient, subject.origin)


def _axis_by_axis(
    trials: Trials, subjects: Mapping[str, Subject], axes: Sequence[SearchAxis], told: Trying
) -> list[Margin]:
    """Margins of cases of which one axis cannot be simulated: another may be."""
    from limen.boundary.search import search_case

    margins = []
    for axis in axes if subjects else ():
        told.expect(dict.fromkeys(subjects, _steps_of(axis.tolerance)))
        asking = {n: search_case(_explored(s), (axis,)) for n, s in subjects.items()}
        found, refused = trials.run(asking, subjects)
        margins += [m for n in subjects if n in found for m in found[n].margins]
        margins += [_untold(subjects[n], axis, refused[n]) for n in subjects if n in refused]
    return margins


def _expected(axes: Sequence[SearchAxis], effort: Effort) -> int:
    """Evaluations of a case, roughly."""
    from limen.boundary.frontier import BUDGET

    margins = len(axes) * _steps_of(effort.tolerance)
    return max(margins, BUDGET.get(len(axes), 0)) if effort.frontier else margins


def _steps_of(tolerance: float) -> int:
    """Evaluations of one axis of a case, roughly."""
    return round(3 + math.log2(1 / tolerance))


def _profile(
    effort: Effort, sides: Sides, axes: Sequence[SearchAxis], seconds_each: float | None
) -> list[str]:
    """That a smaller profile was used, and what the full one would take."""
    if effort == FULL:
        return []
    n = len(axes)
    explored = len(sides.exploration) * _expected(axes, FULL)
    most = explored + len(sides.certification) * FULL.steps * (n + (n > 1))
    time = (
        "" if seconds_each is None else f", {in_minutes(most * seconds_each)} at this run's speed"
    )
    return [
        f"Profile {effort.name}: {effort.in_words}. The full profile takes {FULL.in_words}: at "
        f"most {most} evaluations{time}."
    ]


def _untold(subject: Subject, axis: SearchAxis, error: CannotDegrade) -> Margin:
    words = f"{error.what} ({error.found})" if error.found else error.what
    return Margin(subject.name, subject.case.patient, subject.origin, axis.name, "cannot tell",
                  None, None, 0, words)  # fmt: skip


def _untold_in_words(margins: Sequence[Margin], axes: Sequence[SearchAxis]) -> list[str]:
    """Of each axis that some cases cannot be degraded along: how many, and why the first."""
    from limen.reports.words import count

    words = []
    for axis in axes:
        untold = [m for m in margins if m.axis == axis.name and m.kind == "cannot tell"]
        if untold:
            words.append(
                f"{count(len(untold), 'exploration case')} cannot be degraded along "
                f"{axis.name}; {untold[0].case}: {untold[0].because}."
            )
    return words


def unanswered_in_words(trials: Trials, side: str) -> list[str]:
    """In how many cases the model gave no answer at some degraded image, by reason."""
    from limen.reports.words import count

    counts = Counter(trials.unanswered.values())
    return [
        f"The model gave no answer on degraded images of {count(n, f'{side} case')}, which "
        f"counts as failing: {why}."
        for why, n in sorted(counts.items())
    ]


def _none(subject: Subject, axes: Sequence[SearchAxis]) -> list[Margin]:
    return [
        Margin(subject.name, subject.case.patient, subject.origin, a.name, "fails at nominal",
               None, a.nominal, 0)
        for a in axes
    ]  # fmt: skip
