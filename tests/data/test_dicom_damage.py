"""Damaged files: whatever byte is wrong, the answer is a volume or one clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_builders import SECRETS, Series, write_enhanced, write_rtstruct

from limen.data.dicom_rtstruct import read_rtstruct
from limen.data.dicom_series import read_series, scan_folder, series_attributes
from limen.data.errors import DataError

TRIANGLE = np.array([[-20, 30.5, -100.25], [-18, 30.5, -100.25], [-18, 33, -100.25]])


@pytest.mark.parametrize("kind", ["classic", "enhanced", "rtstruct"])
def test_damaged_bytes_and_cuts(tmp_path: Path, kind: str) -> None:
    series = Series(shape=(4, 4, 3))
    files = series.write(tmp_path / "image")
    geometry = read_series(files, "case-1").geometry
    if kind == "classic":
        raw = files[0].read_bytes()
    elif kind == "enhanced":
        raw = write_enhanced(series, tmp_path / "e", [0, 1, 2]).read_bytes()
    else:
        raw = write_rtstruct(series, tmp_path / "rt", {"a": [TRIANGLE]}).read_bytes()
    path = tmp_path / "damaged" / "f"
    path.parent.mkdir()

    def read() -> None:
        if kind == "rtstruct":
            read_rtstruct(path, geometry, {"a": 1}, (), "case-1")
        else:
            more = files[1:] if kind == "classic" else []
            assert np.isfinite(read_series([path, *more], "case-1").values).all()
            series_attributes([path])

    rng = np.random.default_rng(7)
    errors: list[DataError] = []
    for n in range(120):
        data = bytearray(raw)
        if n % 4 == 0:
            del data[int(rng.integers(140, len(data))) :]
        else:
            for _ in range(int(rng.integers(1, 4))):
                data[int(rng.integers(132, len(data)))] = int(rng.integers(0, 256))
        path.write_bytes(bytes(data))
        for job in (read, lambda: scan_folder(path.parent)):
            try:
                job()
            except DataError as error:
                errors.append(error)
    assert len(errors) > 20
    told = [str(error) for error in errors]
    assert [text for text in told if any(secret in text for secret in SECRETS)] == []
