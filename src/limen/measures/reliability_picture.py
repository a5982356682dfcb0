"""The reliability diagram of a calibration, as plain SVG or as PNG."""

from __future__ import annotations

from limen.measures.reliability import Calibration, ReliabilityBin

_SIZE, _LEFT, _TOP = 320.0, 56.0, 16.0
_PAGE = (_LEFT + _SIZE + 32, _TOP + _SIZE + 72)
_INK, _PALE = "#222222", "#999999"


def reliability_svg(calibration: Calibration) -> str:
    """A reliability diagram: observed share of positives against stated probability, by bin.

    Each dot is a bin of equal mass with its interval; on the dashed line stated and observed are
    the same. Dots are filled where the interval holds the line, open where it does not. The
    picture stands alone: no font, style sheet or script from elsewhere.
    """
    width, height = _PAGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" font-family="sans-serif" '
        'font-size="12" fill="#222">',
        f"<title>{_in_words(calibration)}</title>",
        f'<rect x="{_LEFT:g}" y="{_TOP:g}" width="{_SIZE:g}" height="{_SIZE:g}" fill="none" '
        'stroke="#999"/>',
        f'<path d="M{_x(0):.1f} {_y(0):.1f}L{_x(1):.1f} {_y(1):.1f}" stroke="#999" '
        'stroke-dasharray="4 4" fill="none"/>',
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        label = f"{100 * tick:g} %"
        parts.append(_text(_x(tick), _y(0) + 18, label, "middle"))
        parts.append(_text(_x(0) - 6, _y(tick) + 4, label, "end"))
    for one in calibration.bins:
        seen = one.observed
        if seen.value is None:
            continue
        x, y = _x(one.mean_probability), _y(seen.value)
        if seen.low is not None and seen.high is not None:
            parts.append(
                f'<path d="M{x:.1f} {_y(seen.low):.1f}V{_y(seen.high):.1f}" stroke="#222"/>'
            )
        fill = _INK if _agrees(one) else "#fff"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="#222">'
            f"<title>{seen.n} cases: stated {100 * one.mean_probability:.1f} %, observed "
            f"{100 * seen.value:.1f} %</title></circle>"
        )
    parts.append(_text(_x(0.5), _y(0) + 38, "stated probability", "middle"))
    parts.append(
        f'<text transform="translate(14 {_y(0.5):.1f}) rotate(-90)" text-anchor="middle">'
        "observed share of positives</text>"
    )
    parts.append(_text(_x(0.5), _y(0) + 58, _in_words(calibration), "middle"))
    parts.append("</svg>")
    return "\n".join(parts)


def reliability_png(calibration: Calibration, scale: int = 2) -> bytes:
    """The same picture as PNG, of 408 by 408 points times ``scale``, for where SVG cannot go."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (round(_PAGE[0] * scale), round(_PAGE[1] * scale)), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(11 * scale)

    def at(x: float, y: float) -> tuple[float, float]:
        return x * scale, y * scale

    def line(x0: float, y0: float, x1: float, y1: float, colour: str = _INK) -> None:
        draw.line([at(x0, y0), at(x1, y1)], fill=colour, width=scale)

    draw.rectangle([at(_x(0), _y(1)), at(_x(1), _y(0))], outline=_PALE, width=scale)
    dashes = 40
    for n in range(0, dashes, 2):
        a, b = n / dashes, (n + 1) / dashes
        line(_x(a), _y(a), _x(b), _y(b), _PALE)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        words = f"{100 * tick:g} %"
        draw.text(at(_x(tick), _y(0) + 14), words, fill=_INK, font=font, anchor="mm")
        draw.text(at(_x(0) - 6, _y(tick)), words, fill=_INK, font=font, anchor="rm")
    for one in calibration.bins:
        seen = one.observed
        if seen.value is None:
            continue
        x, y = _x(one.mean_probability), _y(seen.value)
        if seen.low is not None and seen.high is not None:
            line(x, _y(seen.low), x, _y(seen.high))
        draw.ellipse(
            [at(x - 4, y - 4), at(x + 4, y + 4)],
            fill=_INK if _agrees(one) else "white",
            outline=_INK,
            width=scale,
        )
    for words, below in (
        ("stated probability (across), observed share of positives (up)", 34),
        (_in_words(calibration), 54),
    ):
        draw.text(at(_x(0.5), _y(0) + below), words, fill=_INK, font=font, anchor="mm")
    out = io.BytesIO()
    page.save(out, "PNG")
    return out.getvalue()


def _agrees(one: ReliabilityBin) -> bool:
    """Whether the interval of the observed share holds the stated probability."""
    seen = one.observed
    if seen.low is None or seen.high is None:
        return False
    return seen.low <= one.mean_probability <= seen.high


def _in_words(calibration: Calibration) -> str:
    words = f"ECE {calibration.ece:.3f}"
    if calibration.ece_when_calibrated is not None:
        words += f" (calibrated: {calibration.ece_when_calibrated:.3f})"
    return f"{words}, {calibration.n_cases} cases of {calibration.n_patients} patients"


def _x(share: float) -> float:
    return _LEFT + _SIZE * share


def _y(share: float) -> float:
    return _TOP + _SIZE * (1 - share)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'
