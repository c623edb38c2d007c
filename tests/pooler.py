"""A real PgBouncer in front of a PostgreSQL server. Tests are skipped where none is installed."""

import pytest

from scripts import pooler
from scripts.pooler import installed

__all__ = ("PgBouncer", "installed")


class PgBouncer(pooler.PgBouncer):
    """PgBouncer in transaction mode, of two sessions by default, so that no client has one of its
    own."""

    def start(self) -> None:
        """Start it. Skips the test where none is installed."""
        if not installed():
            pytest.skip("no pgbouncer is installed")
        super().start()
