"""The contract page of a product, from its answers and the limits of its results, kept to sign."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from limen.evidence import Record, digest_json, write_atomically
from limen.pipeline.boundary_state import boundary_state
from limen.pipeline.figures import supported_figures
from limen.pipeline.limits import product_limits
from limen.pipeline.regulatory import Regulatory, regulatory
from limen.pipeline.requirements import keep_result

if TYPE_CHECKING:
    from limen.pipeline.product import Product
    from limen.regulation import Contract
    from limen.regulation.wording import Limit

METHOD = "regulation.contract/1"
PLAN = "change-plan.yaml"
"""The predetermined change plan of a product, in its folder."""


def write_contract(product: Product, on: date) -> tuple[Contract, Record, Path]:
    """Make the contract, keep it as evidence that can be signed, and write it as Markdown."""
    from limen.pipeline.status import status

    found = status(product)
    limits = [
        limit for limit, _ in product_limits(product, found, supported_figures(product, found))
    ]
    contract = contract_of(product, regulatory(product.declaration, on), limits)
    boundary = boundary_state(product, found).record
    inputs = {
        "classes": digest_json(list(contract.classes)),
        "limits": digest_json([limit.words for limit in limits]),
        "intended use": product.declared_digest("product", "intended_use"),
        "change plan": _plan_digest(product),
        "boundary": "" if boundary is None else boundary.result,
    }
    name = product.declaration.product.name
    told = {**contract.as_dict(), "page": contract.words()}
    record = keep_result(product, "contract", name, METHOD, inputs, told)
    path = product.folder / "report" / f"{name}-contract.md"
    write_atomically(path, contract.words().encode())
    return contract, record, path


def contract_of(product: Product, answers: Regulatory, limits: list[Limit]) -> Contract:
    """The contract of a product with these answers and limits."""
    from limen.regulation import make_contract

    info = product.declaration.product
    return make_contract(
        f"{info.name} {info.version}",
        answers.facts,
        answers.answers,
        limits,
        has_plan=(product.folder / PLAN).is_file(),
    )


def _plan_digest(product: Product) -> str:
    from limen.evidence import digest_file

    path = product.folder / PLAN
    return digest_file(path) if path.is_file() else ""
