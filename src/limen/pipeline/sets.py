"""From the declared data sets to cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limen.pipeline.errors import MissingData

if TYPE_CHECKING:
    from limen.data import Pseudonyms
    from limen.pipeline.product import LoadedSet, Product
    from limen.product import Dataset


def load_sets(product: Product) -> dict[str, LoadedSet]:
    """Find the cases of every declared data set; nothing but headers is read."""
    from limen.data import Pseudonyms, load_or_make_salt

    pseudonyms = Pseudonyms(load_or_make_salt(product.state_folder / "salt"))
    return {d.name: _load_set(product, d, pseudonyms) for d in product.declaration.data}


def _load_set(product: Product, declared: Dataset, pseudonyms: Pseudonyms) -> LoadedSet:
    from limen.data import attach_predictions, find_cases, load_approval, origin_of
    from limen.pipeline.product import LoadedSet
    from limen.product import PredictionsModel

    approval = load_approval(product.folder / declared.approval)
    origin = origin_of(approval, declared.origin)
    loaded = LoadedSet(declared=declared, approval=approval, origin=origin)
    absent = absent_folder(product.folder, declared)
    if absent is not None:
        if not declared.optional:
            raise MissingData(
                "the folder of a declared data set is not there",
                where=f"data set {declared.name}",
                found=absent,
                mend="put the data there, correct the path in limen.yaml, or (for an example) "
                "run `limen examples fetch`",
            )
        loaded.left_out = f"{absent} is not there"
        return loaded
    found = find_cases(declared, product.folder, pseudonyms)
    if loaded.is_validation and isinstance(product.declaration.model, PredictionsModel):
        found = attach_predictions(found, product.folder / product.declaration.model.predictions)
    loaded.cases, loaded.problems, loaded.notes = found.cases, found.problems, found.notes
    return loaded


def absent_folder(root: Path, declared: Dataset) -> str | None:
    for given in (declared.path, declared.images, declared.references):
        if given is not None and not (root / given).exists():
            return given
    return None
