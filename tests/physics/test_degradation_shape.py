"""The common shape of degradations: axes, records, and difference insertion."""

from __future__ import annotations

import json

import numpy as np
import pytest

from limen.physics.degradation import (
    Axis,
    ConditionError,
    Drawn,
    Record,
    expect_drawn_for,
    insert_difference,
)

DOSE = Axis("ct.dose", "", 1.0, "lower", 1e-6, 1.0)
VIEWS = Axis("ct.views", "views", 984, "lower", 1, 984, whole=True)


def test_values_that_exist() -> None:
    assert DOSE.check(0.5) == 0.5
    assert VIEWS.check(60) == 60.0
    assert DOSE.is_nominal(1.0) and not DOSE.is_nominal(0.99)
    assert DOSE.severity(0.25) == 0.75
    assert Axis("ct.motion", "mm", 0.0, "higher", 0.0, 9.0).severity(2.0) == 2.0


@pytest.mark.parametrize("value", [0, -1, 1.01, float("nan"), float("inf")])
def test_values_that_do_not_exist(value: float) -> None:
    with pytest.raises(ConditionError, match=r"No such condition on ct.dose.*from 1e-06 to 1"):
        DOSE.check(value)


def test_a_condition_is_drawn_in_the_unit_of_its_axis() -> None:
    assert VIEWS.draw(60, 7, {"first": 3}) == Drawn("ct.views", 60.0, "views", 7, {"first": 3})
    with pytest.raises(ConditionError, match="No such condition"):
        VIEWS.draw(0, 7)


def test_halves_of_views_do_not_exist() -> None:
    with pytest.raises(ConditionError, match="a whole number from 1 to 984 views"):
        VIEWS.check(60.5)


def test_records_go_through_json() -> None:
    drawn = Drawn("ct.metal", 4.0, "mm", 7, {"centre_mm": (1.5, -2.0), "material": "iron", "n": 1})
    assert Drawn.from_dict(json.loads(json.dumps(drawn.as_dict()))) == drawn
    record = Record(drawn, 0.0, "ct.metal/1", "measured", ("starved",), {"share": 0.1})
    kept = json.loads(json.dumps(record.as_dict()))
    assert kept["drawn"]["parameters"]["centre_mm"] == [1.5, -2.0]
    assert kept["warnings"] == ["starved"]
    assert kept["measured"] == {"share": 0.1}


def test_parameters_of_another_axis() -> None:
    expect_drawn_for(DOSE, Drawn("ct.dose", 0.5, "", 1))
    with pytest.raises(ConditionError, match=r"another axis.*ct.views in views.*ct.dose"):
        expect_drawn_for(DOSE, Drawn("ct.views", 0.5, "views", 1))
    with pytest.raises(ConditionError, match="No such condition"):
        expect_drawn_for(DOSE, Drawn("ct.dose", 2.0, "", 1))


def never(_: np.ndarray) -> np.ndarray:
    raise AssertionError("not called at nominal")


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex64, np.int16])
def test_nominal_is_bit_by_bit_the_same(kind: type) -> None:
    image = (np.random.default_rng(0).normal(size=(5, 6)) * 100).astype(kind)
    same = insert_difference(image, Drawn("ct.dose", 1.0, "", 1), DOSE, never, never)
    np.testing.assert_array_equal(same, image)
    assert same is not image
    assert same.dtype == (np.float32 if kind is np.int16 else kind)


def test_the_round_trip_cancels() -> None:
    image = np.random.default_rng(1).normal(size=(5, 6))
    blurred = lambda x: 0.9 * x  # noqa: E731 - a lossy reconstruction
    found = insert_difference(
        image, Drawn("ct.dose", 0.5, "", 1), DOSE, blurred, lambda x: blurred(x) + 3.0
    )
    np.testing.assert_allclose(found, image + 3.0)


def test_axes_agree_with_the_declaration() -> None:
    from limen.physics.ct.acquisition import Acquisition
    from limen.physics.ct.blur import Softening
    from limen.physics.ct.dose import Dose
    from limen.physics.ct.hardening import BeamHardening
    from limen.physics.ct.motion import Motion
    from limen.physics.ct.rings import Rings
    from limen.physics.ct.sparse import Views
    from limen.physics.ct.thickness import SliceThickness
    from limen.product import AXES

    acquisition = Acquisition.of_image((16, 16), 1.0, photons_per_ray=1e5)
    for degradation in (
        Dose(acquisition), Views(acquisition), Motion(acquisition), Rings(acquisition),
        BeamHardening(acquisition), SliceThickness(1.0, 1.0), Softening(1.0, 1.0),
    ):  # fmt: skip
        axis = degradation.axis
        declared = AXES[axis.name]
        assert (axis.unit, axis.whole) == (declared.unit, declared.whole)
        assert declared.lowest <= axis.lowest < axis.highest <= declared.highest
