"""Changing attributes, email format and address: validation, concurrent tabs, confirmation."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import rewrite, seen
from unsub.infra import kept
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.preferences.attributes import fields_of
from unsub.sandbox import Sandbox
from unsub.sfmc import Definition

from .helpers import deliver, mailed_link, path, snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)
_INPUT = re.compile(r'<input type="([a-z]+)" name="([a-z0-9]+)"([^>]*)>')
_VALUE = re.compile(r'value="([^"]*)"')
_SELECT = re.compile(r'<select name="(a[0-9a-f]+)".*?</select>', re.DOTALL)
_CHOSEN = re.compile(r'<option value="([^"]*)" selected>')


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit with the profile centre switched on, which shows details to any link."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True, protects_details=False)
    return unit


def field(name: str) -> str:
    """Return the name of an attribute's form field."""
    definition = Definition(
        name=name, label="", description="", data_type="Text", max_length=None,
        is_required=False, is_viewable=True, is_editable=True, is_restricted=False, choices=(),
        default="", display_order=0,
    )  # fmt: skip
    return fields_of([definition])[0].id


def values(page: bytes) -> dict[str, str]:
    """Return the values of the form, as a browser would submit them."""
    text = page.decode()
    found = {"snapshot": snapshot_of(page)}
    for kind, name, rest in _INPUT.findall(text):
        value = _VALUE.search(rest)
        if kind in {"radio", "checkbox"} and " checked" not in rest:
            continue
        if name != "snapshot":
            found[name] = unescape(value[1]) if value else ""
    for match in _SELECT.finditer(text):
        chosen = _CHOSEN.search(match[0])
        found[match[1]] = unescape(chosen[1]) if chosen else ""
    return found


def change(client: Client, there: str, page: bytes | None = None, **typed: str) -> HttpResponse:
    """Submit the form with these values typed in. Without `page` it is fetched first."""
    page = client.get(there).content if page is None else page
    form = values(page) | {field(name.replace("_", " ")): text for name, text in typed.items()}
    return client.post(there, form)  # type: ignore[return-value]


def details(settings: Settings, subscriber: int = 1001, **changes: Any) -> str:
    """Return the path of a subscriber's details form."""
    return f"{path(settings, subscriber, **changes)}/details"


