"""Seeded changes over all kinds of inputs of a product; the whole recomputed to compare with."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline_builders import build_product, write_case, write_threshold_model

import limen
from limen.evidence import Store
from limen.pipeline.graph import METHODS
from limen.pipeline.status import status

CASE_KINDS = ("case", "prediction", "measurement", "picture")
SITES = ("Bern", "Seoul", "Boston")


class Edited:
    """A product of ``n`` validation cases that is changed again and again."""

    def __init__(self, folder: Path, n: int, rng: random.Random) -> None:
        self.folder, self.n, self.rng = build_product(folder), n, rng
        self.rows = {f"case-{k}": [f"patient-{k}", SITES[k % 3]] for k in range(n)}
        for k in range(5, n):
            write_case(folder / "data/val", k, missed=k % 4 == 1)
        self.write_manifest()
        self.edit("limen.yaml", r"\Z", "regimes: [fda]\n")

    # --- helpers ---------------------------------------------------------------------------

    def edit(self, file: str, pattern: str, text: str) -> None:
        path = self.folder / file
        path.write_text(re.sub(pattern, lambda _: text, path.read_text(), count=1))

    def write_manifest(self) -> None:
        lines = ["case,patient,site,image,reference"]
        for case, (patient, site) in sorted(self.rows.items()):
            lines.append(f"{case},{patient},{site},images/{case}.nii.gz,references/{case}.nii.gz")
        (self.folder / "data/val/cases.csv").write_text("\n".join(lines) + "\n")

    def any_case(self) -> str:
        return self.rng.choice(sorted(self.rows))

    # --- one for each kind of input ----------------------------------------------------------

    def image(self) -> None:
        number = int(self.any_case().split("-")[1])
        seed = self.rng.randrange(1000, 9999)
        write_case(self.folder / "tmp", seed, missed=self.rng.random() < 0.3)
        image = self.folder / f"tmp/images/case-{seed}.nii.gz"
        image.replace(self.folder / f"data/val/images/case-{number}.nii.gz")
        shutil.rmtree(self.folder / "tmp")

    def reference(self) -> None:
        case, other = self.any_case(), self.any_case()
        there = self.folder / "data/val/references"
        shutil.copyfile(there / f"{other}.nii.gz", there / f"{case}.part")
        (there / f"{case}.part").replace(there / f"{case}.nii.gz")

    def development_image(self) -> None:
        write_case(self.folder / "data/dev", 20, missed=self.rng.random() < 0.5)
        write_case(self.folder / "data/dev", 21, extra_mark=self.rng.randrange(3))

    def case_added(self) -> None:
        number = 100 + len(list((self.folder / "data/val/images").iterdir()))
        write_case(self.folder / "data/val", number)
        self.rows[f"case-{number}"] = [f"patient-{number}", self.rng.choice(SITES)]
        self.write_manifest()

    def case_removed(self) -> None:
        if len(self.rows) > 3:
            del self.rows[self.any_case()]
        self.write_manifest()

    def attribute(self) -> None:
        self.rows[self.any_case()][1] = self.rng.choice(SITES)
        self.write_manifest()

    def patient(self) -> None:
        self.rows[self.any_case()][0] = f"patient-{self.rng.randrange(self.n)}"
        self.write_manifest()

    def weights(self) -> None:
        level = self.rng.uniform(0.2, 0.9)
        write_threshold_model(self.folder / "model/threshold.onnx", level)

    def preprocessing(self) -> None:
        high = self.rng.randrange(200, 900)
        self.edit("limen.yaml", r"window_hu: \[.*?\]", f"window_hu: [-1000, {high}]")

    def threshold(self) -> None:
        self.edit(
            "limen.yaml", r"threshold: [\d.]+", f"threshold: {self.rng.uniform(0.1, 0.9):.4f}"
        )

    def criterion(self) -> None:
        self.edit("limen.yaml", r"false_marks, at_most: \d",
                  f"false_marks, at_most: {self.rng.randrange(4)}")  # fmt: skip

    def criterion_added(self) -> None:
        more = f"  - {{measure: dice, at_least: 0.{self.rng.randrange(10, 90)}}}\nrisk:"
        self.edit("limen.yaml", r"(  - \{measure: dice.*\n)?risk:", more)

    def risk(self) -> None:
        self.edit("limen.yaml", r"failure_rate: \d+", f"failure_rate: {self.rng.randrange(5, 40)}")

    def task(self) -> None:
        more = f", ignore_labels: [{self.rng.randrange(5, 99)}]}}\ncriteria"
        self.edit("limen.yaml", r"(, ignore_labels: \[\d+\])?\}\ncriteria", more)

    def approval(self) -> None:
        (self.folder / "approvals/a.yaml").write_text(
            f"kind: phantom\nnote: note {self.rng.randrange(10**6)}\n"
        )

    def label_text(self) -> None:
        text = f"statement: Marks bright balls, wording {self.rng.randrange(10**6)}, for tests."
        self.edit("limen.yaml", r"statement: .*", text)

    def regimes(self) -> None:
        some = self.rng.choice(["[fda]", "[mdr]", "[fda, mdr]", "[mfds]", "[fda, mfds]"])
        self.edit("limen.yaml", r"regimes: .*", f"regimes: {some}")

    def lineage(self) -> None:
        name = f"pretrained-{self.rng.randrange(10**6)}"
        text = f"lineage: [{{name: {name}, kind: weights}}]\n"
        self.edit("limen.yaml", r"(lineage: .*\n)?\Z", text)

    def method(self) -> None:
        kind = self.rng.choice([*CASE_KINDS, "verdicts", "summary", "leakage", "report"])
        METHODS[kind] = f"{METHODS[kind].partition('/')[0]}/{self.rng.randrange(100, 10**6)}"

    def nothing(self) -> None:
        path = self.folder / f"data/val/images/{self.any_case()}.nii.gz"
        path.write_bytes(path.read_bytes())


EDITS: tuple[Callable[[Edited], None], ...] = (
    Edited.image, Edited.reference, Edited.development_image, Edited.case_added,
    Edited.case_removed, Edited.attribute, Edited.patient, Edited.weights, Edited.preprocessing,
    Edited.threshold, Edited.criterion, Edited.criterion_added, Edited.risk, Edited.task,
    Edited.approval, Edited.label_text, Edited.regimes, Edited.lineage, Edited.method,
    Edited.nothing,
)  # fmt: skip


def results(folder: Path) -> dict[tuple[str, str], str]:
    """By kind and subject: what the product has, of its report without times and uses."""
    found = {}
    product = limen.load(folder)
    for item in status(product).items:
        assert item.is_current, f"{item.kind} {item.subject} is {item.state}"
        assert item.record is not None
        digest = item.record.result
        if item.kind == "report":
            page = product.store.get(digest).decode()
            digest = re.sub(r"\d\d:\d\d:\d\d|Used .*?accepted\.", "", page)
        found[item.kind, item.subject] = digest
    return found


def run_again(folder: Path) -> tuple[int, int]:
    """Bring the product up to date; returns how much was computed, and how much there is."""
    known = {r.key for r in Store(folder / ".limen").records()}
    limen.run(limen.load(folder), workers=1)
    items = status(limen.load(folder)).items
    made = {r.key for r in Store(folder / ".limen").records() if r.kind in METHODS} - known
    made = {k for k in made if k[0] != "report-content"}
    return len(made), len(items)


def from_nothing(folder: Path, elsewhere: Path) -> dict[tuple[str, str], str]:
    """The same product evaluated with no evidence at all but the salt of its pseudonyms."""
    shutil.copytree(folder, elsewhere, ignore=shutil.ignore_patterns(".limen", "report"))
    (elsewhere / ".limen").mkdir()
    shutil.copyfile(folder / ".limen/salt", elsewhere / ".limen/salt")
    limen.run(limen.load(elsewhere), workers=1)
    found = results(elsewhere)
    shutil.rmtree(elsewhere)
    return found
