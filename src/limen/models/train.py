"""Training the baseline model: a standard U-Net by a written recipe, to one frozen ONNX file."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limen.data.volume import Array
from limen.evidence import digest_bytes, digest_json, write_atomically
from limen.models.checkpoint import (
    Checkpoint,
    DamagedCheckpoint,
    OtherProblem,
    Reached,
    keep,
    restore,
)
from limen.models.export import export_onnx, require_same_answers
from limen.models.network import build_network, training_loss
from limen.models.recipe import Recipe
from limen.models.sampling import Patches, TrainingCase, cut, read_training_cases
from limen.models.training_errors import (
    ModelExists,
    NoTrainingCases,
    TrainingFailed,
)
from limen.models.training_plan import Plan, plan_training, require_torch, split_cases
from limen.models.tune import TuneScore, tune_score
from limen.models.watch import Silent, Standing, Watcher

if TYPE_CHECKING:
    from limen.data.case import Case
    from limen.product import Declaration

METHOD = "models.train/2"
_GRADIENT_NORM = 12.0
_SAY_EVERY = 10


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    Attributes
    ----------
    model, record : Path
        The ONNX file, and the JSON beside it that says how it came about.
    tune : TuneScore
        Of the kept weights, on every tune case. They chose the weights: no evidence of quality.
    best_step, steps : int
        The step whose weights were kept, and the last one made.
    export_difference : float
        Largest difference between a probability of the exported and of the trained model.
    seconds : float
        Spent on training, all sittings together.
    """

    model: Path
    record: Path
    tune: TuneScore
    best_step: int
    steps: int
    export_difference: float
    seconds: float


def train(
    cases: Sequence[Case],
    declaration: Declaration,
    recipe: Recipe,
    out: Path,
    *,
    force: bool = False,
    watcher: Watcher | None = None,
) -> TrainResult:
    """Train on development cases and write one ONNX file, all of it or nothing.

    Patients are divided into those who train the weights and those who choose among them. Stopped
    at any moment, the same call goes on from the last look at the tune cases, and ends with the
    same weights as if it had not been stopped. The same cases, recipe and number of threads give
    the same weights on the same machine.

    Parameters
    ----------
    cases : sequence of Case
        Development cases only; the caller sees to it.
    declaration : product.Declaration
        Its task, and the input and output of its ``model.onnx``.
    recipe : Recipe
    out : Path
        The .onnx file to write. ``NAME.training.json`` is written beside it; meanwhile
        ``.NAME.training.pt`` holds what is needed to go on.
    force : bool
        Overwrite a model that is there.
    watcher : Watcher, optional

    Raises
    ------
    ModelExists, CannotTrain, TrainingExtraMissing, NoTrainingCases, BrokenCases
        Before training starts.
    TrainingFailed
        The weights became NaN or infinite.
    ExportMismatch
        The ONNX model answers otherwise than the trained one; it is not written.
    """
    watcher = watcher or Silent()
    if out.exists() and not force:
        raise ModelExists(
            "there is a model already",
            where=out.name,
            mend="name another file with --out, or overwrite it with --force",
        )
    plan = plan_training(declaration, recipe)
    require_torch()
    sides = split_cases(cases, recipe)
    read = read_training_cases(
        [*sides["train"], *sides["tune"]], plan.model.input, plan.task, watcher.read
    )
    cut_at = len(sides["train"])
    if not any(case.lesions for case in read[:cut_at]):
        raise NoTrainingCases(
            "no reference among the cases to train on holds a label, so there is nothing to learn",
            found=f"{cut_at} cases without any",
            mend="add development cases with lesions, or another seed in the recipe",
        )
    with _torch_settings(recipe):
        training = _Training(plan, recipe, read[:cut_at], read[cut_at:], out, watcher)
        training.go_on()
        return training.finish()


@contextmanager
def _torch_settings(recipe: Recipe) -> Iterator[None]:
    """Threads and exactness for the time of a training; both are the process's own afterwards."""
    import torch

    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact)
        torch.utils.deterministic.fill_uninitialized_memory = filled


# --- training -------------------------------------------------------------------------------------


