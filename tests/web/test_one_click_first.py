"""The plain one-click is accepted before Django, as Django accepts it; all else is left to it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
import redis
from django.conf import settings as project
from django.db import OperationalError
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from profilecenter.chunked import with_length
from profilecenter.wsgi_request import django_application
from tests.helpers import PARENT, link, remove
from unsub.domain.context import Scope
from unsub.infra import database_timeout
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import spool, wakeup
from unsub.web.one_click import OneClickFirst

pytestmark = pytest.mark.django_db(transaction=True)

BODY = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
LIMIT = project.DATA_UPLOAD_MAX_MEMORY_SIZE
ID = "0f8fad5bd9cb469fa165708677289501"
# Values of a row that no two rows have alike.
NONCE = re.compile(r"(nonce-|nonce=\")[\w-]+")
OWN = {"id", "received_at", "next_attempt_at", "give_up_at", "seal_salt", "repeated_at"}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request: what differs from the plain one, how often it is sent, and whether Django need not
    see it."""

    path: Callable[[str], str] = str
    body: bytes = BODY
    environ: dict[str, str] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    times: int = 1
    first: bool = False


def _with_cut_end(path: str) -> str:
    return path[:-5] + "AAAAA"


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--'
)
REQUESTS = {
    "good": Sent(first=True),
    "again": Sent(first=True, times=3),
    "with a slash": Sent(path=lambda path: f"{path}/", first=True),
    "with a cookie and any agent": Sent(
        environ={"HTTP_COOKIE": "sessionid=a", "HTTP_USER_AGENT": "b"}, first=True
    ),
    "with an id that is none": Sent(environ={"HTTP_X_REQUEST_ID": "ada@example.com"}, first=True),
    "for everything": Sent(context={"scope": Scope.ALL, "scope_is_explicit": True}, first=True),
    "past its time": Sent(context={"expires_at": 1}, first=True),
    "without an origin that is known": Sent(environ={"HTTP_X_FORWARDED_PROTO": "https"}),
    "of a test": Sent(context={"message_context": "PREVIEW"}),
    "of another host": Sent(environ={"HTTP_HOST": "evil.example"}),
    "without a host": Sent(environ={"HTTP_HOST": ""}),
    "with a bad end": Sent(path=_with_cut_end),
    "without a signature": Sent(path=lambda path: path.rpartition(".")[0]),
    "repaired": Sent(path=lambda path: f"{path}>"),
    "with an end that counts for nothing": Sent(path=lambda path: f"{path}."),
    "with slashes before": Sent(path=lambda path: f"/{path}"),
    "to the profile centre": Sent(path=lambda path: path.replace("/u/", "/p/", 1)),
    "to another page of the link": Sent(path=lambda path: f"{path}/undo"),
    "to no page": Sent(path=lambda _path: "/u/"),
    "with a query": Sent(environ={"QUERY_STRING": "everything=1&lang=de"}),
    "HEAD": Sent(environ={"REQUEST_METHOD": "HEAD"}),
    "GET": Sent(environ={"REQUEST_METHOD": "GET"}),
    "PUT": Sent(environ={"REQUEST_METHOD": "PUT"}),
    "OPTIONS": Sent(environ={"REQUEST_METHOD": "OPTIONS"}),
    "our form": Sent(body=b"form=page"),
    "another body of the length": Sent(body=b"form=page&reason=privacy&a"),
    "with more fields": Sent(body=BODY + b"&a=b"),
    "too large": Sent(body=b"a" * (LIMIT + 1)),
    "without a body": Sent(body=b""),
    "cut short": Sent(body=BODY[:9], environ={"CONTENT_LENGTH": str(len(BODY))}),
    "in chunks": Sent(
        environ={"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}, first=True
    ),
    "with a length that is none": Sent(environ={"CONTENT_LENGTH": "a"}),
    "with a charset": Sent(environ={"CONTENT_TYPE": f"{FORM}; charset=utf-16"}),
    "with a charset that is none of text": Sent(
        environ={"CONTENT_TYPE": f"{FORM}; charset=hex", "QUERY_STRING": "a=b"}
    ),
    "without a content type": Sent(environ={"CONTENT_TYPE": ""}),
    "with a content type that cannot be parsed": Sent(
        environ={"CONTENT_TYPE": "multipart/form-data; boundary*=x''y"}
    ),
    "as JSON": Sent(environ={"CONTENT_TYPE": "application/json"}),
    "multipart": Sent(body=MULTIPART, environ={"CONTENT_TYPE": "multipart/form-data; boundary=x"}),
}


class Django:
    """Django's application, which counts what it is given."""

    def __init__(self) -> None:
        self.requests = 0
        self._application = django_application()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Return Django's response."""
        self.requests += 1
        return self._application(environ, start)


Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Answer = tuple[str, dict[str, str], bytes]


def ask(application: Application, path: str, sent: Sent) -> Answer:
    """Return status, headers and body of the response."""
    environ = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
        "CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(sent.body)), "HTTP_HOST": "testserver",
        "HTTP_X_REQUEST_ID": ID, "SERVER_NAME": "testserver", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(sent.body),
    }  # fmt: skip
    told: list[Any] = []
    response = application(
        environ | sent.environ, lambda status, headers: told.extend((status, dict(headers)))
    )
    body = b"".join(response)
    if close := getattr(response, "close", None):
        close()
    status, headers = told
    headers = {name: NONCE.sub(r"\1", value) for name, value in headers.items()}
    body = NONCE.sub(r"\1", body.decode()).encode()
    if headers.get("X-Request-ID") != ID:
        assert len(headers.pop("X-Request-ID")) == len(ID)
    return status, headers, body


