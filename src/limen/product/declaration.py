"""``limen.yaml`` as typed models: what a team declares about its product.

Each model forbids unknown keys. Field descriptions become the JSON schema that editors show,
so they are written for the person who fills in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from limen.product.criteria import MEASURES
from limen.product.units import NotAQuantity, json_pattern, parse_quantity

Use = Literal["development", "validation"]
Origin = Literal["measured", "resimulated", "phantom", "observed"]
TaskKind = Literal["lesion-detection", "segmentation"]
Output = Literal[
    "mark",
    "contour",
    "measurement",
    "score",
    "triage-flag",
    "diagnosis",
    "image",
    "prognosis",
    "treatment",
    "guidance",
    "report",
]


NAME = r"^[a-z0-9][a-z0-9-]*$"
DATASET_NAME = r"^[a-z0-9][a-z0-9_-]*$"
VERSION = r"^\d+\.\d+\.\d+([-+].+)?$"
ORIENTATION = r"^[LRAPSI]{3}$"
PATTERNS = {
    NAME: "lower-case letters, digits and hyphens",
    DATASET_NAME: "lower-case letters, digits, hyphens and underscores",
    VERSION: "a version of three numbers, as 0.1.0",
    ORIENTATION: "three letters, one of L and R, one of A and P, one of S and I, as LPS",
}
"""What each pattern asks for, in words."""


@dataclass(frozen=True)
class Unit:
    """Marks a field as a quantity: a number in this unit, or text with a unit of its kind."""

    unit: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "type": ["number", "string"], "pattern": json_pattern(self.unit)}

    def parse(self, value: Any) -> float:
        try:
            return parse_quantity(value, self.unit)
        except NotAQuantity as error:
            raise PydanticCustomError("unit", "{expected}", {"expected": str(error)}) from None


# the unit stands last, so that it sees the value before any limit does
SpacingMm = Annotated[float, Field(gt=0), Unit("mm")]
AgeYears = Annotated[float, Field(ge=0, le=150), Unit("years")]
Hu = Annotated[float, Unit("HU")]
Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
LabelValue = Annotated[int, Field(ge=1, le=65535)]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )


class Population(_Strict):
    """Whom the product is for."""

    age_years: tuple[AgeYears, AgeYears] = Field(description="Youngest and oldest age, in years.")
    sex: Literal["any", "female", "male"] = Field(
        default="any", description="Whom it is restricted to, if to anyone."
    )


class IntendedUse(_Strict):
    """What the product is for, in words and in structure."""

    statement: str = Field(
        min_length=20, description="One or two sentences a clinician would sign."
    )
    user: Text = Field(description="Who acts on the output, e.g. radiologist.")
    population: Population
    modality: Literal["CT", "MR", "OCT"] = Field(description="How the images are made.")
    anatomy: Text = Field(description="What they show, e.g. chest.")
    situation: Literal["critical", "serious", "non-serious"] = Field(
        description="State of the patient's healthcare situation (IMDRF N12)."
    )
    outputs: list[Output] = Field(min_length=1, description="What the software shows or sends.")
    # what the class may turn on besides; `limen classify` says what it assumes for each left out
    significance: Literal["treat-or-diagnose", "drive", "inform"] | None = Field(
        default=None, description="What the information is used for (IMDRF N12 5.1)."
    )
    autonomy: Literal["assistive", "autonomous"] | None = Field(
        default=None,
        description="assistive: a professional looks at each case before anybody acts.",
    )
    workflow: (
        Literal[
            "second-read",
            "concurrent",
            "first-read",
            "before-read",
            "parallel",
            "after-read",
            "acquisition",
            "unattended",
        ]
        | None
    ) = Field(default=None, description="When the output is seen.")
    unflagged: Literal["read-as-usual", "read-later", "not-read"] | None = Field(
        default=None, description="What becomes of cases without a mark or flag."
    )
    subject: Literal["abnormality", "anatomy", "image-quality"] | None = Field(
        default=None, description="What the outputs speak of."
    )
    found_by: Literal["software", "clinician"] | None = Field(
        default=None, description="Who finds the lesion that is measured, outlined or scored."
    )
    finding: (
        Literal[
            "cancer",
            "fracture",
            "diabetic-retinopathy",
            "coronary-flow",
            "gi-lesion",
            "other-disease",
            "none",
        ]
        | None
    ) = Field(default=None, description="What is found, as far as a rule asks.")
    disease: str | None = Field(
        default=None,
        description="The disease it is about, e.g. MONDO:0005233; held against data whose use is "
        "limited to one.",
    )
    disease_trained: bool | None = Field(
        default=None, description="Trained on, or judged by criteria of, a certain disease."
    )
    functional: bool | None = Field(
        default=None, description="Measures function that cannot be read off the image without it."
    )
    for_treatment: bool | None = Field(
        default=None, description="Contours or measurements go into a treatment plan."
    )
    harm: Literal["none", "injury", "death"] | None = Field(
        default=None, description="Worst harm when the software fails."
    )
    lay_user: bool | None = Field(
        default=None, description="Patients use it without a professional."
    )
    death_within_24h: bool | None = Field(
        default=None, description="Without the right care the patient may die within 24 hours."
    )


class ProductInfo(_Strict):
    name: str = Field(pattern=NAME, description="Lower case, digits, hyphens.")
    version: str = Field(pattern=VERSION, description="Semantic version.")
    intended_use: IntendedUse


class Task(_Strict):
    """What the model does on one case, and how its reference is written."""

    kind: TaskKind = Field(
        description="lesion-detection: find every lesion; segmentation: outline every label."
    )
    reference: Literal["mask", "instances"] = Field(
        default="mask",
        description="mask: one value per label, lesions are its connected components; "
        "instances: every lesion has a value of its own.",
    )
    labels: dict[str, LabelValue] = Field(
        default_factory=lambda: {"lesion": 1},
        min_length=1,
        description="Name and value of each label, in references and predictions. A value "
        "other than these is an error. DICOM SEG and RTSTRUCT are matched by name.",
    )
    regions: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Several labels measured as one structure, their union: its name, and the "
        "names of its labels, as whole-tumour: [oedema, core].",
    )
    ignore_labels: list[str | int] = Field(
        default_factory=list,
        description="Values (masks) or names (SEG segments, RTSTRUCT regions) to leave out.",
    )


class Risk(_Strict):
    """The claim to be certified: at most this failure rate, with this confidence."""

    failure_rate: Annotated[float, Field(gt=0, lt=1), Unit("")] = Field(
        description="Largest share of patients with a failing case, e.g. 0.10 or 10 %."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1), Unit("")] = Field(
        description="Confidence of the claim, e.g. 0.95 or 95 %."
    )


class Dataset(_Strict):
    """One set of cases, one approval, one use."""

    name: str = Field(pattern=DATASET_NAME, description="Lower case, digits, hyphens, underscores.")
    use: Use = Field(
        description="development: the model was made with it; validation: it is judged by it."
    )
    path: Text | None = Field(
        default=None,
        description="Folder with a manifest (cases.csv / cases.parquet), or with images/ and "
        "references/, or with one folder per case.",
    )
    images: Text | None = Field(default=None, description="Folder of images, instead of path.")
    references: Text | None = Field(default=None, description="Folder of references, with images.")
    approval: Text = Field(description="File that says under which approval the data is used.")
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

    spacing_mm: tuple[SpacingMm, SpacingMm, SpacingMm] | None = Field(
        default=None,
        description="Voxel spacing the model expects along its x, y, z; none: as acquired.",
    )
    orientation: str = Field(
        default="LPS",
        pattern=ORIENTATION,
        description="Patient direction towards which x, y, z of the model grow.",
    )
    axes: Literal["xyz", "zyx"] = Field(
        default="xyz", description="Order of the spatial axes in the tensor (N, C, ...)."
    )
    window_hu: tuple[Hu, Hu] | None = Field(default=None, description="CT: clip to these HU.")
    window: tuple[float, float] | None = Field(
        default=None, description="Other modalities: clip to these image values."
    )
    normalise: Literal["window", "zscore", "none"] = Field(
        default="window",
        description="window: map the window onto scale_to; zscore: mean 0 and standard deviation "
        "1 over the case; none: values as they are (after clipping).",
    )
    scale_to: tuple[float, float] = Field(
        default=(0.0, 1.0), description="What the window's low and high become."
    )
    patch: tuple[Positive, Positive, Positive] | None = Field(
        default=None, description="Sliding window size along x, y, z in voxels; none: whole image."
    )
    overlap: Annotated[float, Field(ge=0, lt=0.95), Unit("")] = Field(
        default=0.25, description="Share of a sliding window that the next one covers again."
    )
    multiple_of: tuple[Positive, Positive, Positive] = Field(
        default=(1, 1, 1), description="Pad each axis to a multiple of this before the model."
    )
    batch: int = Field(default=1, ge=1, description="Windows per inference call.")


class ModelOutput(_Strict):
    """How the model's output becomes a label map."""

    activation: Literal["softmax", "sigmoid", "none"] = Field(
        default="softmax",
        description="Applied to the output. none: the output already holds probabilities or "
        "labels. Of labels it is always none.",
    )
    holds: Literal["scores", "labels"] = Field(
        default="scores", description="What the output holds at each voxel."
    )
    threshold: Annotated[float, Field(gt=0, lt=1), Unit("")] = Field(
        default=0.5, description="For a single foreground score."
    )
    channels: dict[str, Annotated[int, Field(ge=0)]] | None = Field(
        default=None, description="Label name to output channel; default: channel = label value."
    )
    min_volume_mm3: Annotated[float, Field(ge=0), Unit("mm^3")] = Field(
        default=0.0, description="Predicted components smaller than this are dropped."
    )

    @model_validator(mode="before")
    @classmethod
    def _labels_need_no_activation(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("holds") == "labels":
            return {"activation": "none", **value}
        return value


class OnnxModel(_Strict):
    onnx: Text = Field(description="Path of the .onnx file.")
    input: ModelInput = Field(default_factory=ModelInput)
    output: ModelOutput = Field(default_factory=ModelOutput)
    threads: int = Field(default=1, ge=1, description="Threads of one inference session.")


class CommandModel(_Strict):
    """An external command that reads a folder of NIfTI images and writes a folder of label maps."""

    command: list[Text] = Field(
        min_length=1, description="Program and arguments; {input} and {output} are folders."
    )
    files: list[Text] = Field(
        min_length=1,
        description="Every file (glob) the command's answer depends on: weights, code.",
    )
    input_suffix: str = Field(
        default="_0000", description="CASE + this + .nii.gz (nnU-Net: _0000)."
    )
    timeout_s: Annotated[float, Field(gt=0), Unit("s")] = Field(
        default=3600.0, description="Time the command may take for one folder."
    )


class PredictionsModel(_Strict):
    """Label maps that are already on disk, one per case."""

    predictions: Text = Field(description="Folder with one label map per case.")


def kind_of_model(value: Any) -> str | None:
    """``onnx``, ``command`` or ``predictions``: the one of these keys that is there."""
    if isinstance(value, BaseModel):
        value = type(value).model_fields
    kinds = [k for k in MODEL_KINDS if k in value] if isinstance(value, Mapping) else []
    return kinds[0] if len(kinds) == 1 else None


MODEL_KINDS = {"onnx": OnnxModel, "command": CommandModel, "predictions": PredictionsModel}
Model = Annotated[
    Annotated[OnnxModel, Tag("onnx")]
    | Annotated[CommandModel, Tag("command")]
    | Annotated[PredictionsModel, Tag("predictions")],
    Discriminator(kind_of_model),
]


class Criterion(_Strict):
    """A clinician's limit on one measured quantity of one case; see ``product.criteria``."""

    measure: str = Field(description="What is measured.")
    at_most: float | None = Field(
        default=None, description="The largest value that passes, in the measure's unit."
    )
    at_least: float | None = Field(
        default=None, description="The smallest value that passes, in the measure's unit."
    )
    label: str | None = Field(
        default=None, description="Judge this label alone; default: every label."
    )
    region: str | None = Field(
        default=None, description="Judge this region of task.regions instead of single labels."
    )
    min_diameter_mm: Annotated[float, Field(ge=0), Unit("mm")] | None = Field(
        default=None,
        description="Count lesions of this equal-volume diameter or more; default: all.",
    )
    tolerance_mm: Annotated[float, Field(gt=0), Unit("mm")] | None = Field(
        default=None,
        description="Of nsd: how far apart outlines may lie and still agree. Of boundary_iou: how "
        "wide the outlines are; default one voxel. Of marks and lesions: match them when their "
        "centres lie this close, instead of by overlap.",
    )

    @field_validator("at_most", "at_least", mode="before")
    @classmethod
    def _in_the_measures_unit(cls, value: Any, info: ValidationInfo) -> Any:
        measure = MEASURES.get(info.data.get("measure", ""))
        if value is None or measure is None:
            return value
        return Unit(measure.unit).parse(value)


class AxisRange(_Strict):
    """From nominal to the worst condition to be searched, in the axis's own unit."""

    from_: float = Field(alias="from", description="The condition as acquired.")
    to: float = Field(description="The worst condition to be searched.")


class Made(_Strict):
    """Something that was made from data or from other weights, and that ``data`` does not show."""

    name: str = Field(
        pattern=DATASET_NAME,
        description="Its name; of a data set or `model`, when it is that which was made so.",
    )
    kind: Literal["weights", "synthetic", "threshold", "text"] = Field(
        description="weights: pretrained, teacher, fine-tuned; synthetic: data drawn from weights."
    )
    from_: list[Text] = Field(
        default_factory=list,
        alias="from",
        description="What it was made from: data sets, `model`, `report`, names of this list.",
    )
    approval: Text | None = Field(
        default=None, description="File of its own approval or licence, when it is from elsewhere."
    )


class Declaration(_Strict):
    """The whole of ``limen.yaml``."""

    limen: Literal[1] = Field(description="Version of this format.")
    product: ProductInfo
    task: Task
    criteria: list[Criterion] = Field(
        min_length=1, description="A case passes when it meets every one."
    )
    risk: Risk
    data: list[Dataset] = Field(min_length=1, description="The sets of cases.")
    model: Model = Field(description="A frozen model: onnx, command or predictions.")
    physics: dict[str, AxisRange] = Field(
        default_factory=dict, description="How far the acquisition may degrade, axis by axis."
    )
    lineage: list[Made] = Field(
        default_factory=list,
        description="What model, data and texts were made from, as far as `data` does not say. A "
        "model that is not named here was made from the development sets.",
    )
    regimes: list[Literal["fda", "mdr", "mfds"]] = Field(
        default_factory=list, description="Whose rules apply: FDA, EU MDR, Korea's MFDS."
    )
