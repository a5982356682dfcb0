"""Readers: STAPLE against SimpleITK, consensus against counts, standings in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limen.measures import (
    BadValue,
    ShapeMismatch,
    SpacingMissing,
    Undefined,
    consensus,
    reader_agreement,
    segmentation,
    staple,
)

maps = arrays(np.uint8, (4, 3, 3), elements=st.integers(0, 2))


def readers(seed, n=4, shape=(20, 18, 10), errors=(0.02, 0.05, 0.1, 0.3)):
    """A box, and readers who each get some voxels wrong."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape, np.uint8)
    truth[5:14, 4:12, 2:8] = 1
    return truth, [np.where(rng.random(shape) < e, 1 - truth, truth) for e in errors[:n]]


@pytest.mark.parametrize("seed", range(3))
def test_staple_gives_what_simpleitk_gives(seed):
    sitk = pytest.importorskip("SimpleITK")
    _, marks = readers(seed)
    peer = sitk.STAPLEImageFilter()
    peer.SetForegroundValue(1)
    theirs = sitk.GetArrayFromImage(peer.Execute([sitk.GetImageFromArray(m) for m in marks]))
    ours = staple(marks)
    assert ours.sensitivity == pytest.approx(peer.GetSensitivity(), abs=1e-6)
    assert ours.specificity == pytest.approx(peer.GetSpecificity(), abs=1e-6)
    assert np.abs(ours.probability - theirs).max() < 1e-6


def test_staple_finds_the_truth_and_who_is_unreliable():
    truth, marks = readers(7)
    found = staple(marks)
    assert (found.mask != truth).mean() < 0.01 < (marks[0] != truth).mean()
    assert int(np.argmin(found.sensitivity)) == int(np.argmin(found.specificity)) == 3
    same = staple([truth, truth])
    assert (same.mask == truth).all()
    assert same.sensitivity == pytest.approx((1, 1))


@given(st.lists(maps, min_size=1, max_size=5))
def test_consensus_is_the_label_of_the_most_votes_that_suffice(given_maps):
    found = consensus(given_maps)
    for index in np.ndindex(found.shape):
        votes = [int(m[index]) for m in given_maps]
        most = [v for v in (1, 2) if votes.count(v) > len(votes) / 2]
        assert found[index] == (most[0] if most else 0)
    union, common = consensus(given_maps, least=1), consensus(given_maps, least=len(given_maps))
    stack = np.array(given_maps)
    assert ((common > 0) == ((stack == stack[0]).all(axis=0) & (stack[0] > 0))).all()
    alone = [np.where(m == 1, 1, 0) for m in given_maps]
    assert (consensus(alone, least=1) == (stack == 1).any(axis=0)).all()
    assert (union[(stack == 0).all(axis=0)] == 0).all()


def test_a_tie_is_no_consensus():
    assert consensus([np.array([1]), np.array([2])], least=1).tolist() == [0]
    assert consensus([np.array([1]), np.array([2]), np.array([2])], least=1).tolist() == [2]
    assert consensus([np.array([2]), np.array([1]), np.array([2])], least=1).tolist() == [2]


def test_pairs_and_model_are_measured_like_any_segmentation():
    _, marks = readers(1, n=3)
    model = marks.pop()
    given = {"spacing_mm": (1, 1, 2.5), "nsd_tolerance_mm": 1}
    found = reader_agreement(marks, model, **given)[1]
    alone = segmentation(marks[0], marks[1], **given)[1]
    assert found.pairs[0, 1].as_dict() == alone.as_dict()
    for reader in (0, 1):
        expected = segmentation(model, marks[reader], **given)[1]
        assert found.model[reader].as_dict() == expected.as_dict()


def test_a_model_like_the_readers_stands_among_them_and_a_bad_one_does_not():
    truth, marks = readers(2, n=3)
    good = reader_agreement(marks, truth, spacing_mm=(1, 1, 1), nsd_tolerance_mm=1)[1]
    assert good.standings["dice"].among_readers
    assert good.standings["dice"].williams_index > 1
    between = good.standings["dice"].pairs
    assert good.standings["dice"].readers == pytest.approx(
        [np.mean(between[:2]), np.mean([between[0], between[2]]), np.mean(between[1:])]
    )
    bad = reader_agreement(marks, np.roll(truth, 4, 0), spacing_mm=(1, 1, 1))[1]
    assert not bad.standings["dice"].among_readers
    assert bad.standings["dice"].williams_index < 1
    assert bad.undefined["nsd"].endswith("no tolerance was stated")


def test_readers_who_see_nothing_have_no_distance_and_it_is_said():
    truth, marks = readers(3, n=2)
    nothing = np.zeros_like(truth)
    found = reader_agreement([*marks, nothing], truth, spacing_mm=(1, 1, 1))[1]
    assert "hd95_mm" not in found.standings
    assert found.undefined["hd95_mm"] == "in 3 of 6 pairs: reference is empty"
    assert found.standings["dice"].pairs[1:] == (0.0, 0.0)


def test_what_cannot_be_said_of_readers_is_refused():
    truth, marks = readers(4, n=2)
    with pytest.raises(Undefined, match="two readers"):
        reader_agreement([truth], spacing_mm=(1, 1, 1))
    with pytest.raises(SpacingMissing):
        reader_agreement(marks)
    with pytest.raises(ShapeMismatch):
        reader_agreement([marks[0], marks[1][1:]], spacing_mm=(1, 1, 1))
    with pytest.raises(ShapeMismatch):
        consensus([marks[0], marks[1][1:]])
    with pytest.raises(BadValue):
        consensus(marks, least=3)
    with pytest.raises(Undefined, match="no reader marks"):
        staple([np.zeros((3, 3)), np.zeros((3, 3))])
    with pytest.raises(Undefined, match="2 to"):
        staple([truth])
    with pytest.raises(BadValue):
        staple(marks, prior=1.0)
