"""From a trained network to one ONNX file that is shown to answer alike."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from limen.data.volume import Array
from limen.models.onnx_file import SETTINGS_KEY
from limen.models.training_errors import ExportMismatch

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
"""Between a probability of the exported model and of the trained one."""


def export_onnx(network: Any, example: Array, settings: dict[str, Any]) -> bytes:
    """A self-contained ONNX model; the number of windows and their size are free.

    Parameters
    ----------
    network : torch module
        In evaluation mode.
    example : (N, 1, three spatial axes) float32
        Any input that the network takes.
    settings : dict
        ``input``, ``output`` and ``labels``, kept as JSON in ``metadata_props["limen"]``.
    """
    import onnx
    import torch

    axes = {0: "n", 2: "a", 3: "b", 4: "c"}
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter by tracing is the older one. It is kept on purpose: it writes one file,
        # takes a second instead of half a minute, and a U-Net has nothing that tracing loses.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.from_numpy(example),),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["scores"],
            dynamic_axes={"image": axes, "scores": axes},
        )
    model = onnx.load_from_string(file.getvalue())
    entry = model.metadata_props.add()
    entry.key, entry.value = SETTINGS_KEY, json.dumps(settings, sort_keys=True, allow_nan=False)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def require_same_answers(
    network: Any, model: bytes, inputs: Sequence[Array], threads: int
) -> float:
    """The largest difference between the two models' probabilities over these inputs.

    Probabilities, because they are what is decided by, and because scores far from any decision
    are large, and so is their rounding.

    Parameters
    ----------
    network : torch module
        In evaluation mode.
    model : bytes
        What :func:`export_onnx` gave.
    inputs : sequence of (N, 1, three spatial axes) float32

    Raises
    ------
    ExportMismatch
        It is above :data:`LARGEST_DIFFERENCE`, or not a number.
    """
    import onnxruntime as ort
    import torch

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for each in inputs:
        with torch.no_grad():
            trained = network(torch.from_numpy(each))
        exported = torch.from_numpy(session.run(None, {"image": each})[0])
        apart = (trained.softmax(1) - exported.softmax(1)).abs().max()
        largest = float(np.maximum(largest, float(apart)))
    if not largest <= LARGEST_DIFFERENCE:
        raise ExportMismatch(
            "the exported model does not answer as the trained one does, so it was not written",
            found=f"probabilities up to {largest:.3g} apart; allowed {LARGEST_DIFFERENCE:g}",
            mend="install the versions of torch and onnxruntime that Limen names, and run "
            "`limen train` again; the trained weights are kept",
        )
    return largest
