"""Documents of every kind: text with its place, and what cannot be read is said."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner
from wording_texts import EVIDENCE, LIMITS

from limen.cli import regulation_verbs
from limen.regulation.errors import UnknownFact, UnreadableDocument
from limen.regulation.wording import lint, of_text, read_document, read_evidence

EXAMPLE = Path(__file__).parents[2] / "examples" / "ct-lung-nodule"
CLAIM = "LungMark detects cancer."
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'


def pdf(text: str) -> bytes:
    """A PDF of one page, written as ISO 32000-1 has it."""
    stream = f"BT /F1 12 Tf 40 700 Td ({text}) Tj ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for i, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (i, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % o for o in offsets))
    out.write(
        b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    )
    return out.getvalue()


def office(path: Path, parts: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def docx(path: Path, *paragraphs: str, extra: str = "") -> Path:
    body = "".join(f"<w:p><w:r><w:t>{t}</w:t></w:r></w:p>" for t in paragraphs)
    text = f"<w:document {W} {A}><w:body>{body}{extra}</w:body></w:document>"
    return office(path, {"word/document.xml": text})


def pptx(path: Path, *slides: str, picture: bool = False) -> Path:
    parts = {}
    for i, text in enumerate(slides, 1):
        blip = '<a:blip r="1"/>' if picture else ""
        parts[f"ppt/slides/slide{i}.xml"] = (
            f"<p:sld {P} {A}><a:p><a:r><a:t>{text}</a:t></a:r></a:p>{blip}</p:sld>"
        )
    return office(path, parts)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def of_kind(kind: str, folder: Path, text: str) -> Path:
    path = folder / f"brochure.{kind}"
    if kind == "md":
        return write(path, f"# Title\n\n{text}\n")
    if kind == "html":
        return write(path, f"<html><body><script>x='{text}'</script><p>{text}</p></body></html>")
    if kind == "pdf":
        path.write_bytes(pdf(text))
        return path
    return docx(path, "Title", text) if kind == "docx" else pptx(path, "Title", text)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("md", "line 3"),
        ("html", "line 1"),
        ("pdf", "page 1"),
        ("docx", "paragraph 2"),
        ("pptx", "slide 2"),
    ],
)
def test_the_same_claim_is_found_in_every_kind_with_its_place(tmp_path, kind, place):
    found = lint(read_document(of_kind(kind, tmp_path, CLAIM)), EVIDENCE).findings
    (claim,) = [f for f in found if f.code == "beyond-class" and f.phrase.startswith("detects")]
    assert claim.place == place
    assert claim.text == CLAIM


def test_runs_of_a_paragraph_are_one_text(tmp_path):
    split = "</w:t></w:r><w:r><w:t>"
    path = docx(tmp_path / "a.docx", f"LungMark dete{split}cts can{split}cer.")
    assert [b.text for b in read_document(path).blocks] == [CLAIM]


def test_scripts_and_code_are_no_text():
    assert "cancer" not in of_text("Text.\n\n```\ndetects cancer\n```\n").text


# --- what cannot be read ---


@pytest.mark.parametrize("kind", ["pdf", "docx", "pptx"])
def test_a_damaged_file_is_one_error(tmp_path, kind):
    path = of_kind(kind, tmp_path, CLAIM)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises(UnreadableDocument):
        read_document(path)


def test_an_encrypted_pdf_is_refused(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(CLAIM)))
    writer.encrypt("secret", algorithm="RC4-128")
    path = tmp_path / "locked.pdf"
    with path.open("wb") as file:
        writer.write(file)
    with pytest.raises(UnreadableDocument, match="encrypted"):
        read_document(path)


def test_an_encrypted_office_file_is_refused(tmp_path):
    path = tmp_path / "locked.docx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    with pytest.raises(UnreadableDocument, match="encrypted"):
        read_document(path)


def test_a_slide_with_a_picture_is_said(tmp_path):
    found = lint(read_document(pptx(tmp_path / "a.pptx", "Title", picture=True)), EVIDENCE)
    assert found.unread == ("slide 1: 1 picture(s) or chart(s); text in them was not read",)
    document = read_document(write(tmp_path / "a.md", "![](figure.png)\n\nText.\n"))
    assert document.unread == ("line 1: a picture; text in it was not read",)
    document = read_document(write(tmp_path / "a.html", "<p>Text</p><img src='x.png'>"))
    assert len(document.unread) == 1


def test_a_page_without_text_is_said(tmp_path):
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf(""))
    assert read_document(path).unread == ("page 1: no text could be read",)


def test_entities_are_not_expanded(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><w:document ' + W + ">&a;</w:document>"
    with pytest.raises(UnreadableDocument):
        read_document(office(tmp_path / "a.docx", {"word/document.xml": bomb}))


@pytest.mark.parametrize("name", ["a.xls", "a", "missing.md"])
def test_an_unknown_or_missing_document_is_one_error(tmp_path, name):
    if name != "missing.md":
        write(tmp_path / name, "text")
    with pytest.raises(UnreadableDocument):
        read_document(tmp_path / name)


def test_korean_text_of_an_older_encoding_is_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("폐암을 진단합니다.".encode("cp949"))
    assert {f.code for f in lint(read_document(path), EVIDENCE).findings} >= {"beyond-class"}


# --- evidence ---


def test_a_study_makes_a_comparison_allowed():
    text = of_text("It reduces reading time." + LIMITS)
    assert not lint(text, read_evidence({"studies": ["time"]}, EVIDENCE)).findings
    with pytest.raises(UnknownFact, match="readers"):
        read_evidence({"studies": ["reader"]}, EVIDENCE)
    with pytest.raises(UnknownFact):
        read_evidence({"figures": [{"metric": "auc"}]}, EVIDENCE)


def test_simulated_figures_need_their_origin():
    given = {
        "outputs": ["mark"],
        "figures": [
            {"metric": "sensitivity", "value": 0.9, "low": 0.8, "high": 0.95, "n": 60,
             "origin": "phantom"}
        ],
    }  # fmt: skip
    evidence = read_evidence(given)
    plain = "Sensitivity 90 % (95 % CI 80 to 95 %), n = 60 patients."
    (found,) = lint(of_text(plain), evidence).findings
    assert "origin" in found.evidence
    assert not lint(of_text(plain.replace("patients", "simulated patients")), evidence).findings


def test_the_evidence_digest_is_shown():
    (found, *_) = lint(of_text("Sensitivity 91.2 %." + LIMITS), EVIDENCE).findings
    assert "a1b2c3d4e5f6" in found.evidence


# --- verb ---

app = typer.Typer()
regulation_verbs.add_to(app)


def run(*args):
    return CliRunner().invoke(app, [str(a) for a in args])


def test_lint_tells_place_evidence_and_sentence(tmp_path):
    path = write(tmp_path / "a.md", "It detects cancer with a sensitivity of 98 %.\n\n![](x.png)\n")
    folder = tmp_path / "product"
    folder.mkdir()
    (folder / "limen.yaml").write_text((EXAMPLE / "limen.yaml").read_text("utf-8"), "utf-8")
    done = run("lint", path, "--product", folder)
    assert done.exit_code == 1, done.output
    for words in ("not legal advice", "line 1", "beyond-class", "unsupported-number", "instead:",
                  "not read: line 3", "no fresh evidence of performance"):  # fmt: skip
        assert words in done.output
    extra = tmp_path / "evidence.json"
    extra.write_text(
        json.dumps(
            {
                "figures": [
                    {"metric": "sensitivity", "value": 0.98, "low": 0.9, "high": 0.99, "n": 40}
                ]
            }
        ),
        "utf-8",
    )
    honest = "For adults, nodules of 8 mm and more; a radiologist reads every case.\n"
    write(path, honest + "Sensitivity 98 % (95 % CI 90 to 99 %), n = 40 patients.\n")
    done = run("lint", path, "--product", folder, "--evidence", extra, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["documents"][0]["findings"] == []
    write(extra, "[]")
    assert run("lint", path, "--product", folder, "--evidence", extra).exception is not None


def test_a_page_whose_fonts_tell_no_characters_is_said_and_not_passed_over(tmp_path, monkeypatch):
    # as some printers write pages: codes of glyphs come back, and no phrase would be found in them
    from pypdf import PageObject

    path = of_kind("pdf", tmp_path, CLAIM)
    monkeypatch.setattr(PageObject, "extract_text", lambda self: "\0F\0i\0n\0d\0s cancer")
    found = read_document(path)
    assert not found.blocks
    assert any("cannot be read back" in u for u in found.unread)