@dataclass
class Both:
    """The application with and without the shortcut, and what each was given."""

    settings: Settings
    django: Django = field(default_factory=Django)

    def __post_init__(self) -> None:
        """Let the shortcut see how Django answers."""
        self.plain = with_length(self.django, limit=LIMIT)
        self.first = with_length(OneClickFirst(self.django), limit=LIMIT)
        for subscriber in (1098, 1099, 1097):
            ask(self.first, link(self.settings, subscriber), Sent())

    def compare(self, sent: Sent, name: str = "") -> Answer:
        """Return the response to the last of the requests, which must be alike, with all that they
        leave behind. Django must have been asked exactly as often as it should."""
        path = sent.path(link(self.settings, **sent.context))
        found = self._trace(self.plain, path, sent)
        before = self.django.requests
        assert {"request": name} | found == {"request": name} | self._trace(self.first, path, sent)
        assert self.django.requests - before == (0 if sent.first else sent.times), name
        answer: Answer = found["answers"][-1]
        return answer

    def _trace(self, application: Application, path: str, sent: Sent) -> dict[str, Any]:
        """Return what requests to one application lead to, and remove it."""
        database_timeout.reset()
        before = counted()
        with redis.Redis.from_url(project.REDIS_URL) as client, capture_logs() as lines:
            client.flushdb()
            answers = [ask(application, path, sent) for _ in range(sent.times)]
            changes = {
                name: number - before.get(name, 0.0)
                for name, number in counted().items()
                if number != before.get(name, 0.0)
            }
            return {
                "answers": answers,
                "metrics": changes,
                "log": [line["event"] for line in lines],
                "spool": spooled(),
                "wake-ups": client.llen("deliveries"),
                "rows": rows(),
            }


def counted() -> dict[tuple[Any, ...], float]:
    """Return the counters that do not depend on time."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name.startswith("unsub_") and sample.name.endswith("_total")
    }


def spooled() -> list[dict[str, str]]:
    """Return the requests in the spool."""
    try:
        entries = spool._queue.read(PARENT, after=0, most=9)
    except redis.RedisError:
        return []
    return [spool._unseal(entry.message) for entry in entries]


def rows() -> list[dict[str, Any]]:
    """Return the stored requests, and remove them; none where the database is away."""
    stored = SubscriberRequest.objects.exclude(subscriber_id__gte=1090)
    try:
        found = [
            {name: value for name, value in row.items() if name not in OWN}
            | {"was_repeated": row["repeated_at"] is not None}
            for row in stored.values()
        ]
        if found:
            remove(stored)
    except OperationalError:
        return []
    return found


@pytest.fixture
def both(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Both:
    """Both applications, which send each wake-up at once."""
    monkeypatch.setattr(wakeup, "GATHERED_FOR", 0.0)
    wakeup.forget_gathered()
    return Both(settings)


def test_each_request_is_answered_and_stored_as_django_does(unit: BusinessUnit, both: Both) -> None:
    for name, sent in REQUESTS.items():
        both.compare(sent, name)


@pytest.mark.parametrize(
    "kind",
    [
        f"{FORM}; charset=hex",
        f"{FORM}; charset=undefined",
        f"{FORM}; charset=punycode",
        "multipart/form-data; boundary*=x''y",
        "text/plain; a*=undefined''%41",
        "text/plain; a*1=x; a*=",
    ],
)
def test_no_content_type_refuses_a_request(
    unit: BusinessUnit, settings: Settings, kind: str
) -> None:
    sent = Sent(environ={"CONTENT_TYPE": kind, "QUERY_STRING": "a=b"})
    status, headers, _ = ask(OneClickFirst(Django()), link(settings), sent)
    assert (status, headers["Referrer-Policy"]) == ("200 OK", "no-referrer")
    assert SubscriberRequest.objects.get().channel == "one_click"


def test_the_form_of_the_page_is_read_whatever_charset_it_names(
    unit: BusinessUnit, settings: Settings
) -> None:
    sent = Sent(
        body=b"form=page&words=%C3%9Cbel&everything=1",
        environ={"CONTENT_TYPE": f"{FORM}; charset=iso-8859-1"},
    )
    status, _, _ = ask(OneClickFirst(Django()), link(settings), sent)
    assert status == "303 See Other"
    row = SubscriberRequest.objects.get()
    assert (row.channel, row.scope, row.reason_text) == ("page", "all", "\u00dcbel")


@pytest.mark.usefixtures("database_away")
def test_without_a_database_it_is_spooled_as_django_does(both: Both) -> None:
    status, _, _ = both.compare(Sent(first=True))
    assert status == "200 OK"


def test_without_redis_it_is_stored_as_django_does(
    unit: BusinessUnit, both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup, "_client", redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    status, _, _ = both.compare(Sent(first=True))
    assert status == "200 OK"


@pytest.mark.usefixtures("database_away")
def test_without_both_django_says_so_and_nothing_is_tried_twice(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        spool, "_queue", SpoolQueue(redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    )
    status, headers, _ = both.compare(Sent())
    assert status == "503 Service Unavailable"
    assert int(headers["Retry-After"]) > 0


def test_a_header_that_differs_each_time_leaves_all_requests_to_django(
    unit: BusinessUnit, settings: Settings
) -> None:
    django = Django()
    numbers = iter(range(9))

    def numbered(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        def starting(status: str, headers: list[tuple[str, str]]) -> Any:
            headers.insert(0, ("X-Number", str(next(numbers))))
            return start(status, headers)

        return django(environ, starting)

    first = OneClickFirst(numbered)
    seen = [ask(first, link(settings), Sent())[1]["X-Number"] for _ in range(4)]
    assert seen == ["0", "1", "2", "3"]
