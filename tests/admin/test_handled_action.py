"""Refused requests that a person resolved by hand."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client

from tests.helpers import hidden, person, request, seen
from unsub.models import BusinessUnit, ResolutionNote, Status
from unsub.reporting import overview

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"


def test_requests_are_marked_with_a_note_after_confirmation(
    admin_client: Client, unit: BusinessUnit
) -> None:
    refused = [request(status=Status.REFUSED) for _ in range(2)]
    done = request()
    ids = [row.pk for row in (*refused, done)]
    data = {"action": "mark_handled", "_selected_action": ids}
    asked = seen(admin_client.post(LIST, data).content)
    assert "Mark 2 refused requests" in asked
    assert "1 more won’t change." in asked
    assert not ResolutionNote.objects.exists()
    empty = admin_client.post(LIST, data | {"confirmed": "1", "note": ""})
    assert "This field is required." in seen(empty.content)
    answer = admin_client.post(
        LIST, data | {"confirmed": "1", "note": "Taken off by hand"}, follow=True
    )
    assert "2 requests marked as resolved." in seen(answer.content)
    assert ResolutionNote.objects.count() == LogEntry.objects.count() == 2
    story = seen(admin_client.get(f"{LIST}{refused[0].pk}/change/").content)
    assert "Resolved by admin: Taken off by hand" in story
    again = admin_client.post(LIST, data | {"confirmed": "1", "note": "again"}, follow=True)
    assert "0 requests marked as resolved." in seen(again.content)


def test_a_request_is_marked_from_its_own_page(admin_client: Client, unit: BusinessUnit) -> None:
    one, done = request(status=Status.REFUSED), request()
    page = admin_client.get(f"{LIST}{one.pk}/change/").content.decode()
    assert "Mark 1 refused request" in seen(admin_client.post(LIST, hidden(page)).content)
    ResolutionNote.objects.create(request=one, note="done")
    for row in (one, done):
        assert "mark_handled" not in admin_client.get(f"{LIST}{row.pk}/change/").content.decode()
    other = request(status=Status.REFUSED)
    client = person("viewer", unit)
    assert "mark_handled" not in client.get(f"{LIST}{other.pk}/change/").content.decode()


def test_a_resolved_request_does_not_need_a_person_any_more(
    admin_client: Client, unit: BusinessUnit
) -> None:
    one = request(status=Status.REFUSED)
    assert overview.build(mids=None, days=7).waiting.refused == 1
    ResolutionNote.objects.create(request=one, note="done")
    assert overview.build(mids=None, days=7).waiting.refused == 0
    for side, number in (("yes", 1), ("no", 0)):
        words = seen(admin_client.get(f"{LIST}?handled={side}").content)
        assert f"{number} request" in words


def test_a_viewer_cannot_mark_requests(unit: BusinessUnit) -> None:
    one = request(status=Status.REFUSED)
    data = {"action": "mark_handled", "_selected_action": [one.pk], "confirmed": "1", "note": "x"}
    person("viewer", unit).post(LIST, data)
    assert not ResolutionNote.objects.exists()


def test_a_note_cannot_be_changed_and_outlives_its_author(unit: BusinessUnit) -> None:
    writer = User.objects.create_user("writer")
    note = ResolutionNote.objects.create(
        request=request(status=Status.REFUSED), user=writer, note="Taken off by hand"
    )
    for change in (
        lambda: ResolutionNote.objects.update(note="other"),
        lambda: ResolutionNote.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    writer.delete()
    note.refresh_from_db()
    assert (note.user, note.note) == (None, "Taken off by hand")
