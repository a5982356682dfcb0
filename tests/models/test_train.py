"""Training: it learns, repeats, goes on after a stop, and leaves one model that answers alike."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")

import torch
from training_builders import GEOMETRY, SPACING_MM, balls, declared, quick, written_cases
from typer.testing import CliRunner

from limen.data import Geometry, Volume, write_nifti
from limen.data.case import Case, Source
from limen.evidence import digest_file
from limen.models import inspect_onnx, open_model
from limen.models.export import LARGEST_DIFFERENCE, export_onnx, require_same_answers
from limen.models.network import build_network, training_loss
from limen.models.recipe import Network, Recipe, load_recipe
from limen.models.sampling import Patches, TrainingCase, cut, read_training_cases, varied
from limen.models.train import learning_rate, running_mean, train
from limen.models.training_errors import (
    BrokenCases,
    CannotTrain,
    ExportMismatch,
    ModelExists,
    NoRecipe,
    NoTrainingCases,
    RecipeError,
)
from limen.models.tune import tune_score
from limen.models.watch import Silent
from limen.product import ModelInput, ModelOutput, Task

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Stops(Silent):
    """Somebody who presses Ctrl-C after a step."""

    def __init__(self, after: int) -> None:
        self.after = after

    def step(self, standing) -> None:
        if standing.step >= self.after:
            raise KeyboardInterrupt


class Listens(Silent):
    def __init__(self) -> None:
        self.words: list[str] = []
        self.steps: list[int] = []

    def say(self, words: str) -> None:
        self.words.append(words)

    def step(self, standing) -> None:
        self.steps.append(standing.step)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


# --- it learns --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "reference", "value"), [("xyz", "mask", 1), ("zyx", "instances", 1)]
)
def test_a_trained_model_finds_balls_it_has_not_seen(tmp_path, axes, reference, value):
    declaration = declared(tmp_path, axes=axes, reference=reference, value=value)
    cases = written_cases(tmp_path, instances=reference == "instances")
    result = train(cases, declaration, quick(), tmp_path / "model/balls.onnx")

    assert result.tune.dice > 0.7
    assert result.tune.found == result.tune.present == 2 * result.tune.cases
    assert result.export_difference <= LARGEST_DIFFERENCE
    model = open_model(declaration.model, tmp_path, declaration.task)
    image, numbered = balls(99)
    case = Case("new", "new", Source("nifti", ()), None)
    image = Volume(image.values.astype(np.float32), image.geometry)
    assert dice(model.predict(case, image).values > 0, numbered > 0) > 0.7


def test_it_leaves_one_file_with_its_settings_and_a_record_without_identity(tmp_path):
    declaration = declared(tmp_path)
    out = tmp_path / "model/balls.onnx"
    result = train(written_cases(tmp_path), declaration, quick(steps=40), out)

    assert sorted(p.name for p in out.parent.iterdir()) == ["balls.onnx", "balls.training.json"]
    facts = inspect_onnx(out)
    assert facts.external_files == () and out.stat().st_size < 2_000_000
    assert facts.settings == {
        "input": declaration.model.input.model_dump(mode="json"),
        "output": declaration.model.output.model_dump(mode="json"),
        "labels": {"ball": 1},
    }
    text = result.record.read_text()
    assert "secret" not in text and "patient-" not in text and str(tmp_path) not in text
    record = json.loads(text)
    assert record["model"] == {"digest": digest_file(out), "bytes": out.stat().st_size}
    assert record["cases"]["train"] + record["cases"]["tune"] == 12
    assert record["cases"]["lesions"] == 24
    assert [look["step"] for look in record["curve"]] == [20, 40]
    assert Recipe.model_validate(record["recipe"]) == quick(steps=40)


def test_a_default_network_is_small_enough_to_be_committed():
    network = build_network(Network(), 2, "xyz")
    assert sum(p.numel() for p in network.parameters()) < 500_000


def test_training_stops_when_it_no_longer_gets_better(tmp_path):
    recipe = quick(steps=400, eval_every=2, patience=3, learning_rate=1e-9)
    result = train(written_cases(tmp_path), declared(tmp_path), recipe, tmp_path / "m.onnx")
    assert result.steps == result.best_step + 6 < 400


# --- it repeats, and goes on ------------------------------------------------------------------


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tmp_path):
    cases, declaration = written_cases(tmp_path), declared(tmp_path)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        recipe = quick(steps=10, eval_every=5, seed=seed)
        train(cases, declaration, recipe, tmp_path / f"{name}.onnx")
    a, b, c = ((tmp_path / f"{n}.onnx").read_bytes() for n in "abc")
    assert a == b != c


SHORT = quick(steps=30, eval_every=15)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The model of a training that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(written_cases(folder), declared(folder), SHORT, folder / "whole.onnx")
    return (folder / "whole.onnx").read_bytes()


@pytest.mark.parametrize("stop", [10, 20, 30])
def test_a_stopped_training_goes_on_to_the_same_model(tmp_path, whole, stop):
    cases, declaration = written_cases(tmp_path), declared(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(cases, declaration, SHORT, tmp_path / "m.onnx", watcher=Stops(stop))
    assert not (tmp_path / "m.onnx").exists() and not (tmp_path / "m.training.json").exists()

    listens = Listens()
    train(cases, declaration, SHORT, tmp_path / "m.onnx", watcher=listens)
    last = {10: 0, 20: 15, 30: 30}[stop]
    assert any(f"after step {last} " in w for w in listens.words) == (last > 0)
    assert all(step > last for step in listens.steps)
    assert (tmp_path / "m.onnx").read_bytes() == whole
    assert not (tmp_path / ".m.training.pt").exists()


def test_what_is_kept_of_another_recipe_or_is_damaged_is_not_gone_on_with(tmp_path):
    cases, declaration, out = written_cases(tmp_path), declared(tmp_path), tmp_path / "m.onnx"
    with pytest.raises(KeyboardInterrupt):
        train(cases, declaration, quick(steps=20, eval_every=10), out, watcher=Stops(10))
    kept = tmp_path / ".m.training.pt"
    whole = kept.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", b"not torch"):
        kept.write_bytes(damage)
        listens = Listens()
        train(cases, declaration, quick(steps=10), out, force=True, watcher=listens)
        assert any("damaged; starting anew" in w for w in listens.words)
    kept.write_bytes(whole)
    listens = Listens()
    train(cases, declaration, quick(steps=10), out, force=True, watcher=listens)
    assert any("another recipe" in w for w in listens.words) and listens.steps[0] == 10


def test_threads_and_exactness_of_the_process_are_as_before(tmp_path):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    recipe = quick(steps=2, threads=before[0] + 1)
    train(written_cases(tmp_path), declared(tmp_path), recipe, tmp_path / "m.onnx")
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


# --- refusals, each before training starts ----------------------------------------------------


def refused(kind, tmp_path, cases, declaration, recipe=None, out="m.onnx"):
    with pytest.raises(kind) as caught:
        train(cases, declaration, recipe or quick(), tmp_path / out)
    assert caught.value.mend
    assert not list(tmp_path.rglob("*.training.*")) and not (tmp_path / "m.onnx").exists()
    return str(caught.value)


def test_without_development_cases_there_is_nothing_to_train_on(tmp_path):
    assert "no case" in refused(NoTrainingCases, tmp_path, [], declared(tmp_path))


def test_one_patient_cannot_train_and_choose(tmp_path):
    one = written_cases(tmp_path, 1)
    assert "one side" in refused(NoTrainingCases, tmp_path, one, declared(tmp_path))


def test_references_without_any_lesion_teach_nothing(tmp_path):
    cases = written_cases(tmp_path, 6)
    for case in cases:
        empty = Volume(np.zeros(GEOMETRY.shape, dtype=np.uint8), GEOMETRY)
        write_nifti(empty, case.reference.files[0])
    assert "nothing to learn" in refused(NoTrainingCases, tmp_path, cases, declared(tmp_path))


def test_every_broken_case_is_named_at_once(tmp_path):
    cases = written_cases(tmp_path)
    cases[3].image.files[0].write_bytes(b"no image")
    cases[7].reference.files[0].unlink()
    cases[9] = Case("secret-9", "patient-9", cases[9].image, None)
    text = refused(BrokenCases, tmp_path, cases, declared(tmp_path))
    assert text.startswith("3 development cases")
    assert all(f"secret-{n}: " in text for n in (3, 7, 9)) and str(tmp_path) not in text


def test_a_model_is_not_overwritten_unasked(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"precious")
    with pytest.raises(ModelExists, match="--force"):
        train(written_cases(tmp_path), declared(tmp_path), quick(), tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == b"precious"


ONNX = "{{onnx: m.onnx, input: {{window_hu: [0, 1]}}}}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "{{predictions: there}}"}, "declared as onnx"),
        ({"model": ONNX.replace("}}}}", "}}, output: {{activation: sigmoid}}}}")}, "softmax"),
        ({"model": ONNX.replace("}}}}", "}}, output: {{holds: labels}}}}")}, "softmax"),
        ({"model": ONNX}, "how large a patch"),
        ({"value": 900}, "901 channels"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_read(tmp_path, changes, words):
    nowhere = [Case("a", "a", Source("nifti", (tmp_path / "none.nii",)), None)]
    assert words in refused(CannotTrain, tmp_path, nowhere, declared(tmp_path, **changes))


@pytest.mark.parametrize(
    ("patch", "window"), [([16, 16, 9], "patch of"), ([18, 16, 8], "patch of")]
)
def test_a_window_that_the_strides_do_not_divide_is_refused(tmp_path, patch, window):
    deep = {"channels": [4, 8, 8], "strides": [[2, 2, 1], [2, 2, 2]]}
    text = refused(CannotTrain, tmp_path, [], declared(tmp_path), quick(network=deep, patch=patch))
    assert "patch of the recipe" in text and "[4, 4, 2]" in text


# --- the recipe -------------------------------------------------------------------------------

WRONG = """\
recipe: 1
netwrk: {}
patch: [64, 64]
batch: 0
steps: many
loss: dice-c
augmentation: {flip: [x, q], noize: 1}
network:
  channels: [8, 16, 32]
