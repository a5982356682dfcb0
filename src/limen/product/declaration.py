"""``limen.yaml`` as typed models: what a team declares about its product.

Each model forbids unknown keys. Field descriptions become the JSON schema that editors show,
so they are written for the person who fills in the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Use = Literal["development", "validation"]
Origin = Literal["measured", "resimulated", "phantom", "observed"]
TaskKind = Literal["lesion-detection", "segmentation"]
Output = Literal["mark", "contour", "measurement", "score", "triage-flag", "diagnosis", "image"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Population(_Strict):
    """Whom the product is for."""

    age_years: tuple[float, float] = Field(description="Youngest and oldest age, in years.")
    sex: Literal["any", "female", "male"] = "any"


class IntendedUse(_Strict):
    """What the product is for, in words and in structure."""

    statement: str = Field(min_length=20, description="One or two sentences a clinician would sign.")
    user: str = Field(description="Who acts on the output, e.g. radiologist.")
    population: Population
    modality: Literal["CT", "MR", "OCT"]
    anatomy: str
    situation: Literal["critical", "serious", "non-serious"] = Field(
        description="State of the patient's healthcare situation (IMDRF N12)."
    )
    outputs: list[Output] = Field(min_length=1, description="What the software shows or sends.")


class ProductInfo(_Strict):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Lower case, digits, hyphens.")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+([-+].+)?$", description="Semantic version.")
    intended_use: IntendedUse


class Task(_Strict):
    """What the model does on one case, and how its reference is written."""

    kind: TaskKind
    reference: Literal["mask", "instances"] = Field(
        default="mask",
        description="mask: one value per label, lesions are its connected components; "
        "instances: every lesion has a value of its own.",
    )
    labels: dict[str, int] = Field(
        default_factory=lambda: {"lesion": 1},
        description="Name and value of each label, in references and predictions. A value "
        "other than these is an error. DICOM SEG and RTSTRUCT are matched by name.",
    )
    ignore_labels: list[str | int] = Field(
        default_factory=list,
        description="Values (masks) or names (SEG segments, RTSTRUCT regions) to leave out.",
    )


class Risk(_Strict):
    """The claim to be certified: at most this failure rate, with this confidence."""

    failure_rate: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0.5, lt=1)


class Dataset(_Strict):
    """One set of cases, one approval, one use."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    use: Use
    path: str | None = Field(
        default=None,
        description="Folder with a manifest (cases.csv / cases.parquet), or with images/ and "
        "references/, or with one folder per case.",
    )
    images: str | None = Field(default=None, description="Folder of images, instead of path.")
    references: str | None = Field(default=None, description="Folder of references, with images.")
    approval: str = Field(description="File that says under which approval the data is used.")
    origin: Origin | None = Field(
        default=None,
        description="measured: real acquisitions; resimulated: real images changed by simulation; "
        "phantom: phantoms and in-silico patients. Taken from the approval when left out.",
    )
    optional: bool = Field(
        default=False, description="When the folder is absent, go on and say that it was left out."
    )


class ModelInput(_Strict):
    """How an image becomes the model's input tensor. Steps in this order: reorient, resample,
    clip to the window, scale to ``scale_to``."""

    spacing_mm: tuple[float, float, float] | None = Field(
        default=None, description="Voxel spacing the model expects along its x, y, z; none: as acquired."
    )
    orientation: str = Field(
        default="LPS", pattern=r"^[LRAPSI]{3}$",
        description="Patient direction towards which x, y, z of the model grow.",
    )
    axes: Literal["xyz", "zyx"] = Field(
        default="xyz", description="Order of the spatial axes in the tensor (N, C, ...)."
    )
    window_hu: tuple[float, float] | None = Field(default=None, description="CT: clip to these HU.")
    window: tuple[float, float] | None = Field(
        default=None, description="Other modalities: clip to these image values."
    )
    normalise: Literal["window", "zscore", "none"] = Field(
        default="window",
        description="window: map the window onto scale_to; zscore: mean 0 and standard deviation "
        "1 over the case; none: values as they are (after clipping).",
    )
    scale_to: tuple[float, float] = (0.0, 1.0)
    patch: tuple[int, int, int] | None = Field(
        default=None, description="Sliding window size along x, y, z in voxels; none: whole image."
    )
    overlap: float = Field(default=0.25, ge=0, lt=0.95)
    multiple_of: tuple[int, int, int] = Field(
        default=(1, 1, 1), description="Pad each axis to a multiple of this before the model."
    )
    batch: int = Field(default=1, ge=1, description="Windows per inference call.")


class ModelOutput(_Strict):
    """How the model's output becomes a label map."""

    activation: Literal["softmax", "sigmoid", "none"] = Field(
        default="softmax",
        description="Applied to the output. none: the output already holds probabilities or labels.",
    )
    holds: Literal["scores", "labels"] = "scores"
    threshold: float = Field(default=0.5, gt=0, lt=1, description="For a single foreground score.")
    channels: dict[str, int] | None = Field(
        default=None, description="Label name to output channel; default: channel = label value."
    )
    min_volume_mm3: float = Field(
        default=0.0, ge=0, description="Predicted components smaller than this are dropped."
    )


class OnnxModel(_Strict):
    onnx: str = Field(description="Path of the .onnx file.")
    input: ModelInput = ModelInput()
    output: ModelOutput = ModelOutput()
    threads: int = Field(default=1, ge=1, description="Threads of one inference session.")


class CommandModel(_Strict):
    """An external command that reads a folder of NIfTI images and writes a folder of label maps."""

    command: list[str] = Field(
        min_length=1, description="Program and arguments; {input} and {output} are folders."
    )
    files: list[str] = Field(
        min_length=1, description="Every file (glob) the command's answer depends on: weights, code."
    )
    input_suffix: str = Field(default="_0000", description="CASE + this + .nii.gz (nnU-Net: _0000).")
    timeout_s: float = Field(default=3600, gt=0)


class PredictionsModel(_Strict):
    """Label maps that are already on disk, one per case."""

    predictions: str = Field(description="Folder with one label map per case.")


Model = Annotated[OnnxModel | CommandModel | PredictionsModel, Field(union_mode="left_to_right")]


class Criterion(_Strict):
    """A clinician's limit on one measured quantity of one case. Filled by ``product.criteria``."""

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    label: str | None = None
    min_diameter_mm: float | None = None


class AxisRange(_Strict):
    """From nominal to the worst condition to be searched, in the axis's own unit."""

    from_: float = Field(alias="from")
    to: float


class Declaration(_Strict):
    """The whole of ``limen.yaml``."""

    limen: Literal[1]
    product: ProductInfo
    task: Task
    criteria: list[Criterion] = Field(min_length=1)
    risk: Risk
    data: list[Dataset] = Field(min_length=1)
    model: Model
    physics: dict[str, AxisRange] = Field(default_factory=dict)
    regimes: list[Literal["fda", "mdr", "mfds"]] = Field(default_factory=list)
