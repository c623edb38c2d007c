"""Counting of links that record nothing: refused ones and test links, for metrics and alarms."""

from functools import cache
from typing import Any

import structlog

from unsub.infra import link_counts, metrics
from unsub.links.tokens import LinkError, LinkFault
from unsub.models import Channel

log = structlog.get_logger(__name__)


def count_refused(err: LinkError) -> None:
    """Count a link that was refused. Where the signature is good and a claim cannot be used, the
    whole send may be so: it is logged, and counted for an alarm."""
    _refused(err.reason).inc()
    if err.claim:
        log.warning("link_claim_unusable", mid=err.mid, claim=err.claim, job_id=err.job_id)
        name = link_counts.Name(mid=err.mid or 0, claim=err.claim, job_id=err.job_id)
        link_counts.count(link_counts.Counted.BAD_CLAIM, name)


def count_test_link(mid: int, channel: Channel) -> None:
    """Count the use of a test link: nothing was recorded for it. Many of them are a mistake in the
    email's template."""
    metrics.TEST_LINKS.labels(channel=channel.value).inc()
    link_counts.count(link_counts.Counted.TEST_LINK, link_counts.Name(mid=mid))


@cache
def _refused(reason: LinkFault) -> Any:
    """Return the counter of links that were refused for this reason."""
    return metrics.BAD_LINKS.labels(reason=reason.value)
