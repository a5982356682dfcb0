"""Second readings and learning curves against readers and models whose answers are known."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pipeline_builders import AFFINE, build_product

import limen
from limen.data import DataError, Geometry, Volume, write_nifti
from limen.errors import LimenError
from limen.pipeline.errors import UnknownCase
from limen.pipeline.given import (
    BadCurve,
    BadReadings,
    Given,
    given_of,
    judge_curve,
    judge_readings,
    take_curve,
    take_readings,
)
from limen.pipeline.graph import CaseGraph
from limen.pipeline.product import Product
from limen.pipeline.trials import Subject, subjects_of

CASES = range(5)  # case-1 has a ball that the model misses, case-3 two marks too many


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build_product(tmp_path_factory.mktemp("given") / "product")
    limen.load(folder).evaluate(workers=1)
    return folder


@pytest.fixture
def product(made: Path, tmp_path: Path) -> Product:
    return limen.load(shutil.copytree(made, tmp_path / "product"))


def masks(
    product: Product, folder: Path, numbers: Sequence[int] = CASES, empty: Sequence[int] = ()
) -> Path:
    """The references of these cases under their names; empty ones for those who see nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in numbers:
        path = product.folder / f"data/val/references/case-{n}.nii.gz"
        if n in empty:
            there = nib.load(path)
            nothing = np.zeros(there.shape, np.uint8)
            nib.save(nib.Nifti1Image(nothing, there.affine), folder / path.name)
        else:
            shutil.copyfile(path, folder / path.name)
    return folder


def known(product: Product) -> tuple[Given, dict[str, Subject]]:
    fresh = limen.load(product.folder)
    subjects = subjects_of(fresh, CaseGraph(fresh))
    return given_of(fresh, subjects), subjects


def nothing_kept(product: Product) -> bool:
    return not {r.kind for r in limen.load(product.folder).store.history()} & {
        "second-reading", "learning-curve"
    }  # fmt: skip


# --- second readings ------------------------------------------------------------------------------


def test_a_reader_who_sees_no_ball_contradicts_the_reference_where_the_model_sees_none(
    product: Product, tmp_path: Path
) -> None:
    folder = masks(product, tmp_path / "reader", (0, 1, 3), empty=(1,))
    assert take_readings(product, folder) == 3
    shutil.rmtree(folder)  # it is kept
    found = judge_readings(product, *known(product), workers=1)
    assert found.contradicted == {"val/case-1": True, "val/case-3": False}
    assert found.unmarked == {"val/case-0": set(), "val/case-1": {1}, "val/case-3": set()}
    assert found.readers_fail == pytest.approx(1 / 3)


def test_a_reading_of_another_image_does_not_count(product: Product, tmp_path: Path) -> None:
    take_readings(product, masks(product, tmp_path / "reader", (0, 1)))
    images = product.folder / "data/val/images"
    shutil.copyfile(images / "case-2.nii.gz", images / "case-1.nii.gz")
    given, _ = known(product)
    assert [row["case"] for row in given.readings] == ["val/case-0"]


def test_giving_anew_replaces_and_none_takes_back(product: Product, tmp_path: Path) -> None:
    take_readings(product, masks(product, tmp_path / "a", (0, 1)))
    first = known(product)[0].inputs()
    take_readings(product, masks(product, tmp_path / "b", (3,)))
    assert [row["case"] for row in known(product)[0].readings] == ["val/case-3"]
    take_readings(product, tmp_path / "a")
    assert known(product)[0].inputs() == first
    take_readings(product, None)
    assert known(product)[0].readings == ()


def test_masks_that_do_not_fit_are_refused_and_none_is_kept(
    product: Product, tmp_path: Path
) -> None:
    refused: list[tuple[Path, type[LimenError], str]] = []
    stranger = masks(product, tmp_path / "stranger", (0,))
    shutil.copyfile(stranger / "case-0.nii.gz", stranger / "case-77.nii.gz")
    refused.append((stranger, UnknownCase, "1 of 2 masks belong to no validation case"))
    other = masks(product, tmp_path / "other", (0, 1))
    grid = Geometry(AFFINE, (5, 5, 5))
    write_nifti(Volume(np.zeros((5, 5, 5), np.uint8), grid), other / "case-1.nii.gz")
    refused.append((other, DataError, "case-1"))
    (tmp_path / "empty").mkdir()
    refused.append((tmp_path / "empty", BadReadings, "no mask in this folder"))
    refused.append((tmp_path / "absent", BadReadings, "no such folder"))
    twice = masks(product, tmp_path / "twice", (0,))
    shutil.copyfile(twice / "case-0.nii.gz", twice / "case-0_seg.nii.gz")
    refused.append((twice, LimenError, "case-0|no validation case"))
    for folder, error, words in refused:
        with pytest.raises(error, match=words):
            take_readings(product, folder)
    assert nothing_kept(product)


# --- learning curves ------------------------------------------------------------------------------


def test_a_curve_is_judged_by_the_criteria(product: Product, tmp_path: Path) -> None:
    blind = masks(product, tmp_path / "blind", empty=CASES)
    half = masks(product, tmp_path / "half", empty=(0, 4))
    perfect = masks(product, tmp_path / "perfect")
    assert take_curve(product, [(40, perfect), (10, blind), (20, half)]) == (10, 20, 40)
    curve = judge_curve(product, *known(product), workers=1)
    assert curve is not None
    assert curve.sizes == (10, 20, 40)
    assert curve.rates == (1.0, 0.4, 0.0)
    # patients in one order at every size: who fails with 20 fails with 10 too
    assert all(a or not b for a, b in zip(curve.failed[0], curve.failed[1], strict=True))


def test_a_case_whose_image_changed_leaves_every_size(product: Product, tmp_path: Path) -> None:
    folder = masks(product, tmp_path / "all")
    take_curve(product, [(10, folder), (20, folder)])
    images = product.folder / "data/val/images"
    shutil.copyfile(images / "case-2.nii.gz", images / "case-4.nii.gz")
    limen.load(product.folder).evaluate(workers=1)
    curve = judge_curve(limen.load(product.folder), *known(product), workers=1)
    assert curve is not None and curve.patients == 4


def test_what_makes_no_curve_is_refused_and_none_is_kept(product: Product, tmp_path: Path) -> None:
    every = masks(product, tmp_path / "all")
    some = masks(product, tmp_path / "some", (0, 1, 2, 3))
    for folders, words in (
        ([(10, every)], "one size shows no course"),
        ([(10, every), (10, some)], "the same number of training patients"),
        ([(0, every), (10, every)], "one patient or more"),
        ([(10, every), (20, some)], "20 training patients.*none of 1 cases: val/case-4"),
        ([(10, every), (20, tmp_path / "absent")], "no such folder"),
    ):
        with pytest.raises(BadCurve, match=words):
            take_curve(product, folders)
    assert nothing_kept(product)
