"""A line of the report."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the report: what, how many, whether that is right, and some of what is not."""

    what: str
    number: int
    holds: bool
    which: tuple[str, ...] = ()
