# ruff: noqa: E501, RUF001 (classes of words; apostrophes as they are printed)
"""Promises of benefit, by their grammar: who or what gains, and the verb that says so.

An advertisement invents its slogan, yet says the same few things: that somebody gains, that a
person is matched or beaten, that nothing is lost, that many already use it, that it is quick. Each
rule here is such a kind of claim, made of classes of words (what acts, what gains); a new slogan is
found when its words are of the classes, and a class is widened by words and not by slogans.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Benefit:
    """A kind of promise.

    Attributes
    ----------
    name : str
    words : str
        Regular expression.
    study : str or None
        The kind of study that would carry it; see ``evidence.STUDIES``. None: no study does.
    because : str
    """

    name: str
    words: str
    study: str | None
    because: str

    @property
    def of_the_product(self) -> bool:
        """Whether it is no promise when a professional is who does it."""
        return self.name in (
            "sees what others do not",
            "tells what to do",
            "done for you",
            "finds out",
        )


def _any(*words: str) -> str:
    return "(?:" + "|".join(words) + ")"


# --- English ---

_EFFECT = _any(
    r"improv\w*", r"enhanc\w*", r"boost\w*", r"increas\w*", r"rais(?:e|es|ed|ing)", r"elevat\w*",
    r"lift\w*", r"strengthen\w*", r"maximi[sz]\w*", r"optimi[sz]\w*", r"reduc\w*", r"cut(?:s|ting)?",
    r"lower(?:s|ed|ing)", r"shorten\w*", r"decreas\w*", r"minimi[sz]\w*", r"slash\w*", r"halv\w*",
    r"sav(?:e|es|ed|ing)", r"free(?:s|d|ing)?", r"reliev\w*", r"eas(?:e|es|ed|ing)", r"simplif\w*",
    r"streamlin\w*", r"accelerat\w*", r"speed(?:s|ing)?(?: up)?", r"prevent\w*", r"avoid\w*",
    r"stop(?:s|ping)?", r"end(?:s|ing)?", r"protect\w*", r"safeguard\w*", r"ensur\w*", r"secur\w*",
    r"deliver\w*", r"bring(?:s|ing)?", r"brought", r"turn(?:s|ed|ing)?", r"mak(?:e|es|ing)", r"made",
    r"transform\w*", r"empower\w*", r"enabl\w*", r"equip\w*", r"unlock\w*", r"unleash\w*",
    r"giv(?:e|es|ing)", r"offer\w*", r"expand\w*", r"extend\w*", r"solv\w*", r"tackl\w*",
    r"overcom\w*", r"eliminat\w*", r"win(?:s|ning)?", r"gain\w*", r"rescu\w*", r"advanc\w*",
    r"support(?:s|ing)", r"driv(?:e|es|ing)", r"tak(?:e|es|ing) care of", r"lighten\w*", r"manag\w*",
    r"sharpen\w*", r"extinguish\w*", r"fight(?:s|ing)?", r"beat(?:s|ing)?", r"conquer\w*",
    r"redefin\w*", r"augment\w*", r"keep(?:s|ing)? up with", r"reinvent\w*", r"reimagin\w*", r"rethink\w*", r"shap(?:e|es|ing)", r"keep(?:s|ing)?",
)  # fmt: skip
_GAINS = _any(
    r"patients?", r"care", r"outcomes?", r"health(?:care)?", r"li(?:fe|ves)", r"departments?",
    r"practices?", r"clinics?", r"teams?", r"staff", r"workflows?", r"workloads?", r"burdens?",
    r"backlogs?", r"throughput", r"productivity", r"efficienc\w+", r"time", r"hours?", r"minutes?",
    r"turnaround", r"delays?", r"costs?", r"budgets?", r"money", r"revenue", r"quality", r"accuracy",
    r"confidence", r"certainty", r"uncertainty", r"consistency", r"safety", r"risks?", r"errors?",
    r"misses", r"recalls?", r"biops\w+", r"decisions?", r"insights?", r"answers?", r"access",
    r"screening", r"malpractice", r"burn-?out", r"fatigue", r"stress", r"satisfaction", r"standards?",
    r"potential", r"expert(?:s|ise)?", r"diagnos\w+", r"protection", r"routine", r"difference",
    r"value", r"future", r"medicine", r"radiology", r"communit\w+", r"cancers?", r"diseases?",
    r"mortality", r"survival", r"radar", r"performance", r"excellence", r"equity", r"intelligence",
    r"clarity", r"generali[sz]ab\w+", r"rates?", r"reads?", r"reading", r"volumes?", r"shortages?", r"knowledge", r"litigation", r"precision", r"innovation", r"waiting",
)  # fmt: skip
_PERSONS = _any(
    r"radiologists?", r"readers?", r"clinicians?", r"doctors?", r"physicians?", r"experts?",
    r"specialists?", r"residents?", r"humans?", r"colleagues?", r"consultants?", r"professionals?",
)  # fmt: skip
_SIGHT = _any(
    r"see(?:s|ing)?", r"spot\w*", r"find\w*", r"found", r"catch\w*", r"caught", r"reveal\w*",
    r"uncover\w*", r"pick\w* up", r"detect\w*", r"unmask\w*", r"expos\w+", r"discover\w*",
)  # fmt: skip
_HIDDEN = _any(
    r"unseen", r"invisible", r"hidden", r"undetected", r"overlooked", r"unnoticed", r"elusive",
    r"subtle\w*", r"occult", r"tin(?:y|iest)", r"faint\w*", r"earliest", r"smallest", r"missed",
    r"otherwise",
)  # fmt: skip
_DISEASE = r"(?:disease|patholog\w+|cancer\w*|tumou?rs?|malignan\w+|lesions?|nodules?|abnormalit\w+|findings?)"
_TOOL = r"(?:software|tool|AI|product|solution|system|technology|algorithm|platform|LungMark)"
_WITHIN = r"(?:[\w'’-]+ ){0,5}?"

ENGLISH = (
    Benefit(
        "somebody gains",
        r"\b(?:efficiently|effectively|correctly|successfully|seamlessly|robustly|smoothly|tirelessly|"
        r"dramatically|equitabl[ey]|indispensable|invaluable|must-have|irreplaceable)\b|"
        # a headline's grammar: a participle after a comma, a clause without its main clause
        r"^[^.;:,]{3,45}, (?:\w+ed|solved|done right|made (?:easy|simple))[.!]?$|"
        r"^(?:when|because|where) [^,]{3,60}[.!]$|^for (?:\w+ ){0,2}(?:patients|people|hospitals|teams|those) "
        r"(?:who|that)\b[^,]*[.!]$|^(?:one|a|an|the) [\w -]{1,25}, (?:many|one|every|all|zero|no) [\w -]+[.!]$|"
        r"\b(?:as it|the way it) should be\b|\bin the wild\b|\bnowhere to\b|"
        r"\b(?:performance|accuracy|sensitivity|confidence|detection|productivity|throughput|quality|"
        r"efficiency|satisfaction|adherence|outcomes?|results) (?:\w+ )?(?:ris(?:es?|ing)|go(?:es)? up|"
        r"gr[eo]w\w*|climb\w*|improv\w*|soar\w*|increas\w*|benefit\w*)\b|"
        r"\bchang\w* (?:the |how |your )?(?:\w+ )?(?:lives|way|game|medicine|care|practice|everything)\b|"
        r"\bright (?:call|decision|diagnosis|choice|treatment|care|patients?|moment|time)\b|"
        r"\b(?:excellence|high-value|life-?saving|world-?class|first-?class|best-?of)\b|"
        r"\b(?:missed|lost|second) (?:chance|opportunit\w+)|\bready for\b(?! (?:use|reading|review|upload|"
        r"processing|transfer))|\bdemocrati[sz]\w*|\b(?:un-?burden|de-?stress|future-?proof)\w*|"
        r"\b(?:our|the) (?:mission|vision|promise|passion|goal)\b|\bclos\w* the (?:loop|gap)\b|"
        rf"\b{_EFFECT}\b (?!no\b){_WITHIN}{_GAINS}\b|"
        # a comparative of praise, without saying than what
        r"\b(?:fewer|happier|safer|faster|smarter|better|sharper|clearer|sooner|quicker|"
        r"easier|simpler|healthier|brighter|smoother|calmer|richer|deeper)\b(?! than| or more| or less)|"
        r"\bmore (?:accurate|confident|consistent|efficient|time|reliable|precise|productive|"
        r"informed|certain|effective|personal\w*|human)\w*\b|"
        r"\bless (?:time|work|effort|fatigue|stress|waiting|worry|guess\w+)\b|"
        r"\b(?:layer|line|shield) of (?:protection|defen[cs]e|safety|security)\b|"
        r"\b(?:in|on) time\b(?! (?:series|points?|scale))|"
        r"\bat the top of (?:their|your|its)\b|"
        r"\bso (?:that )?(?:you|your|they|clinicians|radiologists|doctors) (?:\w+ )?can\b|"
        r"\bwhat (?:really |truly )?(?:matters|counts)\b|\b(?:that|which) matters? most\b",
        "outcome",
        "it promises that somebody gains, which only a study of that gain shows",
    ),
    Benefit(
        "spoken to the buyer",
        # an imperative of advertising, or the buyer's own patients and colleagues
        r"^(?:just |simply |now )?(?:bring|give|turn|make|raise|unlock|discover|experience|transform|"
        r"empower|join|get|meet|take|stop|let|imagine|boost|cut|save|gain|deliver|achieve|catch|detect|"
        r"stay|go|be|never|say|trust|rely|see the|feel|welcome|step|elevate|reach|win|put|expand|free|"
        r"focus|spend|do more|work smarter|rethink|reimagine|future-proof|switch|upgrade|power|leave)\b"
        r"(?!.{0,40}\b(?:button|menu|window|viewer|series|settings?|file|instructions|manual|cable|"
        r"marks?|key|device|slices?|software|screen|server|temperature|overlay|contours?|sure)\b)|"
        r"^(?!ask|contact|follow|consult|inform|tell|train|check|see|read|refer|report)\w+.{0,80}"
        r"\byour (?:patients?|practice|teams?|staff|radiologists|department|colleagues|reads?|readers|"
        r"clinic|worklist|institution|service|community|doctors?)\b",
        "outcome",
        "it promises the buyer a gain, which only a study of that gain shows",
    ),
    Benefit(
        "like a person",
        r"\b(?:second|expert|specialist|another) (?:opinion|look by|radiology|reading|eyes?|mind)\b|"
        r"\b(?:pair|set) of eyes\b|\b(?:designed|built|made|created|developed) (?:by|with|for) "
        rf"{_PERSONS}, |\bexpect\w* (?:from|of) (?:an? )?(?:\w+ ){{0,2}}{_PERSONS}\b|"
        r"\bsuper-?human\b|\blearns? (?:with|from) every\b|\bit (?:really )?understands\b|\b(?:AI|machine)[- ](?:powered|driven|enabled|guided|first|assisted)\b|"
        rf"\b(?:like|just as) (?:a |an |the |your )?(?:\w+ ){{0,2}}{_PERSONS}\b|"
        rf"\b{_PERSONS}['’]?s? (?:can(?:not|'t)|could(?: not|n't)|never|fail\w*|miss\w*|overlook\w*|"
        r"struggle\w*|might|may (?:miss|overlook)|tire|do not see|love|trust|prefer)\b|"
        r"\b(?:even |the )?(?:trained|expert|human|naked|tired|best|experienced) (?:eyes?|readers?|"
        r"observers?)\b|"
        r"\b(?:digital|virtual|artificial|AI|tireless) (?:radiologist|reader|colleague|doctor|resident|"
        r"assistant|expert|partner)\b|"
        r"\b(?:partner|companion|ally|guardian|co-?pilot|sidekick|teammate|colleague|friend|mentor|"
        r"watchdog|lifeguard|safety belt)\b|"
        rf"\b(?:think|learn|reason|understand|know|care)(?:s|ed|ing)?\b(?= (?:like|what|how|from "
        rf"(?:millions|thousands))|.{{0,50}}\b{_PERSONS} (?:learn|know|see)s?\b)|"
        r"\b(?:sub)?special(?:ty|ist)[- ](?:insight|knowledge|level|expertise)",
        "readers",
        "it sets the product beside a person, which only a reader study shows",
    ),
    Benefit(
        "sees what others do not",
        rf"\b{_SIGHT}\b {_WITHIN}{_HIDDEN}\b|\b{_HIDDEN} {_DISEASE}\b(?! (?:was|were|is|are)\b)|"
        r"\bwould (?:otherwise )?(?:have )?(?:been |be |go |gone )+(?:overlooked|missed|unnoticed|lost)|"
        rf"\b(?:long |well |years |months |even )?before (?:it|they|the (?:disease|cancer|patient)|"
        rf"{_DISEASE}|symptoms|anyone|a human|the eye) (?:\w+ )?(?:become|appear|spread|grow|develop|show|turn|strike|notice|see|can|is (?:too late|visible|seen|felt))|"
        r"\bwhere (?:others|humans|eyes|readers) (?:fail|stop|miss)",
        "readers",
        "it claims to show what others do not see, which only a comparing study shows",
    ),
    Benefit(
        "nothing is lost",
        r"\bevery single\b|\bnothing (?:\w+ )?(?:waits|lost|left|missed|overlooked|forgotten|slips)\b|"
        r"\bno (?:\w+ ){0,3}(?:left|lost|unread|unseen|forgotten|behind|slips?|escapes?|wait(?:s|ing)?)\b|"
        r"\b(?:an|the) end (?:to|of)\b(?! (?:this|page|section|document|series|study|list|chapter))|"
        r"\b(?:day and night|24/7|round the clock|weekdays and weekends|every time|anytime|anywhere)\b|"
        r"\bfall\w* (?:through|off|between)\b|\bslip\w* (?:through|by|past|away)\b|"
        r"\bnormal (?:is|means) normal\b|\bnothing (?:but|less)\b|\bwithout (?:compromise|exception)\b",
        None,
        "nothing measured is ever without loss",
    ),
    Benefit(
        "for everybody",
        r"\b(?:any|every) (?:\w+ )?(?:CTs?|scanners?|protocols?|populations?|hospitals?|settings?|"
        r"vendors?|environments?|sites?|bod(?:y|ies)|departments?|clinics?|machines?|radiologists?|"
        r"makers?|manufacturers?|countr(?:y|ies)|workflows?|setups?)\b|"
        r"\bno matter (?:the|its|which|what|how|who|where)\b|\bwherever you\b|\bwhoever\b|"
        r"\bworks? (?:everywhere|out of the box|with everything)\b|\bbuilt for the real world\b|"
        r"\bone[- ]size|\bfor everyone\b|\bfor all\b(?! (?:cases|sizes|of|figures|numbers))",
        None,
        "it knows no limit, and the results have limits",
    ),
    Benefit(
        "many use it",
        r"\b(?:rel(?:y|ies|ied)|depend|count|bank) on\b(?! (?:the (?:scan|size|dose|slice|protocol|"
        r"scanner|network|image|setting|reader|radiologist))\b)|"
        r"\b(?:evidence|research|studies|data|science) (?:\w+ )?(?:shows?|proves?|confirms?|suggests?|speaks?)\b|"
        r"\bone of the (?:largest|most|best|few|leading|world|biggest|first|fastest)\b|\b(?:largest|biggest) "
        r"(?:\w+ ){0,3}(?:in|of|world|ever)\b|"
        r"\b(?:deployed|used|installed|trusted|chosen|adopted|live|running|preferred|loved|endorsed|"
        r"recommended|embraced)\b (?:\w+ ){0,3}(?:in|by|on|at|across|for) (?:\w+ ){0,3}"
        r"(?:\d[\d,.]*|dozens?|hundreds?|thousands?|millions?|leading|top|renowned|major)\b|"
        r"\b(?:backed|supported|proven|confirmed|underpinned|powered) by (?:\w+ ){0,4}(?:publications?|"
        r"stud(?:y|ies)|papers?|evidence|trials?|science|research|data|experience|results)\b|"
        r"\b(?:peer[- ]reviewed|award|prize|accolade)\w*\b|\b(?:millions|thousands|hundreds) of "
        r"(?:images|scans|patients|cases|hospitals|users|radiologists|studies|lives)\b|"
        r"\b(?:hospitals|sites|centres|centers|users|customers) (?:\w+ ){0,3}(?:report|see|say|rely|"
        r"trust|choose|save|love)\b",
        None,
        "use by many is no evidence of performance",
    ),
    Benefit(
        "it is quick",
        r"\bearly (?:answers?|detection|diagnos\w+|finding|action|treatment|intervention|stage)|"
        r"\b(?:in|under) (?:\w+ )?(?:a|one) minute\b|"
        r"\bat a glance\b|\bat once\b|\b(?:in|within) (?:just |a few |a matter of |mere )*"
        r"(?:seconds|moments|an instant|a heartbeat|the blink of an eye)\b|"
        r"\bevery (?:second|minute) counts\b|\bon the spot\b|\bat the point of care\b|"
        r"\breal[- ]time\b|\bbefore (?:the|your|a) (?:patient|coffee|shift|next)\b|"
        r"\bby (?:lunch\w*|noon|the end of)\b|\b(?:rapid|swift|instant|lightning|prompt|speedy)\w*\b|"
        r"\bright away\b|\bwithout (?:delay|waiting)\b|\bin (?:one|a single) (?:click|step|place|workflow)\b|"
        r"\bone (?:click|workflow|platform|place)\b|\bfrom (?:the )?\w+ to (?:the )?(?:report|management|"
        r"treatment|diagnosis|therapy|follow-up|decision)\b",
        "time",
        "it promises speed, which only a study of working time shows",
    ),
    Benefit(
        "tells what to do",
        r"\b(?:alerts?|alerting|warns?|warning|notif(?:y|ies|ying)|reminds?) (?:you|your|clinicians|doctors|the (?:team|clinician|doctor|"
        r"radiologist|ward))\b(?! to (?:the )?(?:regions?|areas?|places?|locations?))|\b(?:smart|automat\w+) (?:alerts?|reminders?|warnings?)\b|"
        r"\b(?:identif|find|select|pick|spot|flag|surfac)\w* (?:the |your |all |every )?(?:\w+-?\w* )?"
        r"(?:patients|candidates|people)\b|\btrack\w* (?:\w+ ){0,2}(?:growth|change|progress\w*)|"
        r"\b(?:tell|show|know|answer|decid|determin|clarif|indicat|reveal|advis|guid|flag|confirm)\w* "
        r"(?:\w+ ){0,4}(?:whether|if|which|who|whom|when|what to|how to) (?!the (?:reader|radiologist)|"
        r"to (?:use|install|open|read))\w+|"
        r"\bhelps? (?:you|your|clinicians?|doctors?|them) (?:to )?(?:decide|choose|judge|know|manage|act)|"
        r"\b(?:confidence|certainty|suspicion) scores?\b|"
        r"\b(?:quantif|estimat|assess|grad|rat|measur|calculat|gaug)\w* (?:the |each |every |\w+'s )?"
        r"(?:\w+ )?risks?\b|\baction(?:able)?\b(?! (?:is|was|needed|required|to be taken))|"
        r"\bfollow-?up\b.{0,30}\b(?:automat\w*|keeps?|never|on track)|\bautomat\w+ follow-?up|"
        r"\bscreen\w* out\b|\bweed\w* out\b|\bdistil\w*\b",
        None,
        "it advises or decides, which marks and outlines do not",
    ),
    Benefit(
        "the first or only one",
        rf"\b(?:the|your|a|world's) (?:very )?first (?:line|choice|AI\b|{_TOOL}\b|and only|of its kind|to\b)|"
        r"\bone of a kind\b|\bmore than (?:just )?(?:a|an)\b|\bnot just (?:a|an|another)\b|\bbeyond "
        r"(?:detection|expectations?|the)\b|\bnew era\b|\bnext (?:level|era|wave|frontier)\b|"
        r"\bof tomorrow\b|\b(?:at last|finally),",
        "products",
        "it sets the product above others, which only a comparing study shows",
    ),
)

# --- Korean: the verb stands last, and a benefactive (드리다, 주다) or resultative (내다) says it ---

_KOREAN_GAINS = (
    r"(?:질|수준|건강|삶|생명|안전|안심|사고|위험|부담|시간|업무|효율|정확도|정확성|신뢰도|생산성|비용|경쟁력|"
    r"만족도|가치|미래|환경|기회|골든 ?타임|발견율|검출률|진단율|생존율|사망률|오진|실수|피로|환자|의료진|품질|성능|"
    r"능력|역량|속도|대기|격차|치료|진단|진료|검진|의료)"
)
_KOREAN_EFFECT = (
    r"(?:높[이여]|높입|높여|낮[추춥춰]|줄[이여입였]|줄어|늘[리려립렸]|늘어|향상|개선|단축|절감|강화|지[키켜킵켰]|"
    r"보호|극대화|최소화|증가|감소|능가|해결|앞당|덜[어]|더[합해하]|책임|선사|제고|혁신|바[꾸꿉꿔]|열[어]|이끌|"
    r"뒷받침|확보|실현|도약|살[려립리])"
)

KOREAN = (
    Benefit(
        "somebody gains",
        r"게임 ?체인저|(?:한발|한 ?걸음|한 ?발) ?앞|앞서 ?가|없는 ?세상|향하여|신호를 ?읽|(?:격차|편차|부담|걱정|한계|공백)(?:를|을)? ?"
        r"(?:없|해소|극복|넘)|"
        r"새로운 ?(?:기준|시대|패러다임|미래|길|지평|표준)|맞춤(?:형)?|(?:살릴|살린|구할|구하)|(?:의|가) ?시작|"
        r"(?:만들어|열어|이끌어|바꾸어|바꿔) ?(?:갑니다|가는|나갑니다|나가는)|함께합니다|꿈꿉니다|"
        r"(?:믿|신뢰|안심)(?:을|할|하고)? ?수 ?있는|압도적|탁월|우수한|뛰어난|최적|최상|완성|"
        rf"{_KOREAN_GAINS}(?:을|를|이|가|은|는|의|도|까지|에)? ?(?:\S{{1,6}} ){{0,3}}\S{{0,4}}?{_KOREAN_EFFECT}",
        "outcome",
        "it promises that somebody gains, which only a study of that gain shows",
    ),
    Benefit(
        "done for you",
        r"(?<!표시)(?<!그려)(?<!보여)(?:해|알려|찾아|지켜|도와|잡아|골라|가려|이끌어|밝혀|챙겨|보내|맡아) ?"
        r"(?:드립니다|드려요|줍니다|준다|드리는|주는)(?! ?않)",
        None,
        "it does for the reader what marks and outlines do not",
    ),
    Benefit(
        "finds out",
        r"(?:악성|양성|암|이상|질환|정상)(?:\s?\S{0,4})?(?:을|를)? ?(?:구별|구분|감별|식별|판별|선별)|"
        r"(?:찾아|잡아|골라|가려|짚어|집어|알아|밝혀|포착해|발견해|검출해|걸러)(?: ?)(?:냅|낸|내[는고며어])|"
        r"(?:여부|유무|인지|은지|는지|ㄴ지|했는지|렸는지)(?: 아닌지)?(?:를|을)? ?(?:\S{1,6} ){0,2}?"
        r"(?:판단|판독|판별|구분|확인|결정|진단|알려|예측|분류)|"
        r"(?:위험도|악성도|중증도|심각도|가능성|확률)(?:를|을)? ?(?:\S{1,6} ){0,2}?(?:분류|평가|산출|제시|계산|예측|수치)|"
        r"(?:1차|일차|먼저|우선)(?:로|적으로)? ?(?:선별|분류)|시기(?:를|을)? ?(?:알려|제안|추천|안내)",
        None,
        "it states or decides, which marks and outlines do not",
    ),
    Benefit(
        "like a person",
        r"(?:전문의|의사|의료진|판독의|사람|인간|명의|주치의|교수)(?:처럼|만큼|보다|못지|를 ?능가|을 ?능가|도 |조차|"
        r"의 ?(?:눈|한계)|이 ?놓)|"
        r"(?:눈|육안)(?:으로|에)(?:는|도)? ?(?:\S{1,6} )?(?:어려운|힘든|보이지|놓치)|파트너|동반자|짝꿍|길잡이|조력자|지킴이|"
        r"도우미|비서|해결사|두 ?번째 ?(?:눈|의사)",
        "readers",
        "it sets the product beside a person, which only a reader study shows",
    ),
    Benefit(
        "many use it",
        r"(?:의료진|병원|전문의|의사|환자)(?:이|가|들이)? ?(?:\S{1,5} )?(?:선택|신뢰|인정|추천|사랑)(?:한|하는|받는)|"
        r"(?:세계|국내|전국|해외)? ?\d[\d,]*(?:여)? ?(?:개국|개 ?병원|개 ?기관|만 ?명|만 ?건|곳)(?:에서|이|의|에)? ?"
        r"(?:\S{1,6} ){0,2}?(?:사용|도입|검증|인정|선택|채택|신뢰|활용)|"
        r"(?:논문|임상|연구|데이터|현장|세계|글로벌)(?:으로|로|에서|을 통해)? ?(?:이미 )?"
        r"(?:입증|증명|검증|인정)(?:된|받은|한)|(?:입증|증명|인정)(?:된|받은) ?(?:성능|기술|효과|정확도|AI|솔루션|제품)|"
        r"선택(?:했|한|받은)|선도",
        None,
        "use by many is no evidence of performance",
    ),
    Benefit(
        "it is quick",
        r"(?:단 ?)?(?:몇|수|\d+) ?초(?: ?(?:만|안|이내|내))(?:에)?|실시간|즉시|순식간|신속|획기적|빠르(?:게|고)|빠른|"
        r"한눈에|손쉽게|간편",
        "time",
        "it promises speed, which only a study of working time shows",
    ),
    Benefit(
        "nothing is lost",
        r"(?:지나치|놓치|빠뜨리|간과하|포기하)지 ?(?:않|마)|하나(?:도|까지|라도)|단 ?하나|"
        r"(?:까지|도|든) ?(?:모두|전부|다|놓치지|빠뜨리지)|(?:모두|전부|모조리|남김없이) ?(?:\S{1,6} )?(?:찾|잡|검출|발견|읽)|"
        r"(?:언제|어디서|누구)나|24시간|안심|걱정 ?(?:마|없|끝)|든든",
        None,
        "nothing measured is ever without loss",
    ),
)

BENEFITS = (*ENGLISH, *KOREAN)
