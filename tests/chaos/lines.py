"""A line of the report."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the report: what, how many, and whether that is right."""

    what: str
    number: int
    holds: bool
