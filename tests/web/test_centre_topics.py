"""Topics among the lists: what is read, shown, asked for and written to data extensions."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.helpers import seen
from unsub.domain.context import JobContext, SubscriberContext
from unsub.infra.kept import forget_all
from unsub.models import (
    BusinessUnit,
    ConsentText,
    DeliveryAttempt,
    MailingList,
    MessageTypeState,
    SubscriberRequest,
    Topic,
    TopicText,
)
from unsub.outbox import api as outbox
from unsub.preferences import consent_receipts
from unsub.sandbox import Sandbox
from unsub.sandbox.world.sample import PARENT, PREFERENCES, SURVEYS
from unsub.web.centre import lists

from .helpers import deliver, lists_of, mailed_link, path, snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)
PRODUCT_NEWS = JobContext(job_id=88003, list_id=7002)
OFTEN = "weekly = Every week\nmonthly = Once a month\nnever = Never"


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit with the profile centre switched on, and two topics in one data extension."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True)
    topic(unit, code="tips", name="Tips and ideas", column="Tips", position=500)
    topic(
        unit, code="frequency", name="How often?", column="Frequency", choices=OFTEN,
        off_value="never", empty_value="weekly",
    )  # fmt: skip
    return unit


def topic(unit: BusinessUnit, **changes: Any) -> Topic:
    """Return a topic that is valid, saved."""
    given = {"data_extension": PREFERENCES, "key_column": "SubscriberKey"} | changes
    one = Topic(unit=unit, **given)
    one.full_clean()
    one.save()
    return one


def change(**changes: Any) -> None:
    """Change all topics."""
    Topic.objects.update(**changes)
    forget_all()


def save(
    client: Client, there: str, page: bytes | None = None, *, often: str = "", **chosen: Any
) -> HttpResponse:
    """Submit the page with all lists ticked that are, these topics, and this frequency."""
    html = client.get(there).content if page is None else page
    form = {"snapshot": snapshot_of(html), "keep": ["7001", "7002"], **chosen}
    if often:
        form["topic-frequency"] = often
    return client.post(there, form)  # type: ignore[return-value]


def row_of(sandbox: Sandbox, key: str = "ada-1001") -> dict[str, str]:
    """Return a subscriber's row in the data extension, or {}."""
    rows = sandbox.rows(PARENT, PREFERENCES)
    return next((row for row in rows if row["SubscriberKey"] == key), {})


def asked() -> list[tuple[str, str, str, str]]:
    """Return kind, target, value and status of each request, in order."""
    rows = SubscriberRequest.objects.order_by("pk")
    return [(row.kind, str(row.target), row.value, row.status) for row in rows]


def is_ticked(html: bytes, code: str) -> bool:
    """Return whether the box of a topic is there and ticked."""
    return f'name="topic" value="{code}" checked' in html.decode()


def chosen(html: bytes, code: str) -> str:
    """Return the choice of a pick list."""
    before, _, _ = html.decode().partition('" checked')
    text = html.decode().partition(f'name="topic-{code}"')[2]
    for part in text.split("<input"):
        if " checked" in part:
            return part.partition('value="')[2].partition('"')[0]
    assert before
    return ""


