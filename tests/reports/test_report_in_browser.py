"""The report as a reader meets it: a real browser, a screen 1280 px wide, A4 paper."""

from __future__ import annotations

import re
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
A4_PX = 794  # 210 mm at 96 px an inch

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def file(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture
def screen(browser, file):
    """The page open at 1280 px, with everything it asked for and complained of."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.asked, tab.complaints = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.goto(file.as_uri())
    yield tab
    tab.close()


def test_it_asks_for_itself_alone_and_complains_of_nothing(screen, file):
    assert [url for url in screen.asked if not url.startswith("data:")] == [file.as_uri()]
    assert screen.complaints == []


@pytest.mark.parametrize("width", [1280, 1920, 400])
def test_nothing_is_cut_off_at_the_side(screen, width):
    screen.set_viewport_size({"width": width, "height": 900})
    assert screen.evaluate("document.documentElement.scrollWidth") <= width


def test_the_answer_is_on_the_first_screen_and_failing_cases_above_any_average(screen):
    def top(words):
        return screen.get_by_text(words, exact=False).first.bounding_box()["y"]

    assert top("The product claims that") < 900
    assert top("2 of 12 cases fail") < 900
    assert top("Cases that fail") < top("Every average of validation")


def test_every_picture_is_decoded(screen):
    # they lie under their outlines, in SVG
    sizes = screen.evaluate(
        """Promise.all([...document.querySelectorAll('svg image')].map(async drawn => {
            const picture = new Image(); picture.src = drawn.href.baseVal;
            await picture.decode(); return [picture.naturalWidth, picture.naturalHeight]; }))"""
    )
    assert len(sizes) >= 12
    assert all(w >= 64 and h >= 48 for w, h in sizes)


def test_details_of_a_failing_case_open_and_close_by_keyboard(screen):
    shown = screen.locator("details").last
    was = shown.evaluate("d => d.open")
    shown.locator("summary").focus()
    screen.keyboard.press("Enter")
    assert shown.evaluate("d => d.open") is not was


def test_words_stand_out_from_what_is_behind_them(screen):
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1 for text."""
    poor = screen.evaluate(
        """() => {
        const lum = c => { const [r,g,b] = c.match(/[\\d.]+/g).map(Number).map(v => v/255)
            .map(v => v <= 0.04045 ? v/12.92 : ((v+0.055)/1.055)**2.4);
            return 0.2126*r + 0.7152*g + 0.0722*b; };
        const clear = c => /rgba\\(.*, 0\\)/.test(c);
        const behind = e => { while (e && clear(getComputedStyle(e).backgroundColor))
            e = e.parentElement;
            return e ? getComputedStyle(e).backgroundColor : 'rgb(255,255,255)'; };
        const poor = [];
        for (const e of document.querySelectorAll('main *, header *, nav *')) {
            if (e.closest('svg') || e.offsetParent === null) continue;
            if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
            const [a, b] = [lum(getComputedStyle(e).color), lum(behind(e))].sort((x, y) => y - x);
            if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(e.textContent.trim().slice(0, 40));
        }
        return poor; }"""
    )
    assert poor == []


def test_on_paper_nothing_is_cut_and_every_failing_case_has_its_pictures(screen, file, tmp_path):
    screen.emulate_media(media="print")
    screen.set_viewport_size({"width": A4_PX, "height": 1123})
    assert screen.evaluate("document.documentElement.scrollWidth") <= A4_PX
    for shown in screen.locator("details").all()[:2]:
        assert shown.locator("svg").first.is_visible()
    paper = screen.pdf(path=tmp_path / "report.pdf", format="A4", print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page[^s]", paper))
    assert 3 <= pages <= 12
