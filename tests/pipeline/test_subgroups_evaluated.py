"""Subgroups come out of `limen evaluate`, and follow the cases' attributes."""

from __future__ import annotations

from pathlib import Path

from pipeline_builders import build_product

import limen
from limen.pipeline.status import status
from limen.pipeline.tables import read_table


def test_attributes_in_the_manifest_become_groups(tmp_path: Path):
    build_product(tmp_path)
    manifest = tmp_path / "data" / "val" / "cases.csv"
    lines = ["case,patient,image,reference,site"]
    for i in range(5):
        files = f"images/case-{i}.nii.gz,references/case-{i}.nii.gz"
        lines.append(f"V{i},V{i},{files},{'north' if i % 2 else 'south'}")
    manifest.write_text("\n".join(lines) + "\n")

    product = limen.load(tmp_path)
    made = product.evaluate(workers=1).summaries["val"]["subgroups"]
    small = {g["by"]["site"]: g["n_patients"] for g in made["too_small"]}
    assert small == {"north": 2, "south": 3}
    assert all("cannot_say" in g for g in made["too_small"])
    assert "site" not in made["unstated"]
    table = read_table(product, "subgroups")
    assert set(table["group"]) == {"all cases", "site north", "site south"}
    assert not status(limen.load(tmp_path)).causes().get("case attributes")

    manifest.write_text(manifest.read_text().replace("north", "east"))
    stale = status(limen.load(tmp_path)).causes()
    assert [i.kind for i in stale["case attributes"]][:1] == ["summary"]
    again = limen.load(tmp_path).evaluate(workers=1)
    assert again.computed == 0
    assert {"site": "east"} in [g["by"] for g in again.summaries["val"]["subgroups"]["too_small"]]
