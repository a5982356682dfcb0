"""A boundary in the dossier: limits and risks while it holds, and nothing once it is stale."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from pipeline_builders import YAML, build_product, write_case

import limen
from limen.boundary import GuardError
from limen.boundary.explain import Explanation
from limen.boundary.explain_limit import Findings, explain_limit
from limen.boundary.explain_modes import FailureMode
from limen.boundary.guard_file import (
    BOUNDARY_FILE,
    DIGESTS_FILE,
    HOME,
    check_digests,
    digests_of,
)
from limen.boundary.headroom import headroom
from limen.evidence import Record
from limen.pipeline.certify import certify
from limen.pipeline.contract import write_contract
from limen.pipeline.dossier import gather, write_dossier
from limen.pipeline.graph import METHODS
from limen.pipeline.limits import wording_evidence
from limen.pipeline.product import Product
from limen.pipeline.redo import redo_from_graph
from limen.pipeline.status import status
from limen.pipeline.stress import Effort
from limen.reports.dossier import DossierInput, render_dossier

ON = date(2026, 11, 24)
SHORT = Effort("test", 1 / 4, 1, 2, False, 1, False)
PHYSICS = "physics:\n  ct.slice_thickness: {from: 2.5 mm, to: 20 mm}\n"
PATIENTS = 12
NOTHING = "No boundary is certified of this version"


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bounded") / "product"
    build_product(folder)
    for number in range(5, PATIENTS):
        write_case(folder / "data/val", number)
    mild = YAML.replace(
        "failure_rate: 20 %, confidence: 90 %", "failure_rate: 50 %, confidence: 75 %"
    )
    (folder / "limen.yaml").write_text(mild + PHYSICS)
    product = limen.load(folder)
    product.evaluate(workers=1)
    certify(product, effort=SHORT, workers=1)
    return folder


def gathered(folder: Path) -> DossierInput:
    product = limen.load(folder)
    return gather(product, status(product), ON, {})


def put_explanation(product: Product) -> None:
    """One mode by hand, as if it had been found on this boundary."""
    boundary = product.store.latest("boundary", product.declaration.product.name)
    assert boundary is not None
    mode = FailureMode(("diameter_mm < 7",), 6, 3, 6, 0.5, 0.1, 0.9, 0.0, 0.01, 4, ("c, lesion 1",))
    limit = explain_limit(Findings(patients=PATIENTS, failed=3, detectability=(), curve=None))
    held = headroom([True] * 3 + [False] * 9, None, physics_fail=None)
    explanation = Explanation((), (mode,), limit, (), held)
    with product.store.writing():
        product.store.add(
            Record(
                "explanation", product.declaration.product.name, METHODS["explanation"],
                {"boundary": boundary.result}, product.store.put_json(explanation.as_dict()),
                made_utc=product.store.now_utc(),
            )
        )  # fmt: skip


def test_a_boundary_that_holds_is_a_limit_with_its_record(bounded: Path) -> None:
    given = gathered(bounded)
    record = limen.load(bounded).store.latest("boundary", "small")
    assert record is not None
    of_it = [line for line in given.limits if line.name.startswith("boundary, ")]
    assert of_it
    assert {line.source for line in of_it} == {record.result}
    assert any("ct.slice_thickness" in line.words for line in of_it)
    assert not [line for line in given.limits if line.name == "no boundary"]
    product = limen.load(bounded)
    known = wording_evidence(product, status(product))
    assert {line.name for line in of_it} <= {limit.name for limit in known.limits}


def test_trials_are_listed_together(bounded: Path) -> None:
    given = gathered(bounded)
    trials = [line for line in given.index if line.kind == "trial"]
    made = sum(r.kind == "trial" for r in limen.load(bounded).store.records())
    assert [(t.subject, t.records) for t in trials] == [("val, all ever made", made)]
    assert not [change for change in given.history if change.kind == "trial"]


def test_failure_modes_are_risks_with_the_explanations_record(bounded: Path) -> None:
    product = limen.load(bounded)
    assert not [r for r in gathered(bounded).risks if "more often" in r.hazard]
    put_explanation(product)
    risks = [r for r in gathered(bounded).risks if "more often" in r.hazard]
    record = product.store.latest("explanation", "small")
    assert record is not None
    assert [(r.situation, r.source) for r in risks] == [("Where diameter_mm < 7.", record.result)]
    assert "3 of 6 findings fail" in risks[0].occurrence_words
    page = render_dossier(gathered(bounded), pdf=False)["dossier.html"].decode()
    found = re.search(r'href="#([^"]+)">diameter_mm &lt; 7: 3 of 6', page)
    assert found is not None
    assert f'id="{found[1]}"' in page
    assert record.result[:12] in found[1]
    ids = [r.id for r in gathered(bounded).risks]
    assert ids == [f"R{n}" for n in range(1, len(ids) + 1)]


def put_page(folder: Path) -> None:
    """Page and file as if they had been written of the boundary that holds."""
    record = limen.load(folder).store.latest("boundary", "small")
    assert record is not None
    home = folder / HOME
    home.mkdir(exist_ok=True)
    (home / BOUNDARY_FILE).write_text(json.dumps({"sources": {"boundary": record.result}}))
    (home / "boundary.html").write_text("<p>the page</p>")
    (home / DIGESTS_FILE).write_bytes(digests_of(home, [BOUNDARY_FILE, "boundary.html"]))


def test_the_page_travels_unaltered_and_only_while_it_holds(bounded: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bounded, tmp_path / "product"))
    put_page(folder)
    written, _ = write_dossier(limen.load(folder), ON, pdf=False)
    assert "boundary/boundary.html" in (written / "dossier.html").read_text()
    assert check_digests(written / "boundary").keys() == {BOUNDARY_FILE, "boundary.html"}
    (folder / HOME / "boundary.html").write_text("<p>another page</p>")
    with pytest.raises(GuardError, match="not what was released"):
        write_dossier(limen.load(folder), ON, pdf=False)
    text = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(text.replace("from: 2.5 mm, to", "from: 3 mm, to"))
    written, _ = write_dossier(limen.load(folder), ON, pdf=False)
    assert not list((written / "boundary").iterdir())
    assert NOTHING in (written / "dossier.html").read_text()


def test_a_change_of_the_axes_redoes_the_boundary_alone(bounded: Path, tmp_path: Path) -> None:
    new = Path(shutil.copytree(bounded, tmp_path / "new"))
    text = (new / "limen.yaml").read_text()
    (new / "limen.yaml").write_text(text.replace("from: 2.5 mm, to", "from: 3 mm, to"))
    found = redo_from_graph(limen.load(bounded), limen.load(new))
    again = [a for a in found.again if a.kind != "report"]
    assert [a.kind for a in again] == ["stress", "boundary", "guard", "explanation"]
    timed = again[:2]
    assert timed[0].because == ("physics",)
    assert found.seconds == pytest.approx(sum(a.seconds or 0 for a in timed))
    assert "trials of degraded cases" in timed[0].pace


def test_a_stale_boundary_certifies_nothing_anywhere(bounded: Path) -> None:
    text = (bounded / "limen.yaml").read_text()
    fresh = write_contract(limen.load(bounded), ON)[1]
    try:
        (bounded / "limen.yaml").write_text(text.replace("from: 2.5 mm, to", "from: 3 mm, to"))
        given = gathered(bounded)
        assert any(line.words.startswith(NOTHING) for line in given.limits)
        assert not [line for line in given.limits if line.name.startswith("boundary, ")]
        assert not [r for r in given.risks if "more often" in r.hazard]
        stale = write_contract(limen.load(bounded), ON)[1]
        assert fresh.inputs["boundary"]
        assert not stale.inputs["boundary"]
    finally:
        (bounded / "limen.yaml").write_text(text)
