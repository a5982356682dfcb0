"""Check: everything that is wrong with a product, in one list, before anything is evaluated.

Nothing is kept but the salt and the memory of digests; one broken part never hides another.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from limen.errors import LimenError
from limen.models.errors import ModelError
from limen.pipeline.evaluate import Progress, Silent
from limen.pipeline.product import Product
from limen.pipeline.sets import find_set_cases, left_out

if TYPE_CHECKING:
    from limen.data import Case, Fingerprint, Pseudonyms
    from limen.product import Dataset, Declaration

Weight = Literal["wrong", "refused", "warning"]
_ORDER: tuple[Weight, ...] = ("wrong", "refused", "warning")


@dataclass(frozen=True)
class CheckedProblem:
    """One thing to mend.

    ``weight``: ``wrong`` input; ``refused``, the input is right and the answer is no (leakage, an
    expired approval); ``warning``, a run goes on and its claim will not hold.
    """

    weight: Weight
    what: str
    where: str | None = None
    found: str | None = None
    mend: str | None = None


@dataclass
class Checked:
    """What was looked at, and every problem."""

    problems: list[CheckedProblem] = field(default_factory=list)
    sets: list[dict[str, Any]] = field(default_factory=list)
    """Name, use, cases, readable, patients, approval; ``left_out`` in words or None."""
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 when something is wrong, 1 when an answer is no, else 0."""
        weights = {p.weight for p in self.problems}
        return 2 if "wrong" in weights else 1 if "refused" in weights else 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "ok": self.exit_code == 0,
            "problems": [asdict(p) for p in self.problems],
            "sets": self.sets,
            "notes": self.notes,
        }

    def add(self, weight: Weight, error: LimenError, within: str | None = None) -> None:
        """Note an error that lies within a part of the product."""
        where = error.where
        if within is not None:
            where = f"{within}: {where}" if where is not None else within
        self.problems.append(CheckedProblem(weight, error.what, where, error.found, error.mend))


def check(
    folder: str | Path = ".", *, workers: int | None = None, progress: Progress | None = None
) -> Checked:
    """Look at the declaration, approvals, every case, the model, leakage and the size of sets.

    Parameters
    ----------
    folder : str or Path
        The product's folder, or its ``limen.yaml``.
    workers : int, optional
        Worker processes; default one for each core.
    progress : Progress, optional

    Raises
    ------
    ProductNotFound
        There is no declaration to look at. Everything else is among the problems.
    """
    from limen.product import DeclarationError, load_declaration

    path = Path(folder)
    path = path if path.name == "limen.yaml" else path / "limen.yaml"
    checked = Checked()
    try:
        declaration: Declaration | None = load_declaration(path)
        whole = True
    except DeclarationError as error:
        for p in error.problems:
            mend = f"expected {p.expected}"
            mend += f"; did you mean '{p.nearest}'?" if p.nearest is not None else ""
            what = "missing" if p.found is None else "not valid"
            place = f"{p.file}:{p.line}"
            checked.problems.append(
                CheckedProblem("wrong", f"{p.key}: {what}" if p.key else what, place, p.found, mend)
            )
        declaration, whole = _what_holds(path), False
    if declaration is not None:
        _check_parts(Product(path.parent, declaration), checked, whole, workers, progress)
    checked.problems.sort(key=lambda p: _ORDER.index(p.weight))
    return checked


def _check_parts(
    product: Product, checked: Checked, whole: bool, workers: int | None, progress: Progress | None
) -> None:
    from limen.data import Pseudonyms, load_or_make_salt

    shown = progress or Silent()
    try:
        pseudonyms = Pseudonyms(load_or_make_salt(product.state_folder / "salt"))
    except LimenError as error:
        checked.add("wrong", error)
        return
    try:
        _ = product.store
    except LimenError as error:
        checked.add("wrong", error, "evidence")
    declared = product.declaration.data
    found = [s for d in declared if (s := _find(product, d, pseudonyms, checked)) is not None]
    _check_agreement(product, checked)
    model_reads = _check_model(product, checked)
    prints = _read_cases(product, found, checked, model_reads, workers, shown)
    product.digests.save()
    shown.step("leakage")
    _check_leakage(found, prints, checked)
    if whole:
        _check_sizes(product, found, checked)
        _check_words(product, checked)


@dataclass(frozen=True)
class _Found:
    """A data set and its cases; what is wrong with its approval does not hide them."""

    declared: Dataset
    cases: list[Case]

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def is_validation(self) -> bool:
        return self.declared.use == "validation"


# --- data -------------------------------------------------------------------------------------


