"""Freeze a release: model, criteria, results, boundary and signatures, in one folder and record."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Outcome, Record, Store, digest_bytes, digest_json
from limen.evidence.ledger import Ledger, read_lines
from limen.evidence.merkle import Tree, leaf_hash
from limen.pipeline.graph import METHODS
from limen.pipeline.reach import how_far
from limen.pipeline.reuse import judge_reuse
from limen.release.frozen import FORMAT, Release, load_release, write_release

if TYPE_CHECKING:
    from limen.pipeline.product import Product

METHOD = "release.freeze/1"


class NotFresh(LimenError):
    """What is to be frozen does not follow from the files as they are."""

    exit_code = 1


class AlreadyReleased(LimenError):
    """A version is frozen, and the product is another now."""

    exit_code = 1


class NoSuchRelease(LimenError):
    """No release of this version is in the ledger."""


def releases_folder(product: Product) -> Path:
    return product.folder / "releases"


def freeze(product: Product) -> tuple[Release, bool]:
    """Freeze the product as it is evaluated now, under the version of its declaration.

    Returns
    -------
    (Release, bool)
        The release, and whether it is new; the same product frozen again is the same release.

    Raises
    ------
    NotFresh
        If evidence is stale or missing.
    AlreadyReleased
        If the version is frozen with other content.
    """
    _require_fresh(product)
    inputs, files = release_inputs(product), _files(product)
    subject = subject_of(product)
    store = product.store
    known = store.latest("release", subject)
    if known is not None and dict(known.inputs) != inputs:
        differ = sorted(n for n in inputs.keys() | known.inputs.keys()
                        if inputs.get(n) != known.inputs.get(n))  # fmt: skip
        raise AlreadyReleased(
            "this version is frozen, and the product is another now",
            where=subject,
            found="changed: " + ", ".join(differ),
            mend="raise product.version in limen.yaml, and freeze that",
        )
    folder = releases_folder(product) / product.declaration.product.version
    if known is not None and folder.exists():
        return load_release(folder), False
    if known is None:
        manifest = _manifest(product, {n: digest_bytes(d) for n, d in files.items()})
        with store.writing():
            result = store.put_json(manifest)
            known = Record("release", subject, METHOD, inputs, result, made_utc=store.now_utc())
            store.add(known)
    manifest_bytes = store.get(known.result)
    frozen = json.loads(manifest_bytes)["files"]
    # signatures given since then are the ledger's to tell, not this release's
    kept = {n: d for n, d in files.items() if n in frozen}
    write_release(folder, manifest_bytes, kept, _ledger_proof(store, known))
    return load_release(folder), True


def subject_of(product: Product) -> str:
    info = product.declaration.product
    return f"{info.name} {info.version}"


def release_inputs(product: Product) -> dict[str, str]:
    """Digests of all that makes a release what it is."""
    from limen.pipeline.model import model_identity

    store, declaration = product.store, product.declaration
    _, identity = model_identity(product)
    inputs = {f"model {name}": digest for name, digest in identity.items()}
    inputs["declaration"] = digest_json(declaration.model_dump(mode="json", by_alias=True))
    inputs["methods"] = digest_json(METHODS)
    for dataset in product.sets.values():
        for kind in ("verdicts", "summary") if dataset.is_validation else ():
            record = store.latest(kind, dataset.name)
            if record is not None and dataset.left_out is None:
                inputs[f"{kind} {dataset.name}"] = record.result
    boundary = boundary_record(product)
    if boundary is not None:
        inputs["boundary"] = boundary.result
    return inputs


def boundary_record(product: Product) -> Record | None:
    record = product.store.latest("boundary", product.declaration.product.name)
    return record if record is not None and record.outcome is Outcome.done else None


def release_record(product: Product, version: str | None = None) -> Record:
    """The record of a release; of the newest where no version is named.

    Raises
    ------
    NoSuchRelease
    """
    name = product.declaration.product.name
    found = [r for r in product.store.records() if r.kind == "release"
             and version in (None, r.subject.removeprefix(f"{name} "))]  # fmt: skip
    if not found:
        raise NoSuchRelease(
            "nothing is frozen yet" if version is None else "no such release is frozen",
            found=version,
            mend="`limen release` freezes the product as it is evaluated",
        )
    return found[-1]


def _require_fresh(product: Product) -> None:
    from limen.pipeline.status import status

    found = status(product)
    stale = [f"{i.kind} {i.subject}" for i in found.stale]
    if stale:
        raise NotFresh(
            f"{len(stale)} pieces of evidence are stale or missing, and only fresh ones are frozen",
            found=", ".join(stale[:5]) + (" ..." if len(stale) > 5 else ""),
            mend="`limen run` first",
        )


def _manifest(product: Product, files: dict[str, str]) -> dict[str, Any]:
    from limen.pipeline.model import model_identity

    store, declaration = product.store, product.declaration
    sets = {}
    for dataset in product.sets.values():
        verdicts = store.latest("verdicts", dataset.name)
        summary = store.latest("summary", dataset.name)
        if not dataset.is_validation or dataset.left_out or verdicts is None or summary is None:
            continue
        held = store.get_json(summary.result)
        judged = judge_reuse(product, dataset, held)
        sets[dataset.name] = {
            "origin": dataset.origin,
            "cases": len(dataset.cases) + len(dataset.problems),
            "verdicts": verdicts.result,
            "summary": summary.result,
            "measurements": verdicts.inputs["measurements"],
            "reuse": None if judged is None else judged.as_dict(),
        }
    boundary = boundary_record(product)
    report = store.latest("report", declaration.product.name)
    reached = how_far(product).as_dict()
    return {
        "limen_release": FORMAT,
        "product": declaration.product.name,
        "version": declaration.product.version,
        "frozen_utc": store.now_utc(),
        "declaration": digest_json(declaration.model_dump(mode="json", by_alias=True)),
        "criteria": product.declared_digest("criteria"),
        "model": model_identity(product)[1],
        "methods": METHODS,
        "sets": sets,
        "reach": reached,
        "boundary": None if boundary is None else boundary.result,
        "report": None if report is None else report.result,
        "files": dict(sorted(files.items())),
    }


def _files(product: Product) -> dict[str, bytes]:
    """Everything that is copied into a release, by its path there."""
    store = product.store
    files = {"limen.yaml": (product.folder / "limen.yaml").read_bytes()}
    for number, path in enumerate(_model_files(product)):
        files[f"model/{path.name if number == 0 else f'{number}-{path.name}'}"] = path.read_bytes()
    signed = set()
    for dataset in product.sets.values():
        declared = dataset.declared.approval
        files[f"approvals/{dataset.name}.yaml"] = (product.folder / declared).read_bytes()
        for kind in ("verdicts", "summary") if dataset.is_validation else ():
            record = store.latest(kind, dataset.name)
            if record is not None and dataset.left_out is None:
                files[f"evidence/{dataset.name}.{kind}.json"] = store.get(record.result)
                signed.add(record.result)
    boundary = boundary_record(product)
    if boundary is not None:
        files["boundary.json"] = store.get(boundary.result)
        signed.add(boundary.result)
        files |= boundary_files(product, boundary)
    for record in store.records():
        if record.kind == "signature" and record.inputs.get("signed") in signed:
            files[f"signatures/{record.result[:16]}.dsse.json"] = store.get(record.result)
    return files


def boundary_files(product: Product, boundary: Record) -> dict[str, bytes]:
    """The boundary's page and the guard, where they were made, of this very boundary."""
    from limen.boundary.guard_file import BOUNDARY_FILE, HOME

    home = product.folder / HOME
    if not (home / BOUNDARY_FILE).is_file():
        return {}
    found = {f"{HOME}/{p.name}": p.read_bytes() for p in sorted(home.iterdir()) if p.is_file()}
    sources = json.loads(found[f"{HOME}/{BOUNDARY_FILE}"]).get("sources", {})
    if sources.get("boundary") != boundary.result:
        raise NotFresh(
            "the guard is of another boundary than the one that is certified now",
            where=f"{HOME}/{BOUNDARY_FILE}",
            mend="`limen explain` first",
        )
    return found


def _model_files(product: Product) -> list[Path]:
    """The model's own file; of a command or of predictions only the digests are frozen."""
    from limen.models.onnx_file import external_files
    from limen.product import OnnxModel

    declared = product.declaration.model
    if not isinstance(declared, OnnxModel):
        return []
    path = product.folder / declared.onnx
    return [path, *(path.parent / name for name in external_files(path))]


def _ledger_proof(store: Store, record: Record) -> dict[str, Any]:
    """The record, and the proof that it is under the ledger's signed head."""
    ledger = Ledger(store.folder)
    lines = list(read_lines(ledger.log_path))
    index = lines.index(record.line())
    head = ledger.signed_head()
    if head is None or head.size <= index:
        with store.writing():
            pass  # whoever recorded it was killed, or the disk was full: the next writer signs
        head = ledger.signed_head()
    assert head is not None and head.size > index, "a writer signs its head when it ends"
    proof = Tree(leaf_hash(line) for line in lines[: head.size]).inclusion_proof(index)
    return {
        "record": record.line().decode(),
        "index": index,
        "proof": [base64.b64encode(p).decode() for p in proof],
        "checkpoint": ledger.checkpoint_path.read_text(encoding="utf-8"),
        "key": str(ledger.public_key()),
    }
