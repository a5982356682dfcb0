"""CT projections in the open DICOM-CT-PD format.

Chen, Duan, Yu, Leng, Yu and McCollough, Med. Phys. 42(12), 6964 (2015), and its user manual: one
DICOM file for each projection, private groups 7029 (detector), 7031 (detector's place), 7033
(source), 7037 (kind of data), 7039 (corrections) and 7041 (water). Lengths in mm, angles in rad;
the focal centre is at ``(-rho sin(phi), rho cos(phi), z)``, so phi is beta of our geometries.

Scanners differ in the order of detector columns. It is found from the data: each line of a full
turn is measured from both ends, and only in the right order do the two agree.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import ConeGeometry, GeometryError

Array = NDArray[Any]

_TAGS = {
    "n_rows": (0x7029, 0x1010),
    "n_columns": (0x7029, 0x1011),
    "column_spacing_mm": (0x7029, 0x1002),
    "row_spacing_mm": (0x7029, 0x1006),
    "shape": (0x7029, 0x100B),
    "angle_rad": (0x7031, 0x1001),
    "z_mm": (0x7031, 0x1002),
    "radius_mm": (0x7031, 0x1003),
    "to_detector_mm": (0x7031, 0x1031),
    "central_element": (0x7031, 0x1033),
    "flying": (0x7033, 0x100E),
    "views_per_turn": (0x7033, 0x1013),
    "kind": (0x7037, 0x1009),
    "geometry": (0x7037, 0x100A),
    "mu_water_per_mm": (0x7041, 0x1001),
    "photons": (0x7033, 0x1065),
}
_OPTIONAL = {"geometry", "mu_water_per_mm", "photons"}
_OF_EACH_VIEW = {"angle_rad", "z_mm", "photons"}


class ProjectionError(GeometryError):
    """A DICOM-CT-PD file that cannot be read, lacks an attribute, or contradicts the others."""


@dataclass(frozen=True)
class Projections:
    """What a folder of DICOM-CT-PD files holds.

    Attributes
    ----------
    lines : (views, columns, rows) float32
        Line integrals, in the order of acquisition.
    angle_rad, z_mm : (views,) float64
        Azimuth of the detector's focal centre, unwrapped and growing (views taken the other way
        round are put in reverse), and its place along the table.
    column_spacing_mm, row_spacing_mm : float
        At the detector.
    source_to_centre_mm, source_to_detector_mm : float
    central_column, central_row : float
        Element on the line from the focal centre through the axis, counted from 0.
    detector : "curved" or "flat"
    views_per_turn : int
    helical : bool
    flying_focal_spot : str
        "FFSNONE", "FFSZ", "FFSXY" or "FFSXYZ".
    mu_water_per_mm : float or None
        Of the scanner's calibration, from which HU follow.
    photons : (views, columns) float32 or None
        Photon statistics of each column, without a patient.
    columns_reversed : bool
        Whether the files count columns against the turn; `lines` count along it.
    """

    lines: Array
    angle_rad: Array
    z_mm: Array
    column_spacing_mm: float
    row_spacing_mm: float
    source_to_centre_mm: float
    source_to_detector_mm: float
    central_column: float
    central_row: float
    detector: Literal["curved", "flat"]
    views_per_turn: int
    helical: bool
    flying_focal_spot: str
    mu_water_per_mm: float | None
    photons: Array | None = None
    columns_reversed: bool = False

    def geometry(
        self, image_shape: tuple[int, int, int], pixel_mm: float, slice_mm: float
    ) -> ConeGeometry:
        """The geometry of these data around an image, whose z = 0 is the middle of the scan.

        Raises
        ------
        ProjectionError
            For what `ConeGeometry` does not describe: a flying focal spot, views or feed that
            are not even, or a detector whose rows are not centred on the source.
        """
        if self.flying_focal_spot != "FFSNONE":
            raise ProjectionError(
                "A flying focal spot has no geometry here yet",
                found=self.flying_focal_spot,
                mend="the line integrals are in `lines`; reconstruct data without one",
            )
        n_views, n_columns, n_rows = self.lines.shape
        self._even(self.angle_rad, 2 * np.pi / self.views_per_turn, "views")
        z_step = 0.0
        if self.helical and n_views > 1:
            z_step = float(np.median(np.diff(self.z_mm)))
            self._even(self.z_mm, abs(z_step), "feed")
        middle = (n_rows - 1) / 2
        if abs(self.central_row - middle) > 0.51:
            raise ProjectionError(
                "The rows of the detector are not centred on the source",
                found=f"row {self.central_row:g} of {n_rows}",
            )
        offset = ((n_columns - 1) / 2 - self.central_column) * self.column_spacing_mm
        return ConeGeometry(
            n_views, n_columns, n_rows, self.column_spacing_mm, self.row_spacing_mm,
            self.source_to_centre_mm, self.source_to_detector_mm, image_shape, pixel_mm, slice_mm,
            self.detector, offset, self.views_per_turn, z_step * self.views_per_turn,
            float(self.angle_rad[0]),
        )  # fmt: skip

    def _even(self, values: Array, step: float, what: str) -> None:
        steps = np.abs(np.diff(values))
        if steps.size and (step == 0 or np.abs(steps - step).max() > 0.02 * step):
            raise ProjectionError(
                f"The {what} of these projections are not even",
                found=f"steps from {steps.min():g} to {steps.max():g}, stated {step:g}",
                mend="check for missing files",
            )


def read_projections(
    folder: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
) -> Projections:
    """Read a folder of DICOM-CT-PD files.

    Parameters
    ----------
    folder : path
        Every file in it must be a projection; they are ordered by instance number.
    progress : callable, optional
        Called with files read and files in all.

    Returns
    -------
    Projections

    Raises
    ------
    ProjectionError
        When there is no file, one cannot be read or is cut short, lacks an attribute, holds
        pixels of another shape than its header states, saturated pixels, or contradicts the
        first file; when instance numbers repeat or are missing.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    paths = sorted(p for p in Path(folder).iterdir() if p.is_file())
    if not paths:
        raise ProjectionError("No projection files", where=str(folder))
    header: dict[str, Any] = {}
    views: dict[int, dict[str, Any]] = {}
    for n, path in enumerate(paths):
        try:
            dataset = pydicom.dcmread(path)
        except (InvalidDicomError, OSError, EOFError, ValueError) as broken:
            raise ProjectionError(
                "Not a readable DICOM file", where=path.name, found=str(broken)[:80],
                mend="fetch it again",
            ) from None  # fmt: skip
        own = {name: _value(dataset, name, path.name) for name in _TAGS}
        number = getattr(dataset, "InstanceNumber", None)
        if number is None or int(number) in views:
            raise ProjectionError(
                "Instance numbers must be there once each", where=path.name, found=str(number)
            )
        fixed = {k: v for k, v in own.items() if k not in _OF_EACH_VIEW}
        if not header:
            header = fixed
        for name, value in fixed.items():
            if value != header[name]:
                raise ProjectionError(
                    f"{name} differs between projections",
                    where=path.name,
                    found=f"{value} instead of {header[name]}",
                )
        lines = _lines(dataset, int(own["n_columns"]), int(own["n_rows"]), path.name)
        views[int(number)] = {k: own[k] for k in _OF_EACH_VIEW} | {"lines": lines}
        if progress is not None:
            progress(n + 1, len(paths))
    return _assemble(header, views, str(folder))


