"""The verb that makes a model: train."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Folder, Json, json_out

if TYPE_CHECKING:
    from limen.data import Case
    from limen.models.watch import Standing
    from limen.pipeline.product import Product


def add_to(app: typer.Typer) -> None:
    app.command()(train)


def train(
    folder: Folder = Path(),
    recipe: Annotated[
        Path | None, typer.Option(help="The recipe; default model/recipe.yaml of the folder.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The .onnx file to write; default model.onnx as declared.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; default as the recipe says.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a model that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a baseline model on development cases by a recipe.

    A standard MONAI U-Net, exported to ONNX and shown to answer as the trained network does.
    Needs the extra `train`. Stop it at any time; the same command goes on from there.
    """
    from limen.models.recipe import load_recipe
    from limen.models.train import train as train_model
    from limen.models.training_plan import require_torch
    from limen.pipeline import load

    product = load(folder)
    chosen = load_recipe(recipe or product.folder / "model" / "recipe.yaml")
    if threads is not None:
        chosen = chosen.model_copy(update={"threads": threads})
    require_torch()
    result = train_model(
        _development(product),
        product.declaration,
        chosen,
        out or _declared_file(product),
        force=force,
        watcher=_Told(quiet=as_json),
    )
    if as_json:
        json_out(
            {
                "model": str(result.model),
                "record": str(result.record),
                "tune": result.tune.as_dict(),
                "best_step": result.best_step,
                "steps": result.steps,
                "export_difference": result.export_difference,
                "seconds": result.seconds,
            }
        )
        return
    tune = result.tune
    typer.echo(
        f"Kept the weights of step {result.best_step} of {result.steps}. On {tune.cases} tune "
        f"cases: {tune.found} of {tune.present} lesions found, {tune.false_marks} false marks, "
        f"Dice {tune.dice:.3f}.\n"
        "These cases chose the weights, so this is no evidence: `limen run` judges the model on "
        f"validation cases.\nModel:  {result.model}\nRecord: {result.record}"
    )


def _declared_file(product: Product) -> Path:
    from limen.models.training_errors import CannotTrain
    from limen.product import OnnxModel

    model = product.declaration.model
    if not isinstance(model, OnnxModel):
        raise CannotTrain(
            "only a model declared as onnx can be trained here",
            where="limen.yaml, model",
            mend="declare model.onnx: model/NAME.onnx with its input and output",
        )
    return product.folder / model.onnx


def _development(product: Product) -> list[Case]:
    """Development cases of every data set; a broken one stops here, before anything is read."""
    from limen.models.training_errors import BrokenCases

    sets = [s for s in product.sets.values() if s.declared.use == "development"]
    broken = [(f"{s.name}/{p.case}", p.error) for s in sets for p in s.problems]
    if broken:
        raise BrokenCases.of(broken)
    return [case for s in sets for case in s.cases]


class _Told:
    """Progress on standard error: one line that is renewed on a terminal, else now and then."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._line = sys.stderr.isatty()
        self._last = 0.0
        self._looked: Any = None

    def say(self, words: str) -> None:
        if not self._quiet:
            typer.echo(f"{self._clear()}{words}", err=True)

    def read(self, done: int, total: int) -> None:
        if done == total:
            self.say(f"Read {total} development cases.")
        else:
            self._now_and_then(f"Reading development cases: {done} of {total}", every_s=5)

    def step(self, standing: Standing) -> None:
        words = f"step {standing.step}/{standing.steps}  loss {standing.loss:.3f}"
        tune = standing.tune
        if tune is not None:
            words += (
                f"  tune {tune.value:.3f} ({tune.found}/{tune.present} found, "
                f"{tune.false_marks} false)"
            )
        if standing.best is not None:
            words += f"  best {standing.best:.3f}"
        words += f"  {_minutes(standing.left_s)} left at most"
        is_new = tune is not self._looked
        self._looked = tune
        if is_new or standing.step == standing.steps:
            self.say(words)
        else:
            self._now_and_then(words, every_s=20)

    def _now_and_then(self, words: str, every_s: float) -> None:
        if self._quiet:
            return
        if self._line:
            typer.echo(f"{self._clear()}{words}", err=True, nl=False)
        elif time.monotonic() - self._last > every_s:
            self._last = time.monotonic()
            typer.echo(words, err=True)

    def _clear(self) -> str:
        return "\r\x1b[2K" if self._line else ""


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
