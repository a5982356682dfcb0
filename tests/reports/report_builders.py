"""Small synthetic cases, measured, judged and summed up by the real rooms."""

from __future__ import annotations

import json

import numpy as np

from limen.data import Geometry, Volume
from limen.measures import CaseRow, judge, measure_case, summarise
from limen.product.declaration import Declaration
from limen.reports import CaseReport, DatasetReport, MissingEvidence, ReportInput
from limen.reports.pictures import case_pictures

WINDOW_HU = (-1000.0, 400.0)
SIMULATED = {"kind": "simulated", "board": None, "number": None, "licence": None, "expires": None}
CRITERIA = [
    {"measure": "missed_lesions", "min_diameter_mm": 6, "at_most": 0},
    {"measure": "false_marks", "at_most": 1},
]
OUTLINE_CRITERIA = [
    {"measure": "dice", "at_least": 0.85},
    {"measure": "hd95", "at_most": 6},
    {"measure": "relative_volume_error", "at_most": 0.3},
]


def declaration(kind="lesion-detection", labels=None, criteria=None, **intended):
    use = {
        "statement": "Marks suspected lung nodules on chest CT of adults, for review by a "
        "radiologist after the first read.",
        "user": "radiologist",
        "population": {"age_years": [18, 110]},
        "modality": "CT",
        "anatomy": "chest",
        "situation": "serious",
        "outputs": ["mark", "contour"],
    }
    return Declaration.model_validate(
        {
            "limen": 1,
            "product": {
                "name": "ct-lung-nodule",
                "version": "0.1.0",
                "intended_use": {**use, **intended},
            },
            "task": {"kind": kind, "labels": labels or {"nodule": 1}},
            "criteria": criteria or CRITERIA,
            "risk": {"failure_rate": 0.10, "confidence": 0.95},
            "data": [
                {"name": n, "use": u, "path": n, "approval": "a.yaml"}
                for n, u in (("development", "development"), ("validation", "validation"))
            ],
            "model": {"predictions": "predictions"},
        }
    )


def diagonal(spacing_mm, shape):
    """An LPS grid centred on the origin, axes along the patient's."""
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-(n - 1) * s / 2 for n, s in zip(shape, spacing_mm, strict=True)]
    return Geometry(affine, tuple(shape))


def centres_mm(geometry):
    """(I, J, K, 3) LPS position of each voxel's centre."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    return index @ geometry.affine_lps_mm[:3, :3].T + geometry.affine_lps_mm[:3, 3]


def balls(geometry, *centre_and_radius_mm, values=None):
    """Label map with a ball at each centre (LPS mm)."""
    labels = np.zeros(geometry.shape, np.uint8)
    at = centres_mm(geometry)
    for n, (centre, radius_mm) in enumerate(centre_and_radius_mm):
        inside = np.linalg.norm(at - np.array(centre, dtype=float), axis=-1) <= radius_mm
        labels[inside] = 1 if values is None else values[n]
    return Volume(labels, geometry)


def chest(geometry, lesions_mm, seed):
    """A chest-like CT: body, two lungs, a spine, noise, and a ball of soft tissue per lesion."""
    rng = np.random.default_rng(seed)
    x, y, _ = np.moveaxis(centres_mm(geometry), -1, 0)
    width = max(np.abs(x).max(), 1)
    depth = max(np.abs(y).max(), 1)
    hu = np.full(geometry.shape, -1000.0)
    hu[(x / (0.92 * width)) ** 2 + (y / (0.86 * depth)) ** 2 < 1] = 30
    for side in (-1, 1):
        lung = ((x - side * 0.42 * width) / (0.32 * width)) ** 2 + (y / (0.62 * depth)) ** 2 < 1
        hu[lung] = -840
    hu[(x / (0.12 * width)) ** 2 + ((y - 0.62 * depth) / (0.14 * depth)) ** 2 < 1] = 420
    for vessel in range(14):
        side = 1 if vessel % 2 else -1
        cx = side * rng.uniform(0.2, 0.62) * width
        cy = rng.uniform(-0.42, 0.42) * depth
        near = (x - cx) ** 2 + (y - cy) ** 2 < rng.uniform(1.0, 6.0) ** 2
        hu[near & (hu < -500)] = 20
    for centre, radius_mm in lesions_mm:
        hu[balls(geometry, (centre, radius_mm)).values > 0] = 40
    hu += rng.normal(0, 28, geometry.shape)
    return Volume(hu.astype(np.float32), geometry)


def measured(name, patient, image, reference, prediction, product, attributes=None, pictures=True):
    """(CaseRow, CaseReport) of one case, through JSON as the pipeline keeps it."""
    task = product.task
    m = measure_case(prediction.values, reference.values, reference.geometry.affine_lps_mm, task)
    verdict = judge(m, product.criteria, task)
    plain = json.loads(json.dumps(m.as_dict()))
    window = WINDOW_HU if product.product.intended_use.modality == "CT" else None
    drawn = case_pictures(image, reference, prediction, plain, window) if pictures else []
    report = CaseReport(
        id=name,
        patient=patient,
        attributes=attributes or {},
        verdict=json.loads(json.dumps(verdict.as_dict())),
        measurement=plain,
        pictures=json.loads(json.dumps([p.as_dict() for p in drawn])),
    )
    return CaseRow(name, patient, verdict, m), report


def dataset(name, made, product, not_evaluated=(), **given):
    """A validation data set of (CaseRow, CaseReport) pairs."""
    rows, reports = [r for r, _ in made], [c for _, c in made]
    summary = summarise(rows, list(not_evaluated), product.risk, product.task).as_dict()
    fields = {
        "use": "validation",
        "origin": "phantom",
        "approval": SIMULATED,
        "reach": "feasibility",
        "n_cases": len(rows) + len(not_evaluated),
        "n_patients": len({r.patient for r in rows}),
        "not_evaluated": [{"case": c, "patient": p, "reason": r} for c, p, r in not_evaluated],
    }
    return DatasetReport(
        name=name, cases=reports, summary=json.loads(json.dumps(summary)), **{**fields, **given}
    )


def development(n_cases=40):
    return DatasetReport(
        "development",
        "development",
        "phantom",
        SIMULATED,
        "feasibility",
        n_cases,
        n_cases,
        [],
        [],
        {},
    )


def report_input(datasets, product, missing=None):
    return ReportInput(
        product=product,
        datasets=datasets,
        missing=[MissingEvidence("Signatures", "a clinician")] if missing is None else missing,
        provenance={
            "limen": "0.1.0",
            "model": {"onnx": "0123456789abcdef"},
            "criteria": "fedcba9876543210",
            "methods": {"measurement": "measures.case/1", "report": "reports.report/1"},
        },
        generated_utc="2026-01-02T03:04:05+00:00",
    )


GRID = diagonal((2.0, 2.0, 4.0), (60, 48, 12))
SPOT, OTHER = ((-25, -10, 0), 5), ((25, 8, 6), 5)


def case(product, n, found=(SPOT,), there=(SPOT,), **given):
    image = chest(GRID, list(there), n)
    return measured(
        f"case-{n:02d}",
        f"P{n:02d}",
        image,
        balls(GRID, *there),
        balls(GRID, *found),
        product,
        **given,
    )
