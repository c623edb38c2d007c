"""Nothing that somebody sent is in any place where this application reports: an address and a token
are planted where an error could pick them up."""

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import structlog
from django.test import Client
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django.fixtures import Settings

from profilecenter.logs import own_formatter
from profilecenter.sentry import SentryHandler
from tests.helpers import PARENT, MakeSubmission, link
from unsub import tasks
from unsub.infra import tracing
from unsub.models import BusinessUnit
from unsub.outbox import store
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "planted-subscriber-key"
ADDRESS = "ada.planted@example.com"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzayI6InBsYW50ZWQifQ.cGxhbnRlZHNpZ25hdHVyZQ"
PLANTED = ("planted", TOKEN, "eyJhbGci", "cGxhbnRlZ")
log = structlog.get_logger(__name__)


class StandIn(BaseHTTPRequestHandler):
    """Keeps the events that are sent to Sentry."""

    received: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        """Keep what an envelope contains, and the headers."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.received.extend(json.loads(line) for line in body.splitlines())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Write no log."""


@pytest.fixture
def sentry() -> Iterator[list[dict[str, Any]]]:
    """What Sentry has received, from a handler as logging_config makes it."""
    StandIn.received.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dsn = f"http://public@127.0.0.1:{server.server_port}/1"
    handler = SentryHandler(dsn=dsn, release="test")
    handler.setLevel(logging.ERROR)
    logging.getLogger().addHandler(handler)
    yield StandIn.received
    logging.getLogger().removeHandler(handler)
    handler.close()
    server.shutdown()
    server.server_close()


@pytest.fixture
def spans(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The exporter of the spans that have ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:1"
    monkeypatch.setattr(tracing, "tracer", lambda: provider.get_tracer("tests"))
    return exporter


def test_an_error_reports_neither_address_nor_token_nor_key_anywhere(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sentry: list[dict[str, Any]],
    spans: InMemorySpanExporter,
) -> None:
    def fails(_: str) -> None:
        raise RuntimeError(f"{ADDRESS} {TOKEN}")

    caplog.handler.setFormatter(own_formatter())
    monkeypatch.setattr("unsub.web.signed_link.open_damaged_link", fails)
    client = Client(raise_request_exception=False)
    cookie = {"session": TOKEN}
    client.cookies.load(cookie)
    answer = client.post(
        f"/u/{TOKEN}?mail={ADDRESS}", {"email": ADDRESS}, headers={"User-Agent": ADDRESS}
    )
    assert answer.status_code == 500
    log.error("event_of_ours", mid=PARENT, detail=f"{ADDRESS} {TOKEN}")
    flush()
    reported = {
        "log": caplog.text,
        "sentry": json.dumps(sentry),
        "spans": "".join(span.to_json() for span in spans.get_finished_spans()),
        "metrics": client.get("/metrics").content.decode(),
    }
    for sink, text in reported.items():
        assert not [word for word in PLANTED if word in text], sink
    # Each of them has something to say.
    assert "RuntimeError" in reported["log"]
    assert reported["sentry"].count('"exception"') == 1
    assert "event_of_ours" in reported["sentry"]
    assert answer["X-Request-ID"] in reported["sentry"]
    assert "unsub:" in reported["spans"]


def test_sentry_gets_no_message_of_an_exception_and_no_argument_of_another_s_line(
    sentry: list[dict[str, Any]],
) -> None:
    """A SubscriberKey may look like anything, so that no scrubber can find it."""
    other = logging.getLogger("another.library")
    try:
        local = KEY
        raise ValueError(local)  # noqa: TRY301
    except ValueError:
        other.exception("%s is no subscriber", KEY)
        log.exception("event_of_ours")
    other.warning("below the level of errors")
    flush()
    events = [one for one in sentry if "logentry" in one]
    assert [one["logentry"]["message"] for one in events] == [
        "%s is no subscriber",
        "event_of_ours",
    ]
    for event in events:
        (error,) = event["exception"]["values"]
        assert (error["type"], error["value"]) == ("ValueError", "[not sent]")
        assert "vars" not in error["stacktrace"]["frames"][-1]
    assert KEY not in json.dumps(events)


def test_a_trace_leads_from_the_page_to_the_call_without_a_path(
    client: Client,
    unit: BusinessUnit,
    sandbox: Sandbox,
    settings: Settings,
    make_submission: MakeSubmission,
    spans: InMemorySpanExporter,
) -> None:
    with tracing.span("page"):
        headers: dict[str, Any] = dict(tracing.carried())
    store.write(make_submission())
    tasks.deliver.push_request(**headers)
    try:
        tasks.deliver.run(PARENT, "key")
    finally:
        tasks.deliver.pop_request()
    client.get(link(settings))
    done = {span.name: span for span in spans.get_finished_spans()}
    trace = {done[name].context.trace_id for name in ("page", "deliver", "soap Execute")}
    assert len(trace) == 1
    assert dict(done["http request"].attributes or {})["view"] == "unsub:unsubscribe"
    assert not [span for span in done.values() if "/u/" in span.to_json()]


def test_a_span_keeps_no_message_of_an_exception_and_scrubs_its_attributes(
    spans: InMemorySpanExporter,
) -> None:
    def fails() -> None:
        with tracing.span(f"of {ADDRESS}", detail=TOKEN):
            tracing.note(more=ADDRESS)
            raise ValueError(KEY)

    with pytest.raises(ValueError, match=KEY):
        fails()
    (span,) = spans.get_finished_spans()
    assert not [word for word in PLANTED if word in span.to_json()]
    assert span.status.description == "ValueError"


def test_without_a_collector_nothing_is_traced(settings: Settings) -> None:
    assert settings.OTEL_EXPORTER_OTLP_ENDPOINT == ""
    with tracing.span("nothing"):
        assert tracing.carried() == {}


def flush() -> None:
    """Wait until the handlers have sent what they have: Sentry's own wait is a short one."""
    for handler in logging.getLogger().handlers:
        handler.flush()
        if isinstance(handler, SentryHandler):
            handler._client.flush(timeout=60)
