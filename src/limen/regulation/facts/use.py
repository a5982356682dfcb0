"""The intended use as the rules see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UseFacts:
    """The intended use as the rules see it; None is a fact that nobody stated.

    Attributes
    ----------
    situation : str
        State of the patient's healthcare situation (IMDRF N12 5.2).
    outputs : frozenset of str
        What the software shows or sends; see ``OUTPUTS``.
    inputs : frozenset of str
        What it works on; see ``INPUTS``.
    modality, anatomy, user, statement : str
        As declared.
    significance : str or None
        What the information is used for (IMDRF N12 5.1), as the maker says.
    autonomy : str or None
        ``assistive``: a professional looks at each case before anybody acts.
    workflow : str or None
        When the output is seen.
    unflagged : str or None
        What becomes of cases without a flag or mark.
    subject : str or None
        What the outputs speak of.
    found_by : str or None
        Who finds the lesion that is measured, outlined or scored.
    finding : str or None
        What is found, as far as a rule asks.
    disease_trained : bool or None
        Trained on, or judged by criteria of, a certain disease.
    functional : bool or None
        Measures function or a physical quantity that cannot be read off the image without it.
    for_treatment : bool or None
        Contours or measurements go into a treatment plan.
    harm : str or None
        Worst harm when it fails (Korea).
    lay_user : bool or None
    death_within_24h : bool or None
        The patient may die within 24 hours without the right care (Korea's "critical").
    drives_device : bool
        Controls or influences another device, in ``device_class``.
    closed_loop, monitors, ai, medical_purpose, individual, storage_only
        See the rules that use them.
    basis_reviewable, directive : bool
        Of text-only support: whether a professional can review its basis; whether it directs.
    """

    situation: str
    outputs: frozenset[str]
    inputs: frozenset[str] = frozenset({"image"})
    modality: str = ""
    anatomy: str = ""
    user: str = ""
    statement: str = ""
    significance: str | None = None
    autonomy: str | None = None
    workflow: str | None = None
    unflagged: str | None = None
    subject: str | None = None
    found_by: str | None = None
    finding: str | None = None
    disease_trained: bool | None = None
    functional: bool | None = None
    for_treatment: bool | None = None
    harm: str | None = None
    lay_user: bool | None = None
    death_within_24h: bool | None = None
    drives_device: bool = False
    device_class: str | None = None
    closed_loop: bool = False
    monitors: str = "none"
    ai: bool = True
    medical_purpose: bool = True
    individual: bool = True
    storage_only: bool = False
    basis_reviewable: bool = True
    directive: bool = False

    def has(self, *names: str) -> bool:
        """Whether any of these is among the outputs."""
        return bool(self.outputs & set(names))
