"""Pseudonyms for patients and series, and which names may be shown.

A pseudonym is a keyed hash (HMAC-SHA256, RFC 2104) of an identifier under a salt that stays in
the product's folder. Without the salt nobody can test a guessed patient number against it;
with the salt anybody can, so the salt is kept like a key and never leaves with a report.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from limen.data.errors import IdentityError

SALT_BYTES = 32

# What people and exporters write into Patient ID when they mean "not known".
_NOBODY_LIST = """
anon anonym anonymised anonymized anonymous deidentified na nil noid none notavailable null
patient patientid subject test undefined unknown unnamed x xx xxx
"""
_NOBODY = frozenset(_NOBODY_LIST.split())


class Pseudonyms:
    """Turns identifiers into pseudonyms under one salt.

    Parameters
    ----------
    salt : bytes
        32 random bytes, see :func:`load_or_make_salt`.

    Notes
    -----
    Ten base32 characters are 50 bits: among 100,000 patients the chance that any two share a
    pseudonym is under one in 200,000.
    """

    def __init__(self, salt: bytes) -> None:
        if len(salt) < 16:
            raise IdentityError(
                "the salt of the pseudonyms is too short",
                found=f"{len(salt)} bytes",
                mend="restore the salt from a copy; a new salt gives every patient a new pseudonym",
            )
        self._salt = bytes(salt)

    def __repr__(self) -> str:
        return "Pseudonyms(salt=...)"

    def patient(self, raw_id: str) -> str:
        """``P-`` and ten characters; the same for the same identifier under the same salt.

        Surrounding blanks and NULs (DICOM padding) do not count; upper and lower case do.

        Raises
        ------
        IdentityError
            If the identifier is empty, because all such patients would become one person.
        """
        cleaned = _cleaned(raw_id)
        if not cleaned:
            raise IdentityError(
                "a patient identifier is empty",
                mend="give every patient an identifier of its own",
            )
        return self._pseudonym("P", "patient", cleaned)

    def patient_of(self, raw_id: str | None, study_uid: str | None) -> tuple[str, bool]:
        """Pseudonym of a patient whose identifier may be missing, and whether it was known.

        A missing identifier, or one that only says that there is none (``ANONYMOUS``, ``0000``),
        must not make all such patients the same person. Each study then counts as one patient
        and the second value is False: two studies of one person cannot be recognised.

        Returns
        -------
        (str, bool)
            The pseudonym, and ``patient_known``.
        """
        if names_a_patient(raw_id):
            return self.patient(raw_id or ""), True
        study = _cleaned(study_uid)
        if not study:
            raise IdentityError(
                "neither the patient nor the study has an identifier",
                mend="give the patient in a manifest (column `patient`)",
            )
        return self._pseudonym("P", "patient-by-study", study), False

    def series(self, uid: str) -> str:
        """``C-`` and ten characters for a series (or another unique identifier)."""
        cleaned = _cleaned(uid)
        if not cleaned:
            raise IdentityError("a series has no identifier")
        return self._pseudonym("C", "series", cleaned)

    def _pseudonym(self, prefix: str, purpose: str, value: str) -> str:
        # The purpose keeps a patient number and an equal series number apart.
        # File names in an old encoding come with surrogates, which plain UTF-8 refuses.
        message = f"{purpose}\0{value}".encode("utf-8", "surrogateescape")
        digest = hmac.new(self._salt, message, hashlib.sha256).digest()
        return f"{prefix}-{base64.b32encode(digest).decode('ascii')[:10]}"


def names_a_patient(raw_id: str | None) -> bool:
    """Whether a Patient ID distinguishes patients (not empty, not ``ANONYMOUS``, not ``0``)."""
    letters = _plain(raw_id or "")
    return bool(letters) and letters not in _NOBODY and bool(letters.strip("0"))


def load_or_make_salt(path: Path) -> bytes:
    """Read the salt at ``path``, or make it once: 32 random bytes, readable by the owner only.

    Safe when two processes start at once: the file appears whole or not at all, and both get
    the same salt.

    Raises
    ------
    IdentityError
        If the file exists and is not a salt, or cannot be read or written. A damaged salt is
        never replaced: every pseudonym would change in silence.
    """
    path = Path(path)
    try:
        if not path.exists():
            _make_salt(path)
        salt = path.read_bytes()
    except OSError as error:
        raise IdentityError(
            "the salt of the pseudonyms cannot be read or written",
            where=path.name,
            found=error.strerror,
            mend="move away what bears the name of its folder, .limen"
            if isinstance(error, FileExistsError | NotADirectoryError)
            else "make its folder readable and writable",
        ) from None
    if len(salt) != SALT_BYTES:
        raise IdentityError(
            "the salt of the pseudonyms is damaged",
            where=path.name,
            found=f"{len(salt)} bytes instead of {SALT_BYTES}",
            mend="restore it from a copy, or delete it and accept that every patient gets a new "
            "pseudonym",
        )
    return salt


def _make_salt(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SALT_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A hard link, unlike a rename, fails if another process was first.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


# --- names that may be shown ------------------------------------------------------------------

# Words that say what an image is, not whose it is; also public data sets' prefixes.
_WORD_LIST = """
abdomen abdominal acquisition adc adrenal anatomy aneurysm angio annotation annotations aorta
arm arterial ax axial baseline body bone bones brain brats breast cardiac case cases cervical
chaos chest cohort colon contour contours contrast control copy cor coronal cortex cropped csv
ct cta data dataset dce dcm dense derived dicom dicomdir dose dti dwi empty enhanced exam
example export fetal file fixed flair fluid followup foot frame ge gland gtv gz hand head heart
hepatic hepaticvessel high hip hippocampus hr idri im image images imagestr imagests img imgs
ims instance instances ixi kernel kidney kidneys kits knee label labels labelstr labelsts left
lesion lesions lidc lits liver lndb localizer low luna lung lungs lymph mask masks mean mha mhd
midas mr mra mri msd nac native ncct neck new nifti nii nlst nodule nodules noise normal nrrd
nsclc oasis oct original pancreas pancreatic part pat patch patient patients pelvis pet phantom
phase plain portal post pre pred prediction predictions prostate ptv raw rec recon
reconstruction ref reference references region resampled retina right roi rois rt rtss rtstruct
run sag sagittal sample scan scans se seg segmentation segmentations segments series ses session
set sim simulated site slab slice slices soft spine spleen standard std stir stroke struct
structures study sub subject sw swi task tcia test testing tf thick thin thoracic thorax thyroid
time timepoint tissue tmp tof total totalsegmentator train training truth tumor tumour ucsf
upenn us uterus valid validation vein venous verse vessel vessels view vol volume wb whole
window with without zip
"""
_WORDS = frozenset(_WORD_LIST.split())
_OWN_PSEUDONYM = re.compile(r"[PC]-[A-Z2-7]{10}")
_LETTER_OR_DIGIT_RUN = re.compile(r"[^\W\d_]+|\d+")
_CONSONANTS_ONLY = re.compile(r"[bcdfghjklmnpqrstvwxz]{3,6}")


def looks_like_code(name: str) -> bool:
    """Whether a name is made only of imaging words, short numbers and abbreviations.

    ``case3``, ``patient_012``, ``LIDC-IDRI-0001``, ``image.nii.gz`` and ``ct`` are;
    ``Kim_Cheolsu``, ``case_Kim``, ``19610412`` (six digits and more may be a birth date or a
    hospital number) are not. Every run of letters must be a known word, a single Latin letter, or
    three to six consonants (``NSCLC``; almost every person's name has a vowel or a y).
    """
    if _OWN_PSEUDONYM.fullmatch(name):
        return True
    # Shown names become file names and terminal output as well.
    if not name.isprintable() or set(name) & set('\\/:*?"<>|'):
        return False
    runs = _LETTER_OR_DIGIT_RUN.findall(unicodedata.normalize("NFKC", name).casefold())
    if not runs:
        return False
    digits = sum(len(run) for run in runs if run.isdecimal())
    if digits > 9 or any(len(run) > 5 for run in runs if run.isdecimal()):
        return False
    words = [run for run in runs if not run.isdecimal()]
    # A single CJK or Hangul character may be a whole family name.
    letters = [word for word in words if len(word) == 1 and word.isascii()]
    if len(letters) > 2:
        return False
    return all(
        word in _WORDS or word in letters or _CONSONANTS_ONLY.fullmatch(word) for word in words
    )


def safe_name(name: str, identity_tokens: Iterable[str]) -> str | None:
    """The name of a file or folder if it may be shown, else None (show a pseudonym instead).

    A name may be shown only if it looks like a code (:func:`looks_like_code`) and no identity
    token of the header occurs in it, whatever its case and punctuation. The first rule holds
    also where a header was read: folders of de-identified files often still carry the
    patient's name, which the header no longer knows.

    Parameters
    ----------
    name : str
        Last part of a path.
    identity_tokens : iterable of str
        From ``identity_tokens(header)``; empty where there is no readable header.

    Notes
    -----
    Limits: a short hospital number (five digits or fewer) that is not in a readable header
    passes; so does a word of the list that happens to be a name, and initials. A harmless name
    with unknown words is withheld; a manifest can give such cases an ``id``.
    """
    if not looks_like_code(name):
        return None
    if contains_identity(name, identity_tokens):
        return None
    return name


def contains_identity(text: str, identity_tokens: Iterable[str]) -> bool:
    """Whether any identity token occurs in a text, whatever its case and punctuation.

    Tokens of three and more characters are looked for anywhere; two-character tokens (short
    family names, syllables written in CJK or Hangul) only as a part that stands alone, except
    non-ASCII ones, which are looked for anywhere.
    """
    tokens = [_plain(token) for token in identity_tokens]
    if not tokens:  # most often, and asked of every case
        return False
    whole = _plain(text)
    parts = {_plain(part) for part in re.split(r"[\W_]+", text)}
    for token in tokens:
        if len(token) >= 3 or (len(token) == 2 and not token.isascii()):
            if token in whole:
                return True
        elif len(token) == 2 and token in parts:
            return True
    return False


def _cleaned(text: str | None) -> str:
    return (text or "").strip(" \0\t\r\n")


def _plain(text: str) -> str:
    """Letters and digits only, compatibility forms unified, case folded."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
