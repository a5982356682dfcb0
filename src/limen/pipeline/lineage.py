"""The lineage of a product: what every result, weight and text was made from, read off the ledger.

Nodes are named as a user would: ``case val/case-7``, ``weights model``, ``summary val``,
``report small``. A result that a later one replaced stays in, with the first digits of its digest
behind its name: it is still in the store, and still derives from its case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Outcome, Record, digest_json
from limen.evidence.lineage import Lineage
from limen.evidence.objects import is_digest
from limen.evidence.reach import Fault, Permission

if TYPE_CHECKING:
    from limen.data import Approval
    from limen.pipeline.product import LoadedSet, Product
    from limen.product import Origin

MODEL, RESULTS = "weights model", "all results"
"""The declared model; and a node that derives from whatever of the product is current."""
_NO_ARTEFACTS = (
    "run",
    "run-end",
    "objects",
    "roster",
    "signature",
    "promotion",
    "failure-explanation",
    "clearance",
    "field",
)
_FILES = ("image", "reference", "prediction file")
"""Inputs that are the case's own files. A perfect prediction has the reference's digest, and
neither derives from the other."""


@dataclass
class ProductLineage:
    """A lineage with what :func:`limen.evidence.reach.reach` asks besides."""

    lineage: Lineage
    permissions: list[Permission]
    held: dict[str, list[str]]
    patients: dict[str, str]
    """Name of a case's node to its patient."""
    withdrawn: dict[str, date] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def product_lineage(product: Product) -> ProductLineage:
    """Build it from the declaration and from every record of the ledger.

    Raises
    ------
    BadLineage
        If the declared lineage leads back to itself.
    ContradictingApprovals, ApprovalError
    """
    return _Builder(product).build()


