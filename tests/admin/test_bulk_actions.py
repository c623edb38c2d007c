"""Bulk actions, chunk by chunk."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.helpers import hidden, request
from unsub.admin import bulk_actions
from unsub.models import BusinessUnit, ResolutionNote, Status, SubscriberRequest

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two rows."""
    monkeypatch.setattr(bulk_actions, "CHUNK", 2)


def html(answer: Any) -> str:
    """Return the HTML of a response."""
    return str(answer.content.decode())


@pytest.mark.usefixtures("small", "unit")
def test_an_action_on_all_filtered_rows_runs_in_chunks(admin_client: Client) -> None:
    refused = [request(status=Status.REFUSED) for _ in range(5)]
    done = request()
    data = {
        "action": "try_selected_again", "select_across": "1", "_selected_action": refused[0].pk,
    }  # fmt: skip
    asked = html(admin_client.post(LIST, data))
    assert "Send 5 requests to Marketing Cloud" in asked
    assert "1 request won’t change" in asked
    steps = []
    page = asked
    for _ in range(9):
        answer = admin_client.post(LIST, hidden(page), follow=True)
        page = html(answer)
        if answer.redirect_chain:
            break
        steps.append(re.search(r'<progress[^>]* value="(\d+)" max="(\d+)"', page).groups())  # type: ignore[union-attr]
        assert "unsub/steps.js" in page
    assert steps == [("2", "5"), ("4", "5")]
    assert "5 requests queued for retry." in page
    assert "1 request won’t change" in page
    assert SubscriberRequest.objects.filter(status=Status.PENDING).count() == 5
    assert LogEntry.objects.count() == 5
    done.refresh_from_db()
    assert done.status == Status.DONE


@pytest.mark.usefixtures("small", "unit")
def test_the_note_is_passed_from_chunk_to_chunk(admin_client: Client) -> None:
    ids = [request(status=Status.REFUSED).pk for _ in range(3)]
    data = {"action": "mark_handled", "_selected_action": ids}
    first = hidden(html(admin_client.post(LIST, data)))
    given = first | {"note": 'by "hand"', "_selected_action": ids}
    page = html(admin_client.post(LIST, given))
    assert hidden(page)["note"] == 'by "hand"'
    admin_client.post(LIST, hidden(page) | {"note": 'by "hand"', "_selected_action": ids})
    assert list(ResolutionNote.objects.values_list("note", flat=True)) == ['by "hand"'] * 3


def test_a_whole_page_of_rows_can_be_selected(admin_client: Client, unit: BusinessUnit) -> None:
    ids = [request(status=Status.REFUSED).pk for _ in range(100)]
    data = {"action": "try_selected_again", "_selected_action": ids, "confirmed": "1"}
    answer = admin_client.post(LIST, data, follow=True)
    assert "100 requests queued for retry." in html(answer)


def test_forged_numbers_in_the_form_are_harmless(admin_client: Client, unit: BusinessUnit) -> None:
    one = request(status=Status.REFUSED)
    data = {
        "action": "try_selected_again", "_selected_action": [one.pk], "confirmed": "1",
        "after": "x", "done": "-1", "left": "1e9", "total": "",
    }  # fmt: skip
    answer = admin_client.post(LIST, data, follow=True)
    assert "1 request queued for retry." in html(answer)
