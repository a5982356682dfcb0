# ruff: noqa: E501, RUF001 (lists of phrases; dashes as they are printed)
"""Numbers in a sentence: which metric each claims, its interval, its n; nothing else is a claim."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A measure of performance as texts name it.

    Attributes
    ----------
    name : str
    words : str
        Regular expression, English and Korean.
    share : bool
        A fraction, written also in per cent.
    """

    name: str
    words: str
    share: bool = True


METRICS = (
    Metric(
        "false marks per case",
        r"false (?:positive |positives? )?(?:marks?|positives?|detections?|alarms?)"
        r"(?: (?:per|a|each|for each) (?:case|scan|image|exam\w*|patient|volume))|"
        r"FPs? ?/ ?(?:case|scan|image)|(?:건|영상|검사)당 (?:위양성|오검출)|위양성(?: 표시)? ?수",
        share=False,
    ),
    Metric("specificity", r"specificit\w+|true negative rate|특이도"),
    Metric(
        "sensitivity",
        r"sensitivit\w+|sensitive\b|recall|true positive rate|detection rate|민감도|재현율|검출률|"
        r"\b(?:detect|find|identif|mark|catch|spot|recogni[sz])\w*(?=[^.]{0,24}\d[^.]{0,6}%)",
    ),
    Metric("missed", r"\bmiss(?:es|ed|ing)?\b|miss rate|놓치|미검출"),
    Metric("auc", r"\bAU-?R?O?C\b|area under (?:the )?(?:ROC )?curve|곡선 ?하 ?면적"),
    Metric("accuracy", r"accurac\w+|\d ?% accurate|정확도|정확률"),
    Metric("dice", r"\bdice\b|\bDSC\b|overlap (?:score|index)|다이스"),
    Metric("iou", r"\bIoU\b|jaccard"),
    Metric("ppv", r"positive predictive value|\bPPV\b|precision\b|양성 ?예측도|정밀도"),
    Metric("npv", r"negative predictive value|\bNPV\b|음성 ?예측도"),
    Metric("failure rate", r"failure rate|fails? in|실패율"),
    Metric("false positive rate", r"false[- ]positive rate|\bFPR\b|위양성률"),
    Metric("f1", r"\bF1\b"),
    Metric(
        "performance",
        r"\bperformance\b|\b(?:reach|achiev|attain|deliver|obtain)\w*|성능|달성",
    ),
    Metric("confidence", r"confiden(?:t|ce)(?! interval)|확신"),
)
"""The more special stands before the more general."""

