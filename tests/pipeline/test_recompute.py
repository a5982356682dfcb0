"""Every number of a report computed again from a bundle; what was changed does not agree."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pipeline_builders import build_product

import limen
from limen.evidence import Store, digest_bytes
from limen.evidence.bundle import export_bundle, opened
from limen.pipeline.recompute import recompute
from limen.pipeline.remeasure import NoData


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recompute")
    product = build_product(folder / "product")
    (product / "data/val/images/case-4.nii.gz").write_bytes(b"no image")
    limen.run(product, workers=1)
    export_bundle(product / ".limen", folder / "b.zip")
    shutil.rmtree(product / ".limen")
    product.rename(folder / "data")
    return folder / "b.zip"


@pytest.fixture
def state(bundle: Path, tmp_path: Path) -> Path:
    with opened(bundle) as unpacked:
        return Path(shutil.copytree(unpacked, tmp_path / "bundle"))


@pytest.fixture
def data(bundle: Path, tmp_path: Path) -> Path:
    """The product's folder without its evidence, as a hospital would lend it."""
    return Path(shutil.copytree(bundle.parent / "data", tmp_path / "data"))


def forge(state: Path, kind: str, change) -> None:
    """A result replaced by another, with a digest that fits: what a forger without keys can do."""
    store = Store(state)
    old = [r for r in store.records() if r.kind == kind][-1]
    data = change(store.get(old.result))
    new = digest_bytes(data)
    (state / "objects" / new[:2]).mkdir(exist_ok=True)
    (state / "objects" / new[:2] / new).write_bytes(data)
    log = state / "records.jsonl"
    log.write_bytes(log.read_bytes().replace(old.result.encode(), new.encode()))
    for path in (state / "objects").rglob("*"):  # lists and contents that name it
        if path.is_file() and old.result.encode() in (held := path.read_bytes()):
            replaced = held.replace(old.result.encode(), new.encode())
            other = digest_bytes(replaced)
            (state / "objects" / other[:2]).mkdir(exist_ok=True)
            (state / "objects" / other[:2] / other).write_bytes(replaced)
            log.write_bytes(log.read_bytes().replace(path.name.encode(), other.encode()))


def test_a_stranger_gets_the_same_numbers_and_the_same_page(state: Path):
    found = recompute(state)
    assert (found.agrees, found.differ, found.notes, found.reports) == (True, [], [], 1)
    assert found.numbers > 100


def change(text: str, other: str):
    def changed(data: bytes) -> bytes:
        assert text.encode() in data
        return data.replace(text.encode(), other.encode(), 1)

    return changed


@pytest.mark.parametrize(
    ("kind", "how", "where"),
    [
        ("verdicts", change('"passed":false', '"passed":true'), "verdicts val"),
        ("summary", change('"n_cases":4', '"n_cases":5'), "n_cases: recorded 5, recomputed 4"),
        ("report", change("2 of 4 cases fail", "1 of 4 cases fail"), "the page that was kept"),
    ],
)
def test_a_number_that_does_not_follow_is_named(state: Path, kind: str, how, where: str):
    forge(state, kind, how)
    found = recompute(state)
    assert not found.agrees
    assert any(where in d for d in found.differ), found.differ


def test_a_measurement_that_was_changed_shows_in_what_follows_from_it(state: Path):
    def nothing_missed(data: bytes) -> bytes:
        value = json.loads(data)
        for lesion in value["lesions"]["reference"]:
            lesion["matched"] = None
        return json.dumps(value).encode()

    forge(state, "measurement", nothing_missed)
    assert not recompute(state).agrees


def test_a_ledger_without_a_report_agrees_with_nothing(tmp_path: Path):
    with Store(tmp_path).writing() as store:
        store.head()
    found = recompute(tmp_path)
    assert not found.agrees and found.notes


# --- from the predictions on, where the data is there ---------------------------------------------


def test_with_the_data_each_measurement_is_made_again(state: Path, data: Path):
    before = sorted(p.relative_to(data) for p in data.rglob("*"))
    found = recompute(state, data)
    assert (found.agrees, found.differ, found.measurements) == (True, [], 4)
    assert recompute(state).measurements is None
    assert sorted(p.relative_to(data) for p in data.rglob("*")) == before  # nothing is left there


def test_a_measurement_that_was_forged_with_all_that_follows_is_found_by_the_data(
    state: Path, data: Path
):
    """Consistent to the last number of the page, so that only the images tell."""

    def a_diameter(data: bytes) -> bytes:
        value = json.loads(data)
        value["lesions"]["reference"][0]["volume_ml"] += 1e-6
        return json.dumps(value).encode()

    forge(state, "measurement", a_diameter)
    found = recompute(state, data)
    assert any(d.startswith("measurement val/case-3.lesions.reference[0].volume_ml") for d in
               found.differ), found.differ  # fmt: skip


def test_a_prediction_that_was_exchanged_does_not_give_the_measurement(state: Path, data: Path):
    from limen.data import decode_nifti, encode_nifti

    def nothing_found(old: bytes) -> bytes:
        volume = decode_nifti(old)
        return encode_nifti(type(volume)(volume.values * 0, volume.geometry))

    forge(state, "prediction", nothing_found)
    found = recompute(state, data)
    assert any(d.startswith("measurement val/case-3") for d in found.differ)


@pytest.mark.parametrize("part", ["images", "references"])
def test_other_files_than_those_that_were_measured_are_none(state: Path, data: Path, part: str):
    folder = data / "data/val" / part
    shutil.copyfile(folder / "case-1.nii.gz", folder / "case-0.nii.gz")
    found = recompute(state, data)
    assert not found.agrees and found.measurements == 3
    assert found.differ[0].startswith("measurement val/case-0: no image and reference with the")


def test_files_may_be_called_otherwise(state: Path, data: Path):
    for part in ("images", "references"):
        folder = data / "data/val" / part
        for path in list(folder.iterdir()):
            path.rename(folder / path.name.replace("case", "study"))
    assert recompute(state, data).agrees


def test_a_folder_without_the_data_is_told(state: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoData, match="no case with a reference"):
        recompute(state, tmp_path / "empty")
