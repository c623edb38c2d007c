"""Requests and results of the gateway, against a server that replies as a test says."""

import json
from collections import deque
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import caches
from django.db import transaction
from lxml import etree
from pytest_django.fixtures import Settings

from tests.sfmc.replies import (
    attribute,
    created,
    described,
    place,
    result,
    rows,
    subscriber,
    updated,
)
from tests.sfmc.vendor import Vendor, reply, token
from tests.stand_in import Answer
from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.models import BusinessUnit, TokenBy
from unsub.sfmc import SubscriberUpdate, TransientError, TriggeredSend
from unsub.sfmc.auth import UsernameToken
from unsub.sfmc.client import Client

API = "{http://exacttarget.com/wsdl/partnerAPI}"
DATABASE = pytest.mark.django_db(transaction=True)
PARENT, CHILD, THIRD = 510001, 510002, 510003
ADA = subscriber(1001, "ada", "ada@example.com", ("City", "London"))
TWIN = subscriber(1002, "bea", "ada@example.com")
UPDATES = [SubscriberUpdate(subscriber_key=key) for key in ("ada", "bea")]
SENDS = [
    TriggeredSend(definition_key="welcome", subscriber_key=key, email_address="ada@example.com")
    for key in ("ada", "bea")
]


@pytest.fixture
def vendor(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    """A server that the gateway's client calls."""
    settings.SFMC_ACCOUNT_ID = PARENT
    with Vendor() as running:
        auth = UsernameToken(username="api-user", password="pass-word")
        client = Client(auth=auth, soap_url=running.url, timeout=60.0)
        monkeypatch.setattr(gateway, "client", lambda: client)
        yield running


def texts(vendor: Vendor, name: str) -> list[str | None]:
    """Return the texts of the elements with that name in the last message."""
    return [one.text for one in etree.fromstring(vendor.messages[-1]).iter(f"{API}{name}")]


@pytest.mark.parametrize(
    ("person", "asked", "value"),
    [
        ({"subscriber_key": "ada", "subscriber_id": 1}, "SubscriberKey", "ada"),
        ({"subscriber_id": 1001, "email_address": "a@example.com"}, "ID", "1001"),
        ({"email_address": "ada@example.com"}, "EmailAddress", "ada@example.com"),
    ],
)
def test_a_profile_is_retrieved_by_the_strongest_identifier(
    vendor: Vendor, person: dict[str, object], asked: str, value: str
) -> None:
    vendor.answers(Answer(body=rows(ADA)))
    found = gateway.profile_of(PARENT, SubscriberContext(**person))  # type: ignore[arg-type]
    assert found is not None
    assert (found.subscriber_key, found.attributes) == ("ada", {"City": "London"})
    assert texts(vendor, "Property") == [asked]
    assert texts(vendor, "Value") == [value]
    assert gateway.key_of(PARENT, SubscriberContext(**person)) == "ada"  # type: ignore[arg-type]


@pytest.mark.parametrize("found", [(), (ADA, TWIN)], ids=["nobody", "several"])
def test_an_address_of_no_subscriber_or_of_several_has_no_profile(
    vendor: Vendor, found: tuple[str, ...]
) -> None:
    vendor.answers(Answer(body=rows(*found)))
    ada = SubscriberContext(email_address="ada@example.com")
    assert gateway.profile_of(PARENT, ada) is None
    assert not gateway.key_of(PARENT, ada)


def test_memberships_of_several_subscribers_are_retrieved_together(vendor: Vendor) -> None:
    more = Answer(body=rows(place("ada", 7001), status="MoreDataAvailable"))
    last = Answer(body=rows(place("BEA", 7002), place("ada", 7003), place("eve", 7001)))
    vendor.answers(more, last)
    found = gateway.memberships_of(CHILD, ["ada", "bea", "cia"])
    assert {key: [one.list_id for one in memberships] for key, memberships in found.items()} == {
        "ada": [7001, 7003], "bea": [7002], "cia": [],
    }  # fmt: skip
    assert b"ContinueRequest" not in vendor.messages[0]
    assert b"ContinueRequest" in vendor.messages[1]
    assert vendor.messages[0].count(b"Value>") == 6
    assert b">IN<" in vendor.messages[0]


def test_keys_that_differ_in_case_alone_are_not_confused(vendor: Vendor) -> None:
    vendor.answers(Answer(body=rows(place("ada", 7001), place("ADA", 7002))))
    found = gateway.memberships_of(PARENT, ["ADA", "ada"])
    assert [one.list_id for one in found["ada"]] == [7001]
    assert [one.list_id for one in found["ADA"]] == [7002]


def test_identifiers_are_those_of_the_key_to_the_letter(vendor: Vendor) -> None:
    # The same to Unicode's case folding, and two subscribers.
    people = rows(
        subscriber(1, "straße", "a@example.com"), subscriber(2, "STRASSE", "b@example.com")
    )
    vendor.answers(Answer(body=people))
    found = gateway.subscribers_by_key(PARENT, ["STRASSE", "straße", "none"])
    assert {key: one.subscriber_id for key, one in found.items()} == {"STRASSE": 2, "straße": 1}
    twins = rows(subscriber(1, "ada", "a@example.com"), subscriber(2, "ADA", "b@example.com"))
    vendor.answers(Answer(body=twins))
    assert gateway.subscribers_by_key(PARENT, ["ADA"])["ADA"].subscriber_id == 2
    # Either may be meant.
    assert gateway.subscribers_by_key(PARENT, ["Ada"]) == {}
    vendor.answers(Answer(body=rows(subscriber(1, "ada", "a@example.com"))))
    assert gateway.subscribers_by_key(PARENT, ["Ada"])["Ada"].subscriber_id == 1


def test_the_memberships_of_a_single_key_are_not_matched_by_spelling(vendor: Vendor) -> None:
    vendor.answers(Answer(body=rows(place("ada ", 7001), place("", 7002))))
    for keys in (["ada"], ["ada", "ada"]):
        found = gateway.memberships_of(PARENT, keys)
        assert [one.list_id for one in found["ada"]] == [7001, 7002]
        assert b">equals<" in vendor.messages[-1]
    assert len(gateway.memberships(PARENT, "ada")) == 2


def test_without_keys_no_call_is_made(vendor: Vendor) -> None:
    assert gateway.memberships_of(PARENT, []) == {}
    assert not vendor.messages


def test_cacheable_memberships_have_no_subscriber_key(vendor: Vendor) -> None:
    vendor.answers(Answer(body=rows(place("ada", 7001))))
    (found,) = gateway.memberships(PARENT, "ada")
    assert (found.list_id, found.status, found.subscriber_key) == (7001, "Active", "")
    assert b">equals<" in vendor.messages[0]


def test_the_attributes_of_a_unit_are_its_own(vendor: Vendor) -> None:
    vendor.answers(Answer(body=described(attribute("B"), attribute("A"))))
    assert [one.name for one in gateway.definitions(CHILD)] == ["A", "B"]
    assert texts(vendor, "ObjectType") == ["Subscriber"]
    assert texts(vendor, "ID") == [str(CHILD)]


@pytest.mark.parametrize(("mid", "named"), [(PARENT, []), (CHILD, [str(CHILD)] * 2)])
def test_a_write_names_the_unit_if_the_token_belongs_to_another(
    vendor: Vendor, mid: int, named: list[str]
) -> None:
    vendor.answers(Answer(body=updated(result("UpdateResult") * 2)))
    assert len(gateway.update_subscribers(mid, UPDATES).results) == 2
    assert texts(vendor, "ID") == named
    assert texts(vendor, "SubscriberKey") == ["ada", "bea"]
    vendor.answers(Answer(body=created(result("TriggeredSendCreateResult") * 2)))
    assert len(gateway.send_mails(mid, SENDS).results) == 2
    assert texts(vendor, "ID") == named
    assert texts(vendor, "SubscriberKey") == ["ada", "bea"]


def test_no_retrieve_or_write_inside_a_transaction(db: None, vendor: Vendor) -> None:
    ada = SubscriberContext(subscriber_key="ada")
    with transaction.atomic():
        for call in (
            lambda: gateway.definitions(PARENT),
            lambda: gateway.profile_of(PARENT, ada),
            lambda: gateway.memberships_of(PARENT, ["ada"]),
            lambda: gateway.update_subscribers(PARENT, UPDATES),
            lambda: gateway.send_mails(PARENT, SENDS),
        ):
            with pytest.raises(RuntimeError, match="transaction"):
                call()
    assert not vendor.messages


@pytest.fixture
def tokens(vendor: Vendor, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    """The server, called by the gateway's own client with tokens."""
    caches["shared"].clear()
    settings.SFMC_AUTH_URL = settings.SFMC_SOAP_URL = vendor.url
    settings.SFMC_CLIENT_ID = settings.SFMC_CLIENT_SECRET = "id"
    monkeypatch.setattr(gateway, "client", OWN_CLIENT)
    OWN_CLIENT.cache_clear()
    return vendor


OWN_CLIENT = gateway.client
ADA_ID = (("SubscriberID", "1001"), ("JobID", "88101"))
CALLS: dict[str, tuple[bytes, Callable[[int], object]]] = {
    "execute": (reply(), lambda mid: gateway.log_unsub_events(mid, [ADA_ID])),
    "retrieve": (rows(), lambda mid: gateway.memberships(mid, "ada")),
    "describe": (described(attribute("A")), gateway.definitions),
    "update": (
        updated(result("UpdateResult")), lambda mid: gateway.update_subscribers(mid, UPDATES[:1]),
    ),
    "create": (
        created(result("TriggeredSendCreateResult")),
        lambda mid: gateway.send_mails(mid, SENDS[:1]),
    ),
}  # fmt: skip


def accounts(vendor: Vendor) -> list[str]:
    """Return the account_id of each request for a token."""
    return [json.loads(asked)["account_id"] for asked in vendor.token_requests]


@DATABASE
@pytest.mark.parametrize(("answer", "call"), CALLS.values(), ids=CALLS)
def test_a_unit_with_a_token_of_its_own_is_not_named_in_the_call(
    tokens: Vendor, answer: bytes, call: Callable[[int], object]
) -> None:
    BusinessUnit.objects.create(mid=CHILD, name="Child", token_by=TokenBy.OWN)
    BusinessUnit.objects.create(mid=THIRD, name="Third")
    tokens.tokens = deque([token("of-one"), token("of-another")])
    tokens.answers(Answer(body=answer))
    seen = []
    for mid in (CHILD, PARENT, THIRD, CHILD):
        call(mid)
        named = [text for text in texts(tokens, "ID") if text in (str(CHILD), str(THIRD))]
        seen.append((named, b"of-one" in tokens.messages[-1]))
    assert seen == [([], True), ([], False), ([str(THIRD)], False), ([], True)]
    # One token for each account, for every call.
    assert accounts(tokens) == [str(CHILD), str(PARENT)]


@DATABASE
def test_the_setting_of_a_unit_counts_at_its_next_call(tokens: Vendor) -> None:
    tokens.answers(Answer(body=reply()))
    BusinessUnit.objects.create(mid=CHILD, name="Child")
    for token_by, named in (("parent", [str(CHILD)]), ("own", []), ("parent", [str(CHILD)])):
        BusinessUnit.objects.update(token_by=token_by)
        gateway.log_unsub_events(CHILD, [ADA_ID])
        assert texts(tokens, "ID") == named


def test_a_user_name_and_password_have_no_token_of_a_unit(vendor: Vendor) -> None:
    # No database is asked, either.
    vendor.answers(Answer(body=reply()))
    gateway.log_unsub_events(CHILD, [ADA_ID])
    assert texts(vendor, "ID") == [str(CHILD)]


@DATABASE
@pytest.mark.usefixtures("database_away")
def test_without_its_setting_no_call_is_made_for_a_unit(tokens: Vendor) -> None:
    with pytest.raises(TransientError):
        gateway.definitions(CHILD)
    assert not tokens.messages
