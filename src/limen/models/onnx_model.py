"""A frozen ONNX model, run on the processor by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limen.data.volume import Array, Volume
from limen.evidence import digest_json
from limen.models.decide import labels_from_labels, labels_from_scores
from limen.models.errors import BadPrediction, ModelMismatch, ModelUnreadable
from limen.models.onnx_file import external_files
from limen.models.preprocess import padding_value, prepare
from limen.models.scrub import scrub
from limen.models.windows import Window, blended_scores, central_labels

if TYPE_CHECKING:
    from limen.data.case import Case
    from limen.product.declaration import OnnxModel, Task

_FLOATS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
_WHOLE = {
    f"tensor({kind})"
    for kind in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
}
_MOST_SHOWN = 6


class FrozenOnnx:
    """An ONNX model and how it is applied.

    The session is made at the first prediction; it uses ``threads`` threads within an operator,
    one operator at a time, deterministic kernels, and the processor only. Opening and
    :meth:`identity` do not load onnxruntime.

    A model takes (N, 1, three spatial axes), or (N, 1, two): then it sees the slices of the
    model's grid along z, one at a time. ``axes: xyz`` means (x, y, z) or (x, y); ``axes: zyx``
    means (z, y, x) or (y, x).

    Parameters
    ----------
    model : product.OnnxModel
    root : Path
        Folder from which the declared path counts.
    task : product.Task
    """

    def __init__(self, model: OnnxModel, root: Path, task: Task) -> None:
        self._declared, self._task = model, task
        self._path = Path(root) / model.onnx
        self._weights: tuple[tuple[int, ...], dict[str, Path]] | None = None
        labels: dict[str, Any] = {"labels": task.labels}
        if model.output.holds == "labels":
            labels |= {"ignored": list(task.ignore_labels), "reference": task.reference}
        self._settings = {
            "model input": digest_json(model.input.model_dump(mode="json")),
            "model output": digest_json(model.output.model_dump(mode="json")),
            "labels": digest_json(labels),
        }

    def identity(self, digest: Callable[[Path], str]) -> dict[str, str]:
        """Digests of all that a prediction depends on besides the case, by name.

        ``weights`` and one ``weights NAME`` for each file of external data, ``model input``,
        ``model output``, ``labels``, and ``runtime`` (onnxruntime's version and the threads).

        Parameters
        ----------
        digest : callable
            The digest of a file's content, remembered by whoever gives it.

        Raises
        ------
        ModelUnreadable
            A file is missing, or the model's is damaged.
        """
        files = self._files()
        return {name: digest(path) for name, path in files.items()} | self._settings | self._runtime

    def predict(self, case: Case, image: Volume) -> Volume:
        """The label map of a case, on the image's own grid.

        Parameters
        ----------
        case : Case
            Named in errors.
        image : Volume
            (I, J, K) float32, finite.

        Returns
        -------
        Volume
            uint8 or uint16; values are those of ``task.labels``.

        Raises
        ------
        ModelUnreadable
            The model cannot be loaded.
        ModelMismatch
            Its inputs or outputs are not as declared.
        BadPrediction
            It gave NaN, infinity, or a label that is not declared.

        Notes
        -----
        Memory, for M voxels of the model's grid (padded), C channels, I voxels of the image:
        4 x M x (C + 3) bytes, then 4 x M x C + 12 x I, besides onnxruntime's own for one batch of
        windows. With a patch of None that one window is the whole image, and a U-Net's own memory
        is hundreds of bytes for each voxel.
        """
        spec, where = self._declared.input, f"{case.id}, prediction"
        prepared = prepare(image, spec)
        padding = padding_value(prepared.values, spec)
        window = self._window(prepared.values.shape)
        self._require_window(window, case.id)

        def run(windows: Array) -> Array:
            return self._run(windows, case.id)

        apply = central_labels if self._declared.output.holds == "labels" else blended_scores
        found = apply(
            prepared.values, window, run, overlap=spec.overlap, batch=spec.batch, padding=padding
        )
        decide = labels_from_scores if found.ndim == 4 else labels_from_labels
        return decide(
            found, prepared.geometry, image.geometry, self._declared.output, self._task, where
        )

    # --- files ------------------------------------------------------------------------------

    def _files(self) -> dict[str, Path]:
        """Every file of the model by name; the .onnx is looked into again only when it moved."""
        try:
            s = self._path.stat()
            stamp: tuple[int, ...] = (s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns)
        except OSError:
            stamp = ()
        files = self._weights[1] if self._weights and self._weights[0] == stamp else None
        if files is None or not all(path.is_file() for path in files.values()):
            names = external_files(self._path)
            files = {"weights": self._path}
            files |= {f"weights {name}": self._path.parent / name for name in names}
            self._weights = (stamp, files)
        return files

    @cached_property
    def _runtime(self) -> dict[str, str]:
        stated = {"onnxruntime": runtime_version(), "threads": self._declared.threads}
        return {"runtime": digest_json(stated)}

    @cached_property
    def _session(self) -> Any:
        import onnxruntime as ort

        self._files()
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._declared.threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        # Several workers share the cores; a thread that spins takes them from the others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # its messages hold paths; ours come from the exception
        # Whole images differ in size, and the arena keeps the memory of each size it has seen.
        options.enable_cpu_mem_arena = self._declared.input.patch is not None
        try:
            return ort.InferenceSession(
                str(self._path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no common base of its own errors
            raise self._unloadable(error) from None

    def _unloadable(self, error: Exception) -> Exception:
        text = str(error)
        if _is_memory(text):
            return MemoryError()
        kind = type(error).__name__
        unsupported = ("No Op registered", "is not a registered", "opset", "IR version")
        if kind == "NotImplemented" or any(word in text for word in unsupported):
            what = "the model needs what the installed onnxruntime does not have"
            mend = (
                f"export it for an operator set that onnxruntime {runtime_version()} knows "
                "(opset 17 is widely supported, without custom operators), or upgrade onnxruntime"
            )
        else:
            what = "onnxruntime cannot load the model"
            mend = "copy or export it again, and check it with onnx.checker"
        return ModelUnreadable(
            what,
            where=self._path.name,
            found=scrub(text, {self._path: self._path.name}) or kind,
            mend=mend,
        )

    # --- inputs and outputs -----------------------------------------------------------------

    @cached_property
    def _io(self) -> _Io:
        return _read_io(self._session, self._declared, self._path.name)

    def _window(self, shape: tuple[int, ...]) -> Window:
        """What the model sees at once, in voxels along x, y, z."""
        spec = self._declared.input
        if spec.patch is not None:
            return spec.patch
        x, y, z = (-(-n // m) * m for n, m in zip(shape, spec.multiple_of, strict=True))
        return (x, y, 1 if self._io.is_slicewise else z)

    def _require_window(self, window: Window, case: str) -> None:
        fixed = self._io.fixed_window
        if all(f is None or f == w for f, w in zip(fixed, window, strict=True)):
            return
        wanted = [w if f is None else f for f, w in zip(fixed, window, strict=True)]
        has_patch = self._declared.input.patch is not None
        raise ModelMismatch(
            "the model takes windows of another shape",
            where=self._path.name if has_patch else f"{case}, model {self._path.name}",
            found=f"model {_words(fixed)}, "
            f"{'model.input.patch' if has_patch else 'whole image'} {_words(window)} (x, y, z)",
            mend=f"set model.input.patch: {wanted}, or export the model with dynamic axes",
        )

    def _run(self, windows: Array, case: str) -> Array:
        """(N, x, y, z) to (N, C, x, y, z), through the model's own order of axes."""
        io, n = self._io, len(windows)
        given = windows[..., 0] if io.is_slicewise else windows
        order = io.order
        tensor = np.transpose(given, [0, *(a + 1 for a in order)])[:, None]
        if io.batch is not None and n < io.batch:
            tensor = np.concatenate([tensor, np.repeat(tensor[-1:], io.batch - n, axis=0)])
        tensor = np.ascontiguousarray(tensor, dtype=io.dtype)
        try:
            answer = self._session.run([io.output], {io.input: tensor})[0]
        except Exception as error:  # onnxruntime has no common base of its own errors
            if _is_memory(str(error)):
                raise MemoryError from None
            raise ModelMismatch(
                f"the model fails on a window of {_words(windows.shape[1:])} (x, y, z)",
                where=f"{case}, model {self._path.name}",
                found=scrub(str(error), {self._path: self._path.name}),
                mend="set model.input.patch to the size it was trained with, or multiple_of to "
                "what its down-sampling needs, e.g. [16, 16, 16]",
            ) from None
        answer = self._with_channel(answer, tensor)
        self._require_shape(answer, tensor, case)
        answer = answer[:n]
        # order is its own inverse: all axes reversed, or none
        answer = np.transpose(answer, [0, 1, *(a + 2 for a in order)])
        return answer[..., None] if io.is_slicewise else answer

    def _with_channel(self, answer: Array, tensor: Array) -> Array:
        """Labels often come without a channel axis."""
        without = tensor.shape[:1] + tensor.shape[2:]
        if self._declared.output.holds == "labels" and answer.shape == without:
            return answer[:, None]
        return answer

    def _require_shape(self, answer: Array, tensor: Array, case: str) -> None:
        labels = self._declared.output.holds == "labels"
        if (
            answer.ndim == tensor.ndim
            and answer.shape[0] == tensor.shape[0]
            and answer.shape[2:] == tensor.shape[2:]
            and (answer.shape[1] == 1 or not labels)
        ):
            return
        wanted = "(N, 1, ...) of labels" if labels else "(N, channels, ...) of scores"
        raise BadPrediction(
            "the model's output does not have the shape of its input",
            where=f"{case}, model {self._path.name}",
            found=f"input {_words(tensor.shape)}, output {_words(answer.shape)}",
            mend=f"a model of Limen gives {wanted} of the spatial shape it was given; "
            "export it so, or check model.output.holds",
        )


@dataclass(frozen=True)
class _Io:
    """The one input and the one output that are used.

    ``order`` are the model's spatial axes of the tensor in turn; ``fixed_window`` what the file
    fixes along x, y, z (None: any); ``batch`` the number of windows it fixes.
    """

    input: str
    output: str
    dtype: str
    is_slicewise: bool
    order: tuple[int, ...]
    batch: int | None
    fixed_window: tuple[int | None, int | None, int | None]


def runtime_version() -> str:
    """Version of the installed onnxruntime, without loading it."""
    from importlib.metadata import PackageNotFoundError, version

    for name in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    raise ModelUnreadable(
        "onnxruntime is not installed", mend="install it: pip install onnxruntime"
    )


def _read_io(session: Any, model: OnnxModel, where: str) -> _Io:
    inputs, spec = session.get_inputs(), model.input
    if len(inputs) != 1:
        raise ModelMismatch(
            "Limen gives a model one input, the image",
            where=where,
            found=_listed(inputs),
            mend="export the model with one input; make the others constants",
        )
    taken = inputs[0]
    shape = [n if isinstance(n, int) and n > 0 else None for n in taken.shape]
    if taken.type not in _FLOATS or len(shape) not in (4, 5):
        raise ModelMismatch(
            "the model's input is not (N, 1, x, y, z) or (N, 1, x, y) of floating point",
            where=where,
            found=_listed(inputs),
            mend="export it with a batch axis, a channel axis and two or three spatial axes",
        )
    if shape[1] not in (None, 1):
        raise ModelMismatch(
            "the model takes more than one image",
            where=where,
            found=f"{shape[1]} input channels",
            mend="Limen gives one image for each case; a model of several sequences or of "
            "neighbouring slices cannot be used yet, except through model.command",
        )
    if shape[0] is not None and shape[0] != spec.batch:
        raise ModelMismatch(
            "the model takes a fixed number of windows a call",
            where=where,
            found=f"model {shape[0]}, model.input.batch {spec.batch}",
            mend=f"set model.input.batch: {shape[0]}, or export with a dynamic batch axis",
        )
    slicewise = len(shape) == 4
    if spec.patch is not None:
        _require_patch(spec.patch, spec.multiple_of, slicewise, where)
    spatial = shape[2:] if spec.axes == "xyz" else shape[:1:-1]
    fixed = (spatial[0], spatial[1], 1 if slicewise else spatial[2])
    axes = range(len(spatial))
    return _Io(
        input=taken.name,
        output=_chosen_output(session.get_outputs(), model, where),
        dtype=_FLOATS[taken.type],
        is_slicewise=slicewise,
        order=tuple(axes if spec.axes == "xyz" else reversed(axes)),
        batch=shape[0],
        fixed_window=fixed,
    )


def _require_patch(patch: Window, multiple_of: Window, slicewise: bool, where: str) -> None:
    if slicewise and patch[2] != 1:
        raise ModelMismatch(
            "the model sees one slice at a time",
            where=where,
            found=f"model.input.patch {list(patch)}",
            mend=f"set model.input.patch: {[patch[0], patch[1], 1]}",
        )
    if any(p % m for p, m in zip(patch, multiple_of, strict=True)):
        raise ModelMismatch(
            "the patch is not a multiple of multiple_of",
            where=where,
            found=f"model.input.patch {list(patch)}, multiple_of {list(multiple_of)}",
            mend="change one of them",
        )


def _chosen_output(outputs: list[Any], model: OnnxModel, where: str) -> str:
    """The only output that can be what was declared, or the first of floating point."""
    floats = [o.name for o in outputs if o.type in _FLOATS]
    if model.output.holds == "labels":
        whole = [o.name for o in outputs if o.type in _WHOLE]
        if whole or floats:
            return str((whole or floats)[0])
    elif floats:
        return str(floats[0])
    mend = "export the scores" if model.output.holds == "scores" else "export the labels"
    if model.output.holds == "scores" and any(o.type in _WHOLE for o in outputs):
        mend = "set model.output.holds: labels if it gives labels, or export the scores"
    raise ModelMismatch(
        f"the model has no output that could hold {model.output.holds}",
        where=where,
        found=_listed(outputs),
        mend=mend,
    )


def _listed(values: list[Any]) -> str:
    shown = [f"{v.name}: {v.type} {_words(v.shape)}" for v in values[:_MOST_SHOWN]]
    return f"{len(values)} ({', '.join(shown)}{', ...' if len(values) > _MOST_SHOWN else ''})"


def _words(shape: Any) -> str:
    return " x ".join("any" if n is None else str(n) for n in shape)


def _is_memory(text: str) -> bool:
    return "bad_alloc" in text or "Failed to allocate memory" in text
