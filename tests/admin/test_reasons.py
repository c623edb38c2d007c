"""Reasons in the admin: their order, and the preview before saving."""

import pytest
from django.test import Client

from tests.helpers import seen
from unsub.models import BusinessUnit, Reason

pytestmark = pytest.mark.django_db
FORM = {"code": "spam", "label": "Far too much mail", "position": "1", "active": "on"}


@pytest.fixture
def own(unit: BusinessUnit) -> list[Reason]:
    """Two reasons of the unit's own."""
    return [
        Reason.objects.create(unit=unit, code=code, label=label, position=position)
        for position, (code, label) in enumerate([("first", "The first"), ("last", "The last")])
    ]


def shown(client: Client, unit: BusinessUnit, **changes: str) -> str:
    """Return the text of the preview with an unsaved reason."""
    answer = client.post(f"/admin/preview/{unit.mid}/", FORM | changes)
    assert answer.status_code == 200
    return seen(answer.content)


@pytest.mark.usefixtures("own")
def test_the_preview_shows_an_unsaved_reason_at_its_position(
    admin_client: Client, unit: BusinessUnit
) -> None:
    words = shown(admin_client, unit)
    assert words.index("The first") < words.index("Far too much mail") < words.index("The last")
    assert not Reason.objects.filter(label="Far too much mail").exists()
    first = shown(admin_client, unit, position="0")
    assert first.index("Far too much mail") < first.index("The first")


@pytest.mark.usefixtures("own")
def test_the_preview_shows_a_reason_in_another_language(
    admin_client: Client, unit: BusinessUnit
) -> None:
    words = shown(
        admin_client, unit, language="de",
        **{"labels-0-language": "de", "labels-0-label": "Viel zu viele Mails"},
    )  # fmt: skip
    assert "Viel zu viele Mails" in words
    assert "Far too much mail" not in words


@pytest.mark.usefixtures("own")
def test_the_preview_replaces_a_changed_reason_and_omits_a_retired_one(
    admin_client: Client, unit: BusinessUnit
) -> None:
    words = shown(admin_client, unit, code="first", label="Renamed")
    assert "Renamed" in words
    assert "The first" not in words
    form = {name: value for name, value in FORM.items() if name != "active"} | {"code": "first"}
    gone = seen(admin_client.post(f"/admin/preview/{unit.mid}/", form).content)
    assert "The first" not in gone
    assert "Far too much mail" not in gone


@pytest.mark.parametrize("position", ["", "-1", "x", "99999999999999999999"])
def test_an_invalid_position_is_harmless(
    admin_client: Client, unit: BusinessUnit, position: str
) -> None:
    assert "Far too much mail" in shown(admin_client, unit, position=position)


def test_the_form_previews_a_page_that_offers_the_reason(
    admin_client: Client, own: list[Reason], child: BusinessUnit
) -> None:
    of_unit = admin_client.get(f"/admin/unsub/reason/{own[0].pk}/change/").content.decode()
    assert "/admin/preview/510001/" in of_unit
    common = Reason.objects.filter(unit=None)[0]
    of_all = admin_client.get(f"/admin/unsub/reason/{common.pk}/change/").content.decode()
    assert "/admin/preview/510002/" in of_all
