"""A product: the declaration, its cases and its evidence, in one folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.evidence import DigestMemory, Outcome, Record, Store, digest_bytes, digest_json
from limen.pipeline.errors import NotMadeYet, UnknownCase

if TYPE_CHECKING:
    import polars as pl

    from limen.data import Approval, Case, CaseProblem, Source, Volume
    from limen.product import Dataset, Declaration, Origin


@dataclass
class LoadedSet:
    """One declared data set with the cases found in it."""

    declared: Dataset
    approval: Approval
    origin: Origin
    cases: list[Case] = field(default_factory=list)
    problems: list[CaseProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: str | None = None
    """Why an optional data set is absent, in words; None when it is there."""

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def is_validation(self) -> bool:
        return self.declared.use == "validation"


class Product:
    """A product folder, loaded: what ``limen.load`` returns.

    Everything is read when first asked for. In a notebook::

        product = limen.load("ct-lung-nodule")
        product.evaluate()
        product.table("verdicts")            # a polars DataFrame
        product.prediction("validation/P007")  # a Volume on the image's own grid
    """

    def __init__(self, folder: Path, declaration: Declaration) -> None:
        self.folder = folder
        self.declaration = declaration
        self.state_folder = folder / ".limen"

    def __repr__(self) -> str:
        info = self.declaration.product
        return f"<Product {info.name} {info.version} in {self.folder}>"

    @cached_property
    def store(self) -> Store:
        return Store(self.state_folder)

    @cached_property
    def digests(self) -> DigestMemory:
        from limen.data import load_or_make_salt

        salt = load_or_make_salt(self.state_folder / "salt")
        return DigestMemory(self.state_folder / "digests.sqlite", root=self.folder, salt=salt)

    @cached_property
    def sets(self) -> dict[str, LoadedSet]:
        """Every declared data set by name, its cases found but not read."""
        from limen.pipeline.sets import load_sets

        return load_sets(self)

    def case(self, name: str) -> tuple[LoadedSet, Case]:
        """A case by ``DATASET/CASE``, or by its own name where only one has it."""
        dataset, _, case_id = name.rpartition("/")
        found = [
            (s, c)
            for s in self.sets.values()
            for c in s.cases
            if c.id == case_id and dataset in ("", s.name)
        ]
        if len(found) != 1:
            raise UnknownCase(
                "no such case" if not found else "several data sets have a case of this name",
                found=name,
                mend="name it as DATASET/CASE; `limen status --cases` lists them",
            )
        return found[0]

    # --- doing ------------------------------------------------------------------------------

    def evaluate(self, **options: Any) -> Any:
        """Evaluate what is stale; see :func:`limen.pipeline.evaluate`."""
        from limen.pipeline.evaluate import evaluate

        return evaluate(self, **options)

    def report(self) -> Path:
        """Write the report of what has been evaluated; returns its path."""
        from limen.pipeline.report import write_report

        return write_report(self)

    # --- looking ----------------------------------------------------------------------------

    def image(self, case: str) -> Volume:
        from limen.data import read_image

        return read_image(self.case(case)[1])

    def reference(self, case: str) -> Volume:
        from limen.data import read_image, read_labels

        found = self.case(case)[1]
        if found.reference is None:
            raise UnknownCase("the case has no reference", where=case)
        geometry = read_image(found).geometry
        return read_labels(found.reference, geometry, self.declaration.task, found.id)

    def prediction(self, case: str) -> Volume:
        """The model's label map of a case, on the image's own grid."""
        from limen.data import decode_nifti

        dataset, found = self.case(case)
        return decode_nifti(self.store.get(self._latest("prediction", dataset, found.id).result))

    def measurement(self, case: str) -> dict[str, Any]:
        dataset, found = self.case(case)
        record = self._latest("measurement", dataset, found.id)
        result: dict[str, Any] = self.store.get_json(record.result)
        return result

    def table(self, name: str) -> pl.DataFrame:
        """A table of results: ``cases``, ``verdicts``, ``measurements`` or ``lesions``."""
        from limen.pipeline.tables import read_table

        return read_table(self, name)

    def _latest(self, kind: str, dataset: LoadedSet, case_id: str) -> Record:
        record = self.store.latest(kind, f"{dataset.name}/{case_id}")
        if record is None or record.outcome is not Outcome.done:
            raise NotMadeYet(
                f"there is no {kind} of this case yet",
                where=f"{dataset.name}/{case_id}",
                mend=f"run `limen evaluate {self.folder}`",
            )
        return record

    # --- digests ----------------------------------------------------------------------------

    def source_digest(self, source: Source) -> str:
        """Digest of an image or reference: of its one file, or of its files' digests.

        A file that cannot be read counts by its reason, so that the case's own work meets and
        tells it, the other cases go on, and a mended file makes the case stale.
        """
        return digest_of_source(source, self._file_digest)

    def _file_digest(self, path: Path) -> str:
        try:
            return self.digests.digest(path)
        except OSError as error:
            return digest_bytes(f"cannot be read, errno {error.errno}".encode())

    def declared_digest(self, *parts: str) -> str:
        """Digest of one part of the declaration, e.g. ``task`` or ``model.input``."""
        value: Any = self.declaration
        for part in parts:
            value = getattr(value, part)
        if isinstance(value, list):
            return digest_json([v.model_dump(mode="json") for v in value])
        return digest_json(value.model_dump(mode="json"))


def digest_of_source(source: Source, digest: Callable[[Path], str]) -> str:
    """Digest of an image or reference, given that of a file."""
    found = [digest(f) for f in source.files]
    return found[0] if len(found) == 1 else digest_bytes("\n".join(sorted(found)).encode())


def load(folder: str | Path = ".") -> Product:
    """Load a product folder.

    Parameters
    ----------
    folder : str or Path
        The folder that holds ``limen.yaml``, or that file.

    Raises
    ------
    ProductNotFound, DeclarationError
    """
    from limen.product import load_declaration

    path = Path(folder)
    if path.name != "limen.yaml":
        path = path / "limen.yaml"
    return Product(path.parent, load_declaration(path))
