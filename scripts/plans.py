"""Plans of the statements that a block executes, as PostgreSQL carried them out.

By the module auto_explain, which a superuser can load into a session: so the plans are those of the
real statements, with the numbers of pages that they read, however busy the machine is.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

_SETTINGS = {
    "log_min_duration": "0", "log_analyze": "on", "log_buffers": "on", "log_timing": "off",
    "log_format": "json", "log_level": "notice", "log_verbose": "off",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement, and the tree of its plan as PostgreSQL's JSON has it."""

    statement: str
    tree: dict[str, Any] = field(repr=False)

    @property
    def pages(self) -> int:
        """Pages of 8 kB that the statement looked at, in the cache of PostgreSQL or outside it."""
        return int(self.tree["Shared Hit Blocks"]) + int(self.tree["Shared Read Blocks"])

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Yield every node of the tree."""
        waiting = [self.tree]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.get("Plans", [])

    def read_in_full(self) -> set[str]:
        """Return the tables that were read from the first page on."""
        scans = (node for node in self.nodes() if node["Node Type"] == "Seq Scan")
        return {str(node["Relation Name"]) for node in scans}


@contextmanager
def executed() -> Iterator[list[Plan]]:
    """Yield a list that the plans of the block's statements are added to. For a superuser."""
    found: list[Plan] = []

    def note(diagnostic: Any) -> None:
        _, separator, plan = str(diagnostic.message_primary).partition("plan:\n")
        if separator:
            read = json.loads(plan)
            found.append(Plan(read["Query Text"], read["Plan"]))

    with connection.cursor() as cursor:
        cursor.execute("LOAD 'auto_explain'")
        for name, value in _SETTINGS.items():
            cursor.execute(f"SET auto_explain.{name} = {value}")
    client: Any = connection.connection
    client.add_notice_handler(note)
    try:
        yield found
    finally:
        client.remove_notice_handler(note)
        with connection.cursor() as cursor:
            cursor.execute("SET auto_explain.log_min_duration = -1")