def test_topics_stand_among_the_lists_with_what_their_columns_hold(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    MailingList.objects.create(unit_id=PARENT, list_id=7001, name="Offers", position=1)
    page = client.get(path(settings)).content
    words = seen(page)
    assert words.index("Offers") < words.index("Tips and ideas") < words.index("Product news")
    assert words.index("Product news") < words.index("How often?")
    assert (is_ticked(page, "tips"), chosen(page, "frequency")) == (True, "weekly")
    # One row, one read.
    assert sandbox.call_counts()["soap"]["Retrieve"] == 4
    # Of somebody without a row: what counts where there is none.
    page = client.get(path(settings, 1003)).content
    assert (is_ticked(page, "tips"), chosen(page, "frequency")) == (False, "weekly")


def test_a_topic_has_its_own_words_in_each_language(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    often = Topic.objects.get(code="frequency")
    TopicText.objects.create(
        topic=often, language="de", name="Wie oft?", choices="weekly = Jede Woche\nnever ="
    )
    words = seen(client.get(f"{path(settings)}?lang=de").content)
    for one in ("Wie oft?", "Jede Woche", "Once a month", "Tips and ideas"):
        assert one in words
    assert "never" in words


def test_leaving_and_choosing_are_requests_that_end_in_the_row(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    answer = save(client, there, often="monthly")
    assert answer.status_code == 303
    assert asked() == [
        ("topic_off", "topic:tips", "False", "pending"),
        ("topic", "topic:frequency", "monthly", "pending"),
    ]
    page = client.get(answer["Location"]).content
    assert "Tips and ideas Unsubscribing" in seen(page)
    assert "How often? In progress" in seen(page)
    assert (is_ticked(page, "tips"), chosen(page, "frequency")) == (False, "monthly")
    deliver()
    assert {one[3] for one in asked()} == {"done"}
    row = row_of(sandbox)
    assert (row["Tips"], row["Frequency"]) == ("False", "monthly")
    # No list was touched, and no event made.
    assert (sandbox.events(), sandbox.updates()) == ([], [])
    cache.clear()
    page = client.get(there).content
    assert "Unsubscribing" not in seen(page)
    assert (is_ticked(page, "tips"), chosen(page, "frequency")) == (False, "monthly")


def test_a_row_that_is_not_there_is_inserted_once_for_two_topics(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    save(client, path(settings, 1003), topic="tips", often="never")
    assert row_of(sandbox, "emil-1003") == {}
    deliver()
    row = row_of(sandbox, "emil-1003")
    assert (row["Tips"], row["Frequency"]) == ("True", "never")
    # Each in a message of its own: in one they would both be inserts of the same row.
    assert sandbox.call_counts()["soap"]["Update"] == 2
    details = set(DeliveryAttempt.objects.values_list("detail", flat=True))
    assert details == {"", "goes in the next message"}


def test_to_wait_for_the_next_message_is_no_try(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    save(client, path(settings), often="monthly")
    # The second topic of the row; an error that may be temporary is retried once.
    sandbox.cue("update_refused", after=1)
    deliver()
    assert [one[3] for one in asked()] == ["done", "pending"]
    SubscriberRequest.objects.update(next_attempt_at=Now())
    sandbox.cue("update_refused")
    deliver()
    assert [one[3] for one in asked()] == ["done", "refused"]


def test_an_unchanged_form_and_values_that_were_not_offered_make_no_request(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    page = client.get(there).content
    for form in (
        {"topic": "tips"},
        {"topic": "tips", "topic-frequency": "weekly"},
        {"topic": ["tips", "unknown"], "topic-frequency": "hourly", "topic-unknown": "1"},
    ):
        assert save(client, there, page, **form).status_code == 303
    assert not SubscriberRequest.objects.exists()


def test_two_tabs_do_not_undo_each_other_s_topics(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    first, second = client.get(there).content, client.get(there).content
    save(client, there, first)
    save(client, there, second, topic="tips", often="never")
    assert [one[:3] for one in asked()] == [
        ("topic_off", "topic:tips", "False"),
        ("topic_off", "topic:frequency", "never"),
    ]


def test_the_later_request_about_a_topic_counts(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    for value in ("monthly", "never", "monthly"):
        save(client, there, topic="tips", often=value)
    assert [one[3] for one in asked()] == ["pending"] * 3
    deliver()
    assert [one[3] for one in asked()] == ["superseded", "superseded", "done"]
    assert row_of(sandbox)["Frequency"] == "monthly"


def test_joining_a_topic_is_consent_and_another_frequency_is_not(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    grace = SubscriberContext(subscriber_key="grace-1002")
    there = path(settings, grace)
    save(client, there, topic="tips", often="monthly")
    joined, chose = SubscriberRequest.objects.order_by("pk")
    assert joined.consent_text == ConsentText.objects.get()
    assert chose.consent_text is None
    deliver()
    assert row_of(sandbox, "grace-1002")["Tips"] == "True"
    save(client, there, often="never")
    found = consent_receipts.receipts(consent_receipts.requests_of_person(PARENT, grace))
    (one,) = [each for each in found if each.given]
    assert (one.given, str(one.target)) == (joined, "topic:tips")
    assert one.withdrawn is not None
    assert one.withdrawn.kind == "topic_off"
    assert one.about({"tips": "Tips and ideas"}) == "Tips and ideas"


def test_joining_waits_for_the_confirmation_that_the_unit_demands(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="confirm-subscription")
    there = path(settings, 1002)
    save(client, there, topic="tips", often="monthly")
    assert [one[3] for one in asked()] == ["waiting", "pending"]
    assert "Tips and ideas Waiting for you to confirm" in seen(client.get(there).content)
    deliver()
    assert row_of(sandbox, "grace-1002")["Tips"] == "False"
    assert dict(sandbox.mails()[-1]["attributes"])["ProfileCentreAbout"] == "Tips and ideas"
    link = mailed_link(sandbox)
    assert "Tips and ideas" in seen(client.get(link).content)
    assert "You’re now subscribed to “ Tips and ideas ”." in seen(
        client.post(link, follow=True).content
    )
    deliver()
    assert row_of(sandbox, "grace-1002")["Tips"] == "True"


def test_consent_to_a_text_that_changed_is_asked_again(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings, 1002)
    page = client.get(there).content
    BusinessUnit.objects.update(name="Another Brand")
    forget_all()
    answer = save(client, there, page, topic="tips", often="monthly")
    assert answer.status_code == 409
    # What was chosen is shown again.
    assert (is_ticked(answer.content, "tips"), chosen(answer.content, "frequency")) == (
        True, "monthly",
    )  # fmt: skip
    assert not SubscriberRequest.objects.exists()


def test_a_list_is_left_with_its_topic_and_joined_again_with_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    MailingList.objects.create(unit_id=PARENT, list_id=7002, name="Product news")
    Topic.objects.filter(code="tips").update(unsubscribes_list_id=7002)
    there = path(settings)
    page = client.get(there).content
    assert "you’re also unsubscribed from “<bdi>Product news</bdi>”." in page.decode()
    # The topic stands for the list.
    assert 'name="keep" value="7002"' not in page.decode()
    save(client, there, page, often="weekly")
    assert [one[:2] for one in asked()] == [
        ("topic_off", "topic:tips"),
        ("unsubscribe", "list:7002"),
    ]
    deliver()
    (event,) = sandbox.events()
    assert (event["list_id"], event["job_id"], event["master"]) == (7002, 88003, False)
    cache.clear()
    save(client, there, topic="tips", often="weekly")
    deliver()
    assert (row_of(sandbox)["Tips"], lists_of(sandbox)["7002"]) == ("True", "Active")
    assert ConsentText.objects.count() == 1


def test_a_list_that_is_received_can_be_left_where_its_topic_is_off(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    Topic.objects.filter(code="tips").update(unsubscribes_list_id=7002)
    page = client.get(path(settings, 1002)).content
    assert not is_ticked(page, "tips")
    assert 'name="keep" value="7002" checked' in page.decode()


def test_a_topic_that_is_not_offered_is_shown_to_those_who_have_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    Topic.objects.filter(code="tips").update(offered=False)
    assert is_ticked(client.get(path(settings)).content, "tips")
    assert "Tips and ideas" not in seen(client.get(path(settings, 1002)).content)


def test_unsubscribing_from_everything_writes_no_topic(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings, 1002)
    save(client, there, topic="tips", often="weekly")
    client.post(there, {"everything": "1"})
    SubscriberRequest.objects.update(next_attempt_at=Now())
    deliver()
    deliver()
    assert sandbox.masters() or sandbox.events()
    assert [one[3] for one in asked()] == ["superseded", "done"]
    assert row_of(sandbox, "grace-1002")["Tips"] == "False"
    cache.clear()
    words = seen(client.get(there).content)
    assert "You’re unsubscribed from all marketing emails" in words
    assert "Tips and ideas" not in words


def test_a_data_extension_that_cannot_be_read_hides_nothing_else(
    client: Client, settings: Settings, sandbox: Sandbox, unit: BusinessUnit
) -> None:
    topic(unit, code="lost", name="Lost and found", column="A", data_extension="not-there")
    page = client.get(path(settings)).content
    assert "Lost and found We can’t show this right now." in seen(page)
    assert is_ticked(page, "tips")
    assert 'name="keep" value="7001" checked' in page.decode()
    # What was not shown is not changed.
    save(client, path(settings), page, topic=["tips", "lost"], often="weekly")
    assert not SubscriberRequest.objects.exists()


def test_topics_are_shown_where_the_lists_cannot_be_read(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    sandbox.cue("permission_failed", times=None, operation="Retrieve:List")
    there = path(settings)
    page = client.get(there).content
    assert "We can’t show your mailing lists right now." in seen(page)
    assert is_ticked(page, "tips")
    of_topics = page.decode().rpartition('name="snapshot" value="')[2].partition('"')[0]
    client.post(there, {"snapshot": of_topics, "topic-frequency": "weekly"})
    assert [one[:2] for one in asked()] == [("topic_off", "topic:tips")]


def test_a_missing_right_for_data_extensions_stops_topics_alone(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    page = client.get(there).content
    sandbox.cue("permission_failed", times=None, operation="Update:DataExtensionObject")
    client.post(
        there, {"snapshot": snapshot_of(page), "keep": ["7001"], "topic-frequency": "weekly"}
    )
    deliver()
    assert [one[::3] for one in asked()] == [("unsubscribe", "done"), ("topic_off", "pending")]
    assert MessageTypeState.objects.get().message_type == "update_row"


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"data_extension": "renamed"}, "no such data extension"),
        ({"column": "Renamed"}, "no such column"),
        ({"code": "another"}, "no such topic"),
        ({"column": "ChangedOn"}, "columns refused: ChangedOn"),
    ],
)
def test_what_the_place_of_a_topic_refuses_needs_a_marketer_and_stops_no_other(
    client: Client, settings: Settings, sandbox: Sandbox, changes: dict[str, str], detail: str
) -> None:
    save(client, path(settings), often="monthly")
    Topic.objects.filter(code="tips").update(**changes)
    forget_all()
    deliver()
    assert [one[::3] for one in asked()] == [("topic_off", "refused"), ("topic", "done")]
    assert row_of(sandbox)["Frequency"] == "monthly"
    attempt = DeliveryAttempt.objects.filter(request__kind="topic_off").latest("pk")
    assert attempt.detail == detail
    words = seen(client.get(path(settings)).content)
    assert "Our team will take care of it." in words


def test_rows_by_address_and_by_id_are_those_of_the_subscriber_on_file(
    client: Client, settings: Settings, sandbox: Sandbox, unit: BusinessUnit
) -> None:
    topic(
        unit, code="surveys", name="Surveys", data_extension=SURVEYS, key_column="Email",
        key_holds="address", column="Surveys", on_value="Y", off_value="N",
    )  # fmt: skip
    there = path(settings, 1002)
    page = client.get(there).content
    assert is_ticked(page, "surveys")
    save(client, there, page, often="weekly")
    deliver()
    assert sandbox.rows(PARENT, SURVEYS) == [{"Email": "grace@example.com", "Surveys": "N"}]
    Topic.objects.filter(code="surveys").delete()
    change(key_holds="id")
    save(client, path(settings, 1003), topic="tips", often="weekly")
    deliver()
    assert row_of(sandbox, "1003")["Tips"] == "True"


def test_an_attribute_can_be_a_topic_and_is_no_detail_then(
    client: Client, settings: Settings, sandbox: Sandbox, unit: BusinessUnit
) -> None:
    topic(
        unit, code="post", name="By post", kept_in="attribute", column="Newsletter by post",
        data_extension="", key_column="",
    )  # fmt: skip
    there = path(settings)
    page = client.get(there).content
    assert is_ticked(page, "post")
    assert "Newsletter by post" not in seen(page)
    save(client, there, page, topic="tips", often="monthly")
    deliver()
    assert sandbox.person(1001)["attributes"]["Newsletter by post"] == "False"
    assert row_of(sandbox)["Frequency"] == "monthly"
    assert {one[3] for one in asked()} == {"done"}


def test_the_downloaded_data_has_the_topics(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(protects_details=False)
    save(client, path(settings), topic="tips", often="monthly")
    there = path(settings)
    assert "How often? Once a month" in seen(client.get(f"{there}/yours").content)
    found = json.loads(client.get(f"{there}/yours.json").content)
    assert found["your_profile"]["topics"] == [
        {"code": "tips", "name": "Tips and ideas", "value": "True", "subscribed": True},
        {"code": "frequency", "name": "How often?", "value": "monthly", "subscribed": True},
    ]
    (one,) = found["your_requests"]
    assert (one["type"], one["about"]) == ("topic", "How often?")
    assert one["description"] == "Change of “How often?”"


def test_a_unit_without_topics_reads_no_data_extension_and_looks_for_no_request_about_one(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    kinds = re.compile(r"IN \('topic(_off)?', 'topic(_off)?'\)")
    with CaptureQueriesContext(connection) as with_topics:
        deliver()
    assert [one for one in with_topics if kinds.search(one["sql"])]
    Topic.objects.all().delete()
    forget_all()
    client.get(path(settings))
    assert sandbox.call_counts()["soap"]["Retrieve"] == 3
    with CaptureQueriesContext(connection) as without:
        deliver()
    assert not [one for one in without if kinds.search(one["sql"])]


def with_list(number: int | None = 7002) -> None:
    """Let the first topic go with a list."""
    Topic.objects.filter(code="tips").update(unsubscribes_list_id=number)
    forget_all()


def test_a_topic_whose_list_was_left_is_shown_as_off_and_joins_it_again(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    with_list()
    there = path(settings, job=PRODUCT_NEWS)
    assert is_ticked(client.get(there).content, "tips")
    # By the link of an email, which knows nothing of topics.
    client.post(there.replace("/p/", "/u/", 1), {"List-Unsubscribe": "One-Click"})
    page = client.get(there).content
    assert "Tips and ideas Unsubscribing" in seen(page)
    assert not is_ticked(page, "tips")
    deliver()
    cache.clear()
    page = client.get(there).content
    assert not is_ticked(page, "tips")
    assert "Tips and ideas Not subscribed" in seen(client.get(f"{there}/yours").content)
    # An unchanged form changes nothing.
    save(client, there, page, often="weekly")
    assert [one[0] for one in asked()] == ["unsubscribe"]
    save(client, there, page, topic="tips", often="weekly")
    assert [one[:2] for one in asked()][1:] == [("topic", "topic:tips"), ("subscribe", "list:7002")]
    deliver()
    cache.clear()
    assert lists_of(sandbox)["7002"] == "Active"
    assert is_ticked(client.get(there).content, "tips")


def test_a_frequency_whose_list_was_left_has_no_choice_that_means_emails(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    Topic.objects.filter(code="frequency").update(unsubscribes_list_id=7002, off_value="")
    forget_all()
    there = path(settings)
    assert chosen(client.get(there).content, "frequency") == "weekly"
    client.post(path(settings, job=PRODUCT_NEWS).replace("/p/", "/u/", 1))
    deliver()
    cache.clear()
    page = client.get(there).content
    assert chosen(page, "frequency") == ""
    assert "How often? Not subscribed" in seen(client.get(f"{there}/yours").content)
    client.post(there, {"snapshot": snapshot_of(page), "keep": ["7001"], "topic": "tips"})
    assert len(asked()) == 1
    save(client, there, page, topic="tips", often="weekly")
    assert [one[:3] for one in asked()[1:]] == [
        ("topic", "topic:frequency", "weekly"), ("subscribe", "list:7002", ""),
    ]  # fmt: skip


def test_a_topic_joins_its_list_also_where_the_page_shows_no_such_list(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    with_list(7003)
    sandbox.cue("permission_failed", times=None, operation="Retrieve:List")
    there = path(settings, 1002)
    client.post(
        there,
        {"snapshot": topics_snapshot(client.get(there).content), "topic": "tips",
         "topic-frequency": "monthly"},
    )  # fmt: skip
    assert [one[:2] for one in asked()][:2] == [
        ("topic", "topic:tips"), ("subscribe", "list:7003"),
    ]  # fmt: skip


def topics_snapshot(page: bytes) -> str:
    """Return the signed snapshot in the form of the topics alone."""
    return page.decode().rpartition('name="snapshot" value="')[2].partition('"')[0]


def test_the_page_names_the_list_that_is_left_whoever_named_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    with_list()
    words = "you’re also unsubscribed from “<bdi>"
    page = client.get(path(settings)).content.decode()
    assert f"{words}Product news" in page
    with_list(7999)
    assert f"{words}a mailing list" in client.get(path(settings)).content.decode()


def test_leaving_a_topic_never_unsubscribes_from_everything(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.filter(pk=PARENT).update(all_subscribers_list_id=1)
    with_list(1)
    save(client, path(settings), often="weekly")
    assert [one[:2] for one in asked()] == [("topic_off", "topic:tips")]


def test_another_frequency_of_a_topic_that_was_left_meanwhile_is_asked_again_with_the_consent(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    stale = client.get(there).content
    save(client, there, topic="tips", often="never")
    deliver()
    answer = save(client, there, stale, topic="tips", often="monthly")
    assert answer.status_code == 409
    assert chosen(answer.content, "frequency") == "monthly"
    assert "By subscribing, you agree" in seen(answer.content)
    assert len(asked()) == 1
    form = {"snapshot": snapshot_of(answer.content), "keep": ["7001", "7002"], "topic": "tips"}
    assert client.post(there, form | {"topic-frequency": "monthly"}).status_code == 303
    newest = SubscriberRequest.objects.latest("pk")
    assert (newest.kind, newest.value) == ("topic", "monthly")
    assert newest.consent_text is not None


def test_another_frequency_of_a_topic_that_was_left_before_the_page_was_made_is_a_change(
    client: Client, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Topic.objects.filter(code="frequency").update(unsubscribes_list_id=7002)
    forget_all()
    there = path(settings, job=PRODUCT_NEWS)
    page = client.get(there).content
    client.post(there.replace("/p/", "/u/", 1))
    deliver()
    # As an hour later, when the subscriber was subscribed again in Marketing Cloud.
    monkeypatch.setattr(lists, "_CLOCKS", timedelta(hours=-1))
    save(client, there, page, topic="tips", often="monthly")
    newest = SubscriberRequest.objects.latest("pk")
    assert (newest.kind, newest.value, newest.consent_text) == ("topic", "monthly", None)


def test_a_column_that_is_not_there_hides_no_other_topic_in_its_row(
    client: Client, settings: Settings, sandbox: Sandbox, unit: BusinessUnit
) -> None:
    topic(unit, code="lost", name="Lost and found", column="Renamed")
    page = client.get(path(settings)).content
    assert "Lost and found We can’t show this right now." in seen(page)
    assert (is_ticked(page, "tips"), chosen(page, "frequency")) == (True, "weekly")


def test_names_of_columns_count_in_any_letter_case(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    Topic.objects.filter(code="tips").update(column="tips", key_column="subscriberkey")
    forget_all()
    assert is_ticked(client.get(path(settings)).content, "tips")


def test_a_refused_request_is_not_sent_again_once_its_topic_is_deleted(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    save(client, path(settings), often="monthly")
    change(data_extension="renamed")
    deliver()
    ids = SubscriberRequest.objects.values_list("pk", flat=True)
    Topic.objects.filter(code="tips").delete()
    assert outbox.requeue(ids) == 1
    # Nothing is sent for a unit without topics, so it would wait for nothing.
    assert [one[::3] for one in asked()] == [("topic_off", "refused"), ("topic", "pending")]


def test_one_email_confirms_a_topic_and_the_list_that_goes_with_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="confirm-subscription")
    with_list(7003)
    there = path(settings, 1002)
    before = len(sandbox.mails())
    save(client, there, topic="tips", often="weekly")
    save(client, there, topic="tips", often="weekly")
    assert [one[3] for one in asked()] == ["waiting", "waiting"]
    deliver()
    assert len(sandbox.mails()) == before + 1
    client.post(mailed_link(sandbox), follow=True)
    deliver()
    assert [one[3] for one in asked()] == ["done", "done"]
    confirmed = SubscriberRequest.objects.values_list("confirmed_at", flat=True)
    assert len(set(confirmed)) == 1
    assert None not in confirmed