learning_rate: .inf
steps: 4
"""


def test_every_mistake_of_a_recipe_is_told_at_once_with_its_line(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(WRONG)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    told = [(p.line, p.key, p.nearest) for p in caught.value.problems]
    assert told == [
        (2, "netwrk", "network"),
        (3, "patch", None),
        (4, "batch", None),
        (5, "steps", None),
        (6, "loss", "dice-ce"),
        (7, "augmentation.flip[1]", None),
        (7, "augmentation.noize", "noise"),
        (9, "network", None),
        (10, "learning_rate", None),
        (11, "steps", None),
    ]
    assert all(p.expected for p in caught.value.problems)


@pytest.mark.parametrize("text", ["", "- 1\n", "just words\n", "a: [1\n", "network: {}\n"])
def test_what_is_no_recipe_is_refused(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError):
        load_recipe(path)


def test_a_missing_recipe_says_how_to_write_one(tmp_path):
    with pytest.raises(NoRecipe, match="recipe: 1"):
        load_recipe(tmp_path / "recipe.yaml")


def test_a_recipe_of_one_line_is_the_defaults(tmp_path):
    (tmp_path / "recipe.yaml").write_text("recipe: 1\n")
    assert load_recipe(tmp_path / "recipe.yaml") == Recipe(recipe=1)


def test_the_running_mean_is_a_weighted_mean_of_all_steps_of_which_the_last_count_most(rng):
    """Against its closed form: weight ``(1 - share) share^k`` of the step k steps ago."""
    values, share = rng.standard_normal(2000), 0.9
    mean, kept = running_mean(share), values[0]
    for steps, value in enumerate(values[1:], 1):
        kept = mean(kept, value, steps)
    ago = np.arange(len(values))[::-1]
    assert kept == pytest.approx(np.sum((1 - share) * share**ago * values), abs=1e-12)
    assert running_mean(0.0)(3.0, 5.0, 7) == 5.0  # no averaging: the last step alone
    assert running_mean(0.99)(0.0, 1.0, 1) > 0.8  # the first steps are soon forgotten


def test_the_learning_rate_rises_and_then_falls_to_nothing():
    recipe = quick(steps=100, warmup_steps=10, learning_rate=0.5)
    rates = [learning_rate(recipe, s) for s in range(100)]
    assert rates[0] == pytest.approx(0.05) and max(rates) == rates[9] == rates[10] == 0.5
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert rates[55] == pytest.approx(0.25) and 0 < rates[-1] < 0.001


# --- loss, patches, tune score ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dice-ce", "dice-focal"])
@pytest.mark.parametrize(("over", "smooth"), [("batch", 1e-5), ("patch", 10.0)])
def test_the_loss_is_monais(kind, over, smooth):
    from monai.losses import DiceLoss, FocalLoss

    torch.manual_seed(3)
    scores = torch.randn(2, 3, 6, 5, 4) * 3
    target = torch.randint(0, 3, (2, 6, 5, 4))
    options = {"include_background": False, "softmax": True, "to_onehot_y": True}
    options |= {"smooth_nr": smooth, "smooth_dr": smooth}
    expected = DiceLoss(batch=over == "batch", **options)(scores, target[:, None])
    if kind == "dice-ce":
        expected = expected + torch.nn.functional.cross_entropy(scores, target)
    else:
        # MONAI takes the mean over channels too, of which all but one are 0
        focal = FocalLoss(use_softmax=True, to_onehot_y=True, gamma=2.0)
        expected = expected + 3 * focal(scores, target[:, None])
    found = training_loss(scores, target, (1, 2), kind, over)
    assert float(found) == pytest.approx(float(expected))


@pytest.fixture
def read(tmp_path):
    declaration = declared(tmp_path)
    cases = written_cases(tmp_path, 4)
    model, task = declaration.model, declaration.task
    return read_training_cases(cases, model.input, task, lambda done, total: None)


def test_cases_are_read_as_they_are_predicted_on(read):
    image, numbered = balls(0)
    expected = (np.clip(image.values, -1000, 400) + 1000) / 1400
    assert np.abs(read[0].values - expected).max() < 1e-3
    np.testing.assert_array_equal(read[0].labels, numbered > 0)
    assert len(read[0].lesions) == 2
    assert all(read[0].labels[tuple(points.T)].all() for points in read[0].lesions)


def test_a_step_draws_the_same_patches_whenever_it_is_drawn(read):
    patches, again = (Patches(read, (16, 16, 8), quick()) for _ in range(2))
    patches.batch(0)
    for a, b in zip(patches.batch(5), again.batch(5), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(patches.batch(5)[0], patches.batch(6)[0])


def test_patches_keep_image_and_labels_together(read):
    still = {"flip": ["x", "y", "z"], "scale": 0, "shift": 0, "noise": 0}
    patches = Patches(read, (16, 16, 8), quick(foreground_share=1.0, augmentation=still))
    for step in range(20):
        values, labels = patches.batch(step)
        assert values.dtype == np.float32 and values.shape == labels.shape == (4, 16, 16, 8)
        assert all(each.any() for each in labels)
        # balls are 700 HU brighter, half of the window
        assert values[labels == 1].mean() - values[labels == 0].mean() > 0.4


def test_a_patch_larger_than_the_image_is_filled_up(read):
    patches = Patches(read, (40, 28, 16), quick(augmentation={"flip": [], "noise": 0, "scale": 0}))
    values, labels = patches.batch(0)
    assert values.shape == (4, 40, 28, 16) and (labels[:, :4] == 0).all()
    assert np.ptp(values[0, :4]) == 0 and labels.any()


def test_a_cut_is_the_padded_array(rng):
    values = rng.random((5, 6, 7))
    padded = np.pad(values, 4, constant_values=-1.0)
    for start in ((0, 0, 0), (-2, 3, 1), (3, -4, 6), (1, 1, 1)):
        there = tuple(slice(s + 4, s + 8) for s in start)
        np.testing.assert_array_equal(cut(values, start, (4, 4, 4), -1.0), padded[there])


def test_augmentation_can_be_switched_off(rng):
    values, labels = rng.random((4, 4, 4)).astype(np.float32), rng.integers(0, 2, (4, 4, 4))
    off = quick(augmentation={"flip": [], "scale": 0, "shift": 0, "noise": 0}).augmentation
    for a, b in zip(varied(values, labels, off, rng), (values, labels), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_tune_score_counts_lesions_and_voxels():
    truth = np.zeros((12, 10, 8), dtype=np.uint8)
    truth[1:3, 1:3, 1:3] = truth[6:9, 1:4, 1:4] = truth[1:3, 6:8, 5:7] = 1  # 8 + 27 + 8 voxels
    marks = np.zeros(truth.shape, dtype=bool)
    marks[1:3, 1:3, 1:3] = marks[6, 1, 1] = True  # two found: one whole, one by a voxel
    marks[11, 9, 7] = marks[11, 0, 0] = True  # two false marks
    scores = np.where(marks, 5.0, -5.0)
    geometry = Geometry(np.diag([*SPACING_MM, 1.0]), truth.shape)
    case = TrainingCase("p", np.zeros(truth.shape), truth, geometry, (), 0.0, "")
    task = Task(kind="lesion-detection", labels={"ball": 1})

    def run(windows):
        return np.stack([-scores, scores])[None].astype(np.float32)

    spec = ModelInput(window_hu=(-1000, 400))
    score = tune_score([case, case], run, None, spec, ModelOutput(), task)
    assert (score.found, score.present, score.false_marks, score.cases) == (4, 6, 4, 2)
    assert score.dice == pytest.approx(2 * 9 / (11 + 43))
    assert score.value == pytest.approx((score.dice + 2 * 2 / (2 * 2 + 1 + 2)) / 2)
    voxels = Task(kind="segmentation", labels={"ball": 1})
    assert tune_score([case], run, None, spec, ModelOutput(), voxels).value == score.dice


def test_nothing_to_find_and_nothing_marked_is_right():
    shape = (4, 4, 4)
    case = TrainingCase(
        "p", np.zeros(shape), np.zeros(shape, np.uint8), Geometry(np.eye(4), shape), (), 0.0, ""
    )
    score = tune_score(
        [case],
        lambda w: np.stack([w + 5, w - 5], axis=1),
        None,
        ModelInput(window_hu=(-1000, 400)),
        ModelOutput(),
        Task(kind="lesion-detection"),
    )
    assert (score.dice, score.value, score.present, score.false_marks) == (1.0, 1.0, 0, 0)


# --- export -----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_an_exported_model_answers_alike_at_any_batch_and_size(norm, rng):
    torch.manual_seed(0)
    network = build_network(
        Network(norm=norm, channels=[4, 8, 8], strides=[(2, 2, 1), (2, 2, 2)]), 2, "xyz"
    ).eval()
    sizes = [(1, 1, 16, 16, 8), (3, 1, 16, 16, 8), (2, 1, 24, 20, 12)]
    inputs = [rng.random(size, dtype=np.float32) for size in sizes]
    model = export_onnx(network, inputs[0], {"labels": {}})
    assert require_same_answers(network, model, inputs, 1) < LARGEST_DIFFERENCE


@pytest.mark.parametrize("change", [1e-2, float("nan")])
def test_other_weights_than_were_exported_are_found_out(change, rng):
    torch.manual_seed(0)
    network = build_network(Network(channels=[4, 8], strides=[(1, 1, 1)]), 2, "xyz").eval()
    inputs = [rng.random((1, 1, 8, 8, 8), dtype=np.float32)]
    model = export_onnx(network, inputs[0], {})
    with torch.no_grad():
        next(network.parameters()).add_(change)
    with pytest.raises(ExportMismatch, match="was not written"):
        require_same_answers(network, model, inputs, 1)


# --- the command ------------------------------------------------------------------------------


def test_the_verb_trains_by_the_recipe_and_tells_machines(tmp_path):
    from limen.cli.app import build

    declared(tmp_path)
    written_cases(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/recipe.yaml").write_text(
        "recipe: 1\nsteps: 6\neval_every: 3\nbatch: 2\ntune_fraction: 0.3\nthreads: 1\n"
        "network: {channels: [4, 8], strides: [[1, 1, 1]]}\n"
    )
    done = CliRunner().invoke(build(), ["train", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["steps"] == 6 and (tmp_path / "model/balls.onnx").exists()
    again = CliRunner().invoke(build(), ["train", str(tmp_path), "--json"])
    assert isinstance(again.exception, ModelExists) and again.exception.exit_code == 2


def test_validation_cases_are_never_trained_on(tmp_path):
    from limen.cli.app import build

    declared(tmp_path, use="validation")
    written_cases(tmp_path, 3)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/recipe.yaml").write_text("recipe: 1\n")
    done = CliRunner().invoke(build(), ["train", str(tmp_path)])
    assert isinstance(done.exception, NoTrainingCases)


def test_without_the_extra_the_mend_is_told_in_its_order(tmp_path):
    declared(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/recipe.yaml").write_text("recipe: 1\n")
    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        hidden = name.split('.')[0] in ('torch', 'monai')\n"
        "        return None if hidden else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[sys.meta_path.index(PathFinder)] = Without()\n"
        f"sys.argv = ['limen', 'train', {str(tmp_path)!r}]\n"
        "from limen.cli.app import start\n"
        "start()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    torch_first, then = "pip install torch==2.13.0", "pip install 'limen[train]'"
    assert 0 < done.stderr.index(torch_first) < done.stderr.index(then)
