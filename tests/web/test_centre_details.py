"""Changing what is known of a person: validation, two tabs, the address, the format of mails."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import seen
from unsub.models import BusinessUnit, UnsubRequest
from unsub.preferences.attributes import fields_of
from unsub.sandbox import Sandbox
from unsub.sfmc import Definition

from .helpers import deliver, drawn, mailed_link, path

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
_INPUT = re.compile(r'<input type="([a-z]+)" name="([a-z0-9]+)"([^>]*)>')
_VALUE = re.compile(r'value="([^"]*)"')
_SELECT = re.compile(r'<select name="(a[0-9a-f]+)".*?</select>', re.DOTALL)
_CHOSEN = re.compile(r'<option value="([^"]*)" selected>')


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit, which offers the profile centre."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True)
    return unit


def field(name: str) -> str:
    """Return the name of an attribute's field in the form."""
    definition = Definition(
        name=name, label="", description="", data_type="Text", max_length=None,
        is_required=False, is_viewable=True, is_editable=True, is_restricted=False, choices=(),
        default="", display_order=0,
    )  # fmt: skip
    return fields_of([definition])[0].id


def values(page: bytes) -> dict[str, str]:
    """Return what the form holds, as a browser would send it."""
    text = page.decode()
    found = {"drawn": drawn(page)}
    for kind, name, rest in _INPUT.findall(text):
        value = _VALUE.search(rest)
        if kind in {"radio", "checkbox"} and " checked" not in rest:
            continue
        if name != "drawn":
            found[name] = unescape(value[1]) if value else ""
    for match in _SELECT.finditer(text):
        chosen = _CHOSEN.search(match[0])
        found[match[1]] = unescape(chosen[1]) if chosen else ""
    return found


def change(client: Client, there: str, page: bytes | None = None, **typed: str) -> HttpResponse:
    """Open the form, or take one that was opened before; type, and press Save."""
    page = client.get(there).content if page is None else page
    form = values(page) | {field(name.replace("_", " ")): text for name, text in typed.items()}
    return client.post(there, form)  # type: ignore[return-value]


def details(settings: Settings, subscriber: int = 1001, **changes: Any) -> str:
    """Return the path of somebody's details."""
    return f"{path(settings, subscriber, **changes)}/details"


