"""Sentences that can stand in place of what a text says, in its own language."""

from __future__ import annotations

import re

from limen.regulation.wording.evidence import Limit, SupportedFigure, WordingEvidence

_DOES = {
    "mark": ("marks areas", "의심 부위를 표시하며"),
    "contour": ("outlines structures", "구조의 윤곽을 그리며"),
    "measurement": ("measures structures", "구조를 측정하며"),
    "score": ("gives a score of a finding", "소견의 점수를 제시하며"),
    "triage-flag": ("flags cases to be read first", "먼저 판독할 영상을 알리며"),
    "diagnosis": ("states whether a finding is present", "소견의 유무를 제시하며"),
    "image": ("improves the image", "영상의 화질을 개선하며"),
    "prognosis": ("predicts a future state", "향후 상태를 예측하며"),
    "treatment": ("proposes a treatment", "치료를 제안하며"),
    "guidance": ("guides the taking of the image", "영상 획득을 안내하며"),
    "report": ("drafts a report", "판독문 초안을 작성하며"),
}
_KOREAN_METRICS = {
    "sensitivity": "민감도",
    "specificity": "특이도",
    "accuracy": "정확도",
    "false marks per case": "건당 위양성 수",
    "auc": "AUC",
}


def is_korean(text: str) -> bool:
    return len(re.findall(r"[가-힣]", text)) > 0.2 * max(1, len(text))


def permitted(evidence: WordingEvidence, sentence: str) -> str:
    """What may be said of the product, in the sentence's language."""
    order = [o for o in _DOES if o in evidence.outputs] or ["image"]
    if is_korean(sentence):
        does = " ".join(_DOES[o][1] for o in order)
        return f"{evidence.product}은(는) {does} 판단은 의사가 합니다."
    does = " and ".join(_DOES[o][0] for o in order)
    return (
        f"{evidence.product} {does} for review; the {evidence.user} reads every case and decides."
    )


def figure_words(figure: SupportedFigure, sentence: str) -> str:
    share = figure.metric != "false marks per case"

    def shown(value: float) -> str:
        return f"{100 * value:.1f} %" if share else f"{value:.2f}"

    low_high = ""
    korean = is_korean(sentence)
    sure = f"{100 * figure.confidence:.0f} %"
    if figure.low is not None and figure.high is not None:
        words = "신뢰구간" if korean else "interval"
        low_high = f" ({sure} {words} {shown(figure.low)} to {shown(figure.high)})"
    origin = {"phantom": "simulated data", "resimulated": "simulated changes of real data"}
    extra = [figure.data] if figure.data else []
    if figure.origin in origin:
        extra.append(origin[figure.origin])
    if figure.digest:
        extra.append(f"record {figure.digest[:12]}")
    tail = f", {', '.join(extra)}" if extra else ""
    metric = _KOREAN_METRICS.get(figure.metric, figure.metric) if korean else figure.metric
    head = metric[:1].upper() + metric[1:]
    return f"{head} {shown(figure.value)}{low_high}, n = {figure.n} {figure.unit_of_n}{tail}."


def limit_words(limit: Limit, sentence: str) -> str:
    return limit.korean if is_korean(sentence) else limit.words


def without(sentence: str) -> str:
    if is_korean(sentence):
        return "(이 문장은 근거가 없으므로 삭제합니다.)"
    return "(Leave the sentence out: nothing is known that would support it.)"
