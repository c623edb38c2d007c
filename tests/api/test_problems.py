"""Keys, limits and errors: each error is a problem, and none says what was sent."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from profilecenter import gunicorn_worker
from profilecenter.incoming import BODY_LIMIT, Incoming
from profilecenter.logs import clean
from tests.api.conftest import Caller, MakeKey
from unsub.accounts import api_keys
from unsub.api import units as units_operations
from unsub.infra.database_timeout import DatabaseUnavailableError
from unsub.models import ApiKey, BusinessUnit, SubscriberRequest

pytestmark = pytest.mark.django_db
FROM_LIST: dict[str, Any] = {
    "subscriber": {"email_address": "ada@example.com"}, "list_id": 7001, "scope": "list",
}  # fmt: skip
ADA = {"subscriber_id": 1001}
LINK = {"subscriber": ADA, "list_id": 7001, "scope": "list"}


def is_problem(answer: Any, status: int) -> dict[str, Any]:
    """Return the problem that an answer is."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["type"] == "about:blank"
    assert found["request_id"] == answer["X-Request-ID"]
    return found


def test_without_a_valid_key_there_is_no_answer(
    unit: BusinessUnit, make_key: MakeKey, caplog: pytest.LogCaptureFixture
) -> None:
    expired = make_key(unit, expires_at=timezone.now() - timedelta(seconds=1))
    revoked = make_key(unit)
    ApiKey.objects.filter(prefix=revoked.text[:12]).update(revoked_at=timezone.now())
    unknown = Caller("pck_" + 43 * "x")
    for one in (expired, revoked, unknown, Caller(""), Caller("pck_short"), Caller("é")):
        answer = one.get("/units")
        assert is_problem(answer, 401)["code"] == "unauthorized"
        assert answer["WWW-Authenticate"] == "Bearer"
        assert not one.text or one.text not in caplog.text
    assert "api_key_refused" in caplog.text


def test_a_session_of_the_admin_is_no_key(admin_client: Client, unit: BusinessUnit) -> None:
    assert admin_client.get("/api/v1/units").status_code == 401


def test_the_database_has_no_key_but_its_digest(unit: BusinessUnit, make_key: MakeKey) -> None:
    text = make_key(unit).text
    row = ApiKey.objects.values().get()
    assert text not in str(row)
    assert row["prefix"] == text[:12]
    assert len(text) == 47


@pytest.mark.parametrize(
    ("path", "body"),
    [("/requests/search", {}), ("/links", LINK), ("/receipts/search", {"subscriber": ADA})],
)
def test_a_revoked_key_reads_and_signs_nothing_while_a_process_spares_the_database(
    unit: BusinessUnit, make_key: MakeKey, admin_user: User, monkeypatch: pytest.MonkeyPatch,
    path: str, body: Any,
) -> None:  # fmt: skip
    caller = make_key(unit)
    assert caller.post(path, body).status_code == 200
    api_keys.revoke(admin_user, ApiKey.objects.get())

    def spared() -> None:
        # As for some seconds after one statement that took too long; the database answers.
        raise DatabaseUnavailableError

    monkeypatch.setattr(api_keys, "fail_fast", spared)
    assert is_problem(caller.post(path, body), 503)["code"] == "unavailable"


def test_the_last_use_is_written_once_a_minute(
    unit: BusinessUnit, make_key: MakeKey, django_assert_num_queries: Any
) -> None:
    caller = make_key(unit)
    caller.get("/units")
    first = ApiKey.objects.get().used_at
    assert first is not None
    caller.get("/units")
    assert ApiKey.objects.get().used_at == first
    with django_assert_num_queries(0):
        api_keys.note_use(ApiKey(pk=1, used_at=timezone.now()))
    ApiKey.objects.update(used_at=first - timedelta(minutes=2))
    caller.get("/units")
    later = ApiKey.objects.get().used_at
    assert later is not None
    assert later > first - timedelta(minutes=1)


def test_a_key_has_so_many_calls_in_a_minute(unit: BusinessUnit, make_key: MakeKey) -> None:
    few, other = make_key(unit, per_minute=2), make_key(unit)
    assert [few.get("/units").status_code for _ in range(3)] == [200, 200, 429]
    answer = few.get("/units")
    assert is_problem(answer, 429)["code"] == "too_many_calls"
    assert 0 < int(answer["Retry-After"]) <= 60
    assert other.get("/units").status_code == 200


