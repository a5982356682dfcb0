"""Hard input to every public measure: a typed error or a number, never a NaN or a traceback."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest

import limen.measures as measures
from limen.errors import LimenError

VOXEL = np.zeros((6, 6, 4))
VOXEL[0, 0, 0] = 1
MAPS = {
    "empty": VOXEL * 0,
    "one voxel at the corner": VOXEL,
    "full": VOXEL * 0 + 1,
    "NaN": VOXEL * np.nan,
    "fractions": VOXEL * 0.5,
    "negative": -VOXEL,
    "bool": VOXEL > 0,
    "int64": VOXEL.astype(np.int64),
    "float16": VOXEL.astype(np.float16),
    "big-endian": VOXEL.astype(">i2"),
    "not contiguous": np.ones((12, 12, 8))[::2, ::2, ::2],
    "reversed": VOXEL[::-1],
    "too large a label": VOXEL * 70_000,
    "no voxels": np.zeros((0, 4, 4)),
    "two axes": np.zeros((5, 5)),
    "four axes": np.zeros((2, 2, 2, 2)),
    "text": np.array([[["a"]]]),
    "complex": VOXEL * 1j,
    "objects": np.array([[[None]]]),
}
N = 30
SCORES = {
    "fine": np.linspace(0, 1, N),
    "NaN": np.full(N, np.nan),
    "infinite": np.full(N, np.inf),
    "all tied": np.full(N, 0.5),
    "zeros": np.zeros(N),
    "outside 0 to 1": np.linspace(-1, 2, N),
    "none": np.zeros(0),
    "one": np.array([0.3]),
    "text": ["a"] * N,
    "two axes": np.zeros((5, 6)),
    "missing": None,
}
TRUTHS = {
    "mixed": np.arange(N) % 2 > 0,
    "all positive": np.ones(N, bool),
    "all negative": np.zeros(N, bool),
    "fractions": np.full(N, 0.5),
    "NaN": np.full(N, np.nan),
    "too few": np.ones(5, bool),
}
PATIENTS = {
    "each": range(N),
    "a single one": ["p"] * N,
    "missing": None,
    "unnamed": [None] * N,
    "too few": range(3),
}


def plain(value):
    """All numbers in an answer."""
    if isinstance(value, dict):
        for v in value.values():
            yield from plain(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from plain(v)
    elif hasattr(value, "as_dict"):
        yield from plain(value.as_dict())
    elif hasattr(value, "low"):
        yield from (value.low, value.high)
    elif isinstance(value, (float, np.floating)):
        yield float(value)


def said_or_refused(work):
    """Whether there is an answer; it holds no NaN, and there is no other error than a typed one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            answer = work()
        except LimenError as error:
            assert error.what
            return False
    assert not [x for x in plain(answer) if x != x]
    return True


@pytest.mark.parametrize("one", MAPS)
@pytest.mark.parametrize("other", ["one voxel at the corner", "full", "empty", "two axes"])
def test_two_maps(one, other):
    p, r = MAPS[one], MAPS[other]
    spacing = (1.0, 2.0, 3.0)[: 2 if np.ndim(p) == 2 else 3]
    given = {"spacing_mm": spacing, "labels": [1]}
    wide = given | {"nsd_tolerance_mm": 1, "boundary_width_mm": 1}
    for convention in ("limen", "monai", "medpy", "surface-distance"):
        work = partial(measures.segmentation, p, r, **wide, convention=convention)
        said_or_refused(work)
    said_or_refused(lambda: measures.detection(p, r, **given))
    said_or_refused(lambda: measures.reader_agreement([p, r], **given))


@pytest.mark.parametrize("name", MAPS)
def test_one_map(name):
    m = MAPS[name]
    for work in (
        lambda: measures.find_lesions(m, np.eye(4)),
        lambda: measures.cldice(m, m),
        lambda: measures.hd95_mm(m, m, np.eye(4)),
        lambda: measures.relative_volume_error(m, m),
        lambda: measures.centroid_mm(m, np.eye(4)),
        lambda: measures.pointing_game(m, m),
        lambda: measures.consensus([m, m]),
        lambda: measures.staple([m, m]),
        lambda: measures.reconstruction(m, m, data_range=1.0),
    ):
        said_or_refused(work)


@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("patients", PATIENTS)
def test_scores(scores, truth, patients):
    s, t, p = SCORES[scores], TRUTHS[truth], PATIENTS[patients]
    fine = SCORES["fine"]
    made = [
        said_or_refused(work)
        for work in (
            lambda: measures.auc(s, t, p),
            lambda: measures.auc_difference(s, fine, t, p),
            lambda: measures.bootstrap_auc(s, t, p, seed=0, resamples=20, method="bca"),
            lambda: measures.calibration(s, t, p),
            lambda: measures.classification(s, t, p, threshold=0.5, prevalence=0.1),
            lambda: measures.decision_curve(s, t, p, thresholds=[0.1]),
            lambda: measures.mcnemar(t, t, p),
            lambda: measures.agreement(s, fine, p, unit="mm"),
            lambda: measures.repeatability(s, p, unit="mm"),
            lambda: measures.linearity(fine, s, p, unit="mm"),
        )
    ]
    if (scores, truth, patients) == ("fine", "mixed", "each"):
        # nobody was measured twice, and a BCa interval takes more resamples
        assert made == [True, True, False, True, True, True, True, True, False, True]
    if patients != "each" and patients != "a single one":
        assert not any(made)


@pytest.mark.parametrize("spacing", [(0, 1, 1), (-1, 1, 1), (np.nan, 1, 1), (1, 1), None, "mm"])
def test_spacings_that_are_none(spacing):
    assert not said_or_refused(lambda: measures.segmentation(VOXEL, VOXEL, spacing_mm=spacing))


@pytest.mark.parametrize("points", [[[np.nan, 1, 2]], [1, 2, 3], "x", [[1, 2, 3, 4]], [[1j, 2, 3]]])
def test_points_that_are_none(points):
    assert not said_or_refused(lambda: measures.match_points(points, [[1, 2, 3]], 2.0))
    if points != [1, 2, 3]:
        assert not said_or_refused(lambda: measures.localisation(points, [1, 2, 3]))


@pytest.mark.parametrize(("events", "n"), [(-1, 5), (3, 2), (1.5, 3), (0, 0)])
def test_shares_that_are_none(events, n):
    assert not said_or_refused(lambda: measures.clopper_pearson(events, n))
    assert not said_or_refused(lambda: measures.wilson(events, n))


@pytest.mark.parametrize("convention", ["limen", "monai", "medpy", "surface-distance"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 1), (1, 1), (1, 4)])
def test_grids_of_one_voxel_and_one_line_have_distances(convention, shape):
    p, r = np.zeros(shape, bool), np.zeros(shape, bool)
    p.flat[0] = r.flat[-1] = True
    found = measures.segmentation(
        p, r, spacing_mm=(2.0,) * len(shape), convention=convention, nsd_tolerance_mm=1
    )[1]
    assert found.hd_mm == 2.0 * (p.size - 1)
    if convention != "surface-distance":  # whose elements lie on both sides of a voxel
        assert found.assd_mm == found.hd_mm
    assert found.nsd == (1.0 if p.size == 1 else 0.0)
