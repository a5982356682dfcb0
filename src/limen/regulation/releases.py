"""The differences between two product folders, as far as they can be seen in the files.

What a file cannot tell (whether performance changed, whether the intended use is wider) is left
unstated, and the change rules then take the stricter answer; a list of facts adds what is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.regulation.change import Situation
from limen.regulation.classify import classify
from limen.regulation.difference import Difference, read_difference
from limen.regulation.errors import RuleNotInForce, UnknownChange
from limen.regulation.facts import OUTPUTS, facts_of

if TYPE_CHECKING:
    from limen.product import Declaration

_RUNTIME_KEYS = {"batch", "threads"}


@dataclass(frozen=True)
class Compared:
    """Two product folders side by side.

    Attributes
    ----------
    differences : tuple of Difference
    notes : tuple of str
        What was seen and is no change of the product, or could not be seen.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare_products(
    old: Declaration, old_folder: Path, new: Declaration, new_folder: Path
) -> Compared:
    """Every difference between two product folders that their files show."""
    found = _Comparison(old, old_folder, new, new_folder)
    found.model()
    found.training()
    found.use()
    found.rest()
    return Compared(tuple(found.differences), tuple(found.notes))


def with_facts(
    differences: Iterable[Difference], stated: Sequence[Mapping[str, Any]]
) -> tuple[Difference, ...]:
    """Add what is known of changes: facts of one kind go to every difference of that kind.

    Facts of a kind that no file shows, as of a mended mistake, make a difference of their own.

    Raises
    ------
    UnknownChange
        A kind, a fact or a value is not known.
    """
    found = list(differences)
    for facts in stated:
        extra = read_difference(facts)
        values = {k: v for k, v in extra.as_dict().items() if k not in ("kind", "what")}
        for name in ("in_plan", "plan_failed"):
            if name in values:
                values[name] = frozenset(values[name])
        matching = [i for i, d in enumerate(found) if d.kind == extra.kind]
        if "what" in facts and matching:
            named = [i for i in matching if found[i].what == facts["what"]]
            matching = named or matching
        for i in matching:
            found[i] = replace(found[i], **values)
        if not matching:
            found.append(extra)
    return tuple(found)


