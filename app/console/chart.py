"""Small charts as SVG: values over time, drawn by classes alone, with a text for screen readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final

from markupsafe import Markup

WIDTH: Final = 600
HEIGHT: Final = 80
TOP: Final = 4
"""What stays free above the greatest value."""

Values = Sequence[float | None]
"""One value for each moment, in order; None where it is not known."""


def bars(values: Values, label: str) -> Markup:
    """One bar for each value."""
    slot, highest = WIDTH / max(len(values), 1), _highest([values])
    drawn = (
        f'<rect class="bar" x="{number * slot + slot * 0.1:.1f}" y="{HEIGHT - height:.1f}" width="{slot * 0.8:.1f}"'
        f' height="{height:.1f}"/>'
        for number, value in enumerate(values)
        if value and (height := _height(value, highest))
    )
    return _svg(label, [*_gaps(values), *drawn])


def lines(rows: Sequence[Values], label: str) -> Markup:
    """One line for each row of values, with the classes `line first`, `line second`; all on one scale."""
    highest = _highest(rows)
    drawn = [
        f'<path class="line {name}" d="{path}"/>'
        for name, row in zip(("first", "second"), rows, strict=False)
        if (path := _path(row, highest))
    ]
    return _svg(label, [*_gaps(rows[0]), *drawn])


def _highest(rows: Sequence[Values]) -> float:
    return max((value for row in rows for value in row if value), default=1.0)


def _height(value: float, highest: float) -> float:
    return (HEIGHT - TOP) * value / highest


def _path(values: Values, highest: float) -> str:
    """A line that is broken where values are missing; a single value is a short dash."""
    slot, path = WIDTH / max(len(values), 1), ""
    for is_known, run in groupby(enumerate(values), key=lambda pair: pair[1] is not None):
        points = [((number + 0.5) * slot, HEIGHT - _height(value or 0.0, highest)) for number, value in run]
        if is_known:
            path += "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            path += f"h{slot / 2:.1f}" if len(points) == 1 else ""
    return path


def _gaps(values: Values) -> Iterator[str]:
    """Shades the moments without a value."""
    slot, start = WIDTH / max(len(values), 1), 0
    for is_gap, run in groupby(value is None for value in values):
        length = len(list(run))
        if is_gap:
            yield f'<rect class="gap" x="{start * slot:.1f}" y="0" width="{length * slot:.1f}" height="{HEIGHT}"/>'
        start += length


def _svg(label: str, drawn: Sequence[str]) -> Markup:
    opening = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
    text = escape(label)
    base = f'<path class="base" d="M0 {HEIGHT}H{WIDTH}"/>'
    parts = [f'{opening} aria-label="{text}"><title>{text}</title>', *drawn, base, "</svg>"]
    return Markup("".join(parts))  # noqa: S704 - its only text is escaped