_NUMBER = r"(?<![\w.,-])(\d{1,3}(?:,\d{3})+|\d+(?:[.]\d+)?|[.]\d+)(?![\d,]*\d)"
_RATIO = re.compile(
    r"(?<![\w.])(\d[\d,]*)\s(?:(?:missed|false|\w*nodules?|lesions?|cases?|findings?)\s){0,3}(?:out of|of|in)\s(?:the |all |every )?(\d[\d,]*)(?![\d.]*\s?(?:%|mm|s\b|cases? (?:with|where)))|"
    r"(\d[\d,]*)(?:명|개|건) ?중 (\d[\d,]*)(?:명|개|건)",
    re.IGNORECASE,
)
_FOUND = re.compile(
    r"\b(?:detect|find|found|identif|mark|catch|caught|spot|correct)\w*|검출|발견|표시",
    re.IGNORECASE,
)
_LOST = re.compile(r"\bmiss(?:es|ed|ing)?\b|overlook\w*|놓치|놓친", re.IGNORECASE)
_DASH = r"\s*(?:to|–|—|-|~|,|and|에서|부터|및)\s*"
INTERVAL = re.compile(
    r"(?:(?:9\d(?:\.\d)?|[5-8]\d)\s?%[- ]?)?(?:\bC\.?I\.?\b|confidence intervals?|\bintervals?\b|"
    r"신뢰 ?구간|구간)(?:\s?\((?:9\d|[5-8]\d)\s?%\))?[\s:=,(\[]*(?:of|is|was|from|은|는)?\s*[(\[]?\s*"
    r"(\d+(?:\.\d+)?)\s?%?" + _DASH + r"(\d+(?:\.\d+)?)\s?%?(?:[)\]])?",
    re.IGNORECASE,
)
_BARE_INTERVAL = re.compile(
    r"[(\[]\s*(\d+(?:\.\d+)?)\s?%?\s*(?:to|–|—|~)\s*(\d+(?:\.\d+)?)\s?%?\s*[)\]]"
)
COUNT = re.compile(
    r"\b[nN]\s?=\s?(\d[\d,]*)|(?<![\w.-])(\d[\d,]*)\s?(?:(?:consecutive|adult|different|independent|"
    r"held-out|test|unseen|simulated|real|chest|CT|MR|OCT|head|brain)\s+){0,3}(?:patients?|cases?|"
    r"scans?|examinations?|exams?|studies|subjects?|people|persons|lesions?|nodules?|images?|women|"
    r"men|volumes?|readers?|radiologists?|eyes|mammograms?)\b|(?<![\w.-])(\d[\d,]*)\s?(?:명|건|례|"
    r"예|증례|사례|개 병변|개의|개|안)(?=[^\d]|$)",
    re.IGNORECASE,
)
_OTHER_UNIT = re.compile(
    r"^\s?(?:mm|cm|ml|mL|cc|kg|mg|Gy|mGy|mSv|T\b|kV|HU|Hz|s\b|sec|seconds?|min|minutes?|hours?|h\b|"
    r"days?|weeks?|months?|years?|sites?|hospitals?|centres?|centers?|vendors?|x\b|times|GB|MB|CPU|"
    r"cores?|bits?|세|살|년|개월|일|시간|분|초|배|기관|곳|병원|밀리)",
    re.IGNORECASE,
)
_BEFORE_OTHER = re.compile(
    r"(?:version|release|v|step|section|figure|table|page|ISO|IEC|EN|CFR|Art(?:icle)?|No\.?|"
    r"model|rule|class|grade|stage|threshold(?: of)?|slice thickness|since|in|from)\s?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """A number that a sentence claims of a metric.

    Attributes
    ----------
    metric : str
    value : float
        As the evidence keeps it: a fraction for shares.
    half : float
        Half a unit of the last digit shown.
    shown : str
    """

    metric: str
    value: float
    half: float
    shown: str


@dataclass(frozen=True)
class Numbers:
    """What the numbers of a sentence say."""

    claims: tuple[Claim, ...]
    intervals: tuple[tuple[float, float], ...]
    counts: tuple[int, ...]


def numbers_in(text: str) -> Numbers:
    """The claims, intervals and counts of a sentence."""
    intervals = [(_as(m.group(1)), _as(m.group(2))) for m in INTERVAL.finditer(text)]
    plain = INTERVAL.sub(lambda m: " " * len(m.group(0)), text)
    intervals += [(_as(m.group(1)), _as(m.group(2))) for m in _BARE_INTERVAL.finditer(plain)]
    plain = _BARE_INTERVAL.sub(lambda m: " " * len(m.group(0)), plain)
    counts = [int(next(g for g in m.groups() if g).replace(",", "")) for m in COUNT.finditer(plain)]
    mentions = _mentions(plain)
    claims = []
    for match in re.finditer(_NUMBER, plain):
        claim = _claim(plain, match, mentions)
        if claim is not None:
            claims.append((match.start(), claim))
    ratios = _ratios(plain)
    counts += [n for _, n in ratios]
    found = [*_in_order(claims, mentions), *(c for c, _ in ratios)]
    return Numbers(tuple(found), tuple(intervals), tuple(counts))


def _ratios(text: str) -> list[tuple[Claim, int]]:
    """ "It found 193 of 212 nodules": a share of findings, with its own n."""
    found = []
    for match in _RATIO.finditer(text):
        groups = match.groups()
        some, every = groups[:2] if groups[0] is not None else (groups[3], groups[2])
        part, whole = int(_as(some)), int(_as(every))
        metric = "missed" if _LOST.search(text) else "sensitivity" if _FOUND.search(text) else None
        if metric is None or not 0 < part <= whole or whole < 10:
            continue
        shown = match.group(0).strip()
        found.append((Claim(metric, part / whole, 0.5 / whole + 0.0005, shown), whole))
    return found


def _in_order(
    claims: list[tuple[int, Claim]], mentions: list[tuple[int, int, Metric]]
) -> list[Claim]:
    """ "Sensitivity and specificity were 95 % and 93 %": as many numbers as metrics before them."""
    named = [m for m in mentions if m[2].name not in ("performance", "confidence")]
    before = claims and named and all(end <= claims[0][0] for _, end, _ in named)
    if len(claims) != len(named) or len(named) < 2 or not before:
        return [c for _, c in claims]
    return [
        Claim(metric.name, c.value, c.half, c.shown)
        for (_, c), (_, _, metric) in zip(claims, named, strict=True)
        if metric.share
    ]


def _mentions(text: str) -> list[tuple[int, int, Metric]]:
    found: list[tuple[int, int, Metric]] = []
    taken = [False] * len(text)
    for metric in METRICS:
        for match in re.finditer(metric.words, text, re.IGNORECASE):
            start, end = match.span()
            if not any(taken[start:end]):
                taken[start:end] = [True] * (end - start)
                found.append((start, end, metric))
    return sorted(found, key=lambda x: x[0])


def _claim(
    text: str, match: re.Match[str], mentions: list[tuple[int, int, Metric]]
) -> Claim | None:
    written = match.group(1)
    after = text[match.end() :]
    percent = re.match(r"\s?(?:%|per ?cent|percent|퍼센트)", after) is not None
    before = text[: match.start()]
    if not percent and (_OTHER_UNIT.match(after) or COUNT.match(text, match.start())):
        return None
    if not percent and (_BEFORE_OTHER.search(before) or re.search(r"[nN]\s?=\s?$", before)):
        return None
    near = [
        (min(abs(match.start() - end), abs(start - match.end())), start > match.start(), metric)
        for start, end, metric in mentions
        if _close(text, match, start, end)
    ]
    if not near:
        return None
    distance, _, metric = min(near, key=lambda x: (x[2].name == "performance", x[0] + 8 * x[1]))
    value = _as(written)
    digits = len(written.partition(".")[2])
    half = 0.5 * 10**-digits
    if metric.share:
        # a share over one beside its metric is in per cent, also where the sign is left out
        if percent or (1 < value <= 100 and distance <= 4 and metric.name != "performance"):
            value, half = value / 100, half / 100
        elif not 0 <= value <= 1 or "." not in written or metric.name == "performance":
            return None
    elif percent:
        return None
    return Claim(metric.name, value, half, written + (" %" if percent else ""))


def _close(text: str, match: re.Match[str], start: int, end: int) -> bool:
    """Whether a metric and a number stand near enough, with no other clause between."""
    between = text[end : match.start()] if end <= match.start() else text[match.end() : start]
    return len(between) <= 60 and ";" not in between


def _as(text: str) -> float:
    return float(text.replace(",", ""))
