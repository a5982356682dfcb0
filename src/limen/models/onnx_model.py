"""A frozen ONNX model, run on the processor by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limen.data.volume import Array, Volume
from limen.evidence import digest_json
from limen.models.decide import channel_plan, labels_from_labels, labels_from_scores
from limen.models.errors import BadPrediction, ModelMismatch, ModelUnreadable
from limen.models.onnx_file import external_files, inspect_onnx
from limen.models.onnx_io import (
    ModelIo,
    facts_of_session,
    output_mismatch,
    read_io,
    require_fit,
    window_mismatch,
    words_of,
)
from limen.models.preprocess import padding_value, prepare
from limen.models.scrub import scrub
from limen.models.windows import Window, blended_scores, central_labels

if TYPE_CHECKING:
    from limen.data.case import Case
    from limen.product.declaration import OnnxModel, Task


_TRIAL_WINDOW = 64


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
        return self.answer(case, image)[0]

    def answer(self, case: Case, image: Volume) -> tuple[Volume, float | None]:
        """As :meth:`predict`, and how unsure the model is: its undecided volume in mL.

        The sum over voxels of the chance that the likelier answer is wrong, were its scores
        chances: min(p, 1 - p), of several channels the largest. None for a model that gives labels.
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
        labels = decide(
            found, prepared.geometry, image.geometry, self._declared.output, self._task, where
        )
        if found.ndim != 4:
            return labels, None
        unsure = np.minimum(found, 1 - found).max(axis=0)  # scores are chances by now
        voxel_ml = prepared.geometry.voxel_volume_mm3 / 1000
        return labels, float(unsure.sum(dtype=np.float64)) * voxel_ml

    def require_usable(self) -> None:
        """Refuse a model that could answer for no case, from what its file states.

        Raises
        ------
        ModelUnreadable, ModelMismatch
        """
        require_fit(inspect_onnx(self._path), self._declared, self._task, self._path.name)

    def rehearse(self) -> None:
        """Load the model and run it once on noise; of an unknown window's failure nothing follows.

        Raises
        ------
        ModelUnreadable, ModelMismatch, BadPrediction
        """
        self.require_usable()
        spec = self._declared.input
        window = self._window((_TRIAL_WINDOW,) * 3)
        noise = np.random.default_rng(0).uniform(*spec.scale_to, (1, *window))
        try:
            answer = self._run(noise.astype(np.float32), "trial on noise")
        except ModelMismatch:
            if spec.patch is None:
                return  # a whole image of another size may well do
            raise
        if self._declared.output.holds == "scores":
            channel_plan(self._declared.output, self._task, answer.shape[1], self._path.name)

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
    def _io(self) -> ModelIo:
        given = facts_of_session(self._session.get_inputs())
        answered = facts_of_session(self._session.get_outputs())
        return read_io(given, answered, self._declared, self._path.name)

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
        has_patch = self._declared.input.patch is not None
        where = self._path.name if has_patch else f"{case}, model {self._path.name}"
        raise window_mismatch(self._io, window, has_patch, where)

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
            answer = self._session.run([io.output.name], {io.input: tensor})[0]
        except Exception as error:  # onnxruntime has no common base of its own errors
            if _is_memory(str(error)):
                raise MemoryError from None
            raise ModelMismatch(
                f"the model fails on a window of {words_of(windows.shape[1:])} (x, y, z)",
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
        labels, name = self._declared.output.holds == "labels", self._path.name
        if (
            answer.ndim == tensor.ndim
            and answer.shape[0] == tensor.shape[0]
            and answer.shape[2:] == tensor.shape[2:]
            and (answer.shape[1] == 1 or not labels)
        ):
            return
        error = output_mismatch(tensor.shape, answer.shape, labels, f"{case}, model {name}")
        raise BadPrediction(error.what, where=error.where, found=error.found, mend=error.mend)


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


def _is_memory(text: str) -> bool:
    return "bad_alloc" in text or "Failed to allocate memory" in text
