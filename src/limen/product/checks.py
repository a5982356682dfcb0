"""What no single field of a declaration can tell: one part held against another.

Works on the tree and not on the models, so that these mistakes are found together with every
other, also in a section that is otherwise wrong. Whatever a field's own rule already refuses is
passed over here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limen.product.axes import AXES, axes_of
from limen.product.criteria import MEASURES, Measure, measures_of
from limen.product.problems import Problem, listed, nearest
from limen.product.tree import Node, Path, key_text
from limen.product.units import NotAQuantity, expected, parse_quantity

_SIDES = ("LR", "AP", "SI")


def cross_check(root: Node, file: str) -> list[Problem]:
    """Every contradiction between the parts of a declaration."""
    check = _Checks(root, file)
    check.version()
    check.intended_use()
    check.task()
    check.criteria()
    check.data()
    check.lineage()
    check.model()
    check.physics()
    return check.problems


class _Checks:
    def __init__(self, root: Node, file: str) -> None:
        self._root, self._file = root, file
        self.problems: list[Problem] = []
        self._kind: str | None = self._text("task", "kind")
        modality = self._text("product", "intended_use", "modality")
        self._modality = modality if modality in ("CT", "MR", "OCT") else None
        self._labels = self._declared_labels()

    # --- sections ----------------------------------------------------------------------------

    def version(self) -> None:
        if self._get(("limen",)) is True:  # which to Python is a 1
            self._report(("limen",), "1, the version of the format that this Limen reads")

    def intended_use(self) -> None:
        path = ("product", "intended_use", "population", "age_years")
        self._ordered(path, "years", "the younger age first", equal=True)

    def task(self) -> None:
        labels = self._get(("task", "labels"))
        seen: dict[int, str] = {}
        if isinstance(labels, dict):
            for name, node in labels.items():
                path: Path = ("task", "labels", name)
                if not name.strip():
                    self._report(path, "a name for the label", at_key=True)
                if not isinstance(node.value, int) or isinstance(node.value, bool):
                    continue
                if node.value in seen:
                    words = f"a value of its own; {seen[node.value]} has {node.value} already"
                    self._report(path, words)
                seen.setdefault(node.value, name)
        self._regions()
        ignored = self._get(("task", "ignore_labels"))
        for i, node in enumerate(ignored if isinstance(ignored, list) else []):
            if node.value in (*seen, *seen.values()):
                words = "a label that task.labels does not declare; it cannot be both"
                self._report(("task", "ignore_labels", i), words)

    def _regions(self) -> None:
        regions = self._get(("task", "regions"))
        if not isinstance(regions, dict) or self._labels is None:
            return
        for name, node in regions.items():
            path: Path = ("task", "regions", name)
            if self._get(("task", "reference")) == "instances":
                words = "no regions: with reference: instances the values number the lesions"
                self._report(path, words, at_key=True)
                continue
            if not name.strip() or name in self._labels:
                words = "a name of its own" if name.strip() else "a name for the region"
                self._report(path, words, at_key=True)
            members = node.value if isinstance(node.value, list) else []
            if isinstance(node.value, list) and not members:
                self._report(path, "the names of its labels")
            seen: list[str] = []
            for i, member in enumerate(members):
                if not isinstance(member.value, str):
                    continue
                if member.value not in self._labels:
                    words = f"a label of task.labels: {listed(self._labels)}"
                    near = nearest(member.value, self._labels)
                    self._report((*path, i), words, near=near)
                elif member.value in seen:
                    self._report((*path, i), "each label once")
                seen.append(member.value)

    def criteria(self) -> None:
        found = self._get(("criteria",))
        for i, node in enumerate(found if isinstance(found, list) else []):
            if isinstance(node.value, dict):
                self._criterion(("criteria", i))

    def _criterion(self, path: Path) -> None:
        name = self._text(*path, "measure")
        measure = MEASURES.get(name) if name is not None else None
        if measure is not None:
            self._limit(path, str(name), measure)
            if measure.of == "label" and self._stated(*path, "min_diameter_mm"):
                words = f"no size limit: {name} is measured on the whole label"
                self._report((*path, "min_diameter_mm"), words, at_key=True)
            self._tolerance(path, str(name), measure)
        elif not any(self._has(*path, side) for side in ("at_most", "at_least")):
            self._report((*path, "at_most"), "a limit, at_most or at_least", missing=True)
        if name is not None:
            self._fits(path, name, measure)
        self._label(path)
        self._region(path)

    def _tolerance(self, path: Path, name: str, measure: Measure) -> None:
        stated = self._stated(*path, "tolerance_mm")
        if measure.tolerance == "no" and stated:
            words = f"no tolerance: {name} has none"
            self._report((*path, "tolerance_mm"), words, at_key=True)
        elif measure.tolerance == "must" and not stated:
            words = f"tolerance_mm, how far apart outlines may lie and still agree; {name} needs it"
            self._report((*path, "tolerance_mm"), words, missing=True)

    def _region(self, path: Path) -> None:
        region = self._text(*path, "region")
        if region is None:
            return
        if self._stated(*path, "label"):
            words = "either label or region, not both"
            self._report((*path, "region"), words, at_key=True)
        found = self._get(("task", "regions"))
        valid = list(found) if isinstance(found, dict) else []
        if region not in valid:
            words = (
                f"a region of task.regions: {listed(valid)}"
                if valid
                else ("a region that task.regions declares; there is none")
            )
            self._report((*path, "region"), words, near=nearest(region, valid))

    def _fits(self, path: Path, name: str, measure: Measure | None) -> None:
        known_kind = self._kind if self._kind in ("lesion-detection", "segmentation") else None
        valid = measures_of(known_kind) if known_kind is not None else list(MEASURES)
        if measure is None:
            words = f"one of {listed(valid)}"
            self._report((*path, "measure"), words, near=nearest(name, valid))
        elif known_kind is not None and known_kind not in measure.tasks:
            words = f"a measure of the task {known_kind}: {listed(valid)}"
            self._report((*path, "measure"), words)

    def _limit(self, path: Path, name: str, measure: Measure) -> None:
        right = measure.direction
        wrong = "at_least" if right == "at_most" else "at_most"
        better = "less" if right == "at_most" else "more"
        if self._stated(*path, wrong):
            words = f"{right}, because of {name} {better} is better"
            if self._stated(*path, right):
                words = f"{right} alone, because of {name} {better} is better"
            self._report((*path, wrong), words, at_key=True, near=right)
        elif not self._stated(*path, right):
            unit = f" in {measure.unit}" if measure.unit else ""
            self._report((*path, right), f"a limit{unit}", missing=True)
        limit = self._number((*path, right), measure.unit)
        if limit is None:
            return
        too_small = limit < 0 or (limit == 0 and right == "at_least")
        too_large = measure.largest is not None and limit > measure.largest
        if too_small or too_large or (measure.counts and limit != int(limit)):
            floor = "above 0" if right == "at_least" else "0 or more"
            top = f", at most {measure.largest:g}" if measure.largest is not None else ""
            kind = "a whole number" if measure.counts else "a number"
            unit = f" of {measure.unit}" if measure.unit else ""
            self._report((*path, right), f"{kind}{unit}, {floor}{top}")

    def _label(self, path: Path) -> None:
        label = self._text(*path, "label")
        if label is None or self._labels is None:
            return
        valid = self._labels
        if self._get(("task", "reference")) == "instances" and len(valid) > 1:
            words = (
                "no label: with reference: instances the values number the lesions, "
                "so lesions of several labels cannot be told apart"
            )
            if label != "lesion":
                self._report((*path, "label"), words)
        elif label not in valid:
            words = f"a label of task.labels: {listed(valid)}"
            self._report((*path, "label"), words, near=nearest(label, valid))

    def data(self) -> None:
        sets = self._get(("data",))
        if not isinstance(sets, list):
            return
        seen: dict[str, int] = {}
        for i, node in enumerate(sets):
            if not isinstance(node.value, dict):
                continue
            path: Path = ("data", i)
            self._places(path)
            name = self._text(*path, "name")
            if name is not None and name in seen:
                words = f"a name of its own; the data set on line {seen[name]} has it already"
                self._report((*path, "name"), words)
            elif name is not None:
                seen[name] = node.line
        uses = [self._text("data", i, "use") for i in range(len(sets))]
        if sets and set(uses) == {"development"}:
            words = "at least one data set with use: validation"
            self._report(("data",), words, found="use: development alone", at_key=True)

    def lineage(self) -> None:
        made = self._get(("lineage",))
        sets = self._get(("data",))
        if not isinstance(made, list):
            return
        names = [self._text("lineage", i, "name") for i in range(len(made))]
        places = range(len(sets)) if isinstance(sets, list) else range(0)
        known = [n for n in (self._text("data", i, "name") for i in places) if n]
        known += ["model", "report", *(n for n in names if n)]
        for i, name in enumerate(names):
            if name is not None and name in names[:i]:
                self._report(("lineage", i, "name"), "a name of its own")
            sources = self._get(("lineage", i, "from"))
            for k in range(len(sources)) if isinstance(sources, list) else ():
                source = self._text("lineage", i, "from", k)
                if source is not None and source not in known:
                    words = "a data set, model, report or a name of lineage"
                    self._report(("lineage", i, "from", k), words, near=nearest(source, known))

    def _places(self, path: Path) -> None:
        has_path, has_images = self._stated(*path, "path"), self._stated(*path, "images")
        if has_path and has_images:
            words = "either path or images with references, not both"
            self._report((*path, "images"), words, at_key=True)
        elif not has_path and not has_images and not self._has(*path, "path"):
            if self._stated(*path, "references"):
                self._report((*path, "images"), "the folder of images that the references are of")
            else:
                words = "path (one folder), or images with references (two)"
                self._report((*path, "path"), words, missing=True)
        elif has_path and self._stated(*path, "references"):
            words = "no references beside path; they go with images"
            self._report((*path, "references"), words, at_key=True)
        if (
            has_images
            and not self._stated(*path, "references")
            and self._text(*path, "use") == "validation"
        ):
            words = "the folder of references; a validation set is judged by them"
            self._report((*path, "references"), words, missing=True)

    def model(self) -> None:
        if self._stated("model", "onnx"):
            self._window()
            self._orientation()
            self._ordered(("model", "input", "scale_to"), "", "two numbers, the smaller first")
            self._output()
        command = self._get(("model", "command"))
        if isinstance(command, list) and command:
            text = " ".join(str(node.value) for node in command)
            for name in ("{input}", "{output}"):
                if name not in text and all(isinstance(n.value, str) for n in command):
                    self._report(("model", "command"), f"an argument with {name}, in quotes")

    def _window(self) -> None:
        where: Path = ("model", "input")
        if self._stated(*where) and not isinstance(self._get(where), dict):
            return
        hu, other = (*where, "window_hu"), (*where, "window")
        self._ordered(hu, "HU", "two HU, the lower first")
        self._ordered(other, "", "two image values, the lower first")
        has_hu, has_other = self._stated(*hu), self._stated(*other)
        if has_hu and has_other:
            self._report(other, "window_hu or window, not both", at_key=True)
        if has_hu and self._modality in ("MR", "OCT"):
            words = f"window, in image values; {self._modality} has no HU"
            self._report(hu, words, at_key=True, near="window")
        normalise = self._text(*where, "normalise")
        if self._has(*where, "normalise") and normalise != "window":
            return
        if not (has_hu or has_other or self._has(*hu) or self._has(*other)):
            name = "window_hu" if self._modality == "CT" else "window"
            words = f"{name}: [low, high], or normalise: zscore or none"
            self._report((*where, name), words, missing=True)

    def _orientation(self) -> None:
        text = self._text("model", "input", "orientation")
        if text is None or len(text) != 3 or set(text) - set("LRAPSI"):
            return
        if any(len(set(text) & set(side)) != 1 for side in _SIDES):
            words = "one of L and R, one of A and P, one of S and I, as LPS"
            self._report(("model", "input", "orientation"), words)

    def _output(self) -> None:
        where: Path = ("model", "output")
        activation, channels = (*where, "activation"), (*where, "channels")
        if self._text(*where, "holds") == "labels":
            if self._text(*activation) in ("softmax", "sigmoid"):
                words = "none: the output holds labels, which have no activation"
                self._report(activation, words, near="none")
            if self._stated(*channels):
                words = "no channels: the output holds labels"
                self._report(channels, words, at_key=True)
            return
        found = self._get(channels)
        if not isinstance(found, dict):
            return
        seen: dict[int, str] = {}
        for name, node in found.items():
            if self._labels is not None and name not in self._labels:
                words = f"a label of task.labels: {listed(self._labels)}"
                near = nearest(name, self._labels)
                self._report((*channels, name), words, at_key=True, near=near)
            if isinstance(node.value, int) and not isinstance(node.value, bool):
                if node.value in seen:
                    words = f"a channel of its own; {seen[node.value]} has {node.value} already"
                    self._report((*channels, name), words)
                seen.setdefault(node.value, name)

    def physics(self) -> None:
        found = self._get(("physics",))
        for name, node in found.items() if isinstance(found, dict) else ():
            path: Path = ("physics", name)
            family, _, rest = name.partition(".")
            valid = axes_of(self._modality or family) or list(AXES)
            if name not in valid:
                of = f" of {self._modality}" if self._modality else ""
                mine = f"{valid[0].partition('.')[0]}.{rest}"
                near = mine if mine in valid else nearest(name, valid)
                self._report(path, f"an axis{of}: {listed(valid)}", at_key=True, near=near)
            if name in AXES and isinstance(node.value, dict):
                self._range(path)

    def _range(self, path: Path) -> None:
        axis = AXES[str(path[-1])]
        ends: list[float] = []
        for key in ("from", "to"):
            node = self._root.at((*path, key))
            if node is None or node.unreadable:
                continue
            value = self._number((*path, key), axis.unit)
            if value is None:
                self._report((*path, key), expected(axis.unit))
                continue
            ends.append(value)
            if not axis.lowest <= value <= axis.highest or (axis.whole and value % 1):
                unit = f" {axis.unit}" if axis.unit else ""
                kind = "a whole number" if axis.whole else "a number"
                words = f"{kind}{' of' if unit else ''}{unit} from {axis.lowest:g}"
                words += f" to {axis.highest:g}" if axis.highest < float("inf") else " up"
                self._report((*path, key), words)
        if len(ends) == 2 and ends[0] == ends[1]:
            self._report((*path, "to"), "another condition than from, or nothing can be searched")

    # --- looking -----------------------------------------------------------------------------

    def _get(self, path: Path) -> Any:
        """The value at a path; None when it is not there or was reported already."""
        node = self._root.at(path)
        return None if node is None or node.unreadable else node.value

    def _text(self, *path: str | int) -> str | None:
        value = self._get(path)
        return value if isinstance(value, str) else None

    def _has(self, *path: str | int) -> bool:
        """Whether the key stands there, with whatever value."""
        return self._root.at(path) is not None

    def _stated(self, *path: str | int) -> bool:
        """Whether the key stands there with a value."""
        node = self._root.at(path)
        return node is not None and (node.value is not None or node.unreadable)

    def _number(self, path: Path, unit: str) -> float | None:
        try:
            return parse_quantity(self._get(path), unit)
        except NotAQuantity:
            return None

    def _declared_labels(self) -> Sequence[str] | None:
        """Names of the labels; None when they are stated and cannot be read."""
        if not self._stated("task", "labels"):
            return None if self._has("task", "labels") else ["lesion"]
        labels = self._get(("task", "labels"))
        return list(labels) if isinstance(labels, dict) and labels else None

    def _ordered(self, path: Path, unit: str, words: str, *, equal: bool = False) -> None:
        value = self._get(path)
        if not isinstance(value, list) or len(value) != 2:
            return
        low, high = (self._number((*path, i), unit) for i in (0, 1))
        if low is not None and high is not None and (low > high or (low == high and not equal)):
            self._report(path, words)

    def _report(
        self,
        path: Path,
        words: str,
        *,
        near: str | None = None,
        found: str | None = None,
        at_key: bool = False,
        missing: bool = False,
    ) -> None:
        """A problem at a node, at its key, or at the section that lacks it."""
        node, is_there = self._root.nearest_at(path)
        if found is None and is_there and not missing:
            found = str(path[-1]) if at_key else node.text or None
        line, column = node.line, node.column
        if at_key or found is None:
            line, column = node.key_line, node.key_column
        self.problems.append(Problem(self._file, line, column, key_text(path), found, words, near))
