# ruff: noqa: E501 (one phrase, one line, as it is printed)
"""Phrases that say more than a product does, one regular expression a line, English and Korean.

Sources: the words that decide between 21 CFR 892.2050 to 892.2090, IMDRF N12 5.1, MDR Art 7 on
claims that mislead, the Korean guideline on classification pp.20-22, and phrases of brochures.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Beyond:
    """A kind of claim that only certain outputs allow.

    Attributes
    ----------
    name : str
    phrases : tuple of str
        Regular expressions.
    outputs : tuple of str
        Any of these allows it; none at all: nothing does.
    because : str
    denies : bool
        Whether a "not" before it turns it into a limit.
    """

    name: str
    phrases: tuple[str, ...]
    outputs: tuple[str, ...]
    because: str
    denies: bool = True

    @property
    def words(self) -> str:
        return "|".join(self.phrases)


BEYOND = (
    Beyond(
        "diagnosis",
        (
            r"\bdiagnos(?:e|es|ing)\b(?! code)",
            r"\bmakes? (?:a |the )?(?:definitive )?diagnos[ei]s",
            r"\b(?:automatic|instant|definitive|final|AI|accurate|reliable) diagnos[ei]s",
            r"\bprovides? (?:a |an )?(?:\w+ )?diagnos[ei]s",
            r"\b(?:detect|find|identif|recogni[sz]|spot|catch|see)\w*\s+(?:the |any |more |every )?(?:lung |breast |prostate |brain |liver |early |skin |the )*(?:cancers?|malignanc(?:y|ies)|tumou?rs?|carcinomas?|metasta\w+|strokes?|h(?:a)?emorrhages?|diseases?|patholog(?:y|ies)|pneumothora\w+|embolisms?|aneurysms?|sclerosis|retinopathy|dementia)",
            r"\b(?:detection|identification) of (?:lung |breast |prostate |brain |liver |early |skin |the )*(?:cancers?|malignanc(?:y|ies)|tumou?rs?|carcinomas?|metasta\w+|strokes?|h(?:a)?emorrhages?|diseases?|patholog(?:y|ies)|pneumothora\w+|embolisms?|aneurysms?|sclerosis|retinopathy|dementia)",
            r"\b(?:confirms?|establish\w*|determines?|tells?) (?:whether |if |the presence of |that )?(?:a |the )?(?:(?:lung |breast |prostate |brain |liver |early |skin |the )*(?:cancers?|malignanc(?:y|ies)|tumou?rs?|carcinomas?|metasta\w+|strokes?|h(?:a)?emorrhages?|diseases?|patholog(?:y|ies)|pneumothora\w+|embolisms?|aneurysms?|sclerosis|retinopathy|dementia)|patient has|diagnosis)",
            r"암(?:을|의)? ?(?:조기 ?)?(?:검출|탐지|발견|찾|진단|판별)",
            r"(?<!의사가 )(?<!전문의가 )(?<!의료진이 )(?:진단합니다|진단한다|진단해|진단하는 (?:AI|인공지능|소프트웨어|제품)|자동 ?진단|확진)",
            r"질환(?:을|의)? ?(?:유무를 )?(?:검출|탐지|발견|진단|판별|확인)",
            r"\b(?:patient|person|lung|scan|who) (?:is|are) (?:healthy|sick|ill|normal)\b",
            r"\bhealth (?:assessment|check)\b",
        ),
        ("diagnosis",),
        "it names a disease as present, which only a diagnosing product may",
        denies=True,
    ),
    Beyond(
        "disease",
        (
            r"\b(?:separat|distinguish|differentiat|tell|sort)\w* (?:the )?(?:healthy|normal|sick|ill) (?:from|and)",
            r"\bhealthy (?:from|and|or) (?:diseased|sick|ill)",
            r"\b(?:detect|find|found|identif|pinpoint|separat|filter|target|deliver|manag|recogni[sz]|spot|catch|caught|see|sees|flag|pick|reveal|uncover|screen|warn|answer|tell|know|assess|determin|decid|evaluat|discover|hunt|fight|beat|stop|show|highlight|mark|point|diagnos|locat|visuali[sz]|expos|track|alert|look)\w*\b[^.;:]{0,60}\b(?:cancer\w*|malignan\w+|carcinoma\w*|metasta\w+|tumou?rs?)\b",
            r"\b(?:cancer\w*|malignan\w+|carcinoma\w*|tumou?rs?)\b[^.;:]{0,40}\b(?:detect\w*|find\w*|finder|screening tool|recognition|specialist|expert|answer|warning|hunter|radar)\b",
            r"\b(?:AI|software|tool|solution|platform|companion|assistant|system|weapon|answer) (?:for|against|to) (?:\w+ ){0,2}(?:cancer|tumou?rs|malignan\w+)",
            r"\b(?:cancer\w*|malignan\w+|carcinoma\w*|tumou?rs?|metasta\w+)\b",
            r"(?:폐|유방|간|위|대장|전립선|갑상선)?암(?:을|를|이|의|은|는|과|\s)(?=\S)",
            r"\bsymptoms (?:appear|start|show)",
            r"\bpathologi\w+ (?:findings?|changes?)",
            r"\bcancer or no cancer",
            r"\b(?:yes|no)[- ]cancer\b",
            r"(?:암|종양|악성)[^.]{0,14}(?:검출|찾|진단|발견|놓치|판별|선별|식별|알려|감별|탐지|구별|확인)",
            r"(?:암|종양)[^.]{0,14}잡아",
        ),
        ("diagnosis", "score"),
        "it speaks of a disease as what the product shows, and the product shows areas",
        denies=True,
    ),
    Beyond(
        "rule-out",
        (
            r"\brul(?:e|es|ing|ed) out\b",
            r"\brule-?out\b",
            r"\bexclud(?:e|es|ing) (?:the presence of )?(?:(?:lung |breast |prostate |brain |liver |early |skin |the )*(?:cancers?|malignanc(?:y|ies)|tumou?rs?|carcinomas?|metasta\w+|strokes?|h(?:a)?emorrhages?|diseases?|patholog(?:y|ies)|pneumothora\w+|embolisms?|aneurysms?|sclerosis|retinopathy|dementia)|abnormalit\w+|nodules)",
            r"\bconfirms? (?:that |the )?(?:absence|normal|no )",
            r"\b(?:skip|filter(?: out)?|discard|set aside|screen out|weed out|sort out|bypass)\w* (?:the )?(?:normal|negative|healthy|clear|unremarkable)",
            r"정상 ?(?:영상|환자|케이스)(?:을|를)? ?(?:걸러|제외|분리|선별)",
            r"\b(?:clears?|dismiss\w*) (?:normal|negative) (?:cases|scans|studies|images)",
            r"\bsafely ignore",
            r"\bno need to (?:read|review|look)",
            r"\bneed not be (?:read|reviewed)",
            r"\bremov\w+ (?:\w+ ){0,3}from the (?:work)?list",
            r"\bskip (?:the )?(?:review|reading)",
            r"배제(?:합니다|한다|할 수|하여|해)",
            r"정상(?:임을|으로) (?:확인|확정|판정)",
            r"판독(?:이|할|은)? ?필요(?:가|는)? ?없",
        ),
        (),
        "it promises that nothing is there, and cases without a mark are not shown to be normal",
        denies=True,
    ),
    Beyond(
        "score",
        (
            r"\b(?:malignancy|cancer|risk|suspicion|severity) (?:score|index|probability|likelihood|rating|grade)",
            r"\b(?:likelihood|probability|chance) of (?:malignancy|cancer|disease|being)",
            r"\b(?:classif|categori[sz]|differentiat|distinguish)\w* (?:\w+ ){0,4}(?:benign|malignan)",
            r"\b(?:benign (?:from|or|and|versus|vs\.?) malignant|malignant (?:from|or|versus|vs\.?) benign)",
            r"\bcharacteri[sz]es? (?:the )?(?:lesions?|nodules?|findings?)",
            r"악성(?:도| 가능성| 확률| 여부)",
            r"양성과 악성",
            r"위험도 ?점수",
            r"암(?:일)? (?:가능성|확률)",
            r"\b(?:at|of) high(?:er)? risk\b",
            r"\bhigh-?risk (?:patients?|nodules?|lesions?|individuals|people)\b",
            r"\brisk stratif\w+",
            r"\bstratif\w+ (?:\w+ ){0,2}risk",
            r"\b(?:cancer|malignancy) risk\b",
            r"\brisk of (?:cancer|malignancy)\b",
            r"\b(?:is|are) (?:cancerous|malignant|benign)\b",
            r"\bcancerous\b",
            r"악성인지",
        ),
        ("score", "diagnosis"),
        "it characterises, which the product does not do",
        denies=True,
    ),
    Beyond(
        "triage",
        (
            r"\btriag\w+",
            r"\bprioriti[sz]\w+",
            r"\b(?:alerts?|notif(?:y|ies)) (?:the |your |a )?(?:\w+ )?(?:clinician|radiologist|physician|team|doctor|staff|specialist)s?\b(?! to (?:the )?(?:regions?|areas?|places?|locations?))",
            r"\brank(?:s|ed|ing)? (?:\w+ ){0,2}(?:patients|cases|scans|studies)",
            r"\bhow urgent\w*",
            r"\burgency\b",
            r"\bsort\w* (?:\w+ ){0,2}(?:worklist|cases|scans|studies|patients)",
            r"\bby urgency",
            r"\bto the top of (?:the |your )?",
            r"\b(?:critical|urgent|positive) (?:cases|patients|findings|scans) (?:come |are |go )*first",
            r"\bjump\w* the queue",
            r"\bworklist (?:order|priorit)",
            r"\burgent cases first",
            r"우선 ?순위",
            r"응급 (?:알림|환자 선별)",
            r"(?:의료진|의사)에게 (?:즉시 )?(?:알림|경고|통보)",
        ),
        ("triage-flag",),
        "it sorts or notifies, which the product does not do",
        denies=True,
    ),
    Beyond(
        "prognosis",
        (
            r"\bpredict(?:s|ing)? (?:the |a |patients?'? )?(?:\w+ )?(?:survival|outcome|recurrence|risk|progression|growth|response|future|who will|whether|malignan\w+|cancer)",
            r"\bforecast\w*",
            r"\b(?:will|going to) (?:grow|evolve|develop|progress)",
            r"\bprognos\w+",
            r"\bbefore (?:it|they|cancer) (?:develop|occur|appear)",
            r"(?:생존|재발|예후|발병|위험|진행)(?:을|를|률을)? ?예측",
            r"\b(?:will|going to) (?:grow|evolve|develop|progress)\b",
        ),
        ("prognosis",),
        "it predicts, which the product does not do",
        denies=True,
    ),
    Beyond(
        "treatment",
        (
            r"\b(?:suggest|advis|propos|indicat)\w* (?:\w+ ){0,2}(?:when|whether|whom|a biopsy|biops\w+|treatment|therapy|surgery|follow-?up)",
            r"\b(?:for|in|drives?|supports?|makes?) (?:\w+ ){0,2}(?:treatment|therapy|clinical|therapeutic|management|patient management) decisions?",
            r"\bdecision[- ](?:making|maker)\b",
            r"\bmanag(?:e|es|ing) (?:\w+ ){0,2}patients?\b",
            r"\bearly intervention",
            r"\bcare path\w*",
            r"\bnext (?:best )?steps? (?:for|in) (?:the |your )?(?:patient|care)",
            r"\brecommends? (?:a |an |the )?(?:\w+ )?(?:treatment|therapy|biopsy|surgery|follow-?up|dose|management)",
            r"\b(?:guides?|optimi[sz]es?|selects?|decides? on) (?:the |patient )?(?:treatment|therapy|management)",
            r"\btells? (?:you |the \w+ )?(?:when|whom|how) to (?:treat|operate|biopsy)",
            r"치료(?:를|법을|방법을)? ?(?:추천|권고|결정|제안)",
            r"조직검사(?:를)? ?(?:권고|추천)",
            r"\b(?:suggest|advis|propos|indicat)\w* (?:\w+ ){0,2}(?:when|whether|whom|a biopsy|biops\w+|treatment|therapy|surgery|follow-?up)\b",
        ),
        ("treatment",),
        "it advises on treatment, which the product does not do",
        denies=True,
    ),
    Beyond(
        "alone",
        (
            r"\blet (?:the |our )?(?:AI|software|system|\w+Mark) (?:decide|read|judge|diagnose|do|handle)",
            r"\b(?:AI|software|it) (?:decides|judges|concludes)\b",
            r"\bautonomous(?:ly)?\b",
            r"\breads? (?:the |your |every |all )?(?:\w+ )?(?:CTs?|MRIs?|scans?|images?|X-rays?|studies) (?:for you|on its own|by itself|alone|automatically|like)",
            r"\b(?:reads?|works?|acts?|decides?|operates?|analy[sz]es) (?:\w+ ){0,3}(?:on its own|by itself)\b|\bhands-?free\b|\bunsupervised\b",
            r"\bso (?:that )?(?:you|radiologists|doctors|readers)\b",
            r"\bwithout (?:a |any |the |need for (?:a )?)?(?:radiologist|human|physician|doctor|clinician|reader|expert|specialist)",
            r"\breplac(?:es?|ing) (?:the |your |a )?(?:radiologist|reader|physician|doctor|second reader|human)",
            r"\binstead of (?:a |the )?(?:radiologist|reader|physician)",
            r"\bno (?:radiologist|human|physician|expert|review) (?:is )?(?:needed|required|necessary)",
            r"\beliminat\w+ the need for",
            r"\bfully automat\w+ (?:reading|reporting|diagnos\w+)",
            r"의사 ?없이",
            r"의료진 ?없이",
            r"전문의 ?없이",
            r"전문의(?:를)? ?대체",
            r"의사(?:를)? ?대체",
            r"판독(?:을)? ?대체",
            r"자율 ?판독",
            r"판독 ?자동화",
            r"\b(?:digital|virtual|AI|artificial|automated|electronic|robot\w*) (?:radiologist|reader|doctor|physician|expert|colleague)\b",
            r"\bneeds? no (?:further )?(?:work-?up|review|reading|check|follow-?up|confirmation)",
            r"\bno further (?:work-?up|review|tests?|reading)",
            r"\bfirst reader\b",
            r"\breads? (?:the |your |every |all )?(?:\w+ )?(?:CTs?|MRIs?|scans?|images?|X-rays?|studies) (?:for you|on its own|by itself|alone|automatically|like)\b",
        ),
        ("autonomous",),
        "it is to act without a professional, and every case has to be read",
        denies=True,
    ),
    Beyond(
        "absolute",
        (
            r"\bnever (?:ever )?(?:miss|overlook|fail|err|tire|get|wrong|forget|lose)\w*",
            r"\bnothing (?:escapes|is overlooked|goes unnoticed)",
            r"\btireless\w*",
            r"\balways (?:right|correct|finds?|detects?|reliable|accurate)",
            r"\bwith (?:absolute|complete|total) (?:certainty|confidence|accuracy)",
            r"\b(?:slips?|slipped|falls?|fall) through",
            r"\b(?:goodbye|farewell) to",
            r"\bno more (?:missed|false|errors)",
            r"\bleave\w* nothing",
            r"\bevery (?:\w+ )?(?:abnormality|nodule|lesion|finding|cancer)(?! (?:is|was|has|that|which|he|she|of|in|on|and|may|can|must|should|to)\b)",
            r"(?<!^)(?<![.] )\bmakes? sure\b(?! (?:that )?(?:you|the (?:user|reader)))",
            r"\bunfailing\w*",
            r"\bunerring\w*",
            r"\bcan be (?:fully |completely )?trusted\b",
            r"놓치지 ?않",
            r"\b(?:misses|missed|missing) (?:nothing|no |none)",
            r"\bnothing (?:is |gets |will be )?missed",
            r"\bno (?:nodule|lesion|cancer|finding|case) (?:is |goes |will be |ever )*(?:missed|unnoticed|overlooked)",
            r"\b(?:all|every) (?:nodules?|lesions?|cancers?|findings?|tumou?rs?|abnormalit\w+)(?: (?:is|are|will be))? (?:detected|found|marked|identified|caught)",
            r"\b(?:detect|find|mark|identif|catch)\w* (?:all|every|each and every|any) (?:\w+ )?(?:nodules?|lesions?|cancers?|findings?|tumou?rs?|abnormalit\w+)",
            r"\b100 ?% (?:accura\w+|safe|reliable|sensitiv\w+|detection|precise|certain\w*)",
            r"\berror-?free",
            r"\bflawless",
            r"\binfallib\w+",
            r"\bperfect(?:ly)?\b",
            r"\bguarantee[sd]?\b",
            r"\b(?:completely|absolutely|totally) (?:safe|reliable|accurate)",
            r"\bno false (?:positives?|negatives?|alarms?|marks?)",
            r"\bzero (?:false|miss|error)\w*",
            r"\brisk-?free",
            r"\beliminat\w+ (?:errors|misses|missed|false)",
            r"\bfoolproof",
            r"\bpeace of mind",
            r"절대 ?(?:로)? ?놓치지",
            r"하나도 ?놓치",
            r"빠짐없이",
            r"100 ?% ?(?:정확|안전|신뢰|검출)",
            r"완벽",
            r"오류 ?없",
            r"오진 ?없",
            r"모든 (?:결절|병변|암|이상)(?:을|를|이)? ?(?:검출|찾|발견|표시|탐지)",
            r"위양성(?:이)? ?없",
            r"보장합니다",
            r"보장한다",
            r"\bcertainty\b",
            r"\bno doubt\b",
            r"\bwithout (?:a )?doubt\b",
            r"걱정 ?없",
            r"\bzero (?:compromis|doubt|risk)\w*",
            r"\bsafety net\b",
        ),
        (),
        "nothing measured is ever perfect",
        denies=False,
    ),
)

ANYBODY = (
    r"\b(?:works?|runs?|suitable|reliable|valid\w*|robust|tested|usable|effective|performs?|for use) (?:\w+ ){0,3}(?:on|with|for|in|across|at|by) (?:\w+ )?(?:any|all|every) (?:\w+ )?(?:patients?|scanners?|vendors?|makers?|protocols?|hospitals?|populations?|images?|scans?|CTs?|ethnicit\w+|settings?|body|anatom\w+)",
    r"\b(?:across|for|on|with) (?:all|any|every) (?:scanners?|patients?|vendors?|populations?|makers?|protocols?)",
    r"\bregardless of (?:the )?(?:scanner|age|dose|vendor|protocol|patient|quality|sex|ethnicity)",
    r"\bindependent of (?:the )?(?:scanner|vendor|protocol|dose|quality)",
    r"\bvendor[- ](?:neutral|agnostic|independent)",
    r"\b(?:no|without) (?:known )?(?:limitations?|limits|restrictions?|contraindications?)\b",
    r"모든 (?:환자|장비|기기|병원|영상|제조사)(?:에서|에게|에|의)? ?(?:사용|적용|동작|가능)",
    r"제한 ?없이",
    r"장비에 관계없이",
)
"""Words that know no boundary at all."""
