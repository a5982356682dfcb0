"""The model card as a README with the front matter that model hubs read (Hugging Face)."""

from __future__ import annotations

import io
from typing import Any

from limen.regulation.answer import NOTICE
from limen.reports.dossier.content import DossierInput
from limen.reports.dossier.figures import Shown, amount, shown

_TASKS = {"lesion-detection": "object-detection", "segmentation": "image-segmentation"}
_LIBRARIES = {"onnx": "onnx"}


def readme(given: DossierInput) -> bytes:
    """Front matter and text; the limits stand before any result."""
    info = given.declaration.product
    use = info.intended_use
    parts = [
        f"---\n{_front_matter(given)}---\n",
        f"# {info.name} {info.version}\n\n{use.statement}\n\n{NOTICE}",
        "## Limits\n\n" + "\n".join(f"- {line.words}" for line in given.limits),
        f"## Results\n\n{_results(given)}",
        "## Class\n\n" + "\n".join(f"- {line}" for line in given.contract.classes),
        "## Not to be used for\n\n" + "\n".join(f"- {line}" for line in given.contract.may_not),
        f"## Evidence\n\nEach figure names its record; `evidence-index.csv` lists every record "
        f"with its digest. Evidence reaches {given.stage} at best.",
    ]
    return ("\n\n".join(parts) + "\n").encode()


def _front_matter(given: DossierInput) -> str:
    from ruamel.yaml import YAML

    declaration = given.declaration
    info = declaration.product
    kind = next(
        (k for k in ("onnx", "command", "predictions") if hasattr(declaration.model, k)), ""
    )
    matter: dict[str, Any] = {
        "license": "other",
        "license_name": "not-stated",
        "pipeline_tag": _TASKS[declaration.task.kind],
        "tags": [
            "medical-imaging",
            info.intended_use.modality.lower(),
            info.intended_use.anatomy.lower(),
            "limen",
        ],
    }
    if kind in _LIBRARIES:
        matter["library_name"] = _LIBRARIES[kind]
    matter["model-index"] = [{"name": info.name, "results": _index(given)}]
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.default_flow_style = False
    yaml.dump(matter, stream)
    return stream.getvalue()


def _index(given: DossierInput) -> list[dict[str, Any]]:
    """Results by data set, as ``model-index`` has them."""
    by_set: dict[str, list[Shown]] = {}
    for each in shown(given.figures):
        by_set.setdefault(each.data.partition(",")[0], []).append(each)
    task = given.declaration.task.kind
    return [
        {
            "task": {"type": _TASKS[task], "name": task},
            "dataset": {"type": name, "name": f"{name} ({results[0].origin})"},
            "metrics": [
                {
                    "type": each.metric.replace(" ", "_"),
                    "value": round(each.figure.value, 4),
                    "name": f"{each.metric}, {each.data} ({each.interval}, {each.n})",
                    "verified": False,
                }
                for each in results
            ],
        }
        for name, results in by_set.items()
    ]


def _results(given: DossierInput) -> str:
    if not given.figures:
        return "Nothing has been evaluated."
    lines = [
        "| figure | data | value | interval | n | record |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in shown(given.figures):
        figure = each.figure
        lines.append(
            f"| {each.metric} | {each.data}, {each.origin} | {amount(figure, figure.value)} | "
            f"{each.interval} | {each.n} | `{figure.digest[:16]}` |"
        )
    return "\n".join(lines)
