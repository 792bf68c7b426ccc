"""A small plotting surface that writes SVG: it follows the page's light or dark colours and needs no library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tuner.results.wording import number

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 56, 46

STYLE = """
svg{--ink:#1f2933;--soft:#7b8794;--grid:#e4e7eb;--good:#0b7285;--best:#2b8a3e;--warn:#e67700;--bad:#c92a2a;
font:12px system-ui,sans-serif}
@media (prefers-color-scheme:dark){svg{--ink:#e4e7eb;--soft:#9aa5b1;--grid:#323f4b;--good:#3bc9db;--best:#69db7c;
--warn:#ffc078;--bad:#ff8787}}
text{fill:var(--ink)}.soft{fill:var(--soft)}.grid{stroke:var(--grid);fill:none}.axis{stroke:var(--soft);fill:none}
.default{stroke:var(--soft);stroke-dasharray:5 4;fill:none}.limit{stroke:var(--warn);stroke-dasharray:3 3;fill:none}
.path{stroke:var(--best);stroke-width:2;fill:none}.whisker{stroke:var(--soft);fill:none}
.ok{fill:var(--good)}.base{fill:var(--ink)}.best{fill:var(--best)}.over{fill:none;stroke:var(--warn);stroke-width:1.5}
.cut{fill:none;stroke:var(--soft);stroke-width:1.5}.bad{stroke:var(--bad);stroke-width:2;fill:none}
.estimate,.again{fill:none;stroke:var(--soft);stroke-width:1.5}.sure{stroke:var(--best);stroke-width:3;fill:none}
.unsure{stroke:var(--soft);stroke-width:3;fill:none}
"""


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers within `low..high`: multiples of 1, 2 or 5 times a power of ten; at most `most` steps apart."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [(first + i) * step for i in range(count)]


def labelled(marks: Sequence[float]) -> list[tuple[float, str]]:
    """Each mark with its label: as many decimals as tell neighbours apart."""
    step = marks[1] - marks[0] if len(marks) > 1 else 0.0
    if step <= 0:
        return [(mark, number(mark)) for mark in marks]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    plain = decimals <= 6 and max(map(abs, marks)) < 1e6
    return [(mark, f"{mark:.{decimals}f}" if plain else f"{mark:.6g}") for mark in marks]


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """A range that holds `values` with some room on both sides, and is never empty."""
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


@dataclass(frozen=True)
class Scale:
    """Maps `low..high` to pixels; `low` may be the larger of the two."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of `value`, held within the surface."""
        share = (value - self.low) / (self.high - self.low) if self.high != self.low else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


class Surface:
    """A plot with axes. Coordinates of marks are data values; `title` is the text that a pointer brings up."""

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        height: int = HEIGHT,
        top: int = TOP,
        left: int = LEFT,
    ) -> None:
        self.height, self.top, self.bottom, self.left = height, top, height - BOTTOM, left
        self.x = Scale(*x_range, left, WIDTH - RIGHT)
        self.y = Scale(*y_range, self.bottom, top)
        self._parts: list[str] = []

    def axes(self, x_label: str, y_label: str = "", *, whole_x: bool = False) -> None:
        """Grid, tick labels and axis titles."""
        for value, label in labelled(ticks(self.x.low, self.x.high, 8)):
            if not whole_x or value == round(value):
                self._parts.append(_line(self.x(value), self.bottom, self.x(value), self.bottom + 4, "axis"))
                self.text(self.x(value), self.bottom + 17, label, "soft", "middle")
        if y_label:
            for value, label in labelled(ticks(self.y.low, self.y.high, 5)):
                self._parts.append(_line(self.left, self.y(value), WIDTH - RIGHT, self.y(value), "grid"))
                self.text(self.left - 7, self.y(value) + 4, label, "soft", "end")
            self.text(8, 14, y_label, "soft")
        self._parts.append(_line(self.left, self.bottom, WIDTH - RIGHT, self.bottom, "axis"))
        self.text((self.left + WIDTH - RIGHT) / 2, self.bottom + 36, x_label, "soft", "middle")

    def across(self, value: float, style: str, label: str = "") -> None:
        """A horizontal line at `value`."""
        y = self.y(value)
        self._parts.append(_line(self.left, y, WIDTH - RIGHT, y, style))
        if label:
            self.text(WIDTH - RIGHT - 2, y - 5, label, "soft", "end")

    def upright(self, value: float, style: str, label: str = "") -> None:
        """A vertical line at `value`."""
        x = self.x(value)
        self._parts.append(_line(x, self.top - 4, x, self.bottom, style))
        if label:
            anchor = "end" if x > WIDTH - RIGHT - 90 else "start"
            self.text(x + (-4 if anchor == "end" else 4), self.top + 4, label, "soft", anchor)

    def bar(self, x: tuple[float, float], y: tuple[float, float], style: str, title: str = "") -> None:
        """A straight stroke between two points of data."""
        self._mark(_line(self.x(x[0]), self.y(y[0]), self.x(x[1]), self.y(y[1]), style), title)

    def path(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """A line through `points`."""
        if len(points) > 1:
            places = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
            self._parts.append(f'<polyline class="{style}" points="{places}"/>')

    def dot(self, x: float, y: float, style: str, title: str = "", radius: float = 4) -> None:
        """A circle."""
        circle = f'<circle class="{style}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{radius:g}"/>'
        self._mark(circle, title)

    def diamond(self, x: float, y: float, style: str, title: str = "", radius: float = 7) -> None:
        """A diamond."""
        self._mark(_diamond(self.x(x), self.y(y), style, radius), title)

    def cross(self, x_px: float, y_px: float, style: str, title: str = "") -> None:
        """A cross at a pixel."""
        strokes = f"M{x_px - 4:.1f} {y_px - 4:.1f}l8 8M{x_px - 4:.1f} {y_px + 4:.1f}l8 -8"
        self._mark(f'<path class="{style}" d="{strokes}"/>', title)

    def text(self, x_px: float, y_px: float, text: str, style: str = "", anchor: str = "start") -> None:
        """Text at a pixel."""
        self._parts.append(
            f'<text x="{x_px:.1f}" y="{y_px:.1f}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def legend(self, entries: Iterable[tuple[str, str]]) -> None:
        """Style and label of each kind of mark, in a row above the plot."""
        x, y = float(self.left + 8), self.top - 24
        for style, label in entries:
            if style == "bad":
                self.cross(x, y, style)
            elif style == "path":
                self._parts.append(_line(x - 7, y, x + 7, y, style))
            elif style in ("base", "best", "again"):
                self._parts.append(_diamond(x, y, style, 6))
            else:
                self._parts.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y}" r="4"/>')
            self.text(x + 11, y + 4, label, "soft")
            x += 36 + 6.4 * len(label)

    def render(self, label: str) -> str:
        """The SVG element; `label` says in words what it shows."""
        size = f'viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
            f'aria-label="{escape(label)}"><style>{STYLE}</style>{"".join(self._parts)}</svg>'
        )

    def _mark(self, element: str, title: str) -> None:
        self._parts.append(f"<g>{element}<title>{escape(title)}</title></g>" if title else element)


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _diamond(x: float, y: float, style: str, radius: float) -> str:
    corners = ((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y))
    return f'<polygon class="{style}" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py in corners)}"/>'
