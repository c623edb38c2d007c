"""Geometry of charts for a template that draws SVG. They need no script, can be printed, and work
with screen readers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 720, 160
GAP = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A row with a bar of `width` percent of the longest. `detail` is a line below the label."""

    label: str
    number: int
    key: str = ""
    before: int = 0
    url: str = ""
    note: str = ""
    detail: str = ""
    detail_url: str = ""
    rate: str = ""
    width: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its position and size, in SVG units."""

    label: str
    number: int
    x: float
    y: float
    width: float
    height: float
    middle: float
    is_named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A chart over time. `top` is the value at its upper edge."""

    columns: list[Column]
    top: int
    width: int = WIDTH
    height: int = HEIGHT


def bars(rows: Sequence[Bar]) -> list[Bar]:
    """Return the rows with their widths."""
    longest = max((row.number for row in rows), default=0) or 1
    return [replace(row, width=round(row.number / longest * 100, 1)) for row in rows]


def columns(values: Sequence[tuple[str, int]]) -> Columns:
    """Return a chart of (label, value), in order. About eight columns get a label."""
    top = max((number for _, number in values), default=0)
    step = WIDTH / max(len(values), 1)
    every = max(1, round(len(values) / 8))
    shown = [
        Column(
            label=label,
            number=number,
            x=round(at * step + step * GAP / 2, 2),
            y=round(HEIGHT - _height(number, top), 2),
            width=round(step * (1 - GAP), 2),
            height=round(_height(number, top), 2),
            middle=round((at + 0.5) * step, 2),
            is_named=at % every == 0,
        )
        for at, (label, number) in enumerate(values)
    ]
    return Columns(columns=shown, top=top)


def _height(number: int, top: int) -> float:
    """Return the height of a column. A value above 0 has a visible minimum."""
    return max(number / top * HEIGHT, 1.5) if number else 0.0