def test_each_error_is_a_problem(caller: Caller, settings: Settings) -> None:
    assert is_problem(caller.get("/no-such"), 404)["code"] == "not_found"
    assert is_problem(Client().get("/api"), 404)
    assert is_problem(Client().get("/api/v2/units"), 404)
    assert is_problem(caller.get("/requests/999"), 404)
    answer = caller.get("/unsubscribes")
    assert is_problem(answer, 405)["code"] == "method_not_allowed"
    assert answer["Allow"] == "POST"
    assert is_problem(Client().get("/api/v1/units", headers={"Host": "elsewhere.example"}), 400)
    large = caller.post("/unsubscribes", {"x": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE})
    assert is_problem(large, 413)["code"] == "too_large"


def test_a_body_that_is_no_json_is_a_problem(caller: Caller) -> None:
    for body in (b"{", b"\xff", b"[" * 20_000, b""):
        answer = Client(raise_request_exception=False).post(
            "/api/v1/unsubscribes", body, content_type="application/json", headers=caller.headers()
        )
        assert answer.status_code in {400, 422}, body[:10]
        is_problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "body",
    [
        '{"scope": "list", "scope": "all", "list_id": 7001, "subscriber": {"subscriber_id": 1}}',
        '{"scope": "all", "subscriber": {"subscriber_id": 1, "subscriber_id": 2}}',
    ],
)
def test_a_body_that_names_a_field_twice_is_refused(caller: Caller, body: str) -> None:
    answer = Client().post(
        "/api/v1/unsubscribes", body, content_type="application/json", headers=caller.headers()
    )
    assert is_problem(answer, 400)["code"] == "bad_request"
    assert not SubscriberRequest.objects.exists()


def test_an_unexpected_error_is_a_problem_without_a_traceback(
    caller: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def fail(*_: object) -> None:
        raise RuntimeError("ada@example.com")

    monkeypatch.setattr(units_operations, "_units", fail)
    for debug in (False, True):
        settings.DEBUG = debug
        answer = caller.get("/units")
        assert is_problem(answer, 500)["code"] == "internal_error"
        assert "ada@" not in answer.content.decode()


def test_a_problem_names_fields_and_never_their_values(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    for body in (
        FROM_LIST | {"ada@example.com": 1},
        FROM_LIST | {"subscriber": {"mina_example": "ada@example.com"}},
        FROM_LIST | {"scope": "ada@example.com"},
        FROM_LIST | {"list_id": "ada@example.com"},
        FROM_LIST | {"subscriber": "ada@example.com"},
        FROM_LIST | {"subscriber": {"email_address": "ada@example.com" * 20}},
        FROM_LIST | {"reason": "ada@example.com"},
        FROM_LIST,  # the unit identifies nobody by address
    ):
        answer = caller.post("/unsubscribes", body)
        text = answer.content.decode()
        assert is_problem(answer, 422)["errors"]
        # Not "ada" alone: the id of the request is of random hexadecimal digits.
        assert "ada@" not in text
        assert "mina" not in text
    answer = caller.post("/changes", FROM_LIST | {"type": "ada@example.com"})
    assert is_problem(answer, 422)
    assert "ada@" not in answer.content.decode()
    assert "ada@" not in caplog.text


def test_a_key_is_struck_out_of_log_lines() -> None:
    text = "pck_" + 43 * "x"
    assert clean(f"Authorization: Bearer {text}.") == "Authorization: Bearer [token]."


def test_without_tls_a_key_is_not_redirected_but_refused(
    caller: Caller, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert is_problem(caller.get("/units"), 403)["code"] == "insecure"


def test_a_head_has_the_headers_of_a_get_and_no_body(caller: Caller) -> None:
    client = Client()
    got = client.get("/api/v1/units", headers=caller.headers())
    head = client.head("/api/v1/units", headers=caller.headers())
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == got["Content-Length"]


def test_what_the_server_refuses_before_django_is_a_problem_as_well() -> None:
    incoming = Incoming()
    incoming.add(b"POST /api/v1/unsubscribes HTTP/1.1\r\nHost: example.com\r\n")
    incoming.add(b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1))
    assert (incoming.refusal, incoming.is_api) == (413, True)
    head, _, body = gunicorn_worker.response(413, is_api=True).partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json\r\n" in head
    assert json.loads(body)["code"] == "too_large"
