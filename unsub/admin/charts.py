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
    before_url: str = ""
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
    url: str = ""
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A chart over time. `top` is the value at its upper edge."""

    columns: list[Column]
    top: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a stacked column or of a row: the number of one series."""

    number: int
    series: int
    y: float = 0.0
    height: float = 0.0
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A column of parts, the first at its foot."""

    label: str
    x: float
    width: float
    middle: float
    parts: list[Part]
    number: int
    is_named: bool
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """A chart of stacked columns. `names` are its series. `top` is the value at its upper edge."""

    stacks: list[Stack]
    names: list[str]
    top: int
    width: int = WIDTH
    height: int = HEIGHT


def stacks(names: Sequence[str], rows: Sequence[tuple[str, Sequence[Part], bool]]) -> Stacks:
    """Return a chart of rows (label, a part of each series, whether the time is not over), in
    order."""
    totals = [sum(part.number for part in parts) for _, parts, _ in rows]
    top = max(totals, default=0)
    plain = columns([(label, total) for (label, _, _), total in zip(rows, totals, strict=True)])
    return Stacks(
        stacks=[
            Stack(
                label=label,
                x=column.x,
                width=column.width,
                middle=column.middle,
                parts=_stacked(parts, top),
                number=column.number,
                is_named=column.is_named,
                is_unfinished=is_unfinished,
            )
            for (label, parts, is_unfinished), column in zip(rows, plain.columns, strict=True)
        ],
        names=list(names),
        top=top,
    )


def _stacked(parts: Sequence[Part], top: int) -> list[Part]:
    """Return the parts, each upon the one before."""
    below, placed = 0.0, []
    for part in parts:
        height = part.number / top * HEIGHT if top else 0.0
        below += height
        placed.append(replace(part, y=round(HEIGHT - below, 2), height=round(height, 2)))
    return placed


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
