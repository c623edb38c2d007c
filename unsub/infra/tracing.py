"""OpenTelemetry traces, where OTEL_EXPORTER_OTLP_ENDPOINT is set. Off, a span costs nothing.

Spans are made by hand and not by instrumented libraries, which record URLs and statements: a URL is
a credential here. A span contains codes only, and is scrubbed all the same.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

from django.conf import settings

from unsub.domain.masking import scrub

try:
    from opentelemetry import propagate, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
except ImportError:
    # Then OTEL_EXPORTER_OTLP_ENDPOINT is not set: profilecenter/settings.py has checked it.
    pass

SERVICE = "profilecenter"
# What a wake-up carries of a trace (W3C Trace Context).
CARRIED = "traceparent"
Value = str | int


def span(
    name: str, *, parent: Mapping[str, str] | None = None, **attributes: Value
) -> AbstractContextManager[None]:
    """Return a block that is a span of the trace, a child of the current one or of `parent`, what
    `carried` returned elsewhere. Of an exception it records the class alone."""
    return _span(name, parent, attributes) if settings.OTEL_EXPORTER_OTLP_ENDPOINT else _OFF


def note(**attributes: Value) -> None:
    """Add attributes to the current span."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        now = trace.get_current_span()
        now.set_attributes({key: _scrubbed(value) for key, value in attributes.items()})


def carried() -> dict[str, str]:
    """Return what another process needs to continue this trace; empty without one."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return {}
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return {name: value for name, value in headers.items() if name == CARRIED}


_OFF: AbstractContextManager[None] = nullcontext()


@contextmanager
def _span(
    name: str, parent: Mapping[str, str] | None, attributes: Mapping[str, Value]
) -> Iterator[None]:
    with tracer().start_as_current_span(
        scrub(name),
        context=propagate.extract(dict(parent)) if parent else None,
        attributes={key: _scrubbed(value) for key, value in attributes.items()},
        record_exception=False,
        set_status_on_exception=False,
    ) as now:
        try:
            yield
        except Exception as err:
            # Its message may quote what was sent.
            now.set_status(trace.StatusCode.ERROR, type(err).__name__)
            raise


def _scrubbed(value: Value) -> Value:
    return scrub(value) if isinstance(value, str) else value


@cache
def tracer() -> Any:
    """Return the process's tracer. OpenTelemetry reads further variables itself, such as
    OTEL_EXPORTER_OTLP_HEADERS and OTEL_TRACES_SAMPLER."""
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/")
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer(SERVICE)
