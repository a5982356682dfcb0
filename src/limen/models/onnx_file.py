"""What an ONNX file holds and which further files it needs, without running it."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from limen.models.errors import ModelMissing, ModelUnreadable

SETTINGS_KEY = "limen"
"""Key of ``metadata_props`` under which ``limen train`` keeps the model's settings as JSON."""


@dataclass(frozen=True)
class TensorFacts:
    """An input or output of a model.

    ``shape`` has a number for a fixed axis, a name for a named one and None for any other; it is
    itself None where the file does not state it. ``dtype`` is NumPy's name, or what the file has
    instead of a tensor.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class OnnxFacts:
    """What an ONNX file says of itself.

    Attributes
    ----------
    inputs, outputs : tuple of TensorFacts
        Inputs without those that are weights.
    external_files : tuple of str
        Further files with weights, relative to the model's folder.
    opset : int
        Version of ONNX's own operators; ``opsets`` has those of other domains too.
    producer : str
        Name and version of what wrote it, as far as stated.
    metadata : dict
        ``metadata_props``.
    settings : dict or None
        ``input``, ``output`` and ``labels`` as ``limen train`` writes them with the model; None
        where there is nothing of the kind.
    """

    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    external_files: tuple[str, ...]
    opset: int
    opsets: dict[str, int] = field(default_factory=dict)
    producer: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] | None = None


def inspect_onnx(path: Path) -> OnnxFacts:
    """Read what an ONNX file says of itself; its external weights are not read.

    Raises
    ------
    ModelUnreadable
        Missing, damaged, or not ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    path = Path(path)
    files = external_files(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise _damaged(path, type(error).__name__) from None
    weights = {t.name for t in model.graph.initializer}
    weights |= {t.values.name for t in model.graph.sparse_initializer}
    opsets = {o.domain or "ai.onnx": int(o.version) for o in model.opset_import}
    metadata = {p.key: p.value for p in model.metadata_props}
    return OnnxFacts(
        inputs=tuple(_tensor_facts(v) for v in model.graph.input if v.name not in weights),
        outputs=tuple(_tensor_facts(v) for v in model.graph.output),
        external_files=files,
        opset=opsets.get("ai.onnx", 0),
        opsets=opsets,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        metadata=metadata,
        settings=_settings(metadata.get(SETTINGS_KEY)),
    )


def external_files(path: Path) -> tuple[str, ...]:
    """Files with weights that an ONNX file refers to, relative to its folder, each once.

    Weights in the file itself are stepped over, not read, and no library is loaded: ``limen
    status`` asks this of every model.

    Raises
    ------
    ModelUnreadable
        The file is missing, truncated or not ONNX; a referred file is missing or would lie
        outside of the model's folder.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _external_locations(data, path)
    except FileNotFoundError:
        raise ModelMissing(
            "the model file is not there",
            where=path.name,
            mend="put it there, or correct model.onnx in limen.yaml",
        ) from None
    except OSError as error:
        raise ModelUnreadable(
            "the model file cannot be read",
            where=path.name,
            found=error.strerror,
            mend="check that it is a file, and its rights",
        ) from None
    except ValueError:  # mmap's answer to an empty file
        raise _damaged(path, "an empty file") from None
    for name in found:
        inner = PurePosixPath(name.replace("\\", "/"))
        if inner.is_absolute() or ".." in inner.parts or not inner.parts:
            raise ModelUnreadable(
                "the model keeps weights outside of its own folder",
                where=path.name,
                mend="export it again with its data file beside it",
            )
        if not (path.parent / inner).is_file():
            raise ModelUnreadable(
                "a file with the model's weights is not there",
                where=path.name,
                found=f"no {inner}",
                mend="copy it to the folder of the .onnx file; the two belong together",
            )
    return found


def _tensor_facts(value: Any) -> TensorFacts:
    import onnx

    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return TensorFacts(value.name, str(kind), None)
    tensor = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    if not tensor.HasField("shape"):
        return TensorFacts(value.name, dtype, None)
    shape = tuple(_axis(dim) for dim in tensor.shape.dim)
    return TensorFacts(value.name, dtype, shape)


def _axis(dim: Any) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None


def _settings(text: str | None) -> dict[str, Any] | None:
    # Another tool may use the key for something else; that is no settings of ours.
    try:
        found = json.loads(text or "null")
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


# --- the file's own structure -----------------------------------------------------------------
# Field numbers of onnx.proto3 (IR version 3 to 13; protobuf never renumbers a field).

_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_GRAPH, _TENSOR_ENTRY, _TENSOR_LOCATION, _EXTERNAL = 7, 13, 14, 1


class _NotOnnx(Exception):
    """The bytes do not add up."""


def _external_locations(data: mmap.mmap, path: Path) -> tuple[str, ...]:
    if data[:20].startswith(b"version https://git-"):
        raise ModelUnreadable(
            "the model file is only a pointer of Git LFS",
            where=path.name,
            mend="fetch the file itself: git lfs pull",
        )
    try:
        # Truncation always shows at this level, because lengths are stated from the outside in.
        if not any(number == _GRAPH for number, *_ in list(_fields(data, 0, len(data)))):
            raise _NotOnnx
        # Every reference spells this word, so most models need no walk at all.
        if data.find(b"location") < 0:
            return ()
        found = dict.fromkeys(_locations(data, 0, len(data), "model"))
    except _NotOnnx:
        raise _damaged(path, "bytes that are no ONNX model") from None
    return tuple(found)


def _locations(data: mmap.mmap, start: int, stop: int, kind: str) -> Iterator[str]:
    parts = _PARTS[kind]
    for number, wire, a, b in _fields(data, start, stop):
        part = parts.get(number)
        if part is None or wire != 2:
            continue
        if part != "tensor":
            yield from _locations(data, a, b, part)
            continue
        entries, is_external = {}, False
        for inner, inner_wire, c, d in _fields(data, a, b):
            if inner == _TENSOR_ENTRY and inner_wire == 2:
                texts = {n: data[e:f] for n, w, e, f in _fields(data, c, d) if w == 2}
                entries[texts.get(1, b"")] = texts.get(2, b"")
            elif inner == _TENSOR_LOCATION and inner_wire == 0:
                is_external = c == _EXTERNAL
        if is_external:
            yield entries.get(b"location", b"").decode("utf-8", errors="replace")


def _fields(data: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field of a message: number, wire type, and where its bytes lie or its number (twice).

    https://protobuf.dev/programming-guides/encoding
    """
    at = start
    while at < stop:
        key, at = _varint(data, at, stop)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at, stop)
            yield number, wire, value, value
            continue
        if wire == 2:
            length, at = _varint(data, at, stop)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise _NotOnnx
        if number == 0 or at + length > stop:
            raise _NotOnnx
        yield number, wire, at, at + length
        at += length


def _varint(data: mmap.mmap, at: int, stop: int) -> tuple[int, int]:
    value = shift = 0
    while at < stop and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _NotOnnx


def _damaged(path: Path, found: str) -> ModelUnreadable:
    return ModelUnreadable(
        "the model file is damaged, truncated or not ONNX",
        where=path.name,
        found=found,
        mend="copy or export it again",
    )
