"""A line of the report."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the report: text, count, whether it holds, and examples of failures."""

    what: str
    number: int
    holds: bool
    which: tuple[str, ...] = ()
