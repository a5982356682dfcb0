"""The declared model of a product, opened; and what to do when it is not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limen.models import FrozenModel
    from limen.pipeline.product import Product
    from limen.product import Declaration


def model_identity(product: Product) -> tuple[FrozenModel, dict[str, str]]:
    """The model, and the digests of all that its predictions depend on besides the case.

    Raises
    ------
    ModelMissing
        With the command that makes it, where ``limen train`` can.
    ModelUnreadable
    """
    from limen.models import ModelMissing, open_model

    declaration = product.declaration
    model = open_model(declaration.model, product.folder, declaration.task)
    try:
        return model, model.identity(product.digests.digest)
    except ModelMissing as error:
        if not can_be_trained(declaration):
            raise
        recipe = product.folder / "model" / "recipe.yaml"
        how = "" if recipe.exists() else ", after writing its recipe, model/recipe.yaml"
        raise ModelMissing(
            error.what,
            where=error.where,
            found=error.found,
            mend=f"make it from the development cases with `limen train {product.folder}`{how}; "
            f"or {error.mend}",
        ) from None


def can_be_trained(declaration: Declaration) -> bool:
    """Whether ``limen train`` makes models of the declared kind, and there are cases for it."""
    from limen.product import OnnxModel

    model = declaration.model
    return (
        isinstance(model, OnnxModel)
        and model.output.holds == "scores"
        and model.output.activation == "softmax"
        and any(d.use == "development" for d in declaration.data)
    )
