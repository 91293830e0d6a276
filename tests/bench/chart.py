"""Draws figures against the number of users as an SVG: small panels, both axes logarithmic.

Written by hand because the bench may need nothing but Python. Colours follow the reader's light or dark
setting; without one the picture is light, on a ground of its own.
"""

import dataclasses
import math
from xml.sax.saxutils import escape

_STYLE = """
svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d1d9e0; --line: #0969da; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --grid: #30363d; --line: #58a6ff; }
}
text { font-family: system-ui, sans-serif; font-size: 12px; fill: var(--ink); }
.soft { fill: var(--soft); font-size: 11px; }
.title { font-size: 16px; font-weight: 600; }
.panel { font-size: 13px; font-weight: 600; }
.value { font-weight: 600; }
.ground { fill: var(--ground); }
.grid { stroke: var(--grid); stroke-width: 1; }
.axis { stroke: var(--soft); stroke-width: 1; }
.line { stroke: var(--line); stroke-width: 2; fill: none; }
.spread { stroke: var(--line); stroke-width: 2; opacity: 0.45; }
.point { fill: var(--line); }
"""
_PANEL_WIDTH, _PANEL_HEIGHT = 400, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 34, 46
_COLUMNS = 2


@dataclasses.dataclass
class Panel:
    """One picture: points are (users, median, least, greatest)."""
    title: str
    unit: str
    points: list


def draw(title, panels, caption):
    """The whole SVG as text."""
    rows = math.ceil(len(panels) / _COLUMNS)
    width, height = _COLUMNS * _PANEL_WIDTH, 40 + rows * _PANEL_HEIGHT + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'width="{width}" height="{height}" role="img" aria-label="{escape(title)}">',
             f"<style>{_STYLE}</style>",
             f'<rect class="ground" width="{width}" height="{height}"/>',
             _text(16, 26, title, "title")]
    for index, panel in enumerate(panels):
        x = index % _COLUMNS * _PANEL_WIDTH
        y = 40 + index // _COLUMNS * _PANEL_HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{_draw_panel(panel)}</g>')
    parts.append(_text(16, height - 12, caption, "soft"))
    return "\n".join(parts) + "\n</svg>\n"


def _draw_panel(panel):
    x_axis = _Axis([point[0] for point in panel.points], _LEFT, _PANEL_WIDTH - _RIGHT)
    values = [value for point in panel.points for value in point[1:]]
    y_axis = _Axis(values, _PANEL_HEIGHT - _BOTTOM, _TOP, room=True)
    parts = [_text(_LEFT, 18, panel.title, "panel")]
    for decade in y_axis.decades():
        y = y_axis.at(decade)
        parts += [_line(_LEFT, y, _PANEL_WIDTH - _RIGHT, y, "grid"),
                  _text(_LEFT - 6, y + 4, short(decade), "soft", "end")]
    for decade in x_axis.decades():
        x = x_axis.at(decade)
        parts += [_line(x, _TOP, x, _PANEL_HEIGHT - _BOTTOM, "grid"),
                  _text(x, _PANEL_HEIGHT - _BOTTOM + 16, short(decade), "soft", "middle")]
    middle = (_TOP + _PANEL_HEIGHT - _BOTTOM) / 2
    parts += [_line(_LEFT, _PANEL_HEIGHT - _BOTTOM, _PANEL_WIDTH - _RIGHT, _PANEL_HEIGHT - _BOTTOM,
                    "axis"),
              _line(_LEFT, _TOP, _LEFT, _PANEL_HEIGHT - _BOTTOM, "axis"),
              _text((_LEFT + _PANEL_WIDTH - _RIGHT) / 2, _PANEL_HEIGHT - 12, "users listed", "soft",
                    "middle"),
              f'<g transform="translate(16 {middle:.1f}) rotate(-90)">'
              + _text(0, 0, panel.unit, "soft", "middle") + "</g>"]
    return "".join(parts) + _draw_points(panel, x_axis, y_axis)


def _draw_points(panel, x_axis, y_axis):
    path = " ".join(f"{x_axis.at(users):.1f},{y_axis.at(median):.1f}"
                    for users, median, _, _ in panel.points)
    parts = [f'<polyline class="line" points="{path}"/>']
    for index, (users, median, least, greatest) in enumerate(panel.points):
        x = x_axis.at(users)
        parts += [_line(x, y_axis.at(least), x, y_axis.at(greatest), "spread"),
                  f'<circle class="point" cx="{x:.1f}" cy="{y_axis.at(median):.1f}" r="4"/>']
        # The outer values lean inwards, away from the axis' own numbers and the edge.
        anchor = "start" if index == 0 else "end" if index == len(panel.points) - 1 else "middle"
        shift = {"start": 6, "end": -6, "middle": 0}[anchor]
        parts.append(_text(x + shift, y_axis.at(greatest) - 10, short(median), "value", anchor))
    return "".join(parts)


class _Axis:
    """Maps values to a line from `start` to `end`, by their logarithms, in whole decades."""

    def __init__(self, values, start, end, room=False):
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        # Two decades at least, and some air above for the numbers beside the points.
        if room:
            self._high = max(self._high, self._low + 2)
            if math.log10(max(values)) > self._high - 0.25:
                self._high += 1
        self._start, self._end = start, end

    def at(self, value):
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def decades(self):
        return [10 ** power for power in range(self._low, self._high + 1)]


def short(value):
    """1,000 as 1k; two digits that count."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit * 0.995:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def _text(x, y, text, style, anchor="start"):
    return (f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>")


def _line(x1, y1, x2, y2, style):
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
