"""The text of a document, block by block, each with its place; what could not be read is said.

Markdown and plain text, HTML, PDF (pypdf, BSD-3-Clause), DOCX and PPTX (read as the ZIP and XML
they are, ECMA-376). A picture may hold text that is not read: it is named, never passed over.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from limen.regulation.errors import UnreadableDocument

LARGEST_PART_BYTES = 64 << 20
"""Of one part of an office file, unpacked: more is refused, so that no archive fills the memory."""


@dataclass(frozen=True)
class Block:
    """One paragraph, item, cell or heading.

    Attributes
    ----------
    place : str
        As ``line 12``, ``page 3``, ``slide 2``, ``paragraph 7``.
    text : str
        On one line.
    """

    place: str
    text: str


@dataclass(frozen=True)
class Document:
    """A document's text, and what in it was not read."""

    name: str
    blocks: tuple[Block, ...]
    unread: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(b.text for b in self.blocks)


def read_document(path: Path) -> Document:
    """Read the text of a document by the ending of its name.

    Raises
    ------
    UnreadableDocument
        Encrypted, damaged, of an unknown kind, or not there.
    """
    readers = {
        ".md": _markdown,
        ".txt": _markdown,
        ".html": _html,
        ".htm": _html,
        ".pdf": _pdf,
        ".docx": _docx,
        ".pptx": _pptx,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UnreadableDocument(
            "this kind of document is not read",
            where=path.name,
            found=path.suffix or "no ending",
            mend="save it as Markdown, HTML, PDF, DOCX or PPTX",
        )
    if not path.is_file():
        raise UnreadableDocument(
            "there is no such document", where=path.name, mend="check the path"
        )
    blocks, unread = reader(path)
    kept = tuple(Block(b.place, " ".join(b.text.split())) for b in blocks if b.text.strip())
    if not kept and not unread:
        raise UnreadableDocument(
            "the document holds no text", where=path.name, mend="check that it is the right one"
        )
    return Document(path.name, kept, tuple(unread))


def of_text(text: str, name: str = "text") -> Document:
    """A document from Markdown or plain text."""
    blocks, unread = _lines(text)
    return Document(name, tuple(blocks), tuple(unread))


# --- Markdown and plain text ---

_ITEM = re.compile(r"^\s*(?:(?:[-*+]|\d{1,2}[.)])\s+|[>|]\s*|#+\s*)")
_PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


def _markdown(path: Path) -> tuple[list[Block], list[str]]:
    return _lines(_decoded(path))


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableDocument(
        "the text has an unknown encoding", where=path.name, mend="save it as UTF-8"
    )


def _lines(text: str) -> tuple[list[Block], list[str]]:
    blocks: list[Block] = []
    unread: list[str] = []
    gathered: list[str] = []
    start = 0

    def close() -> None:
        if gathered:
            blocks.append(Block(f"line {start}", " ".join(gathered)))
            gathered.clear()

    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            close()
            continue
        if fenced:
            continue
        unread += [
            f"line {number}: a picture; text in it was not read" for _ in _PICTURE.findall(line)
        ]
        words = _LINK.sub(r"\1", _PICTURE.sub(r"\1", line))
        words = re.sub(r"[*_`]{1,3}", "", words)
        if not words.strip():
            close()
            continue
        if _ITEM.match(words):
            close()
            words = _ITEM.sub("", words).replace("|", " ; ")
        if not gathered:
            start = number
        gathered.append(words.strip())
        if line.lstrip().startswith(("#", "|")):
            close()
    close()
    return blocks, unread


# --- HTML ---

_BLOCKS = {
    "p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "td", "th", "div", "section", "article", "dt",
    "dd", "figcaption", "caption", "blockquote", "title", "header", "footer", "tr", "br",
}  # fmt: skip
_SILENT = {"script", "style", "template", "noscript"}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.unread: list[str] = []
        self._text: list[str] = []
        self._line = 1
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        if tag in _BLOCKS:
            self.finish()
        given = dict(attrs)
        if tag in ("img", "svg", "canvas", "video", "object", "embed"):
            alt = (given.get("alt") or "").strip()
            if alt:
                self.blocks.append(Block(f"line {self.getpos()[0]}, picture", alt))
            self.unread.append(f"line {self.getpos()[0]}: a {tag}; text in it was not read")
        if tag == "meta" and (given.get("name") or "").lower() == "description":
            self.blocks.append(Block(f"line {self.getpos()[0]}", given.get("content") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        if tag in _BLOCKS:
            self.finish()

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._text:
            self._line = self.getpos()[0]
        self._text.append(data)

    def finish(self) -> None:
        text = " ".join("".join(self._text).split())
        if text:
            self.blocks.append(Block(f"line {self._line}", text))
        self._text.clear()


def _html(path: Path) -> tuple[list[Block], list[str]]:
    page = _Page()
    page.feed(_decoded(path))
    page.close()
    page.finish()
    return page.blocks, page.unread


# --- PDF ---


def _pdf(path: Path) -> tuple[list[Block], list[str]]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    damaged = UnreadableDocument(
        "the PDF is damaged", where=path.name, mend="open it and save it again"
    )
    try:
        reader = PdfReader(path)
        # an empty password opens what is only protected against printing
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocument(
                "the PDF is encrypted, so nothing in it was checked",
                where=path.name,
                mend="save a copy without a password",
            )
        blocks: list[Block] = []
        unread: list[str] = []
        for number, page in enumerate(reader.pages, 1):
            text = page.extract_text() or ""
            place = f"page {number}"
            if _is_garbled(text):
                unread.append(f"{place}: its text cannot be read back (fonts without a usable map)")
                continue
            blocks += [Block(place, p) for p in _paragraphs(text)]
            pictures = len(page.images)
            if pictures:
                unread.append(f"{place}: {pictures} picture(s); text in them was not read")
            elif not text.strip():
                unread.append(f"{place}: no text could be read")
    except UnreadableDocument:
        raise
    except (PyPdfError, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        if "crypt" in str(error).lower():
            raise UnreadableDocument(
                "the PDF is encrypted in a way that is not read",
                where=path.name,
                mend="save a copy without a password",
            ) from None
        raise damaged from None
    return blocks, unread


def _is_garbled(text: str) -> bool:
    """Whether what came back are codes of glyphs and no characters."""
    odd = sum((c < " " and c not in "\t\n\r\f\v") or c == "\ufffd" for c in text)
    return odd > 0.05 * len(text)


def _paragraphs(text: str) -> list[str]:
    """Lines of a page joined into paragraphs: at an empty line, a bullet, or a finished line."""
    found: list[str] = []
    gathered: list[str] = []
    for line in [*text.splitlines(), ""]:
        words = line.strip()
        bullet = re.match(r"^[•▪‣\-\u2013*]\s", words)
        if (not words or bullet) and gathered:
            found.append(" ".join(gathered))
            gathered = []
        if words:
            gathered.append(words)
            if len(words) < 50 and words.endswith((".", "!", "?")):
                found.append(" ".join(gathered))
                gathered = []
    return found


# --- DOCX and PPTX ---

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_PICTURES = {
    _A + "blip",
    "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart",
    "{urn:schemas-microsoft-com:vml}imagedata",
}


class _Archive:
    """Parts of an office file; damage, encryption and bombs become one error."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            with path.open("rb") as file:
                head = file.read(8)
            if head == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
                raise UnreadableDocument(
                    "the document is encrypted or of the old binary kind",
                    where=path.name,
                    mend="save a copy without a password, as DOCX or PPTX",
                )
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError):
            raise self._damaged() from None

    def _damaged(self) -> UnreadableDocument:
        return UnreadableDocument(
            "the document is damaged", where=self.name, mend="open it and save it again"
        )

    def names(self, pattern: str) -> list[str]:
        found = [n for n in self._zip.namelist() if re.fullmatch(pattern, n)]
        return sorted(found, key=lambda n: int((re.findall(r"\d+", n) or ["0"])[-1]))

    def tree(self, name: str) -> ElementTree.Element:
        try:
            if self._zip.getinfo(name).file_size > LARGEST_PART_BYTES:
                raise UnreadableDocument(
                    "a part of the document is too large to be read", where=self.name, found=name
                )
            data = self._zip.read(name)
            if b"<!DOCTYPE" in data[:4096]:
                raise self._damaged()
            return ElementTree.fromstring(data)
        except (zipfile.BadZipFile, KeyError, RuntimeError, ElementTree.ParseError, EOFError):
            raise self._damaged() from None


def _office_paragraphs(root: ElementTree.Element, space: str) -> Iterator[str]:
    for paragraph in root.iter(space + "p"):
        parts = []
        for node in paragraph.iter():
            if node.tag == space + "t":
                parts.append(node.text or "")
            elif node.tag in (space + "tab", space + "br"):
                parts.append(" ")
        yield "".join(parts)


def _has_picture(root: ElementTree.Element) -> int:
    return sum(1 for node in root.iter() if node.tag in _PICTURES)


def _docx(path: Path) -> tuple[list[Block], list[str]]:
    archive = _Archive(path)
    blocks: list[Block] = []
    unread: list[str] = []
    root = archive.tree("word/document.xml")
    blocks += [
        Block(f"paragraph {i}", text) for i, text in enumerate(_office_paragraphs(root, _W), 1)
    ]
    for name in archive.names(r"word/(?:header|footer|footnotes|endnotes|comments)\d*\.xml"):
        part = re.sub(r"\d*\.xml$", "", name.rpartition("/")[2])
        blocks += [Block(part, text) for text in _office_paragraphs(archive.tree(name), _W)]
    pictures = _has_picture(root)
    if pictures:
        unread.append(f"{pictures} picture(s) or chart(s); text in them was not read")
    return blocks, unread


def _pptx(path: Path) -> tuple[list[Block], list[str]]:
    archive = _Archive(path)
    slides = archive.names(r"ppt/slides/slide\d+\.xml")
    if not slides:
        raise UnreadableDocument(
            "there are no slides in the document", where=path.name, mend="save it as PPTX"
        )
    blocks: list[Block] = []
    unread: list[str] = []
    for name in slides:
        root = archive.tree(name)
        place = f"slide {re.findall(r'[0-9]+', name)[-1]}"
        blocks += [Block(place, text) for text in _office_paragraphs(root, _A)]
        pictures = _has_picture(root)
        if pictures:
            unread.append(f"{place}: {pictures} picture(s) or chart(s); text in them was not read")
    for name in archive.names(r"ppt/notesSlides/notesSlide\d+\.xml"):
        place = f"notes {re.findall(r'[0-9]+', name)[-1]}"
        blocks += [Block(place, t) for t in _office_paragraphs(archive.tree(name), _A)]
    return blocks, unread
