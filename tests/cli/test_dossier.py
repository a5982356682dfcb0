"""contract, requires, modify, change and the dossier, on a small product that was run."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pytest
from cli_builders import write_product
from pypdf import PdfReader
from ruamel.yaml import YAML
from typer.testing import CliRunner

import limen
from limen.cli.app import build
from limen.evidence import Store, digest_bytes
from limen.pipeline.dossier import gather, write_dossier
from limen.pipeline.status import status
from limen.regulation.checklists import CHECKLISTS, TOPICS
from limen.reports.dossier import DossierInput, LimitLost, render_dossier, require_limits
from limen.reports.dossier.limits import WITHOUT_CLAIMS
from limen.reports.dossier.pdf import as_pdf, pdf_text

ON = date(2026, 11, 25)
CASES = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product that was run; the model misses the lesion of case 0."""
    folder = write_product(tmp_path_factory.mktemp("dossier") / "product", CASES)
    _write_prediction(folder, 0, np.zeros((20, 18, 10), np.uint8))
    limen.load(folder).evaluate(workers=1)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "product"))


@pytest.fixture(scope="module")
def given(made: Path) -> DossierInput:
    product = limen.load(made)
    return gather(product, status(product), ON, {"report.html": "the report"})


@pytest.fixture(scope="module")
def files(given: DossierInput) -> dict[str, bytes]:
    return render_dossier(given, pdf=False)


def _write_prediction(folder: Path, n: int, values: np.ndarray) -> None:
    image = nib.Nifti1Image(values, np.diag([-1.0, -1.0, 2.0, 1.0]))
    nib.save(image, folder / f"preds/case{n}.nii.gz")


