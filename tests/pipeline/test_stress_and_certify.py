"""The boundary of a small product, from trials in the store to certificates."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from pipeline_builders import (
    AFFINE,
    SHAPE,
    YAML,
    build_product,
    write_case,
    write_command_model,
    write_threshold_model,
)

import limen
from limen.boundary import Margin
from limen.data import Geometry, Volume
from limen.pipeline.certify import certify
from limen.pipeline.degrade import degrade
from limen.pipeline.errors import CannotDegrade, NotEnoughPatients
from limen.pipeline.seeds import seed_of
from limen.pipeline.status import status
from limen.pipeline.stress import Effort, stress

EFFORT = Effort("test", 1 / 8, None, 2, True, 2, False)
SHORT = Effort("test", 1 / 4, 1, 2, False, 1, False)
PHYSICS = """\
physics:
  ct.kernel: {from: 0 mm, to: 12 mm}
  ct.slice_thickness: {from: 2.5 mm, to: 20 mm}
"""


def with_axes(folder: Path, patients: int = 12, physics: str = PHYSICS) -> Path:
    """The small product with more validation patients, a mild claim and axes."""
    build_product(folder)
    for number in range(5, patients):
        write_case(folder / "data/val", number)
    text = YAML.replace(
        "failure_rate: 20 %, confidence: 90 %", "failure_rate: 50 %, confidence: 75 %"
    )
    (folder / "limen.yaml").write_text(text + physics)
    return folder


def with_command(folder: Path) -> Path:
    with_axes(folder)
    head, _, tail = (folder / "limen.yaml").read_text().partition("model:")
    axes = tail[tail.index("physics:") :]
    (folder / "limen.yaml").write_text(head + write_command_model(folder, 0.15) + axes)
    return folder


def write_model_that_divides_by_its_greatest_score(path: Path) -> None:
    """NaN, an answer Limen refuses, as soon as nothing in the image is above the threshold."""
    names = ["image", "level", "over", "zero", "score", "greatest", "share"]
    image, level, over, zero, score, greatest, share = names
    shape = ["n", 1, "x", "y", "z"]
    graph = helper.make_graph(
        [
            helper.make_node("Sub", [image, level], [over]),
            helper.make_node("Max", [over, zero], [score]),
            helper.make_node("ReduceMax", [score], [greatest], keepdims=1),
            helper.make_node("Div", [score, greatest], [share]),
        ],
        "divides",
        [helper.make_tensor_value_info(image, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(share, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor(level, TensorProto.FLOAT, [], [0.5]),
            helper.make_tensor(zero, TensorProto.FLOAT, [], [0.0]),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def trial_records(folder: Path) -> list[tuple[str, frozenset[tuple[str, str]]]]:
    return [
        (r.subject, frozenset(r.inputs.items()))
        for r in limen.load(folder).store.history()
        if r.kind == "trial"
    ]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_axes(tmp_path_factory.mktemp("bound") / "product")
    product = limen.load(folder)
    product.evaluate(workers=1)
    certify(product, effort=EFFORT, workers=1)
    return folder


def test_no_patient_explores_and_certifies(searched: Path):
    found = stress(limen.load(searched), effort=EFFORT, workers=1)
    sides = found.sides
    explored = {s.case.patient for s in sides.exploration.values()}
    certified = {s.case.patient for s in sides.certification.values()}
    assert explored
    assert certified
    assert not explored & certified
    assert len(explored | certified) == 12


def test_nothing_is_evaluated_twice(searched: Path):
    before = trial_records(searched)
    assert stress(limen.load(searched), effort=EFFORT, workers=1).evaluations == 0
    certify(limen.load(searched), effort=EFFORT, workers=1)
    assert trial_records(searched) == before
    assert max(Counter(before).values()) == 1


def test_a_blurred_ball_is_lost_at_a_margin_that_the_trials_bear_out(searched: Path):
    found = stress(limen.load(searched), effort=EFFORT, workers=1)
    margins = [Margin.from_dict(m) for m in found.record["margins"]]
    kernel = [m for m in margins if m.axis == "ct.kernel" and m.kind == "flips"]
    assert kernel
    product = limen.load(searched)
    record = product.store.latest(
        "trial", f"{kernel[0].case} at ct.kernel {kernel[0].first_fail:g}"
    )
    kept = product.store.get_json(record.result)
    assert (record.origin, kept["condition"]) == ("phantom", {"ct.kernel": kernel[0].first_fail})
    assert kept["applied"][0]["method"] == "ct.kernel/1"
    assert 0 < kernel[0].last_pass < kernel[0].first_fail <= 12


def test_the_boundary_has_counts_behind_each_step(searched: Path):
    boundary = certify(limen.load(searched), effort=EFFORT, workers=1)
    (certificate,) = boundary.certificates
    assert certificate.origin == "phantom"
    assert certificate.patients == sum(boundary.certification.values())
    assert certificate.answer == "certified"
    steps = [s for p in certificate.paths for s in p.steps]
    assert all(s.patients == certificate.patients for s in steps)
    assert [p.name for p in certificate.paths] == ["ct.kernel", "ct.slice_thickness", "together"]
    assert boundary.frontiers
    assert all(f.axes == ("ct.kernel", "ct.slice_thickness") for f in boundary.frontiers)


def test_another_limit_judges_the_trials_anew_without_the_model(searched: Path, tmp_path: Path):
    import shutil

    folder = tmp_path / "product"
    shutil.copytree(searched, folder)
    text = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(
        text.replace("false_marks, at_most: 1", "false_marks, at_most: 5")
    )
    product = limen.load(folder)
    product.evaluate(workers=1)
    before = len(trial_records(folder))
    found = stress(product, effort=EFFORT, workers=1)
    # a case that fails as acquired under the old limit passes now, and only that one is new
    old = {name.partition(" at ")[0] for name, _ in trial_records(folder)[:before]}
    new = {name.partition(" at ")[0] for name, _ in trial_records(folder)[before:]}
    assert not old & new or found.evaluations < before / 4


def test_a_model_that_crashes_fails_its_case_and_not_the_run(tmp_path: Path):
    folder = with_axes(tmp_path / "product")
    for number in (1, 3):  # fail as acquired, or give NaN
        write_case(folder / "data/val", number)
    write_model_that_divides_by_its_greatest_score(folder / "model/threshold.onnx")
    text = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(text.replace("threshold: 0.5}", "threshold: 0.1}"))
    product = limen.load(folder)
    product.evaluate(workers=1)
    found = stress(product, effort=SHORT, workers=1)
    kept = [product.store.get_json(r.result) for r in product.store.records() if r.kind == "trial"]
    crashed = [k for k in kept if "error" in k]
    assert crashed
    assert "measurement" not in crashed[0]
    assert "NaN" in crashed[0]["error"]["what"]
    flips = [m for m in found.record["margins"] if m["kind"] == "flips"]
    assert flips
    assert any("gave no answer on degraded images" in n and "NaN" in n
               for n in found.record["notes"])  # fmt: skip
    assert certify(product, effort=SHORT, workers=1).certificates[0].answer == "certified"


@pytest.mark.slow
def test_a_kill_in_the_middle_of_a_search_loses_only_what_is_in_work(tmp_path: Path):
    folder = with_command(tmp_path / "product")
    limen.load(folder).evaluate(workers=1)
    code = (
        "import sys, limen; from limen.pipeline.stress import Effort, stress;"
        f"stress(limen.load(sys.argv[1]), effort={SHORT}, workers=2)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], start_new_session=True)
    given_up = time.monotonic() + 60
    while len(trial_records(folder)) < 3 and time.monotonic() < given_up:
        time.sleep(0.2)
    assert process.poll() is None, "the search was over before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = trial_records(folder)
    found = stress(limen.load(folder), effort=SHORT, workers=1)
    after = trial_records(folder)
    assert after[: len(before)] == before
    assert max(Counter(after).values()) == 1
    assert found.evaluations == len(after) - len(before)


def test_nominal_failing_says_what_it_would_take(product_folder: Path):
    write_threshold_model(product_folder / "model/threshold.onnx", level=2.0)  # finds nothing
    (product_folder / "limen.yaml").write_text(YAML + PHYSICS)
    for number in range(5, 12):
        write_case(product_folder / "data/val", number)
    product = limen.load(product_folder)
    product.evaluate(workers=1)
    boundary = certify(product, effort=EFFORT, workers=1)
    (certificate,) = boundary.certificates
    assert (certificate.answer, certificate.paths) == ("not certified", ())
    assert certificate.nominal.more_patients > 0
    assert all(m.kind == "fails at nominal" for m in boundary.margins)
    assert not trial_records(product_folder)


def test_one_patient_cannot_be_on_both_sides(product_folder: Path):
    for number in range(1, 5):
        for kind in ("images", "references"):
            (product_folder / f"data/val/{kind}/case-{number}.nii.gz").unlink()
    (product_folder / "limen.yaml").write_text(YAML + PHYSICS)
    product = limen.load(product_folder)
    product.evaluate(workers=1)
    with pytest.raises(NotEnoughPatients, match="no patient is left for"):
        stress(product, effort=EFFORT, workers=1)
    # a run goes on without a boundary and says why
    result = limen.run(product, workers=1)
    assert result.bounded.boundary is None
    assert isinstance(result.bounded.because, NotEnoughPatients)
    assert result.report.exists()


def test_a_product_without_axes_has_nothing_to_search(product_folder: Path):
    product = limen.load(product_folder)
    product.evaluate(workers=1)
    with pytest.raises(CannotDegrade, match="no axis of acquisition is declared"):
        stress(product, effort=EFFORT, workers=1)


@pytest.mark.parametrize(
    ("physics", "words"),
    [
        ("ct.dose: {from: 0.5, to: 0.1}", "begins at nominal"),
        ("ct.kernel: {from: 1 mm, to: 5 mm}", "begins at nominal"),
    ],
)
def test_an_axis_that_does_not_begin_at_nominal_is_refused(product_folder, physics, words):
    (product_folder / "limen.yaml").write_text(f"{YAML}physics:\n  {physics}\n")
    product = limen.load(product_folder)
    product.evaluate(workers=1)
    with pytest.raises(CannotDegrade, match=words):
        stress(product, effort=EFFORT, workers=1)


def test_an_image_without_noise_cannot_tell_its_dose(tmp_path: Path):
    folder = with_axes(tmp_path / "product", physics="physics:\n  ct.dose: {from: 1.0, to: 0.1}\n")
    product = limen.load(folder)
    product.evaluate(workers=1)
    found = stress(product, effort=Effort("test", 1 / 4, None, None, False, 1, False), workers=1)
    told = [m for m in found.record["margins"] if m["kind"] == "cannot tell"]
    assert told
    assert all("photons" in m["because"] for m in told)


def test_an_axis_that_cannot_be_told_leaves_the_others(tmp_path: Path):
    """The images have no noise, so dose cannot be told; blur is found as where it is alone."""
    blur = "  ct.kernel: {from: 0 mm, to: 12 mm}\n"
    effort = Effort("test", 1 / 4, None, 2, True, 1, False)
    margins = {}
    for name, dose in (("both", "  ct.dose: {from: 1.0, to: 0.1}\n"), ("alone", "")):
        product = limen.load(with_axes(tmp_path / name, physics=f"physics:\n{dose}{blur}"))
        product.evaluate(workers=1)
        found = stress(product, effort=effort, workers=1).record
        margins[name] = [m for m in found["margins"] if m["axis"] == "ct.kernel"]
        notes = "\n".join(found["notes"])
        assert ("cannot be degraded along ct.dose" in notes) == bool(dose)
    plain = [{k: m[k] for k in ("case", "kind", "last_pass", "first_fail")}
             for m in margins["alone"]]  # fmt: skip
    assert plain == [{k: m[k] for k in plain[0]} for m in margins["both"]]
    assert any(m["kind"] == "flips" for m in plain)


def test_two_origins_never_share_a_certificate(tmp_path: Path):
    folder = with_axes(tmp_path / "product")
    for number in range(30, 42):
        write_case(folder / "data/real", number)
    (folder / "approvals/b.yaml").write_text("kind: public\nlicence: CC0\nnote: balls in noise\n")
    text = (folder / "limen.yaml").read_text()
    more = "  - {name: real, path: data/real, use: validation, approval: approvals/b.yaml,\n"
    more += "     origin: measured}\n"
    (folder / "limen.yaml").write_text(text.replace("model:\n", f"{more}model:\n", 1))
    product = limen.load(folder)
    product.evaluate(workers=1)
    boundary = certify(product, effort=SHORT, workers=1)
    by_origin = {c.origin: c.datasets for c in boundary.certificates}
    # a measured image that was degraded is simulated raw data
    assert by_origin == {"phantom": ("val",), "resimulated": ("real",)}


def test_use_where_the_model_is_sure_is_learnt_on_some_patients_and_certified_on_others(tmp_path):
    """Balls next to the model's threshold are missed, and its scores show that it is unsure."""
    folder = with_axes(tmp_path / "product", patients=0)
    text = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(
        text.replace("threshold: 0.5}", "threshold: 0.5, min_volume_mm3: 150}")
    )
    for kind in ("images", "references"):
        for path in (folder / f"data/val/{kind}").iterdir():
            path.unlink()
    for number in range(30):
        write_case(folder / "data/val", number, lesion_hu=-340 if number % 2 else 200)
    product = limen.load(folder)
    product.evaluate(workers=1)
    effort = Effort("test", 1 / 4, 1, 1, False, 1, True)
    boundary = certify(product, effort=effort, workers=1)
    found = boundary.selective["phantom"]
    assert found.certificate.answer == "certified"
    assert found.failed == 0
    assert 0 < found.answered < 1
    assert found.patients_answered == round(found.answered * sum(boundary.certification.values()))
    # both claims share the error, so that they hold together
    (everybody,) = boundary.certificates
    assert everybody.confidence == found.certificate.confidence == pytest.approx(0.875)
    assert everybody.nominal.failed > 0
    assert any("where the model is sure" in note for note in boundary.notes)


