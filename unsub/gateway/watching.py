"""Metrics and traces of calls to Marketing Cloud."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from unsub.infra import metrics, tracing
from unsub.sfmc import (
    InMaintenanceError,
    MisconfiguredError,
    PermanentError,
    RateLimitedError,
    SfmcError,
    TokenExpiredError,
    TransientError,
    UnknownOutcomeError,
)

_RESULTS: Mapping[type[SfmcError], str] = {
    TransientError: "transient",
    RateLimitedError: "rate_limited",
    InMaintenanceError: "maintenance",
    TokenExpiredError: "token_expired",
    UnknownOutcomeError: "unknown_outcome",
    PermanentError: "permanent",
    MisconfiguredError: "misconfigured",
}


@contextmanager
def watch_call(operation: str) -> Iterator[None]:
    """Count and time a SOAP call, from its message to its reply as it was read."""
    start, result = perf_counter(), "failed"
    try:
        with tracing.span(f"soap {operation}", operation=operation):
            yield
        result = "answered"
    except SfmcError as err:
        result = _RESULTS.get(type(err), "failed")
        raise
    finally:
        metrics.SOAP_TIME.labels(operation).observe(perf_counter() - start)
        metrics.SOAP_CALLS.labels(operation, result).inc()


@contextmanager
def watch_renewal(_name: str) -> Iterator[None]:
    """Count a request for an access token."""
    try:
        with tracing.span("access token"):
            yield
    except BaseException:
        metrics.TOKENS.labels("failed").inc()
        raise
    metrics.TOKENS.labels("renewed").inc()
