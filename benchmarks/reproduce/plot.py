"""Line plots as SVG, without a plotting package."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parents[2] / "build" / "reproduce"

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _LEGEND = 720, 420, 60, 50, 40, 220
# told apart by everybody
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933", "#882255")


def lines(
    name: str,
    title: str,
    x_name: str,
    y_name: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    logarithmic: bool = False,
) -> Path:
    """Write `build/reproduce/NAME.svg` with one line through the points (x, y) of each series, and return its path.

    `logarithmic`: equal steps along x are equal factors.
    """
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    low, high = min(ys), max(ys) if max(ys) > min(ys) else min(ys) + 1
    first, last = min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1
    right, floor = _WIDTH - _LEGEND, _HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        share = math.log(x / first) / math.log(last / first) if logarithmic else (x - first) / (last - first)
        across = _LEFT + share * (right - _LEFT)
        return across, floor - (y - low) / (high - low) * (floor - _TOP)

    parts = [_text(_LEFT, 20, title), _text((_LEFT + right) / 2, _HEIGHT - 8, x_name), _text(4, _TOP - 10, y_name)]
    parts += [f'<path d="M{_LEFT} {_TOP}V{floor}H{right}" fill="none" stroke="#444"/>']
    for x in _marks(set(xs), logarithmic):
        parts.append(_text(place(x, low)[0] - 8, floor + 18, f"{x:g}"))
    for y in (low, (low + high) / 2, high):
        parts.append(_text(4, place(first, y)[1] + 4, f"{y:.3g}"))
    for i, (label, points) in enumerate(series.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (place(*p) for p in points)]
        parts.append(_text(right + 12, _TOP + 18 * i, label, colour))
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.svg"
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )
    return path


def _marks(xs: set[float], logarithmic: bool) -> list[float]:
    """Where numbers stand along x: at the points; of many, at both ends or, along a logarithm, at 1, 2 and 5."""
    first, last = min(xs), max(xs)
    if len(xs) <= 8:
        return sorted(xs)
    if not logarithmic:
        return [first, last]
    tens = [10.0**power for power in range(math.floor(math.log10(first)), math.ceil(math.log10(last)))]
    return [x for ten in tens for x in (ten, 2 * ten, 5 * ten) if first <= x <= last]


def _text(x: float, y: float, text: str, colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{escape(text)}</text>'
