"""The read replica of the database: whether exports may read from it."""

import threading
import time

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections

REPLICA = "replica"
KNOWN_FOR = 5.0  # seconds for which a replica that is usable is not asked again
AVOIDED_FOR = 30.0  # seconds for which one that is not is left alone: each try may take 2 s
_PRIMARY_AT = "SELECT pg_current_wal_lsn()::text"
# A replica that the primary no longer reaches has replayed all that it received: only the primary
# knows that there is more.
_REPLICA_AT = """
    SELECT pg_is_in_recovery(),
        CASE WHEN pg_is_in_recovery() AND pg_last_wal_replay_lsn() < %s::pg_lsn THEN
            extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) ELSE 0 END
"""

log = structlog.get_logger(__name__)


class _Last:
    """The last answer, and until when it counts, on the monotonic clock."""

    lock = threading.Lock()
    alias = DEFAULT_DB_ALIAS
    until = 0.0


def for_exports() -> str:
    """Return the alias of the database that exports read from: the replica where it answers, still
    follows, and is at most REPLICA_MAX_LAG seconds behind; otherwise the primary. Raises
    DatabaseError where the primary does not answer."""
    if REPLICA not in connections.settings:
        return DEFAULT_DB_ALIAS
    with _Last.lock:
        if time.monotonic() < _Last.until:
            return _Last.alias
    primary_at = str(_one(DEFAULT_DB_ALIAS, _PRIMARY_AT)[0])
    if why := _why_not(primary_at):
        avoid(why)
        return DEFAULT_DB_ALIAS
    _keep(REPLICA, KNOWN_FOR)
    return REPLICA


def avoid(why: str) -> None:
    """Read from the primary for AVOIDED_FOR seconds. `why` is logged."""
    log.warning("replica_not_used", reason=why)
    connections[REPLICA].close()
    _keep(DEFAULT_DB_ALIAS, AVOIDED_FOR)


def _keep(alias: str, seconds: float) -> None:
    with _Last.lock:
        _Last.alias, _Last.until = alias, time.monotonic() + seconds


def _why_not(primary_at: str) -> str:
    """Return why the replica cannot be used, "" where it can."""
    try:
        follows, behind = _one(REPLICA, _REPLICA_AT, primary_at)
    except (DatabaseError, InterfaceError) as err:
        return type(err).__name__
    if not follows:
        return "not_a_replica"
    # NULL: it has replayed no transaction since its start.
    is_behind = behind is None or float(str(behind)) > settings.REPLICA_MAX_LAG
    return "behind" if is_behind else ""


def _one(alias: str, query: str, *values: str) -> tuple[object, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(query, values or None)
        row: tuple[object, ...] = cursor.fetchone()
    return row