class _Builder:
    def __init__(self, product: Product) -> None:
        self._product, self._store = product, product.store
        self._kinds: dict[str, str] = {}
        self._edges: dict[tuple[str, str], None] = {}
        self._cases: dict[str, list[str]] = {name: [] for name in product.sets}
        self._patients: dict[str, str] = {}
        self._of_result: dict[str, list[tuple[str, str]]] = {}
        """Digest of a result to the subjects and nodes that have it."""
        self._listed: dict[str, list[tuple[str, str]]] = {}

    def build(self) -> ProductLineage:
        records = [r for r in self._store.records() if r.kind not in _NO_ARTEFACTS]
        self._declare_cases(records)
        self._declare_made()
        named = [(record, self._name(record)) for record in records]
        for record, name in named:
            self._kinds[name] = "reading" if record.kind == "case" else record.kind
            self._of_result.setdefault(record.result, []).append((record.subject, name))
        for record, name in named:
            parents = [p for p in self._parents(record) if p != name]
            self._derive(name, parents or self._everything())
        self._derive_texts()
        self._kinds[RESULTS] = "results"
        current = [n for r, n in named if self._is_latest(r) and r.outcome is Outcome.done]
        self._derive(RESULTS, [*self._everything(), *current])
        lineage = Lineage.from_edges(self._kinds, self._edges)
        return self._with_permissions(lineage)

    # --- nodes -----------------------------------------------------------------------------

    def _declare_cases(self, records: Iterable[Record]) -> None:
        for dataset in self._product.sets.values():
            for case in dataset.cases:
                self._case(dataset.name, case.id, case.patient)
        for record in records:
            if record.kind == "case":
                of, _, case_id = record.subject.partition("/")
                self._case(of, case_id, None)

    def _case(self, dataset: str, case: str, patient: str | None) -> None:
        name = f"case {dataset}/{case}"
        if name not in self._kinds:
            self._kinds[name] = "case"
            self._cases.setdefault(dataset, []).append(name)
        if patient is not None:
            self._patients[name] = patient

    def _declare_made(self) -> None:
        declared = self._product.declaration.lineage
        for made in declared:
            if made.name not in self._cases and made.name != "model":
                self._kinds[f"{made.kind} {made.name}"] = made.kind
        self._kinds[MODEL] = "weights"
        for made in declared:
            parents = [
                p for source in made.from_ if source != "report" for p in self._named(source)
            ]
            for node in self._named(made.name):
                self._derive(node, parents)
        if all(made.name != "model" for made in declared):
            self._derive(MODEL, self._development())

    def _development(self) -> list[str]:
        return [
            case
            for dataset in self._product.sets.values()
            if not dataset.is_validation
            for case in self._cases[dataset.name]
        ]

    def _derive_texts(self) -> None:
        """What was made from the report, which is a record and known only now."""
        report = f"report {self._product.declaration.product.name}"
        for made in self._product.declaration.lineage:
            if "report" in made.from_:
                parents = [report] if report in self._kinds else self._everything()
                for node in self._named(made.name):
                    self._derive(node, parents)

    def _named(self, source: str) -> list[str]:
        """Nodes of a name as it is written in the declaration's lineage."""
        if source == "model":
            return [MODEL]
        if source in self._cases:
            return list(self._cases[source])
        kind = next(m.kind for m in self._product.declaration.lineage if m.name == source)
        return [f"{kind} {source}"]

    def _everything(self) -> list[str]:
        declared = [c for cases in self._cases.values() for c in cases]
        return [MODEL, *declared]

    def _name(self, record: Record) -> str:
        kind = "reading" if record.kind == "case" else record.kind
        name = f"{kind} {record.subject}".strip()
        if self._is_latest(record):
            return name
        return f"{name} ({digest_json([record.result, dict(record.inputs)])[:12]})"

    def _is_latest(self, record: Record) -> bool:
        return self._store.latest(record.kind, record.subject) == record

    def _derive(self, name: str, parents: Iterable[str]) -> None:
        for parent in parents:
            self._edges[parent, name] = None

    # --- edges -----------------------------------------------------------------------------

    def _parents(self, record: Record) -> Iterator[str]:
        subject = record.subject.partition(" ")[0]
        own = f"case {subject}"
        if own in self._kinds:
            yield own
        if record.kind == "prediction":
            yield self._weights(record)
        of_a_case = own in self._kinds
        if record.kind == "trial" or not (of_a_case or record.kind == "leakage"):
            yield MODEL  # boundary, guard, release, texts: none is without the model
        for name, digest in record.inputs.items():
            if name in _FILES:
                continue
            found = self._of(digest, subject)
            yield from found
            if not found and not of_a_case:
                yield from self._in_listing(digest, subject)

    def _of(self, digest: str, subject: str) -> list[str]:
        """Nodes with this result: the subject's own where it has one; two may be equal."""
        found = self._of_result.get(digest, [])
        own = [name for of, name in found if of == subject]
        return own or [name for _, name in found]

    def _in_listing(self, digest: str, subject: str) -> Iterator[str]:
        """Results and cases that a kept list names."""
        for text, dataset_case in self._listing(digest):
            if dataset_case:
                for of in (dataset_case, f"{subject}/{dataset_case}"):
                    if f"case {of}" in self._kinds:
                        yield f"case {of}"
            if is_digest(text):
                of = dataset_case if "/" in dataset_case else f"{subject}/{dataset_case}"
                yield from self._of(text, of)

    def _listing(self, digest: str) -> list[tuple[str, str]]:
        """Digests in a kept JSON list, each with the case it stands beside."""
        if digest in self._listed:
            return self._listed[digest]
        found: list[tuple[str, str]] = []
        if is_digest(digest) and self._store.has(digest):
            try:
                value = self._store.get_json(digest)
            except (LimenError, ValueError):
                value = []
            for entry in value if isinstance(value, list) else []:
                case, patient, rest = _entry(entry)
                found += [(text, case) for text in rest] or [("", case)]
                self._remember_patient(case, patient)
        self._listed[digest] = found
        return found

    def _remember_patient(self, case: str, patient: str) -> None:
        """Of a case that is no longer there, only the lists still know the patient."""
        name = f"case {case}"
        if patient and name in self._kinds:
            self._patients.setdefault(name, patient)

    def _weights(self, record: Record) -> str:
        """The weights behind a prediction: the declared ones, or others that were there before."""
        identity = {k: v for k, v in record.inputs.items() if k not in _FILES}
        if identity == self._identity:
            return MODEL
        name = f"weights {digest_json(identity)[:12]}"
        if name not in self._kinds:
            self._kinds[name] = "weights"
            # nothing says what earlier weights were made from: from all that the present ones were
            self._derive(name, [a for a, b in self._edges if b == MODEL])
        return name

    @property
    def _identity(self) -> dict[str, str]:
        if not hasattr(self, "_known_identity"):
            from limen.pipeline.model import model_identity

            try:
                self._known_identity = model_identity(self._product)[1]
            except LimenError:
                self._known_identity = {}
        return self._known_identity

    # --- permissions -----------------------------------------------------------------------

    def _with_permissions(self, lineage: Lineage) -> ProductLineage:
        found = ProductLineage(lineage, [], {}, self._patients)
        known: dict[str, Permission] = {}
        for dataset in self._product.sets.values():
            permission = _permission(self._product, dataset.approval, dataset.origin,
                                     dataset.declared.approval, known)  # fmt: skip
            for case in self._cases[dataset.name]:
                found.held[case] = [permission.name]
            found.withdrawn.update(dataset.approval.withdrawn)
            found.faults += _sites_not_covered(dataset, permission)
            found.faults += _ages_not_covered(dataset, permission)
        for made in self._product.declaration.lineage:
            if made.approval is not None:
                approval, origin = load_made(self._product, made.approval)
                permission = _permission(self._product, approval, origin, made.approval, known)
                for node in self._named(made.name):
                    found.held[node] = [*found.held.get(node, []), permission.name]
        found.faults += _intended_ages_not_covered(self._product, self._cases)
        found.permissions = list(known.values())
        return found


