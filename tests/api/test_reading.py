"""Reading through the API: only what the key may see, masked unless it may name subscribers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.api.conftest import Caller, MakeKey
from tests.helpers import CHILD, PARENT, request
from unsub.api import cursors
from unsub.models import (
    Alarm,
    BusinessUnit,
    Cause,
    DailyCount,
    DeliveryAttempt,
    Erasure,
    RequestOrigin,
    Status,
    SubscriberRequest,
)
from unsub.outbox import erasure
from unsub.units import queue_state

pytestmark = pytest.mark.django_db
ADA: dict[str, Any] = {"subscriber": {"subscriber_key": "ada-1001"}}
CONSENT = {"type": "subscribe", "list_id": 7001, "consent_text": "Send it.", "language": "en"}
SECRETS = ("ada-1001", "ada@example.com")


@pytest.fixture
def row(unit: BusinessUnit, child: BusinessUnit) -> SubscriberRequest:
    """A request of Ada that was tried once, beside one of another unit."""
    request(unit_id=CHILD, subscriber_key="ada-1001")
    one = request(
        subscriber_key="ada-1001", email_address="ada@example.com",
        address_mask="a•••@example.com", subscriber_digest="1:x",
    )  # fmt: skip
    DeliveryAttempt.objects.create(
        request=one, number=1, lease="00000000-0000-4000-8000-000000000001",
        outcome="posted", finished_at=Now(), sfmc_request_id="r-1",
    )  # fmt: skip
    return one


def test_a_request_is_read_with_its_attempts_and_masked(
    caller: Caller, row: SubscriberRequest
) -> None:
    answer = caller.get(f"/requests/{row.pk}")
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert (found["id"], found["unit"], found["status"]) == (row.pk, PARENT, "done")
    assert found["subscriber"] == {
        "shown": "a•••@example.com", "subscriber_id": None, "subscriber_key": None,
        "email_address": None,
    }  # fmt: skip
    assert [one["sfmc_request_id"] for one in found["attempts"]] == ["r-1"]
    assert not [one for one in SECRETS if one in answer.content.decode()]


def test_a_key_that_may_name_subscribers_gets_them_in_clear(
    unit: BusinessUnit, row: SubscriberRequest, make_key: MakeKey
) -> None:
    found = make_key(unit, may_name=True).get(f"/requests/{row.pk}").json()["subscriber"]
    assert (found["subscriber_key"], found["email_address"]) == SECRETS


def test_an_erased_subscriber_is_named_to_nobody(
    unit: BusinessUnit, row: SubscriberRequest, make_key: MakeKey, admin_user: Any
) -> None:
    RequestOrigin.objects.create(request=row, api_key_id=1, asked_by="ada, by phone")
    erasure.request_erasure(row.context, language="en")
    assert erasure.grant(Erasure.objects.get(), user_id=admin_user.pk, note="") == 1
    found = make_key(unit, may_name=True).get(f"/requests/{row.pk}").json()
    assert found["subscriber"]["shown"] == "erased"
    assert found["subscriber"]["subscriber_key"] is None
    assert [one["asked_by"] for one in found["origins"]] == [""]


def test_nothing_of_another_unit_is_read(caller: Caller, row: SubscriberRequest) -> None:
    theirs = SubscriberRequest.objects.get(unit_id=CHILD)
    assert caller.get(f"/requests/{theirs.pk}").status_code == 404
    assert caller.get(f"/units/{CHILD}").status_code == 403
    assert (
        caller.get("/counts", unit=CHILD, since="2026-01-01", until="2026-01-02").status_code == 403
    )
    for body in ({"unit": CHILD}, ADA | {"unit": CHILD}):
        assert caller.post("/requests/search", body).status_code == 403
    for body in ({}, ADA):
        found = caller.post("/requests/search", body).json()["items"]
        assert [one["id"] for one in found] == [row.pk]
    assert [one["unit"] for one in caller.get("/units").json()["items"]] == [PARENT]


def test_a_key_for_all_units_reads_all(row: SubscriberRequest, make_key: MakeKey) -> None:
    everywhere = make_key()
    assert len(everywhere.post("/requests/search", {}).json()["items"]) == 2
    found = everywhere.post("/requests/search", ADA | {"unit": CHILD}).json()["items"]
    assert [one["unit"] for one in found] == [CHILD]
    assert everywhere.post("/requests/search", ADA).status_code == 422


def test_requests_are_found_by_status_kind_channel_and_time(
    caller: Caller, unit: BusinessUnit
) -> None:
    old, new = request(days_ago=9), request(channel="one_click")
    pending = request(status=Status.PENDING, attempts=0)
    queue_state.hold(PARENT, "no right")
    moment = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    for body, expected in (
        ({"status": "held"}, [pending]),
        ({"status": "done"}, [new, old]),
        ({"channel": "one_click"}, [new]),
        ({"kind": "subscribe"}, []),
        ({"until": moment, "status": "done"}, [old]),
        ({"since": "2020-01-01T00:00:00Z"}, [pending, new, old]),
    ):
        found = caller.post("/requests/search", body).json()["items"]
        assert [one["id"] for one in found] == [one.pk for one in expected], body


def test_the_pages_of_a_search_stay_as_they_are_while_rows_are_added(
    caller: Caller, unit: BusinessUnit
) -> None:
    rows = [request().pk for _ in range(7)]
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = caller.post("/requests/search", {"limit": 3, "cursor": cursor}).json()
        found += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        request()
    assert found == rows[::-1]


@pytest.mark.parametrize(
    "cursor", ["x", "WzFd0", "W10", "WyJhIl0", "Wy0xXQ", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTld"]
)
def test_a_text_that_is_no_cursor_is_refused(caller: Caller, cursor: str) -> None:
    answer = caller.post("/requests/search", {"cursor": cursor})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\nb"])
def test_a_cursor_with_a_text_that_is_none_of_ours_is_refused(caller: Caller, text: str) -> None:
    made = cursors.written(["2026-03-01", PARENT, text])
    answer = caller.get("/counts", since="2026-03-01", until="2026-03-31", cursor=made)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


def test_daily_counts_are_read_by_pages(caller: Caller, child: BusinessUnit) -> None:
    for day in (1, 2):
        for key in ("done", "refused"):
            DailyCount.objects.create(
                day=f"2026-03-0{day}", mid=PARENT, by="state", key=key, number=day
            )
    DailyCount.objects.create(day="2026-03-01", mid=CHILD, by="state", key="done", number=9)
    asked = {"since": "2026-03-01", "until": "2026-03-31", "limit": 3}
    first = caller.get("/counts", **asked).json()
    second = caller.get("/counts", **asked, cursor=first["next_cursor"]).json()
    counts = [(one["day"], one["value"], one["number"]) for one in first["items"] + second["items"]]
    assert counts == [
        ("2026-03-01", "done", 1), ("2026-03-01", "refused", 1),
        ("2026-03-02", "done", 2), ("2026-03-02", "refused", 2),
    ]  # fmt: skip
    assert second["next_cursor"] is None
    assert caller.get("/counts", since="2020-01-01", until="2026-01-01").status_code == 422


def test_the_state_of_a_unit_says_what_holds_it(caller: Caller, unit: BusinessUnit) -> None:
    request(status=Status.PENDING, attempts=0)
    request(status=Status.REFUSED)
    queue_state.hold(PARENT, "no right")
    Alarm.objects.create(cause=Cause.HELD, mid=PARENT, number=1)
    found = caller.get(f"/units/{PARENT}").json()
    assert (found["queue"], found["held_reason"]) == ("held", "no right")
    assert found["requests"] == {"held": 1, "refused": 1}
    assert [one["cause"] for one in found["alarms"]] == ["held"]


def test_receipts_are_found_by_subscriber_and_by_id(
    caller: Caller, unit: BusinessUnit, make_key: MakeKey, child: BusinessUnit
) -> None:
    caller.post("/changes", ADA | CONSENT)
    caller.post("/unsubscribes", ADA | {"list_id": 7001, "scope": "list"})
    (found,) = caller.post("/receipts/search", ADA).json()["items"]
    assert (found["consent_text"], found["given"]["channel"]) == ("Send it.", "api")
    assert found["withdrawn"] is not None
    assert "ada-1001" not in str(found)
    assert caller.get(f"/receipts/{found['id']}").json() == found
    assert make_key(child).get(f"/receipts/{found['id']}").status_code == 404
    assert caller.get("/receipts/CR0").status_code == 422


def test_a_signed_link_opens_and_names_its_headers(caller: Caller, client: Any) -> None:
    body = {"subscriber": {"subscriber_id": 1001}, "list_id": 7001, "scope": "list"}
    found = caller.post("/links", body | {"seal": True, "expires_in": 3600}).json()
    assert found["list_unsubscribe"] == f"<{found['unsubscribe_url']}>"
    assert found["effect"] == "from_list"
    path = found["unsubscribe_url"].removeprefix("http://localhost:8000")
    answer = client.post(path, found["list_unsubscribe_post"], "application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert SubscriberRequest.objects.get().list_id == 7001


def test_no_link_without_a_list_or_a_job_is_signed_for_a_list(caller: Caller) -> None:
    answer = caller.post("/links", {"subscriber": {"subscriber_id": 1001}, "scope": "list"})
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_leave")