def _find(
    product: Product, declared: Dataset, pseudonyms: Pseudonyms, checked: Checked
) -> _Found | None:
    """A data set with its cases; what is wrong with it as a whole is noted on the way."""
    from limen.data import approval_problem, load_approval, origin_of

    where = f"data set {declared.name}"
    approval = None
    try:
        approval = load_approval(product.folder / declared.approval)
        expired = approval_problem(approval)
        if expired is not None:
            checked.add("refused", expired, where)
        origin_of(approval, declared.origin)
        if approval.kind == "undeclared":
            checked.notes.append(
                f"{where}: its approval is undeclared, so results reach feasibility and no "
                f"further; fill in {declared.approval}"
            )
    except LimenError as error:
        checked.add("wrong", error, where)
    row: dict[str, Any] = {
        "name": declared.name,
        "use": declared.use,
        "cases": 0,
        "readable": 0,
        "patients": 0,
        "approval": None if approval is None else approval.kind,
        "left_out": None,
    }
    checked.sets.append(row)
    try:
        row["left_out"] = left_out(product, declared)
        if row["left_out"] is not None:
            return None
        found = find_set_cases(product, declared, pseudonyms)
    except LimenError as error:
        # its own text names the data set already
        checked.add("wrong", error, None if where in (error.where or "") else where)
        return None
    for problem in found.problems:
        checked.add("wrong", problem.error, where)
    checked.notes += [f"{where}: {note}" for note in found.notes]
    row["cases"] = len(found.cases) + len(found.problems)
    row["patients"] = len({c.patient for c in found.cases})
    return _Found(declared, found.cases)


def _check_agreement(product: Product, checked: Checked) -> None:
    """Approvals held against each other, and those of what the lineage names."""
    from limen.data import Approval, load_approval, require_agreement

    approvals: dict[str, Approval] = {}
    of_sets = [d.approval for d in product.declaration.data]
    made = getattr(product.declaration, "lineage", [])
    for file in [*of_sets, *(m.approval for m in made if m.approval is not None)]:
        try:
            approvals[file] = load_approval(product.folder / file)
        except LimenError as error:
            if file not in of_sets:  # those of data sets are told with their sets
                checked.add("wrong", error, "lineage")
    try:
        require_agreement(approvals)
    except LimenError as error:
        checked.add("wrong", error)


def _read_cases(
    product: Product,
    sets: list[_Found],
    checked: Checked,
    model_reads: bool,
    workers: int | None,
    shown: Progress,
) -> dict[str, Fingerprint]:
    """Read every case whole; the fingerprints of those that can be read, by subject."""
    from limen.data import Fingerprint
    from limen.pipeline.work import CaseJob, run_cases

    window = _window(product)
    more = ("prediction",) if model_reads else ("model_shape",) if window is not None else ()
    jobs = [
        CaseJob(
            subject=f"{dataset.name}/{case.id}",
            case=case,
            kinds=("case", *more) if dataset.is_validation else ("case",),
            declaration=product.declaration,
            root=product.folder,
            model_key="predictions on disk",
        )
        for dataset in sets
        for case in dataset.cases
        if product.declaration.task is not None  # else the labels to expect are not known
    ]
    shown.begin(len(jobs), 0)
    prints: dict[str, Fingerprint] = {}
    readable: dict[str, int] = {}
    shapes: dict[str, list[list[int]]] = {}
    for done in run_cases(jobs, workers or os.cpu_count() or 1):
        name = done.subject.partition("/")[0]
        facts = done.results.get("case")
        if isinstance(facts, dict):
            prints[done.subject] = Fingerprint.from_dict(facts["fingerprint"])
        if isinstance(shape := done.results.get("model_shape"), list):
            shapes.setdefault(name, []).append(shape)
        if done.error is None:
            readable[name] = readable.get(name, 0) + 1
        else:
            checked.add("wrong", done.error, f"data set {name}")
        shown.case_done(done.subject, done.error)
    for row in checked.sets:
        row["readable"] = readable.get(row["name"], 0)
    if window is not None:
        checked.notes += [n for name in shapes if (n := _padded(name, shapes[name], window))]
    return prints


def _window(product: Product) -> tuple[int, int, int] | None:
    """The sliding window of an ONNX model, in voxels along its x, y, z."""
    from limen.product import OnnxModel

    model = product.declaration.model
    return model.input.patch if isinstance(model, OnnxModel) else None