def test_what_is_known_is_shown_and_addresses_are_masked(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    words = seen(client.get(path(settings)).content)
    for shown in ("First Name Ada", "Birthday May 17, 1990", "City London", "Loyalty ID L-20417",
                  "Newsletter by post Yes", "Mail to a•••@example.com"):  # fmt: skip
        assert shown in words
    for hidden in ("Internal score", "ada@example.com"):
        assert hidden not in words


def test_only_what_was_changed_is_sent(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    answer = change(client, details(settings), First_Name="Adele", Birthday="1991-01-02")
    assert answer.status_code == 303
    rows = UnsubRequest.objects.order_by("pk").values_list("aspect", "value")
    assert list(rows) == [("attribute:First Name", "Adele"), ("attribute:Birthday", "1991-01-02")]
    # On its way, and shown as it will be.
    assert "First Name Adele" in seen(client.get(path(settings)).content)
    deliver()
    assert [row.status for row in UnsubRequest.objects.all()] == ["done", "done"]
    person = sandbox.person(1001)["attributes"]
    assert (person["First Name"], person["Last Name"], person["City"]) == (
        "Adele", "Sample", "London",
    )  # fmt: skip
    assert {name for update in sandbox.updates() for name in update["given"]["attributes"]} == {
        "First Name", "Birthday",
    }  # fmt: skip
    cache.clear()
    assert "Birthday Jan. 2, 1991" in seen(client.get(path(settings)).content)


def test_nothing_changed_is_no_wish(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    assert "saved" not in change(client, details(settings))["Location"]
    assert not UnsubRequest.objects.exists()


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("First_Name", "x" * 51, "at most 50 characters"),
        ("First_Name", "Łada", "These characters cannot be kept: Ł"),
        ("Last_Name", "", "This is needed"),
        ("Shoe_size", "large", "Enter a number"),
        ("Birthday", "the first of May", "Enter a valid date"),
        ("City", "Atlantis", "Select a valid choice"),
        ("Second_address", "ada at example", "Enter a valid email address"),
    ],
)
def test_what_cannot_be_held_is_told_at_its_field_and_nothing_typed_is_lost(
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
    assert not UnsubRequest.objects.exists()


def test_other_alphabets_pass_where_the_account_holds_them(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(unicode_attributes=True)
    assert change(client, details(settings), First_Name="Łada").status_code == 303


def test_what_cannot_be_edited_or_seen_is_not_changed_by_a_form_made_by_hand(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    form = values(client.get(there).content)
    for name in ("Loyalty ID", "Internal score", "Shop"):
        client.post(there, form | {field(name): "forged"})
    assert not UnsubRequest.objects.exists()


def test_what_another_tab_changed_is_shown_and_not_written_over(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    first, second = client.get(there).content, client.get(there).content
    change(client, there, first, First_Name="Adele")
    # The second tab changes something else: both hold.
    assert change(client, there, second, City="Paris").status_code == 303
    # It changes the same: it is told, and what was typed stands there still.
    answer = change(client, there, second, First_Name="Ada-Maria")
    assert answer.status_code == 422
    assert "changed meanwhile, to: Adele" in seen(answer.content)
    assert values(answer.content)[field("First Name")] == "Ada-Maria"
    # Saved again, it is what they want.
    assert client.post(there, values(answer.content)).status_code == 303
    deliver()
    person = sandbox.person(1001)["attributes"]
    assert (person["First Name"], person["City"]) == ("Ada-Maria", "Paris")
    statuses = UnsubRequest.objects.filter(aspect="attribute:First Name").order_by("pk")
    assert [row.status for row in statuses] == ["superseded", "done"]
    assert statuses[0].superseded_by == statuses[1]


def test_a_change_back_and_forth_ends_where_it_ended(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    for name in ("Adele", "Ada", "Adele"):
        assert change(client, there, First_Name=name).status_code == 303
        deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Adele"


def test_a_capital_letter_is_a_change(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    there = details(settings)
    for name in ("ADA", "ada"):
        assert "saved" in change(client, there, First_Name=name)["Location"]
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "ada"


def test_html_or_text(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    there = details(settings)
    form = values(client.get(there).content)
    assert form["format"] == "HTML"
    client.post(there, form | {"format": "Text"})
    deliver()
    assert sandbox.person(1001)["email_type"] == "Text"
    cache.clear()
    assert values(client.get(there).content)["format"] == "Text"


def test_a_new_address_counts_once_it_is_confirmed_from_there(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = details(settings)
    assert "address" not in values(client.get(there).content)
    BusinessUnit.objects.update(confirm_address_key="confirm-address")
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


def test_an_attribute_that_is_gone_is_not_called_done(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    change(client, details(settings), First_Name="Adele")
    # Renamed meanwhile: Marketing Cloud would ignore the old name and say OK.
    UnsubRequest.objects.update(aspect="attribute:Given name")
    deliver()
    row = UnsubRequest.objects.get()
    assert (row.status, sandbox.updates()) == ("refused", [])


def test_without_marketing_cloud_nothing_can_be_changed_and_it_says_so(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    sandbox.cue("http_500", times=None)
    answer = client.get(details(settings))
    assert (answer.status_code, answer["Retry-After"]) == (503, "120")
    assert "cannot be shown right now" in seen(answer.content)


def test_a_unit_may_keep_the_details_to_itself(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(profile_details=False)
    assert "First Name" not in seen(client.get(path(settings)).content)
    assert client.get(details(settings)).status_code == 303
    assert "Describe" not in sandbox.calls()["soap"]