class _Training:
    """Weights on their way, from the first step or the last checkpoint to the ONNX file."""

    def __init__(
        self,
        plan: Plan,
        recipe: Recipe,
        train_on: list[TrainingCase],
        tune_on: list[TrainingCase],
        out: Path,
        watcher: Watcher,
    ) -> None:
        import torch
        from torch.optim.swa_utils import AveragedModel

        self._plan, self._recipe, self._out, self._watcher = plan, recipe, out, watcher
        self._train_on, self._tune_on = train_on, tune_on
        self._patches = Patches(train_on, plan.window, recipe)
        self._channel = np.full(max(plan.channel_of) + 1, plan.background, dtype=np.int64)
        for value, channel in plan.channel_of.items():
            self._channel[value] = channel
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = build_network(recipe.network, plan.channels, plan.model.input.axes)
        # a third faster on a processor than torch's own order of memory
        self._network = network.to(memory_format=torch.channels_last_3d)
        # looked at, kept and exported in the network's place; with no averaging, its equal
        self._averaged = AveragedModel(
            self._network, avg_fn=running_mean(recipe.averaging), use_buffers=True
        )
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=0.0, weight_decay=recipe.weight_decay
        )
        self._at = Reached()
        self._best: dict[str, Any] = {}
        self._kept = out.with_name(f".{out.stem}.training.pt")
        self._problem = self._describe()
        self._restore()

    def go_on(self) -> None:
        """Make steps until the last one, or until no look has been better for long enough."""
        import torch

        recipe, at = self._recipe, self._at
        begun, before, first = time.monotonic(), at.seconds, at.step
        loss_sum, looked = 0.0, None
        foreground = tuple(sorted(self._plan.channel_of.values()))
        self._network.train()
        while at.step < recipe.steps and not self._is_out_of_patience():
            values, labels = self._patches.batch(at.step)
            scores = self._network(self._tensor(values))
            target = torch.from_numpy(self._turned(self._channel[labels]))
            loss = training_loss(scores, target, foreground, recipe.loss, recipe.dice_over)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_NORM)
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(recipe, at.step)
            self._optimizer.step()
            self._averaged.update_parameters(self._network)
            at.step += 1
            loss_sum += float(loss.detach())
            if not math.isfinite(loss_sum):
                raise TrainingFailed(
                    "the loss is no longer a number",
                    where=f"step {at.step}",
                    mend="lower learning_rate in the recipe",
                )
            at.seconds = before + time.monotonic() - begun
            if at.step % recipe.eval_every == 0 or at.step == recipe.steps:
                looked = self._look(loss_sum / ((at.step - 1) % recipe.eval_every + 1))
                at.seconds = before + time.monotonic() - begun
                self._keep()
                loss_sum = 0.0
            if at.step % _SAY_EVERY == 0 or at.step == recipe.steps:
                pace = (at.seconds - before) / (at.step - first)
                since = at.step % recipe.eval_every
                self._watcher.step(
                    Standing(
                        step=at.step,
                        steps=recipe.steps,
                        loss=loss_sum / since if since else at.curve[-1]["loss"],
                        tune=looked,
                        best=at.best_value if at.best_step else None,
                        left_s=pace * (recipe.steps - at.step),
                    )
                )

    def finish(self) -> TrainResult:
        """Score the kept weights on every tune case, export them, write model and record."""
        at, plan = self._at, self._plan
        network = self._averaged.module
        network.load_state_dict(self._best)
        network.eval()
        self._watcher.say(f"Scoring the weights of step {at.best_step} on every tune case.")
        tune = self._score(self._tune_on)
        settings = {
            "input": plan.model.input.model_dump(mode="json"),
            "output": plan.model.output.model_dump(mode="json"),
            "labels": dict(plan.task.labels),
        }
        inputs = [np.ascontiguousarray(self._turned(v)[:, None]) for v in self._trial_inputs()]
        model = export_onnx(network, inputs[0], settings)
        difference = require_same_answers(network, model, inputs, self._recipe.threads)
        record = self._out.with_name(f"{self._out.stem}.training.json")
        text = json.dumps(self._record(model, tune, difference), indent=2, allow_nan=False)
        # The record names the model's digest, so a stop between the two leaves no wrong pair.
        write_atomically(record, f"{text}\n".encode())
        write_atomically(self._out, model)
        self._kept.unlink(missing_ok=True)
        return TrainResult(
            self._out, record, tune, at.best_step, at.step, difference, round(at.seconds, 1)
        )

    # --- tuning -----------------------------------------------------------------------------

    def _look(self, loss: float) -> TuneScore:
        at = self._at
        self._averaged.eval()
        score = self._score(self._tune_on[: self._recipe.tune_cases])
        at.curve.append({"step": at.step, "loss": round(loss, 6), **score.as_dict()})
        if score.value > at.best_value:
            at.best_value, at.best_step = score.value, at.step
            self._best = {k: v.clone() for k, v in self._averaged.module.state_dict().items()}
        return score

    def _score(self, cases: Sequence[TrainingCase]) -> TuneScore:
        model = self._plan.model
        return tune_score(
            cases, self._run, model.input.patch, model.input, model.output, self._plan.task
        )

    def _run(self, windows: Array) -> Array:
        import torch

        with torch.no_grad():
            scores: Array = self._averaged(self._tensor(windows)).numpy()
        return scores if self._plan.model.input.axes == "xyz" else scores.transpose(0, 1, 4, 3, 2)

    def _is_out_of_patience(self) -> bool:
        since: int = sum(look["step"] > self._at.best_step for look in self._at.curve)
        return since >= self._recipe.patience

    # --- tensors ----------------------------------------------------------------------------

    def _tensor(self, values: Array) -> Any:
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(self._turned(values))[:, None])
        return tensor.contiguous(memory_format=torch.channels_last_3d)

    def _turned(self, values: Array) -> Array:
        """(N, x, y, z) in the tensor's own order of axes."""
        return values if self._plan.model.input.axes == "xyz" else values.transpose(0, 3, 2, 1)

    def _trial_inputs(self) -> list[Array]:
        """Windows on which both models must agree: noise, and tune cases around their lesions."""
        rng = np.random.default_rng(self._recipe.seed)
        window = self._plan.window
        twice = tuple(2 * s for s in self._recipe.network.shrinks)
        trials = [
            rng.random((1, *window), dtype=np.float32),
            rng.standard_normal((3, *(4 * n for n in twice)), dtype=np.float32),
        ]
        for case in self._tune_on[:4]:
            middle = case.lesions[0][0] if case.lesions else np.array(case.values.shape) // 2
            start = [int(m) - n // 2 for m, n in zip(middle, window, strict=True)]
            trials.append(cut(case.values, start, window, case.padding)[None].astype(np.float32))
        return trials

    # --- what is kept -----------------------------------------------------------------------

    def _describe(self) -> dict[str, Any]:
        """Everything the weights depend on: a checkpoint of anything else is of no use."""
        model = self._plan.model
        digests = sorted(c.digest for c in [*self._train_on, *self._tune_on])
        return {
            "method": METHOD,
            "recipe": self._recipe.model_dump(mode="json"),
            "input": model.input.model_dump(mode="json"),
            "output": model.output.model_dump(mode="json"),
            "task": self._plan.task.model_dump(mode="json"),
            "cases": {
                "train": len(self._train_on),
                "tune": len(self._tune_on),
                "train_patients": len({c.patient for c in self._train_on}),
                "tune_patients": len({c.patient for c in self._tune_on}),
                "lesions": sum(len(c.lesions) for c in [*self._train_on, *self._tune_on]),
                "digest": digest_json(digests),
            },
            "versions": _versions(),
        }

    def _keep(self) -> None:
        now = Checkpoint(
            self._at,
            self._network.state_dict(),
            self._averaged.state_dict(),
            self._best,
            self._optimizer.state_dict(),
        )
        keep(self._kept, digest_json(self._problem), now)

    def _restore(self) -> None:
        try:
            kept = restore(self._kept, digest_json(self._problem))
        except DamagedCheckpoint:
            self._watcher.say("What an earlier training left is damaged; starting anew.")
            return
        except OtherProblem:
            self._watcher.say(
                "An earlier training left weights of other cases, another recipe or other "
                "settings; starting anew."
            )
            return
        if kept is None:
            return
        self._at, self._best = kept.reached, kept.best
        self._network.load_state_dict(kept.weights)
        self._averaged.load_state_dict(kept.averaged)
        self._optimizer.load_state_dict(kept.optimizer)
        self._watcher.say(f"Going on after step {self._at.step} of an earlier sitting.")

    def _record(self, model: bytes, tune: TuneScore, difference: float) -> dict[str, Any]:
        at = self._at
        return {
            **self._problem,
            "model": {"digest": digest_bytes(model), "bytes": len(model)},
            "parameters": sum(p.numel() for p in self._network.parameters()),
            "steps": at.step,
            "best_step": at.best_step,
            "tune": tune.as_dict(),
            "curve": at.curve,
            "export": {"largest_difference": difference, "of": "probabilities"},
            "seconds": round(at.seconds, 1),
        }


def running_mean(share: float) -> Callable[[Any, Any, Any], Any]:
    """Of weights over the steps, each of which keeps ``share`` of what was; less in the first
    hundred or so, that they be soon forgotten (as TensorFlow's ExponentialMovingAverage)."""

    def mean(kept: Any, new: Any, steps: Any) -> Any:
        return kept + (new - kept) * (1 - min(share, (1 + float(steps)) / (10 + float(steps))))

    return mean


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear rise over the warm-up, then half a cosine to 0 at the last step."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("limen", "torch", "monai", "numpy", "onnx")
    return {"python": platform.python_version(), **{n: version(n) for n in names}}
