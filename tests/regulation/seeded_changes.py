# ruff: noqa: E501 (one walk, one line)
"""Seeded changes with the answers that follow, by hand, from the cited rules.

Each group is one walk through the provisions named in it; its rows are changes of that kind.
Answers: D document only, P within the plan, N notify, S new submission; ``S/D`` where the guidance
allows two, the stricter first. The four columns are FDA, EU certified under the MDR, EU legacy
(MDCG 2020-3), MFDS. In Korea a change of a grade 1 device is notified, of grade 2 certified, of
grade 3 and 4 approved (Rule Art 6), so the same item reads N in grade 1 and S above.

66 of them, one of each group, were derived a second time from the facts without looking at the
answers: 247 of 264 answers agreed. The 17 others were mended: Korea on training data, thresholds
and changes that nobody measured (the rule's five items do not decide them: both answers), a new
grade (its own route, whatever the old grade), the EU on an added output (a new purpose, or not).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CADE = {"cade": True, "eu_class": "IIa", "kr_grade": 3}
CADT = {"cade": False, "eu_class": "IIb", "kr_grade": 4}
EYE = {"cade": False, "eu_class": "IIa", "kr_grade": 2}
SEG = {"cade": False, "eu_class": "IIa", "kr_grade": 1}


@dataclass(frozen=True)
class Group:
    rules: str
    product: dict[str, Any]
    expected: tuple[str, str, str, str]
    facts: dict[str, Any]
    rows: list[tuple[str, str]]
    changed: tuple[str, ...] = ()
    """Regimes under which the class changes."""


def g(rules: str, product: dict[str, Any], expected: str, rows: str, **facts: Any) -> Group:
    changed = tuple(facts.pop("changed", ()))
    pairs = []
    for line in rows.strip().splitlines():
        kind, _, what = line.strip().partition(": ")
        pairs.append((kind, what))
    first, second, third, fourth = expected.split()
    return Group(rules, product, (first, second, third, fourth), facts, pairs, changed)


GROUPS = [
    g("215 Q1; Annex IX 4.10 no effect; 2020-3 4.3.2.3 security update; Rule 23(6)", CADE, "D D D N", """
        security: TLS library updated against a published weakness
        security: passwords hashed with a stronger function
        security: unused network port closed
        security: log-in locked after five failures
        security: signed update packages
        security: dependency patched after a vulnerability report
        security: audit log made tamper-evident""", only_security=True),
    g("215 Q1; the same for a grade 1 product", SEG, "D D D N", """
        security: container base image patched
        security: certificate pinning
        security: disk encryption switched on""", only_security=True),
    g("215 Q2; 2020-3 'bug fix back to specification'; Rule 23(6)", CADE, "D D D N", """
        bug-fix: marks shifted by one slice put right
        bug-fix: crash on empty series mended
        bug-fix: report showed millimetres as centimetres, as never specified
        bug-fix: orientation of oblique series as specified
        bug-fix: memory leak mended
        bug-fix: time zone of the report as specified""", restores_specification=True),
    g("215 Q2", CADT, "D D D N", """
        bug-fix: notification sent twice, now once as specified
        bug-fix: queue restarted after a power cut as specified
        bug-fix: preview image rotated, now as specified""", restores_specification=True),
    g("215 Q4 no; 4.10 no effect; 2020-3 'reduce latency'; Rule 23(6)", SEG, "D D D N", """
        speed: patches computed in batches of eight
        speed: results cached between series
        speed: volume read in parallel
        speed: graphics card used when there is one""", performance="none"),
    g("215 Q4 no; 2020-3 'reduce latency'", CADT, "D D D N", """
        speed: queue polled each second instead of each ten
        speed: compression of previews quicker
        speed: start-up made quicker""", performance="none"),
    g("216: no new claim; 2020-3 editorial; Rule 23(6)", CADE, "D D D N", """
        wording: spelling mistakes in the instructions corrected
        wording: company address changed
        wording: clearer warning on motion, same meaning
        wording: French translation added
        wording: table of performance set in another order
        wording: symbol explained""", purpose="same"),
    g("216: no new claim; editorial", EYE, "D D D N", """
        wording: clarification of the population as authorised
        wording: instructions reorganised
        wording: support telephone number changed""", purpose="same"),
    g("216 extended; MDR purpose; chart A A2-A4; Korea item 1", CADE, "S S S S", """
        wording: brochure now says it detects cancer
        wording: indication extended to screening of smokers
        wording: use as first reader added
        wording: use by general practitioners added
        population: adolescents from 12 years added
        population: patients after surgery added
        input-range: MR added to CT
        wording: monitoring under therapy added
        population: patients with metal implants added, formerly excluded""", purpose="wider"),
    g("216 extended; MDR purpose; chart A; Korea item 1", CADT, "S S S S", """
        wording: pulmonary embolism added to haemorrhage
        wording: claim that a negative result rules out stroke
        population: children added
        input-range: CT without contrast added to CT angiography
        wording: use outside the emergency room added
        wording: claim to shorten the stay in hospital""", purpose="wider"),
    g("216 extended; MDR purpose; chart A; Korea item 1 in grade 1", SEG, "S S S N", """
        wording: contours offered for radiation planning
        population: fetal imaging added
        wording: volumes offered to grade dementia""", purpose="wider"),
    g("216 narrower, no claim added; 4.10 conditions of use; chart A A1; Korea item 1", CADE, "D N D S", """
        population: children taken out
        wording: use as second reader alone
        population: nodules under 6 mm taken out of the claim
        input-range: scanners of one maker alone
        wording: contrast CT taken out""", purpose="narrower"),
    g("216 narrower; 4.10; A1; Korea item 1 in grade 1", SEG, "D N D N", """
        population: adults alone
        input-range: slices of 3 mm and thinner alone
        wording: one of two organs taken out""", purpose="narrower"),
    g("216 not decided; MDR purpose not decided; chart A not decided; item 1 not decided", CADE, "S/D S/D S/D S/N", """
        wording: new brochure, nobody compared it with the indications
        population: age range in the label rewritten
        input-range: list of scanners rewritten
        wording: web page with patients' stories"""),
    g("094: CADe training, algorithm, parameters may be significant, or Q4 no; 4.10 performance; chart C2 against text; licence", CADE, "S/D N S/D S/N", """
        training-data: 2,000 more cases from the same hospitals
        training-data: labels corrected in 40 cases
        training-data: duplicates taken out
        training-data: more small nodules
        training-sites: a fourth hospital with the same scanner
        training-sites: a second scanner maker in the training set""", performance="minor", alters_diagnosis=False),
    g("094 as above; chart and text both significant", CADE, "S/D N S S/N", """
        training-data: retrained, sensitivity for small nodules shifted
        training-sites: two foreign hospitals added
        threshold: operating point moved within the accepted range""", performance="minor", alters_diagnosis=True),
    g("094 as above; chart and text both significant; item 2", CADE, "S/D N S S", """
        preprocessing: windowing widened, other marks appear""", performance="minor", alters_diagnosis=True),
    g("Q4 no (within specification); 4.10 performance; chart C2 against text; licence", CADT, "D N S/D S/N", """
        training-data: 500 more haemorrhages from the same sites
        training-data: labels checked by a second reader
        training-sites: a further site of the same network
        training-data: older scans left out""", performance="minor", alters_diagnosis=False),
    g("Q4 no; 4.10; chart C2 against text; licence in grade 2", EYE, "D N S/D S/N", """
        training-data: images of a second camera of the same type
        training-data: more images of poor quality
        training-sites: a second screening programme""", performance="minor", alters_diagnosis=False),
    g("Q4 no; 4.10; chart C2 against text; licence in grade 1", SEG, "D N S/D N/N", """
        training-data: 100 more livers
        training-data: contours smoothed before training
        training-sites: a third hospital""", performance="minor", alters_diagnosis=False),
    g("Q4 yes; 4.10; chart and text significant; item 1", CADE, "S N S S", """
        training-data: retrained, false marks halved
        training-data: retrained, sensitivity up by eight points
        weights: new weights, sensitivity down in women
        threshold: operating point for screening, half the marks
        preprocessing: denoising before the model, other marks
        architecture: transformer instead of U-Net, other operating point""", performance="significant", alters_diagnosis=True),
    g("Q4 yes; 4.10; chart and text significant; item 1, 2 or licence", CADT, "S N S S", """
        threshold: notification at a lower score, twice as many
        training-data: retrained, new sensitivity in the label
        weights: ensemble of five instead of one
        architecture: three-dimensional instead of slices""", performance="significant", alters_diagnosis=True),
    g("Q4 yes; 4.10; chart and text; grade 1", SEG, "S N S N", """
        weights: volumes two per cent larger throughout
        preprocessing: resampling to 1 mm, volumes shift
        threshold: mask threshold lowered, volumes grow""", performance="significant", alters_diagnosis=True),
    g("Q4 could (not measured); 4.10 could; chart C2 against text; licence", CADE, "S/D N S/D S/N", """
        training-data: retrained last night, not yet tested
        training-sites: new site added, no test by site"""),
    g("Q4 could (not measured); 4.10 could; chart C2 against text; items 1, 2", CADT, "S/D N S/D S/N", """
        training-data: retrained, test set not run
        threshold: threshold set by eye"""),
    g("Q4 could (not measured); 4.10 could; chart C2 against text; items 1, 2; item 2", CADT, "S/D N S/D S", """
        preprocessing: other interpolation, not tested"""),
    g("Q4 could (not measured); grade 1", SEG, "S/D N S/D N/N", """
        training-data: retrained, not tested"""),
    g("Q4 could (not measured); grade 1; item 2", SEG, "S/D N S/D N", """
        preprocessing: other intensity scaling, not tested"""),
    g("094 or Q4 no; 4.10; C2 against text; item 2 or report", CADE, "S/D N S/D S/N", """
        weights: trained again with another seed
        weights: best of five runs chosen
        weights: longer training on the same data
        weights: averaged over the last ten epochs""", performance="minor", alters_diagnosis=False),
    g("Q4 no; 4.10; C2 against text; item 2 or report", CADT, "D N S/D S/N", """
        weights: another seed, same data and claims
        weights: fine-tuned on the same data""", performance="minor", alters_diagnosis=False),
    g("Q4 no; 4.10; C2 against text; grade 1: notification or report", SEG, "D N S/D N/N", """
        weights: another seed
        weights: pruned network, Dice within acceptance""", performance="minor", alters_diagnosis=False),
    g("Q4 no (same outputs); 4.10 no effect; chart C2 against text; item 2 or report", CADE, "D D S/D S/N", """
        weights: written as half precision, same marks on every test case
        weights: exported to another file format, same outputs
        weights: batch normalisation folded in, same outputs""", performance="none", alters_diagnosis=False),
    g("215 VI core algorithm or Q4 no; 094; 4.10; C2 both; item 2", CADE, "S/D N S S", """
        architecture: deeper network, performance within acceptance
        architecture: attention added, within acceptance""", performance="minor"),
    g("215 VI core algorithm or Q4 no; 4.10; C2 both; item 2", CADT, "S/D N S S", """
        architecture: two networks instead of one, within acceptance
        architecture: smaller network, within acceptance
        architecture: algorithm rewritten in another framework, within acceptance""", performance="minor"),
    g("215 VI; 4.10; C2; item 2 in grade 1", SEG, "S/D N S N", """
        architecture: nnU-Net instead of U-Net, within acceptance
        architecture: cascade of two networks, within acceptance""", performance="minor"),
    g("094 or Q4 no; 4.10; C2 against text; item 2", CADE, "S/D N S/D S", """
        preprocessing: spacing 1.5 mm instead of 2 mm
        preprocessing: lung mask before the model
        preprocessing: clipping at -1024 instead of -1000""", performance="minor", alters_diagnosis=False),
    g("Q4 no; 4.10; C2 against text; item 2", CADT, "D N S/D S", """
        preprocessing: bone window left out
        preprocessing: head holder removed""", performance="minor", alters_diagnosis=False),
    g("094 or Q4 no; 4.10; C2 against text; item 1 core performance", CADE, "S/D N S/D S/N", """
        threshold: 0.80 to 0.82, within the accepted range
        threshold: smallest mark 50 to 45 cubic millimetres""", performance="minor", alters_diagnosis=False),
    g("Q4 no; 4.10; C2 against text; item 1", EYE, "D N S/D S/N", """
        threshold: image quality gate a little stricter
        threshold: grading cut-off moved within acceptance""", performance="minor", alters_diagnosis=False),
    g("new regulation (892.2070 to 892.2090), 807.81; 4.10; C4 medical feature; Korea item 1", CADE, "S S/N S S", """
        output: malignancy score beside each mark
        output: likelihood in per cent for each nodule
        output: benign or malignant type for each mark""", added=True, changed=("fda",)),
    g("new regulation (892.2080 excludes marks), 807.81; class stays; C4; item 1", CADT, "S S/N S S", """
        output: arrow at the haemorrhage
        output: heat map in the preview
        output: contour of the bleeding""", added=True, changed=("fda",)),
    g("new regulation (892.2050 to 892.2070) and grade 1 to 3; MDR class changes", SEG, "S S S S", """
        output: marks on suspicious liver lesions
        output: finds tumours and outlines them""", added=True, changed=("fda", "mdr", "mfds")),
    g("Q4 new functionality, same regulation; 4.10; C4 medical feature; item 1", EYE, "S S/N S S", """
        output: macular oedema reported separately
        output: severity grade added
        output: image quality shown to the user as a score""", added=True),
    g("Q4 new functionality; 4.10; C4; item 1 in grade 1", SEG, "S S/N S N", """
        output: spleen beside the liver
        output: surface area beside the volume""", added=True),
    g("Q4 no (not depended on); 4.10 no effect; C4 chart against text; none of the five", SEG, "D D S/D N", """
        output: unused thumbnail taken out
        output: log file no longer written""", alters_reading=False),
    g("Q4 functionality; 4.10; C4 chart and text; item 5", CADE, "S N S S", """
        presentation: marks shown before the first read
        presentation: heat map instead of circles
        presentation: volume shown in place of diameter
        presentation: marks sorted by suspicion""", alters_reading=True, summative=True),
    g("Q4; 4.10; C4 both; item 5", CADT, "S N S S", """
        presentation: red banner instead of a line in the list
        presentation: pop-up that has to be acknowledged
        presentation: diagnostic-quality viewer in place of the preview""", alters_reading=True, summative=True),
    g("215 App. A 5.3: document; 4.10 no effect; C4 chart against text; no summative evaluation", CADE, "D D S/D N", """
        presentation: four images instead of two in the summary
        presentation: another colour of the circles, same meaning
        presentation: Korean user interface
        presentation: larger font
        presentation: logo changed
        presentation: dark background""", alters_reading=False, summative=False),
    g("as above, grade 1", SEG, "D D S/D N", """
        presentation: PDF report in another layout
        presentation: table columns in another order
        presentation: button moved""", alters_reading=False, summative=False),
    g("not decided: Q4; 4.10; C4 chart against text; item 5", CADE, "S/D N/D S/D S/N", """
        presentation: new viewer, nobody tested how it is read
        presentation: thickness of contours changed
        presentation: report in bullet points"""),
    g("Q4 no; 4.10 no effect; C1 minor update; none of the five", CADE, "D D D N", """
        runtime: inference library patch release, same outputs
        runtime: Windows monthly update, same outputs
        runtime: Python patch release, same outputs
        runtime: DICOM library minor release, same outputs
        runtime: number of threads changed, same outputs""", performance="none"),
    g("Q4 no; 4.10 component; C1 major; item 3 environment", CADT, "D N S S", """
        runtime: Windows to Linux, software adapted, same outputs
        runtime: C++ in place of Python, same outputs
        runtime: other database, software adapted, same outputs
        runtime: moved to another cloud, software adapted, same outputs""", performance="none", major_component=True),
    g("Q4 no; 4.10 component; C1 major; item 3 in grade 1", SEG, "D N S N", """
        runtime: other inference engine, software adapted, same outputs
        runtime: new operating system version, software adapted, same outputs""", performance="none", major_component=True),
    g("Q4 could (not measured); 4.10 could; C1 minor; none of the five", CADE, "S/D N D S/N", """
        runtime: inference library minor release, not tested
        runtime: new graphics driver, not tested
        runtime: compiler flags changed, not tested"""),
    g("Q4 no; 4.10 channel; C4 channel; item 4", CADT, "D N S S", """
        interface: notifications by a mobile network
        interface: results to a cloud platform
        interface: FHIR interface to the record
        interface: wireless link to the scanner""", performance="none", new_channel=True),
    g("Q4 no; 4.10 channel; C4; item 4 in grade 1", SEG, "D N S N", """
        interface: DICOMweb beside DICOM
        interface: upload to a planning system""", performance="none", new_channel=True),
    g("Q4 no; 4.10 no effect; 2020-3 text, existing channel; none of the five", CADE, "D D D N", """
        interface: second destination on the same DICOM port
        interface: retries after a lost connection
        interface: barcode reader at the workstation""", performance="none"),
    g("215 Q3a; 4.10 risk; C5; no item", CADT, "S N S N", """
        interface: results may reach the wrong patient's list
        speed: results may arrive after the report
        runtime: silent failure possible under load""", new_hazard=True, performance="none"),
    g("215 Q3b; 4.10 risk control; minor by the charts; no item", CADE, "S N D N", """
        runtime: check of the patient's identity moved to another module
        runtime: self-test at start taken out""", changes_risk_control=True, performance="none"),
    g("515C; AI Act 43(4); charts know no plan: C2 against text; Korean plan", CADE, "P P S/D P", """
        training-data: retrained on 3,000 cases as the plan describes
        weights: quarterly retraining by the protocol
        threshold: operating point tuned by the protocol
        training-sites: site added by the protocol""", performance="minor", alters_diagnosis=False, in_plan=["fda", "mdr", "mfds"]),
    g("515C; AI Act 43(4); C2 against text; Korean plan", CADT, "P P S/D P", """
        training-data: drop in performance corrected by the plan
        weights: retrained for a new scanner by the plan
        training-data: personalised to one hospital by the plan""", performance="minor", alters_diagnosis=False, in_plan=["fda", "mdr", "mfds"]),
    g("plan for FDA alone: 515C; 4.10; C2 against text; licence", CADE, "P N S/D S/N", """
        training-data: retrained by FDA's plan, no plan elsewhere
        training-sites: site added by FDA's plan, no plan elsewhere""", performance="minor", alters_diagnosis=False, in_plan=["fda"]),
    g("PCCP V.D deviation; 4.10; C2 against text; licence", CADE, "S N S/D S/N", """
        training-data: retrained, protocol's acceptance missed
        training-data: retrained, test set not sequestered as the protocol asks
        training-sites: site added, one step of the protocol left out""", performance="minor", alters_diagnosis=False, plan_failed=["fda"]),
    g("PCCP App. B (5),(6): new use is not in a plan; MDR purpose; A2; plan limits", CADE, "S S S S", """
        wording: pneumothorax added with the same model and data, called part of the plan
        population: children added, called part of the plan
        input-range: MR added, called part of the plan""", purpose="wider", in_plan=["fda", "mdr", "mfds"]),
    g("515C; AI Act; C2 against text; plan not with a new clinical trial (Notice 26(1)8)", CADE, "P P S/D S", """
        training-data: retrained by the plan, but only a trial can show it
        weights: real-time learning by the plan, but only a trial can show it""", performance="minor", alters_diagnosis=False, in_plan=["fda", "mdr", "mfds"], needs_trial=True),
    g("Q4 inputs not named, or of the cleared type; 4.10 conditions; B2 not worse; item 2 or report", CADE, "S/D N D S/N", """
        input-range: scanner of a fourth maker
        input-range: photon-counting CT
        input-range: slices up to 5 mm""", purpose="same", performance="minor"),
    g("inside the original population: Q4 no; 4.10 no effect; not chart A; no item", CADE, "D D D N", """
        population: performance in people over 80 added to the label, inside the indication
        population: results by sex added to the label, inside the indication""", purpose="same"),
    g("not back to specification: Q4 not measured; 4.10 could; C2 against text; no item", CADE, "S/D N S/D S/N", """
        bug-fix: marks at the edge were dropped, specification silent
        bug-fix: rounding of spacing changed
        bug-fix: overlapping marks merged differently"""),
    g("C5 and Q4: benefit against risk worse", CADT, "S N S S", """
        weights: cheaper model, more false alarms
        speed: quicker, but less sensitive""", performance="significant", benefit_risk_worse=True, alters_diagnosis=True),
]  # fmt: skip