def say(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(
        build(), [str(w) for w in words], env={"LIMEN_PASSPHRASE": "correct horse battery"}
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


# --- no export loses a limit ---


def test_an_export_without_any_one_limit_is_refused(
    given: DossierInput, files: dict[str, bytes]
) -> None:
    claiming = [n for n in files if n not in WITHOUT_CLAIMS]
    assert len(claiming) >= 7
    assert len(given.limits) >= 6
    for name in claiming:
        for limit in given.limits:
            words = limit.words.encode()
            kept = files[name]
            stripped = kept.replace(words, b"").replace(words.replace(b'"', b'""'), b"")
            assert stripped != kept, (name, limit.name)
            with pytest.raises(LimitLost, match=re.escape(name)):
                require_limits({**files, name: stripped}, given.limits)


def test_a_pdf_without_a_limit_is_refused_too(given: DossierInput) -> None:
    few = "".join(f"<p>{line.words}</p>" for line in given.limits)
    require_limits({"a.pdf": as_pdf(few, b"<x/>", "limen")}, given.limits)
    for limit in given.limits[:2]:
        page = as_pdf(few.replace(limit.words, ""), b"<x/>", "limen")
        with pytest.raises(LimitLost, match=r"a\.pdf"):
            require_limits({"a.pdf": page}, given.limits)


def test_a_dossier_whose_contract_lost_a_limit_is_not_written(given: DossierInput) -> None:
    shorter = replace(given.contract, label=given.contract.label[1:])
    with pytest.raises(LimitLost, match="contract"):
        render_dossier(replace(given, contract=shorter), pdf=False)


def test_the_limits_are_those_of_the_evidence(given: DossierInput) -> None:
    text = " ".join(line.words for line in given.limits)
    for words in ("18 to 99 years", "CT of the chest alone", "feasibility", "No boundary"):
        assert words in text


# --- each number is linked to its record ---


class _Page(HTMLParser):
    """Text with the link it stands in, and every anchor."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[str, str | None, str]] = []
        self.anchors: set[str] = set()
        self._link: str | None = None
        self._in: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.anchors.add(str(found["id"]))
        if tag == "a":
            self._link = found.get("href")
        if tag in ("td", "style", "section"):
            self._in.append(f"{tag} {found.get('class') or found.get('id') or ''}".strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None
        if tag in ("td", "style", "section"):
            self._in.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((data.strip(), self._link, self._in[-1] if self._in else ""))


def test_every_number_is_linked_to_a_record_that_holds_it(
    made: Path, given: DossierInput, files: dict[str, bytes]
) -> None:
    page = _Page()
    page.feed(files["dossier.html"].decode())
    links = [link for _, link, _ in page.texts if link and link.startswith("#r-")]
    assert links
    assert {link[1:] for link in links} <= page.anchors
    for text, link, where in page.texts:
        if where.startswith("style"):
            continue
        if re.search(r"\d ?%", text) or (where.startswith("td n") and re.search(r"\d", text)):
            assert link is not None, text
            assert link.startswith("#r-"), text
    store = Store(made / ".limen")
    digests = {r.result[:16]: r.result for r in store.records()}
    for figure in given.figures:
        assert f"#r-{figure.digest[:16]}" in links
        record = store.get(digests[figure.digest[:16]]).decode()
        assert repr(figure.value) in record or str(figure.value) in record


def test_figures_are_those_of_the_cases(given: DossierInput) -> None:
    # twelve patients, one lesion each, one missed: by counting
    by_metric = {f.metric: f for f in given.figures}
    assert by_metric["failure rate"].value == pytest.approx(1 / CASES)
    assert by_metric["sensitivity"].value == pytest.approx((CASES - 1) / CASES)
    missed = next(r for r in given.risks if r.hazard == "A finding is not marked")
    assert missed.occurrence is not None
    assert missed.occurrence.value == pytest.approx(1 / CASES)
    assert (missed.occurrence.n, missed.residual) == (CASES, "for the risk team to judge")


def test_the_index_holds_every_record_with_its_digest(made: Path, files: dict[str, bytes]) -> None:
    rows = files["evidence-index.csv"].decode().splitlines()[1:]
    store = Store(made / ".limen")
    wanted = {r.result for r in store.records() if r.kind not in ("run", "run-end", "objects")}
    assert {row.split(",")[3] for row in rows} == wanted


# --- model cards ---

# the elements of the CHAI Applied Model Card schema v0.2 that have to be there, in its order
CHAI = {
    "BasicInfo": "ModelName ModelDeveloper DeveloperContact",
    "ReleaseInfo": "ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability RegulatoryApproval",
    "ModelSummary": "Summary Keywords",
    "UsesAndDirections": "IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse "
    "TargetedPatientPopulation CautionedOutOfScopeSettings",
    "Warnings": "KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel",
    "TrustIngredients": "AISystemFacts TransparencyInformation",
    "KeyMetrics": "UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability",
    "Resources": "EvaluationReferences PeerReviewedPublications PatientConsentOrDisclosure",
    "Bibliography": "",
}
METRIC = (
    "MetricGoal Results Interpretation TestType TestingDataDescription "
    "ValidationProcessAndJustification"
)


def test_the_chai_card_is_of_the_schema(files: dict[str, bytes], given: DossierInput) -> None:
    root = ElementTree.fromstring(files["model-card.xml"])
    space = "{https://mc.chai.org/v0.2/schema.xsd}"
    assert root.tag == space + "AppliedModelCard"
    found = {c.tag.removeprefix(space): c for c in root}
    assert list(found) == list(CHAI)
    for name, children in CHAI.items():
        assert [c.tag.removeprefix(space) for c in found[name]] == children.split(), name
    values = []
    for metric in found["KeyMetrics"]:
        assert [c.tag.removeprefix(space) for c in metric] == METRIC.split()
        results = metric.find(space + "Results")
        assert results is not None
        assert len(results) >= 1
        values += [json.loads(str(r.findtext(space + "ValueJson"))) for r in results]
    kept = {v["record"] for v in values if "record" in v}
    assert kept == {f.digest for f in given.figures}
    failure = next(v for v in values if v.get("data") == "val" and v["kind"] == "estimate_ci")
    assert failure["estimate"] == pytest.approx(100 / CASES, abs=1e-3)
    assert json.loads(files["model-card.json"])["BasicInfo"]["ModelName"] == "p"


def test_the_readme_has_the_front_matter_of_model_hubs(files: dict[str, bytes]) -> None:
    _, matter, text = files["README.md"].decode().split("---\n", 2)
    found = YAML(typ="safe").load(matter)
    assert found["pipeline_tag"] == "object-detection"
    (model,) = found["model-index"]
    for result in model["results"]:
        assert {"type", "name"} <= set(result["task"]) & set(result["dataset"])
        assert all({"type", "value"} <= set(m) for m in result["metrics"])
    metrics = {m["type"]: m["value"] for r in model["results"] for m in r["metrics"]}
    assert metrics["sensitivity"] == pytest.approx((CASES - 1) / CASES, abs=1e-4)
    assert text.index("## Limits") < text.index("## Results")


# --- the verbs ---


def test_report_writes_the_dossier_and_keeps_its_digests(folder: Path) -> None:
    code, told = say("report", folder, "--dossier", "--no-pdf", "--on", "2026-11-25", "--json")
    assert code == 0
    written = Path(json.loads(told)["dossier"])
    store = Store(folder / ".limen")
    record = store.latest("dossier", "p")
    assert record is not None
    kept = store.get_json(record.result)["files"]
    assert kept == {p.name: digest_bytes(p.read_bytes()) for p in written.iterdir()}
    assert "report.html" in kept


def test_the_printed_page_holds_text_links_and_the_card(given: DossierInput) -> None:
    short = replace(given, checklists=(), answers=(), required={}, risks=())
    files = render_dossier(short, pdf=True)
    reader = PdfReader(io.BytesIO(files["dossier.pdf"]))
    assert "p 0.1.0" in pdf_text(files["dossier.pdf"])
    links = [a for page in reader.pages for a in page.get("/Annots", ())]
    assert len(links) > len(given.limits)
    # as the schema of the card asks for
    assert reader.metadata is not None
    assert reader.metadata["/chaiMcXml"] == files["model-card.xml"].decode()


def test_stale_evidence_makes_no_dossier(folder: Path) -> None:
    text = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(text.replace("at_most: 0", "at_most: 1"))
    product = limen.load(folder)
    with pytest.raises(limen.errors.LimenError, match="fresh results only"):
        write_dossier(product, ON, pdf=False)
    assert not (folder / "report/dossier").exists()


def test_a_contract_is_kept_and_can_be_signed(folder: Path, tmp_path: Path) -> None:
    code, told = say("contract", folder, "--on", "2026-11-25", "--json")
    assert code == 0
    page = (folder / "report/p-contract.md").read_text()
    assert all(line in page for line in json.loads(told)["label_states"])
    for name, role in (("q", "quality"), ("c", "clinician")):
        say("keys", "new", tmp_path / f"{name}.pem")
        held = ["--role", role, "--public", tmp_path / f"{name}.pub", "--key", tmp_path / "q.pem"]
        assert say("keys", "add", name, folder, *held)[0] == 0
    code, told = say("sign", folder, "--what", "contract", "--key", tmp_path / "c.pem", "--json")
    assert (code, json.loads(told)["roles_missing"]) == (0, ["developer"])


def _lines(folder: Path, regime: str, *more: object) -> dict[str, dict[str, object]]:
    told = say("requires", folder, "--regime", regime, "--on", "2026-11-25", "--json", *more)[1]
    return {r["item"]: r for r in json.loads(told)["required"][regime]}


READER = "reader study: improved reader performance"


def test_required_evidence_is_bound_to_the_graph(folder: Path) -> None:
    before = _lines(folder, "fda")
    # simulated data may not carry a submission, fresh or not
    assert before["standalone performance by cohort, with intervals"]["state"] == "falls short"
    assert before[READER]["state"] == "outside Limen"
    assert before["limits and failure situations for the label"]["state"] == "missing"
    (folder / "docs").mkdir()
    (folder / "docs/study.pdf").write_bytes(b"the study")
    after = _lines(folder, "fda", "--file", f"reader-study={folder / 'docs/study.pdf'}")
    assert after[READER]["state"] == "present"
    (folder / "docs/study.pdf").write_bytes(b"another study")
    assert _lines(folder, "fda")[READER]["state"] == "stale"
    (folder / "docs/study.pdf").write_bytes(b"the study")
    assert _lines(folder, "fda")[READER]["state"] == "present"
    text = (folder / "limen.yaml").read_text()
    (folder / "limen.yaml").write_text(text.replace("[18, 99]", "[12, 99]"))
    assert _lines(folder, "fda")[READER]["state"] == "stale"


@pytest.mark.parametrize("text", ["reader-study", "reader-study=", "novel=a.pdf", "risk-file=no"])
def test_what_cannot_be_filed_is_an_error(folder: Path, text: str) -> None:
    with pytest.raises(limen.errors.LimenError):
        say("requires", folder, "--file", text)


PLAN = """\
modifications:
  - name: retrain
    kinds: [weights]
    regimes: [fda, mfds]
    test_set: val
    acceptance:
      - {metric: failure rate, at_most: 0.4, no_worse_by: 0.05}
    impact: More misses delay care; the bound limits them.
"""


@pytest.fixture
def releases(folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A release with a plan, and a new one whose model finds every lesion."""
    (folder / "change-plan.yaml").write_text(PLAN)
    new = Path(shutil.copytree(folder, tmp_path / "new"))
    mask = np.zeros((20, 18, 10), np.uint8)
    mask[5:8, 5:8, 2:4] = 1
    _write_prediction(new, 0, mask)
    (tmp_path / "facts.yaml").write_text("- {kind: weights, what: retrained}\n")
    return folder, new


def test_change_says_exactly_what_has_to_be_made_again(releases: tuple[Path, Path]) -> None:
    old, new = releases
    told = json.loads(say("change", old, new, "--on", "2026-11-25", "--json")[1])["graph"]
    again = {(a["kind"], a["of"]): a["n"] for a in told["again"]}
    chain = {(kind, "val"): 1 for kind in ("prediction", "measurement", "picture")}
    rest = {("verdicts", "val"): 1, ("summary", "val"): 1, ("report", "p"): 1}
    # the overlaps are between cases, and no case changed
    assert again == {**chain, **rest}
    assert told["kept"] == CASES * 4 - 3 + 1


def test_a_new_criterion_asks_for_no_prediction(releases: tuple[Path, Path]) -> None:
    old, _ = releases
    new = old.parent / "third"
    shutil.copytree(old, new)
    text = (new / "limen.yaml").read_text()
    (new / "limen.yaml").write_text(text.replace("at_most: 0", "at_most: 1"))
    told = json.loads(say("change", old, new, "--json")[1])["graph"]
    assert {a["kind"] for a in told["again"]} == {"verdicts", "summary", "report"}
    # a copy that lost its evidence finds the old one's
    shutil.rmtree(new / ".limen")
    assert json.loads(say("change", old, new, "--json")[1])["graph"]["again"] == told["again"]


def test_a_release_inside_the_plan_is_held_against_its_protocol(
    releases: tuple[Path, Path], tmp_path: Path
) -> None:
    old, new = releases
    limen.load(new).evaluate(workers=1)
    words = ["modify", old, new, "--as", "retrain", "--facts", tmp_path / "facts.yaml"]
    code, told = say(*words, "--on", "2026-11-25", "--json")
    found = json.loads(told)
    assert (code, found["passed"]) == (0, True)
    outcomes = {r["regime"]: r["outcome"] for r in found["regimes"]}
    assert (outcomes["fda"], outcomes["mfds"]) == ("within-plan", "within-plan")
    record = Store(new / ".limen").latest("modification", "p")
    assert record is not None
    assert record.result == found["record"]
    # the other way round the failure rate rises by more than the plan allows
    shutil.copy(old / "change-plan.yaml", new)
    words[1:3] = [new, old]
    code, told = say(*words, "--on", "2026-11-25", "--json")
    assert (code, json.loads(told)["passed"]) == (1, False)


@pytest.mark.parametrize(
    ("name", "facts", "plan", "match"),
    [
        ("rebuild", "[{kind: weights}]", PLAN, "does not describe"),
        ("retrain", "[{kind: architecture}]", PLAN, "outside the plan"),
        ("retrain", "[{kind: weights}]", PLAN.replace("0.4,", "0.9,"), "changes the plan itself"),
    ],
)
def test_what_is_outside_the_plan_is_refused(
    releases: tuple[Path, Path], tmp_path: Path, name: str, facts: str, plan: str, match: str
) -> None:
    old, new = releases
    limen.load(new).evaluate(workers=1)
    (new / "change-plan.yaml").write_text(plan)
    (tmp_path / "facts.yaml").write_text(facts)
    with pytest.raises(limen.errors.LimenError, match=match):
        say("modify", old, new, "--as", name, "--facts", tmp_path / "facts.yaml")


# --- checklists ---


def test_checklists_have_the_items_of_the_published_ones() -> None:
    # numbers of items and of their parts, as published
    wanted = {
        "claim": (44, 44), "tripod-ai": (27, 52), "stard-ai": (40, 48), "decide-ai": (27, 27),
        "future-ai": (30, 30),
    }  # fmt: skip
    for checklist in CHECKLISTS:
        numbers = [i.number for i in checklist.items]
        assert len(set(numbers)) == len(numbers)
        whole = {n.rstrip("abcdefg") for n in numbers}
        assert (len(whole), len(numbers)) == wanted[checklist.key]
        assert all(i.by in TOPICS or (i.by, i.rest) == ("", "") for i in checklist.items)


def test_items_are_answered_from_evidence_or_open(given: DossierInput) -> None:
    for answered in given.checklists:
        states = {i.item.number: i.state for i in answered.items}
        assert answered.count("open") > 0
        assert answered.count("answered") + answered.count("in part") > 0
        for item in answered.items:
            assert bool(item.words) == (item.state != "open")
            assert not (item.item.rest and item.state == "answered")
        if answered.checklist.key == "claim":
            # nobody stated funding; intervals are there; no boundary was searched
            assert (states["44"], states["29"], states["30"]) == ("open", "answered", "open")
