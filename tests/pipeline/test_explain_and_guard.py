"""From a certified boundary to its explanation, its guard and its page, and their verbs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pipeline_builders import YAML, write_threshold_model

import limen
from limen.boundary import Boundary, Certificate, Guard, GuardError, Margin, SearchAxis, Step
from limen.boundary import Path as Sequence
from limen.cli import main
from limen.data import Geometry, Volume, write_nifti
from limen.evidence import Record
from limen.pipeline.errors import NotMadeYet
from limen.pipeline.explain import explain
from limen.pipeline.graph import METHODS
from limen.pipeline.guard import calibrate_guard

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


def put(folder: Path, boundary: Boundary) -> None:
    product = limen.load(folder)
    with product.store.writing():
        kept = product.store.put_json(boundary.as_dict())
        product.store.add(
            Record("boundary", "small", METHODS["boundary"], {"made": kept}, kept,
                   made_utc="2026-01-01T00:00:00+00:00")
        )  # fmt: skip


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