def read_facts_file(path: Path) -> list[dict[str, Any]]:
    """Facts about changes from a YAML file: a list, each with its ``kind``.

    Raises
    ------
    UnknownChange
        The file is no such list.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise UnknownChange(
            "the facts about the changes cannot be read",
            where=path.name,
            found=type(error).__name__,
            mend="write a YAML list, as `- {kind: weights, performance: minor}`",
        ) from None
    if not isinstance(found, list) or not all(isinstance(x, dict) for x in found):
        raise UnknownChange(
            "the facts about the changes are no list",
            where=path.name,
            found=type(found).__name__,
            mend="write a YAML list, as `- {kind: weights, performance: minor}`",
        )
    return found


def situation_of(
    old: Declaration, new: Declaration, on: date, *, legacy: bool = False
) -> Situation:
    """What the change rules ask about the product, from the class before and after."""
    before, after = facts_of(old.product.intended_use), facts_of(new.product.intended_use)
    changed: set[str] = set()
    cade, eu_class, grade, after_grade = False, "IIa", 2, None
    for regime in ("fda", "mdr", "mfds"):
        try:
            was, now = classify(before, regime, on), classify(after, regime, on)
        except RuleNotInForce:
            continue
        if was.key != now.key:
            changed.add(regime)
        if regime == "fda":
            cade = was.category.endswith(("892.2070", "876.1520"))
        elif regime == "mdr":
            eu_class = was.klass or "I"
        else:
            if was.klass:
                grade = int(was.klass.removeprefix("grade "))
            after_grade = int(now.klass.removeprefix("grade ")) if now.klass else None
    return Situation(
        cade=cade,
        eu="legacy" if legacy else "mdr",
        eu_class=eu_class,
        kr_grade=grade,
        kr_grade_after=after_grade,
        class_changes=frozenset(changed),
    )


class _Comparison:
    def __init__(
        self, old: Declaration, old_folder: Path, new: Declaration, new_folder: Path
    ) -> None:
        self.old, self.new = old, new
        self.old_folder, self.new_folder = old_folder, new_folder
        self.differences: list[Difference] = []
        self.notes: list[str] = []

    def _add(self, kind: str, what: str, **facts: Any) -> None:
        self.differences.append(read_difference({"kind": kind, "what": what, **facts}))

    # --- model ---

    def model(self) -> None:
        was, now = self.old.model, self.new.model
        if type(was) is not type(now):
            self._add("architecture", "another kind of model")
            return
        name = next(k for k in ("onnx", "command", "predictions") if hasattr(now, k))
        if name == "onnx":
            self._onnx(str(was.onnx), str(now.onnx))  # type: ignore[union-attr]
            self._settings("input", {"batch"})
            self._settings("output", set())
            if was.threads != now.threads:  # type: ignore[union-attr]
                self._add("runtime", "number of threads changed")
        elif was != now:
            self._add("weights", f"the {name} of the model changed")
        else:
            self.notes.append(f"What the {name} of the model does is not seen in the files.")

    def _onnx(self, was: str, now: str) -> None:
        before, after = self.old_folder / was, self.new_folder / now
        if not before.exists() or not after.exists():
            self.notes.append("The model file of one side is not there: weights not compared.")
            return
        if _digest(before) == _digest(after):
            return
        shape_before, shape_after = _graph(before), _graph(after)
        if shape_before is None or shape_after is None:
            self._add("weights", "the model file changed; its graph cannot be read")
        elif shape_before == shape_after:
            self._add("weights", "other weights in the same graph")
        else:
            self._add("architecture", "another graph of the model")

    def _settings(self, part: str, runtime: set[str]) -> None:
        was = getattr(self.old.model, part).model_dump()
        now = getattr(self.new.model, part).model_dump()
        for key in sorted(was):
            if was[key] == now[key]:
                continue
            what = f"{part} {key}: {was[key]} to {now[key]}"
            if key in runtime:
                self._add("runtime", what)
            elif key in ("threshold", "min_volume_mm3"):
                self._add("threshold", what)
            else:
                self._add("preprocessing", what)

    # --- training data ---

    def training(self) -> None:
        was = {d.name: d for d in self.old.data if d.use == "development"}
        now = {d.name: d for d in self.new.data if d.use == "development"}
        for name in sorted(set(was) ^ set(now)):
            self._add("training-data", f"set {name} {'added' if name in now else 'taken out'}")
        for name in sorted(set(was) & set(now)):
            before = self._listing(self.old_folder, was[name].path or was[name].images)
            after = self._listing(self.new_folder, now[name].path or now[name].images)
            if before is None or after is None:
                self.notes.append(f"Training set {name} is not on both sides: cases not compared.")
            elif before != after:
                self._add("training-data", f"cases of set {name} changed")
            if self._sites(self.old_folder, was[name].approval) != self._sites(
                self.new_folder, now[name].approval
            ):
                self._add("training-sites", f"sites of set {name} changed")

    def _listing(self, folder: Path, path: str | None) -> str | None:
        """Names and sizes of the files of a set, digested; contents are not read."""
        if path is None or not (folder / path).is_dir():
            return None
        root = folder / path
        lines = sorted(
            f"{p.relative_to(root)} {p.stat().st_size}" for p in root.rglob("*") if p.is_file()
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _sites(self, folder: Path, approval: str) -> tuple[str, ...] | None:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            found = YAML(typ="safe").load((folder / approval).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, YAMLError):
            return None
        sites = found.get("sites") if isinstance(found, dict) else None
        return tuple(sorted(map(str, sites))) if isinstance(sites, list) else None

    # --- intended use ---

    def use(self) -> None:
        was, now = self.old.product.intended_use, self.new.product.intended_use
        for output in sorted({*was.outputs, *now.outputs}):
            if output not in was.outputs:
                self._add("output", f"it now {OUTPUTS[output]}", added=True)
            elif output not in now.outputs:
                self._add("output", f"it no longer {OUTPUTS[output]}")
        if was.statement != now.statement:
            self._add("wording", "the statement of the intended use")
        if was.user != now.user:
            self._add("wording", f"user: {was.user} to {now.user}", purpose="wider")
        if was.situation != now.situation:
            self._add("wording", f"situation: {was.situation} to {now.situation}")
        if was.modality != now.modality:
            what = f"modality: {was.modality} to {now.modality}"
            self._add("input-range", what, purpose="wider")
        if was.anatomy != now.anatomy:
            self._add("population", f"anatomy: {was.anatomy} to {now.anatomy}", purpose="wider")
        self._population()

    def _population(self) -> None:
        was = self.old.product.intended_use.population
        now = self.new.product.intended_use.population
        if was == now:
            return
        inside = (
            was.age_years[0] <= now.age_years[0]
            and now.age_years[1] <= was.age_years[1]
            and (was.sex in ("any", now.sex))
        )
        ages = "{:g} to {:g} years, {}"
        what = (
            f"population: {ages.format(*was.age_years, was.sex)} became "
            f"{ages.format(*now.age_years, now.sex)}"
        )
        self._add("population", what, purpose="narrower" if inside else "wider")

    # --- rest ---

    def rest(self) -> None:
        if self.old.task != self.new.task:
            self._add("output", "what the task asks of the model")
        if self.old.criteria != self.new.criteria or self.old.risk != self.new.risk:
            self.notes.append(
                "Criteria or the claimed failure rate changed: the verdicts have to be made again."
            )
        if self.old.physics != self.new.physics:
            self.notes.append("The searched conditions changed: the boundary has to be made again.")
        same = self.old.product.version == self.new.product.version
        if self.differences and same:
            self.notes.append(f"The version is still {self.new.product.version}: raise it.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _graph(path: Path) -> str | None:
    """Digest of a network's operations and of the shapes of its weights, not of their values."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except (DecodeError, OSError, ValueError):
        return None
    lines = [
        f"{n.op_type} {list(n.input)} {list(n.output)} "
        f"{sorted(a.SerializeToString(deterministic=True) for a in n.attribute)}"
        for n in graph.node
        if n.op_type != "Constant"
    ]
    lines += sorted(f"{w.name} {w.data_type} {list(w.dims)}" for w in graph.initializer)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
