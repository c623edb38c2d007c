"""Requests for erasure in the admin; pauses and consent texts, too."""

from dataclasses import replace

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.test import Client

from tests.helpers import CHILD, MakeSubmission, context, person, seen, settle
from unsub.models import BusinessUnit, ConsentText, Erasure, Kind, Pause, Status, SubscriberRequest
from unsub.outbox import erasure, store
from unsub.outbox.submission import Change

pytestmark = pytest.mark.django_db
QUEUE = "/admin/unsub/erasure/"
SURE = {"confirmed": "1"}


@pytest.fixture
def asked(unit: BusinessUnit, make_submission: MakeSubmission) -> Erasure:
    """A request for erasure by a subscriber who also unsubscribed."""
    one, _ = store.write(make_submission(1001))
    settle(
        SubscriberRequest.objects.filter(pk=one.pk), Status.DONE, email_address="ada@example.com"
    )
    erasure.request_erasure(context(1001), language="en")
    Erasure.objects.update(email_address="ada@example.com")
    return Erasure.objects.get()


def act(client: Client, action: str, *rows: Erasure, **more: str) -> str:
    """Return the page's text after an action on rows."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return seen(client.post(f"{QUEUE}?state=all", data | more, follow=True).content)


def test_the_list_masks_subscribers_and_the_page_shows_them_in_full(
    admin_client: Client, asked: Erasure
) -> None:
    words = seen(admin_client.get(QUEUE).content)
    assert "a•••@example.com" in words
    assert "ada@example.com" not in words
    html = admin_client.get(f"{QUEUE}{asked.pk}/change/").content.decode()
    assert "ada@example.com" in html
    row = SubscriberRequest.objects.get()
    assert f'href="/admin/unsub/subscriberrequest/{row.pk}/change/">#{row.pk}</a> (done)' in html
    assert 'value="grant"' in html
    overview = admin_client.get("/admin/").content.decode()
    assert f'<a href="{QUEUE}">1 deletion request is open</a>' in overview


def test_granting_explains_the_effect_and_keeps_the_proof(
    admin_client: Client, asked: Erasure
) -> None:
    words = act(admin_client, "grant", asked)
    assert "Removed: SubscriberID, SubscriberKey" in words
    assert "Kept: when the subscriber unsubscribed" in words
    assert "Delete the contact there yourself (Contact Delete)" in words
    assert Erasure.objects.open().exists()
    assert "1 deletion request answered." in act(
        admin_client, "grant", asked, note="Contact deleted", **SURE
    )
    asked.refresh_from_db()
    assert asked.granted_at
    assert asked.handled_by
    assert asked.note == "Contact deleted"
    row = SubscriberRequest.objects.get()
    assert (row.email_address, row.subscriber_id, row.status) == ("", None, "done")
    assert (
        "Approved: personal data removed from 1 requests." in LogEntry.objects.get().change_message
    )
    assert "deleted" in seen(admin_client.get("/admin/unsub/subscriberrequest/").content)
    assert "a•••" not in seen(admin_client.get(QUEUE).content)
    assert "Contact deleted" in seen(admin_client.get(f"{QUEUE}?state=granted").content)
    again = admin_client.get(f"{QUEUE}{asked.pk}/change/").content.decode()
    assert 'value="grant"' not in again
    late = act(admin_client, "grant", asked)
    assert "personal data of 0 subscribers" in late
    assert "1 more was already answered" in late
    assert "Removed: SubscriberID" not in late


def test_an_erasure_is_not_granted_while_a_request_is_on_its_way(
    admin_client: Client, asked: Erasure, make_submission: MakeSubmission
) -> None:
    open_, _ = store.write(make_submission(1001, job=88003))
    words = act(admin_client, "grant", asked, **SURE)
    assert f"#{asked.pk} can’t be approved yet" in words
    assert f"are still being sent: #{open_.pk} (pending)." in words
    assert "answered." not in words
    asked.refresh_from_db()
    assert asked.granted_at is None
    assert SubscriberRequest.objects.filter(email_address="ada@example.com").exists()
    assert not LogEntry.objects.exists()


def test_declining_needs_a_note_and_erases_nothing(admin_client: Client, asked: Erasure) -> None:
    assert "This field is required" in act(admin_client, "decline", asked, note="", **SURE)
    note = "Bookkeeping has to keep it"
    assert "1 deletion request answered." in act(admin_client, "decline", asked, note=note, **SURE)
    asked.refresh_from_db()
    assert asked.declined_at
    assert asked.email_address == "ada@example.com"
    assert f"Declined: {note}" in LogEntry.objects.get().change_message
    assert note in seen(admin_client.get(f"{QUEUE}?state=declined").content)
    assert "deletion request is open" not in seen(admin_client.get("/admin/").content)
    assert "1 deletion request answered." not in act(admin_client, "grant", asked, **SURE)


def test_erasures_cannot_be_added_edited_or_deleted(admin_client: Client, asked: Erasure) -> None:
    assert admin_client.get(f"{QUEUE}add/").status_code == 403
    assert admin_client.post(f"{QUEUE}{asked.pk}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(f"{QUEUE}{asked.pk}/change/", {"note": "mine"})
    asked.refresh_from_db()
    assert asked.note == ""


def test_a_viewer_sees_erasures_and_cannot_answer_them(
    unit: BusinessUnit, child: BusinessUnit, asked: Erasure
) -> None:
    viewer = person("viewer", unit)
    assert "a•••@example.com" in seen(viewer.get(QUEUE).content)
    assert 'value="grant"' not in viewer.get(f"{QUEUE}{asked.pk}/change/").content.decode()
    act(viewer, "grant", asked, **SURE)
    other = person("marketer", child)
    assert "a•••" not in seen(other.get(QUEUE).content)
    assert "deletion request is open" not in seen(other.get("/admin/").content)
    act(other, "grant", asked, **SURE)
    asked.refresh_from_db()
    assert asked.granted_at is None


def test_pauses_are_listed_with_their_end(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    unit.pause_offered, unit.pause_end_action = True, "put_back"
    unit.save()
    for number, days in ((1001, 30), (1002, 60)):
        submission = replace(make_submission(number, channel="profile"), pause_days=days)
        store.write(submission)
    ended = Pause.objects.order_by("pk")[0]
    Pause.objects.filter(pk=ended.pk).update(ended_at=Now(), result="cancelled")
    words = seen(admin_client.get("/admin/unsub/pause/").content)
    assert "list 7001" in words
    assert "active" in words
    assert "ended early" in words
    for end, number in (("running", 1), ("cancelled", 1), ("asked", 0)):
        listed = seen(admin_client.get(f"/admin/unsub/pause/?end={end}").content)
        assert f"{number} pause" in listed
    page = admin_client.get(f"/admin/unsub/pause/{ended.pk}/change/")
    assert (
        f'href="/admin/unsub/subscriberrequest/{ended.request_id}/change/"' in page.content.decode()
    )
    assert admin_client.get("/admin/unsub/pause/add/").status_code == 403


def test_consent_texts_link_to_the_requests_that_agreed_to_them(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    change = Change(kind=Kind.SUBSCRIBE, consent_text="You agree to it.")
    store.write(replace(make_submission(1001, channel="profile", language="de"), change=change))
    store.write(make_submission(1002))
    version = ConsentText.objects.get()
    html = admin_client.get("/admin/unsub/consenttext/").content.decode()
    assert "You agree to it." in html
    assert "Deutsch" in html or "German" in html
    link = f"/admin/unsub/subscriberrequest/?consent_text__id__exact={version.pk}"
    assert link in html
    assert "1 request" in seen(admin_client.get(link).content)
    assert admin_client.get(f"/admin/unsub/consenttext/{version.pk}/change/").status_code == 200
    assert admin_client.get("/admin/unsub/consenttext/add/").status_code == 403


def test_pauses_and_consent_texts_of_another_unit_are_not_visible(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission
) -> None:
    child.pause_offered, child.pause_end_action = True, "put_back"
    child.save()
    submission = make_submission(1001, mid=CHILD, job=88101, channel="profile", language="en")
    store.write(replace(submission, pause_days=30))
    change = Change(kind=Kind.SUBSCRIBE, consent_text="Kids agree to it.")
    store.write(replace(submission, change=change))
    client = person("viewer", unit)
    for page in ("pause", "consenttext"):
        words = seen(client.get(f"/admin/unsub/{page}/").content)
        assert "7101" not in words
        assert "Kids" not in words
    version = ConsentText.objects.get()
    answer = client.get(f"/admin/unsub/subscriberrequest/?consent_text__id__exact={version.pk}")
    assert "0 requests" in seen(answer.content)
