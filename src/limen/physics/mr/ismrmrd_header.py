"""The XML header of ISMRMRD: what reconstruction needs of it, and nothing about the patient.

Inati et al., Magn. Reson. Med. 77, 2017; the schema is http://www.ismrm.org/ISMRMRD.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape

from limen.physics.mr.echo_planar import Trapezoid
from limen.physics.mr.raw import HeaderMismatchError
from limen.physics.mr.sampling import AcquisitionError

_NAMESPACE = "{http://www.ismrm.org/ISMRMRD}"
_SYSTEM = "acquisitionSystemInformation"
ORIGIN = "limen_origin"


@dataclass(frozen=True)
class Header:
    """Lengths in mm, in the order x (readout), y (phase encoding), z."""

    encoded_matrix: tuple[int, int, int]
    encoded_fov_mm: tuple[float, float, float]
    recon_matrix: tuple[int, int, int]
    trajectory: str = "cartesian"
    centre_line: int | None = None
    centre_partition: int | None = None
    field_tesla: float | None = None
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    coils: int | None = None
    origin: str = "measured"
    gradient: Trapezoid | None = None
    """Of echo-planar lines that are sampled on its ramps, where the file tells it."""


def parse_header(xml: bytes | str, where: str) -> Header:
    """Raises HeaderMismatchError where the XML does not say how k-space was encoded."""
    try:
        root = ET.fromstring(xml)
    except ET.ParseError as error:
        raise HeaderMismatchError(
            "The header is not XML", where=where, found=str(error), mend="export the file again"
        ) from None

    def text(path: str) -> str | None:
        steps = "/".join(_NAMESPACE + step for step in path.split("/"))
        found = root.find(steps)
        return None if found is None or found.text is None else found.text.strip()

    def number(path: str) -> float | None:
        value = text(path)
        try:
            return None if value is None else float(value)
        except ValueError:
            raise HeaderMismatchError(f"{path} is not a number", where=where, found=value) from None

    def triple(path: str) -> tuple[float, float, float]:
        values = [number(f"{path}/{axis}") for axis in "xyz"]
        if any(v is None or not 0 < v < 1e6 for v in values):
            raise HeaderMismatchError(
                f"The header lacks {path}", where=where, found=str(values),
                mend="a file must say the matrix and field of view it was encoded with",
            )  # fmt: skip
        x, y, z = (float(v) for v in values if v is not None)
        return x, y, z

    def matrix(path: str) -> tuple[int, int, int]:
        x, y, z = triple(path)
        return int(x), int(y), int(z)

    def whole(path: str) -> int | None:
        value = number(path)
        return None if value is None else int(value)

    encoded = matrix("encoding/encodedSpace/matrixSize")
    has_recon = text("encoding/reconSpace/matrixSize/x") is not None
    origin = "measured"
    for parameter in root.iter(f"{_NAMESPACE}userParameterString"):
        name = parameter.findtext(f"{_NAMESPACE}name")
        value = parameter.findtext(f"{_NAMESPACE}value")
        if name == ORIGIN and value in ("measured", "resimulated", "phantom"):
            origin = value
    limits = "encoding/encodingLimits/kspace_encoding_step"
    return Header(
        encoded_matrix=encoded,
        encoded_fov_mm=triple("encoding/encodedSpace/fieldOfView_mm"),
        recon_matrix=matrix("encoding/reconSpace/matrixSize") if has_recon else encoded,
        trajectory=(text("encoding/trajectory") or "cartesian").lower(),
        centre_line=whole(f"{limits}_1/center"),
        centre_partition=whole(f"{limits}_2/center"),
        field_tesla=number("acquisitionSystemInformation/systemFieldStrength_T"),
        echo_time_ms=number("sequenceParameters/TE"),
        repetition_time_ms=number("sequenceParameters/TR"),
        coils=whole("acquisitionSystemInformation/receiverChannels"),
        origin=origin,
        gradient=_trapezoid(root, where),
    )


def _trapezoid(root: ET.Element, where: str) -> Trapezoid | None:
    """From the description that converters write for "ConventionalEPI" (times in us)."""
    told: dict[str, str] = {}
    for description in root.iter(f"{_NAMESPACE}trajectoryDescription"):
        for parameter in description:
            name = parameter.findtext(f"{_NAMESPACE}name")
            if name is not None:
                told[name] = parameter.findtext(f"{_NAMESPACE}value") or ""
    names = ("rampUpTime", "flatTopTime", "rampDownTime", "acqDelayTime", "numSamples", "dwellTime")
    if not set(names) <= set(told):
        return None
    try:
        up, flat, down, delay, n, dwell = (float(told[name]) for name in names)
        return Trapezoid(up, flat, down, delay, n * dwell)
    except (ValueError, AcquisitionError) as error:
        raise HeaderMismatchError(
            "The readout gradient of echo-planar lines cannot be",
            where=where,
            found=", ".join(f"{name} {told[name]}" for name in names),
            mend=str(error),
        ) from None


def make_header(h: Header) -> bytes:
    """XML of a header, valid under the schema."""

    def space(name: str, matrix: tuple[int, int, int], fov: tuple[float, float, float]) -> str:
        sides = "".join(f"<{a}>{n}</{a}>" for a, n in zip("xyz", matrix, strict=True))
        lengths = "".join(f"<{a}>{v:.9g}</{a}>" for a, v in zip("xyz", fov, strict=True))
        return (
            f"<{name}><matrixSize>{sides}</matrixSize>"
            f"<fieldOfView_mm>{lengths}</fieldOfView_mm></{name}>"
        )

    def limit(name: str, n: int, centre: int | None) -> str:
        middle = n // 2 if centre is None else centre
        return (
            f"<{name}><minimum>0</minimum><maximum>{n - 1}</maximum>"
            f"<center>{middle}</center></{name}>"
        )

    x, y, z = h.encoded_matrix
    fx, fy, fz = h.encoded_fov_mm
    system = ""
    if h.field_tesla is not None:
        system += f"<systemFieldStrength_T>{h.field_tesla:.9g}</systemFieldStrength_T>"
    if h.coils is not None:
        system += f"<receiverChannels>{h.coils}</receiverChannels>"
    sequence = ""
    if h.repetition_time_ms is not None:
        sequence += f"<TR>{h.repetition_time_ms:.9g}</TR>"
    if h.echo_time_ms is not None:
        sequence += f"<TE>{h.echo_time_ms:.9g}</TE>"
    hertz = round((h.field_tesla or 0) * 42_577_479)
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">'
        + (
            f"<acquisitionSystemInformation>{system}</acquisitionSystemInformation>"
            if system
            else ""
        )
        + f"<experimentalConditions><H1resonanceFrequency_Hz>{hertz}</H1resonanceFrequency_Hz>"
        "</experimentalConditions>"
        "<encoding>"
        + space("encodedSpace", h.encoded_matrix, h.encoded_fov_mm)
        + space("reconSpace", h.recon_matrix, (fx * h.recon_matrix[0] / x, fy, fz))
        + "<encodingLimits>"
        + limit("kspace_encoding_step_1", y, h.centre_line)
        + limit("kspace_encoding_step_2", z, h.centre_partition)
        + "</encodingLimits>"
        f"<trajectory>{escape(h.trajectory)}</trajectory>"
        "</encoding>"
        + (f"<sequenceParameters>{sequence}</sequenceParameters>" if sequence else "")
        + "<userParameters><userParameterString>"
        f"<name>{ORIGIN}</name><value>{escape(h.origin)}</value>"
        "</userParameterString></userParameters></ismrmrdHeader>"
    )
    return xml.encode()