def test_levels_of_an_axis_share_their_random_numbers():
    rng = np.random.default_rng(0)
    image = Volume(
        rng.normal(0, 10, (*SHAPE[:2], 2)).astype(np.float32), Geometry(AFFINE, (*SHAPE[:2], 2))
    )
    attributes = {"photons_per_ray": 1e5}

    def noise(condition, case="val/a"):
        done = degrade(image, condition, case=case, attributes=attributes, nominal={"ct.views": 60})
        return (done.image.values - image.values).ravel()

    assert not noise({}).any()
    low, lower = noise({"ct.dose": 0.2}), noise({"ct.dose": 0.1})
    assert lower.std() > low.std() > 0
    assert np.corrcoef(low, lower)[0, 1] > 0.99
    assert abs(np.corrcoef(low, noise({"ct.dose": 0.2}, "val/b"))[0, 1]) < 0.5
    assert seed_of("val/a", "ct.dose") != seed_of("val/a", "ct.motion")


def test_a_run_leaves_nothing_stale_even_where_no_guard_can_be(tmp_path: Path):
    folder = with_axes(tmp_path / "product")
    found = limen.run(folder, workers=1, effort=SHORT)
    assert found.bounded is not None and found.bounded.because is not None
    assert "too few patients to calibrate a guard" in found.bounded.because.what
    states = {i.kind: i.state.value for i in status(limen.load(folder)).items if not i.is_current}
    assert states == {}
    assert status(limen.load(folder)).counts()["explanation"] == {"fresh": 1}
