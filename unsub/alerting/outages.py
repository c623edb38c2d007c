"""What is down in the deployment itself: database, broker, beat, workers, and the looks that find
everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

import redis
import structlog

from unsub.infra import heartbeat, write_probe
from unsub.infra.redis_client import quick_client
from unsub.models import DEPLOYMENT, OUTAGES, Cause

from .detection import Finding

log = structlog.get_logger(__name__)

# An outage counts when a process has seen it for so long (seconds): a restart, a failover or an
# upgrade is shorter.
CONFIRMED_AFTER = 60.0
_BY_HEARTBEAT = {
    "beat": Cause.BEAT, "worker": Cause.WORKER, "sweep": Cause.SWEEP, "watch": Cause.WATCH,
}  # fmt: skip
_broker = quick_client(1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The outages that are there now, with a detail for people, and those of which nothing can be
    said, because another outage hides or explains them."""

    there: Mapping[Cause, str] = field(default_factory=dict)
    unknown: frozenset[Cause] = frozenset()

    @property
    def over(self) -> tuple[Cause, ...]:
        """The causes that are surely not there."""
        return tuple(c for c in OUTAGES if c not in self.there and c not in self.unknown)


def look() -> Outlook:
    """Return the outlook. Takes a few seconds where database or broker hang; raises nothing."""
    there: dict[Cause, str] = {}
    unknown: set[Cause] = set()
    if not write_probe.database_takes_writes():
        there[Cause.DATABASE] = ""
        # Neither a worker nor a look can finish without it.
        unknown |= {Cause.WORKER, Cause.SWEEP, Cause.WATCH}
    if brokers := write_probe.brokers_without_writes(_broker):
        there[Cause.BROKER] = ", ".join(brokers)
    silent = _silent()
    if Cause.BROKER in there or silent is None:
        return Outlook(there=there, unknown=frozenset({*unknown, *_BY_HEARTBEAT.values()}))
    if {Cause.BEAT, Cause.WORKER} & set(silent):
        unknown |= {Cause.SWEEP, Cause.WATCH}
    there |= {cause: detail for cause, detail in silent.items() if cause not in unknown}
    return Outlook(there=there, unknown=frozenset(unknown))


def _silent() -> dict[Cause, str] | None:
    """Return the causes whose heartbeat is too old; None where the broker does not say."""
    try:
        ages = heartbeat.ages(_broker)
    except redis.RedisError:
        return None
    return {
        _BY_HEARTBEAT[name]: "never seen" if age is None else f"for {age / 60:.0f} minutes"
        for name, age in ages.items()
        if heartbeat.is_silent(name, age)
    }


class Confirmation:
    """Remembers since when this process sees each outage."""

    def __init__(self) -> None:
        self._since: dict[Cause, float] = {}
        self._logged: set[Cause] = set()

    def confirmed(self, outlook: Outlook) -> list[Finding]:
        """Return the outages that are there for long enough. Each is logged once."""
        now = monotonic()
        hidden = {cause: at for cause, at in self._since.items() if cause in outlook.unknown}
        self._since = hidden | {cause: self._since.get(cause, now) for cause in outlook.there}
        found = [
            Finding(cause=cause, mid=DEPLOYMENT, number=0, detail=detail)
            for cause, detail in outlook.there.items()
            if now - self._since[cause] >= _confirmed_after(cause, detail)
        ]
        self._log(found)
        return found

    def _log(self, found: list[Finding]) -> None:
        for finding in found:
            if finding.cause not in self._logged:
                log.error("outage_found", cause=finding.cause.value, detail=finding.detail)
        self._logged = {cause for cause in self._logged if cause in self._since}
        self._logged |= {finding.cause for finding in found}


def _confirmed_after(cause: Cause, detail: str) -> float:
    """Return for how long an outage must be seen: longer for a process that was never seen, because
    a new deployment begins so."""
    names = {cause: name for name, cause in _BY_HEARTBEAT.items()}
    return heartbeat.limit(names[cause]) if detail == "never seen" else CONFIRMED_AFTER
