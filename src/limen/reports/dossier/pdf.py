"""The page as PDF, by WeasyPrint (BSD-3-Clause), which needs Pango on the system."""

from __future__ import annotations

import io
import logging
import re

from limen.errors import LimenError

_KOREAN_GLOSS = re.compile(r"\s*\([^()<>]*[가-힣][^()<>]*\)")


class PdfNotAvailable(LimenError):
    """The library that writes PDF, Pango under it, or a font for the page is not installed."""


def as_pdf(html: str, card_xml: bytes, software: str) -> bytes:
    """Print a page. Nothing is fetched: a page that names a file or an address gets none.

    Where the machine has no font for Korean, the Korean words in parentheses are left out of the
    print; whatever else no font is there for is an error, so that no page has empty boxes.

    Parameters
    ----------
    html : str
    card_xml : bytes
        The CHAI card; it travels in the PDF's metadata as that schema asks for.
    software : str
        Who made it, for the same.

    Raises
    ------
    PdfNotAvailable
    """
    for text in dict.fromkeys((html, _KOREAN_GLOSS.sub("", html))):
        if _has_glyphs(text):
            return _printed(text, card_xml, software)
    raise PdfNotAvailable(
        "the dossier has characters that no font on this machine has",
        mend="install a font for them, as fonts-noto-cjk for Korean; the HTML page is whole",
    )


def _has_glyphs(html: str) -> bool:
    """Whether there is a font for every character; asked of a line that has each of them once."""
    odd = "".join(sorted({c for c in html if c > "~" and not c.isspace()}))
    return "\0" not in pdf_text(_printed(f"<p>a{odd}</p>", b"", ""))


def pdf_text(content: bytes) -> str:
    """The text of a PDF, read back; glyphs that stand for no character come back as NUL."""
    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def _printed(html: str, card_xml: bytes, software: str) -> bytes:
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:
        raise PdfNotAvailable(
            "PDF cannot be written here",
            found=str(error).splitlines()[0],
            mend="pip install 'limen[pdf]', and pango on Linux; or go without: --no-pdf",
        ) from None
    for name in ("weasyprint", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)
    document = HTML(string=html, url_fetcher=_nothing).render()
    document.metadata.custom = {"chaiMcXml": card_xml.decode(), "chaiMcSoftwareId": software}
    written: bytes = document.write_pdf(custom_metadata=True)
    return written


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"nothing is fetched while a dossier is printed: {url[:80]}")