def _assemble(header: dict[str, Any], views: dict[int, dict[str, Any]], where: str) -> Projections:
    numbers = sorted(views)
    if numbers[-1] - numbers[0] + 1 != len(numbers):
        missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
        raise ProjectionError(
            "Projections are missing", where=where, found=f"{len(missing)}, first {missing[0]}"
        )
    shapes = {"CYLINDRICAL": "curved", "FLAT": "flat"}
    shape = str(header["shape"]).strip().upper()
    if shape not in shapes:
        raise ProjectionError(
            "A detector of another shape", where=where, found=shape, mend="CYLINDRICAL or FLAT"
        )
    column, row = (float(c) - 1 for c in header["central_element"])  # counted from 1 in the file
    angle = np.unwrap([float(views[n]["angle_rad"]) for n in numbers])
    if angle[-1] < angle[0]:
        numbers.reverse()
        angle = angle[::-1].copy()
    lines = np.stack([views[n]["lines"] for n in numbers])
    photons = [views[n]["photons"] for n in numbers]
    counted = None
    if all(p is not None and np.size(p) == lines.shape[1] for p in photons):
        counted = np.array(photons, np.float32)
    mu = header["mu_water_per_mm"]
    found = Projections(
        lines=lines,
        angle_rad=angle,
        z_mm=np.array([float(views[n]["z_mm"]) for n in numbers]),
        column_spacing_mm=float(header["column_spacing_mm"]),
        row_spacing_mm=float(header["row_spacing_mm"]),
        source_to_centre_mm=float(header["radius_mm"]),
        source_to_detector_mm=float(header["to_detector_mm"]),
        central_column=column,
        central_row=row,
        detector=shapes[shape],  # type: ignore[arg-type]
        views_per_turn=int(header["views_per_turn"]),
        helical=str(header["kind"]).strip().upper() == "HELICAL",
        flying_focal_spot=str(header["flying"]).strip().upper(),
        mu_water_per_mm=None if mu is None else float(mu),
        photons=counted,
    )
    if _disagreement(found, -1) * 1.2 < _disagreement(found, 1):
        return replace(
            found,
            lines=np.ascontiguousarray(lines[:, ::-1]),
            central_column=lines.shape[1] - 1 - column,
            photons=None if counted is None else counted[:, ::-1].copy(),
            columns_reversed=True,
        )
    return found