def test_attributes_are_shown_and_addresses_masked(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    words = seen(client.get(path(settings)).content)
    for shown in ("First Name Ada", "Birthday 17 May 1990", "City London", "Loyalty ID L-20417",
                  "Newsletter by post Yes", "Email address: a•••@example.com"):  # fmt: skip
        assert shown in words
    for hidden in ("Internal score", "ada@example.com"):
        assert hidden not in words


def test_only_changed_values_are_sent(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    answer = change(client, details(settings), First_Name="Adele", Birthday="1991-01-02")
    assert answer.status_code == 303
    rows = SubscriberRequest.objects.order_by("pk").values_list("target_name", "value")
    assert list(rows) == [("First Name", "Adele"), ("Birthday", "1991-01-02")]
    # Shown with the new value while the request is on its way.
    assert "First Name Adele" in seen(client.get(path(settings)).content)
    deliver()
    assert [row.status for row in SubscriberRequest.objects.all()] == ["done", "done"]
    person = sandbox.person(1001)["attributes"]
    assert (person["First Name"], person["Last Name"], person["City"]) == (
        "Adele", "Sample", "London",
    )  # fmt: skip
    assert {name for update in sandbox.updates() for name in update["given"]["attributes"]} == {
        "First Name", "Birthday",
    }  # fmt: skip
    cache.clear()
    assert "Birthday 2 January 1991" in seen(client.get(path(settings)).content)


def test_an_unchanged_form_makes_no_request(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    assert "saved" not in change(client, details(settings))["Location"]
    assert not SubscriberRequest.objects.exists()


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("First_Name", "x" * 51, "“First Name” must be 50 characters or fewer"),
        ("First_Name", "Łada", "“First Name” can’t include Ł"),
        ("Last_Name", "", "Enter a value for “Last Name”"),
        ("Shoe_size", "large", "Enter a number"),
        ("Birthday", "the first of May", "Enter a date, like 05/17/1990"),
        ("City", "Atlantis", "Select a valid choice"),
        ("Second_address", "ada at example", "Enter an email address, like name@example.com"),
    ],
)
def test_an_invalid_value_is_reported_at_its_field_and_all_input_is_kept(
    client: Client, settings: Settings, sandbox: Sandbox, name: str, typed: str, says: str
) -> None:
    fine = {"First_Name": "Adele"} if name != "First_Name" else {"Shoe_size": "39"}
    answer = change(client, details(settings), None, **fine, **{name: typed})
    assert answer.status_code == 422
    assert says in seen(answer.content)
    assert f'aria-describedby="id_{field(name.replace("_", " "))}' in answer.content.decode()
    kept = values(answer.content)
    for key, text in (fine | {name: typed}).items():
        if key != "City":
            assert kept[field(key.replace("_", " "))] == text
    assert not SubscriberRequest.objects.exists()


def test_other_alphabets_are_accepted_where_the_account_supports_them(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(unicode_attributes=True)
    assert change(client, details(settings), First_Name="Łada").status_code == 303


def test_a_forged_form_does_not_change_read_only_or_hidden_attributes(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    form = values(client.get(there).content)
    for name in ("Loyalty ID", "Internal score", "Shop"):
        client.post(there, form | {field(name): "forged"})
    assert not SubscriberRequest.objects.exists()


def test_a_value_that_another_tab_changed_is_shown_and_not_overwritten(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    first, second = client.get(there).content, client.get(there).content
    change(client, there, first, First_Name="Adele")
    # The second tab changes another field: both changes are kept.
    assert change(client, there, second, City="Paris").status_code == 303
    # It changes the same field: that is reported, and the input is kept.
    answer = change(client, there, second, First_Name="Ada-Maria")
    assert answer.status_code == 422
    assert "“First Name” was changed to “Adele” while you were editing." in seen(answer.content)
    assert values(answer.content)[field("First Name")] == "Ada-Maria"
    # Submitted again, it is stored.
    assert client.post(there, values(answer.content)).status_code == 303
    deliver()
    person = sandbox.person(1001)["attributes"]
    assert (person["First Name"], person["City"]) == ("Ada-Maria", "Paris")
    statuses = SubscriberRequest.objects.filter(target_name="First Name").order_by("pk")
    assert [row.status for row in statuses] == ["superseded", "done"]
    assert statuses[0].superseded_by == statuses[1]


def test_of_changes_back_and_forth_the_last_one_counts(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    for name in ("Adele", "Ada", "Adele"):
        assert change(client, there, First_Name=name).status_code == 303
        deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Adele"


def test_a_change_of_case_is_a_change(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    there = details(settings)
    for name in ("ADA", "ada"):
        assert "saved" in change(client, there, First_Name=name)["Location"]
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "ada"


def test_the_email_format_can_be_changed(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    form = values(client.get(there).content)
    assert form["format"] == "HTML"
    client.post(there, form | {"format": "Text"})
    deliver()
    assert sandbox.person(1001)["email_type"] == "Text"
    cache.clear()
    assert values(client.get(there).content)["format"] == "Text"


def test_a_new_address_counts_once_it_is_confirmed_by_an_email_to_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    assert "address" not in values(client.get(there).content)
    BusinessUnit.objects.update(confirm_address_key="confirm-address", address_guard="none")
    kept.forget_all()
    form = values(client.get(there).content)
    assert form["address"] == "ada@example.com"
    client.post(there, form | {"address": "ada@example.org"})
    deliver()
    (mail,) = sandbox.mails()
    assert mail["email"] == mail["subscriber_key"] == "ada@example.org"
    assert sandbox.person(1001)["email"] == "ada@example.com"
    page = client.get(mailed_link(sandbox))
    assert "a•••@example.org" in seen(page.content)
    client.post(mailed_link(sandbox))
    deliver()
    assert sandbox.person(1001)["email"] == "ada@example.org"


def test_a_change_of_a_deleted_attribute_is_refused(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    change(client, details(settings), First_Name="Adele")
    # Renamed in the meantime: Marketing Cloud would ignore the old name and answer OK.
    rewrite(SubscriberRequest.objects.all(), target_name="Given name")
    deliver()
    row = SubscriberRequest.objects.get()
    assert (row.status, sandbox.updates()) == ("refused", [])


def test_without_marketing_cloud_the_details_form_is_unavailable(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    sandbox.cue("http_500", times=None)
    answer = client.get(details(settings))
    assert (answer.status_code, answer["Retry-After"]) == (503, "120")
    assert "We can’t show this right now." in seen(answer.content)


def test_a_unit_can_switch_the_details_off(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(profile_details=False)
    assert "First Name" not in seen(client.get(path(settings)).content)
    assert client.get(details(settings)).status_code == 303
    assert "Describe" not in sandbox.call_counts()["soap"]