def load_made(product: Product, file: str) -> tuple[Approval, Origin]:
    """The approval of something that is declared under ``lineage``."""
    from limen.data import load_approval, origin_of

    approval = load_approval(product.folder / file)
    return approval, origin_of(approval, None)


def _permission(
    product: Product, approval: Approval, origin: Origin, file: str, known: dict[str, Permission]
) -> Permission:
    from limen.data.permissions import permission_of

    regimes = product.declaration.regimes
    name = file if approval.number is None else f"{file}, number {approval.number}"
    made = permission_of(approval, origin, name, regimes)
    if known.get(name, made) != made:  # one file, and data of two origins
        made = permission_of(approval, origin, f"{name}, {origin}", regimes)
    return known.setdefault(made.name, made)


def _sites_not_covered(dataset: LoadedSet, permission: Permission) -> list[Fault]:
    """Cases whose site is known and not among those that the approval covers."""
    covered = {site.casefold() for site in dataset.approval.sites}
    outside: dict[str, list[str]] = {}
    for case in dataset.cases if covered else []:
        site = case.attributes.get("site")
        if isinstance(site, str) and site.casefold() not in covered:
            outside.setdefault(site, []).append(f"case {dataset.name}/{case.id}")
    return [
        Fault("site not covered", permission.name, f"site {site} is not among those it covers",
              tuple(nodes))
        for site, nodes in outside.items()
    ]  # fmt: skip


def _ages_not_covered(dataset: LoadedSet, permission: Permission) -> list[Fault]:
    """Cases whose patient's age is known and not among those that the approval covers."""
    if dataset.approval.age_years is None:
        return []
    low, high = dataset.approval.age_years
    nodes = []
    for case in dataset.cases:
        age = case.attributes.get("age_years")
        # whole years, so that 64.9 is 64; and 90 stands for 90 and older
        if isinstance(age, int | float) and not (low <= age < high + 1 or age >= 90 <= high):
            nodes.append(f"case {dataset.name}/{case.id}")
    why = f"it covers patients of {_span(low, high)}, and these are not of that age"
    return [Fault("patient not covered", permission.name, why, tuple(nodes))] if nodes else []


def _intended_ages_not_covered(product: Product, cases: dict[str, list[str]]) -> list[Fault]:
    """Where the approvals of all validation data together leave out ages that the product is for.

    Nothing is found where one of them states no ages: it may cover all.
    """
    from limen.data.approval_rules import TARGET_POPULATION
    from limen.data.approvals import MADE

    sets = [
        s for s in product.sets.values()
        if s.is_validation and s.left_out is None and s.approval.kind not in MADE
    ]  # fmt: skip
    stated = [s.approval.age_years for s in sets if s.approval.age_years is not None]
    low, high = product.declaration.product.intended_use.population.age_years
    if not sets or len(stated) < len(sets):
        return []
    covered_to = low
    for youngest, oldest in sorted(stated):
        if youngest <= covered_to:
            covered_to = max(covered_to, oldest + 1)  # whole years: 40 lasts until 41
    if covered_to > high:
        return []
    ages = "; ".join(_span(y, o) for y, o in sorted(set(stated)))
    nodes = tuple(case for s in sets for case in cases[s.name])
    why = (
        f"the approvals of the validation data cover {ages}, and the product is for "
        f"{_span(low, high)}: {TARGET_POPULATION}"
    )
    return [Fault("intended population not covered", "", why, nodes)] if nodes else []


def _span(low: float, high: float) -> str:
    return f"{low:g} to {high:g} years"


def _entry(entry: Any) -> tuple[str, str, list[str]]:
    """Case, patient and further texts of one entry of a list, as `pipeline.graph` writes them."""
    if isinstance(entry, dict):
        texts = [v for k, v in entry.items() if k not in ("case", "patient") and isinstance(v, str)]
        return str(entry.get("case", "")), str(entry.get("patient", "")), texts
    if isinstance(entry, list) and entry and all(isinstance(e, str) for e in entry):
        return entry[0], entry[1] if len(entry) > 1 else "", [e for e in entry[2:] if is_digest(e)]
    return "", "", [entry] if isinstance(entry, str) else []
