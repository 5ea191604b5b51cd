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


def chart(rows: Sequence[Values], label: str) -> Markup:
    """One line for each row of values, with the classes `line first`, `line second`; all on one scale."""
    highest = max((value for row in rows for value in row if value), default=1.0)
    drawn = [
        f'<path class="line {name}" d="{path}"/>'
        for name, row in zip(("first", "second"), rows, strict=False)
        if (path := _path(row, highest))
    ]
    text = escape(label)
    opening = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
    base = f'<path class="base" d="M0 {HEIGHT}H{WIDTH}"/>'
    parts = [f'{opening} aria-label="{text}"><title>{text}</title>', *_gaps(rows[0]), *drawn, base, "</svg>"]
    return Markup("".join(parts))  # noqa: S704 - its only text is escaped


def _path(values: Values, highest: float) -> str:
    """A line that is broken where values are missing; a single value is a short dash."""
    slot, path = WIDTH / max(len(values), 1), ""
    for is_known, run in groupby(enumerate(values), key=lambda pair: pair[1] is not None):
        points = [((number + 0.5) * slot, HEIGHT - (HEIGHT - TOP) * (value or 0.0) / highest) for number, value in run]
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
