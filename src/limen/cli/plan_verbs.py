"""Verbs that plan: how many cases a claim takes, and whether a gain could be seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Json, json_out, table_out

if TYPE_CHECKING:
    from limen.measures.mrmc import VarianceComponents

plan = typer.Typer(
    name="plan",
    help="How many cases a claim takes, and whether a gain could even be seen.\n\n"
    "All plans count what is independent: patients. Two scans of one patient, or ten lesions, tell "
    "less than as many patients. Shares may be written 0.05 or 5%.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Confidence = Annotated[
    str, typer.Option(help="How sure the claim has to be; one-sided for a failure rate.")
]
Power = Annotated[
    str, typer.Option(help="Chance that the study succeeds when what is expected is true.")
]
Product = Annotated[
    Path, typer.Argument(help="A product's folder; what is not given is taken from it.")
]


def add_to(app: typer.Typer) -> None:
    plan.command("failure-rate")(failure_rate)
    plan.command("auc")(auc)
    plan.command("reader-study")(reader_study)
    plan.command("gain")(gain)
    app.add_typer(plan)


def failure_rate(
    folder: Product = Path(),
    rate: Annotated[
        str | None, typer.Option(help="Claimed largest share of failing patients.")
    ] = None,
    confidence: Annotated[
        str | None, typer.Option(help="How sure the claim has to be; default 95%.")
    ] = None,
    allow: Annotated[
        int | None, typer.Option(min=0, help="Failing patients that may occur.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option(help="The true share, as far as it is known.")
    ] = None,
    power: Power = "80%",
    cases_per_patient: Annotated[
        float, typer.Option(min=1, help="When the claim is about cases: cases of one patient.")
    ] = 1.0,
    correlation: Annotated[
        str, typer.Option(help="Correlation of failing between cases of one patient.")
    ] = "0",
    as_json: Json = False,
) -> None:
    """Patients for the claim "at most RATE of patients fail".

    Without a failure, 59 patients show at most 5 % with 95 % confidence, and 299 show at most
    1 %. One failure among them, and the claim is lost: allow for some with --allow, or say with
    --expect what you think is true and get a plan that succeeds with --power.

    Without --rate, rate and confidence are those that the product declares under `risk`.
    """
    from limen.measures.planning import plan_failure_rate

    claimed, sure = _claim(folder, rate, confidence)
    options: dict[str, Any] = {
        "cases_per_patient": cases_per_patient,
        "correlation": _share(correlation, "--correlation"),
    }
    made = plan_failure_rate(
        claimed,
        sure,
        allowed_failures=allow,
        expected_rate=None if expect is None else _share(expect, "--expect"),
        power=_share(power, "--power"),
        **options,
    )
    if as_json:
        json_out(made.as_dict())
        return
    typer.echo(made.in_words)
    if expect is None:
        more = [
            plan_failure_rate(claimed, sure, allowed_failures=k, **options)
            for k in range(made.allowed_failures, made.allowed_failures + 6)
        ]
        typer.echo()
        table_out(
            "If some may fail",
            ["failures allowed", "patients", "cases"],
            [[str(p.allowed_failures), str(p.patients), str(p.cases)] for p in more],
        )


def auc(
    expect: Annotated[float, typer.Option("--auc", help="Expected AUC of the new method.")],
    than: Annotated[float, typer.Option(help="Expected AUC of the method it is held against.")],
    margin: Annotated[
        float, typer.Option(min=0, help="Above 0: show no loss of this much (non-inferiority).")
    ] = 0.0,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="The two are read on different patients.")
    ] = False,
    correlation: Annotated[
        str, typer.Option(help="Of the two AUCs on the same cases; 0 is safe, 0.3 to 0.6 common.")
    ] = "0",
    positive_share: Annotated[
        str, typer.Option(help="Share of positive cases among those to be collected.")
    ] = "50%",
    cases_per_patient: Annotated[float, typer.Option(min=1, help="Cases of one patient.")] = 1.0,
    case_correlation: Annotated[
        str, typer.Option(help="Correlation of scores between cases of one patient.")
    ] = "0",
    confidence: Confidence = "95%",
    power: Power = "80%",
    as_json: Json = False,
) -> None:
    """Cases that show a difference of two AUCs, or that one is not worse.

    Reading the same patients by both methods saves most: the more alike the two score, the more
    (--correlation). With few positive cases the positives decide; more negatives help little.

    By the variance of Hanley and McNeil (1982).
    """
    from limen.measures.planning_auc import plan_auc

    made = plan_auc(
        expect,
        than,
        margin=margin,
        paired=not unpaired,
        correlation=_share(correlation, "--correlation"),
        positive_share=_share(positive_share, "--positive-share"),
        cases_per_patient=cases_per_patient,
        case_correlation=_share(case_correlation, "--case-correlation"),
        confidence=_share(confidence, "--confidence"),
        power=_share(power, "--power"),
    )
    _out(made, as_json)


def reader_study(
    effect: Annotated[float, typer.Option(help="Difference of mean AUC to be shown, e.g. 0.05.")],
    readers: Annotated[
        int, typer.Option(min=2, help="Readers, each reading all cases with and without.")
    ],
    reader_by_modality: Annotated[
        float | None, typer.Option(help="Pilot: variance of the readers' response.")
    ] = None,
    error: Annotated[float | None, typer.Option(help="Pilot: variance over cases.")] = None,
    cov1: Annotated[
        float | None, typer.Option(help="Pilot: covariance, one reader, two modalities.")
    ] = None,
    cov2: Annotated[
        float | None, typer.Option(help="Pilot: covariance, two readers, one modality.")
    ] = None,
    cov3: Annotated[
        float | None, typer.Option(help="Pilot: covariance, two readers, two modalities.")
    ] = None,
    pilot_cases: Annotated[int | None, typer.Option(min=1, help="Pilot: its cases.")] = None,
    confidence: Confidence = "95%",
    power: Power = "80%",
    as_json: Json = False,
) -> None:
    """Cases that readers have to read to show a difference with help and without.

    The answer is about readers and cases like these, not about these alone, so more cases do not
    make up for few readers: readers differ in how much they gain, and that does not shrink with
    cases. A pilot's variance components (limen.measures.mrmc_anova) make the plan yours; without
    one those of Van Dyke et al. 1993 (five radiologists, 114 cases) stand in.

    By Hillis, Obuchowski and Berbaum (2011).
    """
    from limen.measures.planning_auc import VAN_DYKE, VAN_DYKE_CASES, plan_reader_study

    given = _components(reader_by_modality, error, cov1, cov2, cov3, pilot_cases)
    components, cases = given or (VAN_DYKE, VAN_DYKE_CASES)
    made = plan_reader_study(
        effect,
        readers,
        components=components,
        pilot_cases=cases,
        confidence=_share(confidence, "--confidence"),
        power=_share(power, "--power"),
    )
    _out(made, as_json)


def gain(
    gain: Annotated[str, typer.Option(help="The gain asked about, e.g. 2% or 0.02.")],
    folder: Product = Path(),
    patients: Annotated[int | None, typer.Option(min=1, help="Patients at hand.")] = None,
    rate: Annotated[
        str | None, typer.Option(help="Share of patients the present method gets right.")
    ] = None,
    discordant: Annotated[
        str | None, typer.Option(help="Share of patients on whom old and new differ.")
    ] = None,
    sd: Annotated[
        float | None,
        typer.Option(
            help="For a mean (e.g. Dice) instead of a rate: standard deviation over patients of "
            "new less old."
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set of the product, when it has several.")
    ] = None,
    confidence: Confidence = "95%",
    power: Power = "80%",
    as_json: Json = False,
) -> None:
    """Would a gain even be seen with the patients you have?

    A gain in the share of patients got right shows only on patients whom old and new treat
    differently (McNemar). At best the new method only mends failures; at worst the two fail
    independently, and the same gain drowns in chance. --discordant says what you expect.

    Without --patients and --rate, both are those of the product's last evaluation. Exit status 1
    when the answer is no.
    """
    from limen.measures.planning_gain import plan_gain_in_mean, plan_gain_in_rate

    if patients is None or (rate is None and sd is None):
        found, passed = _evaluated(folder, data)
        patients = patients or found
        rate = rate or str(passed)
    sure, wanted = _share(confidence, "--confidence"), _share(power, "--power")
    asked = _share(gain, "--gain")
    if sd is not None:
        made = plan_gain_in_mean(asked, sd, patients, confidence=sure, power=wanted)
    else:
        assert rate is not None
        made = plan_gain_in_rate(
            _share(rate, "--rate"),
            asked,
            patients,
            discordant=None if discordant is None else _share(discordant, "--discordant"),
            confidence=sure,
            power=wanted,
        )
    _out(made, as_json)
    if made.seen == "no":
        raise typer.Exit(1)


def _out(made: Any, as_json: bool) -> None:
    if as_json:
        json_out(made.as_dict())
    else:
        typer.echo(made.in_words)


def _share(text: str, option: str) -> float:
    from limen.measures.errors import BadPlan
    from limen.product.units import NotAQuantity, parse_quantity

    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_quantity(text, "")
    except NotAQuantity:
        raise BadPlan(
            "this is not a share", where=option, found=text, mend="write it as 0.05 or 5%"
        ) from None


def _claim(folder: Path, rate: str | None, confidence: str | None) -> tuple[float, float]:
    from limen.measures.errors import BadPlan
    from limen.product import load_declaration

    if rate is not None:
        return _share(rate, "--rate"), _share(confidence or "95%", "--confidence")
    path = folder / "limen.yaml"
    if not path.exists():
        raise BadPlan(
            "there is no claim to plan for",
            where=str(folder),
            mend="give --rate, or a product's folder that declares a risk",
        )
    risk = load_declaration(path).risk
    sure = risk.confidence if confidence is None else _share(confidence, "--confidence")
    return risk.failure_rate, sure


def _components(
    reader_by_modality: float | None,
    error: float | None,
    cov1: float | None,
    cov2: float | None,
    cov3: float | None,
    pilot_cases: int | None,
) -> tuple[VarianceComponents, int] | None:
    from limen.measures.errors import BadPlan
    from limen.measures.mrmc import VarianceComponents

    given = (reader_by_modality, error, cov1, cov2, cov3, pilot_cases)
    if all(v is None for v in given):
        return None
    if (
        reader_by_modality is None
        or error is None
        or cov1 is None
        or cov2 is None
        or cov3 is None
        or pilot_cases is None
    ):
        raise BadPlan(
            "a pilot's variance components belong together",
            mend="give --reader-by-modality, --error, --cov1, --cov2, --cov3 and --pilot-cases",
        )
    # the readers' own variance does not enter a comparison of modalities
    return VarianceComponents(0.0, reader_by_modality, error, cov1, cov2, cov3), pilot_cases


def _evaluated(folder: Path, data: str | None) -> tuple[int, float]:
    """Patients of the last evaluation, and the share of them that passed."""
    from limen.measures.errors import BadPlan
    from limen.pipeline import load

    product = load(folder)
    kept = {
        s.name: product.store.latest("summary", s.name)
        for s in product.sets.values()
        if s.is_validation and s.left_out is None
    }
    found = {n: product.store.get_json(r.result) for n, r in kept.items() if r is not None}
    mend = "give --patients and --rate"
    if not found:
        raise BadPlan(
            "nothing has been evaluated yet", where=str(folder), mend=f"run `limen run`, or {mend}"
        )
    if (data is None and len(found) > 1) or (data is not None and data not in found):
        raise BadPlan(
            "which data set is meant?" if data is None else "there is no such data set",
            found=data,
            mend=f"give --data with one of {', '.join(found)}",
        )
    summary = found[data or next(iter(found))]
    rate = summary["failure_rate"]
    if rate["value"] is None:
        raise BadPlan(f"the present rate cannot be said: {rate['cannot_say']}", mend=mend)
    return rate["n_patients"], 1 - rate["value"]