def _padded(name: str, shapes: list[list[int]], window: tuple[int, int, int]) -> str | None:
    """What to know where images are smaller than the window, or None where none is."""
    small = [s for s in shapes if any(n < w for n, w in zip(s, window, strict=True))]
    if not small:
        return None
    least, wanted = (
        " x ".join(map(str, v)) for v in (min(small, key=lambda s: s[0] * s[1] * s[2]), window)
    )
    return (
        f"data set {name}: {len(small)} of {len(shapes)} images are smaller than the model's "
        f"window of {wanted} voxels (the smallest has {least}); the rest of the window is padding, "
        f"which a model can take for tissue: train and declare a patch that fits into every image"
    )


def _check_leakage(sets: list[_Found], prints: dict[str, Fingerprint], checked: Checked) -> None:
    from limen.data import find_leaks

    sides: dict[str, list[tuple[str, str, Fingerprint]]] = {"development": [], "validation": []}
    for dataset in sets:
        for case in dataset.cases:
            subject = f"{dataset.name}/{case.id}"
            if subject in prints:
                sides[dataset.declared.use].append((subject, case.patient, prints[subject]))
    for leak in find_leaks(sides["development"], sides["validation"]):
        checked.problems.append(
            CheckedProblem(
                "refused",
                f"leakage, {leak.kind}",
                f"{leak.case_a} and {leak.case_b}",
                leak.in_words,
                "take one of the two out, or move all cases of that patient to one side",
            )
        )


def _check_sizes(product: Product, sets: list[_Found], checked: Checked) -> None:
    from limen.measures.risk import answer_risk

    needed = answer_risk(product.declaration.risk, 0, 0, 0).more_patients or 0
    risk = product.declaration.risk
    for dataset in sets:
        patients = len({c.patient for c in dataset.cases})
        if dataset.is_validation and patients < needed:
            checked.problems.append(
                CheckedProblem(
                    "warning",
                    f"{needed} patients without a failure are needed to certify at most "
                    f"{100 * risk.failure_rate:g} % failing with {100 * risk.confidence:g} % "
                    f"confidence",
                    f"data set {dataset.name}",
                    f"{patients} {'patient' if patients == 1 else 'patients'}, so it cannot be "
                    f"certified even without a failure",
                    "add patients, or have a clinician state another risk",
                )
            )


def _check_words(product: Product, checked: Checked) -> None:
    """What `limen new` left for a person to write."""
    if product.declaration.product.intended_use.statement.startswith("(to be written)"):
        checked.problems.append(
            CheckedProblem(
                "warning",
                "the intended use is still to be written",
                "limen.yaml, product.intended_use.statement",
                mend="say what the product shows, on whom, for whom and when",
            )
        )


# --- model ------------------------------------------------------------------------------------


def _check_model(product: Product, checked: Checked) -> bool:
    """Note what is wrong with the model; whether predictions can be read case by case."""
    from limen.pipeline.model import model_identity
    from limen.product import PredictionsModel

    model, task = product.declaration.model, product.declaration.task
    if model is None or task is None:  # not valid as declared, and told already
        return False
    try:
        opened, _ = model_identity(product)
        opened.rehearse()
    except LimenError as error:
        checked.add("wrong", error, "model")
    except MemoryError:
        checked.add("wrong", _too_large(), "model")
    return isinstance(model, PredictionsModel)


def _too_large() -> LimenError:
    return ModelError(
        "there is not enough memory to run the model on one window",
        mend="declare a smaller model.input.patch, or use a machine with more memory",
    )


# --- a declaration that is not whole ----------------------------------------------------------


def _what_holds(path: Path) -> Declaration | None:
    """The parts of a wrong declaration that are right by themselves, so they can be checked.

    Task, model and each data set stand for themselves; everything else is left out.
    """
    from pydantic import TypeAdapter, ValidationError
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from limen.product import Dataset, Declaration, Model, Task

    try:
        raw = YAML(typ="safe").load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, YAMLError, ValueError):
        return None
    if not isinstance(raw, dict):
        return None

    def part(kind: Any, value: Any) -> Any:
        try:
            return TypeAdapter(kind).validate_python(value)
        except (ValidationError, TypeError, ValueError):
            return None

    given = raw.get("data")
    given = given if isinstance(given, list) else []
    sets = {d.name: d for value in given if (d := part(Dataset, value)) is not None}
    sets = {n: d for n, d in sets.items() if d.path is not None or d.images is not None}
    task = raw.get("task")
    if isinstance(task, dict):
        task = {**task, "kind": "segmentation"}  # reading labels does not depend on the kind
    fields: dict[str, Any] = {
        "task": part(Task, task),
        "model": part(Model, raw.get("model")),
        "data": list(sets.values()),
    }
    return Declaration.model_construct(**fields)
