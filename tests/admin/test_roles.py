"""Permissions of the groups, and isolation between units."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db.models.functions import Now
from django.test import Client

from tests.helpers import CHILD, PARENT, MakeSubmission, person, rewrite, settle
from unsub.models import (
    Alarm,
    BusinessUnit,
    Cause,
    ConsentText,
    DeliveryAttempt,
    Erasure,
    LinkEmail,
    LostLink,
    MailingList,
    Pause,
    Reason,
    Status,
    SubscriberRequest,
    Topic,
)
from unsub.outbox import store
from unsub.units.access import units_of

pytestmark = pytest.mark.django_db
SECRET = "Example Kids"  # the name of the other unit
PAGES = (
    "/admin/", "/admin/unsub/subscriberrequest/", "/admin/unsub/deliveryattempt/",
    "/admin/unsub/businessunit/", "/admin/unsub/reason/", "/admin/unsub/lostlink/",
    "/admin/unsub/alarm/", "/admin/unsub/subscriberrequest/scanners/", "/admin/unsub/pause/",
    "/admin/unsub/consenttext/", "/admin/unsub/erasure/", "/admin/unsub/linkemail/",
    "/admin/unsub/topic/",
)  # fmt: skip


@pytest.fixture
def rows(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission
) -> dict[str, Any]:
    """Rows of the other unit, one of each model."""
    store.write(make_submission(1002))
    theirs, _ = store.write(make_submission(1001, mid=CHILD, job=88101, reason="too-many"))
    rewrite(SubscriberRequest.objects.all(), scanner="script", channel="page")
    settle(SubscriberRequest.objects.all(), Status.REFUSED)
    email = LinkEmail.objects.create(
        unit=child, purpose="confirm", request=theirs, email_address="mina@example.com",
        give_up_at=Now(), status="refused", finished_at=Now(),
    )  # fmt: skip
    DeliveryAttempt.objects.create(
        link_email=email, number=1, lease="00000000-0000-4000-8000-000000000002"
    )
    return {
        "subscriberrequest": theirs,
        "deliveryattempt": DeliveryAttempt.objects.create(
            request=theirs, number=1, lease="00000000-0000-4000-8000-000000000001"
        ),
        "businessunit": child,
        "topic": Topic.objects.create(
            unit=child,
            code="tips",
            name=f"Tips of {SECRET}",
            data_extension="own",
            key_column="SubscriberKey",
            column="Tips",
        ),
        "reason": Reason.objects.create(unit=child, code="kids", label=f"{SECRET} reason"),
        "lostlink": LostLink.objects.create(
            unit=child, email_address="mina@example.com", address_digest="0"
        ),
        "alarm": Alarm.objects.create(cause=Cause.LATE, mid=CHILD),
        "linkemail": email,
        "pause": Pause.objects.create(request=theirs, until=Now(), end_action="ask"),
        "consenttext": ConsentText.objects.create(
            unit=child, language="en", text=f"{SECRET} sends you mail.", text_digest="0"
        ),
        "erasure": Erasure.objects.create(
            unit=child, subscriber_digest="0", subscriber_id=1001, email_address="mina@example.com"
        ),
    }


@pytest.mark.parametrize("group", ["viewer", "marketer"])
def test_no_page_shows_anything_of_another_unit(
    unit: BusinessUnit, rows: dict[str, Any], group: str
) -> None:
    client = person(group, unit)
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200, page
        html = answer.content.decode()
        for trace in (SECRET, str(CHILD), "88101", "m•••@example.com"):
            assert trace not in html, (page, trace)
    assert "#" in client.get(PAGES[1]).content.decode()


@pytest.mark.parametrize(
    "model",
    ["subscriberrequest", "deliveryattempt", "businessunit", "reason", "lostlink", "alarm", "pause",
     "consenttext", "erasure", "linkemail", "topic"],
)  # fmt: skip
@pytest.mark.parametrize("act", ["change", "history", "delete"])
def test_an_id_of_another_unit_is_refused_and_logged(
    unit: BusinessUnit, rows: dict[str, Any], caplog: pytest.LogCaptureFixture, model: str, act: str
) -> None:
    client = person("marketer", unit)
    answer = client.get(f"/admin/unsub/{model}/{rows[model].pk}/{act}/")
    assert answer.status_code == 403
    assert "foreign_unit_row_requested" in caplog.text
    assert SECRET not in answer.content.decode()


def test_actions_on_rows_of_another_unit_do_nothing(
    unit: BusinessUnit, rows: dict[str, Any]
) -> None:
    client = person("marketer", unit)
    theirs = rows["subscriberrequest"]
    assert client.post(f"/admin/unsub/subscriberrequest/{theirs.pk}/try-again/").status_code == 403
    for model, action in (
        ("subscriberrequest", "try_selected_again"),
        ("reason", "retire"),
        ("lostlink", "mark_handled"),
        ("businessunit", "release"),
        ("erasure", "grant"),
        ("erasure", "decline"),
        ("linkemail", "try_selected_again"),
    ):
        data = {"action": action, "_selected_action": [rows[model].pk], "confirmed": "1"}
        data |= {"note": "Not mine"}
        client.post(f"/admin/unsub/{model}/", data)
    theirs.refresh_from_db()
    rows["reason"].refresh_from_db()
    rows["lostlink"].refresh_from_db()
    assert theirs.status == Status.REFUSED
    assert LinkEmail.objects.get().status == "refused"
    assert rows["reason"].active
    assert rows["lostlink"].handled_at is None
    assert Erasure.objects.open().count() == 1
    for path in (f"/admin/unsub/businessunit/{CHILD}/texts/", f"/admin/preview/{CHILD}/"):
        assert client.post(path, {"intro": "mine"}).status_code in {403, 404}


def test_a_filter_by_another_unit_is_refused_and_logged(
    unit: BusinessUnit, rows: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    client = person("viewer", unit)
    for model in (
        "subscriberrequest",
        "reason",
        "lostlink",
        "consenttext",
        "erasure",
        "pause",
        "linkemail",
    ):
        path = "request__unit" if model == "pause" else "unit"
        answer = client.get(f"/admin/unsub/{model}/?{path}__mid__exact={CHILD}")
        assert answer.status_code == 403, model
    assert "foreign_unit_filter_requested" in caplog.text
    hidden = client.get("/admin/unsub/subscriberrequest/?unit__name__startswith=Ex")
    assert SECRET not in hidden.content.decode()


def test_a_reason_cannot_be_given_to_another_unit_or_to_all(
    unit: BusinessUnit, rows: dict[str, Any]
) -> None:
    client = person("marketer", unit)
    inline = {
        f"labels-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")
    } | {"labels-MAX_NUM_FORMS": "9"}
    for mid, made in (("", 0), (CHILD, 0), (PARENT, 1)):
        given = {"unit": mid, "code": "new", "label": "New", "position": "1", "active": "on"}
        client.post("/admin/unsub/reason/add/", given | inline)
        assert Reason.objects.filter(code="new").count() == made


@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("viewer", set()),
        ("marketer", {"try", "brand", "reason", "erase"}),
        ("operator", {"try", "brand", "add_unit", "all"}),
        ("administrator", {"try", "brand", "reason", "add_unit", "all", "people", "erase"}),
    ],
)
def test_each_group_has_exactly_its_permissions(
    unit: BusinessUnit, rows: dict[str, Any], group: str, may: set[str]
) -> None:
    client = person(group, unit)
    mine = SubscriberRequest.objects.get(unit_id=PARENT)
    Erasure.objects.create(unit=unit, subscriber_digest="1", subscriber_id=9)
    for act in ("decline", "nothing"):
        data = {"action": act, "_selected_action": Erasure.objects.values_list("pk", flat=True)}
        client.post("/admin/unsub/erasure/", data | {"confirmed": "1", "note": "No"})
    assert Erasure.objects.filter(subscriber_digest="1").exclude(declined_at=None).exists() is (
        "erase" in may
    )
    asked = {
        "try": client.post(f"/admin/unsub/subscriberrequest/{mine.pk}/try-again/"),
        "brand": client.get(f"/admin/unsub/businessunit/{PARENT}/texts/"),
        "reason": client.get("/admin/unsub/reason/add/"),
        "add_unit": client.get("/admin/unsub/businessunit/add/"),
        "all": client.get(f"/admin/unsub/businessunit/{CHILD}/change/"),
        "people": client.get("/admin/auth/user/"),
    }
    assert {name for name, answer in asked.items() if answer.status_code in {200, 302}} == may - {
        "erase"
    }


def test_a_marketer_cannot_change_technical_settings(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")
    client = person("marketer", unit)
    html = client.get(f"/admin/unsub/businessunit/{PARENT}/change/").content.decode()
    for name in ("subscriber_key_permission", "all_subscribers_list_id", "domain", "members"):
        assert f'name="{name}"' not in html
    assert 'name="contact_email"' in html


def test_an_administrator_cannot_create_a_superuser(unit: BusinessUnit) -> None:
    boss = User.objects.create_superuser("boss")
    client = person("administrator", unit)
    assert client.get(f"/admin/auth/user/{boss.pk}/change/").status_code == 302
    plain = User.objects.create_user("plain")
    given = {"username": "plain", "is_superuser": "on", "is_active": "on"}
    client.post(f"/admin/auth/user/{plain.pk}/change/", given)
    plain.refresh_from_db()
    assert not plain.is_superuser
    group = Group.objects.get(name="administrator")
    assert client.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200
    assert client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "x"}).status_code == 403


@pytest.fixture
def helper(unit: BusinessUnit) -> Client:
    """The client of a user of a group of the deployment's own: it manages users, and sees one
    unit."""
    group = Group.objects.create(name="helper")
    rights = ("view_user", "change_user", "delete_user", "view_subscriberrequest")
    group.permissions.set(Permission.objects.filter(codename__in=rights))
    return person("helper", unit)


def test_nobody_gives_a_group_with_more_than_they_have(helper: Client) -> None:
    me, more = User.objects.get(username="helper"), Group.objects.get(name="administrator")
    page = f"/admin/auth/user/{me.pk}/change/"
    given = {"username": "helper", "is_active": "on", "is_staff": "on"}
    own = me.groups.get()
    assert helper.post(page, given | {"groups": [own.pk, more.pk]}).status_code == 200
    assert list(me.groups.all()) == [own]
    assert helper.post(page, given | {"groups": [own.pk], "first_name": "Eve"}).status_code == 302
    me.refresh_from_db()
    assert me.first_name == "Eve"


@pytest.mark.parametrize("more", ["group", "unit", "permission"])
def test_nobody_acts_as_a_user_with_more_than_they_have(
    helper: Client, unit: BusinessUnit, child: BusinessUnit, more: str
) -> None:
    other = User.objects.create_user("other", "other@example.com", is_staff=True)
    Authenticator.objects.create(user=other, type="totp", data={})
    if more == "group":
        other.groups.add(Group.objects.get(name="marketer"))
    elif more == "unit":
        child.members.add(other)
    else:
        other.user_permissions.add(Permission.objects.get(codename="all_units"))
    page = f"/admin/auth/user/{other.pk}/"
    assert helper.get(f"{page}change/").status_code == 200
    password = {"password1": "a-long-new-one-17", "password2": "a-long-new-one-17"}
    for act, given in (
        ("change/", {"username": "other", "email": "eve@example.com"}),
        ("password/", password | {"usable_password": "true"}),
        ("delete/", {"post": "yes"}),
    ):
        assert helper.post(f"{page}{act}", given).status_code == 403, act
    forget = {"action": "forget_second_factor", "_selected_action": [other.pk]}
    assert helper.post("/admin/auth/user/", forget).status_code == 403
    assert Authenticator.objects.filter(user=other).exists()
    assert User.objects.get(pk=other.pk).email == "other@example.com"


def test_a_user_with_log_entries_cannot_be_deleted(unit: BusinessUnit) -> None:
    client = person("administrator", unit)
    one = User.objects.create_user("one")
    gone = f"/admin/auth/user/{one.pk}/delete/"
    assert client.get(gone).status_code == 200
    LogEntry.objects.log_actions(one.pk, [unit], CHANGE, "Queue resumed.")
    assert client.post(gone, {"post": "yes"}).status_code == 403
    many = {"action": "delete_selected", "_selected_action": [one.pk], "post": "yes"}
    client.post("/admin/auth/user/", many)
    assert LogEntry.objects.filter(user=one).exists()


def test_a_user_without_units_sees_none(unit: BusinessUnit) -> None:
    assert list(units_of(AnonymousUser())) == []
    assert list(units_of(User.objects.create_user("plain"))) == []


def test_users_and_roles_stand_under_the_name_that_the_menu_has(admin_client: Client) -> None:
    for page in ("/admin/auth/user/", "/admin/auth/group/"):
        shown = admin_client.get(page).content.decode()
        assert "Authentication and Authorization" not in shown
        assert re.search(r">\s*Team\s*</a\s*>", shown)
