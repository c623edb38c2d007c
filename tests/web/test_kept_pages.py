"""Pages that are rendered once for all their readers."""

from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import link
from unsub.domain.context import JobContext, Scope, SubscriberContext
from unsub.models import BusinessUnit, MailingList
from unsub.web import kept_pages

pytestmark = pytest.mark.django_db
EVERYTHING: dict[str, object] = {"job": JobContext(), "scope": Scope.ALL}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without kept pages, and give every page the same nonce."""
    monkeypatch.setattr(kept_pages, "_pages", {})
    monkeypatch.setattr(kept_pages, "new_nonce", lambda: "nonce")


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the templates that are rendered."""
    names: list[str] = []

    def render(name: str, context: dict[str, Any]) -> str:
        names.append(name)
        return render_to_string(name, context)

    monkeypatch.setattr(kept_pages, "render_to_string", render)
    return names


def paths(settings: Settings) -> list[str]:
    """Return links of several readers, of which each second one is like the one before it."""
    people = [
        SubscriberContext(subscriber_key="<b>&\"O'Neill"),
        SubscriberContext(subscriber_key="another-key"),
        SubscriberContext(subscriber_id=1003, email_address="ada&co@example.com"),
        SubscriberContext(subscriber_id=1004, email_address="grace'<hopper>@example.org"),
    ]
    links = [link(settings, person) for person in people]
    links += [link(settings, number, **EVERYTHING) for number in (1001, 1002)]
    links += [f"{link(settings, number)}?lang=ar" for number in (1001, 1002)]
    links += [f"{link(settings, number)}?everything=1" for number in (1001, 1002)]
    links += [link(settings, number, message_context="PREVIEW") for number in (1001, 1002)]
    return [*links, *(f"{one[:-4]}AAAA" for one in links[:2])]


def test_each_reader_gets_the_page_that_the_template_renders_for_them(
    client: Client, unit: BusinessUnit, settings: Settings, rendered: list[str]
) -> None:
    unit.profile_centre = unit.lost_link_form = True
    unit.save()
    alone: list[bytes] = []
    for path in paths(settings):
        kept_pages._pages.clear()
        alone.append(client.get(path).content)
    assert len(rendered) == 2 * len(alone)
    kept_pages._pages.clear()
    assert [client.get(path).content for path in paths(settings)] == alone
    rendered.clear()
    assert [client.get(path).content for path in reversed(paths(settings))] == alone[::-1]
    assert rendered == []
    assert len(set(alone)) == len(alone) - 1  # a bad link is the same page for all


def test_a_template_that_does_more_with_a_text_is_rendered_for_each_reader(
    client: Client, unit: BusinessUnit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(_name: str, context: dict[str, Any]) -> str:
        return f"{context['masked']} has {len(context['masked'])} characters"

    monkeypatch.setattr(kept_pages, "render_to_string", render)
    for key in ("abcdefgh", "abcdefghijkl"):
        page = client.get(link(settings, SubscriberContext(subscriber_key=key))).content.decode()
        mask, _, rest = page.partition(" has ")
        assert rest == f"{len(mask)} characters"


def test_readers_of_several_units_and_lists_in_turn_get_kept_pages(
    client: Client, unit: BusinessUnit, settings: Settings, rendered: list[str]
) -> None:
    other = BusinessUnit.objects.create(mid=510777, name="Example Kids")
    for number in (7001, 7002):
        MailingList.objects.create(unit=unit, list_id=number, name=f"List {number}")
    contexts: list[dict[str, object]] = [
        {"job": JobContext(list_id=7001)}, {"job": JobContext(list_id=7002)}, {"mid": other.mid},
    ]  # fmt: skip
    shown = {
        client.get(link(settings, person, **context)).content
        for person in (1001, 1002, 1003)
        for context in contexts
    }
    assert len(shown) == 9
    assert len(rendered) == 2 * len(contexts)
