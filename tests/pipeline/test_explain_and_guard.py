"""From a certified boundary to its explanation, its guard and its page, and their verbs."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipeline_builders import YAML, write_threshold_model

import limen
from limen.boundary import Boundary, Certificate, Guard, GuardError, Margin, SearchAxis, Step
from limen.boundary import Path as Sequence
from limen.boundary.explain_modes import FailureMode
from limen.cli import main
from limen.data import Geometry, Volume, write_nifti
from limen.evidence import Record, digest_json
from limen.pipeline.certify import boundary_items
from limen.pipeline.errors import NotMadeYet
from limen.pipeline.explain import explain
from limen.pipeline.given import take_readings
from limen.pipeline.graph import METHODS, CaseGraph, current_items
from limen.pipeline.guard import calibrate_guard
from limen.pipeline.lineage import product_lineage
from limen.pipeline.status import status
from limen.pipeline.stress import FULL, ground_of

PATIENTS = 14
SHAPE, AFFINE = (64, 56, 10), np.diag([4.0, 4.0, 5.0, 1.0])
DOSE = SearchAxis("ct.dose", "", 1.0, 0.05, 0.1, "log")


def write_body(folder: Path, number: int, missed: bool = False) -> None:
    """A body with a lung on either side, and a bright ball in one of them."""
    rng = np.random.default_rng(number)
    x, y, z = np.ogrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j, -1 : 1 : SHAPE[2] * 1j]
    size = 1 + 0.04 * rng.standard_normal()

    def inside(at: tuple[float, float], r: tuple[float, float]) -> np.ndarray:
        return ((x - at[0]) / r[0] / size) ** 2 + ((y - at[1]) / r[1] / size) ** 2 + 0 * z < 1

    hu = np.where(inside((0, 0), (0.8, 0.75)), 40.0, -1000.0)
    hu[inside((-0.4, 0), (0.25, 0.45))] = -850
    hu[inside((0.4, -0.05), (0.22, 0.35))] = -850
    hu[inside((0, 0.5), (0.1, 0.12))] = 320
    ball = ((x + 0.4) * 32) ** 2 + (y * 28) ** 2 + (z * 6) ** 2 < 9
    hu[ball] = -500 if missed else 900
    hu += 8 * rng.standard_normal(SHAPE)
    geometry = Geometry(AFFINE, SHAPE)
    name = f"case-{number:02d}.nii.gz"
    write_nifti(Volume(np.round(hu).astype(np.int16), geometry), folder / "images" / name)
    write_nifti(Volume(ball.astype(np.uint8), geometry), folder / "references" / name)


def by_hand(certified: bool = True) -> Boundary:
    nominal = Step({}, 8, 0, 0.03, 0.05, certified)
    step = Step({"ct.dose": 0.4}, 8, 0, 0.03, 0.05, True)
    answer = "certified" if certified else "not certified"
    paths = (Sequence("ct.dose", (step,)),) if certified else ()
    certificate = Certificate(
        "phantom", ("val",), {}, answer, 0.2, 0.9, 8, 8, nominal, paths,  # type: ignore[arg-type]
    )  # fmt: skip
    margin = Margin("val/case-00", "P", "phantom", "ct.dose", "flips", 0.4, 0.35, 5)
    return Boundary((DOSE,), {"val": 5}, {"val": 8}, (margin,), (), (certificate,))


def put(folder: Path, boundary: Boundary, effort: dict[str, Any] | None = None) -> None:
    """A boundary that holds, of a search without margins."""
    product = limen.load(folder)
    graph = CaseGraph(product)
    chains = current_items(product, graph)
    _, _, inputs = ground_of(product, graph, FULL, chains)
    if effort is not None:
        inputs["effort"] = digest_json(effort)
    search = {"effort": effort or asdict(FULL), "margins": [], "frontiers": [], "notes": []}
    with product.store.writing():
        for kind, value in (("stress", search), ("boundary", boundary.as_dict())):
            kept = product.store.put_json(value)
            product.store.add(
                Record(kind, "small", METHODS[kind], inputs, kept,
                       made_utc="2026-01-01T00:00:00+00:00")
            )  # fmt: skip
            if effort is None:
                items, _ = boundary_items(product, graph, chains)
                inputs = dict(items[-1].inputs or {})


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained") / "product"
    for number in range(PATIENTS):
        write_body(folder / "data/val", number, missed=number == 5)
    rows = [
        f"case-{n:02d},P{n:02d},images/case-{n:02d}.nii.gz,references/case-{n:02d}.nii.gz,CT,"
        f"{40 + n},200000"
        for n in range(PATIENTS)
    ]
    head = "case,patient,image,reference,modality,age_years,photons_per_ray"
    (folder / "data/val/cases.csv").write_text("\n".join([head, *rows]) + "\n")
    write_body(folder / "data/dev", 90)
    write_threshold_model(folder / "model/threshold.onnx", 0.99)
    (folder / "approvals").mkdir()
    (folder / "approvals/a.yaml").write_text("kind: phantom\nnote: bodies by hand\n")
    axes = "physics:\n  ct.dose: {from: 1.0, to: 0.05}\n  ct.views: {from: 96, to: 48}\n"
    (folder / "limen.yaml").write_text(YAML + axes)
    limen.load(folder).evaluate(workers=1)
    return folder


@pytest.fixture(scope="module")
def explained(evaluated: Path) -> Path:
    put(evaluated, by_hand())
    explain(limen.load(evaluated), patients=PATIENTS, workers=1)
    return evaluated


def test_a_guard_needs_a_boundary(evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(evaluated, tmp_path / "copy", ignore=shutil.ignore_patterns(".limen"))
    with pytest.raises(NotMadeYet, match="no boundary yet"):
        calibrate_guard(limen.load(tmp_path / "copy"), workers=1)


def test_explains_guards_and_writes_the_page_once(explained: Path) -> None:
    product = limen.load(explained)
    before = len(list(product.store.records()))
    found = explain(product, patients=PATIENTS, workers=1)
    assert len(list(product.store.records())) == before
    assert [f.case for f in found.explanation.fragile] == ["val/case-00"]
    assert [c.lesion for c in found.explanation.lesions] == ["case-05, lesion 1"]
    assert found.explanation.headroom.patients == PATIENTS
    assert found.guard.parts.patients == PATIENTS
    assert found.guard.rates["as_acquired_refused"]["patients"] == PATIENTS
    assert "down to 0.4" in found.page.read_text()
    assert Guard.load(explained) == found.guard == limen.Guard.load(explained / "boundary")


def test_a_failure_mode_is_shown_with_its_cases_and_their_pictures(
    explained: Path, tmp_path: Path
) -> None:
    """Of so few patients none is found, so two are put into the explanation that is kept."""
    folder = Path(shutil.copytree(explained, tmp_path / "product"))
    product = limen.load(folder)
    kept = product.store.latest("explanation", "small")
    assert kept is not None
    planted = product.store.get_json(kept.result)
    for words, failing in (
        ("site = B", ["case-05, lesion 1", "case-99, lesion 1"]),
        ("age_years < 50", ["val/case-05"]),
    ):
        mode = FailureMode((words,), 9, 1, 9, 0.1, 0.0, 0.5, 0.0, 0.01, 3, tuple(failing))
        planted["modes"].append(mode.as_dict())
    with product.store.writing():
        result = product.store.put_json(planted)
        product.store.add(Record("explanation", "small", kept.method, dict(kept.inputs), result))
    pictured = product.store.latest("picture", "val/case-05")
    assert pictured is not None
    close_up = product.store.get_json(pictured.result)[0]
    assert close_up["kind"] == "missed"

    def annex() -> list[str]:
        page = explain(limen.load(folder), patients=PATIENTS, workers=1).page.read_text()
        return page.split('<div class="annex">')[1].split("<section")[1:]

    by_lesion, by_case = annex()
    size = close_up["title"].removeprefix("Missed ball, ")
    assert f"case-05, lesion 1 ({size});" in by_lesion and "case-99, lesion 1." in by_lesion
    assert by_lesion.count(close_up["jpeg_base64"]) == by_case.count(close_up["jpeg_base64"]) == 1
    assert by_lesion.count("no picture") == 1
    told = json.loads((folder / "boundary/boundary.json").read_text())
    assert told["explanation"]["modes"] == planted["modes"]
    kept_at = folder / ".limen/objects" / pictured.result[:2] / pictured.result
    kept_at.rename(folder / "away")
    assert all("<image" not in part for part in annex())
    (folder / "away").rename(kept_at)
    # a picture of another measurement may show another lesion
    with product.store.writing():
        stale = {**pictured.inputs, "measurement": "0" * 64}
        product.store.add(Record("picture", "val/case-05", pictured.method, stale, pictured.result))
    assert all("<image" not in part for part in annex())


def test_another_boundary_makes_another_guard_of_the_same_images(
    explained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "product"
    shutil.copytree(explained, folder)
    put(folder, by_hand(certified=False))
    product = limen.load(folder)
    found = explain(product, patients=PATIENTS, workers=1)
    assert not found.guard.certified
    image = folder / "data/val/images/case-01.nii.gz"
    answer = Guard.load(folder)(image, {"modality": "CT"})
    assert answer.answer == "outside" and "nothing is certified" in answer.reasons[0]


def test_too_few_patients_calibrate_no_guard(explained: Path) -> None:
    with pytest.raises(GuardError, match="too few patients"):
        calibrate_guard(limen.load(explained), patients=5, workers=1)


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["limen", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    code = stopped.value.code
    return int(code or 0), capsys.readouterr().out


def test_the_verbs_exit_status_is_the_answer(
    explained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    images = sorted((explained / "data/val/images").iterdir())
    inside = next(i for i in images if Guard.load(explained)(i).answer == "inside")
    noise = tmp_path / "noise.nii.gz"
    values = np.random.default_rng(0).normal(0, 300, SHAPE).astype(np.int16)
    write_nifti(Volume(values, Geometry(AFFINE, SHAPE)), noise)
    code, said = run(capsys, monkeypatch, "guard", str(explained), str(inside))
    assert code == 0 and said.startswith("image 1: inside") and "ct.dose reads as" in said
    code, said = run(
        capsys, monkeypatch, "guard", str(explained), str(inside), str(noise), "--json"
    )
    told = json.loads(said)["images"]
    assert code == 1 and [t["answer"] for t in told] == ["inside", "outside"]
    assert "noise" not in json.dumps([t["image"] for t in told])
    code, _ = run(capsys, monkeypatch, "guard", str(explained), str(tmp_path / "absent.nii.gz"))
    assert code == 2
    # one that cannot be read takes nothing from the answers on the others
    absent = str(tmp_path / "absent.nii.gz")
    code, said = run(capsys, monkeypatch, "guard", str(explained), absent, str(inside))
    assert code == 2 and "image 1: not judged" in said and "image 2: inside" in said
    code, said = run(capsys, monkeypatch, "guard", str(explained), absent, str(noise), "--json")
    told = json.loads(said)["images"]
    assert code == 2 and [t["answer"] for t in told] == [None, "outside"]
    assert told[0]["unreadable"]["mend"] and "absent" not in said
    code, said = run(capsys, monkeypatch, "explain", str(explained), "--quick", "--json")
    assert code == 0 and json.loads(said)["certified"] is True


def test_an_altered_release_is_not_loaded(explained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    shutil.copytree(explained / "boundary", folder)
    path = folder / "boundary.json"
    path.write_text(path.read_text().replace('"limit":0.4', '"limit":0.05'))
    with pytest.raises(GuardError, match="not what was released"):
        Guard.load(folder)


def test_a_release_carries_its_guard_and_no_other_boundarys(
    explained: Path, tmp_path: Path
) -> None:
    from limen.pipeline.freeze import NotFresh, boundary_files, boundary_record

    folder = tmp_path / "product"
    shutil.copytree(explained, folder)
    product = limen.load(folder)
    record = boundary_record(product)
    assert record is not None
    names = {"boundary/boundary.json", "boundary/boundary.html", "boundary/digests.json"}
    assert set(boundary_files(product, record)) == names
    put(folder, by_hand(certified=False))
    product = limen.load(folder)
    record = boundary_record(product)
    assert record is not None
    with pytest.raises(NotFresh, match="another boundary"):
        boundary_files(product, record)


# --- status ---------------------------------------------------------------------------------------

BEYOND = ("stress", "boundary", "seen", "guard", "explanation")


@pytest.fixture
def copy(explained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(explained, tmp_path / "copy"))


def stale(folder: Path) -> dict[str, set[str]]:
    """By cause: kinds that it makes stale, of search, boundary and what is made of it."""
    found = status(limen.load(folder))
    kinds = {
        cause: {i.kind for i in items} & set(BEYOND) for cause, items in found.causes().items()
    }
    return {cause: of for cause, of in kinds.items() if of}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_status_shows_guard_and_explanation_fresh(explained: Path) -> None:
    counts = status(limen.load(explained)).counts()
    assert [counts[k] for k in BEYOND] == [
        {"fresh": 1}, {"fresh": 1}, {"fresh": PATIENTS}, {"fresh": 1}, {"fresh": 1}
    ]  # fmt: skip


@pytest.fixture
def bare(evaluated: Path, tmp_path: Path) -> Path:
    """The same, evaluated and nothing more."""
    folder = tmp_path / "bare"
    shutil.copytree(evaluated, folder, ignore=shutil.ignore_patterns(".limen"))
    limen.load(folder).evaluate(workers=1)
    return folder


def test_before_anything_is_explained_it_is_missing(bare: Path) -> None:
    put(bare, by_hand())
    counts = status(limen.load(bare)).counts()
    assert counts["guard"] == counts["explanation"] == {"missing": 1}
    assert counts["seen"] == {"missing": PATIENTS}


def test_a_change_makes_stale_what_follows_from_it_and_is_named(copy: Path) -> None:
    edit(copy / "limen.yaml", "age_years: [18, 90]", "age_years: [18, 80]")
    assert stale(copy) == {"intended use": {"guard", "explanation"}}
    edit(copy / "limen.yaml", "age_years: [18, 80]", "age_years: [18, 90]")
    assert stale(copy) == {}
    write_body(copy / "data/dev", 90, missed=True)
    assert stale(copy) == {"training patients": {"explanation"}}


@pytest.mark.parametrize(
    ("file", "old", "new", "cause"),
    [
        ("limen.yaml", "false_marks, at_most: 1", "false_marks, at_most: 2", "criteria"),
        ("data/val/cases.csv", ",CT,44,", ",CT,45,", "case attributes"),
        ("limen.yaml", "from: 96, to: 48", "from: 96, to: 40", "physics"),
    ],
)
def test_a_changed_input_reaches_guard_and_explanation(
    copy: Path, file: str, old: str, new: str, cause: str
) -> None:
    edit(copy / file, old, new)
    assert stale(copy)[cause]
    states = {i.kind: i for i in status(limen.load(copy)).items if i.kind in BEYOND}
    assert not states["guard"].is_current and not states["explanation"].is_current
    assert states["explanation"].because and states["guard"].because


def test_another_boundary_of_the_same_search_is_named_as_the_cause(copy: Path) -> None:
    put(copy, by_hand(certified=False))
    assert stale(copy) == {"boundary": {"guard", "explanation"}}


def test_a_search_kept_by_an_older_limen_is_stale_not_an_error(bare: Path) -> None:
    effort = asdict(FULL)
    del effort["selective"]
    put(bare, by_hand(), effort)
    found = {i.kind: i for i in status(limen.load(bare)).items if i.kind in BEYOND}
    assert found["stress"].state == "stale" and "effort" in found["stress"].because
    assert found["boundary"].because == ("stress",)


@pytest.mark.parametrize("kind", ["boundary", "guard", "explanation"])
def test_a_result_in_an_older_form_is_made_again(copy: Path, kind: str) -> None:
    product = limen.load(copy)
    item = next(i for i in status(product).items if i.kind == kind)
    assert item.inputs is not None
    with product.store.writing():
        kept = product.store.put_json({"form": "of an older Limen"})
        product.store.add(Record(kind, "small", METHODS[kind], dict(item.inputs), kept))
    assert "older Limen" in next(cause for cause, of in stale(copy).items() if kind in of)
    if kind == "boundary":
        with pytest.raises(NotMadeYet, match="older Limen"):
            explain(limen.load(copy), workers=1)


def test_too_few_patients_for_a_guard_is_an_answer_and_not_stale(copy: Path) -> None:
    with pytest.raises(GuardError, match="too few patients"):
        explain(limen.load(copy), patients=5, workers=1)
    found = {i.kind: i.state.value for i in status(limen.load(copy)).items if i.kind in BEYOND}
    assert found == {"stress": "fresh", "boundary": "fresh", "seen": "fresh",
                     "guard": "refused", "explanation": "fresh"}  # fmt: skip
    before = len(list(limen.load(copy).store.history()))
    with pytest.raises(GuardError, match="too few patients"):
        explain(limen.load(copy), patients=5, workers=1)
    assert len(list(limen.load(copy).store.history())) == before


# --- what is given besides ------------------------------------------------------------------------


def test_a_second_reading_is_kept_and_explains(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    readings = tmp_path / "reader"
    readings.mkdir()
    shutil.copy(copy / "data/val/references/case-05.nii.gz", readings)
    take_readings(limen.load(copy), readings)
    assert stale(copy) == {"second reading": {"explanation"}}
    shutil.rmtree(readings)
    found = explain(limen.load(copy), patients=PATIENTS, workers=1).explanation
    assert stale(copy) == {}
    assert "a second reader confirms it" in found.lesions[0].because
    assert found.headroom.readers_fail == 0
    code, _ = run(capsys, monkeypatch, "explain", str(copy), "--second-reading", str(readings))
    assert code == 2 and stale(copy) == {}
    code, _ = run(capsys, monkeypatch, "explain", str(copy), "--curve", "twenty=here")
    assert code == 2
    code, said = run(
        capsys, monkeypatch, "explain", str(copy), "--quick", "--second-reading", "none", "--json"
    )
    assert code == 0
    assert json.loads(said)["explanation"]["headroom"]["readers_fail"] is None


def test_training_patients_are_asked_and_compared(explained: Path) -> None:
    """A trial of a development case is evidence of its own, and the explanation derives from it."""
    product = limen.load(explained)
    trials = [r for r in product.store.records() if r.kind == "trial"]
    assert [r.subject for r in trials] == ["dev/case-90 at nominal"]
    lineage = product_lineage(product).lineage
    behind, _ = lineage.ancestors(lineage.number("explanation small"))
    assert lineage.number("trial dev/case-90 at nominal") in behind
