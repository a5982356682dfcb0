"""From the declared data sets to cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from limen.errors import LimenError
from limen.pipeline.errors import MissingData

if TYPE_CHECKING:
    from limen.data import CaseSet, Pseudonyms
    from limen.pipeline.product import LoadedSet, Product
    from limen.product import Dataset


def load_sets(product: Product) -> dict[str, LoadedSet]:
    """Find the cases of every declared data set; nothing but headers is read."""
    from limen.data import Pseudonyms, load_or_make_salt, require_agreement

    pseudonyms = Pseudonyms(load_or_make_salt(product.state_folder / "salt"))
    sets = {d.name: _load_set(product, d, pseudonyms) for d in product.declaration.data}
    require_agreement({s.declared.approval: s.approval for s in sets.values()})
    return sets


def _load_set(product: Product, declared: Dataset, pseudonyms: Pseudonyms) -> LoadedSet:
    from limen.data import load_approval, origin_of
    from limen.pipeline.product import LoadedSet

    with of_set(declared):
        approval = load_approval(product.folder / declared.approval)
        origin = origin_of(approval, declared.origin)
        loaded = LoadedSet(declared=declared, approval=approval, origin=origin)
        loaded.left_out = left_out(product, declared)
        if loaded.left_out is None:
            found = find_set_cases(product, declared, pseudonyms)
            loaded.cases, loaded.problems, loaded.notes = found.cases, found.problems, found.notes
    return loaded


@contextmanager
def of_set(declared: Dataset) -> Iterator[None]:
    """Let an error that is of the set as a whole name it: every set has a ``cases.csv``."""
    name = f"data set {declared.name}"
    try:
        yield
    except LimenError as error:
        where = error.where
        if name not in (where or ""):
            where = name if where is None else f"{name}: {where}"
        raise type(error)(error.what, where=where, found=error.found, mend=error.mend) from None


def left_out(product: Product, declared: Dataset) -> str | None:
    """Why an optional data set takes no part, or None when its folders are there.

    Raises
    ------
    MissingData
        A folder is not there, and the data set is not optional.
    """
    given = (declared.path, declared.images, declared.references)
    absent = next((g for g in given if g is not None and not (product.folder / g).exists()), None)
    if absent is None:
        return None
    if not declared.optional:
        raise MissingData(
            "the folder of a declared data set is not there",
            where=f"data set {declared.name}",
            found=absent,
            mend="put the data there, correct the path in limen.yaml, or (for an example) "
            "run `limen examples fetch`",
        )
    return f"{absent} is not there"


def find_set_cases(product: Product, declared: Dataset, pseudonyms: Pseudonyms) -> CaseSet:
    """The cases of a data set, with the predictions on disk where the model is those.

    Raises
    ------
    NoReference
        Of a validation set not one case has a reference, so nothing can be judged.
    DataError, LimenError
        What is wrong with the set as a whole; a case's own problem is kept with the set.
    """
    from limen.data import attach_predictions, find_cases
    from limen.product import PredictionsModel

    found = find_cases(declared, product.folder, pseudonyms)
    model = product.declaration.model
    if declared.use == "validation" and not any(c.reference for c in found.cases):
        _require_references(declared, found)
    if declared.use == "validation" and isinstance(model, PredictionsModel):
        found = attach_predictions(found, product.folder / model.predictions)
    return found


def _require_references(declared: Dataset, found: CaseSet) -> None:
    from limen.data import NoReference

    without = len(found.cases) + sum(isinstance(p.error, NoReference) for p in found.problems)
    if not without or without < len(found.cases) + len(found.problems):
        return  # no case at all, or other problems, which are told one by one
    raise NoReference(
        "not one case has a reference, so nothing can be measured",
        where=f"data set {declared.name}",
        found=f"{without} cases, 0 references",
        mend="declare the folder of references (`references:` beside `images:`, or references/ "
        "beside images/), or add a column `reference` to the manifest",
    )
