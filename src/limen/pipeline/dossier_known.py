"""What is known of each topic that a reporting checklist asks for, with its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limen.pipeline.boundary_state import boundary_state
from limen.pipeline.figures import summaries
from limen.regulation.checklists import Known
from limen.reports.dossier.content import DECLARATION
from limen.reports.words import criterion_words

if TYPE_CHECKING:
    from limen.evidence import Record
    from limen.pipeline.product import Product
    from limen.pipeline.regulatory import Regulatory
    from limen.pipeline.status import Status
    from limen.reports.dossier.content import LimitLine, RiskLine, SetLine


def known_topics(
    product: Product,
    found: Status,
    answers: Regulatory,
    sets: tuple[SetLine, ...],
    limits: tuple[LimitLine, ...],
    risks: tuple[RiskLine, ...],
) -> dict[str, Known]:
    """By topic of the checklists; what nothing is known of is left out."""
    known = _declared(product, answers, sets, limits)
    known |= _model(product)
    boundary = boundary_state(product, found).record
    if boundary is not None:
        words = "How far the acquisition may degrade was searched and certified; see the limits."
        known["boundary"] = Known(words, boundary.result)
    records = summaries(product, found)
    if records:
        known |= _results(product, records)
    leakage = next((i.record for i in found.items if i.kind == "leakage" and i.record), None)
    if leakage is not None:
        n = len(found.leaks)
        words = (
            f"Development and validation sets are declared apart ({_of(sets)}); overlaps were "
            f"searched by patient and by image content: {n} found."
        )
        known["partitions"] = Known(words, leakage.result)
    fed = sum(r.occurrence is not None for r in risks)
    known["risks"] = Known(
        f"{len(risks)} risks, {fed} with how often they were found.", DECLARATION
    )
    return known


def _of(sets: tuple[SetLine, ...]) -> str:
    return "; ".join(f"{s.name}: {s.use}, {s.patients} patients" for s in sets)


def _declared(
    product: Product,
    answers: Regulatory,
    sets: tuple[SetLine, ...],
    limits: tuple[LimitLine, ...],
) -> dict[str, Known]:
    declaration = product.declaration
    use, risk = declaration.product.intended_use, declaration.risk
    ages = f"{use.population.age_years[0]:g} to {use.population.age_years[1]:g} years"
    criteria = "; ".join(criterion_words(c, declaration.task) for c in declaration.criteria)
    told = {
        "use": f"{use.statement} User: {use.user}. Patients: {ages}. "
        f"{use.modality}, {use.anatomy}.",
        "claim": f"A case passes when {criteria}; at most {100 * risk.failure_rate:g} % of "
        f"patients fail, with {100 * risk.confidence:g} % confidence.",
        "data": "; ".join(f"{s.name}: {s.use}, {s.origin}" for s in sets) + ".",
        "approvals": "; ".join(f"{s.name}: {s.approval}" for s in sets) + ".",
        "output": f"Shows {', '.join(use.outputs)}; labels {', '.join(declaration.task.labels)}.",
        "reference": f"Written as {declaration.task.reference}, with labels "
        f"{', '.join(declaration.task.labels)}.",
        "limits": f"{len(limits)} limits, each on every export.",
        "class": "; ".join(f"{a.regime}: {a.short}" for a in answers.answers) + ".",
        "ledger": f"Every result has a record with method, inputs and digest: "
        f"{sum(1 for _ in product.store.records())} records.",
    }
    made = [r for r in product.store.history() if r.kind == "summary"]
    if made:
        told["history"] = f"{len(made)} evaluations are in the change history."
    return {topic: Known(words, DECLARATION) for topic, words in told.items()}


def _model(product: Product) -> dict[str, Known]:
    from limen.pipeline.model import model_identity

    declaration = product.declaration
    identity = ", ".join(f"{k} {v[:16]}" for k, v in model_identity(product)[1].items())
    found = {"model": Known(f"Frozen model: {identity}.", DECLARATION)}
    given = getattr(declaration.model, "input", None)
    if given is not None:
        words = ", ".join(f"{k}: {v}" for k, v in given.model_dump(mode="json").items() if v)
        found["preprocessing"] = Known(f"{words}.", DECLARATION)
    if (product.folder / "model" / "recipe.yaml").is_file():
        found["training"] = Known("The training's recipe is model/recipe.yaml.", DECLARATION)
    return found


def _results(product: Product, records: dict[str, Record]) -> dict[str, Known]:
    read: dict[str, dict[str, Any]] = {
        name: product.store.get_json(r.result) for name, r in records.items()
    }
    first = next(iter(records.values())).result

    def each(words: dict[str, str]) -> Known:
        return Known("; ".join(f"{name}: {text}" for name, text in words.items()) + ".", first)

    known = {
        "statistics": Known(
            "Unit of independence: the patient. Shares of patients: exact intervals (Clopper and "
            "Pearson); everything else: bootstrap over whole patients.",
            first,
        ),
        "performance": each(
            {
                n: f"failure rate {_range(s['failure_rate'])}, of {product.sets[n].origin} origin"
                for n, s in read.items()
            }
        ),
        "failures": each(
            {n: f"{len(s['failing_cases'])} of {s['n_cases']} cases fail, each with its reason"
             for n, s in read.items()}
        ),
        "missing": each(
            {n: f"{s['n_not_evaluated']} cases not evaluated, counted as failing at worst"
             for n, s in read.items()}
        ),
        "size": each({n: s["risk"]["in_words"].rstrip(".") for n, s in read.items()}),
    }  # fmt: skip
    counts = {
        n: f"{x['found']} of {x['present']} found"
        + (f" of {x['min_diameter_mm']:g} mm and more" if x["min_diameter_mm"] else "")
        for n, s in read.items()
        for x in s["sensitivity"][-1:]
    }
    if counts:
        known["counts"] = each(counts)
    return known | _attributes(read, each)


def _attributes(read: dict[str, dict[str, Any]], each: Any) -> dict[str, Known]:
    """What the cases state of themselves, and whether groups could be judged apart."""
    stated = {
        n: s["subgroups"]["attributes"] for n, s in read.items() if s["subgroups"]["attributes"]
    }
    known = {}
    if stated:
        known["characteristics"] = each({n: "stated: " + ", ".join(a) for n, a in stated.items()})
    grouped = {
        n: f"{len(s['subgroups']['groups'])} groups"
        for n, s in read.items()
        if s["subgroups"]["groups"]
    }
    if grouped:
        known["subgroups"] = each(grouped)
    places = {
        n: ", ".join(a for a in attributes if a in ("site", "scanner"))
        for n, attributes in stated.items()
        if {"site", "scanner"} & set(attributes)
    }
    if places:
        known["sites"] = each({n: f"grouped by {a}" for n, a in places.items()})
    return known


def _range(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "not defined"
    low_high = ""
    if figure["low"] is not None:
        low_high = (
            f" ({100 * figure['confidence']:g} % interval {100 * figure['low']:.1f} to "
            f"{100 * figure['high']:.1f} %)"
        )
    return f"{100 * figure['value']:.1f} %{low_high}, n = {figure['n_patients']} patients"
