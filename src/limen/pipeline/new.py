"""A new product folder: a commented declaration, written from what is there or as a template."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from limen.errors import LimenError
from limen.evidence import write_atomically

if TYPE_CHECKING:
    from limen.data import Inspection
    from limen.models import OnnxFacts

Modality = Literal["ct", "mr", "oct"]


class AlreadyAProduct(LimenError):
    """The folder holds a ``limen.yaml`` already."""


class NothingToDeclare(LimenError):
    """What was found is not enough for a declaration that can be run."""


@dataclass(frozen=True)
class NewProduct:
    """What was written, and on what grounds."""

    folder: Path
    found: Inspection | None
    assumed: list[str] = field(default_factory=list)
    """What a person has to confirm, one sentence each."""
    next_command: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "declaration": str(self.folder / "limen.yaml"),
            "found": None if self.found is None else self.found.as_dict(),
            "assumed": self.assumed,
            "next": self.next_command,
        }


def new_product(
    folder: Path,
    *,
    images: Path | None = None,
    references: Path | None = None,
    predictions: Path | None = None,
    onnx: Path | None = None,
    modality: Modality | None = None,
    name: str | None = None,
    told: Callable[[int, int], None] | None = None,
) -> NewProduct:
    """Write a product folder: ``limen.yaml``, an approval to fill in, a schema for editors.

    Without ``images`` it is a template; with them the declaration describes what is there, and
    ``limen run`` accepts it as it stands. Nothing is copied, and nothing is left when it fails.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    images, references : Path, optional
        Folders; ``images`` alone is a folder that holds both, or a manifest.
    predictions, onnx : Path, optional
        The model: label maps on disk, or an ONNX file. At most one of them.
    modality : "ct", "mr" or "oct", optional
        Else from the DICOM headers, else guessed from the values; of a template: ct.
    name : str, optional
        Of the product; else made from the folder's name.
    told : callable, optional
        Called with (cases read, cases to read).

    Raises
    ------
    AlreadyAProduct
        An existing declaration is never overwritten.
    NothingToDeclare
        No references, no readable case, or flags that do not go together.
    DataError, ModelError
    """
    _require_free(folder)
    if images is None and (references or predictions or onnx):
        raise NothingToDeclare(
            "there are no images to look at",
            mend="add --images FOLDER; without any data flag a template is written",
        )
    if predictions is not None and onnx is not None:
        raise NothingToDeclare(
            "two models are given", found="--predictions and --onnx", mend="give one of them"
        )
    title = name or _name_of(folder)
    _require_name(title)
    from limen.pipeline.new_model import look_at_onnx

    of_model = None if onnx is None else look_at_onnx(onnx)  # before cases are read for long
    if images is None:
        from limen.pipeline.templates import template

        text = template(modality or "ct", title)
        folders = ["data/validation/images", "data/validation/references", "model"]
        command = f"put data and model there, then `limen check {folder}`"
        return _written(NewProduct(folder, None, next_command=command), text, folders)

    from limen.data import inspect_folders

    found = inspect_folders(images, references, predictions=predictions, told=told)
    _require_enough(found, references)
    if modality is not None:
        stated: dict[str, Any] = {"modality": modality.upper(), "modality_is_guess": False}
        found = replace(found, **stated)
    if predictions is None and onnx is None and found.predictions == found.cases:
        predictions = images  # each lies beside its image, or is named in the manifest
    text, assumed = _declaration(
        found,
        folder,
        title,
        modality,
        images,
        references,
        predictions,
        onnx,
        of_model,
    )
    command = f"limen run {folder}"
    if predictions is None and onnx is None:
        command = (
            f"put one label map a case into {folder / 'predictions'}, or declare another model in "
            f"{folder / 'limen.yaml'}; then `limen check {folder}`"
        )
        assumed.append("no model is named: fill in model in limen.yaml (see TO FILL IN there)")
    return _written(NewProduct(folder, found, assumed, command), text, [])


# --- what is refused --------------------------------------------------------------------------


def _require_free(folder: Path) -> None:
    if (folder / "limen.yaml").exists():
        raise AlreadyAProduct(
            "the folder is a product already, and Limen never overwrites a declaration",
            where=str(folder / "limen.yaml"),
            mend="name another folder, or edit that file",
        )
    if folder.exists() and not folder.is_dir():
        raise NothingToDeclare("this is a file", where=str(folder), mend="name a folder")


def _require_name(title: str) -> None:
    from limen.product.declaration import NAME, PATTERNS

    if not re.match(NAME, title):
        raise NothingToDeclare(
            "the product cannot have this name",
            where="--name",
            found=repr(title),
            mend=f"use {PATTERNS[NAME]}, as {_slug(title)}",
        )


def _require_enough(found: Inspection, references: Path | None) -> None:
    first = found.problems[0].error if found.problems else None
    if not found.references:
        raise NothingToDeclare(
            "no case has a reference, so nothing could be measured",
            found=str(first) if first else f"{found.cases} images",
            mend="name the folder of references with --references"
            if references is None
            else "give references and images the same names (CASE.nii.gz)",
        )
    if not found.read:
        raise NothingToDeclare(
            "not one case could be read",
            found=str(first) if first else None,
            mend=first.mend if first else None,
        )


# --- the text ---------------------------------------------------------------------------------


def _declaration(
    found: Inspection,
    folder: Path,
    title: str,
    given: Modality | None,
    images: Path,
    references: Path | None,
    predictions: Path | None,
    onnx: Path | None,
    of_model: OnnxFacts | None,
) -> tuple[str, list[str]]:
    from limen.pipeline.new_model import (
        fit_onnx,
        labels_of_channels,
        onnx_lines,
        path_from,
        predictions_lines,
    )
    from limen.pipeline.templates import Facts, declaration

    assumed = []
    modality = given.upper() if given is not None else (found.modality or "CT")
    if given is None and (found.modality_is_guess or found.modality is None):
        assumed.append(f"modality {modality}, guessed from the image values (--modality states it)")
    labels = {label.name: label.value for label in found.labels if label.voxels or label.name}
    unnamed = not any(k.startswith("dicom") for k in found.reference_kinds)
    labels |= {f"label_{v}": v for v in found.predicted if v not in labels.values()}
    # seen first: a model that Limen cannot use ends here, with nothing written
    fit = None if onnx is None or of_model is None else fit_onnx(onnx, of_model, found)
    stated = (of_model.settings or {}).get("labels") if of_model is not None else None
    if stated and unnamed and found.reference == "mask":
        names = {value: str(name) for name, value in stated.items()}
        labels = {names.get(value, name): value for name, value in labels.items()}
        labels |= {name: value for value, name in names.items() if name not in labels}
    if found.reference == "instances" and unnamed:
        labels = {"lesion": 1}
    channels: dict[str, int] | None = None
    if not labels:
        labels = {"label_1": 1}
        assumed.append("one label with value 1, because every reference read is empty")
    elif any(name.startswith("label_") for name in labels):
        assumed.append(f"names of labels ({', '.join(labels)}); rename them in limen.yaml")
    assumed.append(f"task {found.task}: {found.task_because}")
    if found.reference == "instances" and len(found.predicted) == 1:
        assumed.append(
            "predictions number their lesions too, as the references do; those read hold a single "
            "value, so all marks of a case would count as one lesion"
        )
    assumed += [
        "criteria and risk: defaults, until a clinician sets them",
        "intended use and approval: to be written",
    ]
    data = {
        "path": path_from(images, folder) if references is None else None,
        "images": None if references is None else path_from(images, folder),
        "references": None if references is None else path_from(references, folder),
    }
    if onnx is not None and fit is not None:
        labels, channels, told = labels_of_channels(onnx, fit, labels)
        assumed += told
    if onnx is not None and of_model is not None:
        model, checks = onnx_lines(onnx, of_model, fit, channels, folder, modality, labels, found)
    else:
        model, checks = predictions_lines(predictions, folder), []
    facts = Facts(
        title=title,
        modality=modality,
        task=found.task,
        because=found.task_because,
        reference=found.reference,
        labels=labels,
        found=_found_words(found),
        data={k: v for k, v in data.items() if v is not None},
        model=model,
    )
    return declaration(facts), assumed + checks


def _found_words(found: Inspection) -> list[str]:
    """What was found, one line each, for comments in the file."""
    words = [f"{found.cases} cases of {found.patients} patients, understood as {found.layout}."]
    if found.spacing_mm:
        spacing = " x ".join(f"{m:g}" for _, m, _ in found.spacing_mm)
        words.append(f"Median spacing {spacing} mm; read whole: {found.read} cases.")
    words += [
        f"{label.name} (value {label.value}): in {label.cases} cases read, {label.components:g} "
        f"components each, typically {label.diameter_mm:g} mm across."
        for label in found.labels
    ]
    if found.empty_references:
        words.append(f"{found.empty_references} references read hold no label.")
    return words + [f"{note[:1].upper()}{note[1:]}." for note in found.notes]


def _name_of(folder: Path) -> str:
    return _slug(folder.resolve().name)


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "product"


# --- writing ----------------------------------------------------------------------------------


def _written(product: NewProduct, text: str, folders: list[str]) -> NewProduct:
    from limen.pipeline.templates import UNDECLARED
    from limen.product import declaration_schema, load_declaration

    with tempfile.TemporaryDirectory() as draft:
        path = Path(draft) / "limen.yaml"
        path.write_text(text, encoding="utf-8")
        load_declaration(path)  # a declaration that would be refused is never written
    folder = product.folder
    files = {
        ".limen/limen.schema.json": json.dumps(declaration_schema(), indent=1).encode(),
        "approvals/undeclared.yaml": UNDECLARED.encode(),
        "limen.yaml": text.encode(),  # last: with it the folder is a product
    }
    made: list[Path] = []
    try:
        for inside in [*folders, *(str(Path(f).parent) for f in files)]:
            _make_folders(folder / inside, made)
        for inside, content in files.items():
            target = folder / inside
            if inside == "approvals/undeclared.yaml" and target.exists():
                continue
            if inside == "limen.yaml":
                _require_free(folder)
            write_atomically(target, content)
            made.append(target)
    except BaseException:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        raise
    return product


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    for path in reversed(missing):
        path.mkdir()
        made.append(path)
