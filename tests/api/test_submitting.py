"""Submitting through the API: by the rules of links, each request once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tests.api.conftest import Caller, MakeKey
from tests.helpers import CHILD, PARENT
from unsub.domain.context import SubscriberContext
from unsub.infra import database_timeout, kept
from unsub.models import BusinessUnit, ConsentText, Reason, RequestOrigin, SubscriberRequest, Topic
from unsub.outbox import spool

pytestmark = pytest.mark.django_db
ADA: dict[str, Any] = {"subscriber": {"subscriber_id": 1001}}
FROM_LIST = ADA | {"list_id": 7001, "job_id": 88002, "scope": "list"}


@contextmanager
def away() -> Iterator[None]:
    """Let no connection to the database be made."""
    options = connection.settings_dict
    before = dict(options)
    connection.close()
    sqlite = connection.vendor == "sqlite"
    options.update({"NAME": "/nowhere/db.sqlite3"} if sqlite else {"PORT": 1})
    try:
        yield
    finally:
        connection.close()
        options.update(before)
        database_timeout.reset()


def test_an_unsubscribe_is_a_request_of_the_channel_api(caller: Caller) -> None:
    answer = caller.post("/unsubscribes", FROM_LIST | {"asked_by": "agent 17"})
    assert answer.status_code == 202, answer.content
    row = SubscriberRequest.objects.get()
    assert answer.json() == {
        "id": row.pk, "status": "pending", "unit": PARENT, "repeated": False, "effect": "from_list",
    }  # fmt: skip
    assert (row.channel, row.scope, row.list_id, row.job_id) == ("api", "list", 7001, 88002)
    origin = RequestOrigin.objects.get()
    assert (origin.request_id, origin.asked_by) == (row.pk, "agent 17")


def test_a_reason_and_words_go_with_it(caller: Caller) -> None:
    more = {"reason": "too-many", "reason_text": "weekly is enough", "language": "de"}
    assert caller.post("/unsubscribes", FROM_LIST | more).status_code == 202
    row = SubscriberRequest.objects.get()
    assert row.reason == Reason.objects.get(code="too-many")
    assert row.reason_text.endswith("weekly is enough")
    assert row.language == "de"


def test_a_reason_that_the_unit_does_not_offer_is_refused(caller: Caller) -> None:
    answer = caller.post("/unsubscribes", FROM_LIST | {"reason": "no-such"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "reason", "problem": "The unit offers no such reason."}
    ]


def test_the_scope_list_without_a_list_is_refused_and_never_everything(caller: Caller) -> None:
    for body in (ADA, ADA | {"batch_id": 3}):
        answer = caller.post("/unsubscribes", body | {"scope": "list"})
        assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_leave")
    assert not SubscriberRequest.objects.exists()


def test_a_call_that_names_no_scope_is_refused(caller: Caller) -> None:
    assert caller.post("/unsubscribes", ADA).status_code == 422
    assert caller.post("/unsubscribes", ADA | {"list_id": 7001}).status_code == 422
    assert not SubscriberRequest.objects.exists()


def test_a_misspelt_field_is_refused_and_no_missing_list(caller: Caller) -> None:
    answer = caller.post("/unsubscribes", ADA | {"listId": 7001, "job_id": 1, "scope": "list"})
    assert answer.status_code == 422
    assert "listId" not in answer.content.decode()


def test_the_scope_all_says_that_it_is_everything(caller: Caller) -> None:
    answer = caller.post("/unsubscribes", ADA | {"scope": "all"})
    assert answer.json()["effect"] == "from_everything"
    assert SubscriberRequest.objects.get().target_type == "everything"


def test_the_all_subscribers_list_is_everything_as_in_a_link(
    caller: Caller, unit: BusinessUnit
) -> None:
    unit.all_subscribers_list_id = 7777
    unit.save()
    answer = caller.post("/unsubscribes", ADA | {"scope": "list", "list_id": 7777})
    assert answer.json()["effect"] == "from_everything"
    change = {"type": "subscribe", "consent_text": "Yes", "language": "en", "list_id": 7777}
    answer = caller.post("/changes", ADA | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "list_id")


def test_the_same_unsubscribe_again_is_the_same_request_with_both_origins(caller: Caller) -> None:
    first = caller.post("/unsubscribes", FROM_LIST | {"asked_by": "agent 17"}).json()
    again = caller.post("/unsubscribes", FROM_LIST | {"asked_by": "letter 4"}).json()
    assert (again["id"], again["repeated"]) == (first["id"], True)
    assert [one.asked_by for one in RequestOrigin.objects.all()] == ["agent 17", "letter 4"]


def test_an_address_alone_is_refused_where_the_unit_has_the_key_permission(
    caller: Caller, unit: BusinessUnit
) -> None:
    body = FROM_LIST | {"subscriber": {"email_address": "ada@example.com"}}
    assert caller.post("/unsubscribes", body).status_code == 422
    unit.subscriber_key_permission = False
    unit.save()
    assert caller.post("/unsubscribes", body).status_code == 202


@pytest.mark.parametrize(
    "subscriber",
    [
        {},
        {"subscriber_id": 0},
        {"subscriber_id": "1001"},
        {"subscriber_key": " "},
        {"subscriber_key": "%%subscriberkey%%"},
        {"subscriber_key": "a\u0000b"},
        {"subscriber_key": "\ud800"},
        {"subscriber_id": 1, "email_address": "no address"},
    ],
)
def test_a_subscriber_that_cannot_be_one_is_refused(
    caller: Caller, subscriber: dict[str, Any]
) -> None:
    answer = caller.post("/unsubscribes", FROM_LIST | {"subscriber": subscriber})
    assert answer.status_code == 422, answer.content
    assert not SubscriberRequest.objects.exists()


def test_who_asked_is_no_address(caller: Caller) -> None:
    answer = caller.post("/unsubscribes", FROM_LIST | {"asked_by": "ada@example.com"})
    assert answer.status_code == 422
    assert "ada@" not in answer.content.decode()


def test_the_changes_of_the_preference_center_can_be_submitted(caller: Caller) -> None:
    consent = {"consent_text": "Send me the newsletter.", "language": "en"}
    for body in (
        {"type": "subscribe", "list_id": 7001} | consent,
        {"type": "resubscribe"} | consent,
        {"type": "attribute", "name": "City", "value": "  Leipzig "},
        {"type": "format", "value": "Text"},
    ):
        answer = caller.post("/changes", ADA | body)
        assert answer.status_code == 202, answer.content
        row = SubscriberRequest.objects.get(pk=answer.json()["id"])
        assert (row.kind, row.channel) == (body["type"], "api")
    assert ConsentText.objects.get().text == "Send me the newsletter."
    assert SubscriberRequest.objects.get(kind="attribute").value == "Leipzig"
    assert SubscriberRequest.objects.get(kind="subscribe").target_id == 7001
    assert SubscriberRequest.objects.get(kind="resubscribe").target_type == "everything"


@pytest.mark.parametrize(
    "body",
    [
        {"type": "attribute", "name": "   ", "value": "x"},
        {"type": "attribute", "name": "Ci\ufffety", "value": "x"},
        {"type": "subscribe", "list_id": 7001, "consent_text": "   ", "language": "en"},
        {"type": "resubscribe", "consent_text": "\u2003", "language": "en"},
    ],
)
def test_a_name_and_a_consent_have_something_in_them(caller: Caller, body: Any) -> None:
    assert caller.post("/changes", ADA | body).status_code == 422
    assert not SubscriberRequest.objects.exists()


def test_a_topic_is_changed_with_consent_and_leaves_its_list(caller: Caller) -> None:
    place = {"data_extension": "prefs", "key_column": "SubscriberKey", "unit_id": PARENT}
    Topic.objects.create(
        code="tips", name="Tips", column="Tips", unsubscribes_list_id=7002, **place
    )
    Topic.objects.create(
        code="often", name="How often?", column="Often", off_value="never",
        choices="weekly = Every week\nnever = Never", **place,
    )  # fmt: skip
    kept.forget_all()
    change = ADA | {"type": "topic", "code": "tips", "value": "true"}
    blank = {"consent_text": "  ", "language": "en"}
    for wrong in (
        change, change | blank, change | {"value": "perhaps"}, change | {"code": "none"},
    ):  # fmt: skip
        assert caller.post("/changes", wrong).status_code == 422
    assert not SubscriberRequest.objects.exists()
    consent = {"consent_text": "Send me tips.", "language": "en"}
    assert caller.post("/changes", change | consent).status_code == 202
    weekly = {"code": "often", "value": "Weekly"}
    assert caller.post("/changes", change | weekly | consent).status_code == 202
    assert caller.post("/changes", change | {"value": "False"}).status_code == 202
    rows = SubscriberRequest.objects.order_by("pk").values_list(
        "kind", "target_name", "value", "list_id"
    )
    assert list(rows) == [
        ("topic", "tips", "True", None), ("topic", "often", "weekly", None),
        ("topic_off", "tips", "False", None), ("unsubscribe", "", "", 7002),
    ]  # fmt: skip
    assert RequestOrigin.objects.count() == 4


def test_joining_needs_the_consent_and_waits_where_the_unit_confirms_by_email(
    caller: Caller, unit: BusinessUnit
) -> None:
    body = ADA | {"type": "subscribe", "list_id": 7001}
    assert caller.post("/changes", body).status_code == 422
    unit.confirm_key = "confirm"
    unit.save()
    body |= {"consent_text": "Send me the newsletter.", "language": "en"}
    assert caller.post("/changes", body).json()["status"] == "waiting"


def test_characters_that_the_attributes_do_not_take_are_refused(
    caller: Caller, unit: BusinessUnit
) -> None:
    body = ADA | {"type": "attribute", "name": "City", "value": "東京"}
    assert caller.post("/changes", body).status_code == 422
    unit.unicode_attributes = True
    unit.save()
    assert caller.post("/changes", body).status_code == 202


def test_a_key_of_one_unit_submits_for_no_other(
    caller: Caller, child: BusinessUnit, make_key: MakeKey
) -> None:
    answer = caller.post("/unsubscribes", FROM_LIST | {"unit": CHILD})
    assert (answer.status_code, answer.json()["code"]) == (403, "other_unit")
    assert not SubscriberRequest.objects.exists()
    everywhere = make_key()
    assert everywhere.post("/unsubscribes", FROM_LIST).status_code == 422  # which of two?
    assert everywhere.post("/unsubscribes", FROM_LIST | {"unit": CHILD}).status_code == 202
    assert everywhere.post("/unsubscribes", FROM_LIST | {"unit": 510099}).status_code == 422


def test_a_key_submits_for_its_unit_only_what_it_was_made_for(
    unit: BusinessUnit, make_key: MakeKey
) -> None:
    reader = make_key(unit, may_submit=False, may_sign=False)
    assert reader.post("/unsubscribes", FROM_LIST).json()["code"] == "not_allowed"
    assert reader.post("/links", FROM_LIST).status_code == 403
    assert make_key(unit, may_read=False).get("/units").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_a_known_key_submits_into_the_spool(caller: Caller) -> None:
    caller.get("/units")
    body = FROM_LIST | {"asked_by": "agent 17", "subscriber": {"subscriber_key": "ada-1001"}}
    body |= {"reason": "too-many"}
    change = {"type": "subscribe", "list_id": 7001, "consent_text": "Yes", "language": "en"}
    with away():
        for path, sent in (
            ("/unsubscribes", body),
            ("/unsubscribes", ADA | {"scope": "all"}),
            ("/changes", ADA | change),
        ):
            answer = caller.post(path, sent, Idempotency_Key="a")
            assert (answer.status_code, answer.json()["status"]) == (202, "spooled"), answer.content
    assert len(list(spool.drain())) == 3
    first, everything, joined = SubscriberRequest.objects.order_by("pk")
    assert first.subscriber == SubscriberContext(subscriber_key="ada-1001")
    assert (first.channel, first.list_id, first.job_id, first.scope) == ("api", 7001, 88002, "list")
    assert first.reason is not None
    assert everything.target_type == "everything"
    assert (joined.kind, joined.target_id) == ("subscribe", 7001)
    assert joined.consent_text is not None
    assert [one.asked_by for one in first.origins.all()] == ["agent 17"]


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_an_unknown_key_and_what_reads_get_503(caller: Caller) -> None:
    with away():
        answer = caller.post("/unsubscribes", FROM_LIST)
    assert answer.status_code == 503
    assert caller.get("/units").status_code == 200
    with away():
        answer = caller.get("/units")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0


def test_an_attribute_that_is_a_topic_is_changed_as_a_topic_with_consent(caller: Caller) -> None:
    Topic.objects.create(
        unit_id=PARENT, code="post", name="By post", kept_in="attribute", column="By post"
    )
    kept.forget_all()
    body = ADA | {"type": "attribute", "name": "by Post", "value": "True"}
    answer = caller.post("/changes", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
    assert caller.post("/changes", body | {"name": "City"}).status_code == 202
