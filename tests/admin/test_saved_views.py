"""Saved views of lists: what is saved, for whom, and what an outdated one does."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.helpers import CHILD, PARENT, MakeSubmission, person, rewrite, seen, settle
from unsub.admin.read_only import BoundedPaginator
from unsub.models import (
    BusinessUnit,
    DefaultView,
    Reason,
    SavedView,
    Send,
    Status,
    SubscriberRequest,
)
from unsub.outbox import store

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"
SENDS = "/admin/unsub/send/"
SAVE = f"{LIST}views/save/"


@pytest.fixture
def rows(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission
) -> dict[str, SubscriberRequest]:
    """A refused request of each unit, and a pending one of the parent."""
    found = {
        "pending": store.write(make_submission(1001))[0],
        "mine": store.write(make_submission(1002))[0],
        "theirs": store.write(make_submission(1003, mid=CHILD, job=88101))[0],
    }
    refused = SubscriberRequest.objects.exclude(pk=found["pending"].pk)
    settle(refused, Status.REFUSED)
    return found


def save(client: Client, query: str, *, page: str = LIST, **more: Any) -> Any:
    """Save a view of a list with this query string; return the page that follows."""
    given = {"name": "Mine", "query": query} | more
    return client.post(f"{page}views/save/", given, follow=True)


def shown(client: Client, view: SavedView) -> list[int]:
    """Open a view; return the ids of the rows in it."""
    answer = client.get(f"{LIST}views/{view.pk}/", follow=True)
    assert answer.status_code == 200
    return sorted(row.pk for row in answer.context["cl"].result_list)


def test_a_view_keeps_filters_sorting_columns_and_page_size(
    unit: BusinessUnit, rows: dict[str, SubscriberRequest]
) -> None:
    client = person("marketer", unit)
    columns = "id,status_badge,finished,attempts_made"
    save(client, f"status__exact=refused&columns={columns}&o=-3&per_page=25&p=2&job_id=88002")
    view = SavedView.objects.get()
    assert view.parameters == {
        "status__exact": "refused", "columns": columns, "sort": "-finished", "per_page": "25",
        "job_id": "88002",
    }  # fmt: skip
    answer = client.get(f"{LIST}views/{view.pk}/")
    assert parse_qs(urlsplit(answer["Location"]).query) == {
        "status__exact": ["refused"], "columns": [columns], "o": ["-3"], "per_page": ["25"],
        "job_id": ["88002"], "view": [str(view.pk)],
    }  # fmt: skip
    page = client.get(answer["Location"])
    changes = page.context["cl"]
    assert [row.pk for row in changes.result_list] == [rows["mine"].pk]
    assert changes.list_display == ["action_checkbox", *columns.split(",")]
    assert changes.list_per_page == 25
    assert "(changed)" not in page.content.decode()
    assert "(changed)" in client.get(f"{LIST}?view={view.pk}").content.decode()


def test_sorting_is_by_the_name_of_a_column_for_users_without_checkboxes_too(
    unit: BusinessUnit, rows: dict[str, SubscriberRequest]
) -> None:
    client = person("viewer", unit)
    save(client, "columns=id,received,finished&o=-2")
    view = SavedView.objects.get()
    assert view.parameters["sort"] == "-finished"
    answer = client.get(f"{LIST}views/{view.pk}/", follow=True)
    assert answer.context["cl"].get_ordering_field_columns() == {2: "desc"}


def test_a_search_is_not_saved_and_the_user_is_told(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    page = save(client, "q=ada@example.com&status__exact=done&nothing=1")
    assert SavedView.objects.get().parameters == {"status__exact": "done"}
    text = "Not saved in the view: the search (searches aren’t saved), nothing."
    assert text in seen(page.content)


@pytest.mark.parametrize(
    "query",
    [
        "received_at_from=2026-13-01", "status__exact=other", "job_id=1%20or", "per_page=5000",
        "columns=id,password", "unit__mid__exact=510002", "reason__id__exact=999999",
        "kind__exact=x",
        "owner__password__startswith=p", "list=-1", "late=no", "o=-99", "o=x",
    ],
)  # fmt: skip
def test_no_other_value_is_saved(unit: BusinessUnit, child: BusinessUnit, query: str) -> None:
    page = save(person("marketer", unit), query)
    assert page.status_code == 200
    assert SavedView.objects.get().parameters == {}


@pytest.mark.parametrize(
    "parameters",
    [
        {"gone": "1"}, {"status__exact": "gone"}, {"columns": "id,gone"}, {"sort": "gone"},
        {"reason__id__exact": "999999"}, {"owner__password__startswith": "p"},
        {"received_at_from": "yesterday"}, {"per_page": "12"},
    ],
)  # fmt: skip
def test_what_is_outdated_in_a_view_is_left_out_and_named(
    unit: BusinessUnit, rows: dict[str, SubscriberRequest], parameters: dict[str, str]
) -> None:
    client = person("marketer", unit)
    save(client, "kind__exact=unsubscribe")
    view = SavedView.objects.get()
    SavedView.objects.update(parameters=view.parameters | parameters)
    answer = client.get(f"{LIST}views/{view.pk}/", follow=True)
    assert "Left out of this view, because it’s outdated or not yours" in seen(answer.content)
    assert answer.context["cl"].get_filters_params() == {"kind__exact": ["unsubscribe"]}


def test_a_deleted_reason_does_not_break_a_view(unit: BusinessUnit) -> None:
    reason = Reason.objects.create(unit=unit, code="new", label="New")
    client = person("marketer", unit)
    save(client, f"reason__id__in={reason.pk}")
    view = SavedView.objects.get()
    assert view.parameters == {"reason__id__in": str(reason.pk)}
    reason.delete()
    assert shown(client, view) == []


def test_a_shared_view_shows_no_row_of_another_unit(
    unit: BusinessUnit, child: BusinessUnit, rows: dict[str, SubscriberRequest]
) -> None:
    boss = person("administrator")
    save(boss, "status__exact=refused", name="Refused", unit=unit.pk)
    save(boss, f"status__exact=refused&unit__mid__exact={CHILD}", name="Kids", unit=unit.pk)
    every, kids = SavedView.objects.order_by("pk")
    assert shown(boss, every) == [rows["mine"].pk, rows["theirs"].pk]
    assert shown(boss, kids) == [rows["theirs"].pk]
    colleague = person("marketer", unit)
    for view in (every, kids):
        assert shown(colleague, view) == [rows["mine"].pk]
    page = colleague.get(f"{LIST}views/{kids.pk}/", follow=True)
    assert "Left out of this view" in seen(page.content)
    assert child.name not in page.content.decode()


def test_a_view_is_private_or_for_the_colleagues_of_one_unit(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    ada = person("marketer", unit)
    save(ada, "late=yes", name="For me alone")
    save(ada, "late=yes", name="For colleagues", unit=PARENT)
    # Not with a unit of others.
    assert "choose a unit of yours" in seen(save(ada, "late=yes", name="X", unit=CHILD).content)
    private, shared = SavedView.objects.order_by("pk")
    colleague, stranger = person("viewer", unit), person("operator")
    other = User.objects.get(username="operator")
    other.groups.set(User.objects.get(username="viewer").groups.all())
    child.members.add(other)
    assert colleague.get(f"{LIST}views/{shared.pk}/").status_code == 302
    for client, view in ((colleague, private), (stranger, private), (stranger, shared)):
        for path in (f"{LIST}views/{view.pk}/", f"{SENDS}views/{view.pk}/"):
            assert client.get(path).status_code == 404
        assert view.name not in client.get(LIST).content.decode()
        assert client.post(f"{LIST}views/{view.pk}/edit/", {"do": "delete"}).status_code == 404
    # Who is no longer of the unit sees it no longer.
    unit.members.remove(User.objects.get(username="viewer"))
    assert colleague.get(f"{LIST}views/{shared.pk}/").status_code == 404


def test_only_its_owner_and_an_administrator_change_a_view(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    ada, colleague, boss = person("marketer", unit), person("viewer", unit), person("administrator")
    save(ada, "late=yes", name="Shared", unit=PARENT)
    save(ada, "late=yes", name="Private")
    view, private = SavedView.objects.order_by("pk")
    edit = f"{LIST}views/{view.pk}/edit/"
    for act in ("delete", "rename", "update"):
        given = {"do": act, "name": "Taken", "query": ""}
        assert colleague.post(edit, given).status_code == 403
        assert boss.post(f"{LIST}views/{private.pk}/edit/", given).status_code == 404
    # Of a unit: a user with the right to change views, for their own units only.
    keeper = User.objects.get(username="viewer")
    keeper.user_permissions.add(Permission.objects.get(codename="change_savedview"))
    colleague.post(edit, {"do": "rename", "name": "By a colleague", "unit": PARENT})
    assert SavedView.objects.get(pk=view.pk).name == "By a colleague"
    ada.post(edit, {"do": "update", "query": "late=yes&channel__exact=page"})
    assert SavedView.objects.get(pk=view.pk).parameters["channel__exact"] == "page"
    ada.post(edit, {"do": "rename", "name": "Private", "unit": ""})
    assert SavedView.objects.get(pk=view.pk).name == "By a colleague"
    boss.post(edit, {"do": "delete"})
    assert list(SavedView.objects.all()) == [private]


def test_a_list_opens_in_the_default_view_of_its_user(
    unit: BusinessUnit, rows: dict[str, SubscriberRequest]
) -> None:
    ada, colleague = person("marketer", unit), person("viewer", unit)
    save(ada, "status__exact=refused", unit=PARENT, is_default="1")
    view = SavedView.objects.get()
    answer = ada.get(LIST, follow=True)
    assert [row.pk for row in answer.context["cl"].result_list] == [rows["mine"].pk]
    assert "your default" in answer.content.decode()
    # Removing the filters shows all, and so does the menu; a colleague has no default.
    assert len(ada.get(f"{LIST}{answer.context['cl'].unfiltered}").context["cl"].result_list) == 2
    assert len(ada.get(f"{LIST}?view=all").context["cl"].result_list) == 2
    assert colleague.get(LIST).status_code == 200
    colleague.post(f"{LIST}views/{view.pk}/edit/", {"do": "default"})
    assert colleague.get(LIST).status_code == 302
    colleague.post(f"{LIST}views/{view.pk}/edit/", {"do": "no_default"})
    assert colleague.get(LIST).status_code == 200
    ada.post(f"{LIST}views/{view.pk}/edit/", {"do": "delete"})
    assert ada.get(LIST).status_code == 200
    assert not DefaultView.objects.exists()


def test_a_default_that_is_no_longer_shared_is_none(unit: BusinessUnit) -> None:
    boss, colleague = person("administrator"), person("viewer", unit)
    save(boss, "late=yes", unit=PARENT)
    view = SavedView.objects.get()
    colleague.post(f"{LIST}views/{view.pk}/edit/", {"do": "default"})
    boss.post(f"{LIST}views/{view.pk}/edit/", {"do": "rename", "name": "Mine", "unit": ""})
    assert colleague.get(LIST).status_code == 200


def test_names_are_checked_and_views_are_few(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = person("marketer", unit)
    save(client, "late=yes")
    assert "a view with this name already" in seen(save(client, "late=yes").content)
    for name in ("", "x" * 61):
        assert "Enter a name" in seen(save(client, "late=yes", name=name).content)
    monkeypatch.setattr("unsub.admin.saved_views.MOST", 1)
    assert "You have 1 views" in seen(save(client, "late=yes", name="Second").content)
    assert SavedView.objects.count() == 1
    save(client, "late=yes", name="<script>alert(1)</script>")
    SavedView.objects.update(name="<script>alert(1)</script>")
    assert "<script>alert(1)" not in client.get(f"{LIST}?late=yes").content.decode()


def test_a_view_is_opened_by_get_and_changed_by_post(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    save(client, "late=yes")
    view = SavedView.objects.get()
    assert client.get(SAVE).status_code == 405
    assert client.get(f"{LIST}views/{view.pk}/edit/").status_code == 405
    assert client.post(f"{LIST}views/{view.pk}/").status_code == 405


def test_without_the_right_to_see_requests_there_are_no_views(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    save(client, "late=yes")
    User.objects.get(username="marketer").groups.clear()
    view = SavedView.objects.get()
    for answer in (
        client.get(f"{LIST}views/{view.pk}/"), client.post(SAVE, {"name": "x"}),
        client.post(f"{LIST}views/{view.pk}/edit/", {"do": "delete"}), client.get(LIST),
    ):  # fmt: skip
        assert answer.status_code == 403
    assert SavedView.objects.exists()


def test_columns_are_chosen_and_sorting_stays_with_its_column(
    unit: BusinessUnit, rows: dict[str, SubscriberRequest]
) -> None:
    client = person("marketer", unit)
    given = {"query": "late=yes&o=-2&p=3", "column": ["received", "finished", "other"]}
    answer = client.get(f"{LIST}views/columns/", given)
    query = parse_qs(urlsplit(answer["Location"]).query)
    # Received was the second column, and is the first.
    assert (query["columns"], query["o"], query["late"]) == (["received,finished"], ["-1"], ["yes"])
    none = client.get(f"{LIST}views/columns/", {"query": "columns=id"})
    assert "columns" not in none["Location"]


def test_requests_are_sorted_by_attempts_and_by_when_they_were_finished(
    unit: BusinessUnit, rows: dict[str, SubscriberRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = person("marketer", unit)
    for number, row in enumerate((rows["mine"], rows["pending"])):
        rewrite(SubscriberRequest.objects.filter(pk=row.pk), attempts=9 - number)
    query = f"{LIST}?columns=id,finished,attempts_made&o="
    expected = {"-3": ["mine", "pending"], "3": ["pending", "mine"]}
    for order, names in expected.items():
        answer = client.get(f"{query}{order}")
        assert [row.pk for row in answer.context["cl"].result_list] == [rows[n].pk for n in names]
    # Among the newest rows that a list counts: no column but the time of receipt has an index.
    monkeypatch.setattr(BoundedPaginator, "most", 1)
    answer = client.get(f"{query}3")
    assert [row.pk for row in answer.context["cl"].result_list] == [rows["mine"].pk]
    assert "Sorted are the newest of them." in seen(answer.content)
    # A file has all of them, and so has an action on all.
    exported = client.get(f"{LIST}export.csv?columns=id,finished&o=-2")
    assert len(b"".join(exported.streaming_content).splitlines()) == 3  # type: ignore[attr-defined]


def test_sends_have_views_of_their_own(unit: BusinessUnit) -> None:
    for job, name in ((88002, "Weekly offers"), (88003, "Welcome")):
        Send.objects.create(unit=unit, job_id=job, email_name=name, read_at=timezone.now())
    client = person("marketer", unit)
    save(client, "q=Weekly&o=4", page=SENDS, is_default="1")
    view = SavedView.objects.get()
    assert (view.page, view.parameters) == ("sends", {"q": "Weekly", "sort": "job_id"})
    answer = client.get(SENDS, follow=True)
    assert [row.email_name for row in answer.context["cl"].result_list] == ["Weekly offers"]
    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}views/{view.pk}/").status_code == 404
