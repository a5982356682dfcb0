"""A report recomputed from a ledger or a bundle, for whoever does not believe it.

Beside each report its content is kept: everything it was rendered from that is not itself computed
from measurements. Recomputing starts from the measurements of each case, which are evidence of
their own: every verdict, every figure of the summary and its interval, and then the whole page are
computed anew and compared. Where the folder of the data is there it starts a step earlier: each
measurement is made again from the prediction that the ledger keeps and from image and reference
(`pipeline.remeasure`). Taken as recorded are predictions and pictures, and what the ledger and the
calendar said then (reach, uses of the set).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence import Record
from limen.evidence.ledger import read_lines
from limen.evidence.store import get_object
from limen.pipeline.remeasure import NoData, files_of, remeasured
from limen.pipeline.sums import judged_rows, summary_json, verdicts_json

if TYPE_CHECKING:
    from limen.pipeline.product import Product
    from limen.product import Declaration
    from limen.reports import DatasetReport, ReportInput

KIND = "report-content"
TOLERANCE = 1e-9
"""Relative: another machine may round its sums in another order."""


@dataclass
class Recomputed:
    """What came of recomputing the reports of a ledger.

    Attributes
    ----------
    reports, numbers : int
        How many reports, and how many of their numbers were computed again.
    measurements : int or None
        How many measurements were made again; None where the data was not there, and recomputing
        started from the measurements as they are recorded.
    differ : list of str
        Where another value came out.
    notes : list of str
    """

    reports: int = 0
    numbers: int = 0
    measurements: int | None = None
    differ: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return bool(self.reports) and not self.differ

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "agrees": self.agrees}


def keep_content(product: Product, given: ReportInput, report: str) -> None:
    """Keep what a report was rendered from, inside ``store.writing()``."""
    from limen.pipeline.graph import METHODS

    store = product.store
    datasets = []
    for told in given.datasets:
        dataset = product.sets[told.name]
        verdicts, summary = (store.latest(k, told.name) for k in ("verdicts", "summary"))
        shown = {c.id for c in told.cases if c.pictures}
        cases = []
        for case in told.cases:
            subject = f"{told.name}/{case.id}"
            measured, picture = (store.latest(k, subject) for k in ("measurement", "picture"))
            assert measured is not None
            cases.append(
                {
                    "case": case.id,
                    "patient": case.patient,
                    "measurement": measured.result,
                    "picture": picture.result if picture and case.id in shown else None,
                }
            )
        plain = {k: v for k, v in asdict(told).items() if k not in ("cases", "summary")}
        datasets.append(
            {
                **plain,
                "cases": cases,
                "attributes": {c.id: dict(c.attributes) for c in dataset.cases},
                "verdicts": verdicts.result if verdicts and told.summary else None,
                "summary": summary.result if summary and told.summary else None,
            }
        )
    content = {
        "declaration": given.product.model_dump(mode="json", by_alias=True),
        "datasets": datasets,
        "missing": [[m.what, m.who] for m in given.missing],
        "provenance": given.provenance,
        "generated_utc": given.generated_utc,
        "reach": given.reach,
    }
    store.add(
        Record(
            KIND,
            product.declaration.product.name,
            METHODS[KIND],
            {"report": report},
            # as it is and not in canonical form, which would lose the order of what is shown
            store.put(json.dumps(content, ensure_ascii=False, allow_nan=False).encode()),
            made_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )


def recompute(folder: Path, data: Path | None = None) -> Recomputed:
    """Recompute the newest report of each product in a store or bundle.

    Parameters
    ----------
    folder : Path
        ``.limen/`` of a product, or an opened bundle. That it is whole and signed is
        :func:`limen.evidence.verify.verify`'s to say.
    data : Path, optional
        The product's folder with its images and references, to make the measurements again from.

    Raises
    ------
    NoData
        If that folder holds none of the product's validation data.
    """
    from limen.pipeline.graph import METHODS

    found = Recomputed()
    newest: dict[str, Record] = {}
    measured: list[Record] = []
    for line in read_lines(folder / "records.jsonl"):
        record = Record.from_dict(json.loads(line))
        if record.kind == KIND:
            newest[record.subject] = record
        elif data is not None and record.kind in ("measurement", "prediction"):
            measured.append(record)
    contents = list(newest.values())
    if not contents:
        found.notes.append("there is no report whose content was kept: `limen report` makes one")
    for record in contents:
        try:
            content = json.loads(get_object(folder / "objects", record.result))
            made_with = content["provenance"]["methods"]
            if made_with != METHODS:
                other = sorted(k for k in METHODS if made_with.get(k) != METHODS[k])
                found.notes.append(
                    f"{record.subject}: made with other methods of {', '.join(other)} than this "
                    "Limen has; another value need not be a false one"
                )
            if data is not None:
                _remeasure(folder / "objects", content, measured, data, found)
            _recompute(folder / "objects", record, content, found)
        except NoData:
            raise
        except (LimenError, KeyError, TypeError, ValueError, AttributeError) as error:
            # what cannot be computed again does not agree; a foreign error's text is not shown
            what = error.what if isinstance(error, LimenError) else type(error).__name__
            found.differ.append(f"{record.subject}: it cannot be recomputed: {what}")
        found.reports += 1
    return found


def _remeasure(
    objects: Path, content: dict[str, Any], records: list[Record], data: Path, found: Recomputed
) -> None:
    from limen.product import Declaration

    declaration = Declaration.model_validate(content["declaration"])
    files = files_of(declaration, data)
    found.measurements = found.measurements or 0
    for kept in content["datasets"]:
        then = {f"{kept['name']}/{c['case']}": c["measurement"] for c in kept["cases"]}
        again = remeasured(declaration, kept["cases"], kept["name"], records, objects, files)
        for subject, made in again:
            if isinstance(made, str):
                found.differ.append(f"measurement {subject}: {made}")
                continue
            found.measurements += 1
            recorded = json.loads(get_object(objects, then[subject]))
            found.differ += [
                f"measurement {subject}{where}" for where in _differences(recorded, _as_kept(made))
            ]


def _recompute(objects: Path, record: Record, content: dict[str, Any], found: Recomputed) -> None:
    from limen.product import Declaration
    from limen.reports import MissingEvidence, ReportInput, render

    def get_json(digest: str) -> Any:
        return json.loads(get_object(objects, digest))

    declaration = Declaration.model_validate(content["declaration"])
    datasets = [_dataset(declaration, d, get_json, found) for d in content["datasets"]]
    html = render(
        ReportInput(
            product=declaration,
            datasets=datasets,
            missing=[MissingEvidence(what, who) for what, who in content["missing"]],
            provenance=content["provenance"],
            generated_utc=content["generated_utc"],
            reach=content["reach"],
        )
    )
    if html.encode() != get_object(objects, record.inputs["report"]):
        found.differ.append(f"{record.subject}: the page that was kept is not the one that follows")


def _dataset(
    declaration: Declaration, kept: dict[str, Any], get_json: Any, found: Recomputed
) -> DatasetReport:
    from limen.reports import CaseReport, DatasetReport

    cases, summary = [], {}
    attributes = kept["attributes"]
    if kept["summary"] is not None:
        rows = judged_rows(declaration, kept["cases"], get_json)
        verdicts = _as_kept(verdicts_json(rows))
        missing = [(m["case"], m["patient"], m["reason"]) for m in kept["not_evaluated"]]
        summary = _as_kept(summary_json(declaration, rows, missing, attributes))
        for kind, made in (("verdicts", verdicts), ("summary", summary)):
            then = get_json(kept[kind])
            found.numbers += sum(1 for _ in _numbers(made))
            found.differ += [f"{kind} {kept['name']}{where}" for where in _differences(then, made)]
        for entry in kept["cases"]:
            picture = entry["picture"]
            cases.append(
                CaseReport(
                    id=entry["case"],
                    patient=entry["patient"],
                    attributes=attributes[entry["case"]],
                    verdict=verdicts[entry["case"]],
                    measurement=get_json(entry["measurement"]),
                    pictures=[] if picture is None else get_json(picture),
                )
            )
    own = {k: v for k, v in kept.items() if k not in ("cases", "summary", "verdicts", "attributes")}
    return DatasetReport(**own, cases=cases, summary=summary)


def _as_kept(value: Any) -> Any:
    """A JSON value as it comes back from the store."""
    import rfc8785

    return json.loads(rfc8785.dumps(value))


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _differences(then: Any, now: Any, where: str = "") -> Iterator[str]:
    """Places at which two JSON values differ, numbers beyond rounding."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(then.keys() | now.keys()):
            if key not in then or key not in now:
                yield f"{where}.{key}: only in one of them"
            else:
                yield from _differences(then[key], now[key], f"{where}.{key}")
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, (a, b) in enumerate(zip(then, now, strict=True)):
            yield from _differences(a, b, f"{where}[{i}]")
    elif _is_number(then) and _is_number(now):
        if not math.isclose(then, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{where}: recorded {then:g}, recomputed {now:g}"
    elif then != now:
        yield f"{where}: recorded and recomputed differ"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
