"""Every verb: which file it lives in, and its line in ``limen --help``.

The help and the choice of a verb need only this table, so a start imports one group of verbs
instead of all of them, and the bare help imports none. A test holds the table and the verbs equal.
"""

from __future__ import annotations

VERBS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "demo": ("example_verbs", "An example from end to end, up to its report."),
        "new": ("product_verbs", "A commented product folder, from a template or from your data."),
        "check": ("product_verbs", "All that is wrong, at once, before anything is evaluated."),
        "deidentify-check": ("deidentify_verbs", "Identity in DICOM headers, pixels and faces."),
        "examples": ("example_verbs", "The examples that ship with Limen, and their real data."),
    },
    "Evaluate": {
        "run": ("run_verbs", "Everything that is stale, in order."),
        "evaluate": ("run_verbs", "Predict, measure and judge each case that is stale."),
        "report": ("run_verbs", "The HTML report; says so when results are stale."),
        "status": ("run_verbs", "What is fresh, what is stale, and through which changed input."),
        "measure": ("measure_verbs", "One segmentation against its reference, without a product."),
        "plan": ("plan_verbs", "How many cases a claim takes; whether a gain could be seen."),
        "train": ("train_verbs", "A baseline model, trained on development cases by a recipe."),
    },
    "Boundary": {
        "stress": ("boundary_verbs", "How far the acquisition may degrade until verdicts flip."),
        "certify": ("boundary_verbs", "How far outward the declared failure rate is certified."),
        "explain": ("guard_verbs", "Why trust ends there; the guard; the page to sign."),
        "guard": ("guard_verbs", "Whether images lie inside the boundary, and why not."),
    },
    "Evidence": {
        "verify": ("evidence_verbs", "The whole ledger, every stored file and every signature."),
        "sign": ("evidence_verbs", "Sign a result with your key."),
        "bundle": ("evidence_verbs", "The ledger for a stranger to verify with public keys."),
        "keys": ("evidence_verbs", "Keys and the roster: who signs in which role."),
        "reach": ("release_verbs", "How far results may go, and what a withdrawal touches."),
        "release": ("release_verbs", "Freeze model, criteria, results and signatures."),
        "promote": ("release_verbs", "A release one stage up, or all that is missing for it."),
        "diff": ("release_verbs", "Two releases case by case; what newly fails comes first."),
        "failures": ("release_verbs", "Every failure ever recorded, and which are explained."),
    },
    "Regulation": {
        "classify": ("regulation_verbs", "Class under FDA, EU MDR and Korea's MFDS, and why."),
        "change": ("regulation_verbs", "What the differences between two releases ask for."),
        "lint": ("regulation_verbs", "Texts held against the evidence and the class."),
        "contract": ("contract_verbs", "Who answers for what, and what outputs may say."),
        "requires": ("contract_verbs", "The evidence each regime asks for, and what is there."),
        "modify": ("contract_verbs", "A release held against the predetermined change plan."),
    },
}  # fmt: skip


def file_of(verb: str) -> str | None:
    """The module in ``limen.cli`` that a verb lives in, or None when there is no such verb."""
    return next((group[verb][0] for group in VERBS.values() if verb in group), None)


def files() -> list[str]:
    """All modules of verbs, each once."""
    return list(dict.fromkeys(file for group in VERBS.values() for file, _ in group.values()))


def overview() -> str:
    """The text of ``limen --help``."""
    lines = [
        "Usage: limen [OPTIONS] VERB [ARGS]...",
        "",
        "  Find, certify and enforce the threshold under which a medical-imaging model",
        "  can no longer be trusted.",
        "",
        "  Start with `limen demo`, or with your own data:",
        "  `limen new DIR --images A --references B --onnx M`, then `limen run DIR`.",
    ]
    for title, group in VERBS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {verb:<9} {line}" for verb, (_, line) in group.items()]
    lines += [
        "",
        "Options:",
        "  --version   Say the version.",
        "  -h, --help  Show this message; `limen VERB --help` tells more of a verb.",
        "",
        "Exit status: 0 done, 1 the answer is no, 2 the input is wrong.",
    ]
    return "\n".join(lines)