def _disagreement(data: Projections, sense: int) -> float:
    """Mean difference of lines measured from both ends, if gamma grows (1) or falls with columns.

    In the row nearest the source's plane: the ray (beta, gamma) is (beta + pi + 2 gamma, -gamma).
    """
    n_views, n_columns, n_rows = data.lines.shape
    turn = data.views_per_turn
    if n_views < turn // 2 + 2:
        return 0.0
    row = min(max(round(data.central_row), 0), n_rows - 1)
    away = (np.arange(n_columns) - data.central_column) * data.column_spacing_mm
    gamma = sense * away / data.source_to_detector_mm
    if data.detector == "flat":
        gamma = np.arctan(gamma)
    other = np.rint(2 * data.central_column - np.arange(n_columns)).astype(int)
    views = np.arange(0, n_views, max(1, n_views // 256))
    opposite = np.rint(views[:, None] + turn * (0.5 + gamma[None] / np.pi)).astype(int)
    inside = (opposite >= 0) & (opposite < n_views) & ((other >= 0) & (other < n_columns))[None]
    if not inside.any():
        return 0.0
    v, c = np.nonzero(inside)
    difference = data.lines[views[v], c, row] - data.lines[opposite[v, c], other[c], row]
    return float(np.abs(difference).mean())


def _value(dataset: Any, name: str, where: str) -> Any:
    """An attribute; private ones of files with implicit VR arrive as bytes."""
    group, element = _TAGS[name]
    if (group, element) not in dataset:
        if name in _OPTIONAL:
            return None
        raise ProjectionError(
            "An attribute of DICOM-CT-PD is missing",
            where=where,
            found=f"no ({group:04X},{element:04X}) {name}",
        )
    value = dataset[group, element].value
    if isinstance(value, bytes):
        if name in ("n_rows", "n_columns", "views_per_turn"):
            numbers = np.frombuffer(value, "<u2").tolist()
        elif name in ("shape", "flying", "kind", "geometry", "mu_water_per_mm"):
            return value.decode("ascii", "replace").strip("\x00 ")
        else:
            numbers = np.frombuffer(value, "<f4").tolist()
        value = numbers if len(numbers) > 1 else numbers[0]
    if name == "central_element":
        return tuple(float(v) for v in value)
    return None if value == "" else value


def _lines(dataset: Any, n_columns: int, n_rows: int, where: str) -> Array:
    """(columns, rows) float32 line integrals of one file."""
    rows, columns = int(dataset.get("Rows", 0)), int(dataset.get("Columns", 0))
    if {rows, columns} != {n_rows, n_columns}:
        raise ProjectionError(
            "The pixels contradict the detector's header",
            where=where,
            found=f"{rows} x {columns} pixels, {n_rows} rows and {n_columns} columns",
        )
    pixels = dataset.get("PixelData", b"")
    expected = 2 * rows * columns
    if len(pixels) < expected:
        raise ProjectionError(
            "The file is cut short", where=where, found=f"{len(pixels)} of {expected} bytes",
            mend="fetch it again",
        )  # fmt: skip
    stored = np.frombuffer(pixels, "<u2", rows * columns).reshape(rows, columns)
    full = (1 << int(dataset.get("BitsStored", 16))) - 1
    saturated = int(np.count_nonzero(stored >= full))
    if saturated:
        raise ProjectionError(
            "Saturated pixels: their line integrals are not known",
            where=where,
            found=f"{saturated} of {stored.size} at {full}",
        )
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if slope is None or intercept is None:
        raise ProjectionError("RescaleSlope and RescaleIntercept are needed", where=where)
    lines = stored * np.float32(slope) + np.float32(intercept)
    # rows of pixels are detector columns in files of some scanners; a square one follows the manual
    by_column = rows == n_columns and columns == n_rows
    return np.ascontiguousarray(lines if by_column else lines.T, dtype=np.float32)
