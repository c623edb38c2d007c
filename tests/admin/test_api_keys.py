"""Keys of the API in the admin: shown once, of the user's units, for no more than the user may."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone

from tests.helpers import person, request, seen, sign_in
from unsub.accounts import api_keys
from unsub.models import ApiKey, BusinessUnit, RequestOrigin

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/apikey/"
FORM: dict[str, Any] = {
    "name": "Call center", "unit": "", "may_submit": "on", "per_minute": "600", "valid_for": "365",
}  # fmt: skip


def maker(name: str, *units: BusinessUnit, names: bool = False) -> Client:
    """Return the client of a user with the rights on keys alone."""
    user = User.objects.create_user(name, is_staff=True)
    codes = ["view_apikey", "add_apikey", "change_apikey", *["name_subscribers"] * names]
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    for unit in units:
        unit.members.add(user)
    client = Client()
    sign_in(client, user)
    return client


def made(client: Client, **changes: str) -> str:
    """Make a key by the form. Return its text."""
    answer = client.post(f"{LIST}add/", FORM | changes)
    (text,) = re.findall(r"pck_[A-Za-z0-9_-]{43}", answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    return str(text)


def test_a_key_is_shown_once_and_nowhere_else(admin_client: Client, unit: BusinessUnit) -> None:
    text = made(admin_client)
    key = api_keys.find(text)
    assert key is not None
    assert key.unit is None
    for page in (LIST, f"{LIST}{key.pk}/change/", f"{LIST}{key.pk}/history/"):
        html = admin_client.get(page).content.decode()
        assert key.prefix in html or page.endswith("history/")
        assert text not in html
    assert text not in str(list(LogEntry.objects.values()))


def test_sending_the_form_again_makes_no_second_key(
    admin_client: Client, unit: BusinessUnit
) -> None:
    made(admin_client)
    answer = admin_client.post(f"{LIST}add/", FORM)
    assert "Another key has this name." in seen(answer.content)
    assert ApiKey.objects.count() == 1


def test_a_key_for_nothing_is_refused(admin_client: Client, unit: BusinessUnit) -> None:
    answer = admin_client.post(f"{LIST}add/", FORM | {"may_submit": "", "may_name": "on"})
    assert "Choose what the key may be used for." in seen(answer.content)


def test_users_make_and_see_keys_of_their_own_units_alone(
    unit: BusinessUnit, child: BusinessUnit, admin_client: Client
) -> None:
    for name, of in (("All", ""), ("Theirs", str(child.mid)), ("Mine", str(unit.mid))):
        made(admin_client, name=name, unit=of)
    client = maker("mina", unit)
    shown = seen(client.get(LIST).content)
    assert "Mine" in shown
    assert "Theirs" not in shown
    for name in ("All", "Theirs"):
        pk = ApiKey.objects.get(name=name).pk
        assert client.get(f"{LIST}{pk}/change/").status_code == 403
        client.post(LIST, {"action": "revoke", "_selected_action": pk})
    assert not ApiKey.objects.exclude(revoked_at=None).exists()
    for other in ("", str(child.mid)):
        answer = client.post(f"{LIST}add/", FORM | {"name": "New", "unit": other})
        assert "pck_" not in answer.content.decode()
    made(client, name="New", unit=str(unit.mid))


def test_who_may_not_name_subscribers_makes_no_key_that_may(unit: BusinessUnit) -> None:
    client = maker("mina", unit)
    assert "may_name" not in client.get(f"{LIST}add/").content.decode()
    made(client, unit=str(unit.mid), may_name="on")
    assert not ApiKey.objects.get().may_name
    client = maker("ada", unit, names=True)
    made(client, unit=str(unit.mid), may_name="on", name="Other")
    assert ApiKey.objects.get(name="Other").may_name


def test_a_revoked_key_opens_nothing_and_stays(admin_client: Client, unit: BusinessUnit) -> None:
    text = made(admin_client)
    key = ApiKey.objects.get()
    answer = admin_client.post(LIST, {"action": "revoke", "_selected_action": key.pk}, follow=True)
    assert "1 key was revoked." in seen(answer.content)
    assert api_keys.find(text) is None
    assert admin_client.get(f"{LIST}{key.pk}/delete/").status_code == 403
    assert "Revoked" in seen(admin_client.get(f"{LIST}{key.pk}/change/").content)
    assert "Call center" not in seen(admin_client.get(LIST).content)
    assert "Call center" in seen(admin_client.get(LIST, {"state": "over"}).content)
    made(admin_client)  # its name is free again


def test_only_administrators_have_the_rights_on_keys(unit: BusinessUnit) -> None:
    for name in ("viewer", "marketer", "operator"):
        client = person(name, unit)
        assert client.get(LIST).status_code == 403
        assert client.get(f"{LIST}add/").status_code == 403
    codes = Group.objects.get(name="administrator").permissions.values_list("codename", flat=True)
    assert {"view_apikey", "add_apikey", "change_apikey"} <= set(codes)


def test_a_marketer_reads_at_a_request_who_asked_for_it(unit: BusinessUnit) -> None:
    key = ApiKey(name="Call center", may_submit=True, expires_at=timezone.now())
    api_keys.issue(key, User.objects.create_user("root"))
    one, other = request(channel="api"), request()
    RequestOrigin.objects.create(request=one, api_key=key, asked_by="agent 17")
    client = person("marketer", unit)
    assert "Call center: agent 17" in seen(
        client.get(f"/admin/unsub/subscriberrequest/{one.pk}/change/").content
    )
    page = client.get(f"/admin/unsub/subscriberrequest/{other.pk}/change/")
    assert "Asked by" not in seen(page.content)
