"""Search and filters of requests: address, job, error code, days."""

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import MakeSubmission, rewrite, rotate_digest_key
from unsub.domain.context import SubscriberContext
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import store

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"


@pytest.fixture
def three(unit: BusinessUnit, make_submission: MakeSubmission) -> list[SubscriberRequest]:
    """Three requests from three days, the second with an address."""
    ada = SubscriberContext(subscriber_id=1001, email_address="Ada@Example.com")
    first, second, third = (datetime(2026, 11, day, 23, 59, 59, tzinfo=UTC) for day in (1, 2, 3))
    rows = [
        store.write(make_submission(1002, received_at=first))[0],
        store.write(make_submission(ada, received_at=second))[0],
        store.write(make_submission(1003, received_at=third, job=88003))[0],
    ]
    SubscriberRequest.objects.filter(pk=rows[1].pk).update(error_code=401)
    return rows


def found(client: Client, query: str) -> list[int]:
    """Return the ids of the requests in the list."""
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200, query
    return sorted(row.pk for row in answer.context["cl"].result_list)


@pytest.mark.parametrize("typed", ["ada@example.com", "ADA@EXAMPLE.COM", " ada@example.com "])
def test_an_address_is_found_ignoring_case_and_spaces(
    three: list[SubscriberRequest], admin_client: Client, typed: str
) -> None:
    assert found(admin_client, f"q={typed}") == [three[1].pk]
    assert found(admin_client, "q=ada@example") == []


def test_the_stored_digest_and_mask_do_not_reveal_the_address(
    three: list[SubscriberRequest],
) -> None:
    three[1].refresh_from_db()
    assert three[1].address_mask == "A•••@Example.com"
    assert "ada" not in three[1].address_digest
    assert SubscriberRequest.objects.filter(address_digest="").count() == 2


def test_an_address_is_found_after_a_change_of_the_digest_key(
    three: list[SubscriberRequest], admin_client: Client, settings: Settings
) -> None:
    rotate_digest_key(settings)
    # Not by the address, which the row has as well.
    rewrite(SubscriberRequest.objects.all(), email_address="")
    assert found(admin_client, "q=ada@example.com") == [three[1].pk]


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("job_id=88003", [2]),
        ("error_code=401", [1]),
        ("error_code=402", []),
        ("received_at_from=2026-11-02", [1, 2]),
        ("received_at_to=2026-11-02", [0, 1]),
        ("received_at_from=2026-11-02&received_at_to=2026-11-02", [1]),
        ("job_id=88003&received_at_to=2026-11-02", []),
        # Invalid values give an empty result, so that an export never contains everything.
        ("job_id=abc", []),
        ("error_code=1%20or%201", []),
        ("job_id=99999999999999999999", []),
        ("received_at_from=yesterday", []),
        ("received_at_to=9999-12-31", []),
        ("outcome=bogus", []),
        ("late=maybe", []),
        ("list=bogus", []),
        # A MID without a business unit, while there is only one unit to choose.
        ("unit__mid__exact=599999", []),
    ],
)
def test_filters_and_exports_give_the_matching_requests(
    three: list[SubscriberRequest], admin_client: Client, query: str, which: list[int]
) -> None:
    wanted = sorted(three[index].pk for index in which)
    assert found(admin_client, query) == wanted
    lines = b"".join(admin_client.get(f"{LIST}export.jsonl?{query}").streaming_content)  # type: ignore[attr-defined]
    assert lines.count(b"\n") == len(which)


@pytest.mark.parametrize("query", ["job_id__in=x", "unit__mid__exact=x"])
def test_an_invalid_filter_is_reported_and_logged(
    three: list[SubscriberRequest],
    admin_client: Client,
    caplog: pytest.LogCaptureFixture,
    query: str,
) -> None:
    answer = admin_client.get(f"{LIST}?{query}", follow=True)
    assert "The filter in this URL isn’t valid." in answer.content.decode()
    assert "filter_rejected" in caplog.text
    assert admin_client.get(f"{LIST}export.csv?{query}").status_code == 404


@pytest.mark.parametrize("model", ["subscriberrequest/?status__exact", "alarm/?cause__exact"])
def test_a_nul_character_in_a_filter_is_no_server_error(
    three: list[SubscriberRequest], admin_client: Client, model: str
) -> None:
    assert admin_client.get(f"/admin/unsub/{model}=%00", follow=True).status_code == 200


def test_the_filters_in_use_are_named_and_each_can_be_removed(
    admin_client: Client, unit: BusinessUnit
) -> None:
    query = {
        "q": "1001", "status__exact": "refused", "job_id": "88002",
        "received_at_from": "2026-11-01",
    }  # fmt: skip
    changes = admin_client.get(LIST, query).context["cl"]
    named = {one.name: (one.value, one.url) for one in changes.active_filters}
    assert {name: value for name, (value, _url) in named.items()} == {
        "": "“1001”", "received": "from 2026-11-01", "JobID": "88002",
        "status": "refused",
    }  # fmt: skip
    for name, parameter in (("JobID", "job_id"), ("status", "status__exact"), ("", "q")):
        left = set(parse_qs(named[name][1].removeprefix("?")))
        assert left == set(query) - {parameter}
    assert changes.unfiltered == "?view=all"


def test_the_size_of_a_page_can_be_chosen_and_stays_with_the_filters(
    admin_client: Client, make_submission: MakeSubmission, unit: BusinessUnit
) -> None:
    for number in range(26):
        store.write(make_submission(3000 + number))
    for size, rows in (("25", 25), ("100", 26), ("7", 26), ("x", 26), ("", 26)):
        changes = admin_client.get(LIST, {"per_page": size, "channel__exact": "one_click"}).context[
            "cl"
        ]
        assert len(changes.result_list) == rows
    chosen = admin_client.get(LIST, {"per_page": "25", "channel__exact": "one_click"}).context["cl"]
    assert [one.value for one in chosen.page_sizes if one.is_chosen] == ["25"]
    assert [one.name for one in chosen.active_filters] == ["channel"]
    assert parse_qs(chosen.page_sizes[2].url.removeprefix("?"))["channel__exact"] == ["one_click"]
