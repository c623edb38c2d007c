"""A unit's lists in the admin: read, offered, named per language, ordered; and what recipients
see of it."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT, link, person, seen
from tests.web.helpers import offered, path, ticked
from unsub.gateway import catalogue, stored_lists
from unsub.models import BusinessUnit, MailingList, MailingListText
from unsub.sandbox import Sandbox
from unsub.sfmc import MailList

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = f"/admin/unsub/businessunit/{PARENT}/lists/"
OFFERS, NEWS, EVENTS = 7001, 7002, 7004


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def centre(sandbox: Sandbox, unit: BusinessUnit) -> BusinessUnit:
    """A unit with the profile centre, whose lists were read."""
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True)
    stored_lists.refresh(PARENT)
    return unit


def given(**changes: str) -> dict[str, str]:
    """Return what the page of the lists submits; `offered_7001="on"` changes a field."""
    values: dict[str, str] = {}
    for one in MailingList.objects.filter(unit_id=PARENT):
        values[f"list-{one.list_id}-name"] = one.name
        values[f"list-{one.list_id}-description"] = one.description
        values[f"list-{one.list_id}-offered"] = "on"
        values[f"list-{one.list_id}-position"] = ""
    for name, value in changes.items():
        field, _, number = name.rpartition("_")
        values[f"list-{number}-{field}"] = value
    return values


def without(values: dict[str, str], *names: str) -> dict[str, str]:
    """Return the values without the boxes that are not ticked."""
    return {name: value for name, value in values.items() if name not in names}


def test_the_page_shows_the_publication_lists_without_typing(
    sandbox: Sandbox, admin_client: Client, unit: BusinessUnit
) -> None:
    answer = admin_client.get(LISTS)
    page = answer.content.decode()
    for words in ("Weekly offers", "Product news", "Events near you", "ListID 7004"):
        assert words in seen(answer.content)
    assert "All Subscribers" not in seen(answer.content)
    assert page.count('-offered"') == 3 * 2
    unit.refresh_from_db()
    assert unit.found_all_subscribers_list_id == 7000


def test_lists_that_cannot_be_read_are_shown_as_stored_and_the_page_says_so(
    sandbox: Sandbox, admin_client: Client, unit: BusinessUnit
) -> None:
    assert "Marketing Cloud doesn’t answer" not in seen(admin_client.get(LISTS).content)
    catalogue.forget_lists(PARENT)
    sandbox.cue("http_500", times=None)
    shown = seen(admin_client.get(LISTS).content)
    assert "Marketing Cloud doesn’t answer right now. Below are the lists as read at" in shown
    assert "ListID 7004" in shown


def test_a_list_that_vanished_is_marked_and_can_be_removed(
    admin_client: Client, centre: BusinessUnit, sandbox: Sandbox
) -> None:
    gone = MailingList.objects.create(unit=centre, list_id=7777, name="Old", found_name="Old")
    stored_lists.store(PARENT, catalogue.lists(PARENT))
    page = admin_client.get(LISTS)
    assert "Not there any more Old · ListID 7777 Remove" in seen(page.content)
    assert page.content.decode().count('name="list-7777-remove"') == 1
    assert 'name="list-7001-remove"' not in page.content.decode()
    admin_client.post(LISTS, given(remove_7777="on", remove_7001="on"))
    assert not MailingList.objects.filter(pk=gone.pk).exists()
    # What Marketing Cloud has would be back at once.
    assert MailingList.objects.filter(list_id=OFFERS).exists()


def test_names_order_and_choice_reach_the_preference_center(
    admin_client: Client, client: Client, centre: BusinessUnit, settings: Settings
) -> None:
    before = client.get(path(settings)).content
    assert str(EVENTS) in offered(before)
    assert str(OFFERS) in ticked(before)
    values = given(name_7002="Novelties", description_7002="New things.", position_7002="1")
    answer = admin_client.post(
        LISTS, without(values, "list-7004-offered", "list-7001-offered"), follow=True
    )
    assert "Mailing lists saved." in seen(answer.content)
    page = client.get(path(settings)).content
    # Who receives a list that is not offered can still unsubscribe from it.
    assert str(EVENTS) not in offered(page) + ticked(page)
    assert str(OFFERS) in ticked(page)
    words = seen(page)
    assert words.index("Novelties New things.") < words.index("Weekly offers")


def test_a_name_in_a_language_shows_on_its_pages_and_falls_back(
    admin_client: Client, client: Client, centre: BusinessUnit, settings: Settings
) -> None:
    german = {"list-7001-name": "Angebote der Woche", "list-7001-description": ""}
    admin_client.post(f"{LISTS}?language=de", german)
    words = seen(client.get(f"{link(settings)}?lang=de").content)
    assert "Angebote der Woche" in words
    assert "Weekly offers" in seen(client.get(f"{link(settings)}?lang=fr").content)
    own = seen(client.get(f"{path(settings)}?lang=de").content)
    assert "Angebote der Woche Every Friday: what is new." in own
    assert catalogue.list_name(PARENT, OFFERS, "de") == "Angebote der Woche"
    assert catalogue.list_name(PARENT, OFFERS, "fr") == "Weekly offers"
    admin_client.post(f"{LISTS}?language=de", dict.fromkeys(german, ""))
    assert not MailingListText.objects.exists()


def test_an_empty_name_is_again_that_of_marketing_cloud(
    admin_client: Client, centre: BusinessUnit
) -> None:
    admin_client.post(LISTS, given(name_7001="Ours"))
    assert MailingList.objects.get(list_id=OFFERS).name == "Ours"
    admin_client.post(LISTS, given(name_7001=" "))
    assert MailingList.objects.get(list_id=OFFERS).name == "Weekly offers"


def test_a_wrong_order_is_reported_and_nothing_is_saved(
    admin_client: Client, centre: BusinessUnit
) -> None:
    answer = admin_client.post(LISTS, given(position_7001="0", name_7002="Novelties"))
    assert "greater than or equal to 1" in seen(answer.content)
    assert not MailingList.objects.filter(name="Novelties").exists()


def test_a_private_list_can_be_named_by_its_id_and_is_not_offered(
    admin_client: Client, centre: BusinessUnit
) -> None:
    new = {"add": "1", "other-list_id": "7003", "other-name": "Staff news"}
    assert "Mailing list added." in seen(admin_client.post(LISTS, new, follow=True).content)
    again = admin_client.post(LISTS, new, follow=True)
    assert "already below" in seen(again.content)
    assert "list-7003-offered" not in again.content.decode()
    for number in ("x", "0", str(2**63)):
        new["other-list_id"] = number
        wrong = admin_client.post(LISTS, new, follow=True)
        assert "Enter the ListID" in seen(wrong.content)


def test_many_lists_are_shown_in_pages_and_those_of_the_others_stay(
    admin_client: Client, unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [
        MailList(list_id=9000 + n, name=f"List {n:03}", description="", is_public=True)
        for n in range(200)
    ]
    monkeypatch.setattr(catalogue, "lists", lambda _mid: many)
    first = admin_client.get(LISTS).content.decode()
    assert first.count("-position") < 400
    assert "Page 1 of 2" in seen(first.encode())
    last = admin_client.get(f"{LISTS}?page=2").content.decode()
    assert last.count('name="list-') == 50 * 4
    values: dict[str, Any] = {"list-9199-name": "The last", "list-9199-position": "1"}
    admin_client.post(f"{LISTS}?page=2", values | {"list-9199-description": ""})
    changed = MailingList.objects.get(name="The last")
    assert (changed.list_id, changed.offered, changed.position) == (9199, False, 1)
    assert MailingList.objects.filter(offered=True).count() == 199


def test_reading_again_asks_marketing_cloud_at_once(
    sandbox: Sandbox, admin_client: Client, unit: BusinessUnit
) -> None:
    admin_client.get(LISTS)
    assert cache.get(f"catalogue:lists:{PARENT}")
    assert admin_client.post(LISTS, {"refresh": "1"}).status_code == 302
    assert cache.get(f"catalogue:lists:{PARENT}") is None
    assert catalogue.known_lists(PARENT)


@pytest.mark.parametrize("page", ["lists", "languages", "texts"])
def test_a_marketer_reaches_the_pages_of_their_own_unit_alone(
    unit: BusinessUnit, child: BusinessUnit, page: str
) -> None:
    MailingList.objects.create(unit=child, list_id=7101, name="Kids club", is_public=True)
    client = person("marketer", unit)
    own, other = (f"/admin/unsub/businessunit/{mid}/{page}/" for mid in (PARENT, CHILD))
    assert client.get(own).status_code == 200
    assert client.get(other).status_code == 403
    changed = {"list-7101-name": "Ours", "list-7101-description": "", "intro": "Ours"}
    assert client.post(other, changed).status_code == 403
    # A list of another unit in the form of the own one.
    client.post(own, changed)
    assert MailingList.objects.get(list_id=7101).name == "Kids club"
    assert person("viewer", unit).get(own).status_code == 403


def test_a_unit_that_is_not_there_is_404_for_those_who_see_all(admin_client: Client) -> None:
    assert admin_client.get(LISTS).status_code == 404
